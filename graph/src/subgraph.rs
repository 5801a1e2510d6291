//! What a sample hands out: the neighbourhood of one payment as flat, plain data.

use crate::{Kind, Relation};

/// Most nodes a sample may hold.
pub const MAX_NODES: usize = 128;
/// Most nodes first met at each hop: the centre, then hops 1 to 3. Sums to [`MAX_NODES`].
pub const HOP_BUDGET: [usize; 4] = [1, 10, 30, 87];
/// Most links of one row.
pub const MAX_LINKS: usize = 10;
/// Most rows that have links: hops 0 to 2.
pub const MAX_ROWS: usize = HOP_BUDGET[0] + HOP_BUDGET[1] + HOP_BUDGET[2];
/// Entity number of a node the graph has never seen: an identifier that the payment itself brings.
pub const UNSEEN: u32 = u32::MAX;

/// The neighbourhood of one payment at its cut. Nodes are unique and ordered by hop; the centre is node 0.
/// Buffers are reused from sample to sample, so sampling allocates nothing once warm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subgraph {
    /// The graph's clock at the cut, seconds since the epoch; every time below is at or before it.
    pub now_s: u32,
    /// Nodes in order of discovery.
    pub nodes: Vec<Node>,
    /// Nodes per hop.
    pub hop_counts: [u16; 4],
    /// End of each row's links in `links`; one entry for every node of hops 0 to 2.
    pub row_ends: Vec<u16>,
    /// Links of all rows, row after row. A link never points more than one hop outward.
    pub links: Vec<Link>,
    /// Neighbours that a budget left out.
    pub truncated: u32,
}

/// One node of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Entity number, or [`UNSEEN`].
    pub entity: u32,
    /// Hash of tenant, kind and identifier: the same in every process, so digests can be compared between them.
    pub key: u64,
    /// Kind of the entity.
    pub kind: Kind,
    /// Distance from the centre, 0–3.
    pub hop: u8,
    /// True for the payment's own account, device, IP, merchant and counterparty.
    pub own: bool,
}

/// One link of a row: the neighbour and the running facts of the edge between them as of the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Index of the neighbour in [`Subgraph::nodes`].
    pub node: u8,
    /// Relation of the edge.
    pub relation: Relation,
    /// True where the payment itself makes this link, whether or not it was there before.
    pub own: bool,
    /// Facts of the edge; all zero where the payment's own link was never seen before.
    pub facts: EdgeFacts,
}

/// Running facts of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EdgeFacts {
    /// When it was first active, seconds since the epoch.
    pub first_s: u32,
    /// When it was last active, seconds since the epoch.
    pub last_s: u32,
    /// Payments over it.
    pub count: u32,
    /// Payments over it reported as fraud, by the labels known at the cut.
    pub reported: u32,
    /// Sum of their amounts in hundredths of the currency's major unit, saturating.
    pub amount: u64,
    /// Log position of the event that first made it.
    pub source: u64,
}

impl Subgraph {
    /// Links of the row of `node`; empty for nodes of hop 3.
    pub fn row(&self, node: usize) -> &[Link] {
        if node >= self.row_ends.len() {
            return &[];
        }
        let start = if node == 0 { 0 } else { self.row_ends[node - 1] as usize };
        &self.links[start..self.row_ends[node] as usize]
    }
}
