//! Privacy: erasing people, saying who a pseudonym is, how it stands. Identifiers are in bodies and never in paths, which proxies log.

use super::App;
use super::actor::{Authorised, by_person};
use super::door::{Tenant, caller, tenant};
use super::problem::{Problem, ProblemKind};
use crate::access::Reach;
use crate::privacy::{ErasureOrder, PersonKind, Pseudonym, is_reason};
use crate::service::{Erase, Erased, MAX_WHOM, Person, PrivacyError, PrivacyStatus, Unnamed, Whom};
use crate::wire::{RequestError, WireError, format_timestamp, holds_card_number};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Largest body: as many identifiers as an order may hold, of ordinary length.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Erasures that are told of.
const TOLD: usize = 200;

/// People to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// All that is theirs; 1 to 10000.
    pub people: Vec<PersonRequest>,
    /// Why; one line of at most 300 characters. It stands in the log for good: name nobody in it.
    #[schema(example = "request 2026-118")]
    pub reason: String,
    /// Also who is on a block or watch list or has an open case.
    #[serde(default)]
    pub even_if_listed: bool,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonRequest {
    /// `account`, `device` or `ip`.
    #[schema(example = "account")]
    pub kind: String,
    /// The identifier as payments gave it, byte for byte, or its pseudonym.
    #[schema(min_length = 1, max_length = 128, example = "acct-81")]
    pub id: String,
}

/// That people were erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErasureReply {
    /// Id of the erasure.
    pub erasure_id: String,
    /// Log position of the order.
    pub position: u64,
    /// Identifiers that lead to nobody any more.
    pub erased: usize,
    /// Which of `people` were not known, by their places, counted from 0.
    pub unknown: Vec<usize>,
}

/// A pseudonym whose person must be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealRequest {
    /// The pseudonym.
    #[schema(example = "p_k5vq3mzw7lq2ah6xw4dfyt2r5e")]
    pub pseudonym: String,
    /// Why; one line of at most 300 characters. It stands in the log for good.
    #[schema(example = "call the customer, case 812")]
    pub reason: String,
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RevealReply {
    /// The pseudonym.
    pub pseudonym: String,
    /// `account`, `device` or `ip`.
    pub kind: String,
    /// The identifier in clear.
    pub id: String,
    /// The day on which it was first seen, RFC 3339.
    #[schema(format = DateTime)]
    pub first_seen: String,
}

/// How pseudonyms stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PrivacyReply {
    /// Whether the log holds pseudonyms; where it does not, nothing else is told.
    pub pseudonyms: bool,
    /// The vault that ties them to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_id: Option<String>,
    /// Identifiers in it, of all tenants; told to those alone who may look at all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<usize>,
    /// Whether it takes no change any more: nobody new, no erasure. The operator finds why in `/readyz`.
    #[serde(default)]
    pub stopped: bool,
    /// How often somebody was told who a pseudonym of the tenant is; `/v1/changes` tells whom.
    #[serde(default)]
    pub revealed: u64,
    /// The tenant's newest erasures, the newest first.
    #[serde(default)]
    pub erasures: Vec<ErasureTold>,
}

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErasureTold {
    /// Its id.
    pub erasure_id: String,
    /// Identifiers of the order.
    pub identifiers: usize,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub actor: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// When it was carried out, RFC 3339; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub done_at: Option<String>,
    /// Log position of the order.
    pub position: u64,
}

