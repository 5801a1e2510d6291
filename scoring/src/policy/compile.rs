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

    /// Checks a document as [`CompiledPolicy::compile`] does; its digest.
    ///
    /// # Errors
    /// As there.
    pub fn check(document: &PolicyDocument) -> Result<String, DocumentError> {
        CompiledPolicy::unmetered(document).map(|policy| policy.digest)
    }

    /// Checks that no rule compares a person with a text: where the log holds pseudonyms, it would never hold.
    ///
    /// # Errors
    /// Every rule that does.
    pub fn check_pseudonyms(document: &PolicyDocument) -> Result<(), DocumentError> {
        let policy = CompiledPolicy::unmetered(document)?;
        let fault = |(index, rule): (usize, &CompiledRule)| {
            let name = rule.expression.reads_people_in_clear()?;
            let reason = format!(
                "with privacy.pseudonyms `{name}` is a pseudonym, which can be compared with null, account, counterparty, device and ip alone: put the identifier on a list instead"
            );
            Some(WireError { field: format!("rules[{index}].when"), reason })
        };
        let faults: Vec<WireError> = policy.rules.iter().enumerate().filter_map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(DocumentError(faults)) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyRule;
    use crate::verdict::Decision;

    fn rule(id: &str) -> PolicyRule {
        PolicyRule {
            id: id.to_owned(),
            code: "A_CODE".to_owned(),
            text: "a reason".to_owned(),
            when: "amount > 5.0".to_owned(),
            then: Decision::Review,
            overrides: false,
        }
    }

    fn faults(document: &PolicyDocument) -> Vec<String> {
        CompiledPolicy::check(document)
            .err()
            .map_or(Vec::new(), |DocumentError(faults)| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let document = |rules| PolicyDocument { version: "v".to_owned(), rules, ..PolicyDocument::none() };
        assert_eq!(faults(&document(vec![rule("a"), rule("b")])), Vec::<String>::new());
        let bad = document(vec![
            PolicyRule { code: "lower".into(), ..rule("a") },
            PolicyRule { text: "two\nlines".into(), overrides: true, ..rule("a") },
            PolicyRule { when: "ammount > 5.0".into(), code: "LIST_ALLOWED".into(), ..rule("b c") },
        ]);
        let told = faults(&PolicyDocument { version: "active".into(), ..bad });
        let expected = [
            ("version", "meaning of their own"),
            ("rules[0].code", "upper-case"),
            ("rules[1].id", "is used by an earlier rule"),
            ("rules[1].text", "one line"),
            ("rules[1].override", "goes with then"),
            ("rules[2].id", "letters, digits"),
            ("rules[2].code", "given by lists"),
            ("rules[2].when", "did you mean amount"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, (field, reason)) in told.iter().zip(expected) {
            assert!(told.starts_with(&format!("{field}: ")) && told.contains(reason), "{told}");
        }
        let many = document((0..201).map(|number| rule(&format!("r-{number}"))).collect());
        assert_eq!(faults(&many), ["rules: must not be more than 200; join some with ||"]);
        let group = |share, max_amount| super::super::ControlGroupSettings { share, max_amount };
        let with = |group| PolicyDocument { control_group: Some(group), ..document(vec![]) };
        assert_eq!(faults(&with(group(0.005, 100.0))), Vec::<String>::new());
        assert_eq!(faults(&with(group(0.6, -1.0))).len(), 2);
        assert_eq!(faults(&with(group(f64::NAN, f64::INFINITY))).len(), 2);
    }

    #[test]
    fn the_example_is_a_policy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/policies/example.toml");
        let document: PolicyDocument = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let policy = CompiledPolicy::compile(&document).unwrap();
        assert_eq!((policy.version(), policy.rules.len(), policy.reads_features()), ("example-1", 5, true));
        assert_eq!(policy.document().control_group.unwrap().share, 0.005);
        let again: PolicyDocument = toml::from_str(&toml::to_string_pretty(&document).unwrap()).unwrap();
        assert_eq!((again.digest(), &again), (policy.digest().to_owned(), &document));
    }
}
