//! Lists of entities: what is always allowed, always blocked, always looked at.
//!
//! Entries are kept in 256 shared shards: a copy of the state costs 256 counts whatever the lists hold, and a change copies one shard. A
//! look-up is a hash and some ten comparisons, well below a microsecond; an entry takes about 300 bytes, so the most there can be
//! (a million) take 300 MB.

mod merged;

use super::document::sentence;
use crate::control::Meta;
use crate::wire::bounds;
use fraudnet_graph::Kind;
use merged::Merged;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most entries of all lists.
pub const MAX_ENTRIES: usize = 1_000_000;
const SHARDS: usize = 256;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListName {
    /// Approved whatever score and rules say, unless something else of the payment is blocked.
    Allow,
    /// Declined.
    Block,
    /// Held for an analyst at least.
    Watch,
}

impl ListName {
    /// Every list.
    pub const ALL: [ListName; 3] = [ListName::Allow, ListName::Block, ListName::Watch];

    /// As it stands in paths.
    pub const fn name(self) -> &'static str {
        match self {
            ListName::Allow => "allow",
            ListName::Block => "block",
            ListName::Watch => "watch",
        }
    }

    /// The list of that name.
    pub fn from_name(name: &str) -> Option<ListName> {
        ListName::ALL.into_iter().find(|list| list.name() == name)
    }
}

/// Kind of a listed entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListedKind {
    /// An account; blocked and watched ones also as the receiving side of a transfer.
    Account,
    /// A device.
    Device,
    /// An IP address.
    Ip,
    /// A merchant.
    Merchant,
}

impl ListedKind {
    /// As it stands in paths.
    pub const fn name(self) -> &'static str {
        self.kind().name()
    }

    /// The graph's name for it.
    pub const fn kind(self) -> Kind {
        match self {
            ListedKind::Account => Kind::Account,
            ListedKind::Device => Kind::Device,
            ListedKind::Ip => Kind::Ip,
            ListedKind::Merchant => Kind::Merchant,
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<ListedKind> {
        [ListedKind::Account, ListedKind::Device, ListedKind::Ip, ListedKind::Merchant]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A change of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ListChange {
    /// Puts an entity on a list, or changes what is said of it there.
    Put {
        /// Which list.
        list: ListName,
        /// Kind of the entity.
        entity: ListedKind,
        /// Its identifier.
        id: String,
        /// Tenant it belongs to.
        tenant: String,
        /// Why.
        reason: String,
        /// Until when, UTC milliseconds; for good where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<i64>,
    },
    /// Takes it off.
    Removed {
        /// Which list.
        list: ListName,
        /// Kind of the entity.
        entity: ListedKind,
        /// Its identifier.
        id: String,
        /// Tenant it belongs to.
        tenant: String,
    },
}

/// What is said of a listed entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListEntry {
    /// Why it is listed.
    pub reason: String,
    /// Who put it there.
    pub actor: String,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Until when, UTC milliseconds, judged by the time of the payment; for good where absent.
    pub expires_at_ms: Option<i64>,
    /// Log position of the change.
    pub position: u64,
}

impl ListEntry {
    /// Whether it counts for a payment of that time.
    pub fn holds_at(&self, at_ms: i64) -> bool {
        self.expires_at_ms.is_none_or(|end| at_ms < end)
    }
}

/// An entry with what it speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed<'a> {
    /// Tenant.
    pub tenant: &'a str,
    /// Kind of the entity.
    pub entity: &'a str,
    /// Its identifier.
    pub id: &'a str,
    /// Which list.
    pub list: &'static str,
    /// What is said of it.
    #[serde(flatten)]
    pub entry: &'a ListEntry,
}

/// An entity's entries: allow, block, watch.
type Entries = [Option<Arc<ListEntry>>; ListName::ALL.len()];

/// All lists: the fold of [`ListChange`].
#[derive(Clone)]
pub struct ListsState {
    /// By `tenant 0x00 kind 0x00 id`.
    shards: Vec<Arc<BTreeMap<Box<str>, Entries>>>,
    count: usize,
}

impl Default for ListsState {
    fn default() -> Self {
        ListsState { shards: vec![Arc::default(); SHARDS], count: 0 }
    }
}

impl std::fmt::Debug for ListsState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ListsState({} entries)", self.count)
    }
}

impl Serialize for ListsState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter_from(""))
    }
}

