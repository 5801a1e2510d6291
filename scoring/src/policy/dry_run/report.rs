//! What a policy would have done, told in numbers.

use crate::verdict::Decision;
use serde::{Deserialize, Serialize};

/// What a rule or a whole policy would have done in a window of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DryRunReport {
    /// Name of the policy, or of the one rule.
    pub tried: String,
    /// Whether one rule was tried on top of what was then decided, rather than a policy in place of it.
    pub rule_alone: bool,
    /// Beginning of the window, RFC 3339; payments count by when they happened.
    pub from: String,
    /// End of the window, exclusive.
    pub to: String,
    /// Payments looked at.
    pub payments: u64,
    /// Of them, without a verdict (loaded as history, or still undecided); they were looked at as approved and unscored.
    pub without_verdict: u64,
    /// Of those looked at, known to be fraud by now.
    pub known_frauds: u64,
    /// Payments for which a rule held.
    pub hits: DryRunTally,
    /// Payments that would have been decided otherwise.
    pub changed: DryRunTally,
    /// The same by rule.
    pub rules: Vec<RuleTally>,
    /// What was decided and what would have been, where there is any such payment.
    pub decisions: Vec<DecisionTally>,
    /// By day (UTC), in order.
    pub days: Vec<DayTally>,
    /// Some of the payments that would have been decided otherwise, else of those for which a rule held; drawn evenly.
    pub samples: Vec<SampledPayment>,
    /// Whether features were rebuilt, because a rule reads some.
    pub features_rebuilt: bool,
    /// Whether the window held more payments than are looked at; the later ones were left out.
    pub cut_short: bool,
    /// Log position up to which verdicts and labels were read.
    pub position: u64,
    /// Time it took, seconds.
    pub seconds: f64,
}

/// Payments, and what is known of them by now. Amounts are sums over all currencies in hundredths of their major units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DryRunTally {
    /// Payments.
    pub payments: u64,
    /// Known to be fraud.
    pub fraud: u64,
    /// Known to be legitimate.
    pub legitimate: u64,
    /// Of which nothing is known.
    pub unknown: u64,
    /// Their amounts.
    pub amount_hundredths: u64,
    /// Amounts of those known to be fraud.
    pub fraud_hundredths: u64,
}

/// What one rule would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleTally {
    /// Id of the rule.
    pub id: String,
    /// Its reason code.
    pub code: String,
    /// Payments for which it held.
    pub hits: DryRunTally,
    /// Payments for which it could not be said whether it holds.
    pub errors: u64,
}

/// Payments by what was decided and what would have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecisionTally {
    /// What was decided; absent where there was no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Decision>,
    /// What would have been decided.
    pub would_be: Decision,
    /// The payments.
    #[serde(flatten)]
    pub tally: DryRunTally,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DayTally {
    /// The day, `2026-11-22`.
    pub day: String,
    /// Payments looked at.
    pub payments: u64,
    /// Payments for which a rule held.
    pub hits: u64,
    /// Payments that would have been decided otherwise.
    pub changed: u64,
    /// Hits known to be fraud.
    pub fraud_hits: u64,
}

/// A payment to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SampledPayment {
    /// Tenant.
    pub tenant: String,
    /// The caller's transaction id.
    pub transaction_id: String,
    /// When it happened, RFC 3339.
    pub occurred_at: String,
    /// Amount in minor units.
    pub amount_minor: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// What was decided; absent where there was no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Decision>,
    /// What would have been decided.
    pub would_be: Decision,
    /// Ids of the rules that held.
    pub rules: Vec<String>,
    /// Whether it was fraud; absent where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraud: Option<bool>,
}

impl DryRunTally {
    /// Counts a payment.
    pub(super) fn add(&mut self, amount_hundredths: u64, fraud: Option<bool>) {
        self.payments += 1;
        self.amount_hundredths = self.amount_hundredths.saturating_add(amount_hundredths);
        match fraud {
            Some(true) => {
                self.fraud += 1;
                self.fraud_hundredths = self.fraud_hundredths.saturating_add(amount_hundredths);
            }
            Some(false) => self.legitimate += 1,
            None => self.unknown += 1,
        }
    }

    /// Share of those known that are fraud; none where nothing is known.
    pub fn precision(&self) -> Option<f64> {
        let known = self.fraud + self.legitimate;
        (known > 0).then(|| self.fraud as f64 / known as f64)
    }
}
