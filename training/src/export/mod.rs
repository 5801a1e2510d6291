//! The network as an ONNX file, written from [`Weights`] with no other tool.
//!
//! Map, in reading order: [`graph`] (a small writer that names values and holds shared constants), `layers` (the maths of
//! [`crate::network`] as nodes), `read_back` (weights out of a file written here). Two files come from the same weights: fp32 for the processor and fp16 for a GPU.
//!
//! It never knows how weights were fitted. Bytes are a pure function of the weights.

pub mod graph;
mod layers;
mod read_back;

use crate::network::Weights;
pub use fraudnet_models::Precision;
use prost::Message;

/// The bytes of the network's file in this precision. Inputs and outputs are the same (f32 and i64) in both.
///
/// In the f16 file the attention layers compute in f16; standardising, the time encoding, the softmax, the payment branch
/// and the head stay f32. They cost little, and they are where f16 loses most: raw features span many magnitudes, a phase
/// needs its low bits, a softmax its tail, and the last sums carry the logit.
pub fn onnx_bytes(weights: &Weights, precision: Precision) -> Vec<u8> {
    layers::network(weights, precision).encode_to_vec()
}
