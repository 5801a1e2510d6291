//! Model versions as an operator handles them: published, signed, promoted, rolled back, and every refusal with its sentence. What goes
//! wrong never changes what serves.
//!
//! `serving` promotes and rolls back, `signed` is about signatures and four eyes, `offline` needs no service; here is what they share.

mod offline;
mod serving;
mod signed;

use fraudnet_features::{FeatureSet, NODE_WIDTH, Tensor, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, ROWS_FILE, TREES_FILE};
use fraudnet_models::onnx::{Tree, TreeEnsemble, TreeNode};
use fraudnet_models::{
    ArtifactBuilder, Calibration, EMBEDDING_WIDTH, Golden, GoldenVector, MANIFEST_VERSION, Manifest, OperatingPoints,
    RowsOutput, RuleSet, Scorer, TierSettings, name_champion,
};
use fraudnet_tests::{Client, Folder, Reply, Settings, payment, run};
use hyper::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
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
    let verdict = client.verdict(&payment(&transaction_id.replace([' ', '/'], "-"))).await;
    let probability = verdict["fraud_probability"].as_f64().unwrap();
    let model = format!("{}/{}", verdict["model"].as_str().unwrap(), verdict["model_version"].as_str().unwrap());
    (model, (probability / (1.0 - probability)).ln())
}

async fn assert_serves(client: &Client, transaction_id: &str, model: &str, logit: f64) {
    let (by, found) = answers(client, transaction_id).await;
    assert_eq!(by, model);
    assert!((found - logit).abs() < 1e-3, "{found} is not {logit}");
}

pub(super) async fn set(client: &Client, alias: &str, body: &Value) -> Reply {
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
