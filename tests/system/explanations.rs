//! Why a verdict is what it is, as whoever holds the payment asks: off what the verdict saw, and nothing later.

use fraudnet_tests::{Client, Folder, Server, Settings, label, payment, with};
use serde_json::{Value, json};

/// A payment over the ring's phone.
fn over_phone(id: &str, account: &str) -> Value {
    with(with(payment(id), "account", account), "device", "the-phone")
}

async fn watch(client: &Client, account: &str) {
    let path = format!("/v1/lists/watch/account/{account}");
    client.put(&path, &[("x-actor", "anna")], &json!({ "reason": "a test" })).await.json_of(200);
}

/// What is told of a payment, without how long that took.
async fn told(client: &Client, id: &str) -> (Value, Value) {
    let subgraph = client.get(&format!("/v1/verdicts/{id}/subgraph")).await.json_of(200);
    let mut explanation = client.get(&format!("/v1/verdicts/{id}/explanation")).await.json_of(200);
    assert!(explanation["spent_ms"].as_f64().unwrap() > 0.0);
    explanation["spent_ms"] = Value::Null;
    (subgraph, explanation)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_payment_is_explained_by_what_its_verdict_saw_and_nothing_later() {
    let folder = Folder::new("explanations");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    for number in 0..4 {
        client.verdict(&over_phone(&format!("ring-{number}"), &format!("gang-{number}"))).await;
    }
    for number in 0..3 {
        client.label(&label(&format!("ring-{number}"), true)).await;
    }
    watch(client, "alice").await;
    let verdict = client.verdict(&over_phone("held", "alice")).await;
    assert_eq!(verdict["decision"], "review", "{verdict}");

    let (subgraph, explanation) = told(client, "held").await;
    assert_eq!((&subgraph["digest"], &subgraph["matches_verdict"]), (&verdict["subgraph_digest"], &true.into()));
    assert_eq!(
        (&subgraph["hops"], &subgraph["position"]),
        (&verdict["subgraph"]["hops"], &verdict["as_of"]["position"])
    );
    assert_eq!((&subgraph["nodes"][0]["kind"], &subgraph["nodes"][0]["id"]), (&"account".into(), &"alice".into()));

    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(explanation["decision_id"], verdict["decision_id"]);
    let probabilities = (number(&explanation["fraud_probability"]), number(&explanation["recomputed_probability"]));
    assert!((probabilities.0 - probabilities.1).abs() < 1e-4, "{probabilities:?}");
    assert!(number(&explanation["base_probability"]) < 0.1);
    let evidence = explanation["evidence"].as_array().unwrap();
    let phone = "account alice → device the-phone for the first time → 3 accounts with reported fraud";
    assert!(evidence.iter().any(|path| path == phone), "{evidence:?}");
    let features = explanation["features"].as_array().unwrap();
    assert!(features.iter().all(|feature| !feature["text"].as_str().unwrap().is_empty()) && features.len() > 5);
    let phone = explanation["entities"].as_array().unwrap().iter().find(|entity| entity["id"] == "the-phone");
    assert!(phone.is_some_and(|phone| number(&phone["contribution"]) > 0.0), "the phone speaks for fraud: {phone:?}");
    assert!(explanation["without"].as_array().unwrap().iter().any(|without| without["what"] == "device the-phone"));

    // What happens later changes nothing of it, nor does a restart.
    client.label(&label("ring-3", true)).await;
    client.verdict(&over_phone("later", "gang-9")).await;
    let later = told(client, "held").await;
    assert_eq!(later.0, subgraph);
    assert_eq!(later.1["evidence"], explanation["evidence"]);
    server.stop().await;
    let server = Server::start(&folder, &settings).await;
    let again = told(&server.client, "held").await;
    assert_eq!((&again.0, &again.1["evidence"]), (&subgraph, &explanation["evidence"]));

    // Who asks for what is not there hears why.
    let client = &server.client;
    for (id, status, says) in [("never", 404, "no verdict is stored"), ("ring-0", 410, "not simply approved")] {
        for what in ["subgraph", "explanation"] {
            let problem = client.get(&format!("/v1/verdicts/{id}/{what}")).await.problem(status);
            assert!(problem["detail"].as_str().unwrap().contains(says), "{id} {what}: {problem}");
        }
    }
    let other = client.send(hyper::Method::GET, "/v1/verdicts/held/subgraph", &[("x-tenant", "other")], String::new());
    assert_eq!(other.await.unwrap().status, 404, "another tenant's verdict is none");
    server.stop().await;
}
