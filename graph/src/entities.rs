//! The entities: their running facts, names, and the order in which they were last active.
//!
//! Cost: one cache line of key and facts an entity (all that the sampler and features read of it), one with its name and place in the
//! order, and 11–21 bytes of index. Finding one by name is one hash, one probe of the index and one comparison of names.

use crate::entity::{SLOT_RELATION, SLOTS};
use crate::key::entity_key;
use crate::list::{Linked, Links, List, NONE, chain};
use crate::pages::Pages;
use crate::rings::EMPTY;
use crate::shards::Shards;
use crate::{Kind, RELATION_COUNT};

/// Running facts of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityFacts {
    /// Kind.
    pub kind: Kind,
    /// Hash of tenant, kind and identifier.
    pub key: u64,
    /// Counts up every time the number is given to another entity.
    pub generation: u32,
    /// First activity, seconds since the epoch.
    pub first_s: u32,
    /// Last activity, seconds since the epoch.
    pub last_s: u32,
    /// Payments it took part in.
    pub payments: u32,
    /// Of them, reported as fraud by the labels that stand.
    pub reported: u32,
    /// Distinct neighbours retained, by relation.
    pub degree: [u32; RELATION_COUNT],
}

/// Number of an entity together with its generation; stale once the number was given to another entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityRef {
    /// Dense number.
    pub number: u32,
    /// Generation the number had.
    pub generation: u32,
}

/// The hot part of an entity: one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Entity {
    pub key: u64,
    /// Distinct neighbours, by slot of the kind's relations.
    pub degree: [u32; SLOTS],
    /// Ring blocks, by slot.
    pub ring: [u32; SLOTS],
    pub generation: u32,
    pub first_s: u32,
    pub last_s: u32,
    pub payments: u32,
    pub reported: u32,
    pub kind: Kind,
    pub alive: bool,
}

const _: () = assert!(size_of::<Entity>() == 64);

/// The cold part: name and place in the order of activity. While the number is free, `links.newer` chains it to the next free one.
#[repr(align(64))]
struct Name {
    links: Links,
    tenant_len: u32,
    text: Text,
}

const _: () = assert!(size_of::<Name>() == 64);

/// Tenant and identifier, one after the other; what fits is kept in place, so that comparing it is no further miss.
enum Text {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

const SHORT: usize = 46;

impl Linked for Name {
    fn links(&self) -> Links {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl Name {
    fn new(tenant: &str, identifier: &str) -> Self {
        let len = tenant.len() + identifier.len();
        let text = if len <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..tenant.len()].copy_from_slice(tenant.as_bytes());
            bytes[tenant.len()..len].copy_from_slice(identifier.as_bytes());
            Text::Short { len: len as u8, bytes }
        } else {
            Text::Long([tenant, identifier].concat().into_boxed_str())
        };
        Name { links: Links { newer: NONE, older: NONE }, tenant_len: tenant.len() as u32, text }
    }

    #[inline(always)]
    fn is(&self, tenant: &str, identifier: &str) -> bool {
        let bytes = self.bytes();
        self.tenant_len as usize == tenant.len()
            && bytes.len() == tenant.len() + identifier.len()
            && &bytes[tenant.len()..] == identifier.as_bytes()
            && &bytes[..tenant.len()] == tenant.as_bytes()
    }

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Short { len, bytes } => &bytes[..*len as usize],
            Text::Long(text) => text.as_bytes(),
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("a name is two strings, one after the other")
    }

    fn tenant(&self) -> &str {
        &self.text()[..self.tenant_len as usize]
    }

    fn identifier(&self) -> &str {
        &self.text()[self.tenant_len as usize..]
    }

    fn heap_bytes(&self) -> u64 {
        match &self.text {
            Text::Short { .. } => 0,
            Text::Long(text) => text.len() as u64,
        }
    }
}

