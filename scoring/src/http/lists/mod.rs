//! Lists: putting entities on the allow, block and watch lists, taking them off, looking at them.
//!
//! In reading order: this page, `told` (requests and replies).

mod told;

pub use told::{ListChangedReply, ListRequest, ListedReply, ListsReply};

use super::App;
use super::actor::{Authorised, authorised};
use super::door::tenant;
use super::payments::bad_path;
use super::policies::{one_line, read};
use super::problem::{Problem, ProblemKind};
use crate::control::Change;
use crate::policy::{DocumentError, ListChange, ListName, Listed, ListedKind};
use crate::wire::{WireError, holds_card_number, parse_timestamp};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// Most entries of an answer.
const MAX_LIMIT: usize = 1_000;

/// A query that may name the tenant and nothing else. The door has read it; a slip in its name must not change another tenant's list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    #[expect(dead_code, reason = "the door reads it")]
    tenant: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[expect(dead_code, reason = "the door reads it")]
    tenant: Option<String>,
    list: Option<String>,
    kind: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Entries of a tenant's lists.
#[utoipa::path(
    get, path = "/v1/lists", tag = "lists", operation_id = "showLists",
    params(
        ("list" = Option<String>, Query, description = "`allow`, `block` or `watch` alone"),
        ("kind" = Option<String>, Query, description = "`account`, `device`, `ip` or `merchant` alone"),
        ("after" = Option<String>, Query, description = "`next` of the answer before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most entities; 200 unless said otherwise"),
        ("tenant" = Option<String>, Query, description = "Tenant; `X-Tenant` where absent, which no signature covers"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The entries", body = ListsReply),
        (status = 400, description = "A header or the query at fault", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    form: Result<Query<Form>, QueryRejection>,
    request: Request,
) -> Result<Json<ListsReply>, Problem> {
    let Query(form) = form.map_err(bad_query)?;
    let tenant = tenant(request.extensions())?;
    let malformed = |reason: &str| Problem::new(ProblemKind::Malformed, reason);
    let limit = form.limit.unwrap_or(200);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(malformed("limit must be from 1 to 1000"));
    }
    let list =
        form.list.as_deref().map(|name| ListName::from_name(name).ok_or_else(|| malformed(LISTS))).transpose()?;
    let kind =
        form.kind.as_deref().map(|name| ListedKind::from_name(name).ok_or_else(|| malformed(KINDS))).transpose()?;
    let after = match form.after.as_deref() {
        Some(after) => {
            let (kind, id) = after.split_once('/').ok_or_else(|| malformed("after must be the `next` of an answer"))?;
            let kind = ListedKind::from_name(kind).ok_or_else(|| malformed(KINDS))?;
            Some((kind, app.service.resolve(&tenant, kind.kind(), id).unwrap_or(Cow::Borrowed(id))))
        }
        None => None,
    };
    let state = app.service.control().state();
    let wanted = |listed: &Listed<'_>| {
        list.is_none_or(|list| listed.list == list.name()) && kind.is_none_or(|kind| listed.entity == kind.name())
    };
    let mut entries: Vec<ListedReply> = Vec::new();
    let mut next = None;
    for listed in state.lists.of_tenant(&tenant, after.as_ref().map(|(kind, id)| (*kind, id.as_ref()))).filter(wanted) {
        // All that is said of one entity stands on one page.
        let last = entries.last().map(|last| (last.kind.as_str(), last.id.as_str()));
        if entries.len() >= limit && last != Some((listed.entity, listed.id)) {
            next = last.map(|(kind, id)| format!("{kind}/{id}"));
            break;
        }
        entries.push(ListedReply::of(&listed));
    }
    Ok(Json(ListsReply { entries, next }))
}

