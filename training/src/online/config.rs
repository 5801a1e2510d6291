//! What the online trainer is told: a TOML file, every key of which has a default, and the checks.
//!
//! ```toml
//! registry = "models"            # folder of all models; the service must see the same one
//! state = "trainer"              # folder of the trainer's memory
//! url = "http://127.0.0.1:8080"  # the service: champion, challenger and, in embedded mode, the stream
//! # token_file = "trainer.token" # says who trains, with the role data-scientist; FRAUDNET_TOKEN may hold the token itself
//! # kafka = "config.toml"        # read the topics of a cluster instead, as this configuration of the service names them
//! [labels]
//! maturity_days = 30.0
//! [fine_tune]
//! after = 50                     # newly known frauds
//! [retrain]
//! at = "02:30"                   # UTC; or "every 12h", or "off"
//! [rollout]
//! plan = "canary"                # none, shadow or canary
//! ```

use super::buffer::BufferConfig;
use super::class::Rules;
use super::gate::GateConfig;
use crate::data::split::DAY_MS;
use crate::points::PointGoals;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnlineConfig {
    /// Folder of all models.
    pub registry: PathBuf,
    /// Folder of the trainer's memory.
    pub state: PathBuf,
    /// Where the service is; empty: none is told, and the registry's own champion counts.
    pub url: String,
    /// A configuration of the service whose `[kafka]` says how to reach the cluster; none: the service's own stream.
    pub kafka: Option<PathBuf>,
    /// File with the token that the service is asked with.
    pub token_file: Option<PathBuf>,
    /// Who publishes.
    pub actor: String,
    /// Secret key that signs what is published.
    pub key: Option<PathBuf>,
    /// Seed of every draw.
    pub seed: u64,
    /// Threads. Changes the speed, never the result.
    pub threads: usize,
    /// When a label counts.
    pub labels: LabelConfig,
    /// How much of the past is kept.
    pub buffer: BufferConfig,
    /// Which payments a model is fitted, tuned and judged on.
    pub parts: PartConfig,
    /// Fine-tuning.
    pub fine_tune: FineTuneSettings,
    /// Retraining from nothing.
    pub retrain: RetrainSettings,
    /// What a candidate must pass.
    pub gate: GateConfig,
    /// What the operating points are to give.
    pub goals: PointGoals,
    /// What happens to a challenger.
    pub rollout: RolloutConfig,
}

impl Default for OnlineConfig {
    fn default() -> OnlineConfig {
        OnlineConfig {
            registry: PathBuf::from("models"),
            state: PathBuf::from("trainer"),
            url: "http://127.0.0.1:8080".to_owned(),
            kafka: None,
            actor: "trainer".to_owned(),
            token_file: None,
            key: None,
            seed: 1,
            threads: 2,
            labels: LabelConfig::default(),
            buffer: BufferConfig::default(),
            parts: PartConfig::default(),
            fine_tune: FineTuneSettings::default(),
            retrain: RetrainSettings::default(),
            gate: GateConfig::default(),
            goals: PointGoals::default(),
            rollout: RolloutConfig::default(),
        }
    }
}

/// When a label counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelConfig {
    /// Days after which a payment without a label was honest.
    pub maturity_days: f64,
    /// Probability from which a review that an analyst cleared was a confident mistake; a decline always was.
    pub confident: f32,
}

impl Default for LabelConfig {
    fn default() -> LabelConfig {
        LabelConfig { maturity_days: 30.0, confident: 0.5 }
    }
}

impl LabelConfig {
    /// As classes are decided.
    pub fn rules(&self) -> Rules {
        Rules { maturity_ms: (self.maturity_days * DAY_MS as f64) as i64, confident: self.confident }
    }
}

/// Which payments a model is fitted, tuned and judged on: by account, so that no payer is in two parts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartConfig {
    /// Share of accounts that candidates are judged on; nothing is ever fitted on them.
    pub gate: f64,
    /// Share of accounts that decides when to stop, how to blend, and the calibration.
    pub tune: f64,
    /// Days before maturity that tuning and judging look at; more where frauds are few.
    pub window_days: f64,
    /// Most honest payments that are tuned on, and judged on; and half as many that are too young to be known.
    pub negatives: usize,
    /// Fewest known frauds to fit on; a fifth of it to tune on and to judge by.
    pub least_frauds: usize,
}

impl Default for PartConfig {
    fn default() -> PartConfig {
        PartConfig { gate: 0.3, tune: 0.2, window_days: 30.0, negatives: 6_000, least_frauds: 25 }
    }
}

