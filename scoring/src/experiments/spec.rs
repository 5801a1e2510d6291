//! What an experiment is asked to be; `bounds` says what is allowed. JSON as the API takes it:
//!
//! ```json
//! {"name": "hybrid-2026-11", "description": "the nightly retrain",
//!  "arms": [{"name": "new", "model": "hybrid/2026.11.22-2"}],
//!  "stages": [{"exposure": {"kind": "shadow"}, "advance": {"after": {"payments": 5000}}},
//!             {"exposure": {"kind": "percent", "percent": 5.0}, "advance": {"after": {"hours": 24.0, "matured_frauds": 30}}}],
//!  "decision": {"metric": "recall", "must_be": "not_worse", "margin": 0.05}, "then": "promote"}
//! ```

use fraudnet_models::{ModelRef, OperatingPoints};
use serde::{Deserialize, Serialize};

/// Arm of payments that are served as if there were no experiment.
pub const CONTROL: &str = "control";
/// Arm told of payments that an older experiment already decides about.
pub const EXCLUDED: &str = "excluded";

/// An experiment as it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSpec {
    /// Its name: 1 to 64 lower-case letters, digits, dots, dashes or underscores. Who is in which arm follows from it.
    pub name: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// What is tried, 1 to 8; the control is not among them.
    pub arms: Vec<ArmSpec>,
    /// Who gets it, one stage after the other.
    pub stages: Vec<Stage>,
    /// What rolls it back by itself.
    #[serde(default)]
    pub guard_rails: GuardRails,
    /// What must be shown once the last stage has seen enough; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionSpec>,
    /// What happens then.
    #[serde(default)]
    pub then: Then,
}

/// One thing that is tried; what it does not name is as for everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmSpec {
    /// Its name.
    pub name: String,
    /// Its share of the accounts that are exposed, relative to the other arms.
    #[serde(default = "one")]
    pub weight: f64,
    /// Model version that scores, `name/version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "hybrid/2026.11.22-2")]
    pub model: Option<ModelRef>,
    /// Version of the policy document that rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Thresholds: `challenge` ≤ `review` ≤ `decline`, probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub operating_points: Option<OperatingPoints>,
}

fn one() -> f64 {
    1.0
}

/// A stage: who is exposed, and what leads to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExperimentStage)]
pub struct Stage {
    /// Who is exposed.
    pub exposure: Exposure,
    /// When the next stage begins.
    #[serde(default)]
    pub advance: Advance,
}

/// Who is exposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Exposure {
    /// Nobody: every arm scores every payment, and no verdict heeds it.
    Shadow,
    /// A share of the accounts, the same ones for ever; a larger share holds the smaller.
    Percent {
        /// Above 0, at most 99.
        percent: f64,
    },
    /// All payments of these tenants.
    Tenants {
        /// Their names.
        tenants: Vec<String>,
    },
}

/// When the next stage begins; for the last one: when the experiment is decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentAdvance)]
pub enum Advance {
    /// When somebody says so.
    #[default]
    Manual,
    /// By itself, once all of it is reached, and the guard rails can be read and are not breached.
    After(Enough),
}

/// How much a stage must see. What is left out is not waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Enough {
    /// Payments of all its arms but the control.
    pub payments: u64,
    /// Hours since it began, by the service's clock.
    pub hours: f64,
    /// Mature frauds among the payments of its arms and the control.
    pub matured_frauds: u64,
}

/// What rolls an experiment back by itself; each against the control at the same time. `null` switches one off.
///
/// A rail is breached where an interval that holds at every look (see `sequential`) lies wholly beyond it, so noise does not roll back
/// however often it is looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardRails {
    /// Most that the arm's geometric mean of latency may be of the control's.
    pub latency_ratio: Option<f64>,
    /// Most that its 99th percentile of latency may be of the control's.
    pub p99_ratio: Option<f64>,
    /// Most that its share of payments not approved may be of the control's, beyond `alert_rate_slack`.
    pub alert_rate_ratio: Option<f64>,
    /// Share of payments not approved that is added to what the ratio allows, so that rates near zero do not breach it.
    pub alert_rate_slack: f64,
    /// Most that its share of verdicts from a lower tier (slow, failed, no number) may exceed the control's.
    pub error_rate: Option<f64>,
    /// Most that its area under the ROC curve may fall behind the control's, on mature payments.
    pub auc_drop: Option<f64>,
    /// Payments that arm and control must have before any rail is looked at; no stage advances by itself before.
    pub min_payments: u64,
    /// Mature frauds that both must have before the area under the curve is.
    pub min_frauds: u64,
    /// Chance of a false alarm a rail, over the whole experiment.
    pub alpha: f64,
}

