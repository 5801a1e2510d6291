//! A model made in Python: the very lines that `deploy/python/train_sklearn.py` tells its readers, from a service's examples to a verdict.

use fraudnet_graph::{Body, Label, LabelSource};
use fraudnet_scoring::simulate::{SimulationConfig, simulate};
use fraudnet_scoring::wire::{LabelRequest, ScoreRequest};
use fraudnet_tests::{Folder, PATIENCE, Server, Settings, payment, repository};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use tokio::time::timeout;

const SCRIPT: &str = "deploy/python/train_sklearn.py";
const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;
const DAYS: u32 = 18;

/// A Python that has what the script needs; `None`, said on standard error, where there is none and none is required.
async fn python() -> Option<PathBuf> {
    let python =
        std::env::var_os("FRAUDNET_PYTHON").map_or_else(|| repository().join(".deps/python/bin/python"), PathBuf::from);
    let asked = Command::new(&python).args(["-c", "import numpy, pyarrow, sklearn, skl2onnx"]).output().await;
    if asked.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("{} has no scikit-learn, skl2onnx and pyarrow", python.display());
    let required = ["CI", "FRAUDNET_REQUIRE_CLUSTER"].into_iter().find(|name| std::env::var_os(name).is_some());
    if let Some(required) = required {
        panic!("{required} is set, but {missing}; run `make setup`");
    }
    // Not `eprintln!`: what a passing test prints that way is never shown.
    let line = format!("SKIPPED: a model made in Python: {missing}; run `make setup` to have it run\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    None
}

/// The lines of the script's introduction that are to be typed.
fn lines() -> Vec<String> {
    let script = std::fs::read_to_string(repository().join(SCRIPT)).unwrap();
    let introduction = script.split("\"\"\"").nth(1).expect("the script says what it is");
    introduction.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

/// Runs a line in `folder`, with the programs, the service and the registry of this test in their places.
async fn typed(line: &str, python: &Path, server: &Server, folder: &Folder) -> String {
    let url = format!("http://{}", server.address);
    let line = line.replace("http://127.0.0.1:8080", &url);
    let mut words = line.split(' ');
    let programs = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    let registry = folder.join("models").to_string_lossy().into_owned();
    let mut command = match words.next() {
        Some("python") => Command::new(python),
        Some(program) => Command::new(programs.join(program)),
        None => panic!("an empty line"),
    };
    command.args(words.map(|word| if word == SCRIPT { repository().join(SCRIPT) } else { PathBuf::from(word) }));
    // A small world: its labels come within days, and the models lie in the test's folder.
    if line.contains("train_sklearn.py") || line.contains(" publish ") {
        command.args(["--maturity-days", "3"]);
    }
    if line.contains(" publish ") {
        command.args(["--registry", &registry, "--rules-from", &format!("{registry}/hybrid"), "--quiet"]);
    }
    let output = command.current_dir(folder.path()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, output).await.expect("the command ends").expect("the command can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{said}");
    said
}

/// Some weeks of simulated payments in order, the last of them within the last week; the bank takes back every fraud a day later. The
/// seed is one whose few rings pay all the time: what the earlier part teaches helps with the later one.
async fn stream(server: &Server) {
    let end_ms = 1_795_305_600_000;
    let now_ms = fraudnet_scoring::clock::now_ms();
    let moved_ms = (now_ms - end_ms).div_euclid(WEEK_MS) * WEEK_MS;
    let config = SimulationConfig {
        days: DAYS,
        accounts: 200,
        payments_per_day: 130,
        fraud_share: 0.05,
        ..SimulationConfig::demo(9, end_ms - i64::from(DAYS) * DAY_MS)
    };
    let mut reports: VecDeque<(i64, Label)> = VecDeque::new();
    for simulated in simulate(&config) {
        let Body::Payment(payment) = &simulated.event.body else { continue };
        let at_ms = simulated.event.occurred_at_ms + moved_ms;
        while let Some((known_ms, label)) = reports.pop_front_if(|(known_ms, _)| *known_ms <= at_ms) {
            let request = LabelRequest::new(&label, Some(known_ms));
            server.client.label(&serde_json::to_value(request).unwrap()).await;
        }
        if simulated.oracle.is_some_and(|oracle| oracle.fraud) {
            let transaction_id = payment.transaction_id.clone();
            reports.push_back((at_ms + DAY_MS, Label { transaction_id, fraud: true, source: LabelSource::Chargeback }));
        }
        let request = ScoreRequest::new(payment, Some(at_ms));
        server.client.verdict(&serde_json::to_value(request).unwrap()).await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_made_in_python_is_published_and_serves() {
    let Some(python) = python().await else { return };
    let folder = Folder::new("python-models");
    copy(&repository().join("models/hybrid"), &folder.join("models/hybrid"));
    let settings = Settings::new(&folder)
        .text("model.folder", &folder.join("models/hybrid").to_string_lossy())
        .set("training.example_share", "1.0");
    let server = Server::start(&folder, &settings).await;
    stream(&server).await;

    let mut said = Vec::new();
    for line in lines() {
        said.push(typed(&line, &python, &server, &folder).await);
    }
    let [exported, trained, published, promoted] = &said[..] else { panic!("{said:?}") };
    assert!(exported.contains("examples.parquet:") && exported.contains("of them fraud"), "{exported}");
    assert!(trained.contains("boosting on 227 columns"), "{trained}");
    assert!(published.contains("# sklearn/1") && published.contains("| custom |"), "{published}");
    assert!(promoted.contains("sklearn/1"), "{promoted}");

    let verdict = server.client.verdict(&payment("after")).await;
    let by = [&verdict["model"], &verdict["model_version"], &verdict["tier"]]
        .map(|value| value.as_str().unwrap_or_default());
    assert_eq!(by, ["sklearn", "1", "custom"], "{verdict}");
    let manifest = std::fs::read(folder.join("models/sklearn/1/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let figures = &manifest["metrics"]["against_labels"][0];
    assert_eq!(figures["tier"], "custom");
    assert!(figures["roc_auc"].as_f64().unwrap() > 0.7, "it has learnt something: {figures}");
    server.stop().await;
}
