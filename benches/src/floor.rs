//! The bare floor that the sampler is compared with: how fast sampling could be if there were nothing but topology.
//!
//! No identifiers, no facts, no relations, no eviction, no own links: entities are dense numbers known beforehand, and each has one ring of
//! its 16 latest neighbours over all relations. A payment puts account–device, account–ip and account–merchant into the rings of both ends.
//! A sample starts at the account and reads, newest first, the latest 16, 8 and 4 entries of every node first met at hops 0, 1 and 2; every
//! entry read is an edge, every new neighbour a node, and the 129th node ends it.
//!
//! Cost: 192 bytes a node, three cache lines; visited nodes are in 6 KiB of open addressing that is never cleared; a ring is asked for
//! when its node is met, one hop before it is read. 11 bytes an ingested edge on the big stream.

use crate::Stream;

const DEPTH: usize = 16;
const FAN_OUT: [usize; 3] = [16, 8, 4];
const MOST_NODES: usize = 128;
/// Places for visited nodes: a quarter full at most, so that a look-up is one probe nearly always.
const PLACES: usize = 4 * MOST_NODES;
/// How many payments ahead an insertion asks for memory.
const AHEAD: usize = 6;

/// One line an array: a sample of a ring reads two or three of them.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Ring {
    neighbour: [u32; DEPTH],
    tick: [u32; DEPTH],
    amount: [f32; DEPTH],
}

/// Rings of all nodes, and what sampling needs.
pub struct Floor {
    rings: Vec<Ring>,
    /// Entries ever put into each ring; the latest lies just before it, modulo the depth.
    written: Vec<u32>,
    visited: Visited,
}

/// A sample of the floor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FloorSample {
    /// Nodes in order of discovery.
    pub nodes: Vec<u32>,
    /// Every entry read.
    pub edges: Vec<FloorEdge>,
}

/// An entry that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloorEdge {
    /// Place of the neighbour in the sample.
    pub neighbour: u16,
    /// Place of the node whose ring was read.
    pub node: u16,
    /// Ticks since the payment.
    pub age: u32,
    /// Its amount.
    pub amount: f32,
}

impl Floor {
    /// An empty floor for nodes 0 to `nodes` - 1.
    pub fn new(nodes: u32) -> Floor {
        let empty = Ring { neighbour: [0; DEPTH], tick: [0; DEPTH], amount: [0.0; DEPTH] };
        Floor { rings: huge(nodes as usize, empty), written: vec![0; nodes as usize], visited: Visited::new() }
    }

    /// Inserts a payment of the stream; asks for the memory of one that follows.
    #[inline]
    pub fn insert(&mut self, stream: &Stream, payment: usize) {
        if payment + AHEAD < stream.len() {
            for node in stream.parties(payment + AHEAD) {
                self.prefetch_place(node);
            }
        }
        let (tick, amount) = (tick(stream, payment), stream.amount[payment]);
        let [account, others @ ..] = stream.parties(payment);
        for other in others {
            self.put(account, other, tick, amount);
            self.put(other, account, tick, amount);
        }
    }

    /// Samples around the account of a payment of the stream that is not inserted yet.
    pub fn sample(&mut self, stream: &Stream, payment: usize, out: &mut FloorSample) {
        let now = tick(stream, payment);
        out.nodes.clear();
        out.edges.clear();
        self.visited.start();
        let account = stream.account[payment];
        self.visited.find_or_add(account, 0);
        self.prefetch(account);
        out.nodes.push(account);
        let mut done = 0;
        for fan_out in FAN_OUT {
            let end = out.nodes.len();
            for node in done..end {
                let number = out.nodes[node] as usize;
                let written = self.written[number] as usize;
                let mut taken = 0;
                for back in 1..=written.min(DEPTH) {
                    let place = (written - back) % DEPTH;
                    let tick = self.rings[number].tick[place];
                    if tick > now {
                        continue;
                    }
                    if taken == fan_out {
                        break;
                    }
                    taken += 1;
                    let neighbour = self.rings[number].neighbour[place];
                    let (at, new) = self.visited.find_or_add(neighbour, out.nodes.len() as u16);
                    if new {
                        if out.nodes.len() == MOST_NODES {
                            return;
                        }
                        self.prefetch(neighbour);
                        out.nodes.push(neighbour);
                    }
                    let amount = self.rings[number].amount[place];
                    out.edges.push(FloorEdge { neighbour: at, node: node as u16, age: now - tick, amount });
                }
            }
            done = end;
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.rings[..]) + size_of_val(&self.written[..]) + size_of::<Visited>()
    }

    #[inline(always)]
    fn put(&mut self, node: u32, neighbour: u32, tick: u32, amount: f32) {
        let written = &mut self.written[node as usize];
        let place = *written as usize % DEPTH;
        *written += 1;
        let ring = &mut self.rings[node as usize];
        ring.neighbour[place] = neighbour;
        ring.tick[place] = tick;
        ring.amount[place] = amount;
    }

