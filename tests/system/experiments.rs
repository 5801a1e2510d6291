//! Experiments against the real service: who is in which arm, across restarts too; waves, roll back and promotion by themselves; refusals.

use fraudnet_tests::{Folder, PATIENCE, Server, Settings, label, payment, repository, with};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Guard rails that look at few payments; latency is left out, since a test's machine is busy with others.
fn rails() -> Value {
    json!({"latency_ratio": null, "p99_ratio": null, "error_rate": null, "min_payments": 20, "min_frauds": 5})
}

/// Another version than the hybrid that serves.
fn trees() -> String {
    let version = std::fs::read_to_string(repository().join("models/trees-v2/champion")).unwrap();
    format!("trees-v2/{}", version.trim())
}

fn points(value: f64) -> Value {
    json!({"challenge": value, "review": value, "decline": value})
}

fn percent(percent: f64) -> Value {
    json!({"exposure": {"kind": "percent", "percent": percent}})
}

fn after(stage: Value, payments: u64) -> Value {
    with(stage, "advance", json!({"after": {"payments": payments}}))
}

fn experiment(name: &str, arms: Value, stages: Value) -> Value {
    json!({"name": name, "arms": arms, "stages": stages, "guard_rails": rails()})
}

async fn create(server: &Server, experiment: &Value) -> Value {
    server.client.post("/v1/experiments", &[("x-actor", "alice")], experiment).await.json_of(200)
}

async fn step(server: &Server, name: &str, step: &str, reason: &str) -> Value {
    let path = format!("/v1/experiments/{name}:{step}");
    server.client.post(&path, &[("x-actor", "bob")], &json!({"reason": reason})).await.json_of(200)
}

async fn show(server: &Server, name: &str) -> Value {
    server.client.get(&format!("/v1/experiments/{name}")).await.json_of(200)
}

/// The arm that a verdict names.
fn arm(verdict: &Value, experiment: &str) -> Option<String> {
    let told = verdict["experiments"].as_array()?;
    told.iter().find(|told| told["experiment"] == experiment).map(|told| told["arm"].as_str().unwrap().to_owned())
}

/// A payment of an account; its id says which one of it this is.
fn of(account: usize, number: &str) -> Value {
    with(payment(&format!("{account}-{number}")), "account", format!("account-{account}"))
}

async fn score(server: &Server, tenant: &str, payment: &Value) -> Value {
    server.client.post("/v1/transactions:score", &[("x-tenant", tenant)], payment).await.json_of(200)
}

