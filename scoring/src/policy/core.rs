//! Policy: what a tier said of a payment → what to do, and why. Pure; settled by the artifact and the table below.

use crate::verdict::{Decision, Reason, Tier, TierCause};
use fraudnet_features::schema;
use fraudnet_models::{Manifest, OperatingPoints, ResolvedRules, RuleError, RuleSet, TierSettings, risk_score};

/// Most reasons a verdict gives.
pub const MAX_REASONS: usize = 8;
/// Hex digits of the policy version.
const VERSION_DIGITS: usize = 16;

/// Evidence that stands in a payment feature by itself, whatever tier decides. Counts are stored as `log2(1 + count)`, flags as 0 or 1.
struct EvidenceReason {
    feature: &'static str,
    /// Given where the feature is at least this.
    threshold: f32,
    /// Rank among the reasons, in log-odds like the rules' weights.
    weight: f32,
    code: &'static str,
    text: &'static str,
}

/// Counts as they are stored, a little less so that rounding cannot hide one: `log2(1 + 1)`, `log2(1 + 3)`, `log2(1 + 5)`.
const ONE: f32 = 0.99;
const THREE: f32 = 1.99;
const FIVE: f32 = 2.58;
/// A flag that is set.
const FLAG: f32 = 0.5;

/// Weightiest first. The thresholds are an analyst's, not fitted: they decide what is *told*, never what is decided.
const EVIDENCE: [EvidenceReason; 15] = [
    EvidenceReason {
        feature: "device_reported",
        threshold: ONE,
        weight: 2.2,
        code: "DEVICE_REPORTED",
        text: "a payment from this device was reported as fraud",
    },
    EvidenceReason {
        feature: "account_reported",
        threshold: ONE,
        weight: 2.0,
        code: "ACCOUNT_REPORTED",
        text: "an earlier payment of this account was reported as fraud",
    },
    EvidenceReason {
        feature: "counterparty_reported",
        threshold: ONE,
        weight: 1.8,
        code: "COUNTERPARTY_REPORTED",
        text: "a payment of the receiving account was reported as fraud",
    },
    EvidenceReason {
        feature: "device_accounts_reported_share",
        threshold: 0.2,
        weight: 1.7,
        code: "DEVICE_ACCOUNTS_REPORTED",
        text: "other accounts on this device have payments reported as fraud",
    },
    EvidenceReason {
        feature: "counterparty_accounts_reported_share",
        threshold: 0.2,
        weight: 1.5,
        code: "COUNTERPARTY_PARTNERS_REPORTED",
        text: "other partners of the receiving account have payments reported as fraud",
    },
    EvidenceReason {
        feature: "device_accounts_30d",
        threshold: FIVE,
        weight: 1.4,
        code: "DEVICE_MANY_ACCOUNTS",
        text: "five or more accounts used this device within 30 days",
    },
    EvidenceReason {
        feature: "merchant_accounts_reported_share",
        threshold: 0.2,
        weight: 1.3,
        code: "MERCHANT_ACCOUNTS_REPORTED",
        text: "many recent customers of this merchant have payments reported as fraud",
    },
    EvidenceReason {
        feature: "ip_reported_30d",
        threshold: ONE,
        weight: 1.2,
        code: "IP_REPORTED",
        text: "a payment from this IP address was reported as fraud within 30 days",
    },
    EvidenceReason {
        feature: "hop_2_reported_share",
        threshold: 0.2,
        weight: 1.1,
        code: "NEIGHBOURS_REPORTED",
        text: "accounts two steps away have payments reported as fraud",
    },
    EvidenceReason {
        feature: "counterparty_received_1d",
        threshold: FIVE,
        weight: 1.0,
        code: "COUNTERPARTY_COLLECTS",
        text: "the receiving account took in five or more payments within a day",
    },
    EvidenceReason {
        feature: "account_devices_1d",
        threshold: THREE,
        weight: 0.9,
        code: "ACCOUNT_MANY_DEVICES",
        text: "the account was used from three or more devices within a day",
    },
    EvidenceReason {
        feature: "device_young_share",
        threshold: 0.5,
        weight: 0.8,
        code: "DEVICE_YOUNG_ACCOUNTS",
        text: "most other accounts on this device are less than a week old",
    },
    EvidenceReason {
        feature: "ip_country_differs",
        threshold: FLAG,
        weight: 0.5,
        code: "IP_COUNTRY_DIFFERS",
        text: "the IP address is in another country than the account",
    },
    EvidenceReason {
        feature: "device_new",
        threshold: FLAG,
        weight: 0.4,
        code: "DEVICE_NEW",
        text: "the account never paid from this device before",
    },
    EvidenceReason {
        feature: "counterparty_new",
        threshold: FLAG,
        weight: 0.3,
        code: "COUNTERPARTY_NEW",
        text: "the account never sent money to this account before",
    },
];

/// A tier's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The model's raw logit.
    Model {
        /// Finite.
        logit: f32,
    },
    /// The rules must answer.
    Rules {
        /// Why the model did not.
        cause: TierCause,
    },
}

/// What to do with a payment, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// What to do.
    pub decision: Decision,
    /// Calibrated probability of fraud.
    pub probability: f32,
    /// The same for eyes, 0–100.
    pub risk_score: u8,
    /// Reasons, weightiest first.
    pub reasons: Vec<Reason>,
    /// Tier that answered.
    pub tier: Tier,
    /// Why it was not the first.
    pub tier_cause: Option<TierCause>,
}

