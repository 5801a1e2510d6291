//! A model of boosted trees alone, served by the real program: no network, the tier of its family, verdicts that last.

use fraudnet_features::{FeatureSet, NODE_WIDTH, Tensor, schema};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, TREES_FILE};
use fraudnet_models::onnx::{Tree, TreeEnsemble, TreeNode};
use fraudnet_models::{
    ArtifactBuilder, Calibration, EMBEDDING_WIDTH, Golden, GoldenVector, MANIFEST_VERSION, Manifest, OperatingPoints,
    Rule, RuleSet, Scorer, TierSettings, name_champion,
};
use fraudnet_tests::{Folder, Server, Settings, payment, serve_fails, with};
use std::path::PathBuf;

const VERSION: &str = "1.0.0";

/// The amount of [`payment`] and one a thousand times as large, with a threshold between them in the feature's own unit.
const SMALL_MINOR: u64 = 2_599;
const LARGE_MINOR: u64 = 2_599_000;

/// Two trees: the first tells large amounts from small, the second whether the account's device is new to it.
fn ensemble(set: FeatureSet) -> TreeEnsemble {
    let stump = |feature: &str, threshold, low, high| Tree {
        nodes: vec![
            TreeNode::Split {
                column: schema::payment_feature_index(feature).unwrap() as u32,
                threshold,
                left: 1,
                right: 2,
                missing_left: true,
            },
            TreeNode::Leaf { value: low },
            TreeNode::Leaf { value: high },
        ],
    };
    TreeEnsemble {
        columns: set.width(),
        bias: -1.0,
        trees: vec![stump("amount", 10.0, -4.0, 4.0), stump("device_new", 0.5, -0.5, 0.5)],
    }
}

/// A family of that name in the test's folder, with one version, its champion.
fn family(folder: &Folder, name: &str, set: FeatureSet) -> PathBuf {
    let tier = || TierSettings {
        calibration: Calibration::new(vec![(-20.0, -20.0), (20.0, 20.0)]).unwrap(),
        operating_points: OperatingPoints { challenge: 0.3, review: 0.6, decline: 0.9 },
    };
    let rule = Rule {
        code: "AMOUNT_LARGE".to_owned(),
        text: "a large amount".to_owned(),
        feature: "amount".to_owned(),
        threshold: 10.0,
        below: false,
        weight: 2.0,
    };
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        name: name.to_owned(),
        version: VERSION.to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 1,
        data: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
        scorer: Scorer::Trees { features: set },
        settings: tier(),
        rules: tier(),
        rule_set: RuleSet { bias: -3.0, rules: vec![rule] },
        files: Default::default(),
    };
    let tensor = Tensor {
        hop_counts: [1, 0, 0, 0],
        nodes: vec![Default::default(); NODE_WIDTH],
        row_ends: vec![0],
        payment: vec![0.0; schema::payment_features().len()],
        ..Default::default()
    };
    let ensemble = ensemble(set);
    let logit = ensemble.logit(&tensor.payment[..set.width()]);
    let golden = Golden { vectors: vec![GoldenVector { tensor, logit, embedding: vec![0.0; EMBEDDING_WIDTH] }] };
    let family = folder.join(name);
    ArtifactBuilder::new(manifest)
        .file(TREES_FILE, ensemble.to_onnx(name))
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# A test's trees\n".to_vec())
        .write(&family.join(VERSION))
        .unwrap();
    name_champion(&family, VERSION).unwrap();
    family
}

fn settings(folder: &Folder, family: &std::path::Path) -> Settings {
    Settings::new(folder).text("model.folder", &family.to_string_lossy())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_decide_as_their_tier_and_their_verdicts_outlive_a_kill() {
    for (name, set, tier) in [("trees-v2", FeatureSet::V2, "trees_v2"), ("trees-v1", FeatureSet::V1, "trees_v1")] {
        let folder = Folder::new(name);
        let settings = settings(&folder, &family(&folder, name, set));
        let server = Server::start(&folder, &settings).await;
        let small = server.client.verdict(&with(payment("small"), "amount_minor", SMALL_MINOR)).await;
        assert_eq!((&small["tier"], &small["tier_cause"]), (&tier.into(), &serde_json::Value::Null), "{small}");
        assert_eq!((&small["model"], &small["model_version"]), (&name.into(), &VERSION.into()));
        assert_eq!(small["decision"], "approve", "{small}");
        // -1 - 4 + 0.5: the amount is small, the device new.
        let probability = 1.0 / (1.0 + 4.5f64.exp());
        assert!((small["fraud_probability"].as_f64().unwrap() - probability).abs() < 1e-5, "{small}");
        assert_eq!(small["subgraph"]["hops"], serde_json::json!([1, 3, 0, 0]), "the graph is read all the same");
        assert_eq!(small["subgraph_digest"].as_str().unwrap().len(), 32);

        let large = server.client.score(&with(payment("large"), "amount_minor", LARGE_MINOR)).await;
        let declined = large.json_of(200);
        assert_eq!((&declined["tier"], &declined["decision"]), (&tier.into(), &"decline".into()), "{declined}");
        assert_eq!(declined["reason_codes"][0], "TREES_SCORE", "{declined}");
        assert!(declined["reason_codes"].as_array().unwrap().contains(&"AMOUNT_LARGE".into()), "{declined}");
        let metrics = server.client.get("/metrics").await.text();
        let counted = format!("fraudnet_payments_total{{decision=\"decline\",tier=\"{tier}\"}} 1");
        assert!(metrics.contains(&counted), "{counted} is not in {metrics}");
        assert!(metrics.contains("fraudnet_degraded 0"), "trees are no lower tier where they are the model: {metrics}");
        server.kill().await;

        let server = Server::start(&folder, &settings).await;
        assert_eq!(server.client.stored("large").await.body, large.body);
        let again = server.client.score(&with(payment("large"), "amount_minor", LARGE_MINOR)).await;
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &large.body));
        let openapi = server.client.get("/openapi.json").await.json_of(200);
        assert_eq!(
            openapi["components"]["schemas"]["Tier"]["enum"],
            serde_json::json!(["hybrid", "trees_v2", "trees_v1", "rules", "custom", "default"])
        );
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_at_fault_are_refused_at_start() {
    let folder = Folder::new("trees-at-fault");
    let family = family(&folder, "trees-v2", FeatureSet::V2);
    let settings = settings(&folder, &family);
    let refusal = serve_fails(&folder, &settings.clone().set("inference.require_gpu", true)).await;
    assert!(refusal.contains("boosted trees, which run on the processor"), "{refusal}");
    let trees = family.join(VERSION).join(TREES_FILE);
    let mut bytes = std::fs::read(&trees).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&trees, bytes).unwrap();
    let refusal = serve_fails(&folder, &settings).await;
    assert!(refusal.contains("`trees.onnx` has sha256"), "{refusal}");
    std::fs::remove_file(&trees).unwrap();
    let refusal = serve_fails(&folder, &settings).await;
    assert!(refusal.contains("no file `trees.onnx`"), "{refusal}");
}
