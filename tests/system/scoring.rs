//! One payment, one verdict, for ever.

use crate::journal::Journal;
use fraudnet_tests::{Folder, Server, Settings, payment, with};
use serde_json::Value;
use tokio::task::JoinSet;

async fn service(folder: &Folder) -> Server {
    Server::start(folder, &Settings::new(folder)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_gets_a_whole_verdict() {
    let folder = Folder::new("whole-verdict");
    let server = service(&folder).await;
    let reply = server.client.score(&payment("one")).await;
    let verdict = reply.json_of(200);
    assert_eq!(reply.header("content-type"), "application/json");
    for stage in ["engine_queue", "observe", "inference_queue", "inference", "policy", "durable"] {
        assert!(reply.header("server-timing").contains(&format!("{stage};dur=")), "{}", reply.header("server-timing"));
    }

    assert_eq!(
        (&verdict["transaction_id"], &verdict["tier"], &verdict["tier_cause"]),
        (&"one".into(), &"hybrid".into(), &Value::Null)
    );
    assert_eq!(verdict["model"], "hybrid");
    for text in ["decision_id", "model_version", "policy_version"] {
        assert!(verdict[text].as_str().is_some_and(|text| !text.is_empty()), "no {text} in {verdict}");
    }
    assert!(
        ["approve", "challenge", "review", "decline"].contains(&verdict["decision"].as_str().unwrap()),
        "{verdict}"
    );
    let probability = verdict["fraud_probability"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&probability));
    assert_eq!(verdict["risk_score"], fraudnet_models::risk_score(probability as f32));
    let codes: Vec<&Value> = verdict["reasons"].as_array().unwrap().iter().map(|reason| &reason["code"]).collect();
    assert_eq!(codes, verdict["reason_codes"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert!(
        verdict["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .all(|reason| reason["text"].as_str().is_some_and(|text| text.len() > 10))
    );
    assert_eq!(verdict["as_of"]["position"], 0);
    assert!(verdict["as_of"]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(verdict["subgraph_digest"].as_str().unwrap().len(), 32);
    // The account in the middle; device, IP address and shop are linked by the payment itself, though nobody has seen them before.
    assert_eq!(verdict["subgraph"]["hops"], serde_json::json!([1, 3, 0, 0]));
    for stage in ["engine_queue", "observe", "inference_queue", "inference", "policy"] {
        assert!(verdict["stage_us"][stage].is_u64(), "no {stage} in {verdict}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_gets_the_same_bytes_and_another_body_is_refused() {
    let folder = Folder::new("same-bytes");
    let server = service(&folder).await;
    let client = &server.client;
    let body = payment("one");
    let first = client.score(&body).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.header("idempotent-replayed"), "");

    let again = client.score(&body).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!((again.header("idempotent-replayed"), again.header("server-timing")), ("true", ""));
    // Blanks and the order of fields make no other request.
    let mut fields: Vec<String> =
        body.as_object().unwrap().iter().map(|(name, value)| format!("  \"{name}\" :\n{value}")).collect();
    fields.reverse();
    let json = [("content-type", "application/json; charset=utf-8")];
    let spelled = client
        .send(hyper::Method::POST, "/v1/transactions:score", &json, format!("{{{}}}", fields.join(",")))
        .await
        .unwrap();
    assert_eq!((spelled.status, &spelled.body), (200, &first.body));
    let stored = client.stored("one").await;
    assert_eq!((stored.status, &stored.body), (200, &first.body));

    for other in [
        with(body.clone(), "amount_minor", 2_600),
        with(body.clone(), "occurred_at", "2026-11-01T00:00:00Z"),
        with(body.clone(), "ip", Value::Null),
    ] {
        let problem = client.score(&other).await.problem(422);
        assert_eq!(problem["type"], "urn:fraudnet:problem:conflicting-body");
    }
    assert_eq!(client.stored("one").await.body, first.body);

    // Another tenant's payment of that id is another payment, and knows nothing of this one.
    let tenant = [("x-tenant", "other-bank")];
    let other = client.post("/v1/transactions:score", &tenant, &body).await.json_of(200);
    assert_ne!(other["decision_id"], first.json()["decision_id"]);
    assert_eq!(other["subgraph"]["hops"], serde_json::json!([1, 3, 0, 0]));
    server.stop().await;
    let journal = Journal::read(&folder);
    assert_eq!(journal.end, 4, "two payments, two verdicts, nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_duplicates_get_one_verdict() {
    let folder = Folder::new("duplicates");
    let server = service(&folder).await;
    for round in 0..5 {
        let body = payment(&format!("round-{round}"));
        let mut requests = JoinSet::new();
        for _ in 0..20 {
            let (client, body) = (server.client.clone(), body.clone());
            requests.spawn(async move { client.score(&body).await });
        }
        let replies = requests.join_all().await;
        assert!(
            replies.iter().all(|reply| reply.status == 200 && reply.body == replies[0].body),
            "round {round}: {replies:?}"
        );
        let fresh = replies.iter().filter(|reply| reply.header("idempotent-replayed").is_empty()).count();
        assert_eq!(fresh, 1, "one request was decided, the others heard of it");
    }
    // Two bodies under one id at once: one wins, and every answer is that one's verdict or a refusal.
    let bodies = [payment("contested"), with(payment("contested"), "amount_minor", 1)];
    let mut requests = JoinSet::new();
    for number in 0..20 {
        let (client, body) = (server.client.clone(), bodies[number % 2].clone());
        requests.spawn(async move { client.score(&body).await });
    }
    let replies = requests.join_all().await;
    let stored = server.client.stored("contested").await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200 && reply.body == stored.body).count(), 10);
    assert_eq!(replies.iter().filter(|reply| reply.status == 422).count(), 10);

    server.stop().await;
    let journal = Journal::read(&folder);
    assert_eq!(journal.transactions.len(), 6);
    journal.assert_each_decided_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_id_is_not_found() {
    let folder = Folder::new("unknown-id");
    let server = service(&folder).await;
    assert_eq!(server.client.stored("never-seen").await.problem(404)["type"], "urn:fraudnet:problem:not-found");
    // Ids are taken as they are, whatever they look like in a path.
    let id = "a/b c%d?e&ü#f";
    let verdict = server.client.score(&with(payment("x"), "transaction_id", id)).await;
    assert_eq!(verdict.json_of(200)["transaction_id"], id);
    assert_eq!(server.client.stored("a%2Fb%20c%25d%3Fe%26%C3%BC%23f").await.body, verdict.body);
    assert_eq!(server.client.stored("%ff").await.problem(400)["type"], "urn:fraudnet:problem:malformed-request");
    server.stop().await;
}
