//! Entities: the neighbourhood of one, for people to look at.

use super::App;
use super::door::tenant;
use super::payments::bad_path;
use super::problem::{Problem, ProblemKind};
use crate::service::Neighbourhood;
use crate::wire::format_timestamp;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use fraudnet_graph::{EdgeView, Kind, NodeView, UNSEEN, to_dot, to_graphml};
use petgraph::graph::UnGraph;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The neighbourhood of an entity, up to three hops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubgraphReply {
    /// Log position it is as of: every event before it was applied.
    pub position: u64,
    /// The graph's clock then, RFC 3339.
    #[schema(format = DateTime)]
    pub time: String,
    /// Nodes per hop, the entity itself first.
    pub hops: [u16; 4],
    /// Neighbours left out by the budgets.
    pub truncated: u32,
    /// The nodes; the entity itself first.
    pub nodes: Vec<SubgraphNode>,
    /// What joins them; each pair at most once.
    pub links: Vec<SubgraphLink>,
}

/// One entity of a neighbourhood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubgraphNode {
    /// Kind: `account`, `device`, `ip` or `merchant`.
    pub kind: String,
    /// Identifier.
    pub id: String,
    /// Distance from the entity asked for, 0–3.
    pub hop: u8,
}

/// One edge of a neighbourhood with its running facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubgraphLink {
    /// Index of one end in `nodes`.
    pub from: usize,
    /// Index of the other.
    pub to: usize,
    /// Relation, e.g. `account-device`.
    pub relation: String,
    /// First payment over it, RFC 3339.
    #[schema(format = DateTime)]
    pub first_at: String,
    /// Latest payment over it, RFC 3339.
    #[schema(format = DateTime)]
    pub last_at: String,
    /// Payments over it.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// Their sum in hundredths of the currency's major unit.
    pub amount: u64,
    /// Log position of the event that first made it.
    pub source: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    format: Option<String>,
}

/// The neighbourhood of an entity as JSON, Graphviz DOT or GraphML.
#[utoipa::path(
    get, path = "/v1/entities/{kind}/{id}/subgraph", tag = "entities", operation_id = "getSubgraph",
    params(
        ("kind" = String, Path, description = "`account`, `device`, `ip` or `merchant`"),
        ("id" = String, Path, description = "Identifier, percent-encoded"),
        ("format" = Option<String>, Query, description = "`json` (default), `dot` or `graphml`"),
        ("X-Tenant" = Option<String>, Header, description = "Tenant the entity belongs to; the configured default where absent"),
    ),
    responses(
        (status = 200, description = "The neighbourhood", content(
            (SubgraphReply = "application/json"), (String = "text/vnd.graphviz"), (String = "application/graphml+xml"),
        )),
        (status = 400, description = "A header, the path or the query at fault", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such entity is in the graph", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A fault in the service", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many such questions wait", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u32, description = "Seconds"))),
    )
)]
pub(super) async fn subgraph(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    form: Result<Query<Form>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path((kind, id)) = path.map_err(bad_path)?;
    let format = match form {
        Ok(Query(form)) => form.format.unwrap_or_else(|| "json".to_owned()),
        Err(_) => return Err(Problem::new(ProblemKind::Malformed, "the query may only hold `format`")),
    };
    if !["json", "dot", "graphml"].contains(&format.as_str()) {
        return Err(Problem::new(ProblemKind::Malformed, "format must be json, dot or graphml"));
    }
    let tenant = tenant(request.extensions())?;
    let kind = kind_named(&kind)?;
    let neighbourhood = match app.service.resolve(&tenant, kind, &id) {
        Some(id) => app.service.neighbourhood(&tenant, kind, &id).await?,
        None => None,
    };
    let Some(neighbourhood) = neighbourhood else {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "no such entity is in the graph: it never took part in a payment, or left by age",
        ));
    };
    Ok(match format.as_str() {
        "dot" => ([(header::CONTENT_TYPE, "text/vnd.graphviz; charset=utf-8")], to_dot(&view(&neighbourhood)))
            .into_response(),
        "graphml" => {
            ([(header::CONTENT_TYPE, "application/graphml+xml; charset=utf-8")], to_graphml(&view(&neighbourhood)))
                .into_response()
        }
        _ => Json(reply(&neighbourhood)).into_response(),
    })
}

