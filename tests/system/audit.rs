//! The audit tree as an auditor meets it: proofs that hold without the service, and a log that was changed.

use fraudnet_tests::{Folder, PATIENCE, Server, Settings, label, payment, run, with};
use hyper::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PAYMENTS: usize = 12;

fn settings(folder: &Folder) -> Settings {
    Settings::new(folder)
        .set("audit.head_entries", 10)
        .set("audit.head_seconds", 1)
        .text("audit.witness_file", &folder.join("witness.jsonl").to_string_lossy())
}

/// The answer once a head covers what is asked for.
async fn covered(server: &Server, path: &str) -> Value {
    let asking = async {
        loop {
            let reply = server.client.get(path).await;
            if reply.status != 503 {
                return reply.json_of(200);
            }
            let problem = reply.problem(503);
            assert!(problem["detail"].as_str().unwrap().contains("ask again in 1 s"), "{problem}");
            assert_eq!(reply.header("retry-after"), "1");
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("a head comes every second")
}

/// What an `audit` command printed, and whether it says that all is well.
async fn audit(arguments: &[&str]) -> (bool, String) {
    let output = run(&[&["audit"], arguments].concat()).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

async fn pay(server: &Server, name: &str) {
    for number in 0..PAYMENTS {
        let body = with(payment(&format!("{name}-{number}")), "device", format!("device-{}", number % 3));
        server.client.verdict(&body).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_verdicts_and_edges_are_proven_without_the_service() {
    let folder = Folder::new("audit-proofs");
    let server = Server::start(&folder, &settings(&folder)).await;
    pay(&server, "payment").await;
    server.client.label(&label("payment-3", true)).await;
    let proofs = covered(&server, "/v1/audit/proof/payment-3").await;
    assert_eq!(proofs["proofs"].as_array().unwrap().len(), 2, "of the payment and of its verdict");
    let none = server.client.get("/v1/audit/proof/never-paid").await;
    assert!(none.problem(404)["detail"].as_str().unwrap().contains("no such entry"));
    let position = proofs["proofs"][0]["position"].as_u64().unwrap();
    for path in ["/v1/audit/proof/payment-3".to_owned(), format!("/v1/audit/proof?position={position}")] {
        let other = server.client.send(Method::GET, &path, &[("X-Tenant", "other")], "").await.unwrap();
        other.problem(404);
    }
    // The edge that payment 3 used first was made by payment 0.
    let graph = server.client.get("/v1/entities/device/device-0/subgraph").await.json_of(200);
    let source = graph["links"].as_array().unwrap().iter().map(|link| link["source"].as_u64().unwrap()).min().unwrap();
    let edge = covered(&server, &format!("/v1/audit/proof?position={source}")).await;
    assert_eq!(edge["proofs"][0]["position"], source);
    let head = server.client.get("/v1/audit/head").await.json_of(200);
    let key = server.client.get("/v1/audit/key").await.json_of(200);
    let public = folder.join(&format!("data/audit/{}.pub", key["signer"].as_str().unwrap()));
    let public = std::fs::read_to_string(public).unwrap();
    assert_eq!((&key["signer"], key["public_key"].as_str()), (&head["signer"], Some(public.trim())));
    let (first, second) = (5, head["head"]["tree_size"].as_u64().unwrap());
    let grown = server.client.get(&format!("/v1/audit/consistency?first={first}&second={second}")).await.json_of(200);
    assert!(!grown["path"].as_array().unwrap().is_empty());
    server.client.get(&format!("/v1/audit/consistency?first={second}&second={first}")).await.problem(400);

    let url = format!("http://{}", server.address);
    let (good, printed) = audit(&["proof", "payment-3", "--url", &url]).await;
    assert!(good, "{printed}");
    server.stop().await;
    let (file, keys) = (folder.join("proof.json"), folder.join("data/audit"));
    let (file, keys) = (file.to_str().unwrap(), keys.to_str().unwrap());
    std::fs::write(file, &printed).unwrap();
    let (good, said) = audit(&["check", file, "--keys", keys]).await;
    assert!(good && said.contains("holds      payment at position"), "{said}");
    assert!(said.contains("holds      verdict") && said.contains("\"transaction_id\":\"payment-3\""), "{said}");
    // The amount, as hex digits of the entry's JSON.
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let changed = printed.replacen(&hex("payment-3"), &hex("payment-4"), 1);
    assert_ne!(changed, printed);
    std::fs::write(file, changed).unwrap();
    let (good, said) = audit(&["check", file, "--keys", keys]).await;
    assert!(!good && said.contains("the leaf is not at its place in this tree"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_put_back_in_time_is_found() {
    let folder = Folder::new("audit-log");
    let (data, log) = (folder.join("data"), folder.join("data/log.redb"));
    let (witness, data) = (folder.join("witness.jsonl"), data.to_str().unwrap());
    let verify = ["verify", data, "--witness", witness.to_str().unwrap()];
    let server = Server::start(&folder, &settings(&folder)).await;
    pay(&server, "before").await;
    let (good, said) = audit(&verify).await;
    assert!(!good && said.contains("in use"), "while the service runs: {said}");
    server.stop().await;
    let (good, said) = audit(&verify).await;
    assert!(good && said.contains("are what was signed"), "{said}");
    let earlier = std::fs::read(&log).unwrap();

    let server = Server::start(&folder, &settings(&folder)).await;
    pay(&server, "after").await;
    server.stop().await;
    let (good, said) = audit(&verify).await;
    assert!(good, "{said}");
    // Somebody who would rather not have had the last payments.
    std::fs::write(&log, earlier).unwrap();
    let (good, said) = audit(&verify).await;
    assert!(!good && said.contains("NOT VERIFIED") && said.contains("entries were removed"), "{said}");

    // The service itself says so, and goes on taking payments.
    let server = Server::start(&folder, &settings(&folder)).await;
    let noticed = async {
        while !server.client.get("/readyz").await.json_of(200)["degraded"]
            .to_string()
            .contains("no longer gives the head")
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, noticed).await.expect("it is noticed at the start");
    pay(&server, "again").await;
    server.stop().await;
}
