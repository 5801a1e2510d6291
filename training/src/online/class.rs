//! What is known of a payment's truth, and which class of the replay buffer its example belongs to.
//!
//! A label counts from the moment it is known; a later one replaces it unless its source is weaker, as in the live graph. A payment
//! without a label is *immature* until it is old enough for silence to mean that it was honest. A payment that was declined is never
//! observed: its silence means nothing at any age, so it is kept apart and then let go, unless it was let through as part of the
//! control group.

use fraudnet_graph::LabelSource;
use fraudnet_scoring::verdict::Decision;
use serde::{Deserialize, Serialize};

/// Class of an example in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Class {
    /// No label, and too young for silence to mean anything.
    Immature = 0,
    /// Known to be fraud.
    Positive = 1,
    /// Honest: said so, or silent for long enough.
    Negative = 2,
    /// Honest by an analyst's word, and the model had been confident that it was fraud.
    HardNegative = 3,
}

impl Class {
    /// Every class, in numeric order.
    pub const ALL: [Class; 4] = [Class::Immature, Class::Positive, Class::Negative, Class::HardNegative];

    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Immature => "immature",
            Class::Positive => "positive",
            Class::Negative => "negative",
            Class::HardNegative => "hard_negative",
        }
    }
}

/// The label that stands for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it says fraud.
    pub fraud: bool,
    /// Who says so, by the number of [`LabelSource`].
    pub source: u8,
    /// When the stream told of it, UTC milliseconds.
    pub known_ms: i64,
}

impl Standing {
    /// What stands after another label: the newer one, unless its source is weaker.
    pub fn after(standing: Option<Standing>, fraud: bool, source: LabelSource, known_ms: i64) -> Standing {
        match standing {
            Some(held) if (source as u8) < held.source => held,
            _ => Standing { fraud, source: source as u8, known_ms },
        }
    }

    /// Whether a person who looked at it, or the bank, says so: as good as it gets at any age.
    pub fn is_strong(self) -> bool {
        self.source >= LabelSource::Analyst as u8
    }
}

/// What decides the class of an example besides its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances {
    /// Age at the stream's clock, milliseconds.
    pub age_ms: i64,
    /// What was decided.
    pub decision: Decision,
    /// Calibrated probability it was decided by, 0–1.
    pub probability: f32,
    /// Whether it was let through as part of the control group.
    pub control_group: bool,
}

/// From when silence means honest, and when a wrong alarm was a confident one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Age at which a payment without a label is mature, milliseconds.
    pub maturity_ms: i64,
    /// Probability from which a review that an analyst cleared was a confident mistake; a decline always was.
    pub confident: f32,
}

/// The class of an example; `None` where nothing will ever be learnt from it: declined, mature and silent.
pub fn classify(standing: Option<Standing>, it: Circumstances, rules: Rules) -> Option<Class> {
    let Some(standing) = standing else {
        return match it.age_ms >= rules.maturity_ms {
            false => Some(Class::Immature),
            true if it.decision == Decision::Decline && !it.control_group => None,
            true => Some(Class::Negative),
        };
    };
    if standing.fraud {
        return Some(Class::Positive);
    }
    let alarm = match it.decision {
        Decision::Decline => true,
        Decision::Review => it.probability >= rules.confident,
        Decision::Approve | Decision::Challenge => false,
    };
    let analyst = standing.source == LabelSource::Analyst as u8;
    Some(if alarm && analyst { Class::HardNegative } else { Class::Negative })
}

#[cfg(test)]
mod tests {
    use super::*;
    use LabelSource::{Analyst, Chargeback, CustomerReport};

    const RULES: Rules = Rules { maturity_ms: 1_000, confident: 0.5 };

    fn class(label: Option<(bool, LabelSource)>, age_ms: i64, decision: Decision, probability: f32) -> Option<Class> {
        let standing = label.map(|(fraud, source)| Standing { fraud, source: source as u8, known_ms: 0 });
        classify(standing, Circumstances { age_ms, decision, probability, control_group: false }, RULES)
    }

    #[test]
    fn a_weaker_label_does_not_replace_a_stronger_one() {
        let customer = Standing::after(None, true, CustomerReport, 1);
        let analyst = Standing::after(Some(customer), false, Analyst, 2);
        assert!(!analyst.fraud && analyst.is_strong() && !customer.is_strong());
        assert_eq!(Standing::after(Some(analyst), true, CustomerReport, 3), analyst);
        assert!(Standing::after(Some(analyst), true, Chargeback, 4).fraud);
        assert!(Standing::after(Some(analyst), true, Analyst, 5).fraud, "of equals the newer");
    }

    #[test]
    fn silence_means_honest_only_after_a_while_and_never_after_a_decline() {
        assert_eq!(class(None, 999, Decision::Approve, 0.0), Some(Class::Immature));
        assert_eq!(class(None, 1_000, Decision::Approve, 0.0), Some(Class::Negative));
        assert_eq!(class(None, 999, Decision::Decline, 0.9), Some(Class::Immature));
        assert_eq!(class(None, 1_000, Decision::Decline, 0.9), None);
        let watched =
            Circumstances { age_ms: 1_000, decision: Decision::Decline, probability: 0.9, control_group: true };
        assert_eq!(classify(None, watched, RULES), Some(Class::Negative));
    }

    #[test]
    fn labels_count_at_any_age_and_a_confident_mistake_is_told_apart() {
        assert_eq!(class(Some((true, CustomerReport)), 0, Decision::Decline, 0.9), Some(Class::Positive));
        assert_eq!(class(Some((false, Analyst)), 0, Decision::Decline, 0.1), Some(Class::HardNegative));
        assert_eq!(class(Some((false, Analyst)), 0, Decision::Review, 0.6), Some(Class::HardNegative));
        assert_eq!(class(Some((false, Analyst)), 0, Decision::Review, 0.4), Some(Class::Negative));
        assert_eq!(class(Some((false, Chargeback)), 0, Decision::Decline, 0.9), Some(Class::Negative));
        assert_eq!(class(Some((false, Analyst)), 0, Decision::Approve, 0.9), Some(Class::Negative));
    }
}
