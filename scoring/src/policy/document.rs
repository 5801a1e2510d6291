//! A policy as it is written: rules as data, in a version that never changes.
//!
//! ```toml
//! version = "2026-11-22"
//! [[rules]]
//! id = "new-device-abroad"
//! code = "NEW_DEVICE_ABROAD"
//! text = "a large payment from a device and a country this account was never seen with"
//! when = 'amount >= 500.0 && feature.device_new > 0.5 && ip_country != account_country'
//! then = "review"
//! ```

use crate::verdict::Decision;
use crate::wire::WireError;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Most rules of a policy.
pub const MAX_RULES: usize = 200;
/// Longest expression, characters.
pub const MAX_EXPRESSION_CHARS: usize = 2_000;
/// Longest description, characters.
const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// Longest sentence of a rule or reason of a list entry, characters.
pub(super) const MAX_TEXT_CHARS: usize = 300;
/// Longest version, id or code.
const MAX_NAME_BYTES: usize = 64;
/// Hex digits of the digest.
const DIGEST_DIGITS: usize = 16;

/// What stands for "no policy": model and lists alone decide.
pub const NO_POLICY: &str = "none";

/// A version of the policy: what is decided beside the model's score. Once published it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// Name of this version, 1 to 64 letters, digits, dots, dashes or underscores.
    #[schema(example = "2026-11-22", max_length = 64)]
    pub version: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The rules; the order decides only which of equally severe ones is told first.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
    /// Which would-be declines are let through and watched; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_group: Option<ControlGroupSettings>,
}

/// A rule: where an expression holds for a payment, the decision is at least this severe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Name within the document.
    #[schema(example = "new-device-abroad", max_length = 64)]
    pub id: String,
    /// Reason code in the verdict: upper case, digits, underscores.
    #[schema(example = "NEW_DEVICE_ABROAD", max_length = 64)]
    pub code: String,
    /// Reason in words.
    #[schema(max_length = 300)]
    pub text: String,
    /// Expression in CEL over the payment, its score and its features; at most 2,000 characters.
    #[schema(example = "amount >= 500.0 && ip_country != account_country", max_length = 2000)]
    pub when: String,
    /// The least severe decision where it holds. `approve` alone only tells its reason.
    pub then: Decision,
    /// With `then: approve`: approves although score or other rules say otherwise. A block list entry is stronger.
    #[serde(default, rename = "override", skip_serializing_if = "std::ops::Not::not")]
    pub overrides: bool,
}

/// The control group: a few payments that score or rules would decline are approved and watched, so that models can be judged and trained
/// without bias. Never one that a block list stops.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlGroupSettings {
    /// Share of the would-be declines that is let through, 0 (off) to 0.5; 0.005 is usual.
    #[schema(minimum = 0, maximum = 0.5)]
    pub share: f64,
    /// Largest amount let through, in major units of whatever currency.
    #[schema(minimum = 0)]
    pub max_amount: f64,
}

/// Why a document is no policy: every fault with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy cannot be accepted: {}", list(.0))]
pub struct DocumentError(pub Vec<WireError>);

fn list(faults: &[WireError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl PolicyDocument {
    /// The document that changes nothing.
    pub fn none() -> PolicyDocument {
        PolicyDocument {
            version: NO_POLICY.to_owned(),
            description: String::new(),
            rules: Vec::new(),
            control_group: None,
        }
    }

    /// Hex digest over all of it.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("text and finite numbers always have a JSON form");
        blake3::hash(&json).to_hex()[..DIGEST_DIGITS].to_owned()
    }

    /// Everything at fault but the expressions, which [`super::CompiledPolicy::compile`] looks at.
    pub(super) fn faults(&self) -> Vec<WireError> {
        let mut faults = Vec::new();
        let mut fault = |field: String, reason: &str| faults.push(WireError { field, reason: reason.to_owned() });
        if let Err(reason) = version_name(&self.version) {
            fault("version".to_owned(), reason);
        }
        if self.description.chars().count() > MAX_DESCRIPTION_CHARS {
            fault("description".to_owned(), "must not be longer than 2000 characters");
        }
        if self.rules.len() > MAX_RULES {
            fault("rules".to_owned(), "must not be more than 200; join some with ||");
        }
        let mut ids = HashSet::new();
        for (index, rule) in self.rules.iter().take(MAX_RULES).enumerate() {
            let mut fault = |field: &str, reason: &str| fault(format!("rules[{index}].{field}"), reason);
            if !is_name(&rule.id) {
                fault("id", "must be 1 to 64 letters, digits, dots, dashes or underscores");
            } else if !ids.insert(rule.id.as_str()) {
                fault("id", "is used by an earlier rule of this document; every rule has its own");
            }
            if let Err(reason) = code(&rule.code) {
                fault("code", reason);
            }
            if let Err(reason) = sentence(&rule.text) {
                fault("text", reason);
            }
            if rule.overrides && rule.then != Decision::Approve {
                fault(
                    "override",
                    "goes with then = \"approve\" alone: only an approval can overrule what is more severe",
                );
            }
        }
        if let Some(group) = &self.control_group {
            if !(0.0..=0.5).contains(&group.share) {
                fault("control_group.share".to_owned(), "must be from 0 to 0.5");
            }
            if !(0.0..=1e12).contains(&group.max_amount) {
                fault("control_group.max_amount".to_owned(), "must be an amount in major units, 0 or more");
            }
        }
        faults
    }
}

/// Whether a version can have that name.
pub(super) fn version_name(version: &str) -> Result<(), &'static str> {
    match version {
        NO_POLICY | "active" => Err("must not be \"none\" or \"active\": those have a meaning of their own"),
        version if is_name(version) => Ok(()),
        _ => Err("must be 1 to 64 letters, digits, dots, dashes or underscores"),
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

fn code(code: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = code.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    if !begins || code.len() > MAX_NAME_BYTES || !code.bytes().all(allowed) {
        return Err("must be 1 to 64 upper-case letters, digits and underscores, such as NEW_DEVICE_ABROAD");
    }
    if super::RESERVED_CODES.contains(&code) {
        return Err("is given by lists and the control group; choose another");
    }
    Ok(())
}

/// Whether this can stand in a verdict as a reason in words.
pub(super) fn sentence(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() || text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
        return Err("must be one line of 1 to 300 characters that says it in words");
    }
    Ok(())
}