/// Why no policy could be made of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A rule cannot be evaluated.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A reason's feature is not in the schema.
    #[error(
        "reason {code} reads payment feature `{feature}`, which the feature schema does not have; use the build that belongs to this model"
    )]
    UnknownFeature {
        /// Reason code.
        code: String,
        /// The name.
        feature: String,
    },
}

/// The policy of an artifact.
pub struct Policy {
    tier: Tier,
    settings: TierSettings,
    rules: TierSettings,
    rule_set: RuleSet,
    resolved: ResolvedRules,
    evidence: Vec<(usize, &'static EvidenceReason)>,
    version: String,
}

impl Policy {
    /// The policy of this artifact.
    ///
    /// # Errors
    /// Where a rule or a reason reads a feature that the schema does not have.
    pub fn new(manifest: &Manifest) -> Result<Policy, PolicyError> {
        let resolved = manifest.rule_set.resolve()?;
        let evidence = EVIDENCE
            .iter()
            .map(|reason| match schema::payment_feature_index(reason.feature) {
                Some(column) => Ok((column, reason)),
                None => Err(PolicyError::UnknownFeature {
                    code: reason.code.to_owned(),
                    feature: reason.feature.to_owned(),
                }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Policy {
            tier: Tier::of(manifest.scorer),
            settings: manifest.settings.clone(),
            rules: manifest.rules.clone(),
            rule_set: manifest.rule_set.clone(),
            resolved,
            evidence,
            version: version(manifest),
        })
    }

    /// Digest of everything a decision depends on besides the tier's answer.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Rules on a payment. The same input gives the same ruling.
    pub fn rule(&self, outcome: Outcome, payment: &[f32]) -> Ruling {
        self.rule_at(outcome, payment, None)
    }

    /// The same at other thresholds than the model's own, where some are given; those of the rules stay.
    pub fn rule_at(&self, outcome: Outcome, payment: &[f32], points: Option<&OperatingPoints>) -> Ruling {
        let fired = self.resolved.evaluate(payment);
        let (settings, logit, tier, tier_cause) = match outcome {
            Outcome::Model { logit } => (&self.settings, logit, self.tier, None),
            Outcome::Rules { cause } => (&self.rules, fired.logit, Tier::Rules, Some(cause)),
        };
        let probability = settings.calibration.probability(logit);
        let points = points.filter(|_| tier != Tier::Rules).unwrap_or(&settings.operating_points);

        let mut reasons: Vec<(f32, &str, &str)> = Vec::new();
        if probability >= points.challenge
            && let Some((code, text)) = model_reason(tier)
        {
            // First: it is what decided.
            reasons.push((f32::INFINITY, code, text));
        }
        let rules = fired.fired.iter().map(|index| &self.rule_set.rules[*index]).filter(|rule| rule.weight > 0.0);
        reasons.extend(rules.clone().map(|rule| (rule.weight, rule.code.as_str(), rule.text.as_str())));
        for (column, reason) in &self.evidence {
            // One fact is told once, by the rule where one reads it.
            let stated = rules.clone().any(|rule| rule.feature == reason.feature);
            if !stated && payment.get(*column).is_some_and(|value| *value >= reason.threshold) {
                reasons.push((reason.weight, reason.code, reason.text));
            }
        }
        reasons.sort_by(|a, b| b.0.total_cmp(&a.0));
        reasons.truncate(MAX_REASONS);
        Ruling {
            decision: decide(probability, points),
            probability,
            risk_score: risk_score(probability),
            reasons: reasons
                .into_iter()
                .map(|(_, code, text)| Reason { code: code.to_owned(), text: text.to_owned() })
                .collect(),
            tier,
            tier_cause,
        }
    }
}

/// What a model says by its score alone; the rules say which of them fired instead.
fn model_reason(tier: Tier) -> Option<(&'static str, &'static str)> {
    match tier {
        Tier::Hybrid => Some(("NETWORK_SCORE", "the graph network finds the payment's neighbourhood typical of fraud")),
        Tier::TreesV2 | Tier::TreesV1 => Some(("TREES_SCORE", "the boosted trees rate this payment as risky")),
        Tier::Custom => Some(("MODEL_SCORE", "the model rates this payment as risky")),
        Tier::Rules | Tier::Default => None,
    }
}

fn decide(probability: f32, points: &OperatingPoints) -> Decision {
    if probability >= points.decline {
        Decision::Decline
    } else if probability >= points.review {
        Decision::Review
    } else if probability >= points.challenge {
        Decision::Challenge
    } else {
        Decision::Approve
    }
}

fn version(manifest: &Manifest) -> String {
    let mut digest = blake3::Hasher::new();
    let settled = serde_json::to_vec(&(&manifest.settings, &manifest.rules, &manifest.rule_set))
        .expect("a manifest is plain data, which always has a JSON form");
    digest.update(&settled);
    for reason in &EVIDENCE {
        digest
            .update(format!("{} {} {} {}\n", reason.feature, reason.threshold, reason.weight, reason.code).as_bytes());
    }
    digest.finalize().to_hex()[..VERSION_DIGITS].to_owned()
}

#[cfg(test)]
mod tests;
