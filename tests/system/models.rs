//! Model versions as an operator handles them: published, signed, promoted, rolled back, and every refusal with its sentence. What goes
//! wrong never changes what serves.

use fraudnet_features::{FeatureSet, NODE_WIDTH, Tensor, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, MANIFEST_FILE, ROWS_FILE, TREES_FILE};
use fraudnet_models::onnx::{Tree, TreeEnsemble, TreeNode};
use fraudnet_models::{
    ArtifactBuilder, Calibration, EMBEDDING_WIDTH, Golden, GoldenVector, MANIFEST_VERSION, Manifest, ManifestSignature,
    OperatingPoints, RowsOutput, RuleSet, SIGNATURE_FILE, Scorer, SecretKey, TierSettings, name_champion, registry,
};
use fraudnet_tests::{Client, Folder, Server, Settings, payment, run};
use hyper::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

pub(super) const SET: FeatureSet = FeatureSet::V2;

/// Boosted trees that answer `logit`, whatever the payment: versions are told apart by what they say.
fn constant(logit: f32) -> TreeEnsemble {
    TreeEnsemble { columns: SET.width(), bias: logit, trees: vec![Tree { nodes: vec![TreeNode::Leaf { value: 0.0 }] }] }
}

fn manifest(name: &str, version: &str, scorer: Scorer) -> Manifest {
    let tier = || TierSettings {
        calibration: Calibration::new(vec![(-20.0, -20.0), (20.0, 20.0)]).unwrap(),
        operating_points: OperatingPoints { challenge: 0.3, review: 0.6, decline: 0.9 },
    };
    Manifest {
        manifest_version: MANIFEST_VERSION,
        name: name.to_owned(),
        version: version.to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 1,
        data: Value::Null,
        metrics: json!({ "average_precision": 0.5 }),
        scorer,
        settings: tier(),
        rules: tier(),
        rule_set: RuleSet { bias: -3.0, rules: Vec::new() },
        files: Default::default(),
    }
}

/// A version whose every payment has this logit.
pub(super) fn version(name: &str, version: &str, scorer: Scorer, logit: f32) -> ArtifactBuilder {
    let tensor = Tensor {
        hop_counts: [1, 0, 0, 0],
        nodes: vec![Default::default(); NODE_WIDTH],
        row_ends: vec![0],
        payment: vec![0.0; schema::payment_features().len()],
        ..Default::default()
    };
    let golden = Golden { vectors: vec![GoldenVector { tensor, logit, embedding: vec![0.0; EMBEDDING_WIDTH] }] };
    let file = if scorer.rows().is_some() { ROWS_FILE } else { TREES_FILE };
    ArtifactBuilder::new(manifest(name, version, scorer))
        .file(file, constant(logit).to_onnx(name))
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# A test's model\n".to_vec())
}

/// A registry with versions 1, 2 and 3 of trees, of which 1 is the champion, and one model of rows.
pub(super) struct Shelf {
    root: PathBuf,
}

impl Shelf {
    pub(super) fn new(folder: &Folder) -> Shelf {
        let shelf = Shelf { root: folder.join("models") };
        for number in 1..=3u8 {
            shelf.put(version("main", &number.to_string(), Scorer::Trees { features: SET }, -f32::from(number)));
        }
        let rows = Scorer::Rows { features: SET, output: RowsOutput::Logit };
        shelf.put(version("foreign", "1", rows, 1.5));
        name_champion(&shelf.root.join("main"), "1").unwrap();
        shelf
    }

    fn put(&self, builder: ArtifactBuilder) {
        let staged = self.root.join("staged");
        let artifact = builder.write(&staged).unwrap();
        let family = self.root.join(&artifact.manifest.name);
        fs::create_dir_all(&family).unwrap();
        fs::rename(staged, family.join(&artifact.manifest.version)).unwrap();
    }

    pub(super) fn folder(&self, model: &str) -> PathBuf {
        self.root.join(model)
    }

    pub(super) fn settings(&self, folder: &Folder) -> Settings {
        Settings::new(folder).text("model.folder", &self.root.join("main").to_string_lossy())
    }
}

