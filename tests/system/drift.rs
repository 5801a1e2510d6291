//! Drift as the real service watches it: an alarm that outlives a kill, ends when payments are as before, and one that labels raise.

use fraudnet_tests::{Folder, PATIENCE, Server, Settings, label, newest_model, payment, run, with};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Small numbers, so that hundreds of payments do.
fn settings(folder: &Folder) -> Settings {
    let trees = newest_model().ancestors().nth(2).unwrap().join("trees-v2");
    Settings::new(folder)
        .text("model.folder", &trees.to_string_lossy())
        .text("log.durability", "os")
        .set("drift.reference_payments", 400)
        .set("drift.window_payments", 200)
        .set("drift.compare_every", 50)
        .set("drift.min_count", 100)
        .set("drift.quiet_comparisons", 4)
        .set("drift.maturity_hours", 1)
}

/// An ordinary payment; amounts are spread over two orders of magnitude, each as often as the others.
fn ordinary(number: u64, amount_factor: u64) -> Value {
    let id = format!("drift-{number}");
    let amount = 150 + (number.wrapping_mul(7_919) % 97) * (number.wrapping_mul(104_729) % 89 + 1) * 3;
    let body = with(payment(&id), "amount_minor", amount * amount_factor);
    with(with(body, "account", format!("account-{}", number % 151)), "device", format!("device-{}", number % 173))
}

/// Sends payments, some at a time; their verdicts in order.
async fn send(server: &Server, payments: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let payments: Vec<Value> = payments.into_iter().collect();
    let mut verdicts = Vec::with_capacity(payments.len());
    for some in payments.chunks(16) {
        let asked: Vec<_> = some
            .iter()
            .cloned()
            .map(|payment| {
                let client = server.client.clone();
                tokio::spawn(async move { client.verdict(&payment).await })
            })
            .collect();
        for verdict in asked {
            verdicts.push(verdict.await.unwrap());
        }
    }
    verdicts
}

