//! Why an access event had no effect.

/// Why an event had no effect; nothing was changed. Messages say what to do and never repeat what came in. Of what is beyond the reach of
/// whoever acts, they say the same as of what is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none of that id.
    #[error("there is no token of that id; list the tokens to find it")]
    NoSuchToken,
    /// There is one of that id already.
    #[error("there is a token of that id already; make another one")]
    TokenExists,
    /// Somebody was faster.
    #[error("the token was revoked already; nothing is left to do")]
    AlreadyRevoked,
    /// The tenant has as many as it may have.
    #[error("{most} tokens hold, which is the most there may be; revoke some first")]
    TooManyTokens {
        /// How many that is.
        most: usize,
    },
    /// The link was used, replaced, or is too old.
    #[error("the link was used, replaced, or has expired; make a new one with `fraudnet access link`")]
    LinkSpent,
    /// There is none of that id.
    #[error("there is no rule of that id; list the people to find it")]
    NoSuchRule,
    /// The same people have a rule already.
    #[error("these people have a rule already; remove it first")]
    RuleExists {
        /// Id of that rule.
        rule_id: String,
    },
    /// There is one of that id already.
    #[error("there is a rule of that id already; make another one")]
    RuleIdTaken,
    /// The tenant has as many as it may have.
    #[error("there are {most} rules, which is the most there may be; use groups, or remove some first")]
    TooManyRules {
        /// How many that is.
        most: usize,
    },
    /// More would be given than whoever acts manages.
    #[error("you manage one tenant's access; give access to that tenant alone")]
    BeyondReach,
    /// A provider knows no tenants: a rule made for one could take somebody away from another.
    #[error("people who sign in with a provider are managed for all tenants at once; ask an admin of all tenants")]
    NeedsAllTenants,
    /// The event cannot be.
    #[error("{0}")]
    Invalid(String),
}

impl Refusal {
    /// Stable name, for replies and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchToken => "no_such_token",
            Refusal::TokenExists => "token_exists",
            Refusal::AlreadyRevoked => "already_revoked",
            Refusal::TooManyTokens { .. } => "too_many_tokens",
            Refusal::LinkSpent => "link_spent",
            Refusal::NoSuchRule => "no_such_rule",
            Refusal::RuleExists { .. } => "rule_exists",
            Refusal::RuleIdTaken => "rule_id_taken",
            Refusal::TooManyRules { .. } => "too_many_rules",
            Refusal::BeyondReach => "beyond_reach",
            Refusal::NeedsAllTenants => "needs_all_tenants",
            Refusal::Invalid(_) => "invalid",
        }
    }
}
