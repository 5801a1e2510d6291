//! The fold of all access events.

use super::caller::{Caller, Credential, Via};
use super::denied::Denied;
use super::event::{AccessChange, AccessEvent, Reach};
use super::names;
use super::permission::Permission;
use super::refusal::Refusal;
use super::role::Role;
use super::rules::{Rule, Rules};
use super::secret::Digest;
use super::token::Sent;
use super::tokens::{Link, Links, Token, Tokens};
use crate::control::Meta;
use crate::wire::bounds;
use std::sync::Arc;

/// Longest time that a one-time link may wait for being used: a week.
const MAX_LINK_MS: i64 = 7 * 86_400_000;

/// Who has access. Equal events in equal order give equal access.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessState {
    tokens: Tokens,
    links: Links,
    rules: Rules,
}

impl AccessState {
    /// Applies an event.
    ///
    /// # Errors
    /// Why it has no effect; nothing was changed then.
    pub fn apply(&mut self, meta: &Meta, event: &AccessEvent) -> Result<(), Refusal> {
        bounds::identifier(&meta.actor).map_err(|reason| Refusal::Invalid(format!("the actor {reason}")))?;
        let (at_ms, position, within) = (meta.at_ms, meta.position, &event.within);
        let managed = |reach: &Reach| if reach.is_within(within) { Ok(()) } else { Err(Refusal::BeyondReach) };
        let everywhere = || if *within == Reach::AllTenants { Ok(()) } else { Err(Refusal::NeedsAllTenants) };
        match &event.change {
            AccessChange::TokenCreated { token_id, name, grant, scopes, digest, expires_at_ms } => {
                names::id(token_id).and_then(|()| names::name(name)).map_err(Refusal::Invalid)?;
                names::grant(grant).map_err(Refusal::Invalid)?;
                names::scopes(scopes.as_ref(), &grant.roles).map_err(Refusal::Invalid)?;
                managed(&grant.reach)?;
                if expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= at_ms) {
                    return Err(Refusal::Invalid(
                        "the token would have expired already; choose a later time".to_owned(),
                    ));
                }
                self.tokens.create(Token {
                    token_id: token_id.clone(),
                    name: name.clone(),
                    grant: grant.clone(),
                    scopes: scopes.clone(),
                    digest: *digest,
                    position,
                    created_at_ms: at_ms,
                    created_by: meta.actor.clone(),
                    expires_at_ms: *expires_at_ms,
                    revoked_at_ms: None,
                    revoked_by: None,
                })
            }
            AccessChange::TokenRevoked { token_id } => self.tokens.revoke(token_id, within, &meta.actor, at_ms),
            AccessChange::LinkIssued { link_id, name, grant, digest, expires_at_ms } => {
                names::id(link_id).and_then(|()| names::grant(grant)).map_err(Refusal::Invalid)?;
                name.as_deref().map_or(Ok(()), names::name).map_err(Refusal::Invalid)?;
                everywhere()?;
                if !(1..=MAX_LINK_MS).contains(&expires_at_ms.saturating_sub(at_ms)) {
                    return Err(Refusal::Invalid("a link must expire later than now and within a week".to_owned()));
                }
                let (link_id, name, grant) = (link_id.clone(), name.clone(), grant.clone());
                let (digest, expires_at_ms) = (*digest, *expires_at_ms);
                self.links.issue(Link { link_id, name, grant, digest, position, expires_at_ms, used_at_ms: None })
            }
            AccessChange::LinkUsed { link_id } => self.links.used(link_id, at_ms),
            AccessChange::RuleAdded { rule_id, issuer, who, grant } => {
                names::id(rule_id).and_then(|()| names::issuer(issuer)).map_err(Refusal::Invalid)?;
                names::who(who).and_then(|()| names::grant(grant)).map_err(Refusal::Invalid)?;
                everywhere()?;
                self.rules.add(Rule {
                    rule_id: rule_id.clone(),
                    issuer: issuer.clone(),
                    who: who.clone(),
                    grant: grant.clone(),
                    created_at_ms: at_ms,
                    created_by: meta.actor.clone(),
                })
            }
            AccessChange::RuleRemoved { rule_id } => {
                everywhere()?;
                self.rules.remove(rule_id)
            }
        }
    }

    /// Whose token that is.
    ///
    /// # Errors
    /// Where nobody's, or it holds no more. Why it does not is told only to who knows its secret.
    pub fn token_caller(&self, sent: &Sent, now_ms: i64) -> Result<Caller, Denied> {
        let known = self.tokens.get(&sent.id);
        // Compared in any case, so that an unknown id takes as long as a wrong secret.
        let is_it = sent.is(&known.map_or(Digest::NONE, |token| token.digest));
        let token = known.filter(|_| is_it).ok_or(Denied::Unknown)?;
        if token.revoked_at_ms.is_some() {
            return Err(Denied::Revoked);
        }
        if token.is_expired(now_ms) {
            return Err(Denied::Expired);
        }
        Ok(caller_of(token, Via::Token(token.token_id.clone())))
    }

    /// The link of that text, if it can be used. Submit [`AccessChange::LinkUsed`] and begin a session only once that was accepted: of two
    /// who use it at once, one wins.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn usable_link(&self, sent: &Sent, now_ms: i64) -> Result<&Link, Denied> {
        let known = self.links.get(&sent.id);
        let is_it = sent.is(&known.map_or(Digest::NONE, |link| link.digest));
        known.filter(|link| is_it && link.can_be_used(now_ms)).ok_or(Denied::LinkSpent)
    }

    /// Who somebody is now whose session was begun with that.
    ///
    /// # Errors
    /// Where it gives nothing any more.
    pub fn session_caller(&self, credential: &Credential, now_ms: i64) -> Result<Caller, Denied> {
        let via = Via::Session(credential.clone());
        match credential {
            Credential::Token(token_id) => {
                let token = self.tokens.get(token_id).filter(|token| token.holds(now_ms));
                token.map(|token| caller_of(token, via)).ok_or(Denied::SessionEnded)
            }
            Credential::Link(link_id) => {
                let link = self.links.get(link_id).filter(|link| link.used_at_ms.is_some());
                let link = link.ok_or(Denied::SessionEnded)?;
                let (name, grant) = (link.holder(), link.grant.clone());
                let permissions = Role::permissions_of(&grant.roles);
                Ok(Caller { name, reach: grant.reach, roles: grant.roles, permissions, via })
            }
            Credential::Person(identity) => {
                let grant = self.rules.grant(identity)?;
                let permissions = Role::permissions_of(&grant.roles);
                Ok(Caller { name: identity.name(), reach: grant.reach, roles: grant.roles, permissions, via })
            }
        }
    }

    /// The token of that id, if whoever asks may see it.
    pub fn token(&self, token_id: &str, within: &Reach) -> Option<&Token> {
        self.tokens.get(token_id).map(Arc::as_ref).filter(|token| token.grant.reach.is_within(within))
    }

    /// The tokens that whoever asks may see, by id; those that hold no more among them.
    pub fn tokens<'a>(&'a self, within: &'a Reach) -> impl Iterator<Item = &'a Token> {
        self.tokens.iter().map(Arc::as_ref).filter(|token| token.grant.reach.is_within(within))
    }

    /// The rules that whoever asks may see, by id.
    pub fn rules<'a>(&'a self, within: &'a Reach) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| rule.grant.reach.is_within(within))
    }

    /// Whether anybody can give access to everything. Where not, the service prints a one-time link when it starts.
    pub fn has_admin(&self, now_ms: i64) -> bool {
        let is_admin = |token: &Arc<Token>| {
            let is_full = token.grant.reach == Reach::AllTenants && token.holds(now_ms);
            is_full && token.permissions().contains(Permission::ManageAccess)
        };
        self.tokens.iter().any(is_admin) || self.rules.make_an_admin()
    }
}

fn caller_of(token: &Token, via: Via) -> Caller {
    Caller {
        name: token.name.clone(),
        reach: token.grant.reach.clone(),
        roles: token.grant.roles.clone(),
        permissions: token.permissions(),
        via,
    }
}
