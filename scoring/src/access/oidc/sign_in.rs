//! To the provider and back.

use super::provider::Provider;
use crate::access::secret::{Digest, SECRET_BYTES, Secret};
use crate::access::settings::OidcSettings;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// How long somebody may take to sign in, milliseconds.
pub const SIGN_IN_MS: i64 = 10 * 60_000;
/// Path of the route that the provider leads back to.
pub(super) const CALLBACK: &str = "/v1/session/oidc/callback";
/// Where to after signing in if nothing else was asked for.
const CONSOLE: &str = "/console/";
const MAX_RETURN_BYTES: usize = 1_024;

/// A key under which sign-ins are told from what others made up. With another one at each start, those under way then fail.
pub struct SignInKey([u8; SECRET_BYTES]);

impl fmt::Debug for SignInKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SignInKey(…)")
    }
}

/// A sign-in that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where to lead the browser.
    pub redirect_url: String,
    /// Value of the cookie that it must bring back.
    pub cookie: Secret,
}

/// Somebody came back from the provider.
#[derive(Debug)]
pub struct Returned {
    /// The provider's word that they signed in, to be exchanged.
    pub code: Secret,
    /// Proof that the code is ours.
    pub verifier: Secret,
    /// What the ID token must hold.
    pub nonce: Secret,
    /// When they set out, UTC milliseconds since the epoch.
    pub started_at_ms: i64,
    /// Where to now.
    pub return_to: String,
}

/// Why nobody came back. Messages say what to do and never repeat what came in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInFault {
    /// Another browser began it, or it was begun before a restart.
    #[error("this sign-in was not begun here, or the service was started again since; sign in again")]
    NotBegunHere,
    /// It took too long.
    #[error("signing in took more than ten minutes; sign in again")]
    TooSlow,
    /// The query is no answer of a provider.
    #[error("the provider's answer cannot be read; sign in again")]
    Malformed,
    /// Another provider answered.
    #[error("another provider answered than was asked; sign in again")]
    OtherProvider,
    /// The provider did not let them in.
    #[error("the provider refused: {code}; ask whoever runs it")]
    Refused {
        /// Its reason, one of the codes of OAuth 2.0.
        code: String,
    },
}

impl SignInKey {
    /// Random bytes from the system's generator.
    pub fn new(random: [u8; SECRET_BYTES]) -> SignInKey {
        SignInKey(random)
    }

    /// Begins a sign-in; `random` comes from the system's generator, `return_to` from the query: a path of the console's.
    ///
    /// # Errors
    /// Where the provider's endpoint is no address; for the operator.
    pub fn begin(
        &self,
        provider: &Provider,
        settings: &OidcSettings,
        public_url: &str,
        random: &[u8; SECRET_BYTES],
        return_to: &str,
        now_ms: i64,
    ) -> Result<Begun, String> {
        let return_to = if is_return_path(return_to) { return_to } else { CONSOLE };
        let random = Secret::of_random(random);
        let cookie = format!("{}.{now_ms}.{}", random.reveal(), BASE64URL_NOPAD.encode(return_to.as_bytes()));
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier(&cookie).reveal()));
        let mut url = url::Url::parse(&provider.authorization_endpoint)
            .map_err(|error| format!("the provider's authorization_endpoint is no address: {error}"))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &redirect_uri(public_url))
            .append_pair("scope", &settings.scopes.join(" "))
            .append_pair("state", self.state(&cookie).reveal())
            .append_pair("nonce", self.nonce(&cookie).reveal())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { redirect_url: url.into(), cookie: Secret::new(cookie) })
    }

    /// Somebody came back with that cookie and that query. Take the cookie away in any case.
    ///
    /// # Errors
    /// Where they did not set out here, took too long, or were not let in.
    pub fn returned(
        &self,
        issuer: &str,
        cookie: Option<&str>,
        query: &str,
        now_ms: i64,
    ) -> Result<Returned, SignInFault> {
        let cookie = cookie.ok_or(SignInFault::NotBegunHere)?;
        let answer = Answer::read(query)?;
        // First of all, so that nobody else's answer is looked at.
        if !answer.state.is_some_and(|state| self.state(cookie).is(&state)) {
            return Err(SignInFault::NotBegunHere);
        }
        let (started_at_ms, return_to) = parts(cookie).ok_or(SignInFault::NotBegunHere)?;
        if !(0..SIGN_IN_MS).contains(&now_ms.saturating_sub(started_at_ms)) {
            return Err(SignInFault::TooSlow);
        }
        if answer.issuer.is_some_and(|told| told != issuer) {
            return Err(SignInFault::OtherProvider);
        }
        if let Some(error) = answer.error {
            let is_code = error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            return Err(SignInFault::Refused { code: if is_code { error } else { "for another reason".to_owned() } });
        }
        let code = answer.code.filter(|code| !code.is_empty()).ok_or(SignInFault::Malformed)?;
        Ok(Returned {
            code: Secret::new(code),
            verifier: self.verifier(cookie),
            nonce: self.nonce(cookie),
            started_at_ms,
            return_to,
        })
    }

    fn state(&self, cookie: &str) -> Secret {
        Secret::new(Digest::keyed(&self.0, "oidc state", cookie).text())
    }

    fn nonce(&self, cookie: &str) -> Secret {
        Secret::new(Digest::keyed(&self.0, "oidc nonce", cookie).text())
    }

    /// 52 of the characters that a verifier may have; it must be 43 to 128 long.
    fn verifier(&self, cookie: &str) -> Secret {
        Secret::new(Digest::keyed(&self.0, "oidc verifier", cookie).text())
    }
}

/// Our own address, as the provider must know it.
pub(super) fn redirect_uri(public_url: &str) -> String {
    format!("{}{CALLBACK}", public_url.trim_end_matches('/'))
}

/// A page of our own: nobody is led elsewhere by a link that begins here.
fn is_return_path(path: &str) -> bool {
    path.starts_with(CONSOLE)
        && path.len() <= MAX_RETURN_BYTES
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// What the cookie holds besides its random part. It was made here: the state that follows from it was compared before.
fn parts(cookie: &str) -> Option<(i64, String)> {
    let mut parts = cookie.split('.');
    let (_, started_at_ms, return_to) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    let return_to = String::from_utf8(BASE64URL_NOPAD.decode(return_to.as_bytes()).ok()?).ok()?;
    parts.next().is_none().then_some((started_at_ms, return_to))
}

#[derive(Default)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Answer {
    fn read(query: &str) -> Result<Answer, SignInFault> {
        let mut answer = Answer::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match key.as_ref() {
                "state" => &mut answer.state,
                "code" => &mut answer.code,
                "error" => &mut answer.error,
                "iss" => &mut answer.issuer,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(SignInFault::Malformed);
            }
        }
        Ok(answer)
    }
}
