//! Models made with other tools: a file of examples and an ONNX file become a version that loads and is held to golden vectors.

use fraudnet_features::{FeatureSet, State, Tensor};
use fraudnet_graph::{Body, LabelSource, Limits};
use fraudnet_models::artifact::{HALF_NETWORK_FILE, NETWORK_FILE, ROWS_FILE};
use fraudnet_models::onnx::{Tree, TreeEnsemble, TreeNode};
use fraudnet_models::{
    Artifact, ModelRef, ModelSession, Provider, RowsOutput, RuntimeConfig, Scorer, SecretKey, resolve_version,
};
use fraudnet_scoring::example::{Example, ExampleHead};
use fraudnet_scoring::simulate::{SimulationConfig, simulate};
use fraudnet_scoring::verdict::{Decision, Tier};
use fraudnet_training::example_file::write::ExampleWriter;
use fraudnet_training::example_file::{LabelledExample, StandingLabel};
use fraudnet_training::foreign::judged::{JudgeSettings, Judges};
use fraudnet_training::foreign::publish::{PublishRequest, publish};
use fraudnet_training::foreign::scored::Form;
use fraudnet_training::points::PointGoals;
use std::path::{Path, PathBuf};

const DAY_MS: i64 = 86_400_000;

/// A folder of its own for a test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("foreign-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("models")).unwrap();
        Folder(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn released() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/hybrid")
}

/// Examples of a simulated stream, every fourth legitimate payment and every fraud, labelled by the truth two days later.
fn rows() -> Vec<LabelledExample> {
    let config = SimulationConfig {
        days: 20,
        accounts: 200,
        payments_per_day: 200,
        fraud_share: 0.04,
        ..SimulationConfig::demo(1, 1_767_571_200_000)
    };
    let limits =
        Limits { max_entities: 100_000, max_edges: 400_000, max_transactions: 100_000, max_age_s: 90 * 86_400 };
    let (mut state, mut tensor, mut rows) = (State::new(limits), Tensor::default(), Vec::new());
    for (position, simulated) in (0..).zip(simulate(&config)) {
        state.observe(position, &simulated.event, &mut tensor);
        let Body::Payment(payment) = &simulated.event.body else { continue };
        let fraud = simulated.oracle.is_some_and(|oracle| oracle.fraud);
        if !fraud && position % 4 != 0 {
            continue;
        }
        let head = ExampleHead {
            tenant: simulated.event.tenant.clone(),
            transaction_id: payment.transaction_id.clone(),
            account: Some(payment.account.clone()),
            occurred_at_ms: simulated.event.occurred_at_ms,
            position,
            cut: None,
            decision: if fraud { Decision::Review } else { Decision::Approve },
            fraud_probability: if fraud { 0.4 } else { 0.01 },
            logit: None,
            model: "hybrid".to_owned(),
            model_version: "1".to_owned(),
            tier: Tier::Hybrid,
            inclusion_probability: if fraud { 1.0 } else { 0.25 },
            control_group: false,
            propensity: 1.0,
            subgraph_digest: "00".to_owned(),
        };
        let known_at_ms = head.occurred_at_ms + 2 * DAY_MS;
        let label = fraud.then_some(StandingLabel { fraud, source: LabelSource::Chargeback, known_at_ms });
        rows.push(LabelledExample { example: Example { head, tensor: tensor.clone() }, label });
    }
    rows
}

fn write(rows: &[LabelledExample], path: &Path) {
    let mut writer = ExampleWriter::create(path).unwrap();
    rows.iter().for_each(|row| writer.add(row.clone()).unwrap());
    writer.finish().unwrap();
}

