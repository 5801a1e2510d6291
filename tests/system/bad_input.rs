//! What must be refused: with the right status, as problem+json, naming the field, and without repeating what was sent.

use fraudnet_tests::{Folder, Reply, Server, Settings, label, payment, with};
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SCORE: &str = "/v1/transactions:score";

async fn post(server: &Server, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    server.client.send(Method::POST, path, &[("content-type", "application/json")], body.into()).await.unwrap()
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().into_iter().flatten().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_at_fault_are_named() {
    let folder = Folder::new("fields");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let long = "x".repeat(129);
    // Field, value (null: left out), status.
    let cases: Vec<(&str, Value, u16)> = vec![
        ("transaction_id", Value::Null, 422),
        ("transaction_id", "".into(), 422),
        ("transaction_id", long.as_str().into(), 422),
        ("transaction_id", "line\nbreak".into(), 422),
        ("transaction_id", 7.into(), 422),
        ("account", Value::Null, 422),
        ("account", "é".repeat(65).into(), 422),
        ("device", "\u{0}".into(), 422),
        ("ip", true.into(), 422),
        ("merchant", long.into(), 422),
        ("merchant", Value::Null, 422),
        ("counterparty_account", "".into(), 422),
        ("amount_minor", Value::Null, 422),
        ("amount_minor", (-1).into(), 422),
        ("amount_minor", (9_007_199_254_740_993_u64).into(), 422),
        ("amount_minor", 19.99.into(), 422),
        ("amount_minor", 1e300.into(), 422),
        ("amount_minor", "1999".into(), 422),
        ("currency", Value::Null, 422),
        ("currency", "ZZZ".into(), 422),
        ("currency", "eur".into(), 422),
        ("channel", "carrier_pigeon".into(), 422),
        ("merchant_category", "541".into(), 422),
        ("account_country", "Germany".into(), 422),
        ("ip_country", "d3".into(), 422),
        ("merchant_country", "".into(), 422),
        ("occurred_at", "yesterday".into(), 422),
        ("occurred_at", "1999-12-31T23:59:59Z".into(), 422),
        ("occurred_at", "9999-01-01T00:00:00Z".into(), 422),
        ("occurred_at", "2026-02-30T00:00:00Z".into(), 422),
        ("occurred_at", 1_700_000_000.into(), 422),
        ("colour", "blue".into(), 400),
        ("device", json!(["a", "b"]), 400),
        ("device", json!({ "id": "a" }), 400),
    ];
    for (field, value, status) in cases {
        let body = with(payment("bad"), field, value.clone());
        let problem = post(&server, SCORE, body.to_string()).await.problem(status);
        assert_eq!(fields(&problem), [field], "{field} = {value}: {problem}");
        let kind = if status == 400 { "malformed-request" } else { "invalid-fields" };
        assert_eq!(problem["type"], format!("urn:fraudnet:problem:{kind}"));
    }
    // All of them at once, not one a try.
    let body = with(with(with(payment("bad"), "currency", "ZZZ"), "amount_minor", -5), "ip_country", "xx");
    let mut named = post(&server, SCORE, body.to_string()).await.problem(422);
    assert_eq!(fields(&named), ["amount_minor", "currency", "ip_country"]);
    for (field, value, status) in [
        ("transaction_id", Value::Null, 422),
        ("fraud", "yes".into(), 422),
        ("source", "rumour".into(), 422),
        ("known_at", "9999-01-01T00:00:00Z".into(), 422),
        ("note", "x".into(), 400),
    ] {
        named = post(&server, "/v1/labels", with(label("bad", true), field, value).to_string()).await.problem(status);
        assert_eq!(fields(&named), [field], "{named}");
    }
    for bad in ["", "a b", "x/y"] {
        let headers = [("content-type", "application/json"), ("x-tenant", bad)];
        let reply = server.client.send(Method::POST, SCORE, &headers, payment("bad").to_string()).await.unwrap();
        assert_eq!(fields(&reply.problem(400)), ["header X-Tenant"]);
    }
    assert_eq!(server.client.stored("bad").await.status, 404, "none of it was taken");
    // The bounds themselves are taken.
    let edge = with(with(payment("edge"), "amount_minor", 9_007_199_254_740_992_u64), "account", "é".repeat(64));
    let edge = with(edge, "transaction_id", "x".repeat(128));
    assert_eq!(post(&server, SCORE, edge.to_string()).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_at_fault_are_refused() {
    let folder = Folder::new("bodies");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let good = payment("bad").to_string();
    let twice = good.replacen('{', "{\"currency\":\"EUR\",", 1);
    let mut latin = good.clone().into_bytes();
    let at = good.find("shop").unwrap();
    latin[at] = 0xe9;
    let padded = |length: usize| good.replacen('{', &format!("{{{}", " ".repeat(length - good.len())), 1);
    let nested = |depth: usize| format!("{{\"device\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", "{\"a\":".repeat(9_000), "}".repeat(9_000));
    for (name, body, status) in [
        ("empty", Vec::new(), 400),
        ("no JSON", b"amount=5".to_vec(), 400),
        ("cut off", good[..good.len() / 2].into(), 400),
        ("two objects", [good.as_bytes(), good.as_bytes()].concat(), 400),
        ("a list", b"[]".to_vec(), 400),
        ("null", b"null".to_vec(), 400),
        ("bad UTF-8", latin, 400),
        ("half a surrogate pair", good.replace("shop", "\\ud800").into(), 400),
        ("a field twice", twice.into(), 400),
        ("deep lists", nested(30_000).into(), 400),
        ("deep objects", objects.into(), 400),
        ("a number beyond all bounds", good.replace("2599", &"9".repeat(60_000)).into(), 400),
        ("64 KiB and one byte", padded(64 * 1024 + 1).into(), 413),
        ("a megabyte", vec![b' '; 1 << 20], 413),
    ] {
        for path in [SCORE, "/v1/labels"] {
            let problem = post(&server, path, body.clone()).await.problem(status);
            assert!(problem["detail"].as_str().unwrap().len() < 300, "{name}: {problem}");
        }
    }
    let other = server.client.send(Method::POST, SCORE, &[("content-type", "text/plain")], good.clone()).await.unwrap();
    other.problem(415);
    server.client.send(Method::POST, SCORE, &[], good.clone()).await.unwrap().problem(415);
    assert_eq!(server.client.stored("bad").await.status, 404, "none of it was taken");
    assert_eq!(post(&server, SCORE, padded(64 * 1024)).await.status, 200, "64 KiB are allowed");
    server.stop().await;
}

/// Test numbers of issuers, which pass the Luhn check.
const CARDS: [&str; 5] =
    ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "4222222222222"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn card_numbers_are_refused_and_never_logged() {
    let folder = Folder::new("cards");
    let settings = Settings::new(&folder).text("telemetry.log_filter", "trace");
    let server = Server::start(&folder, &settings).await;
    for card in CARDS {
        let spaced: Vec<&str> = card.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
        for text in [card.to_owned(), spaced.join(" "), spaced.join("-"), format!("card:{card}")] {
            for field in ["account", "device", "ip", "merchant", "counterparty_account"] {
                let reply = post(&server, SCORE, with(payment("card"), field, text.as_str()).to_string()).await;
                let problem = reply.problem(422);
                assert_eq!(fields(&problem), [field], "{problem}");
                assert!(!reply.text().contains(&text), "the number comes back: {problem}");
            }
        }
        // Where nobody looks for one it must not be repeated either: names of fields, paths, headers, other values.
        let reply = post(&server, SCORE, with(payment("card"), card, 1).to_string()).await;
        assert!(!reply.text().contains(card), "{}", reply.text());
        for body in [with(payment("card"), "channel", card), with(payment("card"), "amount_minor", json!([card]))] {
            assert!(!post(&server, SCORE, body.to_string()).await.text().contains(card));
        }
        for path in [
            format!("/v1/verdicts/{card}"),
            format!("/v1/entities/account/{card}/subgraph"),
            format!("/{card}?pan={card}"),
        ] {
            server.client.get(&path).await.problem(404);
        }
        let headers = [("x-tenant", card), ("traceparent", card), ("x-deadline-ms", card)];
        let reply = server.client.post(SCORE, &headers, &payment("card")).await;
        assert_eq!(reply.status, 400);
        assert!(!reply.text().contains(card));
    }
    // A digit off, it is no card number; and a transaction id is the caller's own, whatever it looks like.
    for allowed in
        [with(payment("one"), "account", "4111111111111112"), with(payment("two"), "device", "9411111111111111111111")]
    {
        assert_eq!(post(&server, SCORE, allowed.to_string()).await.status, 200);
    }
    assert_eq!(server.client.stored("card").await.status, 404);
    let logged = server.stop().await;
    for card in CARDS {
        assert!(!logged.contains(card), "{card} was logged");
    }

    let exempt = Settings::new(&folder).set("input.card_number_exempt", r#"["device"]"#);
    let server = Server::start(&folder, &exempt).await;
    assert_eq!(post(&server, SCORE, with(payment("three"), "device", CARDS[0]).to_string()).await.status, 200);
    post(&server, SCORE, with(payment("four"), "account", CARDS[0]).to_string()).await.problem(422);
    assert_eq!(post(&server, SCORE, with(payment("five"), "transaction_id", CARDS[1]).to_string()).await.status, 200);
    server.stop().await;
}

/// What is no HTTP, or never finishes, costs nobody else anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_harm_nobody() {
    let folder = Folder::new("connections");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let mut held = Vec::new();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/transactions:score HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // An answer or a closed connection, and never a 5xx.
        let _ = tokio::time::timeout(fraudnet_tests::PATIENCE, connection.read_to_end(&mut answer))
            .await
            .expect("the connection ends");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    for _ in 0..50 {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        let head = b"POST /v1/transactions:score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"acc";
        connection.write_all(head).await.unwrap();
        held.push(connection);
    }
    server.client.verdict(&payment("one")).await;
    // Connections that are still open do not keep a stop from ending well.
    server.stop().await;
    drop(held);
}
