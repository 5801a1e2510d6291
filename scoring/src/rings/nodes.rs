//! Entities that payments of the window name: accounts, devices, addresses, merchants, each of one tenant.
//!
//! Cost: 80 bytes, the identifier, and some 9 bytes of index. An entity leaves with its last payment.

use super::slab::{NONE, Slab};
use super::tie::{Sharing, Tie};
use fraudnet_graph::{Kind, entity_key};
use hashbrown::HashTable;
use std::ops::{Index, IndexMut};

/// Most tenants ever met. Payments of any further one are not followed.
const MAX_TENANTS: usize = 4_096;

/// An entity.
#[derive(Debug, Clone)]
pub(super) struct Node {
    key: u64,
    pub(super) name: Box<str>,
    pub(super) tenant: u32,
    pub(super) kind: Kind,
    /// Whom it ties together, as a shared entity.
    pub(super) tie: Tie,
    /// Who shares it.
    pub(super) sharing: Sharing,
    /// Payments of the window that name it.
    payments: u32,
    /// First of its links as an account that pays.
    pub(super) own: u32,
    /// First of its links as an entity that is shared.
    pub(super) shared: u32,
    /// The ring that it ties, or tied last.
    pub(super) ring: u32,
    /// Whether it ties that ring now.
    pub(super) is_member: bool,
    /// The walk that met it last.
    pub(super) walk: u32,
}

/// All entities.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    rows: Slab<Node>,
    index: HashTable<u32>,
    tenants: Vec<Box<str>>,
    name_bytes: u64,
}

impl Nodes {
    pub(super) fn new() -> Nodes {
        Nodes { rows: Slab::new(), index: HashTable::new(), tenants: Vec::new(), name_bytes: 0 }
    }

    /// The number of a tenant, given out where it is new; none where there are too many.
    pub(super) fn tenant(&mut self, tenant: &str) -> Option<u32> {
        self.known_tenant(tenant).or_else(|| {
            (self.tenants.len() < MAX_TENANTS).then(|| {
                self.tenants.push(tenant.into());
                self.tenants.len() as u32 - 1
            })
        })
    }

    /// The number of a tenant that was met. A service has a handful, so they are looked through.
    pub(super) fn known_tenant(&self, tenant: &str) -> Option<u32> {
        self.tenants.iter().position(|known| **known == *tenant).map(|number| number as u32)
    }

    /// The name of a tenant.
    pub(super) fn tenant_name(&self, tenant: u32) -> &str {
        &self.tenants[tenant as usize]
    }

    /// The entity of that name.
    pub(super) fn find(&self, tenant: u32, kind: Kind, name: &str) -> Option<u32> {
        let key = entity_key(&self.tenants[tenant as usize], kind, name);
        self.find_key(key, tenant, kind, name)
    }

    /// One more payment names the entity, which is made where it is new.
    pub(super) fn name(&mut self, tenant: u32, kind: Kind, name: &str) -> u32 {
        let key = entity_key(&self.tenants[tenant as usize], kind, name);
        if let Some(number) = self.find_key(key, tenant, kind, name) {
            self.rows[number].payments += 1;
            return number;
        }
        self.name_bytes += name.len() as u64;
        let number = self.rows.insert(Node {
            key,
            name: name.into(),
            tenant,
            kind,
            tie: Tie::Nobody,
            sharing: Sharing::default(),
            payments: 1,
            own: NONE,
            shared: NONE,
            ring: NONE,
            is_member: false,
            walk: 0,
        });
        self.index.insert_unique(key, number, |&other| self.rows[other].key);
        number
    }

    /// One payment less names it; true where none does any more.
    pub(super) fn unname(&mut self, number: u32) -> bool {
        self.rows[number].payments -= 1;
        self.rows[number].payments == 0
    }

    /// Removes the entity if no payment names it; what it was in, then.
    pub(super) fn remove_unnamed(&mut self, number: u32) -> Option<Node> {
        let node = &self.rows[number];
        if node.payments > 0 {
            return None;
        }
        if let Ok(entry) = self.index.find_entry(node.key, |&other| other == number) {
            entry.remove();
        }
        self.name_bytes -= node.name.len() as u64;
        self.rows.remove(number)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Node)> {
        self.rows.iter()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.rows.bytes() + self.name_bytes + self.index.allocation_size() as u64
    }

    fn find_key(&self, key: u64, tenant: u32, kind: Kind, name: &str) -> Option<u32> {
        let is = |&number: &u32| {
            let node = &self.rows[number];
            node.key == key && node.tenant == tenant && node.kind == kind && *node.name == *name
        };
        self.index.find(key, is).copied()
    }
}

impl Index<u32> for Nodes {
    type Output = Node;

    fn index(&self, number: u32) -> &Node {
        &self.rows[number]
    }
}

impl IndexMut<u32> for Nodes {
    fn index_mut(&mut self, number: u32) -> &mut Node {
        &mut self.rows[number]
    }
}
