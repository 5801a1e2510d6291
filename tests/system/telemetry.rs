//! What can be seen from outside: traces, metrics, the API's own description.

use fraudnet_scoring::access::ROUTES;
use fraudnet_tests::{Folder, PATIENCE, Server, Settings, label, payment, with};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn parent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_passed_on_and_logged() {
    let folder = Folder::new("trace");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let traced = server.client.post("/v1/transactions:score", &[("traceparent", &parent())], &payment("one")).await;
    assert!(traced.header("traceparent").starts_with(&format!("00-{TRACE}-")), "{}", traced.header("traceparent"));
    assert_ne!(traced.header("traceparent"), parent(), "the span is the service's own");
    // A refusal belongs to its trace too; what is no trace context is passed over.
    let problem = server.client.post("/v1/labels", &[("traceparent", &parent())], &Value::Null).await;
    assert!(problem.header("traceparent").contains(TRACE));
    let fresh = server.client.post("/v1/transactions:score", &[("traceparent", "00-nonsense")], &payment("two")).await;
    assert_eq!((fresh.status, fresh.header("traceparent").len()), (200, 55));
    let logged = server.stop().await;

    let lines: Vec<Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let of_trace: Vec<&Value> = lines.iter().filter(|line| line["span"]["trace_id"] == TRACE).collect();
    let answered: Vec<&&Value> = of_trace.iter().filter(|line| line["message"] == "answered").collect();
    assert_eq!(answered.len(), 2, "{of_trace:?}");
    let line = answered[0];
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&"POST".into(), &"/v1/transactions:score".into(), &200.into())
    );
    assert_eq!((&line["span"]["transaction_id"], &line["level"]), (&"one".into(), &"INFO".into()));
    assert!(line["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0) && line["timestamp"].is_string(), "{line}");
    assert_eq!(answered[1]["status"], 400);
    // Lines tell of payments by their ids and nothing else.
    for secret in ["account-one", "device-one", "ip-one", "2599"] {
        assert!(!logged.contains(secret), "{secret} was logged");
    }
}

/// The value of a metric's line.
fn value(metrics: &str, line: &str) -> f64 {
    let value = metrics.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {line} in\n{metrics}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_happened() {
    let folder = Folder::new("metrics");
    let server = Server::start(&folder, &Settings::new(&folder).set("inference.queue", 77)).await;
    let client = &server.client;
    let verdict = client.verdict(&payment("one")).await;
    client.verdict(&payment("one")).await;
    client.score(&with(payment("one"), "amount_minor", 1)).await.problem(422);
    client.label(&label("one", true)).await;
    let reply = client.get("/metrics").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let metrics = reply.text();
    let decision = verdict["decision"].as_str().unwrap();
    for (line, expected) in [
        (&*format!("fraudnet_payments_total{{decision=\"{decision}\",tier=\"hybrid\"}}"), 1.0),
        ("fraudnet_repeats_total", 1.0),
        ("fraudnet_conflicts_total", 1.0),
        ("fraudnet_labels_total", 1.0),
        ("fraudnet_tier_cause_total{cause=\"deadline\"}", 0.0),
        ("fraudnet_not_durable_in_time_total", 0.0),
        ("fraudnet_log_position", 3.0),
        ("fraudnet_queue_bound{queue=\"inference\"}", 77.0),
        ("fraudnet_degraded", 0.0),
        ("fraudnet_ready", 1.0),
        ("fraudnet_batch_payments_count", 1.0),
        ("fraudnet_http_requests_total{method=\"POST\",route=\"/v1/transactions:score\",status=\"200\"}", 2.0),
        ("fraudnet_http_requests_total{method=\"POST\",route=\"/v1/transactions:score\",status=\"422\"}", 1.0),
    ] {
        assert_eq!(value(&metrics, line), expected, "{line}");
    }
    for stage in ["engine_queue", "observe", "inference_queue", "inference", "policy", "durable"] {
        assert_eq!(value(&metrics, &format!("fraudnet_stage_seconds_count{{stage=\"{stage}\"}}")), 1.0);
    }
    assert!(
        value(&metrics, "fraudnet_log_sync_seconds_count") >= 2.0,
        "one group for payment and verdict, one for the label"
    );
    assert!(
        metrics.contains("# HELP fraudnet_log_sync_seconds ")
            && metrics.contains("# TYPE fraudnet_log_sync_seconds histogram")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_describes_itself() {
    let folder = Folder::new("openapi");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let document = server.client.get("/openapi.json").await.json_of(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    let is_api = |path: &str| path != "/" && !path.starts_with("/console");
    let routes = ROUTES.iter().filter(|row| is_api(row.1)).map(|row| (row.0.to_owned(), row.1.to_owned())).collect();
    assert_eq!(described, routes);
    // Every field of a verdict is described, and none that is not there.
    let verdict = server.client.verdict(&payment("one")).await;
    let properties = &document["components"]["schemas"]["Verdict"]["properties"];
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    // Told where there is something to tell.
    let told_at_times = ["control_group", "experiments", "score_decision"].map(str::to_owned).into();
    assert_eq!(names(&verdict).union(&told_at_times).cloned().collect::<BTreeSet<_>>(), names(properties));
    assert_eq!(server.client.get("/livez").await.status, 200);
    server.client.get("/v1/nowhere").await.problem(404);
    let method = server.client.send(hyper::Method::DELETE, "/v1/labels", &[], "").await.unwrap();
    method.problem(405);
    assert_eq!(method.header("allow"), "POST");
    server.stop().await;
}

/// A collector that takes everything and says nothing: spans leave all the same, and a stop does not wait for its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_leave_where_a_collector_is_configured() {
    let folder = Folder::new("otlp");
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let settings = Settings::new(&folder).text("telemetry.otlp_endpoint", &endpoint);
    let server = Server::start(&folder, &settings).await;
    let traced = server.client.post("/v1/transactions:score", &[("traceparent", &parent())], &payment("one")).await;
    let span = traced.header("traceparent")[36..52].to_owned();
    let received = tokio::spawn(async move {
        let (mut connection, _) = collector.accept().await.unwrap();
        let mut bytes = Vec::new();
        let (trace, span) = (unhex(TRACE), unhex(&span));
        while !(holds(&bytes, &trace) && holds(&bytes, &span) && holds(&bytes, b"fraudnet")) {
            let count = connection.read_buf(&mut bytes).await.unwrap();
            assert!(count > 0, "the connection ended after {} bytes", bytes.len());
        }
        (connection, bytes)
    });
    let (connection, bytes) = tokio::time::timeout(PATIENCE, received).await.expect("spans leave").unwrap();
    assert!(bytes.starts_with(b"PRI * HTTP/2.0"), "gRPC speaks HTTP/2");
    server.stop().await;
    drop(connection);
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
