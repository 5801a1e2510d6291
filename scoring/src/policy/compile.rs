//! A policy that can be asked: its document, looked over, with every expression read.

use super::document::{DocumentError, PolicyDocument, PolicyRule};
use super::expression::Expression;
use crate::wire::WireError;
use metrics::{Counter, counter, describe_counter};

/// A rule whose expression was read.
pub(super) struct CompiledRule {
    pub(super) rule: PolicyRule,
    pub(super) expression: Expression,
    pub(super) fired: Counter,
    pub(super) failed: Counter,
}

/// A policy that can be asked; see [`CompiledPolicy::evaluate`].
pub struct CompiledPolicy {
    pub(super) document: PolicyDocument,
    pub(super) rules: Vec<CompiledRule>,
    digest: String,
}

impl CompiledPolicy {
    /// Reads and checks a document. Counts per rule go to the metrics.
    ///
    /// # Errors
    /// Every fault with its place: bounds, names, expressions that cannot be read, name what there is not, or can never be true or false.
    pub fn compile(document: &PolicyDocument) -> Result<CompiledPolicy, DocumentError> {
        let mut policy = CompiledPolicy::unmetered(document)?;
        for compiled in &mut policy.rules {
            let labels = [("policy", document.version.clone()), ("rule", compiled.rule.id.clone())];
            compiled.fired = counter!("fraudnet_policy_rule_fired_total", &labels);
            compiled.failed = counter!("fraudnet_policy_rule_errors_total", &labels);
        }
        Ok(policy)
    }

    /// The same without metrics: for trials.
    pub(super) fn unmetered(document: &PolicyDocument) -> Result<CompiledPolicy, DocumentError> {
        let mut faults = document.faults();
        let mut rules = Vec::with_capacity(document.rules.len());
        for (index, rule) in document.rules.iter().take(super::document::MAX_RULES).enumerate() {
            match Expression::parse(&rule.when) {
                Ok(expression) => {
                    let (fired, failed) = (Counter::noop(), Counter::noop());
                    rules.push(CompiledRule { rule: rule.clone(), expression, fired, failed });
                }
                Err(reason) => faults.push(WireError { field: format!("rules[{index}].when"), reason }),
            }
        }
        if !faults.is_empty() {
            return Err(DocumentError(faults));
        }
        Ok(CompiledPolicy { document: document.clone(), rules, digest: document.digest() })
    }

    /// The policy that changes nothing.
    pub fn none() -> CompiledPolicy {
        let document = PolicyDocument::none();
        CompiledPolicy { digest: document.digest(), document, rules: Vec::new() }
    }

    /// Name of the version; `none` where there is none.
    pub fn version(&self) -> &str {
        &self.document.version
    }

    /// Digest of all that the document holds; part of a verdict's `policy_version`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The document.
    pub fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// Whether any rule reads features.
    pub fn reads_features(&self) -> bool {
        self.rules.iter().any(|rule| rule.expression.reads_features)
    }
}

/// Describes the metrics of policies.
pub fn describe() {
    describe_counter!("fraudnet_policy_rule_fired_total", "Payments for which a rule held, by policy and rule");
    describe_counter!(
        "fraudnet_policy_rule_errors_total",
        "Payments for which it could not be said whether a rule holds (a comparison with null, as a rule), so that it did not, by policy and rule"
    );
    describe_counter!("fraudnet_policy_list_hits_total", "Payments of which something is listed, by list");
    describe_counter!("fraudnet_policy_overrides_total", "Payments approved by an allow list or an overriding rule");
    describe_counter!("fraudnet_control_group_total", "Would-be declines let through by the control group");
}
