//! The console in a browser against the real service: the analyst's day, what goes wrong in it, accessibility. The steps are in
//! `tests/console`; here is the world they happen in.

use fraudnet_graph::{Body, Event};
use fraudnet_scoring::clock;
use fraudnet_scoring::invite::Invitation;
use fraudnet_scoring::simulate::{SimulationConfig, simulate, write_history};
use fraudnet_scoring::wire::{LabelRequest, ScoreRequest};
use fraudnet_tests::{Admin, Client, Folder, PATIENCE, Server, Settings, label, payment, repository, run, with};
use serde_json::{Value, json};
use std::fs::File;
use std::io::BufWriter;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

const DAY_MS: i64 = 86_400_000;
/// Payments of the simulated present; all before them is history.
const LIVE: usize = 600;
/// Cases the day needs.
const WANTED: u64 = 30;
/// Steps at least: none that is there is passed over.
const STEPS: u32 = 50;
/// How long all steps may take together on a busy machine.
const A_DAY: Duration = Duration::from_secs(1_200);

fn settings(folder: &Folder) -> Settings {
    Settings::new(folder)
        .set("reviews.four_eyes_above", 4_000.0)
        // On a busy machine ten seconds may pass between two keys.
        .set("reviews.undo_seconds", 60)
        .text("reviews.reference_currency", "EUR")
        .set("audit.head_seconds", 1)
        .set("access.anonymous", "[]")
}

/// Twelve simulated days with more fraud in them than in life: the past is loaded; what comes after it.
async fn past(folder: &Folder, settings: &Settings) -> Vec<Event> {
    let config = SimulationConfig {
        days: 12,
        accounts: 400,
        payments_per_day: 400,
        fraud_share: 0.05,
        ..SimulationConfig::demo(7, clock::now_ms() - 12 * DAY_MS)
    };
    let mut past: Vec<_> = simulate(&config).collect();
    let payments: Vec<usize> = (0..past.len()).filter(|&number| past[number].oracle.is_some()).collect();
    let present = past.split_off(payments[payments.len() - LIVE]);
    let history = folder.join("history.jsonl");
    write_history(&mut BufWriter::new(File::create(&history).unwrap()), past).unwrap();
    let config = settings.write(folder.path());
    let loaded = run(&["replay", "--config", config.to_str().unwrap(), "--history", history.to_str().unwrap()]).await;
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    present.into_iter().map(|simulated| simulated.event).collect()
}

/// The simulated present, over HTTP.
async fn live(client: &Client, present: &[Event]) {
    for event in present {
        match &event.body {
            Body::Payment(payment) => {
                let request = ScoreRequest::new(payment, Some(event.occurred_at_ms));
                client.verdict(&serde_json::to_value(request).unwrap()).await;
            }
            Body::Label(told) => {
                let request = LabelRequest::new(told, Some(event.occurred_at_ms));
                client.label(&serde_json::to_value(request).unwrap()).await;
            }
            Body::Outcome(_) => {}
        }
    }
}

/// A payment in the account's own shop: what is reported of one account says nothing of another's.
fn paid(id: &str, account: &str, device: &str, amount_minor: u64) -> Value {
    let body = with(with(payment(id), "account", account), "merchant", format!("shop-of-{account}"));
    with(with(body, "device", device), "amount_minor", amount_minor)
}

/// What the day needs besides: ordinary payments that somebody wants to see, with little to lose and so at the end of the queue; among
/// them large ones, and two of accounts on a phone that was reported.
async fn held(client: &Client) {
    let ordinary: Vec<String> = (0..24).map(|number| format!("watched-{number}")).collect();
    let gang: Vec<String> = (0..5).map(|number| format!("gang-{number}")).collect();
    for account in ordinary.iter().chain(&gang[3..]) {
        let path = format!("/v1/lists/watch/account/{account}");
        client.put(&path, &[], &json!({ "reason": "a test" })).await.json_of(200);
    }
    for account in &gang[..3] {
        client.verdict(&paid(&format!("pay-{account}"), account, "gang-phone", 2_000)).await;
        client.label(&label(&format!("pay-{account}"), true)).await;
    }
    for account in &gang[3..] {
        client.verdict(&paid(&format!("pay-{account}"), account, "gang-phone", 100)).await;
    }
    for (number, account) in ordinary.iter().enumerate() {
        let amount = if number % 6 == 0 { 500_000 } else { 2_000 + number as u64 };
        client.verdict(&paid(&format!("pay-{account}"), account, &format!("own-{account}"), amount)).await;
    }
    let enough = async {
        loop {
            let queue = client.get("/v1/reviews?limit=1").await.json_of(200);
            let rings = client.get("/v1/rings").await.json_of(200);
            let open = rings["rings"].as_array().unwrap().iter().any(|ring| ring["open_cases"] == 2);
            if queue["figures"]["pending"].as_u64() >= Some(WANTED) && open {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, enough).await.expect("enough cases, and a ring with two");
}

/// Tokens by role, as the console's tests read them, and as `once` the secret of an unused one-time link.
async fn tokens(folder: &Folder, admin: &Admin) -> Value {
    let once = Invitation::first(600_000).leave(&folder.join("data")).expect("the service has a folder");
    json!({
        "analyst": admin.token("ann", &["analyst"]).await,
        "analyst2": admin.token("bob", &["analyst"]).await,
        "lead": admin.token("lena", &["lead"]).await,
        "auditor": admin.token("otto", &["auditor"]).await,
        "once": once.reveal(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_analysts_day_in_a_browser() {
    let folder = Folder::new("console");
    let settings = settings(&folder);
    let present = past(&folder, &settings).await;
    let server = Server::start(&folder, &settings).await;
    let admin = Admin::enter(&server, &folder).await;
    let feeder = server.client.with_token(&admin.token("feeder", &["scorer", "lead"]).await);
    live(&feeder, &present).await;
    held(&feeder).await;

    let steps = repository().join("tests/console");
    assert!(steps.join("node_modules").is_dir(), "the browser's driver is not there: run `make setup`");
    // Node.js lies there where the machine has none that is new enough.
    let own = repository().join(".deps/node/bin");
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default());
    let day = Command::new("npm")
        .args(["test", "--silent"])
        .current_dir(&steps)
        .env("PATH", path)
        .env("FRAUDNET_CONSOLE", format!("http://{}/console/", server.address))
        .env("FRAUDNET_CONSOLE_TOKENS", tokens(&folder, &admin).await.to_string())
        .kill_on_drop(true)
        .output();
    let day = timeout(A_DAY, day).await.expect("the day ends").expect("npm can be started");
    let told = String::from_utf8_lossy(&day.stdout);
    assert!(day.status.success(), "{told}\n{}", String::from_utf8_lossy(&day.stderr));
    let passed = told.lines().find_map(|line| line.strip_prefix("ℹ pass ")?.parse().ok());
    assert!(passed >= Some(STEPS), "so many steps are there at least: {told}");
    server.stop().await;
}