/// What a list says of an entity.
#[utoipa::path(
    get, path = "/v1/lists/{list}/{kind}/{id}", tag = "lists", operation_id = "getListed",
    params(
        ("list" = String, Path, description = "`allow`, `block` or `watch`"),
        ("kind" = String, Path, description = "`account`, `device`, `ip` or `merchant`"),
        ("id" = String, Path, description = "Identifier, percent-encoded"),
        ("tenant" = Option<String>, Query, description = "Tenant; `X-Tenant` where absent, which no signature covers"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The entry", body = ListedReply),
        (status = 400, description = "A header or the path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "It is not on this list, or there is no such list or kind", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    query: Result<Query<Whose>, QueryRejection>,
    request: Request,
) -> Result<Json<ListedReply>, Problem> {
    query.map_err(bad_query)?;
    let tenant = tenant(request.extensions())?;
    let Place { list, entity, id } = Place::of(path)?;
    let state = app.service.control().state();
    let not_there = || {
        let detail = format!("this {} is not on the {} list", entity.name(), list.name());
        Problem::new(ProblemKind::NotFound, detail)
    };
    let id = app.service.resolve(&tenant, entity.kind(), &id).ok_or_else(not_there)?;
    let entry = state.lists.find(list, &tenant, entity, &id).ok_or_else(not_there)?;
    let listed = Listed { tenant: &tenant, entity: entity.name(), id: &id, list: list.name(), entry };
    Ok(Json(ListedReply::of(&listed)))
}

/// Puts an entity on a list, or changes what is said of it there. It counts from the answer on.
#[utoipa::path(
    put, path = "/v1/lists/{list}/{kind}/{id}", tag = "lists", operation_id = "putListed", request_body = ListRequest,
    params(
        ("list" = String, Path, description = "`allow`, `block` or `watch`"),
        ("kind" = String, Path, description = "`account`, `device`, `ip` or `merchant`"),
        ("id" = String, Path, description = "Identifier, percent-encoded"),
        ("tenant" = Option<String>, Query, description = "Tenant; `X-Tenant` where absent, which no signature covers"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant; the configured default where absent"),
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is on the list", body = ListChangedReply),
        (status = 400, description = "Not JSON of this form, or a header or the path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such list or kind", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be on the list, and why", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields at fault", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    query: Result<Query<Whose>, QueryRejection>,
    request: Request,
) -> Result<Json<ListChangedReply>, Problem> {
    query.map_err(bad_query)?;
    let tenant = tenant(request.extensions())?;
    let Place { list, entity, id } = Place::of(path)?;
    let Authorised { actor, body, deadline } = authorised(&app, request).await?;
    let ListRequest { reason, expires_at } = read(&body)?;
    one_line("reason", &reason)?;
    let fault = |field: &str, reason: &str| {
        Problem::from(DocumentError(vec![WireError { field: field.to_owned(), reason: reason.to_owned() }]))
    };
    let input = &app.config.input;
    let is_exempt = input.card_number_exempt.iter().any(|field| field == entity.name());
    if input.card_number_check && (holds_card_number(&reason) || (!is_exempt && holds_card_number(&id))) {
        return Err(fault("id", "id and reason must not hold a card number; list a token of it"));
    }
    let expires_at_ms = expires_at.as_deref().map(|text| {
        parse_timestamp(text).ok_or_else(|| fault("expires_at", "must be a time such as 2026-12-31T00:00:00Z"))
    });
    let expires_at_ms = expires_at_ms.transpose()?;
    let id = app.service.name_one(&tenant, entity.kind(), id, deadline).await?;
    let change = ListChange::Put { list, entity, id, tenant, reason, expires_at_ms };
    Ok(Json(app.service.control().submit(&actor, Change::List(change), deadline).await?.into()))
}

/// Takes an entity off a list. It counts no more from the answer on.
#[utoipa::path(
    delete, path = "/v1/lists/{list}/{kind}/{id}", tag = "lists", operation_id = "removeListed",
    params(
        ("list" = String, Path, description = "`allow`, `block` or `watch`"),
        ("kind" = String, Path, description = "`account`, `device`, `ip` or `merchant`"),
        ("id" = String, Path, description = "Identifier, percent-encoded"),
        ("tenant" = Option<String>, Query, description = "Tenant; `X-Tenant` where absent, which no signature covers"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant; the configured default where absent"),
        ("X-Actor" = Option<String>, Header, description = "Who asks; signed where the service trusts keys only"),
        ("X-Deadline-Ms" = Option<u32>, Header, minimum = 1, maximum = 60000, description = "How long the caller waits, milliseconds"),
    ),
    responses(
        (status = 200, description = "It is off the list", body = ListChangedReply),
        (status = 400, description = "A header or the path at fault", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not signed by somebody who may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such list or kind", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was not on the list", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not durable by the deadline", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    query: Result<Query<Whose>, QueryRejection>,
    request: Request,
) -> Result<Json<ListChangedReply>, Problem> {
    query.map_err(bad_query)?;
    let tenant = tenant(request.extensions())?;
    let Place { list, entity, id } = Place::of(path)?;
    let Authorised { actor, deadline, .. } = authorised(&app, request).await?;
    let id = match app.service.resolve(&tenant, entity.kind(), &id) {
        Some(id) => id.into_owned(),
        // Known to nobody, so on no list; never into the log as it came.
        None => {
            let detail = format!("this {} is not on the {} list", entity.name(), list.name());
            return Err(Problem::new(ProblemKind::Contradiction, detail));
        }
    };
    let change = ListChange::Removed { list, entity, id, tenant };
    Ok(Json(app.service.control().submit(&actor, Change::List(change), deadline).await?.into()))
}

const LISTS: &str = "there are these lists: allow, block, watch";
const KINDS: &str = "there are these kinds of entities: account, device, ip, merchant";

fn bad_query(error: QueryRejection) -> Problem {
    Problem::new(ProblemKind::Malformed, error.body_text())
}

/// What a path names.
struct Place {
    list: ListName,
    entity: ListedKind,
    id: String,
}

impl Place {
    fn of(path: Result<Path<(String, String, String)>, PathRejection>) -> Result<Place, Problem> {
        let Path((list, kind, id)) = path.map_err(bad_path)?;
        let not_found = |reason: &str| Problem::new(ProblemKind::NotFound, reason);
        Ok(Place {
            list: ListName::from_name(&list).ok_or_else(|| not_found(LISTS))?,
            entity: ListedKind::from_name(&kind).ok_or_else(|| not_found(KINDS))?,
            id,
        })
    }
}