/// Looks until it is so; the service counts a moment later than it answers.
async fn until(server: &Server, name: &str, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = timeout(PATIENCE, async {
        loop {
            last = show(server, name).await;
            if so(&last) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(found.is_ok(), "{what}: {last:#}\n{}", server.logged());
    last
}

fn counted(reply: &Value, arm: &str) -> u64 {
    let arms = reply["figures"]["arms"].as_array();
    let found = arms.and_then(|arms| arms.iter().find(|counted| counted["arm"] == arm));
    found.map_or(0, |counted| counted["payments"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_runs_and_everybody_stays_in_their_arm_after_a_kill() {
    const ACCOUNTS: usize = 60;
    let folder = Folder::new("experiment-kinds");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let strict = json!({"name": "strict", "operating_points": points(0.9)});
    let new = json!({"name": "new", "model": trees()});
    create(&server, &experiment("quiet", json!([new]), json!([{"exposure": {"kind": "shadow"}}]))).await;
    let canary = create(&server, &experiment("canary", json!([new]), json!([percent(40.0)]))).await;
    assert_eq!((&canary["experiment"]["status"], &canary["experiment"]["stage"]), (&"running".into(), &1.into()));
    let lax = json!({"name": "lax", "operating_points": points(0.99), "weight": 2.0});
    create(&server, &experiment("ab", json!([strict, lax]), json!([percent(80.0)]))).await;
    // The same kind of thing as `canary`: what that exposes is out of this.
    create(&server, &experiment("younger", json!([new]), json!([percent(50.0)]))).await;

    let mut arms: BTreeMap<usize, [Option<String>; 3]> = BTreeMap::new();
    let mut seen: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for account in 0..ACCOUNTS {
        let verdict = score(&server, "default", &of(account, "before")).await;
        assert_eq!(arm(&verdict, "quiet"), None, "a shadow decides nothing: {verdict}");
        let told = ["canary", "ab", "younger"].map(|name| arm(&verdict, name));
        let by_trees = told[0].as_deref() == Some("new") || told[2].as_deref() == Some("new");
        let model = if by_trees { "trees-v2" } else { "hybrid" };
        assert_eq!(verdict["model"], model, "{verdict}");
        assert_eq!(told[0].as_deref() == Some("new"), told[2].as_deref() == Some("excluded"), "{verdict}");
        for (name, arm) in ["canary", "ab", "younger"].into_iter().zip(&told) {
            *seen.entry((name, arm.clone().unwrap())).or_default() += 1;
        }
        arms.insert(account, told);
    }
    for known in [("canary", "new"), ("canary", "control"), ("ab", "strict"), ("ab", "lax"), ("ab", "control")] {
        assert!(seen.contains_key(&(known.0, known.1.to_owned())), "nobody is in {known:?}: {seen:?}");
    }
    let canary = until(&server, "canary", "every payment is counted", |reply| {
        counted(reply, "control") + counted(reply, "new") + reply["figures"]["mixed"].as_u64().unwrap_or(0)
            == ACCOUNTS as u64
    })
    .await;
    assert_eq!(counted(&canary, "new"), seen[&("canary", "new".to_owned())]);
    let mixed = seen.get(&("younger", "new".to_owned())).copied().unwrap_or(0);
    assert_eq!(canary["figures"]["mixed"], mixed, "what the younger serves is no control: {canary:#}");
    let quiet = until(&server, "quiet", "the shadow scores every payment", |reply| {
        counted(reply, "new") == ACCOUNTS as u64 && counted(reply, "control") == ACCOUNTS as u64
    })
    .await;
    assert_eq!(quiet["figures"]["exposure"], "shadow");
    let listed = server.client.get("/v1/experiments").await.json_of(200);
    let names: Vec<&Value> = listed["experiments"].as_array().unwrap().iter().map(|view| &view["name"]).collect();
    assert_eq!(names, ["quiet", "canary", "ab", "younger"]);
    let metrics = server.client.get("/metrics").await.text();
    let line =
        format!("fraudnet_experiment_payments_total{{experiment=\"canary\",arm=\"new\"}} {}", counted(&canary, "new"));
    assert!(metrics.contains(&line), "{line} is not in {metrics}");
    server.kill().await;

    let server = Server::start(&folder, &settings).await;
    for (account, told) in &arms {
        let verdict = score(&server, "default", &of(*account, "after")).await;
        assert_eq!(&["canary", "ab", "younger"].map(|name| arm(&verdict, name)), told, "account {account}");
    }
    let again = until(&server, "canary", "figures survive", |reply| {
        counted(reply, "new") == 2 * seen[&("canary", "new".to_owned())]
    })
    .await;
    assert_eq!(again["experiment"]["history"], canary["experiment"]["history"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waves_grow_are_held_and_rolled_back() {
    let folder = Folder::new("experiment-waves");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let names: Vec<String> = (0..12).map(|number| format!("bank-{number}")).collect();
    let wave = |most: usize| json!({"exposure": {"kind": "tenants", "tenants": names[..most]}});
    let new = json!({"name": "new", "model": trees()});
    create(&server, &experiment("waves", json!([new]), json!([wave(1), wave(3), wave(12)]))).await;
    let mut round = 0;
    let mut check = async |server: &Server, exposed: usize| {
        round += 1;
        for (number, tenant) in names.iter().enumerate() {
            let verdict = score(server, tenant, &of(number, &round.to_string())).await;
            let expected = if number < exposed { ("new", "trees-v2") } else { ("control", "hybrid") };
            assert_eq!(arm(&verdict, "waves").as_deref(), Some(expected.0), "{tenant}: {verdict}");
            assert_eq!(verdict["model"], expected.1);
        }
    };
    check(&server, 1).await;
    step(&server, "waves", "advance", "").await;
    check(&server, 3).await;
    step(&server, "waves", "hold", "a holiday").await;
    let refused = server.client.post("/v1/experiments/waves:advance", &[], &json!({})).await.problem(409);
    assert_eq!(refused["detail"], "experiment waves is held; resume it first");
    check(&server, 3).await;
    server.kill().await;

    let server = Server::start(&folder, &settings).await;
    assert_eq!(show(&server, "waves").await["experiment"]["status"], "held");
    check(&server, 3).await;
    step(&server, "waves", "resume", "").await;
    step(&server, "waves", "advance", "").await;
    check(&server, 12).await;
    let refused = server.client.post("/v1/experiments/waves:advance", &[], &json!({})).await.problem(409);
    assert!(refused["detail"].as_str().unwrap().contains("last stage"), "{refused}");
    let told = step(&server, "waves", "rollback", "customers complain").await;
    assert_eq!((&told["experiment"]["status"], &told["experiment"]["rail"]), (&"rolled_back".into(), &Value::Null));
    let verdict = score(&server, "bank-0", &of(0, "last")).await;
    assert_eq!((arm(&verdict, "waves"), &verdict["model"]), (None, &"hybrid".into()));
    let steps: Vec<String> = told["experiment"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| format!("{} {}", step["actor"].as_str().unwrap(), step["what"].as_str().unwrap()))
        .collect();
    assert_eq!(
        steps,
        [
            "alice created; stage 1 of 3 begins",
            "bob stage 2 of 3 begins",
            "bob held: a holiday",
            "bob resumed",
            "bob stage 3 of 3 begins",
            "bob rolled back: customers complain"
        ]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_alerts_on_everything_is_rolled_back_once_by_itself() {
    let folder = Folder::new("experiment-rollback");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let mad = json!([{"name": "mad", "operating_points": points(0.0)}]);
    create(&server, &experiment("mad", mad, json!([percent(50.0)]))).await;
    let (mut declined, mut number) = (0, 0);
    let rolled_back = timeout(PATIENCE, async {
        loop {
            let verdict = score(&server, "default", &of(number, "x")).await;
            if arm(&verdict, "mad").as_deref() == Some("mad") {
                assert_eq!(verdict["decision"], "decline", "{verdict}");
                declined += 1;
            }
            number += 1;
            let reply = show(&server, "mad").await;
            if reply["experiment"]["status"] != "running" {
                return reply;
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("it goes on after {number} payments:\n{}", server.logged()));
    let stood = &rolled_back["experiment"];
    assert_eq!((&stood["status"], &stood["rail"]), (&"rolled_back".into(), &"alert_rate".into()), "{rolled_back:#}");
    let last = stood["history"].as_array().unwrap().last().unwrap();
    assert_eq!(last["actor"], "fraudnet");
    assert!(last["what"].as_str().unwrap().contains("mad does not approve 100.00 %"), "{last}");
    assert!(declined >= 20, "it takes as many as the rail asks for: {declined}");
    assert_eq!(arm(&score(&server, "default", &of(number, "after")).await, "mad"), None);
    server.kill().await;

    let server = Server::start(&folder, &settings).await;
    assert_eq!(&show(&server, "mad").await["experiment"], stood, "after a restart it is as it was");
    until(&server, "mad", "figures are folded again", |reply| counted(reply, "mad") == declined).await;
    let changes = server.client.get("/v1/changes").await.json_of(200);
    assert_eq!(changes["changes"].as_array().unwrap().len(), 2, "created and rolled back, once each: {changes:#}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_from_shadow_to_champion_by_itself_and_a_kill_repeats_no_step() {
    let folder = Folder::new("experiment-rollout");
    let settings = Settings::new(&folder);
    let mut server = Server::start(&folder, &settings).await;
    let new = json!([{"name": "new", "model": trees()}]);
    let shadow = after(json!({"exposure": {"kind": "shadow"}}), 10);
    let stages = json!([shadow, after(percent(50.0), 10), after(percent(75.0), 10)]);
    let rollout = with(experiment("rollout", new, stages), "then", "promote");
    // The trees may alert on more than the network does; here only the steps are looked at.
    let rollout =
        with(rollout, "guard_rails", with(with(rails(), "alert_rate_ratio", Value::Null), "auc_drop", Value::Null));
    create(&server, &rollout).await;
    let (mut number, mut stage, mut kills) = (0, 1, 0);
    let done = timeout(2 * PATIENCE, async {
        loop {
            score(&server, "default", &of(number, "x")).await;
            number += 1;
            let reply = show(&server, "rollout").await;
            let now = reply["experiment"]["stage"].as_u64().unwrap();
            if now != stage && kills < 2 {
                stage = now;
                kills += 1;
                let dead = server;
                dead.kill().await;
                server = Server::start(&folder, &settings).await;
            }
            if reply["experiment"]["status"] == "completed" {
                return (server, reply);
            }
        }
    })
    .await;
    let (server, reply) = done.expect("the rollout ends");
    let steps: Vec<&str> =
        reply["experiment"]["history"].as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert_eq!(steps.len(), 5, "{steps:?}");
    assert_eq!(steps[1..3], ["stage 2 of 3 begins", "stage 3 of 3 begins"]);
    assert!(steps[3].starts_with("decided to promote new"), "{steps:?}");
    assert_eq!(steps[4], format!("completed: {} decides every payment", trees()));
    let verdict = score(&server, "default", &of(number, "after")).await;
    assert_eq!((&verdict["model"], arm(&verdict, "rollout")), (&"trees-v2".into(), None));
    let changes = server.client.get("/v1/changes").await.json_of(200);
    let changes = changes["changes"].as_array().unwrap();
    let promoted: Vec<&Value> = changes.iter().filter(|change| change["change"]["kind"] == "model").collect();
    assert_eq!(promoted.len(), 1, "{promoted:#?}");
    assert!(promoted[0]["change"]["reason"].as_str().unwrap().starts_with("experiment rollout decided it"));
    assert_eq!(changes.len(), 6, "no step was made twice: {changes:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_that_mature_are_counted_for_their_arm() {
    let folder = Folder::new("experiment-labels");
    // Mature at once when the next payment tells a later time.
    let settings = Settings::new(&folder).set("experiments.maturity_hours", 0.0);
    let server = Server::start(&folder, &settings).await;
    let arms = json!([
        {"name": "strict", "operating_points": points(0.0)}, {"name": "lax", "operating_points": points(1.0)}
    ]);
    let lenient = with(rails(), "alert_rate_ratio", Value::Null);
    create(&server, &with(experiment("strict", arms, json!([percent(80.0)])), "guard_rails", lenient)).await;
    // An hour apart, the labels well before: settled once a later payment comes.
    let at = |hour: usize| format!("2026-10-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
    let mut strict = 0;
    for number in 0..40 {
        let payment = with(of(number, "x"), "occurred_at", at(number * 2));
        let verdict = score(&server, "default", &payment).await;
        strict += u64::from(arm(&verdict, "strict").as_deref() == Some("strict"));
        let label = with(label(&format!("{number}-x"), number % 2 == 0), "known_at", at(number * 2));
        server.client.label(&label).await;
    }
    score(&server, "default", &with(of(99, "last"), "occurred_at", at(200))).await;
    let reply = until(&server, "strict", "labels mature", |reply| {
        let arms = reply["figures"]["arms"].as_array();
        arms.is_some_and(|arms| {
            arms.iter().map(|arm| arm["mature"]["payments"].as_u64().unwrap_or(0)).sum::<u64>() >= 40
        })
    })
    .await;
    let arms = reply["figures"]["arms"].as_array().unwrap();
    let found = |name: &str| arms.iter().find(|arm| arm["arm"] == name).unwrap();
    assert!(found("strict")["mature"]["payments"].as_u64().unwrap() >= strict, "{reply:#}");
    assert_eq!(found("strict")["mature"]["recall"], 1.0, "it approves nothing");
    assert_eq!(found("lax")["mature"]["recall"], 0.0, "it approves everything");
    let frauds = |name: &str| found(name)["confirmed"]["frauds"].as_u64().unwrap();
    assert_eq!(["strict", "lax", "control"].map(frauds).iter().sum::<u64>(), 20, "{reply:#}");
    let lost = |name: &str| found(name)["mature"]["fraud_lost"].as_f64().unwrap();
    assert_eq!((lost("strict"), lost("lax")), (0.0, 2_599.0 * frauds("lax") as f64), "{reply:#}");
    let recalls = reply["figures"]["comparisons"].as_array().unwrap().iter().filter(|told| told["metric"] == "recall");
    assert_eq!(recalls.count(), 2, "each arm against the control: {reply:#}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_run_is_refused_with_its_reason() {
    let folder = Folder::new("experiment-refusals");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let new = || json!([{"name": "new", "model": trees()}]);
    let good = || experiment("trial", new(), json!([percent(5.0)]));
    let refused = async |body: &Value, status: u16| {
        let problem = server.client.post("/v1/experiments", &[], body).await.problem(status);
        format!("{} {}", problem["detail"].as_str().unwrap(), problem["errors"])
    };
    for (body, status, said) in [
        (with(good(), "name", "Trial 1"), 422, "name must be 1 to 64 lower-case letters"),
        (with(good(), "arms", json!([])), 422, "arms must be 1 to 8"),
        (
            with(good(), "stages", json!([percent(100.0)])),
            422,
            "stages[0].exposure.percent must be above 0 and at most 99",
        ),
        (with(good(), "stages", json!([percent(5.0), percent(2.0)])), 422, "must be more than in the stage before"),
        (with(good(), "arms", json!([{"name": "control", "model": trees()}])), 422, "which every experiment has"),
        (with(good(), "arms", json!([{"name": "new"}])), 422, "change nothing"),
        (with(good(), "arms", json!([{"name": "new", "policy": "never-published"}])), 422, "which is not published"),
        (
            with(good(), "arms", json!([{"name": "new", "model": "hybrid/0.0.0"}])),
            422,
            "hybrid/0.0.0 of arm new cannot serve",
        ),
        (with(good(), "arms", json!([{"name": "new", "model": "../etc"}])), 400, "names no model version"),
        (with(good(), "guard_rail", json!({})), 400, "guard_rail"),
        (with(good(), "then", "explode"), 400, "explode"),
        (json!("nothing"), 400, "must be an experiment, such as"),
    ] {
        let told = refused(&body, status).await;
        assert!(told.contains(said), "{said} is not in {told}");
    }
    assert_eq!(server.client.get("/v1/experiments").await.json_of(200)["experiments"], json!([]));

    create(&server, &good()).await;
    assert!(refused(&good(), 409).await.contains("so take a new one"));
    let say = async |step: &str, body: &Value, status: u16| {
        let problem = server.client.post(&format!("/v1/experiments/{step}"), &[], body).await.problem(status);
        problem["detail"].as_str().unwrap().to_owned()
    };
    assert!(say("trial:hold", &json!({}), 400).await.contains("say why"));
    assert!(say("trial:explode", &json!({}), 404).await.contains("there are these steps"));
    assert!(say("trial", &json!({}), 404).await.contains(":{step}"));
    assert!(say("other:hold", &json!({"reason": "x"}), 404).await.contains("there is no experiment other"));
    assert!(say("trial:resume", &json!({}), 409).await.contains("not held"));
    step(&server, "trial", "stop", "seen enough").await;
    assert_eq!(say("trial:hold", &json!({"reason": "x"}), 409).await, "experiment trial is stopped, which is final");
    assert_eq!(server.client.get("/v1/experiments/other").await.problem(404)["status"], 404);
    server.stop().await;
}