/// Asks until the report is as wanted.
async fn report(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut latest = Value::Null;
    let found = timeout(PATIENCE, async {
        loop {
            latest = server.client.get("/v1/drift").await.json_of(200);
            if wanted(&latest) {
                return latest.clone();
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    match found.await {
        Ok(report) => report,
        Err(_) => panic!("the report never was as wanted; it is {}", server.client.get("/v1/drift").await.text()),
    }
}

fn standing(report: &Value) -> Vec<String> {
    let alarms = report["standing"].as_array().unwrap().iter();
    let mut standing: Vec<String> = alarms
        .map(|alarm| format!("{}/{}", alarm["signal"].as_str().unwrap(), alarm["segment"].as_str().unwrap()))
        .collect();
    standing.sort();
    standing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_outlives_a_kill_and_ends_when_payments_are_as_before() {
    let folder = Folder::new("drift");
    let settings = settings(&folder);
    let server = Server::start(&folder, &settings).await;
    let begun = server.client.get("/v1/drift").await.json_of(200);
    assert_eq!((&begun["reference"]["payments"], standing(&begun).len()), (&0.into(), 0));
    send(&server, (0..800).map(|number| ordinary(number, 1))).await;
    let calm =
        report(&server, |report| report["segments"].as_array().is_some_and(|segments| !segments.is_empty())).await;
    assert_eq!((&calm["reference"]["payments"], standing(&calm).len()), (&400.into(), 0), "{calm}");
    assert!(calm["watching"] == true && calm["segments"][0]["columns"][0]["ks"].as_f64().unwrap() < 0.25, "{calm}");

    // Everything costs twenty times as much.
    send(&server, (800..1_000).map(|number| ordinary(number, 20))).await;
    let shifted = report(&server, |report| standing(report).contains(&"ks/all".to_owned())).await;
    let alarm = shifted["standing"].as_array().unwrap().iter().find(|alarm| alarm["signal"] == "ks").unwrap();
    assert!(alarm["column"].as_str().unwrap().contains("amount"), "{alarm}");
    assert!(alarm["value"].as_f64() > alarm["bound"].as_f64(), "{alarm}");
    let changes = server.client.get("/v1/changes").await.text();
    assert!(changes.contains(r#""kind":"drift""#) && changes.contains(r#""change":"alarm""#), "{changes}");
    let metrics = server.client.get("/metrics").await.text();
    let line = r#"fraudnet_drift_alarm{signal="ks",segment="all"} 1"#;
    assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    let url = format!("http://{}", server.address);
    let told = run(&["drift", "--url", &url]).await;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.status.success() && text.contains("in two comparisons in a row") && text.contains("400 payments, "),
        "{text}"
    );

    // The reference and the alarm are there after a kill, and no second one is raised.
    server.kill().await;
    let server = Server::start(&folder, &settings).await;
    let again = report(&server, |report| report["reference"]["payments"] == 400).await;
    assert_eq!(standing(&again), standing(&shifted));
    assert_eq!(again["reference"], shifted["reference"], "the same payments are compared with");
    send(&server, (1_000..1_300).map(|number| ordinary(number, 20))).await;
    let still = server.client.get("/v1/drift").await.json_of(200);
    assert_eq!(standing(&still), standing(&shifted), "one alarm for one drift");

    send(&server, (1_300..2_000).map(|number| ordinary(number, 1))).await;
    let over = report(&server, |report| standing(report).is_empty()).await;
    assert_eq!(over["cleared"][0]["cleared_because"], "the latest comparisons were within the bound", "{over}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_raise_an_alarm_once() {
    let folder = Folder::new("drift-labels");
    let settings = settings(&folder);
    let server = Server::start(&folder, &settings).await;
    // Payments of three hours ago, so that whoever is not called a fraud counts as honest soon.
    let past = |number| with(ordinary(number, 1 + number % 7 * 40), "occurred_at", three_hours_ago());
    let verdicts = send(&server, (0..700).map(past)).await;
    let mut scored: Vec<(f64, u64)> = verdicts
        .iter()
        .zip(0..)
        .map(|(verdict, number)| (verdict["fraud_probability"].as_f64().unwrap(), number))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    assert!(scored[0].0 > scored[699].0, "payments differ in what the model says of them");
    let tell = async |numbers: &[(f64, u64)]| {
        for (_, number) in numbers {
            server.client.label(&label(&format!("drift-{number}"), true)).await;
        }
    };
    // At first the frauds are those that the model ranks highest, then those that it ranks lowest.
    tell(&scored[..120]).await;
    send(&server, [ordinary(9_000, 1)]).await;
    let good = report(&server, |report| report["outcomes"]["matured_frauds"] == 120).await;
    let auc = good["outcomes"]["auc"].as_f64().unwrap();
    assert!(auc > 0.7 && standing(&good).is_empty(), "{good}");
    // They were old enough to count as honest before anybody spoke of them.
    assert!(good["outcomes"]["matured_honest"].as_u64().is_some_and(|honest| (650..=700).contains(&honest)), "{good}");
    tell(&scored[600..]).await;
    let bad = report(&server, |report| standing(report) == ["auc/all", "recall/all"]).await;
    for alarm in bad["standing"].as_array().unwrap() {
        assert!(alarm["value"].as_f64() < alarm["bound"].as_f64(), "{alarm}");
        let frauds = alarm["matured_frauds"].as_u64().unwrap();
        assert!((121..=220).contains(&frauds), "found after {frauds} frauds");
    }

    // A restart reads all of it again and finds it again, which is no second alarm.
    let raised = |changes: &str| changes.matches(r#""change":"alarm""#).count();
    let before = raised(&server.client.get("/v1/changes").await.text());
    server.kill().await;
    let server = Server::start(&folder, &settings).await;
    let again = report(&server, |report| report["outcomes"]["matured_frauds"] == 220).await;
    assert!(again["outcomes"]["auc"].as_f64().is_some_and(|now| now < auc), "{again}");
    assert_eq!(standing(&again), ["auc/all", "recall/all"]);
    assert_eq!(raised(&server.client.get("/v1/changes").await.text()), before);
    server.stop().await;
}

fn three_hours_ago() -> String {
    fraudnet_scoring::wire::format_timestamp(fraudnet_scoring::clock::now_ms() - 3 * 3_600_000)
}
