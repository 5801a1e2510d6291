//! A ruling: what a model's own policy says of a score, then what the operator's policy and lists make of it.

use super::loaded::LoadedModel;
use crate::policy::{CompiledPolicy, ListsState, MAX_REASONS, NO_POLICY, Outcome, PolicyInput, Ruling};
use crate::verdict::{ControlGroup, Decision, Reason, Tier};
use fraudnet_graph::Event;
use fraudnet_models::{ModelRef, OperatingPoints};

/// Hex digits of the policy version.
const VERSION_DIGITS: usize = 16;

/// By what is ruled, beside the model.
#[derive(Clone, Copy)]
pub(crate) struct Book<'a> {
    /// The operator's policy.
    pub(crate) policy: &'a CompiledPolicy,
    /// The operator's lists.
    pub(crate) lists: &'a ListsState,
    /// Thresholds in place of the model's own.
    pub(crate) points: Option<&'a OperatingPoints>,
}

/// What to do with a payment, why, and by which policy.
pub(crate) struct Ruled {
    pub(crate) decision: Decision,
    pub(crate) probability: f32,
    pub(crate) risk_score: u8,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) tier: Tier,
    /// What the score alone decides, where that is not what is done.
    pub(crate) score_decision: Option<Decision>,
    pub(crate) control_group: Option<ControlGroup>,
    pub(crate) policy_version: String,
}

impl Book<'_> {
    /// Rules on a payment that this model answered, or whose rules did.
    pub(crate) fn rule(&self, by: &LoadedModel, outcome: Outcome, event: &Event, features: &[f32]) -> Ruled {
        let ruling = by.policy.rule_at(outcome, features, self.points);
        self.weigh(&by.model, by.policy.version(), ruling, event, features)
    }

    /// What policy and lists make of a ruling.
    pub(crate) fn weigh(
        &self,
        model: &ModelRef,
        core_version: &str,
        ruling: Ruling,
        event: &Event,
        features: &[f32],
    ) -> Ruled {
        let Ruling { decision, probability, risk_score, reasons: own, tier, .. } = ruling;
        let input = PolicyInput { event, features, probability, risk_score, decision, tier, model };
        let outcome = self.policy.evaluate(&input, self.lists);
        let mut reasons = outcome.reasons;
        reasons.extend(own);
        reasons.truncate(MAX_REASONS);
        Ruled {
            decision: outcome.decision,
            probability,
            risk_score,
            reasons,
            tier,
            score_decision: (outcome.decision != decision).then_some(decision),
            control_group: outcome.control_group,
            policy_version: self.version(core_version),
        }
    }

    /// Digest of everything a decision depends on besides the score and the lists: the model's own where nothing stands on top of it.
    fn version(&self, core: &str) -> String {
        if self.points.is_none() && self.policy.version() == NO_POLICY {
            return core.to_owned();
        }
        let mut digest = blake3::Hasher::new();
        digest.update(core.as_bytes()).update(b"\0").update(self.policy.digest().as_bytes());
        if let Some(OperatingPoints { challenge, review, decline }) = self.points {
            for point in [challenge, review, decline] {
                digest.update(&point.to_le_bytes());
            }
        }
        digest.finalize().to_hex()[..VERSION_DIGITS].to_owned()
    }
}
