//! The sampler: the neighbourhood of a payment at its cut. The hot path of the whole service.
//!
//! Cost: up to 41 rows and 128 nodes; each row reads a record (64 B), up to 4 rings (one line each) and up to 10 edges (32 B of facts
//! each), each node of hop 3 its record: about 450 cache lines, nearly all cold. With all of them in the cache a sample takes 3 µs; the rest
//! of its time (measured 10 µs p50 with 4.4 million edges on a busy machine) is waiting for memory. So lines are asked for well before they
//! are read: rings 8 rows ahead, records and edges as they are found, and facts and keys are copied last, when they have arrived. Visited
//! entities are in a 4 KiB table that is never cleared; nothing is allocated once the buffers have grown.
//!
//! The rule, which `tests/properties/reference.rs` states a second time in the plainest way:
//! - Node 0 is the centre, the paying account. Its row starts with the payment's own device, IP, merchant and counterparty.
//! - The row of one of those starts with the link back to the centre and then, for device and IP, the payment's own link between them.
//! - A row goes on with the entity's recent neighbours in the order of [`PLAN`], [`STEPS`] of it: each step takes the next newest one of a
//!   relation. A neighbour that the payment's own links already name is passed over.
//! - A neighbour that is a node already is linked. A new one becomes a node of the next hop if the row's quota allows. What finds
//!   no quota, or no slot in the row (10), counts as truncated.
//! - The rows of a hop share the next hop's budget in order: each may take up to its fair part, rounded up, of what is left.

use crate::edges::Edges;
use crate::entities::Entities;
use crate::entity::{SLOT_RELATION, SLOTS, slot};
use crate::list::NONE;
use crate::parties::{PAIRS, ROLE_COUNT};
use crate::rings::{Entry, Rings};
use crate::{EdgeFacts, HOP_BUDGET, Kind, Link, MAX_LINKS, MAX_NODES, MAX_ROWS, Node, Relation, Subgraph, UNSEEN};

/// Above every edge number: stands for the payment's own edges, by [`PAIRS`], until they are found.
pub(crate) const OWN_EDGES: u32 = NONE - PAIRS.len() as u32;

/// Which relation each step of a row asks, by kind. Relations take turns, so that a small quota does not all go to the first. At most 9 of
/// one relation in a row: a hub costs what anyone else costs.
const PLAN: [&[Relation]; Kind::ALL.len()] = {
    use Relation::{AccountAccount as AA, AccountDevice as AD, AccountIp as AI, AccountMerchant as AM, DeviceIp as DI};
    [
        &[AD, AI, AA, AM, AD, AI, AA, AM, AA],
        &[AD, DI, AD, AD, DI, AD, AD, DI, AD],
        &[AI, DI, AI, AI, DI, AI, AI, DI, AI],
        &[AM; 8],
    ]
};

/// How many steps of its plan a row of each hop takes. The rows of hop 2 bring 3 new nodes each; 6 steps find them as 9 do and that hop costs a
/// fifth less (measured: 126.7 nodes either way, 175 links instead of 180).
const STEPS: [usize; 3] = [9, 9, 6];

/// One step of a row: the relation it asks, the slot of its ring and the neighbour's kind, and how many steps asked that ring before.
#[derive(Clone, Copy)]
struct Step {
    relation: Relation,
    slot: u8,
    kind: Kind,
    nth: u8,
}

/// [`PLAN`] with everything that follows from it looked up; of each row the first [`PLAN`]`.len()` steps count.
const ROW_STEPS: [[Step; MAX_LINKS - 1]; Kind::ALL.len()] = {
    let nothing = Step { relation: Relation::AccountDevice, slot: 0, kind: Kind::Account, nth: 0 };
    let mut table = [[nothing; MAX_LINKS - 1]; Kind::ALL.len()];
    let mut kind = 0;
    while kind < Kind::ALL.len() {
        let (mut step, mut asked) = (0, [0; SLOTS]);
        while step < PLAN[kind].len() {
            let slot = slot(Kind::ALL[kind], PLAN[kind][step]);
            let Some((relation, neighbour)) = SLOT_RELATION[kind][slot] else {
                panic!("a plan names only relations of its kind")
            };
            table[kind][step] = Step { relation, slot: slot as u8, kind: neighbour, nth: asked[slot] };
            asked[slot] += 1;
            step += 1;
        }
        kind += 1;
    }
    table
};

