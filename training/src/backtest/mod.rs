//! Backtests: a history replayed in time order, every model fitted only on what was known at the cut.
//!
//! Map, in reading order:
//! - [`protocol`] (windows, delay, removal, figures: a TOML file) → [`period`] (where its windows lie in a history)
//! - [`world`]: first looks at a history; [`compromised`]: accounts known to be compromised, and removed
//! - [`tested`]: the payments tested, gathered once and scored by every fit
//! - [`judge`] (one model, one run) → [`summary`] (means and spreads) → [`results`] (the one JSON object)
//! - [`run`]: the order of it all
//! - [`alteration`] (histories changed on purpose) and [`guards`]: the controls that show nothing leaks
//! - [`page`] (the report), [`folder`] (what lies beside each other on disk), [`text`] (the table), [`command`]
//!
//! Never knows HTTP, the service, or how a model is fitted: it hands examples to [`crate::generations`] and gets scores.

pub mod alteration;
pub mod command;
pub mod compromised;
pub mod folder;
pub mod guards;
pub mod judge;
pub mod page;
pub mod period;
pub mod protocol;
pub mod results;
pub mod run;
pub mod summary;
pub mod tested;
pub mod text;
pub mod world;
