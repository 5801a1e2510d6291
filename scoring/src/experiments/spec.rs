//! What an experiment is asked to be, and every bound it must keep. JSON as the API takes it:
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
/// Arms at most, besides the control.
pub const MAX_ARMS: usize = 8;
/// Stages at most.
pub const MAX_STAGES: usize = 16;
/// Tenants of a wave at most.
pub const MAX_TENANTS: usize = 500;
/// Longest name of an experiment or an arm, bytes.
pub const MAX_NAME: usize = 64;
/// Longest description, bytes.
pub const MAX_DESCRIPTION: usize = 500;
/// Largest share of accounts an experiment may take: without anybody left there is nothing to compare with.
pub const MAX_PERCENT: f64 = 99.0;
const MAX_COUNT: u64 = 1_000_000_000_000;

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
pub enum Advance {
    /// When somebody says so.
    #[default]
    Manual,
    /// By itself, once all of it is reached and no guard rail is breached.
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
    /// Payments that arm and control must have before any rail is looked at.
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
pub enum Then {
    /// Nothing: it stays as it is until somebody promotes or stops.
    #[default]
    Hold,
    /// The arm's model becomes champion and its policy active; where four eyes are asked for, somebody must agree.
    Promote,
}

/// A field that cannot be accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFault {
    /// Its place, e.g. `stages[1].exposure.percent`.
    pub field: String,
    /// What is allowed.
    pub reason: String,
}

impl std::fmt::Display for SpecFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.field, self.reason)
    }
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

    /// Everything that is wrong with it; empty where it can be run.
    pub fn faults(&self) -> Vec<SpecFault> {
        let mut faults = Faults(Vec::new());
        faults.unless(is_name(&self.name), "name", NAME_RULE);
        faults.unless(
            self.description.len() <= MAX_DESCRIPTION && !self.description.chars().any(char::is_control),
            "description",
            "must be at most 500 bytes without control characters",
        );
        self.check_arms(&mut faults);
        self.check_stages(&mut faults);
        self.check_rails(&mut faults);
        if let Some(decision) = &self.decision {
            faults.unless(is_alpha(decision.alpha), "decision.alpha", ALPHA_RULE);
            faults.unless(
                decision.margin.is_finite() && (0.0..=1e9).contains(&decision.margin),
                "decision.margin",
                "must be 0 or more",
            );
        }
        if self.then == Then::Promote {
            match self.only_change() {
                None => faults.add("then", "can be \"promote\" only where exactly one arm changes something"),
                Some(arm) if arm.operating_points.is_some() => faults.add(
                    "then",
                    "cannot be \"promote\" where the arm names operating points: these belong to a model version, so publish one that has them",
                ),
                Some(_) => {}
            }
        }
        faults.0
    }

    fn check_arms(&self, faults: &mut Faults) {
        if self.arms.is_empty() || self.arms.len() > MAX_ARMS {
            faults.add("arms", "must be 1 to 8; the control is not among them");
        }
        for (index, arm) in self.arms.iter().enumerate() {
            let at = |field: &str| format!("arms[{index}].{field}");
            faults.unless(is_name(&arm.name), &at("name"), NAME_RULE);
            if [CONTROL, EXCLUDED].contains(&arm.name.as_str()) {
                faults.add(&at("name"), "must not be \"control\" or \"excluded\", which every experiment has");
            }
            if self.arms[..index].iter().any(|other| other.name == arm.name) {
                faults.add(&at("name"), "is the name of another arm too");
            }
            faults.unless(
                arm.weight.is_finite() && arm.weight > 0.0 && arm.weight <= 1e6,
                &at("weight"),
                "must be above 0",
            );
            if let Some(points) = &arm.operating_points {
                let ordered = 0.0 <= points.challenge
                    && points.challenge <= points.review
                    && points.review <= points.decline
                    && points.decline <= 1.0;
                // Where one is no number, no comparison holds.
                faults.unless(
                    ordered,
                    &at("operating_points"),
                    "must be probabilities with challenge ≤ review ≤ decline",
                );
            }
            if let Some(policy) = &arm.policy {
                faults.unless(
                    !policy.is_empty() && policy.len() <= MAX_NAME,
                    &at("policy"),
                    "must be the version of a policy",
                );
            }
        }
        if !self.arms.is_empty() && self.arms.iter().all(ArmSpec::changes_nothing) && self.arms.len() < 2 {
            faults.add(
                "arms",
                "change nothing: name a model, a policy or operating points, or two arms to compare like with like",
            );
        }
    }

    fn check_stages(&self, faults: &mut Faults) {
        if self.stages.is_empty() || self.stages.len() > MAX_STAGES {
            faults.add("stages", "must be 1 to 16");
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let at = |field: &str| format!("stages[{index}].{field}");
            let before = index.checked_sub(1).map(|before| &self.stages[before].exposure);
            match (&stage.exposure, before) {
                (Exposure::Shadow, None | Some(Exposure::Shadow)) => {}
                (Exposure::Shadow, Some(_)) => {
                    faults.add(&at("exposure"), "must not be shadow once somebody was exposed");
                }
                (Exposure::Percent { percent }, before) => {
                    faults.unless(
                        percent.is_finite() && *percent > 0.0 && *percent <= MAX_PERCENT,
                        &at("exposure.percent"),
                        "must be above 0 and at most 99: the rest is what it is compared with",
                    );
                    if let Some(Exposure::Percent { percent: before }) = before {
                        faults.unless(
                            percent > before,
                            &at("exposure.percent"),
                            "must be more than in the stage before",
                        );
                    }
                    if let Some(Exposure::Tenants { .. }) = before {
                        faults.add(
                            &at("exposure"),
                            "must name tenants like the stage before: an account that was exposed stays so",
                        );
                    }
                }
                (Exposure::Tenants { tenants }, before) => {
                    check_tenants(tenants, &at("exposure.tenants"), faults);
                    match before {
                        Some(Exposure::Tenants { tenants: before }) => faults.unless(
                            before.iter().all(|tenant| tenants.contains(tenant)) && tenants.len() > before.len(),
                            &at("exposure.tenants"),
                            "must hold those of the stage before, and more",
                        ),
                        Some(Exposure::Percent { .. }) => faults.add(
                            &at("exposure"),
                            "must be a share like the stage before: an account that was exposed stays so",
                        ),
                        Some(Exposure::Shadow) | None => {}
                    }
                }
            }
            if let Advance::After(enough) = &stage.advance {
                let counts = enough.payments <= MAX_COUNT && enough.matured_frauds <= MAX_COUNT;
                faults.unless(
                    counts && enough.hours.is_finite() && (0.0..=87_600.0).contains(&enough.hours),
                    &at("advance.after"),
                    "must be numbers of payments and frauds, and 0 to 87600 hours",
                );
                if enough.payments == 0 && enough.hours == 0.0 && enough.matured_frauds == 0 {
                    faults.add(&at("advance.after"), "must wait for payments, hours or matured_frauds");
                }
            }
        }
    }

    fn check_rails(&self, faults: &mut Faults) {
        let rails = &self.guard_rails;
        for (name, ratio) in [
            ("latency_ratio", rails.latency_ratio),
            ("p99_ratio", rails.p99_ratio),
            ("alert_rate_ratio", rails.alert_rate_ratio),
        ] {
            let good = ratio.is_none_or(|ratio| ratio.is_finite() && (1.0..=1000.0).contains(&ratio));
            faults.unless(good, &format!("guard_rails.{name}"), "must be from 1 to 1000, or null");
        }
        let share = |value: f64| value.is_finite() && (0.0..=1.0).contains(&value);
        faults.unless(share(rails.alert_rate_slack), "guard_rails.alert_rate_slack", "must be from 0 to 1");
        for (name, value) in [("error_rate", rails.error_rate), ("auc_drop", rails.auc_drop)] {
            faults.unless(value.is_none_or(share), &format!("guard_rails.{name}"), "must be from 0 to 1, or null");
        }
        faults.unless((20..=MAX_COUNT).contains(&rails.min_payments), "guard_rails.min_payments", "must be at least 20");
        faults.unless((5..=MAX_COUNT).contains(&rails.min_frauds), "guard_rails.min_frauds", "must be at least 5");
        faults.unless(is_alpha(rails.alpha), "guard_rails.alpha", ALPHA_RULE);
    }
}

