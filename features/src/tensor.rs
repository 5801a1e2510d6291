//! The tensor of one payment: all a model ever sees of it, compact. Padding to fixed shapes happens at the model's door.

use half::f16;

/// Columns of a node row.
pub const NODE_WIDTH: usize = 64;
/// Columns of a link row.
pub const EDGE_WIDTH: usize = 16;

/// Everything known about a payment at its cut. Only used rows are held; node features and link features are f16, as served and as logged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensor {
    /// Nodes per hop (centre, 1, 2, 3); they sum to the number of node rows.
    pub hop_counts: [u16; 4],
    /// Node rows in hop order, [`NODE_WIDTH`] columns each.
    pub nodes: Vec<f16>,
    /// End of each row's links, one entry for every node of hops 0 to 2.
    pub row_ends: Vec<u16>,
    /// Node index every link points at.
    pub neighbours: Vec<u8>,
    /// Link rows, [`EDGE_WIDTH`] columns each, in the order of `neighbours`.
    pub edges: Vec<f16>,
    /// Payment features, one value per column of [`crate::schema`].
    pub payment: Vec<f32>,
}

impl Tensor {
    /// Number of node rows.
    pub fn node_count(&self) -> usize {
        self.nodes.len() / NODE_WIDTH
    }

    /// Bytes of the values held.
    pub fn bytes(&self) -> usize {
        2 * (self.nodes.len() + self.edges.len())
            + 2 * self.row_ends.len()
            + self.neighbours.len()
            + 4 * self.payment.len()
            + 8
    }

    /// Bytes the same values take as padded f32, the form a model reads (indices as i64, mask as f32).
    pub fn padded_f32_bytes(&self) -> usize {
        use fraudnet_graph::{MAX_LINKS, MAX_NODES, MAX_ROWS};
        4 * (MAX_NODES * NODE_WIDTH + MAX_ROWS * MAX_LINKS * (EDGE_WIDTH + 1) + self.payment.len())
            + 8 * MAX_ROWS * MAX_LINKS
    }
}
