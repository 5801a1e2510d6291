//! What handlers read off a request besides its fields: deadline, body.

use super::problem::{Problem, ProblemKind};
use super::trace::Arrival;
use crate::clock;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError};
use std::error::Error;
use std::time::{Duration, Instant};

/// Header that names the tenant.
pub const TENANT: &str = "X-Tenant";
/// Header that says how many milliseconds the caller waits.
pub const DEADLINE: &str = "X-Deadline-Ms";
/// Longest a caller may wait, milliseconds.
pub const MAX_DEADLINE_MS: u64 = 60_000;
/// Largest body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// How much of a body declared too large is read and thrown away. A caller that sends all of it before it listens would else find the
/// connection broken and never hear why.
const DISCARDED_BYTES: usize = 4 * 1024 * 1024;
/// How long a body may take to arrive. A caller that trickles bytes holds nothing but its own connection until then.
const BODY_TIME: Duration = Duration::from_secs(10);

/// How long the caller waits.
pub(super) fn patience(headers: &HeaderMap, default: Duration) -> Result<Duration, Problem> {
    let Some(value) = single(headers, DEADLINE)? else { return Ok(default) };
    let digits =
        value.filter(|text| !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let deadline_ms =
        digits.and_then(|text| text.parse::<u64>().ok()).filter(|value| (1..=MAX_DEADLINE_MS).contains(value));
    deadline_ms
        .map(Duration::from_millis)
        .ok_or_else(|| Problem::of_header(DEADLINE, "must be a whole number of milliseconds from 1 to 60000"))
}

/// The header's value: none where absent, none within where it is not ASCII text.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<Option<&'a str>>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::of_header(name, "must be given once"));
    }
    Ok(first.map(|value| value.to_str().ok()))
}

/// Until when to answer: the caller's patience from the moment the request's head was read.
pub(super) fn deadline(request: &Request, default: Duration) -> Result<Instant, Problem> {
    let arrived = request.extensions().get::<Arrival>().map_or_else(clock::monotonic, |arrival| arrival.0);
    Ok(arrived + patience(request.headers(), default)?)
}

/// The body of a request for a change, at most so many bytes: JSON, or nothing at all.
pub(super) async fn body(request: Request, most: usize) -> Result<Bytes, Problem> {
    if declares_none(request.headers()) { Ok(Bytes::new()) } else { json_body_up_to(request, most).await }
}

fn declares_none(headers: &HeaderMap) -> bool {
    let declared = |name| headers.contains_key(name);
    !declared(header::CONTENT_TYPE)
        && !declared(header::TRANSFER_ENCODING)
        && headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
}

/// The body of a request that must be JSON, at most [`MAX_BODY_BYTES`].
pub(super) async fn json_body(request: Request) -> Result<Bytes, Problem> {
    json_body_up_to(request, MAX_BODY_BYTES).await
}

async fn json_body_up_to(request: Request, most: usize) -> Result<Bytes, Problem> {
    require_json(request.headers())?;
    let too_large = || Problem::new(ProblemKind::TooLarge, format!("the body must not be larger than {most} bytes"));
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > most as u64) {
        // Who asks before sending (`Expect: 100-continue`) listens already. A caller too slow for this hears nothing, as said.
        if !request.headers().contains_key(header::EXPECT) {
            hear_out(request.into_body()).await;
        }
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, read(request.into_body(), most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(ProblemKind::Malformed, "the body did not arrive whole")),
        Err(_) => Err(Problem::new(ProblemKind::Timeout, "the body must arrive within 10 seconds")),
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, axum::Error> {
    axum::body::to_bytes(body, most).await
}

/// Lets a caller finish sending what nobody reads, within bounds.
pub(super) async fn hear_out(mut body: Body) {
    let discard = async {
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, Bytes::len);
            if discarded > DISCARDED_BYTES {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_TIME, discard).await;
}

fn is_length(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    let utf8 = parameters.split(';').map(str::trim).all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, "utf-8"));
        !name.trim().eq_ignore_ascii_case("charset") || value.trim_matches(['"', ' ']).eq_ignore_ascii_case("utf-8")
    });
    if kind.trim().eq_ignore_ascii_case("application/json") && utf8 {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::UnsupportedMediaType,
        "the body must be sent as Content-Type: application/json in UTF-8",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        HeaderMap::from_iter([(name.to_ascii_lowercase().parse().unwrap(), value)])
    }

    #[test]
    fn deadlines() {
        let default = Duration::from_millis(100);
        assert_eq!(patience(&HeaderMap::new(), default), Ok(default));
        for (value, expected) in [("1", 1), ("60000", 60_000), ("0250", 250)] {
            assert_eq!(patience(&headers(DEADLINE, value), default), Ok(Duration::from_millis(expected)));
        }
        for bad in ["0", "60001", "-5", "1.5", "fast", "", " 7", "99999999999999999999", "é"] {
            let problem = patience(&headers(DEADLINE, bad), default).unwrap_err();
            assert_eq!((problem.status, problem.errors[0].field.as_str()), (400, "header X-Deadline-Ms"), "{bad}");
        }
        let mut twice = headers(DEADLINE, "5");
        twice.append("x-deadline-ms", HeaderValue::from_static("6"));
        assert_eq!(patience(&twice, default).unwrap_err().errors[0].reason, "must be given once");
    }

    #[test]
    fn content_types() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(require_json(&headers("content-type", good)).is_ok(), "{good}");
        }
        for bad in ["", "text/plain", "application/xml", "application/json; charset=latin1", "multipart/form-data"] {
            assert_eq!(require_json(&headers("content-type", bad)).unwrap_err().status, 415, "{bad}");
        }
        assert_eq!(require_json(&HeaderMap::new()).unwrap_err().status, 415);
    }
}
