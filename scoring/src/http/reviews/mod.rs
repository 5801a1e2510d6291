//! Cases: what waits to be looked at, in which order, and how each stands. What people do with them is in `act`.

pub(super) mod act;

use super::App;
use super::door::Tenant;
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind, Refused};
use crate::cases::{BulkResult, Case, CaseFigures, CaseFilter, CaseSettings, Cursor, Refusal, Status};
use crate::clock;
use crate::reviews::ReviewError;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use fraudnet_graph::Kind;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Cases of a page where nothing is said.
const PAGE: usize = 50;

/// A case and how it stands at the time of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CaseReply {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// How it stands.
    pub status: Status,
    /// Whether it should have been closed by now.
    pub overdue: bool,
    /// The service's clock, UTC milliseconds since the epoch.
    pub now_ms: i64,
}

/// Some cases, and all of them in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CasesReply {
    /// Open ones in the order of their turns, closed ones the latest first; without notes and history, which `GET /v1/reviews/{case_id}` tells.
    pub cases: Vec<CaseReply>,
    /// `cursor` of the next page; none where there is no more.
    pub next: Option<String>,
    /// All cases of the tenant in numbers, whatever the filter.
    pub figures: CaseFigures,
    /// The service's clock, UTC milliseconds since the epoch.
    pub now_ms: i64,
}

/// The settings that people work under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReviewSettingsReply {
    /// The settings.
    #[serde(flatten)]
    pub settings: CaseSettings,
    /// Code of the reference currency; none where it was not configured.
    pub reference_currency: Option<String>,
}

/// Cases that one action is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// The cases, as they were seen; none twice.
    pub targets: Vec<crate::cases::CaseTarget>,
    /// What is done with each.
    pub action: crate::cases::CaseAction,
}

/// What became of a bulk action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkReply {
    /// One for each case, in the order in which they were named.
    pub results: Vec<BulkTold>,
}

/// What became of one case of a bulk action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkTold {
    /// The case.
    pub case_id: String,
    /// Its new version, where it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Why it was not, by a stable name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was not, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a list of cases can be asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// How they stand; every case that is not closed where absent.
    status: Option<Status>,
    /// Whose work they are; empty for those that are nobody's in particular.
    assignee: Option<String>,
    /// Who holds them.
    holder: Option<String>,
    /// Least expected loss, hundredths of the reference currency.
    min_loss_hundredths: Option<u64>,
    /// Whether they are overdue.
    overdue: Option<bool>,
    /// Whether they were escalated.
    escalated: Option<bool>,
    /// Part of the account or of the id of a payment; with pseudonyms an account counts whole.
    text: Option<String>,
    /// Cases at most, 1 to 200; 50 where absent.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Cases of the tenant: those that wait, in the order of expected loss and age, or by filter.