/// The rings of how many rows ahead are asked for: a row takes about a tenth of a microsecond, as memory does.
const ROWS_AHEAD: usize = 8;

/// What is sampled from; all shared, none of it changes.
#[derive(Clone, Copy)]
pub(crate) struct Stores<'a> {
    pub entities: &'a Entities,
    pub edges: &'a Edges,
    pub rings: &'a Rings,
}

/// One of the payment's own entities, seen before or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub key: u64,
    pub kind: Kind,
    /// Number, or [`UNSEEN`].
    pub entity: u32,
}

/// A link while the sample is being made: its facts are only asked for.
#[derive(Clone, Copy)]
struct Found {
    /// Number, or [`OWN_EDGES`] and the pair's place for the payment's own.
    edge: u32,
    node: u8,
    relation: Relation,
    own: bool,
}

/// Scratch space of the sampler.
pub(crate) struct Sampler {
    visited: Visited,
    found: Vec<Found>,
}

impl Sampler {
    pub fn new() -> Self {
        Sampler { visited: Visited::new(), found: Vec::new() }
    }

    /// Samples around `own[0]`. With `payment`, the rest of `own` are the payment's own entities and its own links are made.
    pub fn sample(
        &mut self,
        stores: Stores<'_>,
        own: &[Option<Own>; ROLE_COUNT],
        payment: bool,
        now_s: u32,
        out: &mut Subgraph,
    ) {
        clear(out, now_s);
        self.found.clear();
        self.found.reserve(MAX_ROWS * MAX_LINKS);
        self.visited.start();
        let Some(centre) = own[0] else { return };
        for party in own.iter().flatten().filter(|party| party.entity != UNSEEN) {
            fetch_rings(stores, party.entity);
        }
        // The payment's own edges are looked up in three waves between the hops, so that nothing waits for them.
        let pairs = own_pairs(own);
        prefetch_places(stores.edges, &pairs);
        let mut node_of = [usize::MAX; ROLE_COUNT];
        node_of[0] = self.add_own(centre, 0, payment, out);
        out.hop_counts[0] = 1;

        let (mut done, mut fetched) = (0, 1);
        for hop in 0..3 {
            let rows = done..out.nodes.len();
            let mut left = HOP_BUDGET[hop + 1];
            for row in rows.clone() {
                // Nodes of the last hop have no rows.
                let known = if hop == 2 { rows.end } else { out.nodes.len() };
                while fetched < known.min(row + ROWS_AHEAD) {
                    let Node { entity, own, .. } = out.nodes[fetched];
                    if !own && entity != UNSEEN {
                        fetch_rings(stores, entity);
                    }
                    fetched += 1;
                }
                let quota = left.div_ceil(rows.end - row);
                let before = out.nodes.len();
                let first_link = self.found.len();
                if out.nodes[row].own {
                    let mut heads = [NONE; ROLE_COUNT];
                    if let Some(role) = node_of.iter().position(|&node| node == row) {
                        self.own_links(role, own, &mut node_of, &mut heads, out);
                    }
                    let taken = out.nodes.len() - before;
                    self.recent_links::<true>(stores, row, hop as u8 + 1, quota - taken, first_link, &heads, out);
                } else {
                    self.recent_links::<false>(stores, row, hop as u8 + 1, quota, first_link, &[], out);
                }
                left -= out.nodes.len() - before;
                out.row_ends.push(self.found.len() as u16);
            }
            done = rows.end;
            out.hop_counts[hop + 1] = (out.nodes.len() - done) as u16;
            if hop == 0 {
                prefetch_likely(stores.edges, &pairs);
            }
        }
        self.copy_facts(stores, &find_pairs(stores.edges, &pairs), out);
    }

    /// The links that the payment itself makes from the entity in `role`. `heads` receives the entities linked, so that they aren't linked again.
    fn own_links(
        &mut self,
        role: usize,
        own: &[Option<Own>; ROLE_COUNT],
        node_of: &mut [usize; ROLE_COUNT],
        heads: &mut [u32; ROLE_COUNT],
        out: &mut Subgraph,
    ) {
        for (pair, &(a, b)) in PAIRS.iter().enumerate() {
            let other = if a == role {
                b
            } else if b == role {
                a
            } else {
                continue;
            };
            let (Some(this), Some(that)) = (own[role], own[other]) else { continue };
            if node_of[other] == usize::MAX {
                node_of[other] = self.add_own(that, 1, true, out);
            }
            heads[other] = that.entity;
            let relation =
                Relation::between(this.kind, that.kind).expect("pairs are made of kinds that have a relation");
            let node = node_of[other] as u8;
            self.found.push(Found { edge: OWN_EDGES + pair as u32, node, relation, own: true });
        }
    }

