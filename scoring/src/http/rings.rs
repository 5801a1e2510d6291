//! Rings: accounts that shared devices, addresses and receivers tie together where something is wrong with those.

use super::App;
use super::door::Tenant;
use super::entities::SubgraphNode;
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::rings::{GrowthDay, OpenCase, Ring, RingMember, RingSummary};
use crate::wire::format_timestamp;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use fraudnet_graph::Kind;
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rings of a list where nothing is said, and at most.
const LISTED: usize = 50;
const MOST: usize = 200;

/// Rings by rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RingsReply {
    /// Log position they are as of: every event before it was applied.
    pub as_of_position: u64,
    /// The rings, the largest expected loss first.
    pub rings: Vec<RingSummary>,
}

/// One ring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RingReply {
    /// In numbers.
    #[serde(flatten)]
    pub summary: RingSummary,
    /// Its members, the most important first.
    pub members: Vec<RingMemberReply>,
    /// Members that were left out.
    pub members_left_out: usize,
    /// The last 30 days, oldest first.
    pub growth: Vec<GrowthDay>,
    /// Its most important entities, for drawing; `hop` is 0 for what ties, 1 for accounts, 2 for merchants.
    pub nodes: Vec<SubgraphNode>,
    /// What joins them; each pair at most once.
    pub links: Vec<RingLinkReply>,
}

/// What joins two entities of a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RingLinkReply {
    /// Index of one end in `nodes`.
    pub from: usize,
    /// Index of the other.
    pub to: usize,
    /// Relation, e.g. `account-device`.
    pub relation: String,
    /// First of the ring's payments over it, RFC 3339.
    #[schema(format = DateTime)]
    pub first_at: String,
    /// Latest of them, RFC 3339.
    #[schema(format = DateTime)]
    pub last_at: String,
    /// Payments over it.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// Their sum in hundredths of the currency's major unit.
    pub amount: u64,
}

/// A member of a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RingMemberReply {
    /// Kind: `account`, or of what ties accounts together: `device`, `ip`.
    pub kind: String,
    /// Identifier.
    pub id: String,
    /// Payments of the ring that it made, carried or received.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// Since when it is tied to others, UTC milliseconds.
    pub since_ms: i64,
    /// The account's open case: what a decision for all of the ring names as a target.
    pub open_case: Option<OpenCase>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    limit: Option<usize>,
}

/// The tenant's rings by expected loss.
#[utoipa::path(
    get, path = "/v1/rings", tag = "rings", operation_id = "listRings",
    params(
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 200, description = "Rings at most; 50 where absent"),
        ("X-Tenant" = Option<String>, Header, description = "Whose rings; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The rings", body = RingsReply),
        (status = 400, description = "The query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many such questions wait", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    form: Result<Query<Form>, QueryRejection>,
) -> Result<Json<RingsReply>, Problem> {
    let limit = form.map(|Query(form)| form.limit.unwrap_or(LISTED)).ok().filter(|limit| (1..=MOST).contains(limit));
    let limit = limit.ok_or_else(|| {
        Problem::new(ProblemKind::Malformed, format!("the query may only hold `limit`, from 1 to {MOST}"))
    })?;
    let (as_of_position, rings) = app.service.rings(&tenant, limit).await?;
    Ok(Json(RingsReply { as_of_position, rings }))
}

/// A ring with its members, its growth by day, and its most important entities for drawing. What is decided about all of it goes to the open
/// cases of its members: `POST /v1/reviews:bulk`.
#[utoipa::path(
    get, path = "/v1/rings/{ring_id}", tag = "rings", operation_id = "getRing",
    params(
        ("ring_id" = String, Path, description = "Its id"),
        ("X-Tenant" = Option<String>, Header, description = "Whose ring; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The ring", body = RingReply),
        (status = 404, description = "No such ring of this tenant (any more)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many such questions wait", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<RingReply>, Problem> {
    let Path(ring_id) = path.map_err(bad_path)?;
    let ring = app.service.ring(&tenant, &ring_id).await?;
    ring.map(|ring| Json(RingReply::from(*ring))).ok_or_else(|| {
        let detail = "there is no ring of that id: it was never one, has aged away, or became part of another; GET /v1/rings lists them";
        Problem::new(ProblemKind::NotFound, detail)
    })
}

impl From<Ring> for RingReply {
    fn from(Ring { summary, members, members_left_out, growth, graph }: Ring) -> RingReply {
        let nodes = graph.node_weights().map(|node| SubgraphNode {
            kind: node.kind.name().to_owned(),
            id: node.id.clone(),
            hop: match node.kind {
                Kind::Account => 1,
                Kind::Merchant => 2,
                _ => 0,
            },
        });
        let links = graph.edge_references().map(|edge| {
            let link = edge.weight();
            RingLinkReply {
                from: edge.source().index(),
                to: edge.target().index(),
                relation: link.relation.name().to_owned(),
                first_at: format_timestamp(link.first_at_ms),
                last_at: format_timestamp(link.last_at_ms),
                payments: link.payments,
                reported: link.reported,
                amount: link.amount_hundredths,
            }
        });
        RingReply {
            nodes: nodes.collect(),
            links: links.collect(),
            summary,
            members: members.into_iter().map(RingMemberReply::from).collect(),
            members_left_out,
            growth,
        }
    }
}

impl From<RingMember> for RingMemberReply {
    fn from(member: RingMember) -> RingMemberReply {
        RingMemberReply {
            kind: member.kind.name().to_owned(),
            id: member.id,
            payments: member.payments,
            reported: member.reported,
            since_ms: member.since_ms,
            open_case: member.open_case,
        }
    }
}
