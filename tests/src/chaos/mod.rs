//! Chaos: a whole cluster at work while its parts are killed, frozen, cut off and filled up, and a verifier that says what came of it.
//!
//! Map, in reading order:
//! - [`World`] (`world`): what is sent; `poison`: what no service may take;
//! - [`Plan`], [`Targets`], [`Progress`] (`traffic`): clients on both paths that write down what they sent and heard;
//! - [`Stage`], [`Troupe`] (`stage`): broker, Redis and replicas of one run;
//! - [`Fault`] (`fault`): what is done to them; `inject`: how;
//! - [`play()`] (`play`): one fault from an empty cluster to the verifier's row;
//! - `show`: the demo of a cluster, two replicas of which one dies; `screen`: the lines that both print.
//!
//! Every choice follows from a seed; what a broken machine does with its time does not.
//!
//! Never knows: how the service works inside.

mod fault;
mod inject;
mod play;
mod poison;
mod screen;
mod show;
mod stage;
mod traffic;
mod world;

pub use fault::Fault;
pub use play::{Options, play};
pub use screen::Screen;
pub use show::{Ending, show};
pub use stage::{Stage, Troupe};
pub use traffic::{Plan, Progress, Targets};
pub use world::World;
