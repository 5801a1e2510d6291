//! From typed to checked: when lower tiers answer.

use super::check::Faults;
use super::raw::RawConfig;
use crate::http::MAX_DEADLINE_MS;
use crate::serving::{BreakerConfig, LadderConfig};
use crate::verdict::Decision;
use std::time::Duration;

impl RawConfig {
    pub(super) fn ladder(&self, faults: &mut Faults) -> LadderConfig {
        let ladder = &self.ladder;
        let default_decision = match ladder.default_decision.as_str() {
            "" => None,
            "approve" => Some(Decision::Approve),
            "challenge" => Some(Decision::Challenge),
            "review" => Some(Decision::Review),
            "decline" => Some(Decision::Decline),
            _ => {
                faults.add("ladder.default_decision", "must be empty, or approve, challenge, review or decline");
                None
            }
        };
        let mut millis = |key, value, most| Duration::from_millis(faults.within(key, value, 0..=most));
        let reserve = millis("deadline.fallback_reserve_ms", self.deadline.fallback_reserve_ms, MAX_DEADLINE_MS);
        let timeout = millis("ladder.timeout_ms", ladder.timeout_ms, MAX_DEADLINE_MS);
        let open = millis("ladder.open_ms", ladder.open_ms, 3_600_000);
        let failures = faults.within("ladder.failures", ladder.failures, 1..=1_000_000);
        LadderConfig { breaker: BreakerConfig { failures, open }, timeout, reserve, default_decision }
    }
}
