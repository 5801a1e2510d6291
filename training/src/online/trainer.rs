//! The loop: items into the store, and now and then a step that makes, judges and publishes a candidate.
//!
//! Everything that decides what happens is in the store and the settings; the machine's clock only tells how long a step took. So a stream gives the same
//! models however often the process dies on the way.

use super::champion::Champion;
use super::config::{OnlineConfig, Schedule};
use super::feed::Batch;
use super::fine_tune::fine_tune;
use super::gate::GateReport;
use super::material::{Material, MaterialError};
use super::publish::{Judged, is_of, publish, stage};
use super::retrain::retrain;
use super::service::{Audience, Refusal};
use super::step::{Kind, Plan, Step};
use super::store::{Progress, Store};
use anyhow::{Context, Result};
use fraudnet_models::{ModelRef, Registry, RuntimeConfig, SecretKey};
use fraudnet_scoring::{clock, failpoint};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Frauds that must be known before the first step, and come in anew where the last one had too few.
const FEW: u64 = 10;

/// The trainer.
pub struct Trainer {
    config: OnlineConfig,
    schedule: Schedule,
    registry: Registry,
    key: Option<SecretKey>,
    runtime: RuntimeConfig,
    store: Store,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Too few labels to work with.
    Postponed {
        /// The step.
        plan: Plan,
        /// What is missing.
        reason: String,
    },
    /// A candidate that did not pass, or could not be made.
    Refused {
        /// The step.
        plan: Plan,
        /// Why, in words.
        reasons: Vec<String>,
        /// The gate's report, where it came to that.
        report: Option<GateReport>,
    },
    /// A candidate that passed and stands in the registry.
    Published {
        /// The step.
        plan: Plan,
        /// The gate's report; none where an earlier run of this process published it.
        report: Option<GateReport>,
    },
    /// The service knows of it.
    Announced {
        /// The step.
        plan: Plan,
    },
    /// The service refuses it.
    Unwelcome {
        /// The step.
        plan: Plan,
        /// Why.
        reason: String,
    },
}

impl Trainer {
    /// A trainer on that store.
    ///
    /// # Errors
    /// Settings out of range, or no registry.
    pub fn new(config: OnlineConfig, store: Store, key: Option<SecretKey>, runtime: RuntimeConfig) -> Result<Trainer> {
        config.check()?;
        let registry = Registry::open(&config.registry)?;
        let schedule = Schedule::parse(&config.retrain.at)?;
        Ok(Trainer { config, schedule, registry, key, runtime, store })
    }

    /// How far everything is.
    pub fn progress(&self) -> &Progress {
        self.store.progress()
    }

