//! The online trainer: a process that learns from a running service, and publishes a new version only through a gate.
//!
//! Map, in reading order:
//! - [`feed`]: examples, labels and control events, from the service's stream or a cluster's topics
//! - [`class`]: what is known of a payment's truth; [`buffer`]: who stays in the replay buffer, and what they stand for
//! - [`store`]: labels, buffer, counters and the step under way on disk, each batch in one transaction
//! - [`step`]: the steps, written down before they are taken
//! - [`material`]: examples, labels and weights of a step, in parts that share no payer
//! - [`champion`], [`candidate`], [`mod@fine_tune`], [`mod@retrain`]: from what serves, or from nothing, to something new
//! - [`gate`]: what it must show; [`publish`]: as an artifact in the registry
//! - [`service`]: telling the service; [`trainer`]: the loop; [`config`], `command`: as it is set and started
//! - [`mod@trial`]: the loop on simulated worlds in which something new appears
//!
//! It never knows how a payment is scored in the service, nor what becomes of a challenger there. Nothing is decided by
//! the machine's clock: time is that of the newest payment, so that a stream gives the same models whenever it is read.

pub mod buffer;
pub mod candidate;
pub mod champion;
pub mod class;
pub(crate) mod command;
pub mod config;
pub mod feed;
pub mod fine_tune;
pub mod gate;
pub mod material;
pub mod publish;
pub mod retrain;
pub mod service;
pub mod step;
pub mod store;
pub mod trainer;
pub mod trial;