impl Default for GuardRails {
    fn default() -> Self {
        GuardRails {
            latency_ratio: Some(2.0),
            p99_ratio: Some(3.0),
            alert_rate_ratio: Some(2.0),
            alert_rate_slack: 0.005,
            error_rate: Some(0.02),
            auc_drop: Some(0.05),
            min_payments: 200,
            min_frauds: 30,
            alpha: 0.01,
        }
    }
}

/// What must be shown before it goes on to `then`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionSpec {
    /// What is compared with the control.
    pub metric: Metric,
    /// What it must be.
    #[serde(default)]
    pub must_be: MustBe,
    /// `not_worse`: by how much it may be; `better`: by how much it must be. In the unit of the metric.
    #[serde(default)]
    pub margin: f64,
    /// Chance of a wrong decision, over the whole experiment and all arms.
    #[serde(default = "five_percent")]
    pub alpha: f64,
    /// Payments of its arms after which it is held where nothing could be shown; none: it goes on for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up_after: Option<u64>,
}

fn five_percent() -> f64 {
    0.05
}

/// What arms are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentMetric)]
pub enum Metric {
    /// Share of mature frauds that were not approved.
    Recall,
    /// Share of mature payments not approved that were fraud.
    Precision,
    /// Money saved a mature payment, major units of the currency.
    MoneySaved,
    /// Share of payments that were not approved; less is better. Needs no labels.
    AlertRate,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 4] = [Metric::Recall, Metric::Precision, Metric::MoneySaved, Metric::AlertRate];

    /// As reports and sentences name it.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Recall => "recall",
            Metric::Precision => "precision",
            Metric::MoneySaved => "money saved a payment",
            Metric::AlertRate => "alert rate",
        }
    }

    /// Whether more of it is better.
    pub const fn more_is_better(self) -> bool {
        !matches!(self, Metric::AlertRate)
    }
}

/// What a metric must be against the control's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MustBe {
    /// No worse, but for the margin.
    #[default]
    NotWorse,
    /// Better, by more than the margin.
    Better,
}

/// What happens once the last stage has seen enough and the decision is favourable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExperimentThen)]
pub enum Then {
    /// Nothing: it stays as it is until somebody promotes or stops.
    #[default]
    Hold,
    /// The arm's model becomes champion and its policy active; where four eyes are asked for, somebody must agree.
    Promote,
}

impl ArmSpec {
    /// Whether it is as for everybody: one half of a comparison of like with like.
    pub fn changes_nothing(&self) -> bool {
        self.model.is_none() && self.policy.is_none() && self.operating_points.is_none()
    }

    fn changes(&self) -> [bool; 3] {
        [self.model.is_some(), self.policy.is_some(), self.operating_points.is_some()]
    }
}

impl ExperimentSpec {
    /// Whether an arm of both names a model, or a policy, or thresholds: then one payment cannot be in both.
    pub fn conflicts_with(&self, other: &ExperimentSpec) -> bool {
        let changes = |spec: &ExperimentSpec| {
            spec.arms.iter().fold([false; 3], |all, arm| {
                let own = arm.changes();
                [all[0] || own[0], all[1] || own[1], all[2] || own[2]]
            })
        };
        changes(self).into_iter().zip(changes(other)).any(|(own, other)| own && other)
    }

    /// The one arm that changes something; none where several do.
    pub fn only_change(&self) -> Option<&ArmSpec> {
        let mut changing = self.arms.iter().filter(|arm| !arm.changes_nothing());
        changing.next().filter(|_| changing.next().is_none())
    }
}
