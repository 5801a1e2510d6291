//! The scoring service `fraudnet`: payments in, durable verdicts out.
//!
//! Map, in reading order:
//! - the rim: [`wire`] (JSON forms and every bound of every field), [`http`] (routes, problems, traces), [`config`], [`telemetry`];
//! - the core: [`service`] (the order in which a payment is served), [`log`] (the truth: an embedded, group-committed event log),
//!   [`engine`] (the one thread that observes), [`serving`] (which models answer, and who does when they do not), [`inference`] (micro-batches), [`policy`] (probability to decision and
//!   reasons), [`verdict`], [`follower`] (a second fold of the log, for people), [`meters`] (metrics of the core);
//! - payments that people look at: [`cases`] (the fold, pure), [`reviews`] (kept up with the log; labels that come of it);
//! - why a verdict is what it is: [`explain`]; accounts that belong together: [`rings`];
//! - who may ask what: [`access`] (the fold and every check, pure), [`invite`] (one-time links);
//! - proof of what was decided: [`provenance`] (a tree of hashes over the log, signed heads);
//! - people under other names, and how one is erased from a log that never changes: [`privacy`];
//! - what changes what scores: [`control`] (as events, and their fold);
//! - beside it: [`history`] (anybody's past, read from files), [`simulate`] (seeded histories), [`client`] (of the HTTP API), [`demo`]
//!   (all of it at work), [`clock`] (the one place that reads the time), [`signals`];
//! - what crosses Kafka besides events, verdicts and cases: [`example`] (what training gets), [`schemas`] (all of it, for others).
//!
//! The binary's commands are thin: arguments in, calls into this library, text out.
//!
//! Never knows: training, losses, optimisers; how a graph samples or a model computes.

pub mod access;
pub mod cases;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod control;
pub mod demo;
pub mod drift;
pub mod engine;
pub mod example;
pub mod experiments;
pub mod explain;
pub mod failpoint;
pub mod follower;
pub mod history;
pub mod http;
mod ids;
pub mod inference;
pub mod invite;
pub mod log;
pub mod meters;
pub mod policy;
pub mod privacy;
pub mod provenance;
pub mod reviews;
pub mod rings;
pub mod schemas;
pub mod service;
pub mod serving;
pub mod shared;
pub mod signals;
pub mod simulate;
pub mod snapshot;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod trace_context;
pub mod verdict;
pub mod wire;
