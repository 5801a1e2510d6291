//! Models made with other tools: an ONNX file becomes a version that can be served.
//!
//! Map, in reading order: [`judged`] (the payments a model is judged on: the later part of a file of examples), [`scored`] (the file run
//! on them), [`publish`](mod@publish) (calibration, operating points, figures, golden vectors, the artifact), `page` (its model card), `command`.
//!
//! It never knows how the model was fitted, and has to believe one thing: that it was fitted on earlier payments only.

pub(crate) mod command;
pub mod judged;
mod page;
pub mod publish;
pub mod scored;
