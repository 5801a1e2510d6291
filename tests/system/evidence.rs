//! What is learnt later counts in what is asked later: labels, neighbourhoods, a ring.

use fraudnet_scoring::{clock, wire};
use fraudnet_tests::{Folder, Server, Settings, label, payment, with};
use serde_json::{Value, json};

async fn service(folder: &Folder) -> Server {
    Server::start(folder, &Settings::new(folder)).await
}

fn codes(verdict: &Value) -> Vec<&str> {
    verdict["reason_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect()
}

/// The link of a neighbourhood between its centre and its first neighbour.
async fn first_link(server: &Server, path: &str) -> Value {
    server.client.get(path).await.json_of(200)["links"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_counts_and_a_correction_takes_it_back() {
    let folder = Folder::new("labels");
    let server = service(&folder).await;
    let client = &server.client;
    let on_device = |id: &str| with(payment(id), "device", "shared");
    let before = client.verdict(&on_device("one")).await;
    assert!(!codes(&before).contains(&"DEVICE_REPORTED"), "{before}");

    let told = client.label(&label("one", true)).await;
    assert_eq!(
        (&told["transaction_id"], &told["transaction_known"], &told["position"]),
        (&"one".into(), &true.into(), &2.into())
    );
    let path = "/v1/entities/device/shared/subgraph";
    assert_eq!(first_link(&server, path).await["reported"], 1);
    let reported = client.verdict(&on_device("two")).await;
    assert!(codes(&reported).contains(&"DEVICE_REPORTED"), "{reported}");

    // Told again it counts no second time; a weaker source does not overrule; the same source corrects.
    client.label(&label("one", true)).await;
    client.label(&with(label("one", false), "source", "customer_report")).await;
    let link = first_link(&server, "/v1/entities/account/account-one/subgraph").await;
    assert_eq!(link["reported"], 1, "{link}");
    client.label(&label("one", false)).await;
    let cleared = client.verdict(&on_device("three")).await;
    assert!(!codes(&cleared).contains(&"DEVICE_REPORTED"), "{cleared}");
    let nodes = client.get(path).await.json_of(200);
    assert!(nodes["links"].as_array().unwrap().iter().all(|link| link["reported"] == 0), "{nodes}");

    // A verdict does not change by what became known after it.
    assert_eq!(client.stored("two").await.json(), reported);
    let unknown = client.label(&label("never-seen", true)).await;
    assert_eq!(unknown["transaction_known"], false);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entitys_newest_payments_are_told_with_what_became_of_them() {
    let folder = Folder::new("entity-payments");
    let server = service(&folder).await;
    let client = &server.client;
    for (number, device) in ["shared", "shared", "other"].into_iter().enumerate() {
        client.verdict(&with(payment(&format!("pay-{number}")), "device", device)).await;
    }
    client.label(&label("pay-0", true)).await;
    let path = "/v1/entities/device/shared/payments";
    let told = client.get(path).await.json_of(200);
    let payments = told["payments"].as_array().unwrap();
    let ids: Vec<_> = payments.iter().map(|payment| payment["transaction_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["pay-1", "pay-0"], "the newest first");
    let verdict = client.stored("pay-0").await.json();
    let oldest = &payments[1];
    assert_eq!((&oldest["decision"], &oldest["label"]), (&verdict["decision"], &true.into()));
    assert_eq!(oldest["fraud_probability"], verdict["fraud_probability"]);
    assert_eq!((&oldest["account"], &oldest["device"]), (&"account-pay-0".into(), &"shared".into()));
    assert_eq!((&oldest["amount_minor"], &oldest["currency"]), (&2_599.into(), &"EUR".into()));
    assert_eq!(payments[0]["label"], Value::Null);
    // A correction counts; so much is told and not more; nobody else's; the same after a restart.
    client.label(&label("pay-0", false)).await;
    let newest = client.get(&format!("{path}?limit=1")).await.json_of(200);
    assert_eq!((newest["payments"].as_array().unwrap().len(), &newest["payments"][0]), (1, &payments[0]));
    let other = client.send(hyper::Method::GET, path, &[("x-tenant", "other-bank")], "").await.unwrap();
    assert_eq!(other.json_of(200), json!({ "payments": [] }));
    for (path, status) in [
        ("/v1/entities/device/shared/payments?limit=0", 400),
        ("/v1/entities/device/shared/payments?limit=201", 400),
        ("/v1/entities/device/shared/payments?offset=1", 400),
        ("/v1/entities/planet/earth/payments", 404),
    ] {
        client.get(path).await.problem(status);
    }
    let before = client.get(path).await.json_of(200);
    assert_eq!(before["payments"][1]["label"], false);
    server.stop().await;
    let server = service(&folder).await;
    assert_eq!(server.client.get(path).await.json_of(200), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbourhood_is_shown_as_json_dot_and_graphml() {
    let folder = Folder::new("neighbourhood");
    let server = service(&folder).await;
    let client = &server.client;
    for id in ["one", "two", "three"] {
        client.verdict(&with(payment(id), "device", "dev \"x\"")).await;
    }
    let path = "/v1/entities/device/dev%20%22x%22/subgraph";
    let shown = client.get(path).await.json_of(200);
    assert_eq!(shown["nodes"][0], json!({ "kind": "device", "id": "dev \"x\"", "hop": 0 }));
    // And what was kept for training of them.
    assert!((6..=9).contains(&shown["position"].as_u64().unwrap()), "three payments, three verdicts: {shown}");
    let nodes = shown["nodes"].as_array().unwrap();
    let accounts: Vec<&str> =
        nodes.iter().filter(|node| node["kind"] == "account").map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(accounts.len(), 3, "{shown}");
    assert!(
        nodes.iter().any(|node| node["kind"] == "merchant" && node["hop"] == 2),
        "the shop is two steps away: {shown}"
    );
    let links = shown["links"].as_array().unwrap();
    let own = links.iter().filter(|link| link["relation"] == "account-device");
    assert_eq!(own.clone().count(), 3);
    for link in own {
        assert_eq!((&link["payments"], &link["reported"], &link["amount"]), (&1.into(), &0.into(), &2_599.into()));
    }

    let dot = client.get(&format!("{path}?format=dot")).await;
    assert!(dot.header("content-type").starts_with("text/vnd.graphviz"));
    assert!(dot.text().starts_with("graph") && dot.text().contains("account-two"), "{}", dot.text());
    let graphml = client.get(&format!("{path}?format=graphml")).await;
    assert!(graphml.header("content-type").starts_with("application/graphml+xml"));
    assert!(graphml.text().contains("<graphml") && graphml.text().contains("account-two"), "{}", graphml.text());

    for (path, status) in [
        ("/v1/entities/device/nobody/subgraph", 404),
        ("/v1/entities/planet/earth/subgraph", 404),
        ("/v1/entities/device/nobody/subgraph?format=png", 400),
        ("/v1/entities/device/nobody/subgraph?shape=dot", 400),
        ("/v1/entities/device/%ff/subgraph", 400),
    ] {
        client.get(path).await.problem(status);
    }
    let tenant = [("x-tenant", "other-bank")];
    client.send(hyper::Method::GET, path, &tenant, "").await.unwrap().problem(404);
    server.stop().await;
}

/// Minutes before now.
fn ago(minutes: i64) -> String {
    wire::format_timestamp(clock::now_ms() - minutes * 60_000)
}

/// A first payment of a new account.
fn newcomer(id: &str, minutes_ago: i64) -> Value {
    let body = with(with(payment(id), "occurred_at", ago(minutes_ago)), "merchant", "electronics");
    with(with(body, "merchant_category", "5732"), "amount_minor", 24_900)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ring_raises_the_risk_of_the_next_account() {
    let folder = Folder::new("ring");
    let server = service(&folder).await;
    let client = &server.client;
    // Ordinary customers of the same shop, each on a device of its own, some of whom come back.
    for minute in 0..60 {
        let id = format!("ordinary-{minute}");
        let body = newcomer(&id, 600 - 5 * minute);
        client
            .verdict(&with(
                with(body, "account", format!("citizen-{}", minute % 40)),
                "device",
                format!("phone-{}", minute % 40),
            ))
            .await;
    }
    // A dozen new accounts on one device and one address.
    let ring = |id: &str, minutes_ago| with(with(newcomer(id, minutes_ago), "device", "farm"), "ip", "hideout");
    for number in 0..12 {
        client.verdict(&ring(&format!("ring-{number}"), 240 - 4 * number)).await;
    }
    for number in 0..12 {
        let known_at = ago(60 - number);
        client
            .label(&with(with(label(&format!("ring-{number}"), true), "source", "chargeback"), "known_at", known_at))
            .await;
    }
    // Two newcomers who differ in nothing but the device and the address.
    let clean = client.verdict(&newcomer("clean", 2)).await;
    let caught = client.verdict(&ring("caught", 1)).await;
    assert!(
        caught["fraud_probability"].as_f64() > clean["fraud_probability"].as_f64(),
        "{} after {}",
        caught["fraud_probability"],
        clean["fraud_probability"]
    );
    assert!(rank(&caught) >= rank(&clean));
    assert!(codes(&caught).contains(&"DEVICE_REPORTED"), "{caught}");
    assert!(!codes(&clean).contains(&"DEVICE_REPORTED"), "{clean}");
    assert!(
        caught["subgraph"]["hops"][2].as_u64() >= Some(5),
        "other accounts of the ring are two steps away: {caught}"
    );
    server.stop().await;
}

/// How strict a decision is.
fn rank(verdict: &Value) -> Option<usize> {
    ["approve", "challenge", "review", "decline"].iter().position(|decision| verdict["decision"] == *decision)
}
