//! Every error as problem+json (RFC 9457), and the one place where an error becomes a status.

use crate::service::ServiceError;
use crate::wire::{RequestError, WireError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A refusal or failure: RFC 9457 with the fields at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Stable identifier of the kind of problem.
    #[schema(example = "urn:fraudnet:problem:invalid-fields")]
    pub r#type: String,
    /// The kind of problem in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here and what to do.
    pub detail: String,
    /// Every field or header at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<WireError>,
    /// Why the sender may not, or why an action on a case was refused.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub refused: Option<Box<Refused>>,
    /// Of whoever is not signed in: whether people sign in with a provider here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<bool>,
    /// Name and value of one more header of the answer, such as `Allow`.
    #[serde(skip)]
    pub header: Option<Box<(&'static str, String)>>,
}

/// Why something was refused, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Refused {
    /// Stable name, such as `expired`, `needs_role`, `stale` or `held`.
    pub code: String,
    /// The case as it stands, where it changed since it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::CaseReply>)]
    pub case: Option<Value>,
}

/// The kinds of problem there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Not JSON, or not an object of the request's shape.
    Malformed,
    /// A header holds what it must not.
    InvalidHeader,
    /// No such route or thing.
    NotFound,
    /// It is not kept any more.
    Gone,
    /// The route takes other methods.
    MethodNotAllowed,
    /// The body did not arrive in time.
    Timeout,
    /// The body is too large.
    TooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// Fields hold what they must not.
    InvalidFields,
    /// The transaction id was used with another body.
    ConflictingBody,
    /// The transaction id belongs to a payment that was loaded as history.
    KnownFromHistory,
    /// The change contradicts what stands.
    Contradiction,
    /// The sender did not say who they are, or not so that it holds.
    NotAuthenticated,
    /// The sender may not do this.
    NotAuthorised,
    /// The sender asks too often.
    TooMany,
    /// A model version may not serve.
    ModelRefused,
    /// A service that this one asks does not answer as it should.
    BadGateway,
    /// A bug.
    Internal,
    /// A queue is full.
    Overloaded,
    /// Starting up or shutting down.
    NotReady,
    /// The log failed.
    LogFailed,
    /// The privacy vault failed.
    VaultFailed,
    /// Not durable by the deadline.
    NotDurableInTime,
}