const NAME_RULE: &str = "must be 1 to 64 lower-case letters, digits, dots, dashes or underscores";
const ALPHA_RULE: &str = "must be above 0 and at most 0.5";

fn is_name(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed)
}

fn is_alpha(alpha: f64) -> bool {
    alpha > 0.0 && alpha <= 0.5
}

fn check_tenants(tenants: &[String], field: &str, faults: &mut Faults) {
    faults.unless(
        (1..=MAX_TENANTS).contains(&tenants.len()),
        field,
        "must be 1 to 500 names",
    );
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let good = |tenant: &String| !tenant.is_empty() && tenant.len() <= MAX_NAME && tenant.bytes().all(allowed);
    faults.unless(tenants.iter().all(good), field, "must be letters, digits, dots, dashes or underscores each");
    let mut sorted: Vec<&String> = tenants.iter().collect();
    sorted.sort();
    faults.unless(sorted.windows(2).all(|pair| pair[0] != pair[1]), field, "must not hold one twice");
}

struct Faults(Vec<SpecFault>);

impl Faults {
    fn add(&mut self, field: &str, reason: &str) {
        self.0.push(SpecFault { field: field.to_owned(), reason: reason.to_owned() });
    }

    fn unless(&mut self, good: bool, field: &str, reason: &str) {
        if !good {
            self.add(field, reason);
        }
    }
}

#[cfg(test)]
#[path = "tests/spec.rs"]
mod tests;
