//! The recipe of the released models: everything that decides them, in one place. `fraudnet-train released` follows it.
//!
//! Three simulated worlds of 120 days: one alone holds too few frauds to fit on and to be sure of a test. They are
//! generated in process, so nothing but this file and the build is needed to reproduce the models.

use crate::contender::Contender;
use crate::data::examples::Shares;
use crate::data::source::Source;
use crate::data::split::SplitSettings;
use crate::fit::FitRequest;
use crate::network::TrainConfig;
use crate::points::PointGoals;
use crate::progress::Told;
use crate::trees::TreeConfig;
use fraudnet_models::RuntimeConfig;
use fraudnet_scoring::simulate::SimulationConfig;
use std::path::Path;

/// Version of the released models.
pub const VERSION: &str = "2026.11.22-2";
/// Version of the hybrid they succeed; there were no trees before.
pub const PARENT: &str = "2026.11.22-1";
/// Seeds of the worlds.
pub const WORLDS: [u64; 3] = [1, 2, 3];
/// First moment of every world: 2026-01-05 00:00 UTC, a Monday.
pub const START_MS: i64 = 1_767_571_200_000;
/// Seed of the fit.
pub const SEED: u64 = 1;
/// Shares of payments not known to be fraud that become examples: with their tensors 30,000 or so of the fit window and
/// 15,000 of the early stop, under a gigabyte; rows of 190,000, a quarter of that.
pub const SHARES: Shares = Shares { negative: 0.08, tabular: 0.5, stop: 0.25 };
/// Share of such test payments in the sample of ablations and parity.
pub const ABLATION_SHARE: f64 = 0.04;
/// Most passes over the examples.
pub const EPOCHS: usize = 14;
/// Bootstrap replicates.
pub const REPLICATES: usize = 500;
/// Threads of fit and scoring. Changes the speed, not the models.
pub const THREADS: usize = 2;

/// The worlds the released models are fitted on: labels that come after the last day are told, so that the test is judged
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
        models: models.to_path_buf(),
        families: Contender::FAMILIES.to_vec(),
        version: VERSION.to_owned(),
        replace: true,
        parents: vec![(Contender::Hybrid, PARENT.to_owned())],
        seed: SEED,
        split: SplitSettings::default(),
        shares: SHARES,
        ablation_share: ABLATION_SHARE,
        train: TrainConfig { epochs: EPOCHS, threads: THREADS, ..TrainConfig::default() },
        trees: TreeConfig::default(),
        goals: PointGoals::default(),
        runtime,
        threads: THREADS,
        replicates: REPLICATES,
        told: Told::Aloud,
    }
}