    /// Asks for the three lines of a ring and its count.
    #[inline(always)]
    fn prefetch(&self, node: u32) {
        let ring = &self.rings[node as usize];
        prefetch(&self.written[node as usize]);
        prefetch(&ring.neighbour);
        prefetch(&ring.tick);
        prefetch(&ring.amount);
    }

    /// Asks for the place of the next entry.
    #[inline(always)]
    fn prefetch_place(&self, node: u32) {
        let ring = &self.rings[node as usize];
        let place = self.written[node as usize] as usize % DEPTH;
        prefetch(&ring.neighbour[place]);
        prefetch(&ring.tick[place]);
        prefetch(&ring.amount[place]);
    }
}

/// Two milliseconds, so that 90 days fit in 32 bits.
fn tick(stream: &Stream, payment: usize) -> u32 {
    ((stream.time_ms[payment] - stream.time_ms[0]) >> 1) as u32
}

/// Fingerprint of the nodes of many samples, in order (FNV-1a over whole numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeCheck(u64);

impl Default for NodeCheck {
    fn default() -> Self {
        NodeCheck(0xcbf2_9ce4_8422_2325)
    }
}

impl NodeCheck {
    /// Adds the nodes of a sample.
    pub fn add(&mut self, sample: &FloorSample) {
        for &node in &sample.nodes {
            self.0 = (self.0 ^ u64::from(node)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl std::fmt::Display for NodeCheck {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

/// Nodes already in the sample and where: open addressing, emptied by counting up.
struct Visited {
    /// Sample in which the place was last taken, and the node.
    keys: [(u32, u32); PLACES],
    places: [u16; PLACES],
    sample: u32,
}

impl Visited {
    fn new() -> Visited {
        Visited { keys: [(0, 0); PLACES], places: [0; PLACES], sample: 0 }
    }

    #[inline(always)]
    fn start(&mut self) {
        self.sample += 1;
    }

    /// Where a node is, or `place` from now on; and whether it is new.
    #[inline(always)]
    fn find_or_add(&mut self, node: u32, place: u16) -> (u16, bool) {
        let mut slot = (node.wrapping_mul(0x9e37_79b1) >> (32 - PLACES.trailing_zeros())) as usize;
        loop {
            let (sample, found) = self.keys[slot];
            if sample != self.sample {
                self.keys[slot] = (self.sample, node);
                self.places[slot] = place;
                return (place, true);
            }
            if found == node {
                return (self.places[slot], false);
            }
            slot = (slot + 1) % PLACES;
        }
    }
}

/// Copies of a value, in huge pages where the system grants them.
fn huge<T: Copy>(count: usize, value: T) -> Vec<T> {
    const PAGE: usize = 4096;
    let mut values = Vec::with_capacity(count);
    let start = values.as_mut_ptr() as usize;
    let (first, end) = (start.next_multiple_of(PAGE), (start + count * size_of::<T>()) / PAGE * PAGE);
    if end > first {
        #[cfg(target_os = "linux")]
        // SAFETY: the range lies inside memory that `values` owns and starts and ends at a page. The advice is about backing only and
        // changes no contents; where it is refused there are small pages, so the result does not matter.
        unsafe {
            libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE);
        }
    }
    values.resize(count, value);
    values
}

#[inline(always)]
fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint: it never faults and changes nothing, whatever the address; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{SMALL, generate};
    use std::collections::HashMap;

    /// The rule of the file's head in the plainest way: whole lists and a map.
    fn plain_sample(lists: &HashMap<u32, Vec<u32>>, account: u32) -> Vec<u32> {
        let mut nodes = vec![account];
        let mut done = 0;
        for fan_out in FAN_OUT {
            let end = nodes.len();
            for node in done..end {
                for &neighbour in lists.get(&nodes[node]).into_iter().flatten().rev().take(fan_out) {
                    if !nodes.contains(&neighbour) {
                        if nodes.len() == MOST_NODES {
                            return nodes;
                        }
                        nodes.push(neighbour);
                    }
                }
            }
            done = end;
        }
        nodes
    }

    #[test]
    fn it_samples_what_whole_lists_give() {
        let stream = generate(&SMALL);
        let (mut floor, mut lists, mut sample) =
            (Floor::new(stream.entity_count()), HashMap::<u32, Vec<u32>>::new(), FloorSample::default());
        let mut full = 0;
        for payment in 0..60_000 {
            if payment % 50 == 0 {
                floor.sample(&stream, payment, &mut sample);
                assert_eq!(sample.nodes, plain_sample(&lists, stream.account[payment]), "payment {payment}");
                full += usize::from(sample.nodes.len() == MOST_NODES);
            }
            floor.insert(&stream, payment);
            let [account, others @ ..] = stream.parties(payment);
            for other in others {
                lists.entry(account).or_default().push(other);
                lists.entry(other).or_default().push(account);
            }
        }
        assert!(full > 100, "{full} samples reached the cap");
    }
}
