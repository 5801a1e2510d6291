//! One world from its first day to the last, with the trainer beside it.

use super::world::{DAYS, GOALS, Scored, WARM_UP, World, first_champion};
use super::{Aftermath, Caught, Recovery, RunReport, TrialRequest};
use crate::data::split::DAY_MS;
use crate::metrics::{Ranking, block_bootstrap};
use crate::online::champion::logits;
use crate::online::config::{FineTuneSettings, LabelConfig, OnlineConfig, PartConfig, RetrainSettings};
use crate::online::feed::{Batch, Cursor};
use crate::online::gate::GateConfig;
use crate::online::service::{Audience, Refusal};
use crate::online::step::{Kind, Plan};
use crate::online::store::Store;
use crate::online::trainer::{Outcome, Trainer};
use anyhow::{Context, Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_models::{Artifact, ModelRef, Registry, Trust};
use fraudnet_scoring::clock;
use fraudnet_scoring::simulate::Typology;
use std::sync::Arc;

/// Known labels of the new kind after which, and a day more, the loop must have learnt it.
const KNOWN: usize = 50;
/// Days that recall is measured on.
const TEST_DAYS: u32 = 4;
/// Days that a candidate is judged on.
const AFTER_DAYS: u32 = 4;
/// Blocks of the bootstrap.
const BLOCK_MS: i64 = DAY_MS / 4;

/// Whoever hears of a challenger makes it champion.
struct Promoting {
    champion: ModelRef,
}

impl Audience for Promoting {
    fn champion(&mut self) -> Result<Option<ModelRef>> {
        Ok(Some(self.champion.clone()))
    }

    fn challenge(&mut self, plan: &Plan, _: &str) -> Result<(), Refusal> {
        self.champion = plan.version.clone();
        Ok(())
    }
}

/// The champion of a day and a candidate, on the payments that came after.
struct Watched {
    promoted: bool,
    day: u32,
    models: [(ModelRef, Arc<Artifact>); 2],
    scores: [Vec<f32>; 2],
    frauds: Vec<bool>,
    blocks: Vec<u32>,
}

/// The settings of every trial.
fn settings(
    request: &TrialRequest,
    seed: u64,
    registry: std::path::PathBuf,
    state: std::path::PathBuf,
) -> OnlineConfig {
    OnlineConfig {
        registry,
        state,
        url: String::new(),
        seed,
        threads: request.threads,
        labels: LabelConfig { maturity_days: 7.0, ..LabelConfig::default() },
        parts: PartConfig { window_days: 7.0, negatives: 2_000, least_frauds: 25, ..PartConfig::default() },
        fine_tune: FineTuneSettings { after: 50, negatives: 3_000, rounds: 200, ..FineTuneSettings::default() },
        retrain: RetrainSettings { at: "off".to_owned(), negatives: 6_000, epochs: 8, rounds: 200 },
        // Its models are timed while other worlds go on beside it.
        gate: GateConfig { latency: 10.0, ..GateConfig::default() },
        goals: GOALS,
        ..OnlineConfig::default()
    }
}

pub(super) fn run(request: &TrialRequest, seed: u64, novelty: Typology, compared: bool) -> Result<RunReport> {
    let started = clock::monotonic();
    let (runtime, threads) = (&request.runtime, request.threads);
    let first = first_champion(&request.folder, novelty, runtime, threads, request.told)?;
    let folder = request.folder.join(format!("run-{seed}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(folder.join("models"))?;
    let registry = Registry::open(&folder.join("models"))?;
    registry.publish(&first, &Trust::none(), None, runtime)?;
    let load =
        |model: &ModelRef| -> Result<Arc<Artifact>> { Ok(Arc::new(registry.verify(model, &Trust::none())?.artifact)) };

    let mut audience = Promoting { champion: ModelRef::new("hybrid", "first")? };
    let config = settings(request, seed, folder.join("models"), folder.join("trainer"));
    let store = Store::open(&config.state, config.buffer, config.labels.rules(), Cursor::Position(0))?;
    let mut trainer = Trainer::new(config, store, None, runtime.clone())?;
    let mut world = World::new(seed, novelty);
    let begun_with = load(&audience.champion)?;
    let mut champion = (audience.champion.clone(), Arc::clone(&begun_with));
    let (mut promoted, mut refused, mut watched) = (Vec::new(), Vec::new(), Vec::<Watched>::new());
    let candidates = folder.join("trainer").join("candidates");
    let mut known_on: Option<u32> = None;
    let mut test: Option<Test> = None;

    for day in 0..DAYS {
        if day < WARM_UP {
            world.live(day, None, runtime, threads)?;
            continue;
        }
        let lived = world.live(day, Some((&champion.0, &champion.1)), runtime, threads)?;
        for one in &mut watched {
            one.score(&lived.payments, runtime, threads)?;
        }
        finished(&mut watched, day, &mut promoted, &mut refused);
        if let Some(test) = &mut test {
            test.score(&lived.payments, novelty, runtime, threads)?;
            if day + 1 >= test.from_day + TEST_DAYS {
                break;
            }
        }
        let Cursor::Position(at) = trainer.progress().cursor else { unreachable!("a trial's cursor is a position") };
        let next = Cursor::Position(at + lived.heard.len() as u64);
        trainer.take(&Batch { told: lived.heard, next, unreadable: 0 })?;
        // Midnight: whatever is due is done before the next day.
        while let Some(outcome) = trainer.work(&mut audience)? {
            if let Outcome::Refused { plan, report: Some(_), .. } = &outcome {
                let candidate = Arc::new(Artifact::load(&candidates.join(&plan.version.version))?);
                watched.push(Watched::new(false, day + 1, [champion.clone(), (plan.version.clone(), candidate)]));
            }
            if audience.champion != champion.0 {
                let newer = (audience.champion.clone(), load(&audience.champion)?);
                watched.push(Watched::new(true, day + 1, [champion.clone(), newer.clone()]));
                champion = newer;
            }
        }
        if world.known.len() >= KNOWN && known_on.is_none() {
            known_on = Some(day);
        }
        // One day for the loop after the label; the test begins on the next.
        if test.is_none() && known_on.is_some_and(|known| day > known) {
            let retrained =
                if compared { Some(Arc::new(trainer_retrain(&trainer, &champion.0, &folder)?)) } else { None };
            let models = [Some(Arc::clone(&begun_with)), Some(Arc::clone(&champion.1)), retrained];
            test = Some(Test {
                from_day: day + 1,
                known: world.known.len() as u64,
                models,
                caught: [Caught::default(); 3],
            });
        }
    }
    finished(&mut watched, u32::MAX - AFTER_DAYS, &mut promoted, &mut refused);
    let test = test.with_context(|| {
        format!(
            "world {seed} knows {} frauds of the new kind, fewer than {KNOWN}; take another seed",
            world.known.len()
        )
    })?;
    let [before, looped, retrained] = test.caught;
    ensure!(before.frauds > 0, "world {seed} has no fraud of the new kind on its test days; take another seed");
    Ok(RunReport {
        seed,
        novelty: novelty.name().to_owned(),
        steps: trainer.progress().steps,
        refused,
        promoted,
        recovery: Recovery {
            known: test.known,
            from_day: test.from_day,
            before,
            looped,
            retrained: test.models[2].is_some().then_some(retrained),
        },
        seconds: (clock::monotonic() - started).as_secs_f64(),
    })
}

/// A full retrain on what the trainer knows now, as an artifact of its own.
fn trainer_retrain(trainer: &Trainer, champion: &ModelRef, folder: &std::path::Path) -> Result<Artifact> {
    let staged = trainer.rehearse(Kind::Retrain, champion, &folder.join("retrained"))?;
    Ok(Artifact::load(&staged)?)
}

/// The days after the 50th label, by three models.
struct Test {
    from_day: u32,
    known: u64,
    /// The one the world began with, the loop's, the full retrain's.
    models: [Option<Arc<Artifact>>; 3],
    caught: [Caught; 3],
}

impl Test {
    /// Each flags the same share of the day's payments.
    fn score(
        &mut self,
        payments: &[Scored],
        novelty: Typology,
        runtime: &fraudnet_models::RuntimeConfig,
        threads: usize,
    ) -> Result<()> {
        let tensors: Vec<&Tensor> = payments.iter().map(|payment| &payment.tensor).collect();
        for (model, caught) in self.models.iter().zip(&mut self.caught) {
            let Some(model) = model else { continue };
            let scores = logits(model, &tensors, runtime, None, threads)?;
            let frauds: Vec<bool> = payments.iter().map(|payment| payment.oracle.fraud).collect();
            let threshold = Ranking::new(&scores, &frauds).at_alert_rate(GOALS.review_rate).threshold;
            let novel = payments.iter().zip(&scores).filter(|(payment, _)| payment.oracle.typology == Some(novelty));
            for (_, &score) in novel {
                caught.frauds += 1;
                caught.flagged += u64::from(score >= threshold);
            }
        }
        Ok(())
    }
}

impl Watched {
    fn new(promoted: bool, day: u32, models: [(ModelRef, Arc<Artifact>); 2]) -> Watched {
        Watched { promoted, day, models, scores: [Vec::new(), Vec::new()], frauds: Vec::new(), blocks: Vec::new() }
    }

    fn score(&mut self, payments: &[Scored], runtime: &fraudnet_models::RuntimeConfig, threads: usize) -> Result<()> {
        let tensors: Vec<&Tensor> = payments.iter().map(|payment| &payment.tensor).collect();
        for ((_, model), scores) in self.models.iter().zip(&mut self.scores) {
            scores.extend(logits(model, &tensors, runtime, None, threads)?);
        }
        self.frauds.extend(payments.iter().map(|payment| payment.oracle.fraud));
        self.blocks.extend(payments.iter().map(|payment| payment.at_ms.div_euclid(BLOCK_MS) as u32));
        Ok(())
    }

    fn judge(self) -> Aftermath {
        let [before, after] = &self.scores;
        let (before, after) = (Ranking::new(before, &self.frauds), Ranking::new(after, &self.frauds));
        let (blocks, _) = crate::report::blocks(self.blocks.iter().map(|&block| (0, block)));
        let difference = block_bootstrap(&blocks, 500, 1, |times| {
            after.average_precision_with(times) - before.average_precision_with(times)
        });
        let [(champion, _), (version, _)] = &self.models;
        Aftermath {
            version: version.to_string(),
            champion: champion.to_string(),
            day: self.day,
            payments: self.frauds.len() as u64,
            frauds: self.frauds.iter().filter(|fraud| **fraud).count() as u64,
            difference,
        }
    }
}

/// Judges the candidates whose days are over; those that saw no day at all say nothing.
fn finished(watched: &mut Vec<Watched>, day: u32, promoted: &mut Vec<Aftermath>, refused: &mut Vec<Aftermath>) {
    let (over, going): (Vec<Watched>, Vec<Watched>) =
        std::mem::take(watched).into_iter().partition(|one| day + 1 >= one.day + AFTER_DAYS);
    *watched = going;
    for one in over.into_iter().filter(|one| !one.frauds.is_empty()) {
        let into = if one.promoted { &mut *promoted } else { &mut *refused };
        into.push(one.judge());
    }
}