/// Fine-tuning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FineTuneSettings {
    /// Newly known frauds that set it off; 0: never.
    pub after: u64,
    /// Newly known frauds that let a drift alarm set it off.
    pub after_alarm: u64,
    /// Hours between two steps that alarms set off.
    pub hours_between_alarms: f64,
    /// Most known frauds to learn from.
    pub positives: usize,
    /// Most honest payments to learn from.
    pub negatives: usize,
    /// Passes.
    pub epochs: usize,
    /// Peak learning rate.
    pub learning_rate: f32,
    /// Pull towards the champion's weights; about one over the furthest a weight may drift.
    pub anchor: f32,
    /// How far confident mistakes are moved towards looking like fraud, standard deviations.
    pub epsilon: f32,
    /// How much a confident mistake counts, in honest payments.
    pub hard_weight: f32,
    /// How much a fraud counts that was neither reviewed nor declined, in frauds that were.
    pub missed_weight: f32,
    /// Most rounds of trees grown anew; 0: the champion's trees stay.
    pub rounds: usize,
}

impl Default for FineTuneSettings {
    fn default() -> FineTuneSettings {
        FineTuneSettings {
            after: 50,
            after_alarm: 10,
            hours_between_alarms: 6.0,
            positives: 1_500,
            negatives: 3_000,
            epochs: 4,
            learning_rate: 1e-3,
            anchor: 2.0,
            epsilon: 0.1,
            hard_weight: 3.0,
            missed_weight: 3.0,
            rounds: 200,
        }
    }
}

/// Retraining from nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrainSettings {
    /// `HH:MM` (UTC, daily), `every Nh`, or `off`.
    pub at: String,
    /// Most honest payments to learn from.
    pub negatives: usize,
    /// Most passes of the network.
    pub epochs: usize,
    /// Most rounds of the trees.
    pub rounds: usize,
}

impl Default for RetrainSettings {
    fn default() -> RetrainSettings {
        RetrainSettings { at: "02:30".to_owned(), negatives: 20_000, epochs: 12, rounds: 400 }
    }
}

/// When something happens again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Never.
    Off,
    /// Daily, so many milliseconds after midnight UTC.
    Daily(i64),
    /// Whenever so many milliseconds have passed.
    Every(i64),
}

impl Schedule {
    /// Reads `HH:MM`, `every Nh` or `off`.
    ///
    /// # Errors
    /// Where it is none of them.
    pub fn parse(text: &str) -> Result<Schedule> {
        let wrong = || format!("`{text}` is no schedule; write \"02:30\" (UTC), \"every 12h\" or \"off\"");
        if text == "off" {
            return Ok(Schedule::Off);
        }
        if let Some(hours) = text.strip_prefix("every ").and_then(|rest| rest.strip_suffix('h')) {
            let hours: f64 = hours.trim().parse().with_context(wrong)?;
            ensure!((0.01..=8_784.0).contains(&hours), wrong());
            return Ok(Schedule::Every((hours * 3_600_000.0) as i64));
        }
        let (hour, minute) = text.split_once(':').with_context(wrong)?;
        let (hour, minute): (i64, i64) = (hour.parse().with_context(wrong)?, minute.parse().with_context(wrong)?);
        ensure!((0..24).contains(&hour) && (0..60).contains(&minute), wrong());
        Ok(Schedule::Daily((hour * 60 + minute) * 60_000))
    }

    /// Whether it is time again at `now_ms`, done last at `last_ms` (UTC milliseconds).
    pub fn is_due(self, last_ms: i64, now_ms: i64) -> bool {
        match self {
            Schedule::Off => false,
            Schedule::Every(gap_ms) => now_ms.saturating_sub(last_ms) >= gap_ms,
            Schedule::Daily(at_ms) => {
                let latest = now_ms.saturating_sub(at_ms).div_euclid(DAY_MS) * DAY_MS + at_ms;
                last_ms < latest
            }
        }
    }
}

/// What happens to a challenger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Which experiment is created.
    pub plan: RolloutPlan,
    /// Payments that the shadow must see.
    pub shadow_payments: u64,
    /// Shares of accounts (percent), ascending, one stage each.
    pub canary_percents: Vec<f64>,
    /// Payments that each of them must see.
    pub canary_payments: u64,
    /// Whether it becomes champion by itself at the end.
    pub promote: bool,
}

/// Which experiment is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutPlan {
    /// None: the challenger waits for people.
    None,
    /// It scores along, unheeded.
    Shadow,
    /// After the shadow it decides for a growing share of accounts.
    Canary,
}