    /// The links to recent neighbours. In an `OWN` row, those that `heads` names are passed over.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "the innermost step: a struct of these would be built 41 times a sample"
    )]
    fn recent_links<const OWN: bool>(
        &mut self,
        stores: Stores<'_>,
        row: usize,
        hop: u8,
        mut quota: usize,
        first_link: usize,
        heads: &[u32],
        out: &mut Subgraph,
    ) {
        let Node { entity, kind, .. } = out.nodes[row];
        if entity == UNSEEN {
            return;
        }
        let record = stores.entities.get(entity);
        let mut rings: [&[Entry]; SLOTS] =
            std::array::from_fn(|slot| stores.rings.entries(record.ring[slot], record.degree[slot]));
        let steps = PLAN[kind as usize].len().min(STEPS[hop as usize - 1]);
        for &Step { relation, slot, kind, nth } in &ROW_STEPS[kind as usize][..steps] {
            let ring = &mut rings[slot as usize % SLOTS];
            // Nothing is passed over in other rows, so each step's place in its ring is known.
            let entry = if OWN { next_other(ring, heads) } else { ring.get(nth as usize).copied() };
            let Some(entry) = entry else { continue };
            if OWN && self.found.len() - first_link == MAX_LINKS {
                out.truncated += 1;
                continue;
            }
            let node = match self.visited.find_or_add(entry.neighbour, out.nodes.len(), quota > 0) {
                Visit::Known(node) => node,
                Visit::Refused => {
                    out.truncated += 1;
                    continue;
                }
                Visit::Added => {
                    quota -= 1;
                    stores.entities.prefetch(entry.neighbour);
                    out.nodes.push(Node { entity: entry.neighbour, key: 0, kind, hop, own: false });
                    out.nodes.len() - 1
                }
            };
            stores.edges.prefetch_facts(entry.edge);
            self.found.push(Found { edge: entry.edge, node: node as u8, relation, own: false });
        }
    }

    fn add_own(&mut self, own: Own, hop: u8, payment: bool, out: &mut Subgraph) -> usize {
        let node = out.nodes.len();
        if own.entity != UNSEEN {
            self.visited.find_or_add(own.entity, node, true);
        }
        out.nodes.push(Node { entity: own.entity, key: own.key, kind: own.kind, hop, own: payment });
        node
    }

    /// Writes the links with the facts, and the keys of the nodes, which were only asked for so far.
    fn copy_facts(&self, stores: Stores<'_>, own_edges: &[u32; PAIRS.len()], out: &mut Subgraph) {
        out.links.extend(self.found.iter().map(|&Found { edge, node, relation, own }| {
            let edge = if edge >= OWN_EDGES { own_edges[(edge - OWN_EDGES) as usize] } else { edge };
            let facts = if edge != NONE { *stores.edges.facts(edge) } else { EdgeFacts::default() };
            Link { node, relation, own, facts }
        }));
        for node in out.nodes.iter_mut().filter(|node| node.entity != UNSEEN) {
            node.key = stores.entities.key(node.entity);
        }
    }
}

/// The ring's next entry that is none of `heads`; the ring goes on behind it.
#[inline(always)]
fn next_other(ring: &mut &[Entry], heads: &[u32]) -> Option<Entry> {
    loop {
        let (&entry, rest) = ring.split_first()?;
        *ring = rest;
        if !heads.contains(&entry.neighbour) {
            return Some(entry);
        }
    }
}

/// Empties a sample and makes sure that its buffers hold the largest one.
pub(crate) fn clear(out: &mut Subgraph, now_s: u32) {
    out.now_s = now_s;
    out.nodes.clear();
    out.nodes.reserve(MAX_NODES);
    out.hop_counts = [0; 4];
    out.row_ends.clear();
    out.row_ends.reserve(MAX_ROWS);
    out.links.clear();
    out.links.reserve(MAX_ROWS * MAX_LINKS);
    out.truncated = 0;
}