/// Erases people: from the answer on nobody can tell whose their pseudonyms were. Give all that is theirs, and all of them in one call.
#[utoipa::path(
    post, path = "/v1/privacy/erasures", tag = "privacy", operation_id = "erasePeople", request_body = ErasureRequest,
    params(
        ("X-Tenant" = Option<String>, Header, description = "Whose customers; the configured default where absent"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds; 30000 unless said otherwise"),
    ),
    responses(
        (status = 200, description = "They are erased", body = ErasureReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "None of them is known", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Pseudonyms are off, or somebody is listed or has an open case", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The vault failed: what was ordered is carried out at the next start", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not done by the deadline; it goes on", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn erase(State(app): State<Arc<App>>, request: Request) -> Result<Json<ErasureReply>, Problem> {
    let tenant = tenant(request.extensions())?;
    let Authorised { actor, body, deadline } = by_person(&app, request, MAX_BYTES).await?;
    let form = r#"{"people": [{"kind": "account", "id": "acct-81"}], "reason": "request 2026-118"}"#;
    let ErasureRequest { people, reason, even_if_listed } = read(&body, form)?;
    reason_can_stand(&reason)?;
    if people.is_empty() || people.len() > MAX_WHOM {
        return Err(fault("people", format!("must hold 1 to {MAX_WHOM}")));
    }
    let whom = |(place, PersonRequest { kind, id }): (usize, PersonRequest)| match PersonKind::from_name(&kind) {
        Some(kind) => Ok(Whom { kind, id }),
        None => Err(fault(
            &format!("people[{place}].kind"),
            "must be account, device or ip; merchants stand in the log in clear",
        )),
    };
    let whom = people.into_iter().enumerate().map(whom).collect::<Result<Vec<_>, _>>()?;
    let erase = Erase { tenant, actor, whom, reason, even_if_listed };
    let Erased { erasure_id, position, erased, unknown } = app.service.erase(erase, deadline).await?;
    Ok(Json(ErasureReply { erasure_id, position, erased, unknown }))
}

/// Says who a pseudonym is. That somebody asked, whom for and why, stands in the log before the answer is given, for good.
#[utoipa::path(
    post, path = "/v1/privacy/reveal", tag = "privacy", operation_id = "revealPerson", request_body = RevealRequest,
    params(("X-Tenant" = Option<String>, Header, description = "Whose customer; the configured default where absent")),
    responses(
        (status = 200, description = "Who it is", body = RevealReply),
        (status = 400, description = "Not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody of this tenant has that pseudonym", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Pseudonyms are off", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "They were erased", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The vault cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reveal(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let tenant = tenant(request.extensions())?;
    let Authorised { actor, body, deadline } = by_person(&app, request, super::request::MAX_BODY_BYTES).await?;
    let form = r#"{"pseudonym": "p_…", "reason": "call the customer"}"#;
    let RevealRequest { pseudonym, reason } = read(&body, form)?;
    reason_can_stand(&reason)?;
    let asked = Pseudonym::parse(&pseudonym)
        .ok_or_else(|| fault("pseudonym", "must be p_ and 26 of the letters a to z and digits 2 to 7"))?;
    let Person { kind, id, first_seen_ms } = app.service.reveal(&tenant, &actor, asked, reason, deadline).await?;
    let reply =
        RevealReply { pseudonym, kind: kind.name().to_owned(), id, first_seen: format_timestamp(first_seen_ms) };
    // Nobody in between keeps it.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(reply)).into_response())
}

/// How pseudonyms stand: the vault, what was erased and how often somebody was told of.
#[utoipa::path(
    get, path = "/v1/privacy", tag = "privacy", operation_id = "getPrivacy",
    params(("X-Tenant" = Option<String>, Header, description = "Whose erasures; the configured default where absent")),
    responses((status = 200, description = "How they stand", body = PrivacyReply))
)]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    request: Request,
) -> Result<Json<PrivacyReply>, Problem> {
    let sees_all = caller(request.extensions())?.0.reach == Reach::AllTenants;
    let off = PrivacyReply {
        pseudonyms: false,
        vault_id: None,
        people: None,
        stopped: false,
        revealed: 0,
        erasures: Vec::new(),
    };
    let status = match app.service.privacy_status(&tenant, TOLD) {
        Ok(status) => status,
        Err(PrivacyError::Off) => return Ok(Json(off)),
        Err(error) => return Err(error.into()),
    };
    let PrivacyStatus { vault_id, people, stopped, erasures, revealed } = status;
    Ok(Json(PrivacyReply {
        pseudonyms: true,
        vault_id: Some(vault_id.to_string()),
        people: sees_all.then_some(people),
        stopped: stopped.is_some(),
        revealed,
        erasures: erasures.iter().map(|order| ErasureTold::of(order)).collect(),
    }))
}

impl ErasureTold {
    fn of(order: &ErasureOrder) -> ErasureTold {
        ErasureTold {
            erasure_id: order.erasure_id.clone(),
            identifiers: order.pseudonyms.len(),
            reason: order.reason.clone(),
            actor: order.actor.clone(),
            at: format_timestamp(order.at_ms),
            done_at: order.done_at_ms.map(format_timestamp),
            position: order.position,
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8], form: &str) -> Result<T, Problem> {
    // The reader's words could repeat what was sent; its place cannot.
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body must be {form}; it is not at line {line}, column {column}");
        Problem::new(ProblemKind::Malformed, detail)
    })
}

fn reason_can_stand(reason: &str) -> Result<(), Problem> {
    is_reason(reason).map_err(|told| fault("reason", told))?;
    if holds_card_number(reason) {
        return Err(fault("reason", "must not hold a card number"));
    }
    Ok(())
}

fn fault(field: &str, reason: impl Into<String>) -> Problem {
    RequestError::Invalid(vec![WireError { field: field.to_owned(), reason: reason.into() }]).into()
}

impl From<Unnamed> for Problem {
    fn from(unnamed: Unnamed) -> Problem {
        match unnamed {
            Unnamed::Field(error) => RequestError::Invalid(vec![error]).into(),
            Unnamed::Service(error) => error.into(),
        }
    }
}

impl From<PrivacyError> for Problem {
    fn from(error: PrivacyError) -> Problem {
        let detail = error.to_string();
        match error {
            PrivacyError::Off => Problem::new(ProblemKind::Contradiction, detail).because("pseudonyms_off"),
            PrivacyError::Unknown => Problem::new(ProblemKind::NotFound, detail),
            PrivacyError::Gone => Problem::new(ProblemKind::Gone, detail).because("erased"),
            PrivacyError::Listed(_) => Problem::new(ProblemKind::Contradiction, detail).because("listed"),
            PrivacyError::Control(error) => error.into(),
        }
    }
}
