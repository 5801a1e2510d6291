//! What the tests of this module share: a house with tokens, told in short.

use super::secret::SECRET_BYTES;
use super::token::{ID_BYTES, Issued, TokenKind, issue};
use super::*;
use crate::control::Meta;
use std::collections::BTreeSet;

/// Milliseconds of a second.
pub const SECOND: i64 = 1_000;

/// A fold, and every event so far with what came of it.
#[derive(Default)]
pub struct House {
    /// The fold.
    pub state: AccessState,
    /// Every event, refused ones included.
    pub events: Vec<(Meta, AccessEvent)>,
}

/// The token or link that comes of a number.
pub fn issued(kind: TokenKind, number: u64) -> Issued {
    let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
    id[..8].copy_from_slice(&number.to_le_bytes());
    secret[..8].copy_from_slice(&(!number).to_le_bytes());
    secret[31] = 0x5a;
    issue(kind, &id, &secret)
}

/// `all`, or a tenant.
pub fn reach(text: &str) -> Reach {
    if text == "all" { Reach::AllTenants } else { Reach::Tenant(text.to_owned()) }
}

/// These roles there.
pub fn grant(roles: &[Role], at: &str) -> Grant {
    Grant { roles: roles.iter().copied().collect(), reach: reach(at) }
}

/// A token is made out of a number.
pub fn created(
    number: u64,
    name: &str,
    grant: Grant,
    scopes: Option<&[Permission]>,
    expires: Option<i64>,
) -> AccessChange {
    let issued = issued(TokenKind::Api, number);
    AccessChange::TokenCreated {
        token_id: issued.id,
        name: name.to_owned(),
        grant,
        scopes: scopes.map(|scopes| scopes.iter().copied().collect::<BTreeSet<_>>()),
        digest: issued.digest,
        expires_at_ms: expires,
    }
}

impl House {
    /// An event happens; refused, it changes nothing.
    pub fn happens(&mut self, at_ms: i64, within: &str, change: AccessChange) -> Result<(), Refusal> {
        let meta = Meta { position: self.events.len() as u64, at_ms, actor: "root".to_owned() };
        let before = self.state.clone();
        let event = AccessEvent { within: reach(within), change };
        let result = self.state.apply(&meta, &event);
        if result.is_err() {
            assert_eq!(self.state, before, "what is refused changes nothing");
        }
        self.events.push((meta, event));
        result
    }

    /// Who sends the token of that number.
    pub fn caller(&self, number: u64, now_ms: i64) -> Result<Caller, Denied> {
        let issued = issued(TokenKind::Api, number);
        let sent = token::read(TokenKind::Api, issued.text.reveal()).expect("it was issued so");
        self.state.token_caller(&sent, now_ms)
    }
}
