//! The OpenAPI 3.1 document, built from the handlers' and types' own annotations.

use super::{
    access, audit, changes, drift, entities, evidence, experiments, labels, lists, models, oidc, payments, policies,
    privacy, problem, recent, reviews, rings, session, status, training,
};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "fraudnet",
        description = "Scores payments against a live temporal graph of accounts, devices, IP addresses and merchants. Every error is problem+json (RFC 9457) and names the fields at fault. Times are RFC 3339, or UTC milliseconds where the name ends in `_ms`; amounts are integers in minor units.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        payments::score,
        payments::verdict,
        evidence::subgraph,
        evidence::explanation,
        labels::add,
        entities::subgraph,
        recent::list,
        changes::list,
        drift::show,
        experiments::list,
        experiments::create,
        experiments::show,
        experiments::step,
        models::list,
        models::change::rollback,
        models::show,
        models::verify,
        models::publish,
        models::change::set_alias,
        policies::list,
        policies::publish,
        policies::active,
        policies::activate,
        policies::show,
        policies::dry_run::start,
        policies::dry_run::show,
        policies::dry_run::stop,
        lists::list,
        lists::show,
        lists::put,
        lists::remove,
        reviews::list,
        reviews::settings,
        reviews::show,
        reviews::act::step,
        reviews::act::next,
        reviews::act::bulk,
        reviews::act::preview,
        rings::list,
        rings::show,
        training::stream,
        audit::head,
        audit::key,
        audit::of_position,
        audit::of_transaction,
        audit::consistency,
        session::show,
        session::begin,
        session::end,
        oidc::begin,
        oidc::callback,
        access::tokens::list,
        access::tokens::create,
        access::tokens::revoke,
        access::people::list,
        access::people::add,
        access::people::remove,
        privacy::status,
        privacy::erase,
        privacy::reveal,
        status::livez,
        status::readyz,
        status::metrics,
        document,
    ),
    components(schemas(problem::Problem)),
    tags(
        (name = "payments", description = "Verdicts on payments"),
        (name = "labels", description = "Whether payments were fraud, told later"),
        (name = "entities", description = "What the graph holds"),
        (name = "control", description = "What changed what scores"),
        (name = "experiments", description = "Ways to decide, compared while they run: shadow, canary, waves, A/B"),
        (name = "policies", description = "What is decided beside the score: rules as data, tried on the past before they hold"),
        (name = "lists", description = "Entities that are always allowed, always blocked, always looked at"),
        (name = "models", description = "Which model versions there are, and which of them serve"),
        (name = "reviews", description = "Payments that people look at: whose turn it is, and what they decide"),
        (name = "rings", description = "Accounts that shared devices, addresses and receivers tie together"),
        (name = "training", description = "What trainers read"),
        (name = "audit", description = "Proof of what was decided, on what and by whom"),
        (name = "access", description = "Who may do what: sessions, tokens, people who sign in with a provider"),
        (name = "privacy", description = "People under pseudonyms: erasing them, and saying who one is to whoever may know"),
        (name = "status", description = "For orchestration and monitoring"),
    )
)]
struct Document;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    Document::openapi().to_pretty_json().expect("the document is built of text and numbers, which have a JSON form")
});

/// The OpenAPI document as JSON text.
pub fn openapi_json() -> &'static str {
    &TEXT
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "status", operation_id = "openapi", responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")))]
pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ROUTES;
    use serde_json::Value;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.push(reference);
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_there_and_every_schema_resolves() {
        let document: Value = serde_json::from_str(openapi_json()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        // Pages are no API.
        let routes: Vec<_> = ROUTES.iter().filter(|row| row.1 != "/" && !row.1.starts_with("/console")).collect();
        for &&(method, path, _) in &routes {
            assert!(document["paths"][path][method].is_object(), "{method} {path} is not documented");
        }
        let operations = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
        assert_eq!(operations.sum::<usize>(), routes.len());
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("references stay inside the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for schema in [
            "ScoreRequest",
            "LabelRequest",
            "Verdict",
            "Problem",
            "FieldError",
            "SubgraphReply",
            "StageTimes",
            "Decision",
        ] {
            assert!(document["components"]["schemas"][schema].is_object(), "{schema} is missing");
        }
    }

    #[test]
    fn bounds_are_documented() {
        let document: Value = serde_json::from_str(openapi_json()).unwrap();
        let request = &document["components"]["schemas"]["ScoreRequest"];
        assert_eq!(request["additionalProperties"], false);
        assert_eq!(request["properties"]["amount_minor"]["maximum"], 9_007_199_254_740_992_u64);
        assert_eq!(request["properties"]["account"]["maxLength"], 128);
        let required: Vec<&str> =
            request["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(required, ["transaction_id", "account", "amount_minor", "currency", "channel"]);
    }
}