    /// Takes a batch.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn take(&mut self, batch: &Batch) -> Result<()> {
        self.store.ingest(batch)
    }

    /// Whether a step is under way or due.
    pub fn has_work(&self) -> bool {
        self.progress().step != Step::Idle || self.due().is_some()
    }

    /// Does what is under way or due, one stage of a step at a time; none where there is nothing to do.
    ///
    /// # Errors
    /// A disk that does not take it, or an audience that does not answer: nothing is lost, call again.
    pub fn work(&mut self, audience: &mut dyn Audience) -> Result<Option<Outcome>> {
        match self.progress().step.clone() {
            Step::Idle => match self.due() {
                Some((kind, reason)) => self.begin(kind, reason, audience),
                None => Ok(None),
            },
            Step::Building(plan) => self.build(plan).map(Some),
            Step::Published(plan) => self.announce(plan, audience).map(Some),
        }
    }

    /// What is to be done, and why.
    fn due(&self) -> Option<(Kind, String)> {
        let progress = self.progress();
        let (clock_ms, frauds) = (progress.clock_ms, progress.seen.frauds);
        if clock_ms == i64::MIN || frauds < FEW.max(progress.not_before_frauds) {
            return None;
        }
        if self.schedule.is_due(progress.retrained_ms, clock_ms) {
            return Some((Kind::Retrain, format!("the schedule ({})", self.config.retrain.at)));
        }
        let (settings, new) = (&self.config.fine_tune, progress.new_frauds());
        if settings.after > 0 && new >= settings.after {
            return Some((Kind::FineTune, format!("{new} newly known frauds")));
        }
        let gap_ms = (settings.hours_between_alarms * 3_600_000.0) as i64;
        let rested = clock_ms.saturating_sub(progress.alarmed_ms) >= gap_ms;
        let alarms: Vec<&str> = progress.alarms.iter().map(String::as_str).collect();
        (!alarms.is_empty() && rested && new >= settings.after_alarm)
            .then(|| (Kind::FineTune, format!("drift alarm ({}) and {new} newly known frauds", alarms.join(", "))))
    }

    fn begin(&mut self, kind: Kind, reason: String, audience: &mut dyn Audience) -> Result<Option<Outcome>> {
        let champion = audience.champion()?.or_else(|| self.registry.champion_of("hybrid")).with_context(|| {
            format!(
                "nobody knows a champion to start from; name one in {}",
                self.config.registry.join("hybrid").display()
            )
        })?;
        let progress = self.progress();
        // Only a network of ours can be fitted further.
        let tunable = Champion::read(&self.registry, &champion)?.weights.is_some();
        let kind = if tunable { kind } else { Kind::Retrain };
        let number = progress.steps + 1;
        let plan = Plan {
            kind,
            reason,
            champion,
            version: Plan::version_of(kind, number, progress.clock_ms),
            seed: self.config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number) & 0x7fff_ffff,
            frauds: progress.seen.frauds,
        };
        let alarmed = !progress.alarms.is_empty();
        self.store.advance(Step::Building(plan.clone()), |progress| {
            progress.steps = number;
            if alarmed {
                progress.alarmed_ms = progress.clock_ms;
            }
            if kind == Kind::Retrain {
                progress.retrained_ms = progress.clock_ms;
            }
        })?;
        tracing::info!(version = %plan.version, kind = kind.name(), reason = plan.reason, champion = %plan.champion, "a step begins");
        failpoint::hit("trainer_after_begin");
        self.build(plan).map(Some)
    }

    /// Makes a candidate, judges it and, if it passes, puts it into the registry.
    fn build(&mut self, plan: Plan) -> Result<Outcome> {
        let started = clock::monotonic();
        let seconds = || (clock::monotonic() - started).as_secs_f64();
        // Cut off between the registry and the store.
        if self.registry.holds(&plan.version) && is_of(&plan, &self.registry)? {
            self.published(&plan)?;
            return Ok(Outcome::Published { plan, report: None });
        }
        let material = match Material::gather(&self.store, &self.config, plan.kind) {
            Ok(material) => material,
            Err(MaterialError::TooFew(few)) => {
                let again = plan.frauds + FEW;
                self.store.advance(Step::Idle, |progress| progress.not_before_frauds = again)?;
                tracing::info!(version = %plan.version, reason = %few, "the step is put off");
                return Ok(Outcome::Postponed { plan, reason: few.to_string() });
            }
            Err(MaterialError::Store(error)) => return Err(error),
        };
        match self.make(&plan, &material) {
            Ok(Judged { report, staged }) if report.passed => {
                failpoint::hit("trainer_before_publish");
                publish(&plan, &staged, &self.registry, self.key.as_ref(), &self.runtime)?;
                failpoint::hit("trainer_after_publish");
                self.published(&plan)?;
                tracing::info!(version = %plan.version, difference = report.difference.value, seconds = seconds(), "published");
                Ok(Outcome::Published { plan, report: Some(report) })
            }
            Ok(Judged { report, .. }) => {
                let reasons = report.refusals();
                self.refuse(&plan)?;
                tracing::warn!(version = %plan.version, reasons = reasons.join("; "), seconds = seconds(), "refused by the gate");
                Ok(Outcome::Refused { plan, reasons, report: Some(report) })
            }
            // Made again it would fail again: the step ends, the loop goes on.
            Err(error) => {
                self.refuse(&plan)?;
                tracing::error!(version = %plan.version, reason = format!("{error:#}"), "no candidate could be made");
                Ok(Outcome::Refused { plan, reasons: vec![format!("{error:#}")], report: None })
            }
        }
    }

    fn make(&self, plan: &Plan, material: &Material) -> Result<Judged> {
        let champion = Champion::read(&self.registry, &plan.champion)?;
        let (config, runtime) = (&self.config, &self.runtime);
        let candidate = match plan.kind {
            Kind::FineTune => fine_tune(&champion, material, config, plan.seed, runtime)?,
            Kind::Retrain => retrain(material, config, plan.seed, runtime)?,
        };
        failpoint::hit("trainer_after_fit");
        stage(plan, &champion, &candidate, material, config, runtime, &self.candidates())
    }

    /// Makes and judges a candidate on what is known now and stages it in `folder`, without a step and without publishing it; its folder.
    ///
    /// # Errors
    /// Too few labels, no champion, or what making it says.
    pub fn rehearse(&self, kind: Kind, champion: &ModelRef, folder: &Path) -> Result<PathBuf> {
        let progress = self.progress();
        let plan = Plan {
            kind,
            reason: "a rehearsal".to_owned(),
            champion: champion.clone(),
            version: Plan::version_of(kind, progress.steps + 1, progress.clock_ms),
            seed: self.config.seed & 0x7fff_ffff,
            frauds: progress.seen.frauds,
        };
        let material = Material::gather(&self.store, &self.config, kind)?;
        let champion = Champion::read(&self.registry, &plan.champion)?;
        let candidate = match kind {
            Kind::FineTune => fine_tune(&champion, &material, &self.config, plan.seed, &self.runtime)?,
            Kind::Retrain => retrain(&material, &self.config, plan.seed, &self.runtime)?,
        };
        Ok(stage(&plan, &champion, &candidate, &material, &self.config, &self.runtime, folder)?.staged)
    }

    fn candidates(&self) -> PathBuf {
        self.config.state.join("candidates")
    }

    fn published(&mut self, plan: &Plan) -> Result<()> {
        let frauds = plan.frauds;
        self.store.advance(Step::Published(plan.clone()), |progress| progress.frauds_at_tuning = frauds)?;
        // It lies in the registry now; a folder that stays is only in the way of nobody.
        let _ = std::fs::remove_dir_all(self.candidates().join(&plan.version.version));
        Ok(())
    }

    /// A refused candidate stays where it was staged, with the report in its manifest, for whoever wants to know.
    fn refuse(&mut self, plan: &Plan) -> Result<()> {
        let frauds = plan.frauds;
        self.store.advance(Step::Idle, |progress| progress.frauds_at_tuning = frauds)
    }

    fn announce(&mut self, plan: Plan, audience: &mut dyn Audience) -> Result<Outcome> {
        let outcome = match audience.challenge(&plan, &plan.reason) {
            Ok(()) => Outcome::Announced { plan: plan.clone() },
            Err(Refusal::Refused(reason)) => {
                tracing::error!(version = %plan.version, reason, "the service refuses the challenger");
                Outcome::Unwelcome { plan: plan.clone(), reason }
            }
            Err(away @ Refusal::Away(_)) => return Err(away.into()),
        };
        failpoint::hit("trainer_after_announce");
        let announced = matches!(outcome, Outcome::Announced { .. });
        self.store.advance(Step::Idle, |progress| {
            if announced {
                progress.announced = Some(plan.version.clone());
            }
        })?;
        Ok(outcome)
    }
}
