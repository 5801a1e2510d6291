//! Cases as analysts and their tools handle them: opened by held payments, taken, decided, undone, agreed with; a decision becomes a label; a
//! kill in between loses none of it.

use fraudnet_tests::{Admin, Client, Folder, PATIENCE, Reply, Server, Settings, payment, with};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const JSON: (&str, &str) = ("content-type", "application/json");

fn settings(folder: &Folder) -> Settings {
    Settings::new(folder).set("reviews.four_eyes_above", 1000.0).text("reviews.reference_currency", "EUR")
}

async fn ask(client: &Client, path: &str, actor: &str, body: &Value) -> Reply {
    client.send(Method::POST, path, &[("x-actor", actor), JSON], body.to_string()).await.unwrap()
}

async fn step(client: &Client, case: &Value, step: &str, actor: &str, body: Value) -> Reply {
    let mut body = body;
    body["version"] = case["version"].clone();
    ask(client, &format!("/v1/reviews/{}:{step}", case["case_id"].as_str().unwrap()), actor, &body).await
}

fn decision(outcome: &str) -> Value {
    json!({ "outcome": outcome, "reason": "called the customer" })
}

/// Has every payment of these accounts held.
async fn watch(client: &Client, accounts: &[&str]) {
    for account in accounts {
        let path = format!("/v1/lists/watch/account/{account}");
        client.put(&path, &[], &json!({ "reason": "a test" })).await.json_of(200);
    }
}

