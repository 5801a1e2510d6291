//! The recipe of the released model: everything that decides it, in one place. `fraudnet-train released` follows it.
//!
//! Three simulated worlds of 120 days: one alone holds too few frauds to fit on and to be sure of a test. They are
//! generated in process, so nothing but this file and the build is needed to reproduce the model.

use crate::data::source::Source;
use crate::data::split::SplitSettings;
use crate::fit::FitRequest;
use crate::network::TrainConfig;
use crate::points::PointGoals;
use crate::progress::Told;
use fraudnet_models::RuntimeConfig;
use fraudnet_scoring::simulate::SimulationConfig;
use std::path::Path;

/// Model family.
pub const NAME: &str = "hybrid";
/// Version of the released model.
pub const VERSION: &str = "2026.11.22-1";
/// Seeds of the worlds.
pub const WORLDS: [u64; 3] = [1, 2, 3];
/// First moment of every world: 2026-01-05 00:00 UTC, a Monday.
pub const START_MS: i64 = 1_767_571_200_000;
/// Seed of the fit.
pub const SEED: u64 = 1;
/// Share of payments not known to be fraud that become examples: 30,000 or so, half a gigabyte of tensors.
pub const NEGATIVE_SHARE: f64 = 0.08;
/// Share of such test payments in the sample of ablations and parity.
pub const ABLATION_SHARE: f64 = 0.04;
/// Most passes over the examples.
pub const EPOCHS: usize = 14;
/// Bootstrap replicates.
pub const REPLICATES: usize = 500;
/// Threads of fit and scoring. Changes the speed, not the model.
pub const THREADS: usize = 2;

/// The worlds the released model is fitted on: labels that come after the last day are told, so that the test is judged
/// by matured labels.
pub fn sources() -> Vec<Source> {
    WORLDS
        .iter()
        .map(|&seed| {
            Source::Simulated(SimulationConfig { label_tail: true, ..SimulationConfig::training(seed, START_MS) })
        })
        .collect()
}

/// The recipe; `models` is the folder of all models.
pub fn request(models: &Path, runtime: RuntimeConfig) -> FitRequest {
    FitRequest {
        sources: sources(),
        out: models.join(NAME).join(VERSION),
        replace: true,
        parent_version: None,
        seed: SEED,
        split: SplitSettings::default(),
        negative_share: NEGATIVE_SHARE,
        ablation_share: ABLATION_SHARE,
        train: TrainConfig { epochs: EPOCHS, threads: THREADS, ..TrainConfig::default() },
        goals: PointGoals::default(),
        runtime,
        threads: THREADS,
        replicates: REPLICATES,
        told: Told::Aloud,
    }
}
