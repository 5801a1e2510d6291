//! The ladder and the hot swap, with the real program: models that fail in every way there is, and models that are swapped under load.

use crate::models::{Shelf, set};
use fraudnet_models::artifact::{MANIFEST_FILE, TREES_FILE};
use fraudnet_tests::{Client, Folder, Load, Server, Settings, newest_model, payment, repository};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use tokio::task::JoinSet;

/// What a caller gives a payment, milliseconds; the service keeps 900 of them back for the tiers below and for the disk.
const DEADLINE_MS: u64 = 1_500;
/// A model that stands still for longer than that.
const STALL_MS: u64 = 2_500;

/// The version of a family that is released.
fn released(family: &str) -> String {
    let version = match family {
        "hybrid" => newest_model().file_name().unwrap().to_string_lossy().into_owned(),
        _ => fs::read_to_string(repository().join("models").join(family).join("champion")).unwrap().trim().to_owned(),
    };
    format!("{family}/{version}")
}

/// A service whose models have these faults.
async fn faulty(folder: &Folder, faults: &[(&str, &str)], settings: Settings) -> Server {
    let told: Vec<String> = faults.iter().map(|(family, fault)| format!("{}={fault}", released(family))).collect();
    let settings = settings
        .set("deadline.default_ms", DEADLINE_MS)
        .set("deadline.commit_reserve_ms", 400)
        .set("deadline.fallback_reserve_ms", 500);
    Server::start_with(folder, &settings, &[("FRAUDNET_FAULT_MODEL", &told.join(";"))]).await
}

/// The verdicts on so many payments, sent by a few callers, each answered within its deadline: later the service says 504.
async fn verdicts(client: &Client, name: &str, count: usize) -> Vec<Value> {
    let mut callers = JoinSet::new();
    for caller in 0..4 {
        let (client, name) = (client.clone(), name.to_owned());
        callers.spawn(async move {
            let mut verdicts = Vec::new();
            for number in (caller..count).step_by(4) {
                verdicts.push(client.verdict(&payment(&format!("{name}-{number}"))).await);
            }
            verdicts
        });
    }
    callers.join_all().await.into_iter().flatten().collect()
}

/// How many verdicts have this tier, model and cause.
fn tally(verdicts: &[Value]) -> BTreeMap<(String, String, String), usize> {
    let mut counts = BTreeMap::new();
    for verdict in verdicts {
        let field = |name: &str| verdict[name].as_str().unwrap_or("none").to_owned();
        *counts.entry((field("tier"), field("model"), field("tier_cause"))).or_insert(0) += 1;
    }
    counts
}

