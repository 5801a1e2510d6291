//! Widths and row counts of the network. Export and training read the same constants.

use fraudnet_features::EDGE_WIDTH;
use fraudnet_graph::{HOP_BUDGET, MAX_NODES, MAX_ROWS};

/// Width of every hidden vector.
pub const WIDTH: usize = 64;
/// Attention heads.
pub const HEADS: usize = 4;
/// Width of a head.
pub const HEAD_WIDTH: usize = WIDTH / HEADS;
/// Learned frequencies of the time encoding.
pub const FREQUENCIES: usize = 8;
/// Columns of a link as the layers read it: its features and the time encoding.
pub const LINK_INPUT: usize = EDGE_WIDTH + FREQUENCIES;
/// Attention layers.
pub const LAYERS: usize = 3;
/// Node rows known after layer `l` (index 0: before the first): 128, 41, 11, 1.
pub const ROWS: [usize; LAYERS + 1] = [MAX_NODES, MAX_ROWS, HOP_BUDGET[0] + HOP_BUDGET[1], HOP_BUDGET[0]];
/// Standardised features are cut off at this many standard deviations, so that one wild value cannot dominate.
pub const CLIP: f32 = 6.0;
/// Added to the score of a masked link before the softmax. Large enough that `exp` gives zero, small enough for any float.
pub const MASKED_SCORE: f32 = -1e4;
