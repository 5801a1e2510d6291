//! Velocity rules as a model tier: what answers where the network cannot in time.
//!
//! Cost sketch: one comparison a rule and one small allocation a payment, once names are resolved; resolving costs a search
//! of the schema a rule, so it is done once, when the artifact is loaded.

use fraudnet_features::schema::payment_feature_index;
use serde::{Deserialize, Serialize};

/// Velocity rules as a model tier: each rule that fires adds its weight to a logit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Log-odds where no rule fires.
    pub bias: f32,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule: fires where the payment feature is at least (or, with `below`, under) the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Stable reason code, e.g. `ACCOUNT_VELOCITY_1H`.
    pub code: String,
    /// Sentence for people.
    pub text: String,
    /// Name of the payment feature.
    pub feature: String,
    /// Threshold in the feature's stored unit.
    pub threshold: f32,
    /// Fire below instead of at or above.
    #[serde(default)]
    pub below: bool,
    /// Log-odds added when it fires.
    pub weight: f32,
}

/// What a rule set said of a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOutcome {
    /// Raw logit.
    pub logit: f32,
    /// Indices of the rules that fired, heaviest first.
    pub fired: Vec<usize>,
}

/// Why a rule set was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A rule reads a feature that the schema does not have.
    #[error(
        "rule `{code}` reads payment feature `{feature}`, which this build does not have; tune the rules with this build"
    )]
    UnknownFeature {
        /// The rule.
        code: String,
        /// The feature.
        feature: String,
    },
    /// A number is infinite or not a number.
    #[error("{0} of the rules is not a finite number; tune the rules again")]
    NotFinite(String),
    /// Two rules share a reason code.
    #[error("two rules share the reason code `{0}`; rename one")]
    DuplicateCode(String),
    /// A rule has no reason code.
    #[error("rule {0} has no reason code; give it one")]
    NoCode(usize),
}

/// A rule set with its features resolved to columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedRules {
    bias: f32,
    /// Heaviest first; ties in the order of the set.
    rules: Vec<ResolvedRule>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct ResolvedRule {
    index: usize,
    column: usize,
    threshold: f32,
    below: bool,
    weight: f32,
}

impl RuleSet {
    /// Resolves feature names to columns and checks the rules.
    pub fn resolve(&self) -> Result<ResolvedRules, RuleError> {
        if !self.bias.is_finite() {
            return Err(RuleError::NotFinite("the bias".to_owned()));
        }
        let mut rules = Vec::with_capacity(self.rules.len());
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.code.is_empty() {
                return Err(RuleError::NoCode(index));
            }
            if self.rules[..index].iter().any(|earlier| earlier.code == rule.code) {
                return Err(RuleError::DuplicateCode(rule.code.clone()));
            }
            if !rule.threshold.is_finite() || !rule.weight.is_finite() {
                return Err(RuleError::NotFinite(format!("threshold or weight of `{}`", rule.code)));
            }
            let column = payment_feature_index(&rule.feature)
                .ok_or_else(|| RuleError::UnknownFeature { code: rule.code.clone(), feature: rule.feature.clone() })?;
            rules.push(ResolvedRule {
                index,
                column,
                threshold: rule.threshold,
                below: rule.below,
                weight: rule.weight,
            });
        }
        rules.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Ok(ResolvedRules { bias: self.bias, rules })
    }

    /// Evaluates all rules on payment features. Rules of unknown features were refused when the artifact was loaded; here
    /// they do not fire. Scoring uses [`ResolvedRules::evaluate`], which gives the same and does not search names.
    pub fn evaluate(&self, payment: &[f32]) -> RuleOutcome {
        let rules = self.rules.iter().enumerate().filter_map(|(index, rule)| {
            let column = payment_feature_index(&rule.feature)?;
            Some(ResolvedRule { index, column, threshold: rule.threshold, below: rule.below, weight: rule.weight })
        });
        let mut rules: Vec<ResolvedRule> = rules.collect();
        rules.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        ResolvedRules { bias: self.bias, rules }.evaluate(payment)
    }
}

impl ResolvedRules {
    /// Evaluates all rules on payment features, one value per column of [`fraudnet_features::schema`]. A value that is not a
    /// number fires nothing.
    pub fn evaluate(&self, payment: &[f32]) -> RuleOutcome {
        let mut outcome = RuleOutcome { logit: self.bias, fired: Vec::new() };
        for rule in &self.rules {
            let Some(&value) = payment.get(rule.column) else { continue };
            let fires = if rule.below { value < rule.threshold } else { value >= rule.threshold };
            if fires {
                outcome.logit += rule.weight;
                outcome.fired.push(rule.index);
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_features::schema::payment_features;

    fn rule(code: &str, column: usize, threshold: f32, below: bool, weight: f32) -> Rule {
        Rule {
            code: code.to_owned(),
            text: code.to_owned(),
            feature: payment_features()[column].name.to_owned(),
            threshold,
            below,
            weight,
        }
    }

    #[test]
    fn adds_the_weight_of_what_fires_heaviest_first() {
        let rules = vec![
            rule("LIGHT", 0, 1.0, false, 0.5),
            rule("HEAVY", 1, 2.0, false, 3.0),
            rule("BELOW", 2, 0.0, true, 1.0),
        ];
        let set = RuleSet { bias: -5.0, rules };
        let mut payment = vec![0.0; payment_features().len()];
        for (values, logit, fired) in [
            ([0.0, 0.0, 0.0], -5.0, vec![]),
            ([1.0, 0.0, 0.0], -4.5, vec![0]),
            ([1.0, 2.0, -1.0], -0.5, vec![1, 2, 0]),
            ([f32::NAN, f32::NAN, f32::NAN], -5.0, vec![]),
        ] {
            payment[..3].copy_from_slice(&values);
            assert_eq!(set.resolve().unwrap().evaluate(&payment), RuleOutcome { logit, fired }, "{values:?}");
            assert_eq!(set.evaluate(&payment), set.resolve().unwrap().evaluate(&payment));
        }
    }

    #[test]
    fn refuses_rules_that_cannot_be_evaluated() {
        let set = |rules: Vec<Rule>| RuleSet { bias: 0.0, rules };
        let unknown = Rule { feature: "no_such_feature".to_owned(), ..rule("A", 0, 1.0, false, 1.0) };
        assert_eq!(
            set(vec![unknown]).resolve().unwrap_err().to_string(),
            "rule `A` reads payment feature `no_such_feature`, which this build does not have; tune the rules with this build"
        );
        assert!(matches!(set(vec![rule("A", 0, f32::NAN, false, 1.0)]).resolve(), Err(RuleError::NotFinite(_))));
        let twice = vec![rule("A", 0, 1.0, false, 1.0), rule("A", 1, 1.0, false, 1.0)];
        assert_eq!(set(twice).resolve(), Err(RuleError::DuplicateCode("A".to_owned())));
        assert_eq!(set(vec![rule("", 0, 1.0, false, 1.0)]).resolve(), Err(RuleError::NoCode(0)));
    }
}