async fn metric(client: &Client, line: &str) -> f64 {
    let metrics = client.get("/metrics").await.text();
    let found = metrics.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in {metrics}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_fails_is_stood_in_for_by_the_next_tier_and_then_left_alone() {
    let stall = format!("stall:{STALL_MS}");
    for (name, fault, cause, counted) in [
        ("error", "error", "model_error", "error"),
        ("nan", "nan", "not_finite", "not_finite"),
        ("stall", &*stall, "deadline", "timeout"),
    ] {
        let folder = Folder::new(&format!("ladder-{name}"));
        let settings = Settings::new(&folder).set("ladder.open_ms", 600_000);
        let server = faulty(&folder, &[("hybrid", fault)], settings).await;
        let verdicts = verdicts(&server.client, name, 60).await;
        let counts = tally(&verdicts);
        let of = |cause: &str| counts.get(&("trees_v2".into(), "trees-v2".into(), cause.into())).copied().unwrap_or(0);
        assert_eq!(of(cause) + of("circuit_open"), 60, "the next tier answers all of them: {counts:?}");
        assert!(of(cause) >= 5 && of("circuit_open") >= 30, "five in a row, and it is left alone: {counts:?}");
        for verdict in &verdicts {
            assert_eq!(verdict["model_version"], released("trees-v2").split_once('/').unwrap().1, "{verdict}");
            assert!(verdict["stage_us"]["inference"].as_u64().unwrap() > 0, "{verdict}");
        }
        let hybrid = released("hybrid");
        assert_eq!(metric(&server.client, &format!("fraudnet_model_breaker_open{{model=\"{hybrid}\"}}")).await, 1.0);
        let failures = format!("fraudnet_model_failures_total{{model=\"{hybrid}\",cause=\"{counted}\"}}");
        assert!(metric(&server.client, &failures).await >= 5.0);
        assert_eq!(metric(&server.client, "fraudnet_degraded").await, 1.0);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rung_that_fails_is_passed_over() {
    let folder = Folder::new("ladder-rungs");
    let server = faulty(&folder, &[("hybrid", "error"), ("trees-v2", "nan")], Settings::new(&folder)).await;
    let counts = tally(&verdicts(&server.client, "v1", 20).await);
    let answered: usize = counts.iter().filter(|((tier, ..), _)| tier == "trees_v1").map(|(_, count)| count).sum();
    assert_eq!(answered, 20, "{counts:?}");
    server.stop().await;

    let folder = Folder::new("ladder-rules");
    let faults = [("hybrid", "error"), ("trees-v2", "nan"), ("trees-v1", "error")];
    let server = faulty(&folder, &faults, Settings::new(&folder)).await;
    let counts = tally(&verdicts(&server.client, "rules", 20).await);
    let answered: usize = counts
        .iter()
        .filter(|((tier, model, _), _)| tier == "rules" && model == "hybrid")
        .map(|(_, count)| count)
        .sum();
    assert_eq!(answered, 20, "{counts:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_recovers_is_asked_again() {
    let folder = Folder::new("ladder-recovers");
    let settings = Settings::new(&folder).set("ladder.open_ms", 300);
    // Six runs fail: five that open the circuit, and the first that is let through afterwards.
    let server = faulty(&folder, &[("hybrid", "error@6")], settings).await;
    let mut causes = Vec::new();
    for number in 0..7 {
        let verdict = server.client.verdict(&payment(&format!("before-{number}"))).await;
        causes.push(verdict["tier_cause"].as_str().unwrap_or("none").to_owned());
    }
    assert_eq!(causes[..5], ["model_error"; 5]);
    assert!(causes[5..].iter().all(|cause| cause == "circuit_open" || cause == "model_error"), "{causes:?}");
    let mut last = Value::Null;
    for number in 0..200 {
        last = server.client.verdict(&payment(&format!("after-{number}"))).await;
        if last["tier"] == "hybrid" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((&last["tier"], &last["tier_cause"]), (&json!("hybrid"), &Value::Null), "{last}");
    let hybrid = released("hybrid");
    assert_eq!(metric(&server.client, &format!("fraudnet_model_breaker_open{{model=\"{hybrid}\"}}")).await, 0.0);
    assert_eq!(metric(&server.client, "fraudnet_degraded").await, 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_cost_no_payment_and_each_verdict_names_one_version() {
    let folder = Folder::new("swaps");
    let shelf = Shelf::new(&folder);
    let server = Server::start(&folder, &shelf.settings(&folder)).await;
    let client = &server.client;
    let load = Load::start(client, 4, "swapped");
    for number in 0..100 {
        let model = format!("main/{}", number % 2 + 2);
        set(client, "champion", &json!({ "model": model, "reason": "a swap under load" })).await.json_of(200);
        // Some payments between two swaps.
        load.answered(3 * (number + 1)).await;
    }
    // What must not serve is refused meanwhile, and what serves goes on.
    for (version, file, expected) in
        [("1", TREES_FILE, "`trees.onnx` has sha256"), ("2", MANIFEST_FILE, "the model reads feature schema")]
    {
        let path = shelf.folder(&format!("main/{version}")).join(file);
        let whole = fs::read(&path).unwrap();
        let damaged = if file == MANIFEST_FILE {
            // Of another feature schema.
            let text = String::from_utf8(whole.clone()).unwrap();
            let (before, after) = text.split_once("\"feature_fingerprint\": \"").unwrap();
            let other = if after.starts_with('0') { '1' } else { '0' };
            format!("{before}\"feature_fingerprint\": \"{other}{}", &after[1..]).into_bytes()
        } else {
            let middle = whole.len() / 2;
            let mut bytes = whole.clone();
            bytes[middle] ^= 1;
            bytes
        };
        fs::write(&path, damaged).unwrap();
        let body = json!({ "model": format!("main/{version}"), "reason": "a damaged one" });
        let refusal = set(client, "champion", &body).await;
        assert!(refusal.status >= 400 && refusal.text().contains(expected), "{}", refusal.text());
        let after = client.verdict(&payment(&format!("after-{version}"))).await;
        assert_eq!(after["model_version"], "3", "what served goes on: {after}");
        fs::write(&path, whole).unwrap();
    }
    let report = load.end().await;
    assert!(report.others.is_empty() && report.unanswered.is_empty(), "{:?}", report.others);
    let mut versions = BTreeMap::new();
    for (id, (_, body)) in &report.verdicts {
        let verdict: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&verdict["tier"], &verdict["tier_cause"]), (&json!("trees_v2"), &Value::Null), "{id}: {verdict}");
        let version = verdict["model_version"].as_str().unwrap().to_owned();
        // Versions are told apart by what they say: the one that is named is the one that scored.
        let logit = -version.parse::<f64>().unwrap();
        let expected = 1.0 / (1.0 + (-logit).exp());
        let found = verdict["fraud_probability"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-4, "{id} names version {version}: {verdict}");
        *versions.entry(version).or_insert(0) += 1;
    }
    assert!(report.verdicts.len() >= 300 && versions["2"] > 20 && versions["3"] > 20, "{versions:?}");
    server.stop().await;
}