/// Small trees over the first columns, as another tool may write them.
fn stumps(set: FeatureSet) -> Vec<u8> {
    let stump = |column: u32| Tree {
        nodes: vec![
            TreeNode::Split { column, threshold: 3.0 + column as f32 / 8.0, left: 1, right: 2, missing_left: true },
            TreeNode::Leaf { value: -0.3 },
            TreeNode::Leaf { value: 0.4 },
        ],
    };
    let columns = [0, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30];
    TreeEnsemble { columns: set.width(), bias: -2.0, trees: columns.map(stump).to_vec() }.to_onnx("elsewhere")
}

fn request(folder: &Folder, onnx: &str, form: Form, version: &str) -> PublishRequest {
    PublishRequest {
        onnx: folder.at(onnx),
        form,
        examples: folder.at("examples.parquet"),
        judge: JudgeSettings { share: 0.5, maturity_days: 2.0, neighbourhood: form == Form::Network },
        goals: PointGoals::default(),
        model: ModelRef::new("elsewhere", version).unwrap(),
        rules_from: released(),
        registry: folder.at("models"),
        key: None,
        runtime: RuntimeConfig {
            library: PathBuf::new(),
            providers: vec![Provider::Cpu],
            require_gpu: false,
            max_batch: 64,
            engine_cache: None,
        },
    }
}

const ROWS: Form = Form::Rows { features: FeatureSet::V2, output: RowsOutput::Logit };

#[test]
fn a_model_of_rows_is_judged_signed_and_published() {
    let folder = Folder::new("rows");
    write(&rows(), &folder.at("examples.parquet"));
    std::fs::write(folder.at("model.onnx"), stumps(FeatureSet::V2)).unwrap();
    let signed = PublishRequest {
        key: Some(SecretKey::from_seed("maker", [7; 32]).unwrap()),
        ..request(&folder, "model.onnx", ROWS, "1")
    };
    let (verified, figures) = publish(&signed).unwrap();
    assert_eq!(verified.model.to_string(), "elsewhere/1");
    let [own, served] = &figures.against_labels[..] else { panic!("{figures:?}") };
    assert_eq!((own.tier.as_str(), served.tier.as_str()), ("custom", "served"));
    assert!(served.average_precision > 0.999, "what was served knew the truth here: {}", served.average_precision);
    assert!((0.0..1.0).contains(&own.average_precision) && figures.frauds > 5, "{figures:?}");

    let version = folder.at("models/elsewhere/1");
    let artifact = Artifact::load(&version).unwrap();
    assert_eq!(artifact.manifest.scorer, Scorer::Rows { features: FeatureSet::V2, output: RowsOutput::Logit });
    assert_eq!(std::fs::read(version.join(ROWS_FILE)).unwrap(), stumps(FeatureSet::V2));
    let mut session = ModelSession::new(&artifact, &signed.runtime).unwrap();
    assert!(artifact.verify_golden(&mut session).unwrap().vectors >= 32);
    let rules = Artifact::load(&resolve_version(&released()).unwrap()).unwrap().manifest;
    assert_eq!((&artifact.manifest.rule_set, &artifact.manifest.rules), (&rules.rule_set, &rules.rules));
    let card = std::fs::read_to_string(version.join("README.md")).unwrap();
    assert!(card.contains(&format!("{:.4}", own.roc_auc)) && card.contains("other tools (fraudnet"), "{card}");

    let again = publish(&signed).unwrap_err();
    assert!(format!("{again:#}").contains("exist"), "{again:#}");
}

#[test]
fn a_network_of_the_documented_signature_is_published() {
    let folder = Folder::new("network");
    let rows = rows();
    write(&rows[rows.len() / 2..], &folder.at("examples.parquet"));
    let network = std::fs::read(resolve_version(&released()).unwrap().join(NETWORK_FILE)).unwrap();
    std::fs::write(folder.at("model.onnx"), &network).unwrap();
    let (verified, _) = publish(&request(&folder, "model.onnx", Form::Network, "1")).unwrap();
    let artifact = Artifact::load(&folder.at("models/elsewhere/1")).unwrap();
    assert_eq!((artifact.manifest.scorer, verified.model.name.as_str()), (Scorer::Network, "elsewhere"));
    assert_eq!(std::fs::read(folder.at("models/elsewhere/1").join(HALF_NETWORK_FILE)).unwrap(), network);
}