impl ProblemKind {
    /// Last part of the type, title and status.
    pub const fn row(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            ProblemKind::Malformed => ("malformed-request", "the request cannot be read", StatusCode::BAD_REQUEST),
            ProblemKind::InvalidHeader => ("invalid-header", "a header cannot be accepted", StatusCode::BAD_REQUEST),
            ProblemKind::NotFound => ("not-found", "there is no such thing", StatusCode::NOT_FOUND),
            ProblemKind::Gone => ("gone", "it is not kept any more", StatusCode::GONE),
            ProblemKind::MethodNotAllowed => {
                ("method-not-allowed", "this route takes other methods", StatusCode::METHOD_NOT_ALLOWED)
            }
            ProblemKind::Timeout => ("request-timeout", "the request came in too slowly", StatusCode::REQUEST_TIMEOUT),
            ProblemKind::TooLarge => ("too-large", "the body is too large", StatusCode::PAYLOAD_TOO_LARGE),
            ProblemKind::UnsupportedMediaType => {
                ("unsupported-media-type", "the body must be JSON", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            ProblemKind::InvalidFields => {
                ("invalid-fields", "fields cannot be accepted", StatusCode::UNPROCESSABLE_ENTITY)
            }
            ProblemKind::ConflictingBody => {
                ("conflicting-body", "the transaction id was used with another body", StatusCode::UNPROCESSABLE_ENTITY)
            }
            ProblemKind::KnownFromHistory => {
                ("known-from-history", "the payment was loaded as history", StatusCode::CONFLICT)
            }
            ProblemKind::Contradiction => ("contradiction", "the change contradicts what stands", StatusCode::CONFLICT),
            ProblemKind::ModelRefused => ("model-refused", "the model may not serve", StatusCode::UNPROCESSABLE_ENTITY),
            ProblemKind::NotAuthenticated => ("not-authenticated", "say who you are", StatusCode::UNAUTHORIZED),
            ProblemKind::NotAuthorised => ("not-authorised", "this is not yours to do", StatusCode::FORBIDDEN),
            ProblemKind::TooMany => ("too-many", "too many requests at once", StatusCode::TOO_MANY_REQUESTS),
            ProblemKind::BadGateway => ("bad-gateway", "another service failed", StatusCode::BAD_GATEWAY),
            ProblemKind::Internal => ("internal", "the service made a mistake", StatusCode::INTERNAL_SERVER_ERROR),
            ProblemKind::Overloaded => ("overloaded", "the service is full", StatusCode::SERVICE_UNAVAILABLE),
            ProblemKind::NotReady => ("not-ready", "the service takes no traffic now", StatusCode::SERVICE_UNAVAILABLE),
            ProblemKind::LogFailed => ("log-failed", "the event log failed", StatusCode::SERVICE_UNAVAILABLE),
            ProblemKind::VaultFailed => ("vault-failed", "the privacy vault failed", StatusCode::SERVICE_UNAVAILABLE),
            ProblemKind::NotDurableInTime => {
                ("not-durable-in-time", "not durable by the deadline", StatusCode::GATEWAY_TIMEOUT)
            }
        }
    }
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Problem {
        let (slug, title, status) = kind.row();
        Problem {
            r#type: format!("urn:fraudnet:problem:{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            refused: None,
            oidc: None,
            header: None,
        }
    }

    /// A header that holds what it must not.
    pub fn of_header(name: &str, reason: impl Into<String>) -> Problem {
        let error = WireError { field: format!("header {name}"), reason: reason.into() };
        Problem {
            errors: vec![error.clone()],
            ..Problem::new(ProblemKind::InvalidHeader, format!("{name} {}", error.reason))
        }
    }

    /// The same, where another try makes sense after so many seconds.
    pub(super) fn after(self, seconds: u32) -> Problem {
        self.with_header("retry-after", seconds.to_string())
    }

    /// The same with one more header.
    pub(super) fn with_header(self, name: &'static str, value: String) -> Problem {
        Problem { header: Some(Box::new((name, value))), ..self }
    }

    /// The same, with why as a stable name.
    pub(super) fn because(self, code: &str) -> Problem {
        Problem { refused: Some(Box::new(Refused { code: code.to_owned(), case: None })), ..self }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Problem {
        let detail = error.to_string();
        let (kind, errors) = match error {
            RequestError::Malformed { errors, .. } => (ProblemKind::Malformed, errors),
            RequestError::Invalid(errors) => (ProblemKind::InvalidFields, errors),
        };
        Problem { errors, ..Problem::new(kind, detail) }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Problem {
        let detail = error.to_string();
        match error {
            ServiceError::ConflictingBody => Problem::new(ProblemKind::ConflictingBody, detail),
            ServiceError::KnownFromHistory => Problem::new(ProblemKind::KnownFromHistory, detail),
            ServiceError::Overloaded { retry_after_s, .. } => {
                Problem::new(ProblemKind::Overloaded, detail).after(retry_after_s)
            }
            ServiceError::NotReady { retry_after_s, .. } => {
                Problem::new(ProblemKind::NotReady, detail).after(retry_after_s)
            }
            ServiceError::ElsewhereInCluster => Problem::new(ProblemKind::Contradiction, detail),
            ServiceError::NotDurableInTime => Problem::new(ProblemKind::NotDurableInTime, detail),
            ServiceError::VaultFull => Problem::new(ProblemKind::Overloaded, detail).after(60),
            ServiceError::Vault(reason) => {
                tracing::error!(reason, "the privacy vault failed");
                Problem::new(
                    ProblemKind::VaultFailed,
                    "the privacy vault cannot be used for this; people known already are served, and the service's operator finds the reason in its log",
                )
            }
            ServiceError::Log(reason) => {
                // Paths and the system's words are for the operator, not for callers.
                tracing::error!(reason, "the event log failed");
                Problem::new(
                    ProblemKind::LogFailed,
                    "the event log cannot be used; the service's operator finds the reason in its log",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("text and numbers always have a JSON form");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, text)) = self.header.map(|header| *header)
            && let Ok(value) = HeaderValue::try_from(text)
        {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_status_for_each_error() {
        for (error, status, slug, retry) in [
            (ServiceError::ConflictingBody, 422, "conflicting-body", None),
            (ServiceError::KnownFromHistory, 409, "known-from-history", None),
            (ServiceError::Overloaded { queue: "log", retry_after_s: 3 }, 503, "overloaded", Some("3")),
            (ServiceError::NotReady { state: "shutting down", retry_after_s: 7 }, 503, "not-ready", Some("7")),
            (ServiceError::NotDurableInTime, 504, "not-durable-in-time", None),
            (ServiceError::VaultFull, 503, "overloaded", Some("60")),
            (ServiceError::Vault("no space left on /secret/place".into()), 503, "vault-failed", None),
            (ServiceError::Log("no space left on /secret/place".into()), 503, "log-failed", None),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.status, status);
            assert_eq!(problem.r#type, format!("urn:fraudnet:problem:{slug}"));
            assert!(!problem.detail.contains("/secret"), "{}", problem.detail);
            let response = problem.into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap()), retry);
        }
    }

    #[test]
    fn fields_are_listed() {
        let field = WireError { field: "currency".into(), reason: "must be known".into() };
        let problem = Problem::from(RequestError::Invalid(vec![field]));
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["errors"][0]["field"], "currency");
        assert_eq!(json["status"], 422);
        assert_eq!(json["detail"], "1 of the fields cannot be accepted");
        let plain = serde_json::to_value(Problem::new(ProblemKind::NotFound, "x")).unwrap();
        assert!(plain.get("errors").is_none());
    }
}
