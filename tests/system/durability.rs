//! Nothing answered is lost, nothing is decided twice: kills, lost writes, restarts, stops.

use crate::journal::Journal;
use fraudnet_tests::{Folder, Load, Report, Server, Settings, label, payment, run, with};
use serde_json::{Value, json};

const CALLERS: usize = 8;

/// Every verdict that was answered is still there, byte for byte, whether asked for by id or by the same request.
async fn assert_nothing_lost(server: &Server, report: &Report) {
    for (number, (id, (body, verdict))) in report.verdicts.iter().enumerate() {
        let stored = server.client.stored(id).await;
        assert_eq!((stored.status, &stored.body), (200, verdict), "the verdict of {id}");
        if number % 10 == 0 {
            let again = server.client.score(body).await;
            assert_eq!((again.status, &again.body), (200, verdict), "the verdict of {id}, asked for again");
        }
    }
}

/// What `fraudnet replay` says of the folder's log.
async fn replayed(folder: &Folder, options: &[&str]) -> Value {
    let (data, config) = (folder.join("data"), folder.join("config.toml"));
    let arguments = ["replay", data.to_str().unwrap(), "--config", config.to_str().unwrap(), "--format", "json"];
    let output = run(&[&arguments, options].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Kills the service in the middle of its work, again and again, and looks for every answer it ever gave.
async fn survives_kills(folder: &Folder, settings: &Settings) {
    let mut all = Report::default();
    for round in 0..3 {
        let server = Server::start(folder, settings).await;
        assert_nothing_lost(&server, &all).await;
        let load = Load::start(&server.client, CALLERS, &format!("round-{round}"));
        load.answered(120 + 40 * round).await;
        server.kill().await;
        let report = load.end().await;
        assert!(report.others.is_empty(), "{:?}", report.others);
        assert!(!report.unanswered.is_empty(), "the kill came while callers waited");
        all.verdicts.extend(report.verdicts);
        all.unanswered.extend(report.unanswered);
    }
    let server = Server::start(folder, settings).await;
    assert_nothing_lost(&server, &all).await;
    // What was not answered may have been decided or not; asked again it has a verdict, and one only.
    for body in &all.unanswered {
        let verdict = server.client.score(body).await;
        assert_eq!(verdict.status, 200, "{}", verdict.text());
        assert_eq!(server.client.score(body).await.body, verdict.body);
    }
    server.stop().await;

    let journal = Journal::read(folder);
    journal.assert_each_decided_once();
    for (id, (_, verdict)) in &all.verdicts {
        assert_eq!(journal.transactions[id].1[0], verdict.as_ref(), "the log's verdict of {id}");
    }
    // The same log gives the same state: folded by this test, by the program, and with every payment sampled on the way.
    for options in [&[][..], &["--observe"]] {
        let replay = replayed(folder, options).await;
        assert_eq!(
            (&replay["state_hash"], &replay["position"]),
            (&journal.state_hash.as_str().into(), &journal.end.into())
        );
        assert_eq!(replay["undecided"], 0, "{replay}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_outlive_a_kill() {
    let folder = Folder::new("kill");
    survives_kills(&folder, &Settings::new(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_outlive_a_kill_that_loses_every_write_never_synced() {
    let folder = Folder::new("kill-unsynced");
    survives_kills(&folder, &Settings::new(&folder).set("log.lose_unsynced_writes", true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_outlive_a_kill_when_the_system_keeps_the_writes() {
    let folder = Folder::new("kill-os");
    survives_kills(&folder, &Settings::new(&folder).text("log.durability", "os")).await;
}

/// All of a verdict but the time it took.
fn substance(mut verdict: Value) -> Value {
    verdict.as_object_mut().unwrap().remove("stage_us").expect("a verdict tells its stages");
    verdict
}

/// Waits until the training example of this payment lies on the disk, right behind its verdict: nobody else waits for it, and
/// the places of all later events, with the digests that tell of them, depend on it.
async fn example_kept(server: &Server, verdict: &Value) {
    let (id, position) = (verdict["transaction_id"].as_str().unwrap(), &verdict["as_of"]["position"]);
    let answer = server.client.get(&format!("/v1/training/stream?from={position}&limit=1&wait_ms=30000")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains(id), "no example of {id}, which is at position {position}");
}

/// One service lives through a history; another is killed in the middle of it, twice. Both say the same of what comes after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_service_knows_what_one_that_never_died_knows() {
    let folders = [Folder::new("alive"), Folder::new("killed")];
    let mut verdicts: [Vec<Value>; 2] = Default::default();
    // Times are told, so that they are the same for both.
    let start_ms = fraudnet_scoring::clock::now_ms() - 86_400_000;
    let at = |step: i64| fraudnet_scoring::wire::format_timestamp(start_ms + step * 60_000);
    for (folder, verdicts) in folders.iter().zip(&mut verdicts) {
        // A head of the audit tree takes a place in the log, too, at a time of its own.
        let settings = Settings::new(folder).set("training.example_share", "1.0").set("audit.head_seconds", 86_400);
        let mut server = Server::start(folder, &settings).await;
        for step in 0..60 {
            if folder.path() == folders[1].path() && [20, 41].contains(&step) {
                server.kill().await;
                server = Server::start(folder, &settings).await;
            }
            let id = format!("payment-{step}");
            let mut body = with(payment(&id), "occurred_at", at(step));
            for (field, among) in [("account", 7), ("device", 3), ("ip", 5)] {
                body = with(body, field, format!("{field}-{}", step % among));
            }
            let verdict = server.client.verdict(&body).await;
            example_kept(&server, &verdict).await;
            verdicts.push(substance(verdict));
            if step % 9 == 4 {
                let known = with(label(&format!("payment-{}", step - 3), step % 2 == 0), "known_at", at(step));
                server.client.label(&known).await;
            }
        }
        server.stop().await;
    }
    let [alive, killed] = verdicts;
    for (one, other) in alive.iter().zip(&killed) {
        assert_eq!(one, other);
    }
    assert_eq!(alive.len(), killed.len());
    assert!(
        alive.iter().any(|verdict| verdict["subgraph"]["hops"][3].as_u64() > Some(0)),
        "the history makes a graph of three hops"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_well_under_load_and_loses_nothing() {
    let folder = Folder::new("sigterm");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let load = Load::start(&server.client, CALLERS, "load");
    load.answered(100).await;
    server.terminate();
    let report = load.end().await;
    let (status, logged) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{logged}");
    assert!(logged.contains("draining") && logged.contains("drained"), "{logged}");
    // A payment is answered, refused because the service stops, or its connection is closed before it was read.
    for refused in &report.others {
        assert_eq!(refused.problem(503)["type"], "urn:fraudnet:problem:not-ready");
        assert!(!refused.header("retry-after").is_empty());
    }
    Journal::read(&folder).assert_each_decided_once();
    assert_eq!(replayed(&folder, &[]).await["undecided"], 0, "what was begun was finished");

    let server = Server::start(&folder, &settings).await;
    assert_nothing_lost(&server, &report).await;
    let ready = server.client.get("/readyz").await.json_of(200);
    assert_eq!(ready, json!({ "ready": true, "state": "ready", "lag": 0 }));
    server.stop().await;
}
