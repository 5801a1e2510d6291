//! History that happened before the service: simulated, loaded, and there when the first payment comes.

use fraudnet_scoring::wire;
use fraudnet_tests::{Folder, Server, Settings, payment, run, with};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loaded_history_is_known_and_never_decided() {
    let folder = Folder::new("history");
    let settings = Settings::new(&folder);
    let config = settings.write(folder.path());
    let (config, history) = (config.to_str().unwrap(), folder.join("history.jsonl"));
    let history = history.to_str().unwrap();
    // The days before today, so that nothing has left by age.
    let start = wire::format_timestamp(fraudnet_scoring::clock::now_ms() - 12 * 86_400_000);
    let world = ["--start", &start, "--days", "10", "--accounts", "400", "--payments-per-day", "400"];
    let simulated = run(&[&["simulate", "--out", history, "--seed", "3"], &world[..]].concat()).await;
    assert!(simulated.status.success(), "{}", String::from_utf8_lossy(&simulated.stderr));
    let lines: Vec<Value> =
        std::fs::read_to_string(history).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let payments: Vec<&Value> =
        lines.iter().map(|line| &line["event"]).filter(|event| event["type"] == "payment").collect();

    let load = ["replay", "--config", config, "--history", history, "--format", "json"];
    let mut reports = Vec::new();
    for _ in 0..2 {
        let output = run(&load).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        reports.push(serde_json::from_slice::<Value>(&output.stdout).unwrap());
    }
    assert_eq!(
        (&reports[0]["history"], &reports[0]["verdicts"]),
        (&payments.len().into(), &0.into()),
        "{}",
        reports[0]
    );
    assert_eq!(reports[1]["history"], reports[0]["history"], "loaded again, no payment counts again");
    assert_eq!(reports[1]["loaded"]["payments"], 0, "{}", reports[1]);

    let server = Server::start(&folder, &settings).await;
    let last = payments.iter().rev().find(|event| event["body"]["merchant"].is_string());
    let body = &last.expect("some payments are to shops")["body"];
    let account = body["account"].as_str().unwrap();
    let shown = server.client.get(&format!("/v1/entities/account/{account}/subgraph")).await.json_of(200);
    assert_eq!(shown["nodes"][0]["id"], account);
    // Asked for, it is refused with the reason; it has no verdict and gets none.
    let problem = server.client.score(body).await.problem(409);
    assert_eq!(problem["type"], "urn:fraudnet:problem:known-from-history");
    server.client.stored(body["transaction_id"].as_str().unwrap()).await.problem(404);
    // The next payment of the account is seen among all its neighbours.
    let next = with(with(payment("next"), "account", account), "merchant", body["merchant"].clone());
    let verdict = server.client.verdict(&next).await;
    assert!(verdict["subgraph"]["hops"][2].as_u64() > Some(0), "{verdict}");
    assert_eq!(verdict["tier"], "hybrid");
    server.stop().await;
}