/// The edges that a payment's own entities have between them already, by [`PAIRS`]; [`NONE`] where there is none. In three waves, so that
/// the lookups wait for memory together and not one after the other.
pub(crate) fn find_own_edges(edges: &Edges, own: &[Option<Own>; ROLE_COUNT]) -> [u32; PAIRS.len()] {
    let pairs = own_pairs(own);
    prefetch_places(edges, &pairs);
    prefetch_likely(edges, &pairs);
    find_pairs(edges, &pairs)
}

/// Numbers of the two entities of each pair, if both were seen before.
type Pairs = [Option<(u32, u32)>; PAIRS.len()];

fn own_pairs(own: &[Option<Own>; ROLE_COUNT]) -> Pairs {
    PAIRS.map(|(a, b)| match (own[a], own[b]) {
        (Some(a), Some(b)) if a.entity != UNSEEN && b.entity != UNSEEN => Some((a.entity, b.entity)),
        _ => None,
    })
}

fn prefetch_places(edges: &Edges, pairs: &Pairs) {
    for &(a, b) in pairs.iter().flatten() {
        edges.prefetch_place(a, b);
    }
}

fn prefetch_likely(edges: &Edges, pairs: &Pairs) {
    for &(a, b) in pairs.iter().flatten() {
        edges.prefetch_likely(a, b);
    }
}

fn find_pairs(edges: &Edges, pairs: &Pairs) -> [u32; PAIRS.len()] {
    pairs.map(|pair| pair.and_then(|(a, b)| edges.find(a, b)).unwrap_or(NONE))
}

/// Asks for the rings of an entity.
#[inline(always)]
fn fetch_rings(stores: Stores<'_>, entity: u32) {
    for block in stores.entities.get(entity).ring {
        stores.rings.prefetch(block);
    }
}

/// Places of the visited table: four times the nodes, so that probes stay short.
const PLACES: usize = 4 * MAX_NODES;
/// Rounds fit the 24 bits between the entity number and the node index.
const ROUNDS: u32 = 1 << 24;

/// Which entities are nodes already: open addressing in 4 KiB; an entry of another round counts as vacant, so starting costs nothing.
struct Visited {
    /// Entity number, round, node index: 32, 24 and 8 bits from the top.
    places: Box<[u64; PLACES]>,
    round: u32,
}

enum Visit {
    Known(usize),
    Added,
    Refused,
}

impl Visited {
    fn new() -> Self {
        Visited { places: Box::new([0; PLACES]), round: 0 }
    }

    fn start(&mut self) {
        self.round += 1;
        if self.round == ROUNDS {
            self.places.fill(0);
            self.round = 1;
        }
    }

    #[inline(always)]
    fn find_or_add(&mut self, entity: u32, node: usize, may_add: bool) -> Visit {
        // Fibonacci hashing: the top bits of the product are well spread.
        let mut place = (entity.wrapping_mul(0x9e37_79b1) >> (32 - PLACES.trailing_zeros())) as usize;
        let wanted = u64::from(entity) << 24 | u64::from(self.round);
        loop {
            let found = self.places[place % PLACES];
            if found >> 8 == wanted {
                return Visit::Known((found & 0xff) as usize);
            }
            if (found >> 8) as u32 % ROUNDS != self.round {
                if !may_add {
                    return Visit::Refused;
                }
                self.places[place % PLACES] = wanted << 8 | node as u64;
                return Visit::Added;
            }
            place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_leaves_room_for_the_link_back() {
        for plan in PLAN {
            assert!(plan.len() < MAX_LINKS, "a row of {} recent links", plan.len());
        }
        assert_eq!(HOP_BUDGET.iter().sum::<usize>(), MAX_NODES);
    }

    #[test]
    fn the_visited_table_survives_the_wrap_of_its_rounds() {
        let mut visited = Visited::new();
        visited.round = ROUNDS - 2;
        for _ in 0..4 {
            visited.start();
            for entity in 0..MAX_NODES as u32 {
                assert!(matches!(visited.find_or_add(entity * 512, entity as usize, false), Visit::Refused));
                assert!(matches!(visited.find_or_add(entity * 512, entity as usize, true), Visit::Added));
            }
            for entity in 0..MAX_NODES as u32 {
                assert!(
                    matches!(visited.find_or_add(entity * 512, 0, false), Visit::Known(node) if node == entity as usize)
                );
            }
        }
    }
}
