//! Whole-system tests: the harness. It starts the real `fraudnet` binary on a free port, in a folder of its own, and speaks HTTP to it.
//!
//! Map, in reading order:
//! - [`Folder`] (`folder`): where a test keeps its files; [`Settings`] (`settings`): a configuration file in the making;
//! - [`Server`] (`server`): start, stop, kill and start again on the same log, and what was logged; [`run`]: other commands;
//! - [`Client`], [`Reply`] (`client`): HTTP with nothing hidden; [`Load`] (`load`): callers that keep asking and remember every answer;
//! - [`Admin`] (`admin`): whoever gives access;
//! - [`cluster`]: real Kafka and Redis, a network to cut, and replicas of the service between them;
//! - [`verifier`]: what was lost, decided twice, answered differently or seen too early; [`chaos`]: a cluster broken in every way there is;
//! - [`payment`], [`label`], [`with`] (`requests`): bodies; [`Numbers`] (`numbers`): chance from a seed.
//!
//! Never knows: how the service works inside. What a caller cannot see is read off the log by the tests themselves, and by the verifier.

mod admin;
pub mod chaos;
mod client;
pub mod cluster;
mod folder;
mod load;
mod numbers;
mod requests;
mod server;
mod settings;
pub mod verifier;

pub use admin::Admin;
pub use client::{Client, Reply};
pub use folder::{Folder, newest_model, repository};
pub use load::{Load, Report};
pub use numbers::Numbers;
pub use requests::{label, payment, with};
pub use server::{PATIENCE, Server, program, run, serve_fails};
pub use settings::Settings;
