//! Who somebody is, by a provider's signed word.

use super::keys::{Algorithm, KeyFault, Keys};
use crate::access::caller::Identity;
use crate::access::names;
use crate::access::secret::Secret;
use crate::wire::bounds;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Largest ID token.
const MAX_TOKEN_BYTES: usize = 32 * 1024;
/// Longest name that a provider has for somebody: with ours before it, it stands in events.
const MAX_SUBJECT_BYTES: usize = 120;
/// Most groups of a person.
const MAX_GROUPS: usize = 200;

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Our id there.
    pub client_id: &'a str,
    /// What was sent along when somebody set out.
    pub nonce: &'a Secret,
    /// When they did, UTC milliseconds since the epoch.
    pub started_at_ms: i64,
    /// How far the provider's clock may be from ours, seconds.
    pub leeway_s: u32,
    /// Claim that lists groups; empty: none does.
    pub groups_claim: &'a str,
}

/// Why an ID token is not taken. For the operator; whoever signs in is told to do so again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// It is none.
    #[error("the ID token cannot be read")]
    Malformed,
    /// Signed in a way that is not taken.
    #[error("the ID token is not signed with RS256, ES256 or EdDSA; set one of them at the provider")]
    Algorithm,
    /// By a key that is not known: fetch the keys again, then verify once more.
    #[error("the ID token is signed with a key that the provider's key set does not hold")]
    UnknownKey,
    /// Not by that key.
    #[error("the ID token's signature is wrong")]
    Signature,
    /// By another provider.
    #[error("the ID token is another provider's; write oidc.issuer exactly as the provider does")]
    Issuer,
    /// For somebody else.
    #[error("the ID token is for another client; check oidc.client_id")]
    Audience,
    /// It holds no more.
    #[error("the ID token has expired; check the clocks of the provider and of this service")]
    Expired,
    /// It does not hold yet, or was made before somebody set out.
    #[error("the ID token is not of this time; check the clocks of the provider and of this service")]
    Time,
    /// Made for another sign-in.
    #[error("the ID token was made for another sign-in")]
    Nonce,
    /// It names nobody.
    #[error("the ID token names nobody, or with more than 120 bytes")]
    Subject,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Names what a reader must understand; here is nothing that it could name.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMany,
    azp: Option<String>,
    exp: Seconds,
    nbf: Option<Seconds>,
    iat: Seconds,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Seconds since the epoch; some write them with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Whole(i64),
    Broken(f64),
}

/// Who an ID token is for, once its signature and every claim were checked.
///
/// # Errors
/// Why it is not taken.
pub fn verify(id_token: &Secret, keys: &Keys, expected: &Expected<'_>, now_ms: i64) -> Result<Identity, IdTokenFault> {
    let text = id_token.reveal();
    if text.len() > MAX_TOKEN_BYTES {
        return Err(IdTokenFault::Malformed);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(IdTokenFault::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(IdTokenFault::Malformed)?;
    let header: Header = part(header)?;
    let algorithm = Algorithm::named(&header.alg).ok_or(IdTokenFault::Algorithm)?;
    if header.crit.is_some() {
        return Err(IdTokenFault::Malformed);
    }
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| IdTokenFault::Malformed)?;
    keys.verify(header.kid.as_deref(), algorithm, signed.as_bytes(), &signature).map_err(|fault| match fault {
        KeyFault::Unknown => IdTokenFault::UnknownKey,
        KeyFault::Wrong => IdTokenFault::Signature,
    })?;
    let claims: Claims = part(claims)?;
    check(&claims, expected, now_ms)?;
    Ok(identity(claims, expected))
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, IdTokenFault> {
    let json = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| IdTokenFault::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| IdTokenFault::Malformed)
}

/// OpenID Connect Core, 3.1.3.7.
fn check(claims: &Claims, expected: &Expected<'_>, now_ms: i64) -> Result<(), IdTokenFault> {
    if claims.iss != expected.issuer {
        return Err(IdTokenFault::Issuer);
    }
    let (is_ours, is_shared) = match &claims.aud {
        OneOrMany::One(one) => (one == expected.client_id, false),
        OneOrMany::Many(many) => (many.iter().any(|one| one == expected.client_id), many.len() > 1),
    };
    // One for several must say which of them asked for it.
    let authorised = claims.azp.as_deref();
    let is_asked_by_us = authorised.map_or(!is_shared, |party| party == expected.client_id);
    if !is_ours || !is_asked_by_us {
        return Err(IdTokenFault::Audience);
    }
    let leeway_ms = i64::from(expected.leeway_s) * 1_000;
    if claims.exp.to_ms().saturating_add(leeway_ms) <= now_ms {
        return Err(IdTokenFault::Expired);
    }
    let latest_ms = now_ms.saturating_add(leeway_ms);
    // Whole seconds were cut off, hence the one more.
    let earliest_ms = expected.started_at_ms.saturating_sub(leeway_ms + 1_000);
    let issued_ms = claims.iat.to_ms();
    if claims.nbf.as_ref().is_some_and(|nbf| nbf.to_ms() > latest_ms) || !(earliest_ms..=latest_ms).contains(&issued_ms)
    {
        return Err(IdTokenFault::Time);
    }
    if !claims.nonce.as_deref().is_some_and(|nonce| expected.nonce.is(nonce)) {
        return Err(IdTokenFault::Nonce);
    }
    if claims.sub.len() > MAX_SUBJECT_BYTES || bounds::identifier(&claims.sub).is_err() {
        return Err(IdTokenFault::Subject);
    }
    Ok(())
}

fn identity(claims: Claims, expected: &Expected<'_>) -> Identity {
    // Some write a text where a truth value belongs.
    let is_verified = claims.email_verified.is_some_and(|value| value == true || value == "true");
    let email = claims.email.filter(|_| is_verified).map(|email| email.to_ascii_lowercase());
    let groups = match claims.others.get(expected.groups_claim) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let groups = groups.into_iter().filter(|group| bounds::identifier(group).is_ok()).take(MAX_GROUPS).collect();
    Identity {
        issuer: claims.iss,
        subject: claims.sub,
        // One that could not stand beside a decision is none.
        email: email.filter(|email| names::email(email).is_ok()),
        groups,
    }
}

impl Seconds {
    fn to_ms(&self) -> i64 {
        match self {
            Seconds::Whole(seconds) => seconds.saturating_mul(1_000),
            // A cast saturates, and makes nothing of what is no number.
            Seconds::Broken(seconds) => (seconds * 1_000.0) as i64,
        }
    }
}
