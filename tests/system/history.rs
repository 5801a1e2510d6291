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

/// Somebody else's table: who paid how much when, and what was reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_account_amount_time_and_label_warms_a_service() {
    let folder = Folder::new("history-csv");
    let settings = Settings::new(&folder);
    let config = settings.write(folder.path());
    let (history, mapping) = (folder.join("past.csv"), folder.join("past.toml"));
    let now_ms = fraudnet_scoring::clock::now_ms();
    let mut table = "Kunde;Summe;Zeit;Betrug\n".to_owned();
    for payment in 0..40 {
        let at = wire::format_timestamp(now_ms - (40 - payment) * 3_600_000);
        table.push_str(&format!(
            "customer-{};{}.50;{at};{}\n",
            payment % 4,
            10 + payment,
            u8::from(payment == 3 || payment == 39)
        ));
    }
    std::fs::write(&history, &table).unwrap();
    let columns = "account = \"Kunde\"\namount = \"Summe\"\ntime = \"Zeit\"";
    let text = format!(
        "[columns]\n{columns}\n[label]\ncolumn = \"Betrug\"\nknown_after_days = 1\n[defaults]\ncurrency = \"EUR\"\nchannel = \"ecommerce\"\n"
    );
    std::fs::write(&mapping, &text).unwrap();
    let (config, past) = (config.to_str().unwrap().to_owned(), history.to_str().unwrap().to_owned());
    let mapping_name = mapping.to_str().unwrap().to_owned();
    let load = ["replay", "--config", &config, "--history", &past, "--mapping", &mapping_name, "--format", "json"];

    // A row that cannot be taken ends the load with its place, or is left out and listed.
    std::fs::write(&history, format!("{table}customer-1;much;2026-01-01;0\n")).unwrap();
    let output = run(&load).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success()
            && said.contains("past.csv`: row 41 (line 42), column `Summe`, value \"much\"")
            && said.contains("--skip-bad-rows"),
        "{said}"
    );
    let output = run(&[&load[..], &["--skip-bad-rows"]].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let loaded = &report["loaded"];
    assert_eq!(
        (&loaded["skipped"]["rows"], &loaded["skipped"]["by_kind"]["not an amount"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    assert_eq!(
        (&loaded["duplicates"], &report["history"]),
        (&40.into(), &40.into()),
        "the first load kept what came before the bad row: {report}"
    );
    // The label of the fourth payment is known; that of the last is not, and stays out.
    assert_eq!(loaded["ahead"], 1, "{report}");
    assert!(report["labels"].as_u64() >= Some(1), "{report}");

    let server = Server::start(&folder, &settings).await;
    let shown = server.client.get("/v1/entities/account/customer-1/subgraph").await.json_of(200);
    assert_eq!(
        (&shown["nodes"][0]["id"], &shown["nodes"][0]["kind"]),
        (&"customer-1".into(), &"account".into()),
        "{shown}"
    );
    server.client.get("/v1/entities/account/customer-4/subgraph").await.problem(404);
    let known = with(with(payment("row-2"), "account", "customer-1"), "merchant", "shop");
    assert_eq!(server.client.score(&known).await.problem(409)["type"], "urn:fraudnet:problem:known-from-history");
    server.stop().await;
}