/// Who answers a payment, and with what logit.
async fn answers(client: &Client, transaction_id: &str) -> (String, f64) {
    let verdict = client.verdict(&payment(transaction_id)).await;
    let probability = verdict["fraud_probability"].as_f64().unwrap();
    let model = format!("{}/{}", verdict["model"].as_str().unwrap(), verdict["model_version"].as_str().unwrap());
    (model, (probability / (1.0 - probability)).ln())
}

async fn assert_serves(client: &Client, transaction_id: &str, model: &str, logit: f64) {
    let (by, found) = answers(client, transaction_id).await;
    assert_eq!(by, model);
    assert!((found - logit).abs() < 1e-3, "{found} is not {logit}");
}

pub(super) async fn set(client: &Client, alias: &str, body: &Value) -> fraudnet_tests::Reply {
    let headers = [("content-type", "application/json"), ("X-Actor", "ann")];
    client.send(Method::PUT, &format!("/v1/models/aliases/{alias}"), &headers, body.to_string()).await.unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

async fn models(arguments: &[&str]) -> Output {
    run(&[&["models"], arguments].concat()).await
}

/// What a command said that had to succeed.
async fn done(arguments: &[&str]) -> String {
    let output = models(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// What a command said that had to fail.
async fn fails(arguments: &[&str]) -> String {
    let output = models(arguments).await;
    assert!(!output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_promoted_and_rolled_back_and_that_outlives_a_kill() {
    let folder = Folder::new("models");
    let shelf = Shelf::new(&folder);
    let settings = shelf.settings(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let listed = client.get("/v1/models").await.json_of(200);
    assert_eq!((&listed["serving"], &listed["previous_champion"]), (&json!("main/1"), &Value::Null), "{listed}");
    assert_eq!(listed["models"].as_array().unwrap().len(), 4);
    let first = &listed["models"][1];
    assert_eq!((&first["model"], &first["aliases"]), (&json!("main/1"), &json!(["champion"])), "{first}");
    assert_eq!((&first["verified"], &first["metrics"]["average_precision"]), (&json!(true), &json!(0.5)));
    assert_serves(client, "before", "main/1", -1.0).await;

    let promoted = set(client, "champion", &json!({ "model": "main/2", "reason": "better" })).await.json_of(200);
    assert_eq!((&promoted["serving"], &promoted["previous"]), (&json!("main/2"), &Value::Null), "{promoted}");
    assert_serves(client, "second", "main/2", -2.0).await;
    for (alias, body, status, expected) in [
        ("champion", json!({ "model": "main/2", "reason": "again" }), 409, "main/2 is champion already"),
        ("champion", json!({ "model": "main/9", "reason": "new" }), 404, "there is no main/9 in the registry"),
        ("champion", json!({ "model": "main/3", "reason": " " }), 409, "say why in 1 to 1000 bytes"),
        ("champion", json!({ "model": "../3", "reason": "x" }), 400, "`../3` names no model version"),
        ("champion", json!({ "reason": 1 }), 400, "the body must be like"),
        ("king", json!({ "model": "main/3", "reason": "x" }), 404, "there is no alias `king`"),
        ("challenger", json!({ "model": "main/2", "reason": "x" }), 409, "a challenger is another version"),
        ("challenger", json!({ "reason": "x" }), 409, "there is no challenger"),
        (
            "trees_v1",
            json!({ "model": "main/3", "reason": "x" }),
            422,
            "main/3 answers as trees_v2, trees_v1 is the rung",
        ),
    ] {
        let problem = set(client, alias, &body).await.problem(status);
        assert!(problem["detail"].as_str().unwrap().contains(expected), "expected `{expected}` in {problem}");
    }
    // A model that is no family of ours answers as `custom`.
    let url = format!("http://{}", server.address);
    let told = done(&["challenge", "foreign/1", "--reason", "bought", "--url", &url, "--actor", "bob"]).await;
    assert!(told.contains("challenger  foreign/1  (before: none)"), "{told}");
    let told = done(&["promote", "foreign/1", "--reason", "good", "--url", &url, "--actor", "bob"]).await;
    assert!(told.contains("champion  foreign/1  (before: main/2)\nserving now  foreign/1"), "{told}");
    let verdict = client.verdict(&payment("custom")).await;
    assert_eq!((&verdict["tier"], &verdict["tier_cause"]), (&json!("custom"), &Value::Null), "{verdict}");
    assert_serves(client, "custom", "foreign/1", 1.5).await;
    let listed = done(&["list", "--url", &url]).await;
    assert!(listed.contains("champion  foreign/1  since 2") && listed.contains("by bob: good"), "{listed}");
    assert!(listed.contains("challenger-") && listed.contains("before    main/2"), "{listed}");
    server.kill().await;

    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let url = format!("http://{}", server.address);
    assert_serves(client, "after the kill", "foreign/1", 1.5).await;
    for (expected, previous) in
        [("main/2", "champion  main/2  (before: foreign/1)"), ("main/1", "champion  as configured")]
    {
        let told = done(&["rollback", "--reason", "worse", "--url", &url]).await;
        assert!(told.contains(previous) && told.contains(&format!("serving now  {expected}")), "{told}");
        assert_eq!(answers(client, expected).await.0, expected);
    }
    let told = fails(&["rollback", "--reason", "worse", "--url", &url]).await;
    assert!(told.contains("there is none before it to roll back to"), "{told}");
    assert_eq!(client.stored("second").await.json_of(200)["model_version"], "2", "verdicts keep their version");
    let one = client.get("/v1/models/foreign/1").await.json_of(200);
    assert_eq!(one["manifest"]["scorer"], json!({ "kind": "rows", "features": "v2", "output": "logit" }));
    client.get("/v1/models/foreign/2").await.problem(404);
    client.post("/v1/models/foreign/1:sell", &[], &json!({})).await.problem(404);
    let verified = client.post("/v1/models/main/3:verify", &[], &json!({})).await.json_of(200);
    assert_eq!((&verified["model"], &verified["golden"]["vectors"]), (&json!("main/3"), &json!(1)), "{verified}");

    let changes = client.get("/v1/changes").await.json_of(200);
    let told: Vec<String> = changes["changes"].as_array().unwrap().iter().map(|change| told_of(change)).collect();
    for expected in [
        "ann: champion = \"main/2\" (better)",
        "bob: challenger = \"foreign/1\" (bought)",
        "bob: champion = \"foreign/1\" (good)",
    ] {
        assert!(told.iter().any(|told| told == expected), "{expected} is missing in {told:?}");
    }
    server.stop().await;
}

/// A change of a role in words.
fn told_of(change: &Value) -> String {
    let text = change.to_string();
    let event = if change["change"]["alias"].is_string() { &change["change"] } else { &change["event"]["change"] };
    let actor = change["actor"].as_str().or(change["event"]["actor"].as_str()).unwrap_or(&text);
    format!(
        "{actor}: {} = {} ({})",
        event["alias"].as_str().unwrap_or("?"),
        event["model"],
        event["reason"].as_str().unwrap_or("?")
    )
}

/// Keys in a folder of the test: alice's and bob's are trusted, mallory's is not.
fn keys(folder: &Folder) -> [SecretKey; 3] {
    let (secret, trusted) = (folder.join("secret"), folder.join("trusted"));
    fs::create_dir_all(&secret).unwrap();
    fs::create_dir_all(&trusted).unwrap();
    ["alice", "bob", "mallory"].map(|name| {
        let key = SecretKey::generate(name).unwrap();
        let public = key.write(&secret.join(name)).unwrap();
        if name != "mallory" {
            fs::rename(public, trusted.join(format!("{name}.pub"))).unwrap();
        }
        key
    })
}

/// A version signed by `key` whose manifest says something else than it should, as no builder would write it.
fn spoil_manifest(folder: &Path, key: &SecretKey, change: impl FnOnce(&mut Value)) {
    let path = folder.join(MANIFEST_FILE);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
    fs::write(folder.join(SIGNATURE_FILE), ManifestSignature::of(&bytes, key).to_bytes()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_signed_whole_and_wanted_by_two_people_serves() {
    let folder = Folder::new("signed-models");
    let shelf = Shelf::new(&folder);
    let [alice, bob, mallory] = keys(&folder);
    let trees = Scorer::Trees { features: SET };
    for (name, logit) in [("tampered", 1.0), ("schema", 2.0), ("golden", 3.0), ("stranger", 4.0), ("forged", 5.0)] {
        shelf.put(version("bad", name, trees, logit));
    }
    registry::sign(&shelf.folder("main/1"), &bob).unwrap();
    registry::sign(&shelf.folder("main/2"), &alice).unwrap();
    // main/3 stays unsigned.
    registry::sign(&shelf.folder("bad/tampered"), &alice).unwrap();
    let file = shelf.folder("bad/tampered").join(TREES_FILE);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    spoil_manifest(&shelf.folder("bad/schema"), &alice, |manifest| manifest["feature_fingerprint"] = "0123".into());
    let other = version("bad", "golden", trees, 9.0);
    fs::remove_dir_all(shelf.folder("bad/golden")).unwrap();
    shelf.put(other.file(TREES_FILE, constant(3.0).to_onnx("bad")).signed_by(&alice));
    registry::sign(&shelf.folder("bad/stranger"), &mallory).unwrap();
    let manifest = fs::read(shelf.folder("bad/forged").join(MANIFEST_FILE)).unwrap();
    let forged = ManifestSignature { key: "alice".to_owned(), ..ManifestSignature::of(&manifest, &mallory) };
    fs::write(shelf.folder("bad/forged").join(SIGNATURE_FILE), forged.to_bytes()).unwrap();

    let settings = shelf
        .settings(&folder)
        .text("control.trusted_keys", &folder.join("trusted").to_string_lossy())
        .set("control.require_signature", true)
        .set("control.four_eyes", true);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let url = format!("http://{}", server.address);
    let (alice_key, bob_key) = (folder.join("secret/alice"), folder.join("secret/bob"));
    let (alice_key, bob_key) = (alice_key.to_str().unwrap(), bob_key.to_str().unwrap());
    let promote = |model: &'static str, key: &str| {
        let arguments: Vec<String> =
            ["promote", model, "--reason", "a test", "--url", &url, "--key", key].map(str::to_owned).into();
        arguments
    };
    for (model, expected) in [
        ("main/3", "main/3 cannot be champion: the model is not signed and only signed ones are taken here"),
        ("bad/stranger", "signed by `mallory`, which is not among the trusted keys (alice, bob)"),
        ("bad/forged", "the signature of `alice` does not hold for `manifest.json`"),
        ("bad/tampered", "`trees.onnx` has sha256"),
        ("bad/schema", "the model reads feature schema 0123, this build computes"),
        ("bad/golden", "golden vector 0: logit is 3, expected 9"),
        ("bad/gone", "there is no bad/gone in the registry"),
    ] {
        let arguments = promote(model, bob_key);
        let told = fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(told.contains(expected), "{model}: expected `{expected}` in `{told}`");
        assert_serves(client, model, "main/1", -1.0).await;
    }
    // Four eyes: whoever signed it cannot also have it serve.
    let arguments = promote("main/2", alice_key);
    let told = fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(told.contains("main/2 was signed by alice, and its author cannot also make it champion"), "{told}");
    assert_serves(client, "own promotion", "main/1", -1.0).await;
    // A request that nobody signed, and one signed by somebody who is not trusted.
    let body = json!({ "model": "main/2", "reason": "please" });
    let problem = set(client, "champion", &body).await.problem(403);
    assert!(problem["detail"].as_str().unwrap().contains("changes must be signed here"), "{problem}");
    let mallory_key = folder.join("secret/mallory");
    let arguments = promote("main/2", mallory_key.to_str().unwrap());
    let told = fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(told.contains("`mallory` is not among the trusted keys (alice, bob)"), "{told}");
    // The author may propose; another one decides.
    let told = done(&["challenge", "main/2", "--reason", "mine", "--url", &url, "--key", alice_key]).await;
    assert!(told.contains("challenger  main/2"), "{told}");
    let arguments = promote("main/2", bob_key);
    done(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_serves(client, "approved", "main/2", -2.0).await;

    let listed = client.get("/v1/models").await.json_of(200);
    let refused: Vec<&str> =
        listed["refusals"].as_array().unwrap().iter().map(|refusal| refusal["model"].as_str().unwrap()).collect();
    for model in ["main/3", "bad/stranger", "bad/forged", "bad/tampered", "bad/schema", "bad/golden"] {
        assert!(refused.contains(&model), "{model} is missing in {refused:?}");
    }
    let second = listed["models"].as_array().unwrap().iter().find(|told| told["model"] == "main/2").unwrap();
    assert_eq!((&second["author"], &second["verified"]), (&json!("alice"), &json!(true)), "{second}");

    // Published by command: signed on the way in, known to the service, nothing else serves.
    let made = folder.join("made");
    version("main", "4", trees, -4.0).write(&made).unwrap();
    let root = shelf.root.to_str().unwrap();
    let trusted = folder.join("trusted");
    let place = ["--registry", root, "--trusted-keys", trusted.to_str().unwrap(), "--require-signature"];
    let publish = [&["publish", made.to_str().unwrap()], &place[..]].concat();
    let told = fails(&publish).await;
    assert!(told.contains("was not published: the model is not signed"), "{told}");
    assert!(!shelf.folder("main/4").exists());
    let told = done(&[&publish[..], &["--url", &url, "--key", alice_key]].concat()).await;
    assert!(told.contains("good  main/4  signed by alice") && told.contains("the service knows it"), "{told}");
    assert_serves(client, "published", "main/2", -2.0).await;
    let told = fails(&[&publish[..], &["--key", alice_key]].concat()).await;
    assert!(told.contains("published versions never change"), "{told}");
    server.stop().await;

    // A service is not started on what it would not promote.
    name_champion(&shelf.root.join("main"), "3").unwrap();
    let told = fraudnet_tests::serve_fails(&Folder::new("unsigned-start"), &settings).await;
    assert!(told.contains("the model is not signed"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_is_looked_after_without_a_service() {
    let folder = Folder::new("registry");
    let shelf = Shelf::new(&folder);
    let root = shelf.root.to_str().unwrap();
    let listed = done(&["list", "--registry", root]).await;
    for expected in ["foreign/1  custom", "main/1     trees_v2", "(champion file)", "0.500"] {
        assert!(listed.contains(expected), "{expected}: {listed}");
    }
    let told = done(&["verify", "--registry", root]).await;
    assert!(told.contains("good  main/3  not signed  1 golden vectors") && told.contains("4 of 4 good"), "{told}");
    let key = folder.join("carol");
    let told = done(&["keygen", "--out", key.to_str().unwrap()]).await;
    assert!(told.contains("signer  carol"), "{told}");
    assert!(fails(&["keygen", "--out", key.to_str().unwrap()]).await.contains("a key is never written over"));
    done(&["sign", "main/2", "--key", key.to_str().unwrap(), "--registry", root]).await;
    let told = fails(&["sign", "main/7", "--key", key.to_str().unwrap(), "--registry", root]).await;
    assert!(told.contains("there is no main/7"), "{told}");
    let place = ["--registry", root, "--trusted-keys", folder.path().to_str().unwrap(), "--format", "json"];
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let shown = json(done(&[&["show", "main/2"], &place[..]].concat()).await);
    assert_eq!((&shown["author"], &shown["manifest"]["version"]), (&json!("carol"), &json!("2")), "{shown}");
    assert!(done(&["show", "main/2", "--registry", root]).await.contains("carol, who is not trusted here"));

    let file = shelf.folder("main/3").join(TREES_FILE);
    fs::write(&file, b"nothing").unwrap();
    let output = models(&[&["verify"], &place[..]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let told = json(String::from_utf8(output.stdout).unwrap());
    assert_eq!((&told["good"], &told["bad"]), (&json!(3), &json!(1)), "{told}");
    let bad = told["models"].as_array().unwrap().iter().find(|proof| proof["ok"] == false).unwrap();
    assert!(bad["error"].as_str().unwrap().contains("`trees.onnx` has 7 bytes"), "{bad}");
    assert!(done(&["list", "--registry", root]).await.contains("bad: `trees.onnx` has 7 bytes"));
    assert!(fails(&["list", "--registry", "/nowhere"]).await.contains("is no folder of models"));
}
