//! A review: a verdict that a person must look at, as the topic `reviews` carries it.
//!
//! The case is named after the payment, so a verdict that is told twice opens one case.

use crate::verdict::Verdict;
use crate::wire;
use serde::{Deserialize, Serialize};

/// A case that a verdict of `review` opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewOpened {
    /// Id of the case; follows from tenant and transaction id.
    #[schema(pattern = "^case_[0-9a-f]{24}$")]
    pub case_id: String,
    /// The payment's id.
    #[schema(min_length = 1, max_length = 128)]
    pub transaction_id: String,
    /// Whose payment it is.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub tenant: String,
    /// When the case was opened, RFC 3339.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// The verdict, as replied.
    pub verdict: Verdict,
}

impl ReviewOpened {
    /// The case of a verdict, opened at `opened_at_ms` (UTC milliseconds since the epoch).
    pub fn new(tenant: &str, verdict: &Verdict, opened_at_ms: i64) -> ReviewOpened {
        ReviewOpened {
            case_id: case_id(tenant, &verdict.transaction_id),
            transaction_id: verdict.transaction_id.clone(),
            tenant: tenant.to_owned(),
            opened_at: wire::format_timestamp(opened_at_ms),
            verdict: verdict.clone(),
        }
    }

    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a review is plain data with finite numbers, which always has a JSON form")
    }
}

/// The case of a payment: the same whoever asks.
pub fn case_id(tenant: &str, transaction_id: &str) -> String {
    let mut digest = blake3::Hasher::new();
    // Neither holds a zero byte: the rim refuses control characters.
    digest.update(b"fraudnet case\0").update(tenant.as_bytes()).update(b"\0").update(transaction_id.as_bytes());
    format!("case_{}", &digest.finalize().to_hex()[..24])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::verdict::{AsOf, Cut, Decision, Reason, StageTimes, SubgraphSize, Tier, TierCause};

    /// A verdict with every field filled.
    pub(crate) fn verdict(decision: Decision) -> Verdict {
        Verdict {
            decision_id: "dec_821a0898d8f680911c614144".into(),
            transaction_id: "order-1001".into(),
            decision,
            fraud_probability: 0.731,
            risk_score: 73,
            reason_codes: vec!["DEVICE_REPORTED".into()],
            reasons: vec![Reason {
                code: "DEVICE_REPORTED".into(),
                text: "a payment from this device was reported".into(),
            }],
            tier: Tier::Rules,
            tier_cause: Some(TierCause::Deadline),
            model: "hybrid".into(),
            model_version: "2026.11.22-2".into(),
            policy_version: "69419cb5364ba24e".into(),
            as_of: AsOf {
                position: 41,
                time: "2026-11-22T09:57:05.000Z".into(),
                cut: Some(Cut { journal: "1f00a2b3c4d5e6f7".into(), transactions: 40, labels: 3 }),
            },
            subgraph_digest: "26b47f2c3935fb40c882caffc0946b52".into(),
            subgraph: SubgraphSize { hops: [1, 3, 0, 0], truncated: 0 },
            experiments: Vec::new(),
            score_decision: None,
            control_group: None,
            stage_us: StageTimes::default(),
        }
    }

    #[test]
    fn a_review_holds_its_verdict_and_one_case_a_payment() {
        let verdict = verdict(Decision::Review);
        let review = ReviewOpened::new("bank", &verdict, 1_700_000_000_123);
        let json = review.encode();
        assert_eq!(serde_json::from_slice::<ReviewOpened>(&json).unwrap(), review);
        let text = String::from_utf8(json).unwrap();
        let replied = serde_json::to_string(&verdict).unwrap();
        assert!(
            text.ends_with(&format!(",\"opened_at\":\"2023-11-14T22:13:20.123Z\",\"verdict\":{replied}}}")),
            "{text}"
        );
        assert_eq!(review.case_id, case_id("bank", &verdict.transaction_id));
        assert_eq!(review.case_id.len(), 29);
        assert_ne!(case_id("bank", "t-1"), case_id("bank", "t-2"));
        assert_ne!(case_id("bank", "t-1"), case_id("other", "t-1"));
        assert_ne!(case_id("a", "bc"), case_id("ab", "c"));
    }
}
