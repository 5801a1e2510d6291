//! Sessions of people at the console: kept here, found by the digest of a random id that only the browser's cookie holds.
//!
//! They lie in memory: after a restart people sign in again. Cost: some 300 bytes a session; a request is one hash and one look-up.

use super::caller::Credential;
use super::denied::Denied;
use super::secret::{Digest, SECRET_BYTES, Secret};
use super::settings::AccessSettings;
use std::collections::HashMap;

const CONTEXT: &str = "fraudnet 2026-11 session id";
const CSRF: &str = "fraudnet csrf token";

/// How long sessions last, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionBounds {
    /// How long one lasts in which nothing is asked, milliseconds.
    pub idle_ms: i64,
    /// How long one lasts at all, milliseconds.
    pub lifetime_ms: i64,
    /// Most sessions.
    pub most: usize,
    /// Most sessions of one holder; beyond, the one that was idle longest ends.
    pub most_a_holder: usize,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    bounds: SessionBounds,
    /// Under which CSRF tokens are made.
    key: Secret256,
    by_id: HashMap<[u8; 32], Session>,
}

#[derive(Debug)]
struct Session {
    credential: Credential,
    opened_at_ms: i64,
    seen_at_ms: i64,
}

/// A session that was just begun.
#[derive(Debug)]
pub struct Opened {
    /// Value of its cookie.
    pub cookie: Secret,
    /// What its page sends as `X-CSRF-Token` with each change.
    pub csrf: Secret,
    /// When it ends at the latest, UTC milliseconds since the epoch.
    pub expires_at_ms: i64,
}

/// Random bytes that do not show.
struct Secret256([u8; SECRET_BYTES]);

impl std::fmt::Debug for Secret256 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret256(…)")
    }
}

impl From<&AccessSettings> for SessionBounds {
    fn from(settings: &AccessSettings) -> SessionBounds {
        SessionBounds {
            idle_ms: i64::from(settings.session_idle_minutes) * 60_000,
            lifetime_ms: i64::from(settings.session_hours) * 3_600_000,
            most: settings.sessions,
            most_a_holder: settings.sessions_a_person,
        }
    }
}

impl Sessions {
    /// None yet. `key` is random, from the system's generator; with another one at each start, no CSRF token outlives it.
    pub fn new(bounds: SessionBounds, key: [u8; SECRET_BYTES]) -> Sessions {
        Sessions { bounds, key: Secret256(key), by_id: HashMap::new() }
    }

    /// Begins a session under a random id from the system's generator. The one of the `old` cookie ends, so that nobody goes on in a session
    /// whose id was known before.
    ///
    /// # Errors
    /// Where there are as many as there may be.
    pub fn open(
        &mut self,
        random: &[u8; SECRET_BYTES],
        credential: Credential,
        old: Option<&str>,
        now_ms: i64,
    ) -> Result<Opened, Denied> {
        if let Some(old) = old {
            self.end(old);
        }
        let holder = credential.holder();
        let own = || self.by_id.iter().filter(|(_, session)| session.credential.holder() == holder);
        if own().count() >= self.bounds.most_a_holder {
            let idlest = own().min_by_key(|(id, session)| (session.seen_at_ms, **id)).map(|(id, _)| *id);
            idlest.and_then(|id| self.by_id.remove(&id));
        }
        if self.by_id.len() >= self.bounds.most {
            self.sweep(now_ms);
        }
        if self.by_id.len() >= self.bounds.most {
            return Err(Denied::TooManySessions { most: self.bounds.most });
        }
        let cookie = Secret::of_random(random);
        let session = Session { credential, opened_at_ms: now_ms, seen_at_ms: now_ms };
        self.by_id.insert(id_of(cookie.reveal()), session);
        let csrf = self.csrf(cookie.reveal());
        Ok(Opened { csrf, cookie, expires_at_ms: now_ms.saturating_add(self.bounds.lifetime_ms) })
    }

    /// What the session of that cookie was begun with; it counts as used now.
    ///
    /// # Errors
    /// Where there is none, or no more.
    pub fn find(&mut self, cookie: &str, now_ms: i64) -> Result<Credential, Denied> {
        let id = id_of(cookie);
        let bounds = self.bounds;
        let session = self.by_id.get_mut(&id).ok_or(Denied::SessionEnded)?;
        if session.is_over(&bounds, now_ms) {
            self.by_id.remove(&id);
            return Err(Denied::SessionEnded);
        }
        session.seen_at_ms = session.seen_at_ms.max(now_ms);
        Ok(session.credential.clone())
    }

    /// When the session of that cookie ends at the latest.
    pub fn expires_at_ms(&self, cookie: &str) -> Option<i64> {
        let session = self.by_id.get(&id_of(cookie))?;
        Some(session.opened_at_ms.saturating_add(self.bounds.lifetime_ms))
    }

    /// The CSRF token of the session of that cookie. It follows from the cookie and our key: nothing is kept, and whoever can set headers but
    /// not read the cookie cannot reckon it.
    pub fn csrf(&self, cookie: &str) -> Secret {
        Secret::new(Digest::keyed(&self.key.0, CSRF, cookie).text())
    }

    /// Whether a change in the session of that cookie comes from its page.
    ///
    /// # Errors
    /// Where the header is not there or another's.
    pub fn check_csrf(&self, cookie: &str, header: Option<&str>) -> Result<(), Denied> {
        if header.is_some_and(|header| self.csrf(cookie).is(header)) { Ok(()) } else { Err(Denied::NoCsrfToken) }
    }