#[test]
fn what_cannot_be_judged_or_served_says_why_and_leaves_nothing() {
    let folder = Folder::new("refused");
    let rows = rows();
    write(&rows, &folder.at("examples.parquet"));
    std::fs::write(folder.at("v1.onnx"), stumps(FeatureSet::V1)).unwrap();
    std::fs::write(folder.at("model.onnx"), stumps(FeatureSet::V2)).unwrap();
    std::fs::write(folder.at("text.onnx"), b"not a model").unwrap();
    let refused = |request: &PublishRequest| format!("{:#}", publish(request).unwrap_err());
    let wide = refused(&request(&folder, "v1.onnx", ROWS, "1"));
    assert!(wide.contains("expected f32[batch, 227]") && wide.contains("121"), "{wide}");
    assert!(refused(&request(&folder, "text.onnx", ROWS, "1")).contains("not a readable onnx file"));
    let network = refused(&request(&folder, "model.onnx", Form::Network, "1"));
    assert!(network.contains("signature") || network.contains("domain"), "{network}");

    let honest: Vec<LabelledExample> = rows.iter().filter(|row| row.label.is_none()).cloned().collect();
    write(&honest, &folder.at("examples.parquet"));
    assert!(refused(&request(&folder, "model.onnx", ROWS, "1")).contains("hold 0 known frauds"));
    let young = JudgeSettings { share: 0.5, maturity_days: 400.0, neighbourhood: false };
    let error = refused(&PublishRequest { judge: young, ..request(&folder, "model.onnx", ROWS, "1") });
    assert!(error.contains("lower --maturity-days"), "{error}");
    assert_eq!(std::fs::read_dir(folder.at("models")).unwrap().count(), 0);
}

#[test]
fn the_declined_are_represented_by_the_control_group_where_there_is_one() {
    let folder = Folder::new("control");
    let mut rows = rows();
    let last = rows.len() - 1;
    for (at, row) in rows.iter_mut().enumerate() {
        row.example.head.decision =
            if row.label.is_some() || at == last { Decision::Decline } else { Decision::Approve };
    }
    let settings = JudgeSettings { share: 1.0, maturity_days: 0.0, neighbourhood: false };
    write(&rows, &folder.at("examples.parquet"));
    let judges = Judges::read(&folder.at("examples.parquet"), &settings).unwrap();
    assert!(!judges.control_group);
    assert_eq!(judges.payments.len(), last, "labelled declines count, the one nobody knows about does not");
    let payments: f64 = judges.payments.iter().map(|payment| payment.weight).sum();
    assert!((payments / 4_000.0 - 1.0).abs() < 0.1, "about all payments are stood for: {payments}");

    let frauds = rows.iter().filter(|row| row.label.is_some()).count();
    for (number, row) in rows.iter_mut().filter(|row| row.label.is_some()).enumerate() {
        let head = &mut row.example.head;
        (head.control_group, head.propensity) = (number % 2 == 0, 0.5);
    }
    write(&rows, &folder.at("examples.parquet"));
    let judges = Judges::read(&folder.at("examples.parquet"), &settings).unwrap();
    assert!(judges.control_group);
    let weight: f64 = judges.payments.iter().filter(|payment| payment.fraud).map(|payment| payment.weight).sum();
    assert!((weight - frauds as f64).abs() <= 2.0, "half of them stand for all {frauds}: {weight}");
    let (calibration, test) = judges.halves().unwrap();
    let count =
        |part: &[fraudnet_training::foreign::judged::Judged]| part.iter().filter(|payment| payment.fraud).count();
    assert!(count(calibration).abs_diff(count(test)) <= 1);
    assert!(calibration.last().unwrap().occurred_at_ms <= test[0].occurred_at_ms);
}
