//! The simulator: seeded histories of payments with their labels, ordinary life with rings in it.
//!
//! In reading order: [`SimulationConfig`] (what is asked for), `sampling` (draws), `geography` (fixed tables), `identity` (names),
//! `population` (who lives where), `draft` (a payment as planned), then ordinary life: `life` (a day), `recurring` (wages, rent),
//! `bursts` (honest look-alikes of fraud), `drift` (what changes); then `rings` (gangs and the six typologies), `labels` (how truth
//! comes to light), `stream` (all of it as ordered events), `history` (JSON lines), `columns` (does one column give fraud away?).
//!
//! Never knows: graph, features, models, policy, the clock. The oracle stands beside an event, never in it.
//!
//! Frozen: models name [`SIMULATOR_VERSION`] and their seeds. A change that alters any output raises the version and refits them.

mod bursts;
mod columns;
mod config;
mod draft;
mod drift;
mod geography;
mod history;
mod identity;
mod labels;
mod life;
mod oracle;
mod population;
mod recurring;
mod rings;
mod sampling;
mod stream;
#[cfg(test)]
mod tests;

pub use columns::column_aucs;
pub use config::{ConfigError, Newcomer, SimulationConfig};
pub use history::{HistoryReader, LineError, LineFault, MAX_LINE_BYTES, read_history, write_history};
pub use oracle::{Oracle, SimulatedEvent, Typology};
pub use stream::Simulation;

/// Version of the generator. Equal version and configuration give equal histories.
pub const SIMULATOR_VERSION: &str = "1";

/// How far a simulation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Days lived so far.
    pub days_done: u32,
    /// Days in all.
    pub days: u32,
    /// Payments made so far.
    pub payments: u64,
}

/// Simulates a history: events in the order of `ingested_at_ms`, labels among the payments when they become known.
///
/// Lazy: a day is lived when it is asked for. Settings out of bounds are drawn to the nearest bound
/// ([`SimulationConfig::check`] tells of them).
pub fn simulate(config: &SimulationConfig) -> Simulation {
    Simulation::new(config)
}

/// As [`simulate`], and tells `progress` whenever another day is done.
pub fn simulate_with_progress(
    config: &SimulationConfig,
    mut progress: impl FnMut(Progress),
) -> impl Iterator<Item = SimulatedEvent> {
    let mut simulation = simulate(config);
    let mut told = 0;
    std::iter::from_fn(move || {
        let event = simulation.next();
        if simulation.days_done() != told {
            told = simulation.days_done();
            progress(Progress { days_done: told, days: simulation.days(), payments: simulation.payments() });
        }
        event
    })
}
