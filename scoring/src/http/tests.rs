//! The rim around routes, without a service behind them.

use super::*;
use crate::access::ROUTES;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt;

fn routes() -> Router {
    let body_length = |request: axum::extract::Request| async {
        request::json_body(request).await.map(|body| body.len().to_string())
    };
    let panics = || async { if ROUTES.is_empty() { "never" } else { panic!("the handler's own words") } };
    rim(Router::new()
        .route("/length", post(body_length))
        .route("/panics", get(panics))
        .route("/v1/thing:verb", post(|| async { "done" })))
}

async fn ask(request: Request<Body>) -> Response {
    routes().oneshot(request).await.unwrap()
}

async fn problem(request: Request<Body>) -> (Response<()>, Value) {
    let (parts, body) = ask(request).await.into_parts();
    let body = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    (Response::from_parts(parts, ()), body)
}

fn post_json(body: impl Into<Body>) -> Request<Body> {
    Request::post("/length").header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

#[tokio::test]
async fn what_matches_nothing_is_a_problem() {
    let (response, body) = problem(Request::get("/nowhere").body(Body::empty()).unwrap()).await;
    assert_eq!((response.status().as_u16(), body["status"].as_u64()), (404, Some(404)));
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let (response, body) = problem(Request::delete("/length").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (response.status().as_u16(), body["type"].as_str()),
        (405, Some("urn:fraudnet:problem:method-not-allowed"))
    );
    assert_eq!(response.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn a_colon_in_a_path_is_literal() {
    let request = |path: &str| Request::post(path).body(Body::empty()).unwrap();
    assert_eq!(ask(request("/v1/thing:verb")).await.status(), 200);
    assert_eq!(ask(request("/v1/thingverb")).await.status(), 404);
    assert_eq!(ask(request("/v1/thing:other")).await.status(), 404);
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing() {
    let (response, body) = problem(Request::get("/panics").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 500);
    assert_eq!(body["type"], "urn:fraudnet:problem:internal");
    assert!(!body.to_string().contains("own words"));
    assert!(response.headers().contains_key("traceparent"));
}

#[tokio::test]
async fn bodies_are_bounded() {
    assert_eq!(ask(post_json("x".repeat(MAX_BODY_BYTES))).await.status(), 200);
    let (response, body) = problem(post_json("x".repeat(MAX_BODY_BYTES + 1))).await;
    assert_eq!((response.status().as_u16(), body["type"].as_str()), (413, Some("urn:fraudnet:problem:too-large")));
    let declared = Request::post("/length")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, MAX_BODY_BYTES + 1)
        .body(Body::empty())
        .unwrap();
    assert_eq!(ask(declared).await.status(), 413);
    let (response, _) = problem(Request::post("/length").body(Body::from("{}")).unwrap()).await;
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn a_trace_goes_on_or_begins() {
    let traced = |value: &str| Request::get("/nowhere").header("traceparent", value).body(Body::empty()).unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let response = ask(traced(parent)).await;
    let echoed = response.headers()["traceparent"].to_str().unwrap().to_owned();
    assert_eq!((&echoed[..36], &echoed[52..]), (&parent[..36], "-01"));
    assert_ne!(echoed, parent, "the span is ours");
    for value in ["nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let response = ask(traced(value)).await;
        let fresh = response.headers()["traceparent"].to_str().unwrap();
        assert_eq!(fresh.len(), 55);
        assert!(!fresh.contains("-00000000000000000000000000000000-"), "{fresh}");
    }
}
