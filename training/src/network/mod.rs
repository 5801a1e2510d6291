//! The hybrid network: attention over the temporal neighbourhood of a payment, joined with the payment's own features.
//!
//! Map, in reading order: [`shape`] (widths and rows), [`weights`] (all numbers of a network as plain named arrays, the one
//! form that training, export and tests share), [`standardise`] (constants that bring features to a common scale), [`input`]
//! (payments as tensors), [`forward`] (the maths), [`loss`] (weighted cross-entropy), [`mod@gradient`] (of a batch, over threads),
//! [`checkpoint`] (the same in less memory), [`step`] (AdamW and clipping), `descent` (epochs, early stopping), [`mod@train`] (a
//! fit from scratch), [`mod@fine_tune`] (a fit from given weights), [`adversarial`] (payments moved to look more like fraud).
//!
//! It never knows how the examples came to be (history, labels, split), nor ONNX: `crate::export` writes the same maths
//! as a file from the same weights, and a parity test holds the two together.
//!
//! The maths, for a payment with 128 node rows (slots by hop: 1, 10, 30, 87), at most `K` = 10 links a row, `d` = 64:
//!
//! ```text
//! h0      = relu(node · W_in + b_in)                                       rows 0..128
//! x       = [link features | cos(age · w + p)]                             8 learned frequencies, shared by the layers
//! layer l = 1, 2, 3 updates R = 41, 11, 1 rows out of S = 128, 41, 11:
//!   e     = x[..R] · W_e
//!   q     = h[..R] · W_q;   k = gather(h · W_k) + e;   v = gather(h · W_v) + e
//!   a     = mask · softmax_K(q · k / sqrt(16))                             4 heads of 16; a row without neighbours gives 0
//!   h'    = relu(h[..R] · W_own + (sum_K a · v) · W_mix + b)
//! joined  = [h3 of the centre | relu(payment · W_pay + b_pay)]
//! embedding = relu(joined · W_head + b_head);   logit = embedding · w_out + b_out
//! ```
//!
//! Rows shrink from layer to layer because only the centre is read at the end: nothing else of a full update would be used.

pub mod adversarial;
pub mod checkpoint;
mod descent;
pub mod fine_tune;
pub mod forward;
pub mod gradient;
pub mod input;
pub mod loss;
pub mod shape;
pub mod standardise;
pub mod step;
pub mod train;
pub mod weights;

pub use adversarial::perturb;
pub use fine_tune::{FineTuneConfig, fine_tune};
pub use forward::{Network, Outputs};
pub use gradient::score;
pub use input::NetworkInput;
pub use standardise::Standardisation;
pub use train::{EpochReport, Example, Measure, Progress, TrainConfig, TrainError, TrainedNetwork, train};
pub use weights::{Array, Weights, WeightsError};
