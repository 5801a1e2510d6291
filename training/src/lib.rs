//! Training of fraudnet: from a history to a published, verified model.
//!
//! Map, in reading order:
//! - [`data`]: a history, its labels and windows, the replay through `State::observe`, the examples kept
//! - [`example_file`]: examples as Parquet, for those who fit models with other tools
//! - [`network`], [`export`]: the hybrid network in Rust and the same maths as an ONNX file
//! - [`trees`]: boosted trees, fitted by LightGBM
//! - [`rules`], [`logistic`]: the velocity rules (a tier of every artifact) and the baseline beside them
//! - [`contender`], [`generations`]: everything that is compared, fitted on the same examples
//! - [`score`]: a history through the exported files, as it will be served
//! - [`calibrate`], [`points`]: probabilities and decisions, from a later window
//! - [`metrics`], [`ablate`], [`versus`], [`report`]: what it is worth on held-out time
//! - [`facts`], [`tables`], [`card`], [`golden`], [`feature_table`]: what is written beside the weights
//! - [`fit`], [`evaluate`], [`released`]: the commands' work, and the recipe of the released models
//! - [`backtest`]: any history in time order, every model fitted on what was known at the cut; controls; the report
//! - [`online`]: learning from a running service: replay buffer, fine-tuning, gate, publishing
//! - `demo`: the closed loop at work, from a new kind of fraud to the model that knows it
//! - [`foreign`]: models made with other tools, judged and published
//! - [`command`], [`progress`]: the command line and what it says
//!
//! Never knows HTTP routes, the service's threads, or its log. Everything but `progress` is deterministic: the same
//! histories and seed give the same artifact, byte for byte.

pub mod ablate;
pub mod backtest;
pub mod calibrate;
pub mod card;
pub mod command;
pub mod contender;
pub mod data;
mod demo;
pub mod evaluate;
pub mod example_file;
pub mod export;
pub mod facts;
pub mod feature_table;
pub mod fit;
pub mod foreign;
pub mod generations;
pub mod golden;
pub mod logistic;
pub mod metrics;
pub mod network;
pub mod online;
pub mod points;
pub mod progress;
pub mod released;
pub mod report;
pub mod rules;
pub mod score;
pub mod tables;
pub mod trees;
pub mod versus;
