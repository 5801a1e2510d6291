//! In whose name a change is made, and whether it must be signed.
//!
//! Whoever came in by a token or a session has that name, and `X-Actor` may repeat it. The name that an anonymous caller gives is taken as
//! told. Where keys are trusted, every change of what scores is signed besides, so that a stolen token changes nothing:
//!
//! ```text
//! X-Actor: alice
//! X-Actor-Time: 2026-11-22T10:00:00Z                 within five minutes of our clock
//! X-Actor-Signature: <128 hex digits>                ed25519 over "METHOD\nPATH?QUERY\nTIME\nHEX SHA-256 OF THE BODY"
//! ```
//!
//! A signature is taken once, so that a request that was overheard cannot be sent again.

use super::App;
use super::door::caller;
use super::problem::{Problem, ProblemKind};
use super::request::{MAX_BODY_BYTES, body, deadline};
use crate::access::{Caller, Via};
use crate::clock;
use crate::control::ControlError;
use crate::wire;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Header that names who asks.
pub const ACTOR: &str = "X-Actor";
/// Header that says when the request was signed, RFC 3339.
pub const ACTOR_TIME: &str = "X-Actor-Time";
/// Header with the signature.
pub const ACTOR_SIGNATURE: &str = "X-Actor-Signature";
/// How far the signer's clock may be from ours.
const SKEW: Duration = Duration::from_secs(300);
/// How long a change may take where the caller does not say: it may have to load a model.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A request for a change whose sender may make it.
pub(super) struct Authorised {
    /// Who asks.
    pub(super) actor: String,
    /// The request's body; empty where it has none.
    pub(super) body: Bytes,
    /// Until when to answer.
    pub(super) deadline: Instant,
}

/// Signatures taken within the last minutes.
#[derive(Default)]
pub(super) struct Taken(Mutex<HashMap<String, Instant>>);

impl Taken {
    /// Whether the signature is new; it is remembered as long as it would hold.
    fn take(&self, signature: &str, now: Instant) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|_, at| now.saturating_duration_since(*at) < 2 * SKEW);
        taken.insert(signature.to_ascii_lowercase(), now).is_none()
    }
}

/// What is signed.
pub fn signed_message(method: &str, path: &str, time: &str, body: &[u8]) -> String {
    let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{method}\n{path}\n{time}\n{digest}")
}

/// Reads a request for a change of what scores and checks who sends it.
pub(super) async fn authorised(app: &App, request: Request) -> Result<Authorised, Problem> {
    authorised_up_to(app, request, MAX_BODY_BYTES).await
}

/// The same for a body of at most so many bytes.
pub(super) async fn authorised_up_to(app: &App, request: Request, most: usize) -> Result<Authorised, Problem> {
    read(app, request, most, true).await
}

/// Reads a request of somebody at work, whose body is at most so many bytes. Nobody signs cases at a console: whoever signed in there has
/// said who they are, so a signature is asked only of those who have not.
pub(super) async fn by_person(app: &App, request: Request, most: usize) -> Result<Authorised, Problem> {
    let is_anonymous = caller(request.extensions())?.0.via == Via::Anonymous;
    read(app, request, most, is_anonymous).await
}

async fn read(app: &App, request: Request, most: usize, is_signed: bool) -> Result<Authorised, Problem> {
    let deadline = deadline(&request, PATIENCE.max(app.config.default_deadline))?;
    let method = request.method().as_str().to_owned();
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let headers = request.headers().clone();
    let caller = caller(request.extensions())?.0.clone();
    let body = body(request, most).await?;
    let actor = actor(&caller, &headers)?;
    let control = app.service.control();
    if is_signed && control.config().trusted_keys.is_some() {
        let refused = |reason: String| Problem::new(ProblemKind::NotAuthorised, reason);
        let (Some(time), Some(signature)) = (text(&headers, ACTOR_TIME)?, text(&headers, ACTOR_SIGNATURE)?) else {
            return Err(refused(format!(
                "changes must be signed here: send {ACTOR}, {ACTOR_TIME} and {ACTOR_SIGNATURE}, as the commands do with --actor and --key"
            )));
        };
        let signed_ms = wire::parse_timestamp(time)
            .ok_or_else(|| Problem::of_header(ACTOR_TIME, "must be a time such as 2026-11-22T10:00:00Z"))?;
        if clock::now_ms().abs_diff(signed_ms) > SKEW.as_millis() as u64 {
            return Err(refused(format!(
                "{ACTOR_TIME} is more than five minutes from this service's clock; set the clock and sign again"
            )));
        }
        let message = signed_message(&method, &path, time, &body);
        control.trust().verify(&actor, message.as_bytes(), signature).map_err(|error| refused(error.to_string()))?;
        if !app.taken.take(signature, clock::monotonic()) {
            return Err(refused("this signature was used before; sign again".to_owned()));
        }
    }
    Ok(Authorised { actor, body, deadline })
}

/// In whose name.
fn actor(caller: &Caller, headers: &HeaderMap) -> Result<String, Problem> {
    let told = text(headers, ACTOR)?;
    if caller.via != Via::Anonymous {
        if told.is_some_and(|told| told != caller.name) {
            let detail = format!("{ACTOR} names somebody else than the token or session; leave it out");
            return Err(Problem::new(ProblemKind::NotAuthorised, detail).because("other_actor"));
        }
        return Ok(caller.name.clone());
    }
    match told {
        None => Ok(caller.name.clone()),
        Some(name) if name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) => {
            Ok(name.to_owned())
        }
        Some(_) => Err(Problem::of_header(ACTOR, "must be 1 to 64 letters, digits, dots, dashes or underscores")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    super::request::single(headers, name)?
        .map(|value| value.ok_or_else(|| Problem::of_header(name, "must be text")))
        .transpose()
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Problem {
        match error {
            ControlError::Refused(reason) => Problem::new(ProblemKind::Contradiction, reason),
            ControlError::Service(error) => Problem::from(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_taken_once() {
        let (taken, now) = (Taken::default(), clock::monotonic());
        assert!(taken.take("AB", now) && taken.take("cd", now));
        assert!(!taken.take("ab", now + SKEW), "hex digits have no case");
        assert!(taken.take("ab", now + 4 * SKEW), "by then its time no longer holds");
    }

    #[test]
    fn the_message_names_all_that_counts() {
        let message = signed_message("PUT", "/v1/models/aliases/champion", "2026-11-22T10:00:00Z", b"{}");
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(message, format!("PUT\n/v1/models/aliases/champion\n2026-11-22T10:00:00Z\n{digest}"));
    }
}
