//! Promoted and rolled back, on a running service.

use super::{Shelf, answers, assert_serves, done, fails, set};
use fraudnet_tests::{Folder, Server, payment};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_promoted_and_rolled_back_and_that_outlives_a_kill() {
    let folder = Folder::new("models");
    let shelf = Shelf::new(&folder);
    let settings = shelf.settings(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let listed = client.get("/v1/models").await.json_of(200);
    assert_eq!((&listed["serving"], &listed["previous_champion"]), (&json!("main/1"), &Value::Null), "{listed}");
    assert_eq!(listed["models"].as_array().unwrap().len(), 4);
    let first = &listed["models"][1];
    assert_eq!((&first["model"], &first["aliases"]), (&json!("main/1"), &json!(["champion"])), "{first}");
    assert_eq!((&first["verified"], &first["metrics"]["average_precision"]), (&json!(true), &json!(0.5)));
    assert_serves(client, "before", "main/1", -1.0).await;

    let promoted = set(client, "champion", &json!({ "model": "main/2", "reason": "better" })).await.json_of(200);
    assert_eq!((&promoted["serving"], &promoted["previous"]), (&json!("main/2"), &Value::Null), "{promoted}");
    assert_serves(client, "second", "main/2", -2.0).await;
    for (alias, body, status, expected) in [
        ("champion", json!({ "model": "main/2", "reason": "again" }), 409, "main/2 is champion already"),
        ("champion", json!({ "model": "main/9", "reason": "new" }), 404, "there is no main/9 in the registry"),
        ("champion", json!({ "model": "main/3", "reason": " " }), 409, "say why in 1 to 1000 bytes"),
        ("champion", json!({ "model": "../3", "reason": "x" }), 400, "`../3` names no model version"),
        ("champion", json!({ "reason": 1 }), 400, "the body must be like"),
        ("king", json!({ "model": "main/3", "reason": "x" }), 404, "there is no alias `king`"),
        ("challenger", json!({ "model": "main/2", "reason": "x" }), 409, "a challenger is another version"),
        ("challenger", json!({ "reason": "x" }), 409, "there is no challenger"),
        (
            "trees_v1",
            json!({ "model": "main/3", "reason": "x" }),
            422,
            "main/3 answers as trees_v2, trees_v1 is the rung",
        ),
    ] {
        let problem = set(client, alias, &body).await.problem(status);
        assert!(problem["detail"].as_str().unwrap().contains(expected), "expected `{expected}` in {problem}");
    }
    // A model that is no family of ours answers as `custom`.
    let url = format!("http://{}", server.address);
    let told = done(&["challenge", "foreign/1", "--reason", "bought", "--url", &url, "--actor", "bob"]).await;
    assert!(told.contains("challenger  foreign/1  (before: none)"), "{told}");
    let told = done(&["promote", "foreign/1", "--reason", "good", "--url", &url, "--actor", "bob"]).await;
    assert!(told.contains("champion  foreign/1  (before: main/2)\nserving now  foreign/1"), "{told}");
    let verdict = client.verdict(&payment("custom")).await;
    assert_eq!((&verdict["tier"], &verdict["tier_cause"]), (&json!("custom"), &Value::Null), "{verdict}");
    assert_serves(client, "custom", "foreign/1", 1.5).await;
    let listed = done(&["list", "--url", &url]).await;
    assert!(listed.contains("champion    foreign/1  since 2") && listed.contains("by bob: good"), "{listed}");
    assert!(listed.contains("challenger  -\n") && listed.contains("previous    main/2"), "{listed}");
    server.kill().await;

    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let url = format!("http://{}", server.address);
    assert_serves(client, "after the kill", "foreign/1", 1.5).await;
    for (expected, previous) in
        [("main/2", "champion  main/2  (before: foreign/1)"), ("main/1", "champion  as configured")]
    {
        let told = done(&["rollback", "--reason", "worse", "--url", &url]).await;
        assert!(told.contains(previous) && told.contains(&format!("serving now  {expected}")), "{told}");
        assert_eq!(answers(client, expected).await.0, expected);
    }
    let told = fails(&["rollback", "--reason", "worse", "--url", &url]).await;
    assert!(told.contains("there is none before it to roll back to"), "{told}");
    assert_eq!(client.stored("second").await.json_of(200)["model_version"], "2", "verdicts keep their version");
    let one = client.get("/v1/models/foreign/1").await.json_of(200);
    assert_eq!(one["manifest"]["scorer"], json!({ "kind": "rows", "features": "v2", "output": "logit" }));
    client.get("/v1/models/foreign/2").await.problem(404);
    client.post("/v1/models/foreign/1:sell", &[], &json!({})).await.problem(404);
    let verified = client.post("/v1/models/main/3:verify", &[], &json!({})).await.json_of(200);
    assert_eq!((&verified["model"], &verified["golden"]["vectors"]), (&json!("main/3"), &json!(1)), "{verified}");

    let changes = client.get("/v1/changes").await.json_of(200);
    let told: Vec<String> = changes["changes"].as_array().unwrap().iter().filter_map(told_of).collect();
    for expected in [
        "ann: champion = \"main/2\" (better)",
        "bob: challenger = \"foreign/1\" (bought)",
        "bob: champion = \"foreign/1\" (good)",
    ] {
        assert!(told.iter().any(|told| told == expected), "{expected} is missing in {told:?}");
    }
    server.stop().await;
}

/// A change of a role in words; nothing of another change.
fn told_of(entry: &Value) -> Option<String> {
    let (actor, change) = (entry["actor"].as_str()?, &entry["change"]);
    Some(format!("{actor}: {} = {} ({})", change["alias"].as_str()?, change["model"], change["reason"].as_str()?))
}