async fn held(client: &Client, id: &str, account: &str, amount_minor: u64) -> Value {
    let body = with(with(payment(id), "account", account), "amount_minor", amount_minor);
    let verdict = client.verdict(&body).await;
    assert_eq!(verdict["decision"], "review", "{verdict}");
    // The reviews thread is some milliseconds behind.
    let listed = async {
        loop {
            let found = client.get(&format!("/v1/reviews?text={id}")).await.json_of(200);
            if let Some(case) = found["cases"].get(0) {
                return case.clone();
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, listed).await.expect("a held payment is in a case")
}

/// What the graph knows of an account: reported payments over one of its edges, at most.
async fn reported(client: &Client, account: &str) -> u64 {
    let reply = client.get(&format!("/v1/entities/account/{account}/subgraph")).await.json_of(200);
    // The account is the first node.
    let own = reply["links"].as_array().unwrap().iter().filter(|link| link["from"] == 0 || link["to"] == 0);
    own.map(|link| link["reported"].as_u64().unwrap()).max().unwrap_or(0)
}

async fn until_reported(client: &Client, account: &str, wanted: bool) {
    let waiting = async {
        while (reported(client, account).await > 0) != wanted {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{account} reported: {wanted}, in time"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_analysts_day() {
    let folder = Folder::new("reviews-day");
    let analysts = r#"["scorer", "analyst", "data-scientist", "auditor"]"#;
    let server = Server::start(&folder, &settings(&folder).set("access.anonymous", analysts)).await;
    let client = &server.client;
    let lena = Admin::enter(&server, &folder).await.token("lena", &["lead"]).await;
    let lead = &client.with_token(&lena);
    watch(lead, &["alice", "bruno", "carla", "dana"]).await;
    let first = held(client, "pay-1", "alice", 5_000).await;
    let joined = held(client, "pay-2", "alice", 6_000).await;
    assert_eq!(
        (&joined["case_id"], &joined["payment_count"]),
        (&first["case_id"], &2.into()),
        "one open case an account"
    );
    let dear = held(client, "pay-3", "bruno", 900_000).await;
    held(client, "pay-4", "carla", 100).await;
    held(client, "pay-5", "dana", 200).await;

    // The dearest has its turn first, and nobody else may touch what somebody holds.
    let taken = ask(client, "/v1/reviews:next", "ann", &json!({})).await.json_of(200);
    assert_eq!((&taken["case_id"], &taken["status"]), (&dear["case_id"], &"investigating".into()));
    let other = ask(client, "/v1/reviews:next", "bob", &json!({})).await.json_of(200);
    assert_ne!(other["case_id"], taken["case_id"]);
    let refused = step(client, &taken, "decide", "bob", decision("false_positive")).await.problem(409);
    assert_eq!((&refused["code"], refused.get("case")), (&"held".into(), None));

    // Whoever saw an older version hears how the case stands, and nothing is overwritten.
    let noted = step(client, &taken, "note", "ann", json!({ "text": "<script>alert(1)</script>" })).await.json_of(200);
    assert_eq!(noted["notes"][0]["text"], "<script>alert(1)</script>", "text and nothing else");
    let stale = step(client, &taken, "decide", "ann", decision("confirmed_fraud")).await.problem(409);
    assert_eq!((&stale["code"], &stale["case"]["version"]), (&"stale".into(), &noted["version"]));

    // Above the amount a second person must agree; the first may not be that person.
    let decided = step(client, &noted, "decide", "ann", decision("confirmed_fraud")).await.json_of(200);
    assert_eq!(decided["status"], "awaiting_approval");
    let same = step(client, &decided, "approve", "ann", json!({})).await.problem(409);
    assert_eq!(
        (&same["code"], same["detail"].as_str().unwrap()),
        (&"same_person".into(), "you decided this case; somebody else must agree")
    );
    assert_eq!(reported(client, "bruno").await, 0, "nothing is known before somebody agrees");
    let agreed = step(client, &decided, "approve", "bob", json!({})).await.json_of(200);
    assert_eq!((&agreed["status"], &agreed["decision"]["approved_by"]), (&"closed".into(), &"bob".into()));
    until_reported(client, "bruno", true).await;

    // A decision is a label in the graph and in the training queue; undone, it is corrected.
    let seen = client.get(&format!("/v1/reviews/{}", first["case_id"].as_str().unwrap())).await.json_of(200);
    let seen = if seen["lease"].is_null() {
        seen
    } else {
        step(client, &seen, "release", "bob", json!({})).await.json_of(200)
    };
    let closed = step(client, &seen, "decide", "ann", decision("confirmed_fraud")).await.json_of(200);
    until_reported(client, "alice", true).await;
    let stream = client.get("/v1/training/stream?from=0&limit=5000").await;
    assert_eq!(stream.status, 200);
    assert!(String::from_utf8_lossy(&stream.body).contains("analyst"), "the label is in the training queue");
    let back = step(client, &closed, "undo", "ann", json!({})).await.json_of(200);
    assert_eq!(back["status"], "pending");
    until_reported(client, "alice", false).await;

    // A lead decides what was escalated.
    let up = step(client, &back, "escalate", "ann", json!({ "reason": "too odd for me" })).await.json_of(200);
    let refused = step(client, &up, "decide", "ann", decision("false_positive")).await.problem(409);
    assert_eq!(
        (&refused["code"], refused["detail"].as_str().unwrap()),
        (&"needs_lead".into(), "the case was escalated; ask a lead to decide it")
    );
    step(lead, &up, "decide", "lena", decision("false_positive")).await.json_of(200);

    // Several at once, told beforehand.
    let left = client.get("/v1/reviews").await.json_of(200);
    let targets: Vec<Value> = left["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| json!({ "case_id": case["case_id"], "version": case["version"] }))
        .collect();
    assert_eq!((targets.len(), &left["figures"]["closed"]), (2, &2.into()));
    let mut action = decision("false_positive");
    action["kind"] = "decide".into();
    let bulk = json!({ "targets": targets, "action": action });
    let preview = ask(lead, "/v1/reviews:bulk-preview", "lena", &bulk).await.json_of(200);
    let done = ask(lead, "/v1/reviews:bulk", "lena", &bulk).await.json_of(200);
    let results = done["results"].as_array().unwrap();
    let changed = results.iter().filter(|told| told.get("version").is_some()).count();
    assert_eq!((results.len(), preview["accepted"].as_u64().unwrap() as usize), (2, changed));
    assert!(changed >= 1, "{done}");

    let told = client.get("/v1/reviews/settings").await.json_of(200);
    assert_eq!((&told["reference_currency"], &told["four_eyes_above_hundredths"]), (&"EUR".into(), &100_000.into()));

    // A restart tells the same cases.
    let all = |client: Client| async move {
        let [open, closed] = ["/v1/reviews", "/v1/reviews?status=closed"].map(|path| client.get(path));
        let told = [open.await.json_of(200), closed.await.json_of(200)];
        told.map(|told| {
            told["cases"]
                .as_array()
                .unwrap()
                .iter()
                .map(|case| json!([case["case_id"], case["version"], case["decision"]]))
                .collect::<Vec<_>>()
        })
    };
    let before = all(client.clone()).await;
    server.stop().await;
    let server = Server::start(&folder, &settings(&folder)).await;
    assert_eq!(all(server.client.clone()).await, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_told_and_changes_nothing() {
    let folder = Folder::new("reviews-refused");
    let server = Server::start(&folder, &settings(&folder)).await;
    let client = &server.client;
    watch(client, &["alice"]).await;
    let case = held(client, "pay-1", "alice", 5_000).await;
    let path = format!("/v1/reviews/{}", case["case_id"].as_str().unwrap());
    for (step, body, status, says) in [
        ("decide", json!({ "outcome": "guilty", "reason": "x", "version": 1 }), 400, "confirmed_fraud"),
        (
            "decide",
            json!({ "outcome": "false_positive", "reason": "", "version": 1 }),
            422,
            "the reason must be one line",
        ),
        (
            "decide",
            json!({ "outcome": "false_positive", "reason": "x", "verdict": 1, "version": 1 }),
            400,
            "decide takes no `verdict`",
        ),
        ("decide", json!({ "outcome": "false_positive", "reason": "x" }), 400, "must name the version"),
        (
            "note",
            json!({ "text": "his card is 4111 1111 1111 1111", "version": 1 }),
            422,
            "must not hold a card number",
        ),
        ("snooze", json!({ "until_ms": 1, "version": 1 }), 422, "a time to come"),
        ("approve", json!({ "version": 1 }), 409, "does not await approval"),
        ("reopen", json!({ "reason": "x", "version": 1 }), 409, "not closed"),
        ("undo", json!({ "version": 1 }), 409, "nothing to undo"),
        ("burn", json!({ "version": 1 }), 404, "take, release, assign"),
        ("take", json!({ "version": 7 }), 409, "the case changed since"),
    ] {
        let problem = ask(client, &format!("{path}:{step}"), "ann", &body).await.problem(status);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says) && !detail.contains("4111"), "{step} {body}: {problem}");
    }
    assert_eq!(client.get(&path).await.json_of(200)["version"], case["version"]);
    for (query, says) in [
        ("?status=lost", "pending"),
        ("?limit=0", "1 to 200"),
        ("?cursor=x", "`next` of an answer"),
        ("?colour=red", "takes status"),
    ] {
        let problem = client.get(&format!("/v1/reviews{query}")).await.problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query}: {problem}");
    }
    // Another tenant's case is no case.
    let headers = [("x-actor", "ann"), ("x-tenant", "other"), JSON];
    let other = client
        .send(Method::POST, &format!("{path}:take"), &headers, json!({ "version": 1 }).to_string())
        .await
        .unwrap();
    assert_eq!(other.problem(404)["code"], "no_such_case");
    assert_eq!(client.send(Method::GET, &path, &headers[1..2], String::new()).await.unwrap().status, 404);
    assert_eq!(
        ask(client, "/v1/reviews:next", "ann", &json!({ "min_loss_hundredths": 1_000_000 })).await.problem(404)["code"],
        "nothing_to_take"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_ask_at_once_and_no_case_is_handed_out_twice() {
    let folder = Folder::new("reviews-next");
    let server = Server::start(&folder, &settings(&folder)).await;
    let client = &server.client;
    let accounts: Vec<String> = (0..40).map(|number| format!("account-{number}")).collect();
    watch(client, &accounts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (number, account) in accounts.iter().enumerate() {
        held(client, &format!("pay-{number}"), account, 1_000).await;
    }
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { ask(&client, "/v1/reviews:next", &format!("person-{number}"), &json!({})).await })
        })
        .collect();
    let (mut taken, mut none) = (BTreeSet::new(), 0);
    for asked in asking {
        let reply = asked.await.unwrap();
        if reply.status == 404 {
            assert_eq!(reply.problem(404)["code"], "nothing_to_take");
            none += 1;
        } else {
            assert!(taken.insert(reply.json_of(200)["case_id"].to_string()), "handed out twice");
        }
    }
    assert_eq!((taken.len(), none), (40, 10));
    server.stop().await;
}

/// A decision that was durable is a label after the next start, wherever the process died; told twice, it counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_a_decision_and_its_label_the_label_is_told() {
    // The first event of the service's own brings the settings into force.
    for point in ["after_case_append:2", "after_case_labels:1"] {
        let folder = Folder::new("reviews-killed");
        let settings = settings(&folder);
        let server = Server::start_with(&folder, &settings, &[("FRAUDNET_FAIL_AT", point)]).await;
        watch(&server.client, &["alice"]).await;
        let case = held(&server.client, "pay-1", "alice", 5_000).await;
        let mut body = decision("confirmed_fraud");
        body["version"] = case["version"].clone();
        let path = format!("/v1/reviews/{}:decide", case["case_id"].as_str().unwrap());
        let _ = server.client.send(Method::POST, &path, &[("x-actor", "ann"), JSON], body.to_string()).await;
        server.ended().await;

        let server = Server::start(&folder, &settings).await;
        let now = server.client.get(&path.replace(":decide", "")).await.json_of(200);
        if now["status"] != "closed" {
            // It died before the decision was durable: nothing of it stands, and nobody was told that it does.
            assert_eq!((point, &now["version"]), ("after_case_append:2", &case["version"]));
            step(&server.client, &now, "decide", "ann", decision("confirmed_fraud")).await.json_of(200);
        }
        until_reported(&server.client, "alice", true).await;
        assert_eq!(reported(&server.client, "alice").await, 1, "{point}: it counts once");
        server.stop().await;
    }
}
