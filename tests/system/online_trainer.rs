//! The online trainer beside a real service: what it learns from the stream becomes the challenger, and a trainer that is killed at every
//! step ends up where one that was not killed does.

use fraudnet_graph::Body;
use fraudnet_scoring::simulate::{SimulationConfig, simulate};
use fraudnet_scoring::wire::{LabelRequest, ScoreRequest};
use fraudnet_tests::{Folder, PATIENCE, Server, Settings, repository};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tokio::process::Command;
use tokio::time::timeout;

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;
const DAYS: u32 = 18;

/// Where it dies, one after the other on the same state.
const POINTS: [&str; 7] = [
    "trainer_before_commit:1",
    "trainer_after_commit:1",
    "trainer_after_begin:1",
    "trainer_after_fit:1",
    "trainer_before_publish:1",
    "trainer_after_publish:1",
    "trainer_after_announce:1",
];

/// Some weeks of simulated payments and labels, the last of them within the last week.
async fn stream(server: &Server) {
    let end_ms = 1_795_305_600_000;
    let now_ms = fraudnet_scoring::clock::now_ms();
    let moved_ms = (now_ms - end_ms).div_euclid(WEEK_MS) * WEEK_MS;
    let config = SimulationConfig {
        days: DAYS,
        accounts: 150,
        payments_per_day: 100,
        fraud_share: 0.05,
        ..SimulationConfig::demo(6, end_ms - i64::from(DAYS) * DAY_MS)
    };
    for simulated in simulate(&config) {
        let mut event = simulated.event;
        event.occurred_at_ms += moved_ms;
        // What became known only later is not known yet.
        if event.occurred_at_ms > now_ms {
            continue;
        }
        match &event.body {
            Body::Payment(payment) => {
                let request = ScoreRequest::new(payment, Some(event.occurred_at_ms));
                server.client.verdict(&serde_json::to_value(request).unwrap()).await;
            }
            Body::Label(label) => {
                let request = LabelRequest::new(label, Some(event.occurred_at_ms));
                server.client.label(&serde_json::to_value(request).unwrap()).await;
            }
            Body::Outcome(_) => {}
        }
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

/// Settings under which every candidate passes: what is held here is the way of one, not its worth.
fn settings(folder: &Folder, server: &Server, registry: &str, state: &str) -> PathBuf {
    let text = format!(
        r#"registry = "{}"
state = "{}"
url = "http://{}"
threads = 1
[labels]
maturity_days = 3.0
[parts]
window_days = 8.0
negatives = 200
least_frauds = 10
[fine_tune]
after = 20
negatives = 150
positives = 60
epochs = 1
rounds = 0
[retrain]
at = "off"
[gate]
gain = -1.0
margin = 1e6
mature_loss = 1.0
replicates = 100
recall_loss = 1.0
forgotten = 0.5
calibration_error = 1.0
top_decile = 1e6
young_alerts = 1e6
latency = 1e6
neighbourhood = 1.0
half_decisions = 1.0
[rollout]
plan = "shadow"
"#,
        folder.join(registry).display(),
        folder.join(state).display(),
        server.address
    );
    let file = folder.join(&format!("{state}.toml"));
    std::fs::write(&file, text).unwrap();
    file
}

async fn train(config: &Path, fail_at: Option<&str>) -> Output {
    let programs = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    let mut command = Command::new(programs.join("fraudnet-train"));
    command.args(["online", "--once", "--quiet", "--format", "json", "--config"]).arg(config);
    command.env_remove("FRAUDNET_FAIL_AT").envs(fail_at.map(|point| ("FRAUDNET_FAIL_AT", point)));
    let output = command.current_dir(repository()).kill_on_drop(true).output();
    timeout(PATIENCE, output).await.expect("the trainer ends").expect("the trainer can be started")
}

/// What a run that went well says: each outcome, and at last how far everything is.
fn said(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_step_the_trainer_ends_up_where_an_undisturbed_one_does() {
    let folder = Folder::new("online-trainer");
    copy(&repository().join("models/hybrid"), &folder.join("models/hybrid"));
    copy(&repository().join("models/hybrid"), &folder.join("killed-models/hybrid"));
    let service = Settings::new(&folder)
        .text("model.folder", &folder.join("models/hybrid").to_string_lossy())
        .set("training.example_share", "1.0");
    let server = Server::start(&folder, &service).await;
    stream(&server).await;

    let undisturbed = said(&train(&settings(&folder, &server, "models", "undisturbed"), None).await);
    let (end, outcomes) = undisturbed.split_last().expect("it says how far it is");
    let outcome = |name: &str| outcomes.iter().filter(|outcome| outcome["outcome"] == name).count();
    assert!(outcome("published") >= 1 && outcome("published") == outcome("announced"), "{outcomes:?}");
    assert!(end["seen"]["frauds"].as_u64() >= Some(20) && end["seen"]["unreadable"] == 0, "{end}");
    // The service knows: the challenger is the version announced last, and it is shadowed.
    let announced = end["announced"].as_str().expect("a version was announced");
    let aliases = server.client.get("/v1/models").await.json_of(200)["aliases"].clone();
    let challenger = aliases.as_array().expect("a list").iter().find(|alias| alias["alias"] == "challenger");
    assert_eq!(challenger.expect("every alias is listed")["model"], announced);
    let experiments = server.client.get("/v1/experiments").await.json_of(200);
    assert!(experiments.to_string().contains(announced), "{experiments}");

    let config = settings(&folder, &server, "killed-models", "killed");
    for point in POINTS {
        let died = train(&config, Some(point)).await;
        assert!(!died.status.success(), "{point}: it did not die");
        assert!(String::from_utf8_lossy(&died.stderr).contains("dying here"), "{point}");
    }
    let killed = said(&train(&config, None).await);
    assert_eq!(killed.last(), Some(end), "the same counts, the same buffer, the same versions");
    let version = |models: &str, file: &str| std::fs::read(folder.join(models).join(announced).join(file)).unwrap();
    for file in ["manifest.json", "model.onnx", "golden.arrow"] {
        assert_eq!(version("models", file), version("killed-models", file), "{file}");
    }
    server.stop().await;
}