/// The kind that a path names.
pub(super) fn kind_named(name: &str) -> Result<Kind, Problem> {
    let none =
        || Problem::new(ProblemKind::NotFound, "there are these kinds of entities: account, device, ip, merchant");
    Kind::from_name(name).ok_or_else(none)
}

fn view(neighbourhood: &Neighbourhood) -> UnGraph<NodeView, EdgeView> {
    let subgraph = &neighbourhood.subgraph;
    let mut view = UnGraph::with_capacity(subgraph.nodes.len(), subgraph.links.len());
    for (node, identifier) in subgraph.nodes.iter().zip(&neighbourhood.identifiers) {
        let identifier = (node.entity != UNSEEN).then(|| identifier.clone());
        view.add_node(NodeView { identifier, kind: node.kind, hop: node.hop, own: node.own, facts: None });
    }
    for row in 0..subgraph.row_ends.len() {
        for link in subgraph.row(row) {
            let (from, to) = ((row as u32).into(), u32::from(link.node).into());
            if view.find_edge(from, to).is_none() {
                view.add_edge(from, to, EdgeView { relation: link.relation, own: link.own, facts: link.facts });
            }
        }
    }
    view
}

/// As JSON tells it.
pub(super) fn reply(neighbourhood: &Neighbourhood) -> SubgraphReply {
    let at = |seconds: u32| format_timestamp(i64::from(seconds) * 1000);
    let view = view(neighbourhood);
    let nodes = view.node_weights().zip(&neighbourhood.identifiers);
    let links = view.edge_indices().filter_map(|edge| {
        let (from, to) = view.edge_endpoints(edge)?;
        let EdgeView { relation, facts, .. } = view.edge_weight(edge)?;
        Some(SubgraphLink {
            from: from.index(),
            to: to.index(),
            relation: relation.name().to_owned(),
            first_at: at(facts.first_s),
            last_at: at(facts.last_s),
            payments: facts.count,
            reported: facts.reported,
            amount: facts.amount,
            source: facts.source,
        })
    });
    SubgraphReply {
        position: neighbourhood.position,
        time: at(neighbourhood.subgraph.now_s),
        hops: neighbourhood.subgraph.hop_counts,
        truncated: neighbourhood.subgraph.truncated,
        nodes: nodes
            .map(|(node, id)| SubgraphNode { kind: node.kind.name().to_owned(), id: id.clone(), hop: node.hop })
            .collect(),
        links: links.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_graph::{EdgeFacts, Link, Node, Relation, Subgraph};

    #[test]
    fn a_pair_is_joined_once() {
        let node = |entity, kind, hop| Node { entity, key: u64::from(entity), kind, hop, own: hop == 0 };
        let facts =
            EdgeFacts { first_s: 1_700_000_000, last_s: 1_700_000_060, count: 3, reported: 1, amount: 999, source: 5 };
        let link = |node| Link { node, relation: Relation::AccountDevice, own: false, facts };
        let subgraph = Subgraph {
            now_s: 1_700_000_100,
            nodes: vec![node(4, Kind::Account, 0), node(9, Kind::Device, 1)],
            hop_counts: [1, 1, 0, 0],
            row_ends: vec![1, 2],
            links: vec![link(1), link(0)],
            truncated: 2,
        };
        let neighbourhood = Neighbourhood { subgraph, identifiers: vec!["a\"1".into(), "d-1".into()], position: 17 };
        let reply = reply(&neighbourhood);
        assert_eq!((reply.position, reply.hops, reply.truncated, reply.links.len()), (17, [1, 1, 0, 0], 2, 1));
        assert_eq!(reply.time, "2023-11-14T22:15:00.000Z");
        assert_eq!(reply.nodes[1], SubgraphNode { kind: "device".into(), id: "d-1".into(), hop: 1 });
        assert_eq!((reply.links[0].from, reply.links[0].to, reply.links[0].reported), (0, 1, 1));
        assert!(to_dot(&view(&neighbourhood)).contains("account a\\\"1"));
    }
}