impl ListsState {
    /// Applies a change.
    ///
    /// # Errors
    /// Where the lists are full, the entry cannot be, or it is not there; nothing is changed then.
    pub fn apply(&mut self, meta: &Meta, change: &ListChange) -> Result<(), String> {
        match change {
            ListChange::Put { list, entity, id, tenant, reason, expires_at_ms } => {
                bounds::identifier(id).map_err(|reason| format!("the id {reason}"))?;
                bounds::tenant(tenant).map_err(|reason| format!("the tenant {reason}"))?;
                sentence(reason).map_err(|fault| format!("the reason {fault}"))?;
                if expires_at_ms.is_some_and(|end| end <= meta.at_ms) {
                    return Err("the entry would expire before it began; give a time to come".to_owned());
                }
                let key = key(tenant, *entity, id);
                let is_new = self.entry(&key, *list).is_none();
                if is_new && self.count >= MAX_ENTRIES {
                    self.forget_expired(meta.at_ms);
                    if self.count >= MAX_ENTRIES {
                        return Err(format!(
                            "the lists hold {MAX_ENTRIES} entries, which is all they can; take some off"
                        ));
                    }
                }
                let entry = ListEntry {
                    reason: reason.clone(),
                    actor: meta.actor.clone(),
                    at_ms: meta.at_ms,
                    expires_at_ms: *expires_at_ms,
                    position: meta.position,
                };
                self.count += usize::from(is_new);
                let shard = Arc::make_mut(&mut self.shards[shard(&key)]);
                shard.entry(key.into_boxed_str()).or_default()[*list as usize] = Some(Arc::new(entry));
                Ok(())
            }
            ListChange::Removed { list, entity, id, tenant } => {
                let key = key(tenant, *entity, id);
                if self.entry(&key, *list).is_none() {
                    return Err(format!("this {} is not on the {} list", entity.name(), list.name()));
                }
                let shard = Arc::make_mut(&mut self.shards[shard(&key)]);
                if let Some(entries) = shard.get_mut(key.as_str()) {
                    entries[*list as usize] = None;
                    if entries.iter().all(Option::is_none) {
                        shard.remove(key.as_str());
                    }
                }
                self.count -= 1;
                Ok(())
            }
        }
    }

    /// Entries of all lists, expired ones included until they are taken off.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What a list says of an entity, expired or not.
    pub fn find(&self, list: ListName, tenant: &str, entity: ListedKind, id: &str) -> Option<&ListEntry> {
        self.entry(&key(tenant, entity, id), list)
    }

    /// What the lists say of an entity at that time: allow, block, watch.
    pub(super) fn on(&self, tenant: &str, entity: ListedKind, id: &str, at_ms: i64) -> [Option<&ListEntry>; 3] {
        let key = key(tenant, entity, id);
        match self.shards[shard(&key)].get(key.as_str()) {
            Some(entries) => {
                [0, 1, 2].map(|list: usize| entries[list].as_deref().filter(|entry| entry.holds_at(at_ms)))
            }
            None => [None; 3],
        }
    }

    /// Entries of a tenant in the order of kind and id, those after `after` (a kind and an id).
    pub fn of_tenant<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<(ListedKind, &str)>,
    ) -> impl Iterator<Item = Listed<'a>> {
        // The least key after: nothing sorts between a text and the same with a zero.
        let from = match after {
            Some((entity, id)) => key(tenant, entity, id) + "\0",
            None => format!("{tenant}\0"),
        };
        self.iter_from(&from).take_while(move |listed| listed.tenant == tenant)
    }

    fn iter_from(&self, from: &str) -> impl Iterator<Item = Listed<'_>> + use<'_> {
        Merged::new(&self.shards, from).flat_map(|(key, entries)| {
            let mut parts = key.splitn(3, '\0');
            let mut part = || parts.next().unwrap_or_default();
            let (tenant, entity, id) = (part(), part(), part());
            ListName::ALL.into_iter().zip(entries).filter_map(move |(list, entry)| {
                Some(Listed { tenant, entity, id, list: list.name(), entry: entry.as_deref()? })
            })
        })
    }

    fn entry(&self, key: &str, list: ListName) -> Option<&ListEntry> {
        self.shards[shard(key)].get(key)?[list as usize].as_deref()
    }

    fn forget_expired(&mut self, at_ms: i64) {
        for shard in &mut self.shards {
            Arc::make_mut(shard).retain(|_, entries| {
                for entry in entries.iter_mut() {
                    if entry.as_ref().is_some_and(|entry| !entry.holds_at(at_ms)) {
                        *entry = None;
                        self.count -= 1;
                    }
                }
                entries.iter().any(Option::is_some)
            });
        }
    }
}

fn key(tenant: &str, entity: ListedKind, id: &str) -> String {
    let mut key = String::with_capacity(tenant.len() + id.len() + 12);
    for part in [tenant, "\0", entity.name(), "\0", id] {
        key.push_str(part);
    }
    key
}

/// FNV-1a, folded: spreads keys, keeps nobody out.
fn shard(key: &str) -> usize {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash ^ hash >> 32) as usize % SHARDS
}

#[cfg(test)]
mod tests;
