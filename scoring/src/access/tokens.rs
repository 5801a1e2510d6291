//! Tokens and one-time links: what is kept of them, and how much.

use super::event::{Grant, Reach};
use super::permission::{Permission, Permissions};
use super::refusal::Refusal;
use super::role::Role;
use super::secret::Digest;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most tokens of a tenant that hold; those for all tenants count as one more tenant's.
pub const MAX_TOKENS_A_TENANT: usize = 1_000;
/// Most tokens that hold.
pub const MAX_TOKENS: usize = 20_000;
/// Most tokens that hold no more and are remembered; beyond, the one that was made first is forgotten.
pub const MAX_ENDED_TOKENS: usize = 10_000;
/// Most used links that are remembered.
const MAX_USED_LINKS: usize = 100;

/// A token, with who made it. Its digest is not serialised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Token {
    /// Its id.
    pub token_id: String,
    /// Whose it is.
    pub name: String,
    /// What the holder gets.
    #[serde(flatten)]
    pub grant: Grant,
    /// Of all that, only this may be done with it.
    pub scopes: Option<BTreeSet<Permission>>,
    #[serde(skip)]
    pub(super) digest: Digest,
    /// Log position of the event that made it.
    pub position: u64,
    /// When it was made, UTC milliseconds since the epoch.
    pub created_at_ms: i64,
    /// By whom.
    pub created_by: String,
    /// From when it holds no more.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_at_ms: Option<i64>,
    /// By whom.
    pub revoked_by: Option<String>,
}

/// A link by which somebody signs in once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub link_id: String,
    /// The name that stands on everything done by whoever uses it.
    pub name: Option<String>,
    /// What whoever uses it gets.
    pub grant: Grant,
    pub(super) digest: Digest,
    /// Log position of the event that made it.
    pub position: u64,
    /// From when it can be used no more, UTC milliseconds.
    pub expires_at_ms: i64,
    /// When it was used.
    pub used_at_ms: Option<i64>,
}

impl Link {
    /// The name that stands on everything done by whoever uses it.
    pub fn holder(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("once-{}", self.link_id))
    }
}

impl Token {
    /// Whether it has expired.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= now_ms)
    }

    /// Whether it holds.
    pub fn holds(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && !self.is_expired(now_ms)
    }

    /// What may be done with it.
    pub fn permissions(&self) -> Permissions {
        let granted = Role::permissions_of(&self.grant.roles);
        self.scopes.as_ref().map_or(granted, |scopes| granted.and(scopes.iter().collect()))
    }
}

/// All tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tokens(BTreeMap<String, Arc<Token>>);

impl Tokens {
    pub(super) fn get(&self, token_id: &str) -> Option<&Arc<Token>> {
        self.0.get(token_id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.0.values()
    }

    pub(super) fn create(&mut self, token: Token) -> Result<(), Refusal> {
        if self.0.contains_key(&token.token_id) {
            return Err(Refusal::TokenExists);
        }
        // Fewer than one tenant may have: no bound is near, and nobody need be counted.
        if self.0.len() >= MAX_TOKENS_A_TENANT {
            self.make_room(&token.grant.reach, token.created_at_ms)?;
        }
        self.0.insert(token.token_id.clone(), Arc::new(token));
        Ok(())
    }

    fn make_room(&mut self, reach: &Reach, now_ms: i64) -> Result<(), Refusal> {
        let (mut holding, mut of_tenant) = (0, 0);
        for known in self.0.values().filter(|known| known.holds(now_ms)) {
            holding += 1;
            of_tenant += usize::from(known.grant.reach == *reach);
        }
        if of_tenant >= MAX_TOKENS_A_TENANT {
            return Err(Refusal::TooManyTokens { most: MAX_TOKENS_A_TENANT });
        }
        if holding >= MAX_TOKENS {
            return Err(Refusal::TooManyTokens { most: MAX_TOKENS });
        }
        if self.0.len() - holding >= MAX_ENDED_TOKENS {
            let ended = self.0.values().filter(|known| !known.holds(now_ms));
            let first = ended.min_by_key(|known| known.position).map(|known| known.token_id.clone());
            first.and_then(|token_id| self.0.remove(&token_id));
        }
        Ok(())
    }

    pub(super) fn revoke(&mut self, token_id: &str, within: &Reach, by: &str, at_ms: i64) -> Result<(), Refusal> {
        let known = self.0.get_mut(token_id).filter(|token| token.grant.reach.is_within(within));
        let token = known.ok_or(Refusal::NoSuchToken)?;
        if token.revoked_at_ms.is_some() {
            return Err(Refusal::AlreadyRevoked);
        }
        let token = Arc::make_mut(token);
        (token.revoked_at_ms, token.revoked_by) = (Some(at_ms), Some(by.to_owned()));
        Ok(())
    }
}

/// All links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Links(BTreeMap<String, Link>);

impl Links {
    pub(super) fn get(&self, link_id: &str) -> Option<&Link> {
        self.0.get(link_id)
    }

    /// One more, in the place of those that nobody used.
    pub(super) fn issue(&mut self, link: Link) -> Result<(), Refusal> {
        if self.0.contains_key(&link.link_id) {
            return Err(Refusal::Invalid("there is a link of that id already; make another one".to_owned()));
        }
        self.0.retain(|_, known| known.used_at_ms.is_some());
        if self.0.len() >= MAX_USED_LINKS {
            let oldest = self.0.values().min_by_key(|known| known.position).map(|known| known.link_id.clone());
            oldest.and_then(|link_id| self.0.remove(&link_id));
        }
        self.0.insert(link.link_id.clone(), link);
        Ok(())
    }

    pub(super) fn used(&mut self, link_id: &str, at_ms: i64) -> Result<(), Refusal> {
        let link = self.0.get_mut(link_id).ok_or(Refusal::LinkSpent)?;
        if !link.can_be_used(at_ms) {
            return Err(Refusal::LinkSpent);
        }
        link.used_at_ms = Some(at_ms);
        Ok(())
    }
}

impl Link {
    /// Whether it can be used.
    pub fn can_be_used(&self, now_ms: i64) -> bool {
        self.used_at_ms.is_none() && now_ms < self.expires_at_ms
    }
}