/// All entities.
pub(crate) struct Entities {
    records: Pages<Entity>,
    names: Pages<Name>,
    index: Shards,
    lru: List,
    free: u32,
    live: u32,
    name_bytes: u64,
}

impl Entities {
    pub fn new() -> Self {
        let (records, names, index) = (Pages::new(), Pages::new(), Shards::new());
        Entities { records, names, index, lru: List::new(), free: NONE, live: 0, name_bytes: 0 }
    }

    /// How many are alive.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// The entity of that name; `key` must be its key.
    #[inline(always)]
    pub fn find(&self, key: u64, tenant: &str, kind: Kind, identifier: &str) -> Option<u32> {
        self.index.find(key, |number| self.names[number].is(tenant, identifier) && self.records[number].kind == kind)
    }

    /// Fetches the place of a key in the index: the first wave of finding several.
    #[inline(always)]
    pub fn prefetch_place(&self, key: u64) {
        self.index.prefetch(key);
    }

    /// Fetches what is most likely the entity of a key: the second wave.
    #[inline(always)]
    pub fn prefetch_likely(&self, key: u64) {
        if let Some(number) = self.index.find(key, |_| true) {
            self.names.prefetch(number);
            self.records.prefetch(number);
        }
    }

    /// Fetches the neighbours in the order of activity, ahead of a touch.
    #[inline(always)]
    pub fn prefetch_order(&self, number: u32) {
        self.lru.prefetch_around(&self.names, number);
    }

    /// Key of a number.
    #[inline(always)]
    pub fn key(&self, number: u32) -> u64 {
        self.records[number].key
    }

    /// Record of a number.
    #[inline(always)]
    pub fn get(&self, number: u32) -> &Entity {
        &self.records[number]
    }

    /// Record of a number, to change.
    #[inline(always)]
    pub fn get_mut(&mut self, number: u32) -> &mut Entity {
        &mut self.records[number]
    }

    /// Fetches the record ahead of use.
    #[inline(always)]
    pub fn prefetch(&self, number: u32) {
        self.records.prefetch(number);
    }

    /// The number with its present generation.
    pub fn reference(&self, number: u32) -> EntityRef {
        EntityRef { number, generation: self.records[number].generation }
    }

    /// Whether a reference still means the entity it was made for.
    pub fn is_current(&self, reference: EntityRef) -> bool {
        reference.number < self.records.len() && {
            let record = &self.records[reference.number];
            record.alive && record.generation == reference.generation
        }
    }

    /// Facts as others see them.
    #[inline]
    pub fn facts(&self, number: u32) -> EntityFacts {
        let Entity { key, degree: by_slot, generation, first_s, last_s, payments, reported, kind, .. } =
            self.records[number];
        let mut degree = [0; RELATION_COUNT];
        for (relation, count) in SLOT_RELATION[kind as usize].iter().zip(by_slot) {
            if let Some((relation, _)) = relation {
                degree[*relation as usize] = count;
            }
        }
        EntityFacts { kind, key, generation, first_s, last_s, payments, reported, degree }
    }

    /// Identifier of an entity; empty once it left.
    pub fn identifier(&self, number: u32) -> &str {
        self.names[number].identifier()
    }

    /// Tenant of an entity; empty once it left.
    pub fn tenant(&self, number: u32) -> &str {
        self.names[number].tenant()
    }

    /// Tenant and identifier, one after the other, and the length of the first; empty once it left.
    pub fn name(&self, number: u32) -> (&[u8], u32) {
        let name = &self.names[number];
        (name.bytes(), name.tenant_len)
    }

    /// Adds the record of the next number as it was saved, nameless if it is free; [`Entities::link_saved`] follows when all are there.
    pub fn push_saved(&mut self, record: Entity, tenant: &str, identifier: &str) {
        let name = Name::new(tenant, identifier);
        self.name_bytes += name.heap_bytes();
        self.records.push(record);
        self.names.push(name);
    }

