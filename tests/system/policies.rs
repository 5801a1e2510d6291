//! Policies and lists as an operator handles them: published, tried on the past, brought into force, seen in verdicts, kept by a restart; and
//! every refusal with its sentence.

use fraudnet_models::{SecretKey, registry};
use fraudnet_scoring::{clock, wire};
use fraudnet_tests::{Client, Folder, Server, Settings, label, payment, run, with};
use hyper::Method;
use serde_json::{Value, json};
use std::path::Path;

const JSON: (&str, &str) = ("content-type", "application/json");

async fn ask(client: &Client, method: Method, path: &str, actor: &str, body: &Value) -> fraudnet_tests::Reply {
    let headers: &[(&str, &str)] = if body.is_null() { &[("x-actor", actor)] } else { &[("x-actor", actor), JSON] };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, path, headers, body).await.unwrap()
}

async fn publish(client: &Client, document: &Value) -> fraudnet_tests::Reply {
    ask(client, Method::POST, "/v1/policies", "anna", document).await
}

async fn activate(client: &Client, version: &str) -> fraudnet_tests::Reply {
    let body = json!({ "version": version, "reason": "a test" });
    ask(client, Method::PUT, "/v1/policies/active", "bert", &body).await
}

fn rule(id: &str, when: &str, then: &str) -> Value {
    let code = id.to_uppercase().replace('-', "_");
    json!({ "id": id, "code": code, "text": format!("text of {id}"), "when": when, "then": then })
}

