//! The loop on trial: simulated worlds in which a kind of fraud appears that the champion never saw.
//!
//! Map: this file (what is asked and what is told), `world` (a simulated service: payments scored by whatever is champion), `run` (one
//! world from its first day to the last), `command` (as it is started).
//!
//! What is measured, by truth and on payments later than everything that was learnt:
//! - *recovery*: one day after the 50th known label of the new kind, the recall of its frauds on the following days by what the loop has
//!   made champion, over the recall of a full retrain on the same labels; both flag the same share of payments.
//! - *never worse*: each promoted version against the one it succeeds, on the payments of the days after its promotion. Worse is an
//!   average precision whose paired 95 % interval (blocks of six hours) lies below zero. Refused candidates are judged alike: those that
//!   would have been better are what the gate costs.
//!
//! The trainer is the one that runs beside a service: its store, its steps, its gate. Only the way of a challenger to champion is cut
//! short: there is no shadow and no canary here to catch what the gate lets through.

pub(crate) mod command;
mod run;
mod world;

use crate::metrics::Interval;
use fraudnet_scoring::simulate::Typology;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a trial is.
#[derive(Debug, Clone)]
pub struct TrialRequest {
    /// Folder for models and stores.
    pub folder: PathBuf,
    /// Seeds of the worlds, one run each.
    pub seeds: Vec<u64>,
    /// The kinds of fraud that are new, run after run in turn.
    pub novelties: Vec<Typology>,
    /// Runs, from the first, that are held against a full retrain.
    pub compared: usize,
    /// Threads.
    pub threads: usize,
    /// ONNX Runtime.
    pub runtime: fraudnet_models::RuntimeConfig,
    /// Whether progress is told.
    pub told: crate::progress::Told,
}

/// Frauds of the new kind and how many of them were flagged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// Frauds.
    pub frauds: u64,
    /// Of them, flagged.
    pub flagged: u64,
}

impl Caught {
    /// Recall; none where there were no frauds.
    pub fn recall(self) -> Option<f64> {
        (self.frauds > 0).then(|| self.flagged as f64 / self.frauds as f64)
    }
}

/// A candidate beside the champion of its day, judged by the days after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aftermath {
    /// The candidate.
    pub version: String,
    /// The champion when it was made.
    pub champion: String,
    /// Day of the world.
    pub day: u32,
    /// Payments and frauds it was judged on.
    pub payments: u64,
    /// Frauds among them.
    pub frauds: u64,
    /// Average precision less the champion's, with its paired interval.
    pub difference: Interval,
}

impl Aftermath {
    /// Whether the interval lies below zero.
    pub fn is_worse(&self) -> bool {
        self.difference.high < 0.0
    }

    /// Whether the interval lies above zero.
    pub fn is_better(&self) -> bool {
        self.difference.low > 0.0
    }
}

/// How the new kind was caught on the test days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Known labels of the new kind when the test days began.
    pub known: u64,
    /// Day of the world on which they began.
    pub from_day: u32,
    /// By the model the world began with.
    pub before: Caught,
    /// By the loop's champion when they began.
    pub looped: Caught,
    /// By a full retrain on the same labels; none where it was not made.
    pub retrained: Option<Caught>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Seed of its world.
    pub seed: u64,
    /// The new kind.
    pub novelty: String,
    /// Steps that the trainer began.
    pub steps: u64,
    /// Candidates that the gate refused.
    pub refused: Vec<Aftermath>,
    /// Candidates that became champion.
    pub promoted: Vec<Aftermath>,
    /// How the new kind was caught.
    pub recovery: Recovery,
    /// Seconds it took.
    pub seconds: f64,
}

/// All runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// The runs.
    pub runs: Vec<RunReport>,
    /// Promotions in all.
    pub promotions: u64,
    /// Of them, better than what they succeeded.
    pub better: u64,
    /// Of them, worse.
    pub worse: u64,
    /// Candidates that the gate refused.
    pub refusals: u64,
    /// Of them, better than the champion they were held against.
    pub missed: u64,
    /// Frauds of the new kind by the model the worlds began with, over all runs.
    pub before: Caught,
    /// By the loop, over all runs.
    pub looped: Caught,
    /// By the loop and by the full retrain, over the runs that were compared.
    pub compared: Option<[Caught; 2]>,
    /// Recall of the loop over that of the full retrain, over the runs that were compared.
    pub recovered: Option<f64>,
}

impl TrialReport {
    /// Of these runs.
    pub fn of(runs: Vec<RunReport>) -> TrialReport {
        let sum = |caught: &dyn Fn(&RunReport) -> Option<Caught>| {
            runs.iter().filter_map(caught).fold(Caught::default(), |sum, one| Caught {
                frauds: sum.frauds + one.frauds,
                flagged: sum.flagged + one.flagged,
            })
        };
        let looped_where_compared = sum(&|run| run.recovery.retrained.map(|_| run.recovery.looped));
        let retrained = sum(&|run| run.recovery.retrained);
        let compared = (retrained.frauds > 0).then_some([looped_where_compared, retrained]);
        let recovered = compared.and_then(|[looped, retrained]| {
            let retrained = retrained.recall().filter(|recall| *recall > 0.0)?;
            Some(crate::metrics::rounded(looped.recall()? / retrained))
        });
        let promoted: Vec<&Aftermath> = runs.iter().flat_map(|run| &run.promoted).collect();
        let refused: Vec<&Aftermath> = runs.iter().flat_map(|run| &run.refused).collect();
        let count =
            |of: &[&Aftermath], which: fn(&Aftermath) -> bool| of.iter().filter(|one| which(one)).count() as u64;
        TrialReport {
            promotions: promoted.len() as u64,
            better: count(&promoted, Aftermath::is_better),
            worse: count(&promoted, Aftermath::is_worse),
            refusals: refused.len() as u64,
            missed: count(&refused, Aftermath::is_better),
            before: sum(&|run| Some(run.recovery.before)),
            looped: sum(&|run| Some(run.recovery.looped)),
            compared,
            recovered,
            runs,
        }
    }
}

/// Runs all worlds, one after the other.
///
/// # Errors
/// What a fit, the store or the runtime says.
pub fn trial(request: &TrialRequest, told: &mut dyn FnMut(&RunReport)) -> anyhow::Result<TrialReport> {
    let mut runs = Vec::new();
    for (number, &seed) in request.seeds.iter().enumerate() {
        let novelty = request.novelties[number % request.novelties.len()];
        let run = run::run(request, seed, novelty, number < request.compared)?;
        told(&run);
        runs.push(run);
    }
    Ok(TrialReport::of(runs))
}