    /// Ends the session of that cookie, if there is one.
    pub fn end(&mut self, cookie: &str) {
        self.by_id.remove(&id_of(cookie));
    }

    /// Ends every session that was begun with that. Revoking a token, say: its sessions are nobody's at once anyway, this frees their places.
    pub fn end_of(&mut self, credential: &Credential) {
        self.by_id.retain(|_, session| session.credential != *credential);
    }

    /// Forgets those that are over.
    pub fn sweep(&mut self, now_ms: i64) {
        let bounds = self.bounds;
        self.by_id.retain(|_, session| !session.is_over(&bounds, now_ms));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

impl Session {
    fn is_over(&self, bounds: &SessionBounds, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.seen_at_ms) >= bounds.idle_ms
            || now_ms.saturating_sub(self.opened_at_ms) >= bounds.lifetime_ms
    }
}

/// Found by a digest of the id: a look-up that takes longer for some ids than for others tells nothing about the ids themselves.
fn id_of(cookie: &str) -> [u8; 32] {
    *Digest::of(CONTEXT, "", cookie.as_bytes()).bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn sessions(most: usize, most_a_holder: usize) -> Sessions {
        let bounds = SessionBounds { idle_ms: 30 * MINUTE, lifetime_ms: 600 * MINUTE, most, most_a_holder };
        Sessions::new(bounds, [9; 32])
    }

    fn token(id: &str) -> Credential {
        Credential::Token(id.to_owned())
    }

    #[test]
    fn a_session_ends_by_idling_by_age_and_by_signing_out() {
        let mut sessions = sessions(10, 10);
        let opened = sessions.open(&[1; 32], token("a"), None, 0).unwrap();
        let cookie = opened.cookie.reveal();
        assert_eq!(opened.expires_at_ms, 600 * MINUTE);
        // Used every 29 minutes it lasts its ten hours, and no longer.
        for turn in 0..=20 {
            assert_eq!(sessions.find(cookie, turn * 29 * MINUTE), Ok(token("a")), "{turn}");
        }
        assert_eq!(sessions.find(cookie, 600 * MINUTE), Err(Denied::SessionEnded));
        assert!(sessions.is_empty());

        let opened = sessions.open(&[2; 32], token("a"), None, 0).unwrap();
        assert_eq!(sessions.find(opened.cookie.reveal(), 30 * MINUTE), Err(Denied::SessionEnded));
        assert_eq!(sessions.find(opened.cookie.reveal(), 0), Err(Denied::SessionEnded), "over is over");

        let opened = sessions.open(&[3; 32], token("a"), None, 0).unwrap();
        assert_eq!(sessions.find(opened.cookie.reveal(), -5), Ok(token("a")), "a clock that goes back ends nothing");
        sessions.end(opened.cookie.reveal());
        assert_eq!(sessions.find(opened.cookie.reveal(), 1), Err(Denied::SessionEnded));
    }

    #[test]
    fn signing_in_again_takes_another_id() {
        let mut sessions = sessions(10, 10);
        let first = sessions.open(&[1; 32], token("a"), None, 0).unwrap();
        let second = sessions.open(&[2; 32], token("b"), Some(first.cookie.reveal()), 1).unwrap();
        assert_eq!(sessions.find(first.cookie.reveal(), 2), Err(Denied::SessionEnded));
        assert_eq!(sessions.find(second.cookie.reveal(), 2), Ok(token("b")));
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn a_csrf_token_is_one_sessions() {
        let mut sessions = sessions(10, 10);
        let one = sessions.open(&[1; 32], token("a"), None, 0).unwrap();
        let other = sessions.open(&[2; 32], token("a"), None, 0).unwrap();
        let check = |header| sessions.check_csrf(one.cookie.reveal(), header);
        assert_eq!(check(Some(one.csrf.reveal())), Ok(()));
        for wrong in [None, Some(""), Some(other.csrf.reveal()), Some(one.cookie.reveal())] {
            assert_eq!(check(wrong), Err(Denied::NoCsrfToken));
        }
        let debug = format!("{sessions:?}{one:?}");
        assert!(!debug.contains(one.cookie.reveal()) && !debug.contains(one.csrf.reveal()));
    }

    #[test]
    fn bounds_have_answers() {
        let mut sessions = sessions(3, 2);
        let first = sessions.open(&[1; 32], token("a"), None, 0).unwrap();
        let second = sessions.open(&[2; 32], token("a"), None, 1).unwrap();
        assert!(sessions.find(first.cookie.reveal(), 2).is_ok());
        sessions.open(&[3; 32], token("a"), None, 3).unwrap();
        assert_eq!(sessions.find(second.cookie.reveal(), 4), Err(Denied::SessionEnded), "the idlest one of three");
        sessions.open(&[4; 32], token("b"), None, 5).unwrap();
        let full = sessions.open(&[5; 32], token("c"), None, 6).unwrap_err();
        assert_eq!(full, Denied::TooManySessions { most: 3 });
        assert!(
            sessions.open(&[6; 32], token("c"), None, 40 * MINUTE).is_ok(),
            "places of those that are over are free"
        );
        sessions.end_of(&token("c"));
        assert!(sessions.is_empty());
    }
}