fn codes(verdict: &Value) -> Vec<&str> {
    verdict["reason_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_published_tried_and_brought_into_force_and_a_restart_keeps_it() {
    let folder = Folder::new("policies");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    client.get("/v1/policies/active").await.problem(404);
    for number in 0..12 {
        let amount = if number % 3 == 0 { 900_000 } else { 2_500 };
        client.verdict(&with(payment(&format!("past-{number}")), "amount_minor", amount)).await;
    }
    client.label(&label("past-0", true)).await;
    client.label(&label("past-3", false)).await;
    let before = client.verdict(&payment("before")).await;

    // Tried first: on top of what was decided, with what is known by now.
    let held = rule("large", "amount >= 5000.0 && ip_country == 'DE'", "review");
    let tried = ask(client, Method::POST, "/v1/policies:dry-run", "anna", &json!({ "rule": held, "sample": 3 })).await;
    let tried = tried.json_of(200);
    let report = &tried["report"];
    assert_eq!(
        (&tried["state"], &report["payments"], &report["features_rebuilt"]),
        (&"finished".into(), &13.into(), &false.into()),
        "{tried}"
    );
    assert_eq!((&report["known_frauds"], &report["hits"]["payments"]), (&1.into(), &4.into()), "{report}");
    assert_eq!(
        (&report["hits"]["fraud"], &report["hits"]["legitimate"], &report["hits"]["unknown"]),
        (&1.into(), &1.into(), &2.into())
    );
    assert_eq!(report["hits"]["amount_hundredths"], 3_600_000);
    assert_eq!(report["samples"].as_array().unwrap().len(), 3);
    let featured = rule("new-device", "feature.device_new > 0.5", "challenge");
    let request = json!({ "document": { "version": "trial", "rules": [featured, held] } });
    let rebuilt = ask(client, Method::POST, "/v1/policies:dry-run", "anna", &request).await.json_of(200);
    assert_eq!(rebuilt["report"]["features_rebuilt"], true, "{rebuilt}");
    assert_eq!(
        rebuilt["report"]["rules"][0]["hits"]["payments"], 13,
        "every account pays from a new device: {rebuilt}"
    );
    assert_eq!(rebuilt["report"]["rules"][1]["hits"]["payments"], 4);
    assert_eq!(client.get("/v1/policies:dry-run").await.json_of(200)["report"]["tried"], "trial");

    let document = json!({ "version": "first", "description": "a test", "rules": [held] });
    let published = publish(client, &document).await.json_of(200);
    let unchanged = client.verdict(&with(payment("published"), "amount_minor", 900_000)).await;
    assert!(!codes(&unchanged).contains(&"LARGE"), "published is not in force: {unchanged}");
    let active = activate(client, "first").await.json_of(200);
    assert_eq!((&active["version"], &active["previous"]), (&"first".into(), &"none".into()));
    let large = with(payment("after"), "amount_minor", 900_000);
    let after = client.verdict(&large).await;
    assert_eq!(codes(&after)[0], "LARGE", "{after}");
    assert!(["review", "decline"].contains(&after["decision"].as_str().unwrap()), "{after}");
    assert_ne!(after["policy_version"], before["policy_version"]);
    let small = client.verdict(&payment("small")).await;
    assert!(!codes(&small).contains(&"LARGE"), "{small}");
    assert_eq!(small["policy_version"], after["policy_version"]);

    let listed = client.get("/v1/policies").await.json_of(200);
    assert_eq!((&listed["active"], &listed["policies"][0]["digest"]), (&"first".into(), &published["digest"]));
    assert_eq!(
        (&listed["policies"][0]["published_by"], &listed["history"][0]["actor"]),
        (&"anna".into(), &"bert".into())
    );
    assert_eq!(client.get("/v1/policies/first").await.json_of(200)["document"]["rules"][0]["id"], "large");

    // What was changed last comes first where the newest are asked for.
    let all = client.get("/v1/changes").await.json_of(200);
    let all: Vec<&Value> = all["changes"].as_array().unwrap().iter().rev().collect();
    let newest = client.get("/v1/changes?newest=2").await.json_of(200);
    assert_eq!(newest["changes"], json!(all[..2]));
    assert_eq!(
        (&newest["changes"][0]["actor"], newest["next"].as_u64()),
        (&"bert".into(), all[0]["position"].as_u64().map(|last| last + 1))
    );
    for query in ["newest=0", "newest=1001", "newest=2&from=0", "newest=2&limit=2"] {
        client.get(&format!("/v1/changes?{query}")).await.problem(400);
    }

    // What cannot be is refused, and what is in force goes on.
    let again = json!({ "version": "first", "rules": [] });
    assert!(publish(client, &again).await.problem(409)["detail"].as_str().unwrap().contains("never changes"));
    let typo = json!({ "version": "second", "rules": [rule("typo", "ammount > 1.0", "review")] });
    let problem = publish(client, &typo).await.problem(422);
    assert_eq!(problem["errors"][0]["field"], "rules[0].when");
    assert!(problem["errors"][0]["reason"].as_str().unwrap().contains("did you mean amount"), "{problem}");
    publish(client, &json!({ "version": "second", "rulez": [] })).await.problem(400);
    activate(client, "second").await.problem(404);
    activate(client, "first").await.problem(409);
    let window = json!({ "rule": held, "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" });
    ask(client, Method::POST, "/v1/policies:dry-run", "anna", &window).await.problem(422);
    ask(client, Method::POST, "/v1/policies:dry-run", "anna", &json!({})).await.problem(422);
    server.stop().await;

    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let restarted = client.verdict(&with(payment("restarted"), "amount_minor", 900_000)).await;
    assert_eq!((codes(&restarted)[0], &restarted["policy_version"]), ("LARGE", &after["policy_version"]));
    assert_eq!(client.stored("after").await.json(), after);
    activate(client, "none").await.json_of(200);
    let without = client.verdict(&with(payment("without"), "amount_minor", 900_000)).await;
    assert_eq!((codes(&without).contains(&"LARGE"), &without["policy_version"]), (false, &before["policy_version"]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_decide_until_they_expire_and_a_restart_keeps_them() {
    let folder = Folder::new("lists");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let put = async |client: &Client, path: &str, body: Value| ask(client, Method::PUT, path, "anna", &body).await;
    let on_device = |id: &str| with(payment(id), "device", "stolen one");
    let approved = client.verdict(&on_device("one")).await;
    let path = "/v1/lists/block/device/stolen%20one";
    client.get(path).await.problem(404);
    put(client, path, json!({ "reason": "case 812" })).await.json_of(200);
    let blocked = client.verdict(&on_device("two")).await;
    assert_eq!((&blocked["decision"], codes(&blocked)[0]), (&"decline".into(), "LIST_BLOCKED"), "{blocked}");
    assert_eq!(blocked["reasons"][0]["text"], "the device is on the block list: case 812");
    assert_eq!(blocked["score_decision"], approved["decision"]);
    assert_eq!(blocked["policy_version"], approved["policy_version"], "lists are no part of the version");

    // Allowed by the merchant, but blocked is stronger; alone it overrules.
    put(client, "/v1/lists/allow/merchant/shop", json!({ "reason": "our own" })).await.json_of(200);
    assert_eq!(client.verdict(&on_device("three")).await["decision"], "decline");
    put(client, "/v1/lists/watch/account/account-four", json!({ "reason": "asked by phone" })).await.json_of(200);
    let allowed = client.verdict(&payment("four")).await;
    assert_eq!(allowed["decision"], "approve");
    assert_eq!(codes(&allowed)[..2], ["LIST_ALLOWED", "LIST_WATCHED"], "{allowed}");
    assert!(allowed["reasons"][0]["text"].as_str().unwrap().ends_with("(overrules: review)"), "{allowed}");

    // Judged by the time of the payment.
    let in_an_hour = wire::format_timestamp(clock::now_ms() + 3_600_000);
    let until = json!({ "reason": "for a while", "expires_at": in_an_hour });
    put(client, "/v1/lists/watch/ip/shared", until).await.json_of(200);
    let elsewhere = |id: &str| with(with(payment(id), "ip", "shared"), "merchant", "elsewhere");
    assert_eq!(codes(&client.verdict(&elsewhere("five")).await)[0], "LIST_WATCHED");
    let over = json!({ "reason": "too late", "expires_at": "2020-01-01T00:00:00Z" });
    put(client, "/v1/lists/watch/ip/shared", over).await.problem(409);
    put(client, "/v1/lists/watch/ip/shared", json!({ "reason": "when?", "expires_at": "soon" })).await.problem(422);
    put(client, "/v1/lists/watch/ip/shared", json!({ "reason": "two\nlines" })).await.problem(422);
    put(client, "/v1/lists/watch/ip/shared", json!({ "because": "no reason" })).await.problem(400);
    put(client, "/v1/lists/grey/ip/shared", json!({ "reason": "no such list" })).await.problem(404);
    put(client, "/v1/lists/block/account/4111111111111111", json!({ "reason": "a card" })).await.problem(422);

    let listed = client.get("/v1/lists?limit=2").await.json_of(200);
    assert_eq!((listed["entries"].as_array().unwrap().len(), &listed["next"]), (2, &"device/stolen one".into()));
    let rest = client.get("/v1/lists?limit=2&after=device%2Fstolen%20one").await.json_of(200);
    assert_eq!(
        (&rest["entries"][0]["kind"], &rest["entries"][1]["list"], &rest["next"]),
        (&"ip".into(), &"allow".into(), &Value::Null)
    );
    assert_eq!(client.get("/v1/lists?list=block").await.json_of(200)["entries"].as_array().unwrap().len(), 1);
    assert_eq!(client.get("/v1/lists?tenant=other").await.json_of(200)["entries"].as_array().unwrap().len(), 0);
    client.get("/v1/lists?limit=0").await.problem(400);
    server.kill().await;

    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    assert_eq!(client.verdict(&on_device("six")).await["decision"], "decline");
    ask(client, Method::DELETE, path, "anna", &Value::Null).await.json_of(200);
    ask(client, Method::DELETE, path, "anna", &Value::Null).await.problem(409);
    assert_eq!(client.verdict(&on_device("seven")).await["decision"], "approve");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_do_the_same() {
    let folder = Folder::new("policy-commands");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    let client = &server.client;
    client.verdict(&with(payment("one"), "amount_minor", 900_000)).await;
    let base = format!("http://{}", server.address);
    let said = async |arguments: &[&str], succeeds: bool| {
        let served = ["--url", base.as_str(), "--actor", "anna"];
        let local = ["check", "variables"].contains(&arguments[1]);
        let output = run(&[arguments, if local { &[] } else { &served[..] }].concat()).await;
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
        said
    };
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rule = "id = 'large'\ncode = 'LARGE'\ntext = 'a large one'\nwhen = 'amount > 5000.0'\nthen = 'decline'\n";
    let policy = file("policy.toml", &format!("version = 'v1'\n[[rules]]\n{rule}"));
    let lone = file("rule.toml", rule);
    let typo = file("typo.toml", &format!("version = 'v2'\n[[rules]]\n{}", rule.replace("amount", "amuont")));
    assert!(said(&["policies", "check", &policy], true).await.contains("can be published (rules: 1,"));
    assert!(
        said(&["policies", "check", &typo], false)
            .await
            .contains("rules[0].when: line 1, column 1: there is no variable `amuont`; did you mean amount")
    );
    assert!(said(&["policies", "variables", "device_new"], true).await.contains("feature.device_new"));
    let tried = said(&["policies", "dry-run", "--rule", &lone, "--since", "1h"], true).await;
    assert!(tried.contains("rule large") && tried.contains("would be") && tried.contains("log entries"), "{tried}");
    assert!(said(&["policies", "dry-run", "--rule", &lone, "--since", "ages"], false).await.contains("30d"));
    assert!(said(&["policies", "publish", &policy], true).await.contains("it decides nothing yet"));
    assert!(
        said(&["policies", "activate", "v1", "--reason", "a wave"], true).await.contains("active v1 (before: none")
    );
    assert!(said(&["policies", "list"], true).await.contains("v1 by anna: a wave"));
    assert!(said(&["policies", "show"], true).await.contains("when = \"amount > 5000.0\""));
    assert!(said(&["policies", "activate", "v9", "--reason", "?"], false).await.contains("no policy of that version"));
    assert_eq!(client.verdict(&with(payment("two"), "amount_minor", 900_000)).await["decision"], "decline");

    let added = said(&["lists", "add", "allow", "account", "account-three", "--reason", "the boss"], true).await;
    assert!(added.contains("account account-three is on the allow list"), "{added}");
    assert!(said(&["lists", "show", "allow"], true).await.contains("the boss (by anna at "));
    assert_eq!(client.verdict(&with(payment("three"), "amount_minor", 900_000)).await["decision"], "approve");
    assert!(
        said(&["lists", "remove", "allow", "account", "account-three"], true).await.contains("is off the allow list")
    );
    assert!(
        said(&["lists", "remove", "allow", "account", "account-three"], false).await.contains("not on the allow list")
    );
    let json: Value = serde_json::from_str(&said(&["policies", "list", "--format", "json"], true).await).unwrap();
    assert_eq!(json["active"], "v1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_four_eyes_who_publishes_a_policy_does_not_bring_it_into_force() {
    let folder = Folder::new("policy-eyes");
    let model = folder.copy_model();
    let (secret, trusted) = (folder.join("secret"), folder.join("trusted"));
    std::fs::create_dir_all(&secret).unwrap();
    std::fs::create_dir_all(&trusted).unwrap();
    let keys = ["alice", "bob"].map(|name| {
        let key = SecretKey::generate(name).unwrap();
        let public = key.write(&secret.join(name)).unwrap();
        std::fs::rename(public, trusted.join(format!("{name}.pub"))).unwrap();
        secret.join(name).to_str().unwrap().to_owned()
    });
    registry::sign(&model, &SecretKey::read(Path::new(&keys[1])).unwrap()).unwrap();
    let settings = Settings::new(&folder)
        .text("model.folder", &model.to_string_lossy())
        .text("control.trusted_keys", &trusted.to_string_lossy())
        .set("control.require_signature", true)
        .set("control.four_eyes", true);
    let server = Server::start(&folder, &settings).await;
    let url = format!("http://{}", server.address);
    let policy = folder.join("policy.json");
    let document = json!({ "version": "v1", "rules": [rule("large", "amount > 5000.0", "decline")] });
    std::fs::write(&policy, document.to_string()).unwrap();
    let said = async |arguments: &[&str], succeeds: bool| {
        let output = run(&[arguments, &["--url", url.as_str()]].concat()).await;
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
        said
    };
    let [alice, bob] = keys.each_ref().map(String::as_str);
    let policy = policy.to_str().unwrap();
    assert!(said(&["policies", "publish", policy], false).await.contains("must be signed here"));
    said(&["policies", "publish", policy, "--key", alice], true).await;
    let activate = ["policies", "activate", "v1", "--reason", "a wave", "--key"];
    let refused = said(&[&activate[..], &[alice]].concat(), false).await;
    assert!(refused.contains("published by alice, who cannot also bring it into force"), "{refused}");
    said(&[&activate[..], &[bob]].concat(), true).await;
    // The tenant is part of what is signed.
    let list = ["lists", "add", "block", "device", "stolen", "--reason", "case 9", "--tenant", "bank-7", "--key", bob];
    said(&list, true).await;
    let listed = server.client.get("/v1/lists?tenant=bank-7").await.json_of(200);
    assert_eq!((&listed["entries"][0]["id"], &listed["entries"][0]["actor"]), (&"stolen".into(), &"bob".into()));
    server.stop().await;
}
