//! Every bound that an experiment must keep, with its sentence.

use super::spec::{Advance, ArmSpec, CONTROL, EXCLUDED, ExperimentSpec, Exposure, Then};

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

impl ExperimentSpec {
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
        faults.unless(
            (20..=MAX_COUNT).contains(&rails.min_payments),
            "guard_rails.min_payments",
            "must be at least 20",
        );
        faults.unless((5..=MAX_COUNT).contains(&rails.min_frauds), "guard_rails.min_frauds", "must be at least 5");
        faults.unless(is_alpha(rails.alpha), "guard_rails.alpha", ALPHA_RULE);
    }
}

const NAME_RULE: &str = "must be 1 to 64 lower-case letters, digits, dots, dashes or underscores";
const ALPHA_RULE: &str = "must be above 0 and at most 0.5";

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed)
}

fn is_alpha(alpha: f64) -> bool {
    alpha > 0.0 && alpha <= 0.5
}

fn check_tenants(tenants: &[String], field: &str, faults: &mut Faults) {
    faults.unless((1..=MAX_TENANTS).contains(&tenants.len()), field, "must be 1 to 500 names");
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
mod tests;