    /// Puts the records that were pushed in their order of activity and in the index, or chains them as free; each number stands in
    /// one of the lists. An entity that is there twice is the error.
    pub fn link_saved(&mut self, oldest_first: &[u32], free: &[u32]) -> Result<(), u32> {
        let (records, names) = (&self.records, &self.names);
        self.index = Shards::of(
            (0..records.len()).filter(|&number| records[number].alive),
            |number| records[number].key,
            |one, other| {
                records[one].kind == records[other].kind
                    && names[one].is(names[other].tenant(), names[other].identifier())
            },
        )?;
        self.lru = List::of(&mut self.names, oldest_first);
        for &number in free.iter().rev() {
            self.names[number].links.newer = self.free;
            self.free = number;
        }
        self.live = oldest_first.len() as u32;
        Ok(())
    }

    /// Adds an entity that is not there, active now in one payment.
    pub fn insert(&mut self, key: u64, tenant: &str, kind: Kind, identifier: &str, now_s: u32) -> u32 {
        let name = Name::new(tenant, identifier);
        self.name_bytes += name.heap_bytes();
        let generation = 0;
        let (degree, ring) = ([0; SLOTS], [EMPTY; SLOTS]);
        let record = Entity {
            key,
            degree,
            ring,
            generation,
            first_s: now_s,
            last_s: now_s,
            payments: 1,
            reported: 0,
            kind,
            alive: true,
        };
        let number = if self.free == NONE {
            self.names.push(name);
            self.records.push(record)
        } else {
            let number = self.free;
            self.free = self.names[number].links.newer;
            let generation = self.records[number].generation.wrapping_add(1);
            self.records[number] = Entity { generation, ..record };
            self.names[number] = name;
            number
        };
        self.index.insert(key, number);
        self.lru.push(&mut self.names, number);
        self.live += 1;
        number
    }

    /// One more payment now.
    pub fn touch(&mut self, number: u32, now_s: u32) {
        let record = &mut self.records[number];
        record.last_s = now_s;
        record.payments = record.payments.saturating_add(1);
        self.lru.touch(&mut self.names, number);
    }

    /// The one that was active least recently.
    pub fn oldest(&self) -> Option<u32> {
        (self.lru.oldest != NONE).then_some(self.lru.oldest)
    }

    /// Takes out an entity that has no edges left.
    pub fn remove(&mut self, number: u32) {
        let record = &mut self.records[number];
        assert!(record.alive && record.degree == [0; SLOTS], "an entity leaves after its edges");
        record.alive = false;
        let key = record.key;
        self.index.remove(key, number);
        self.lru.unlink(&mut self.names, number);
        self.name_bytes -= self.names[number].heap_bytes();
        self.names[number] = Name::new("", "");
        self.names[number].links.newer = self.free;
        self.free = number;
        self.live -= 1;
    }

    /// Numbers alive, least recently active first.
    pub fn oldest_first(&self) -> impl Iterator<Item = u32> + '_ {
        self.lru.oldest_first(&self.names)
    }

    /// Free numbers in the order they will be given out, with the generation they had.
    pub fn free_numbers(&self) -> impl Iterator<Item = EntityRef> + '_ {
        chain(self.free, |number| self.names[number].links.newer).map(|number| self.reference(number))
    }

    /// Numbers ever given out.
    pub fn numbers(&self) -> u32 {
        self.records.len()
    }

    /// Entities in the index.
    pub fn indexed(&self) -> usize {
        self.index.len()
    }

    /// Bytes of records, names and index.
    pub fn bytes(&self) -> u64 {
        self.records.bytes() + self.names.bytes() + self.index.bytes() + self.name_bytes
    }

    /// Looks an entity up by name.
    pub fn find_name(&self, tenant: &str, kind: Kind, identifier: &str) -> Option<u32> {
        self.find(entity_key(tenant, kind, identifier), tenant, kind, identifier)
    }
}
