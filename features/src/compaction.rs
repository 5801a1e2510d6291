//! What compaction saves: unique nodes instead of one row a link, and f16 rows in use instead of padded f32.

use crate::Tensor;

/// Running sums over tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compaction {
    /// Tensors added.
    pub tensors: u64,
    /// Node rows if every link brought its own copy of the node it points at, the centre included.
    pub nodes_unshared: u64,
    /// Node rows held: unique nodes.
    pub nodes: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Bytes of the same values as padded f32.
    pub padded_f32_bytes: u64,
}

impl Compaction {
    /// Adds one tensor.
    pub fn add(&mut self, tensor: &Tensor) {
        self.tensors += 1;
        self.nodes_unshared += 1 + tensor.neighbours.len() as u64;
        self.nodes += tensor.node_count() as u64;
        self.bytes += tensor.bytes() as u64;
        self.padded_f32_bytes += tensor.padded_f32_bytes() as u64;
    }

    /// Share of node rows saved by holding each entity once; 0 where nothing was added.
    pub fn nodes_saved(&self) -> f64 {
        saved(self.nodes, self.nodes_unshared)
    }

    /// Share of bytes saved against padded f32; 0 where nothing was added.
    pub fn bytes_saved(&self) -> f64 {
        saved(self.bytes, self.padded_f32_bytes)
    }
}

fn saved(held: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 1.0 - held as f64 / whole as f64 }
}

impl std::fmt::Display for Compaction {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} tensors: {} node rows instead of {} ({:.1} % saved), {} bytes instead of {} as padded f32 ({:.1} % saved)",
            self.tensors,
            self.nodes,
            self.nodes_unshared,
            100.0 * self.nodes_saved(),
            self.bytes,
            self.padded_f32_bytes,
            100.0 * self.bytes_saved()
        )
    }
}
