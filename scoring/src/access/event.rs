//! What happens to access, as the log carries it. Of secrets it carries digests alone.
//!
//! Who did it and when stands in the control event around it.

use super::permission::Permission;
use super::role::Role;
use super::secret::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Something that happened to access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccessEvent {
    /// The tenants whose access is managed by whoever did it; whoever submits the event has checked that.
    pub within: Reach,
    /// What happened.
    #[serde(flatten)]
    pub change: AccessChange,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum AccessChange {
    /// A token was made.
    TokenCreated {
        /// Its id.
        token_id: String,
        /// Whose it is: the name that stands on everything done with it.
        name: String,
        /// What the holder gets.
        #[serde(flatten)]
        grant: Grant,
        /// Of all that, only this may be done with it; everything where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scopes: Option<BTreeSet<Permission>>,
        /// Digest of its secret.
        digest: Digest,
        /// From when it holds no more, UTC milliseconds; for good where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<i64>,
    },
    /// A token holds no more, and no session that was begun with it.
    TokenRevoked {
        /// Its id.
        token_id: String,
    },
    /// A link was made by which somebody signs in once. It takes the place of those that were not used.
    LinkIssued {
        /// Its id.
        link_id: String,
        /// The name that stands on everything done by whoever uses it; `once-` and the id where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What whoever uses it gets.
        #[serde(flatten)]
        grant: Grant,
        /// Digest of its secret.
        digest: Digest,
        /// From when it can be used no more, UTC milliseconds.
        expires_at_ms: i64,
    },
    /// It was used.
    LinkUsed {
        /// Its id.
        link_id: String,
    },
    /// People who sign in elsewhere are given roles here.
    RuleAdded {
        /// Id of the rule.
        rule_id: String,
        /// Where they sign in: the provider's name for itself.
        issuer: String,
        /// Who they are.
        who: Who,
        /// What they get.
        #[serde(flatten)]
        grant: Grant,
    },
    /// They are not any more, at once.
    RuleRemoved {
        /// Id of the rule.
        rule_id: String,
    },
}

/// What somebody gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Grant {
    /// Roles; at least one.
    pub roles: BTreeSet<Role>,
    /// Where they hold.
    pub reach: Reach,
}

/// Where roles hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// At every tenant, and for what is the whole service's.
    AllTenants,
    /// At one tenant alone.
    Tenant(String),
}

/// Which people a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The one whom the provider calls so for ever.
    Subject(String),
    /// The one with that address, which the provider must have verified.
    Email(String),
    /// All of that group.
    Group(String),
}

impl Reach {
    /// Whether all that this reaches, the other does too.
    pub fn is_within(&self, other: &Reach) -> bool {
        *other == Reach::AllTenants || self == other
    }
}

impl AccessChange {
    /// As events name it, for log lines and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            AccessChange::TokenCreated { .. } => "token_created",
            AccessChange::TokenRevoked { .. } => "token_revoked",
            AccessChange::LinkIssued { .. } => "link_issued",
            AccessChange::LinkUsed { .. } => "link_used",
            AccessChange::RuleAdded { .. } => "rule_added",
            AccessChange::RuleRemoved { .. } => "rule_removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_it_is_written() {
        let change = AccessChange::TokenCreated {
            token_id: "t1".to_owned(),
            name: "shop-gateway".to_owned(),
            grant: Grant { roles: BTreeSet::from([Role::Scorer]), reach: Reach::Tenant("shop".to_owned()) },
            scopes: Some(BTreeSet::from([Permission::ScorePayments])),
            digest: Digest::NONE,
            expires_at_ms: None,
        };
        let event = AccessEvent { within: Reach::AllTenants, change };
        let json = format!(
            concat!(
                r#"{{"within":"all_tenants","change":"token_created","token_id":"t1","name":"shop-gateway","#,
                r#""roles":["scorer"],"reach":{{"tenant":"shop"}},"scopes":["score-payments"],"digest":"{}"}}"#
            ),
            "0".repeat(64)
        );
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<AccessEvent>(&json).unwrap(), event);
    }

    #[test]
    fn reach() {
        let (all, bank, shop) = (Reach::AllTenants, Reach::Tenant("bank".into()), Reach::Tenant("shop".into()));
        assert!(bank.is_within(&all) && bank.is_within(&bank) && all.is_within(&all));
        assert!(!bank.is_within(&shop) && !all.is_within(&bank));
    }
}