impl Default for RolloutConfig {
    fn default() -> RolloutConfig {
        RolloutConfig {
            plan: RolloutPlan::Shadow,
            shadow_payments: 2_000,
            canary_percents: vec![5.0, 25.0],
            canary_payments: 2_000,
            promote: false,
        }
    }
}

impl OnlineConfig {
    /// Reads a file; keys it does not hold keep their defaults.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, or a value out of range.
    pub fn read(path: &Path) -> Result<OnlineConfig> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let config: OnlineConfig = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        config.check().with_context(|| format!("in {}", path.display()))?;
        Ok(config)
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<()> {
        let share = |name: &str, value: f64| -> Result<()> {
            ensure!(value > 0.0 && value < 1.0, "{name} must lie between 0 and 1, not {value}");
            Ok(())
        };
        share("parts.gate", self.parts.gate)?;
        share("parts.tune", self.parts.tune)?;
        ensure!(
            self.parts.gate + self.parts.tune <= 0.8,
            "parts.gate and parts.tune must leave at least a fifth of the accounts to fit on"
        );
        ensure!(
            self.labels.maturity_days > 0.0 && self.labels.maturity_days <= 366.0,
            "labels.maturity_days must be above 0 and at most 366, not {}",
            self.labels.maturity_days
        );
        ensure!(self.parts.window_days > 0.0, "parts.window_days must be above 0");
        ensure!(self.parts.least_frauds >= 5, "parts.least_frauds must be at least 5");
        ensure!(self.threads >= 1, "threads must be at least 1");
        ensure!(self.buffer.stratum_days >= 1, "buffer.stratum_days must be at least 1");
        let tune = &self.fine_tune;
        ensure!(
            tune.epochs >= 1 && tune.positives >= 10 && tune.negatives >= 100,
            "fine_tune needs at least 1 epoch, 10 positives and 100 negatives"
        );
        ensure!(tune.epsilon.is_finite() && tune.epsilon >= 0.0, "fine_tune.epsilon must be 0 or more");
        for (name, weight) in [("hard_weight", tune.hard_weight), ("missed_weight", tune.missed_weight)] {
            ensure!(weight.is_finite() && weight > 0.0, "fine_tune.{name} must be above 0, not {weight}");
        }
        Schedule::parse(&self.retrain.at).context("retrain.at")?;
        self.gate.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_come_due_once() {
        let at = |text: &str| Schedule::parse(text).unwrap();
        let day = DAY_MS;
        let nightly = at("02:30");
        assert_eq!(nightly, Schedule::Daily(9_000_000));
        assert!(!nightly.is_due(5 * day, 5 * day + 8_999_999));
        assert!(nightly.is_due(5 * day, 5 * day + 9_000_000));
        assert!(!nightly.is_due(5 * day + 9_000_000, 6 * day));
        assert!(at("every 12h").is_due(0, day / 2) && !at("every 12h").is_due(0, day / 2 - 1));
        assert!(!at("off").is_due(i64::MIN, i64::MAX));
        for wrong in ["24:00", "2", "every", "every -1h", "every h", "12:60", "never"] {
            assert!(Schedule::parse(wrong).unwrap_err().to_string().contains("no schedule"), "{wrong}");
        }
    }

    #[test]
    fn the_example_explains_every_setting_and_its_default() {
        let text = include_str!("../../../deploy/trainer.example.toml");
        let config: OnlineConfig = toml::from_str(text).unwrap();
        assert_eq!(config, OnlineConfig::default());
        // Those that have no default stand there as comments.
        for (key, value) in [("kafka", "\"config.toml\""), ("key", "\"keys/trainer\"")] {
            assert!(text.contains(&format!("# {key} = {value}")), "{key}");
        }
        let known = format!("{:?}", OnlineConfig::default());
        let named =
            |name: &str| text.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{name} =")));
        for field in known.split([' ', '{', ',']).filter_map(|part| part.strip_suffix(':')) {
            assert!(named(field) || text.contains(&format!("[{field}]")), "{field} is not explained");
        }
    }

    #[test]
    fn a_file_names_what_differs_and_mistakes_are_told() {
        let config: OnlineConfig = toml::from_str("state = \"s\"\n[fine_tune]\nafter = 10\n").unwrap();
        assert_eq!((config.fine_tune.after, config.fine_tune.epochs), (10, 4));
        assert!(config.check().is_ok());
        assert!(toml::from_str::<OnlineConfig>("[fine_tune]\naftr = 10\n").is_err());
        let wrong = OnlineConfig { parts: PartConfig { gate: 0.7, ..PartConfig::default() }, ..config };
        assert!(wrong.check().unwrap_err().to_string().contains("a fifth"));
    }
}
