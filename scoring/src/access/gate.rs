//! From what a request carries to who sends it.

use super::caller::Caller;
use super::cookie::{CookieUse, Cookies};
use super::denied::Denied;
use super::session::Sessions;
use super::settings::AccessSettings;
use super::state::AccessState;
use super::token::{self, NoToken, TokenKind};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What a request says about who sends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// Nothing.
    Nothing,
    /// An `Authorization` header: its value, or none where it is no text or was sent twice. It counts before a cookie.
    Header(Option<&'a str>),
    /// A session's cookie.
    Cookie(&'a str),
}

impl<'a> Presented<'a> {
    /// Of the `Authorization` and `Cookie` headers; none within the former where one is no text.
    pub fn of(
        authorization: &[Option<&'a str>],
        cookie_headers: impl IntoIterator<Item = &'a str>,
        cookies: Cookies,
    ) -> Presented<'a> {
        match authorization {
            [] => cookies.find(CookieUse::Session, cookie_headers).map_or(Presented::Nothing, Presented::Cookie),
            [one] => Presented::Header(*one),
            _ => Presented::Header(None),
        }
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Presented::Nothing => "Nothing",
            Presented::Header(_) => "Header(…)",
            Presented::Cookie(_) => "Cookie(…)",
        })
    }
}

/// What it takes to know who asks.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// Who has access.
    pub state: &'a AccessState,
    /// What people have who say nothing.
    pub settings: &'a AccessSettings,
    /// Who is signed in; locked only for a request with a cookie.
    pub sessions: &'a Mutex<Sessions>,
}

impl Gate<'_> {
    /// Who asks. A credential that does not hold makes nobody anonymous: it is refused.
    ///
    /// # Errors
    /// Why nobody.
    pub fn authenticate(&self, presented: &Presented<'_>, now_ms: i64) -> Result<Caller, Denied> {
        match *presented {
            Presented::Nothing => Caller::anonymous(&self.settings.anonymous),
            Presented::Header(value) => {
                let (scheme, text) = value.and_then(|value| value.split_once(' ')).ok_or(Denied::NotAToken)?;
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return Err(Denied::NotAToken);
                }
                let sent = token::read(TokenKind::Api, text.trim()).map_err(Denied::from)?;
                self.state.token_caller(&sent, now_ms)
            }
            Presented::Cookie(cookie) => {
                let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
                let credential = sessions.find(cookie, now_ms)?;
                // Whatever was taken since, signing in again says what.
                self.state.session_caller(&credential, now_ms).map_err(|_| {
                    sessions.end(cookie);
                    Denied::SessionEnded
                })
            }
        }
    }
}

impl From<NoToken> for Denied {
    fn from(no_token: NoToken) -> Denied {
        match no_token {
            NoToken::Other => Denied::NotAToken,
            NoToken::Mistyped => Denied::Mistyped,
        }
    }
}