#[utoipa::path(
    get, path = "/v1/reviews", tag = "reviews", operation_id = "listReviews",
    params(Asked, ("X-Tenant" = Option<String>, Header, description = "Whose cases; the configured default where absent")),
    responses(
        (status = 200, description = "The cases", body = CasesReply),
        (status = 400, description = "A filter or cursor at fault", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<CasesReply>, Problem> {
    let Query(asked) = query.map_err(|error| {
        let known = "status, assignee, holder, min_loss_hundredths, overdue, escalated, text, limit, cursor";
        Problem::new(ProblemKind::Malformed, format!("the query takes {known}: {}", error.body_text()))
    })?;
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=200).contains(&limit) {
        return Err(Problem::new(ProblemKind::Malformed, "limit must be from 1 to 200"));
    }
    let after: Option<Cursor> = asked
        .cursor
        .as_deref()
        .map(|text| text.parse().map_err(|reason| Problem::new(ProblemKind::Malformed, format!("cursor {reason}"))))
        .transpose()?;
    let filter = CaseFilter {
        status: asked.status,
        assignee: asked.assignee,
        holder: asked.holder,
        min_loss_hundredths: asked.min_loss_hundredths,
        overdue: asked.overdue,
        escalated: asked.escalated,
        text: asked.text,
    };
    filter.check().map_err(|reason| Problem::new(ProblemKind::Malformed, reason))?;
    // An account in clear finds its cases; whatever else the text is, it is looked for as it stands.
    let account = filter.text.as_deref().and_then(|text| app.service.resolve(&tenant, Kind::Account, text));
    let filter = CaseFilter { text: account.map(Cow::into_owned).or(filter.text), ..filter };
    let now_ms = clock::now_ms();
    let (page, figures) = app
        .service
        .reviews()
        .look(|cases| (cases.list(&tenant, now_ms, &filter, after.as_ref(), limit), cases.figures(&tenant, now_ms)));
    let cases = page.cases.iter().map(|case| CaseReply::brief(case, now_ms)).collect();
    Ok(Json(CasesReply { cases, next: page.next.map(|next| next.to_string()), figures, now_ms }))
}

/// A case with its notes and history.
#[utoipa::path(
    get, path = "/v1/reviews/{case_id}", tag = "reviews", operation_id = "getReview",
    params(
        ("case_id" = String, Path, description = "Its id"),
        ("X-Tenant" = Option<String>, Header, description = "Whose case; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The case", body = CaseReply),
        (status = 404, description = "No such case of this tenant", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<CaseReply>, Problem> {
    let Path(case_id) = path.map_err(bad_path)?;
    let case = app.service.reviews().look(|cases| cases.get(&tenant, &case_id).cloned());
    let case = case.ok_or_else(|| Problem::from(ReviewError::Refused(Refusal::NoSuchCase)))?;
    Ok(Json(CaseReply::of(&case, clock::now_ms())))
}

/// How cases are worked on: service level, lease, undo, four eyes.
#[utoipa::path(
    get, path = "/v1/reviews/settings", tag = "reviews", operation_id = "getReviewSettings",
    responses((status = 200, description = "The settings that hold", body = ReviewSettingsReply))
)]
pub(super) async fn settings(State(app): State<Arc<App>>) -> Json<ReviewSettingsReply> {
    let currency = &app.config.reference_currency;
    let reference_currency = (!currency.is_empty()).then(|| currency.clone());
    Json(ReviewSettingsReply { settings: app.service.reviews().settings(), reference_currency })
}

impl CaseReply {
    fn of(case: &Case, now_ms: i64) -> CaseReply {
        CaseReply { case: case.clone(), status: case.status(now_ms), overdue: case.is_overdue(now_ms), now_ms }
    }

    /// Without notes and history.
    fn brief(case: &Case, now_ms: i64) -> CaseReply {
        CaseReply {
            case: case.without_records(),
            status: case.status(now_ms),
            overdue: case.is_overdue(now_ms),
            now_ms,
        }
    }
}

impl From<BulkResult> for BulkTold {
    fn from(BulkResult { case_id, result }: BulkResult) -> BulkTold {
        match result {
            Ok(version) => BulkTold { case_id, version: Some(version), code: None, detail: None },
            Err(refusal) => BulkTold {
                case_id,
                version: None,
                code: Some(refusal.code().to_owned()),
                detail: Some(refusal.to_string()),
            },
        }
    }
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Problem {
        let refusal = match error {
            ReviewError::Refused(refusal) => refusal,
            ReviewError::Service(error) => return Problem::from(error),
        };
        let kind = match refusal {
            Refusal::NoSuchCase | Refusal::NothingToTake => ProblemKind::NotFound,
            Refusal::Invalid(_) => ProblemKind::InvalidFields,
            _ => ProblemKind::Contradiction,
        };
        let case = match &refusal {
            Refusal::Stale { newer } => serde_json::to_value(CaseReply::of(newer, clock::now_ms())).ok(),
            _ => None,
        };
        let refused = Refused { code: refusal.code().to_owned(), case };
        Problem { refused: Some(Box::new(refused)), ..Problem::new(kind, refusal.to_string()) }
    }
}
