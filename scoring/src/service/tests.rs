//! The service from start to drain over a real log, a real graph and a tiny real network.

use super::*;
use crate::log::{EventLog, FILE_NAME, LogConfig, Record};
use crate::serving::{BreakerConfig, LadderConfig};
use crate::snapshot::{Location, SnapshotConfig};
use crate::testing::Folder;
use crate::verdict::{Decision, Tier, TierCause, Verdict};
use fraudnet_features::{EDGE_WIDTH, FeatureSet, NODE_WIDTH, Tensor, schema};
use fraudnet_graph::{Channel, Label, LabelSource, Limits, Payment, SCHEMA_VERSION};
use fraudnet_models::artifact::{CARD_FILE, GOLDEN_FILE, HALF_NETWORK_FILE, NETWORK_FILE, TREES_FILE};
use fraudnet_models::onnx::{NodeProto, TensorProto, Tree, TreeEnsemble, TreeNode, build};
use fraudnet_models::{
    ArtifactBuilder, Calibration, EMBEDDING_WIDTH, Golden, GoldenVector, MANIFEST_VERSION, Manifest, OperatingPoints,
    Provider, Rule, RuleSet, RuntimeConfig, Scorer, TierSettings, input,
};
use half::f16;
use prost::Message;
use std::path::Path;
use std::path::PathBuf;

impl Folder {
    /// One with a model in it.
    fn with_model(name: &str) -> Folder {
        let folder = Folder::new(name);
        write_network(&folder.0.join("model"));
        folder
    }

    fn config(&self) -> ServiceConfig {
        ServiceConfig {
            data_folder: self.0.join("data"),
            durability: Durability::Fsync,
            log_queue: 4096,
            engine_queue: 1024,
            inference_queue: 256,
            inference_workers: 1,
            max_batch: 8,
            batch_wait: Duration::ZERO,
            commit_reserve: Duration::from_millis(20),
            limits: Limits {
                max_entities: 10_000,
                max_edges: 50_000,
                max_transactions: 50_000,
                max_age_s: 90 * 86_400,
            },
            model_folder: self.0.join("model"),
            model_registry: None,
            ladder: LadderConfig {
                breaker: BreakerConfig { failures: 5, open: Duration::from_secs(5) },
                timeout: Duration::from_millis(50),
                reserve: Duration::from_millis(10),
                default_decision: None,
            },
            runtime: RuntimeConfig {
                library: PathBuf::new(),
                providers: vec![Provider::Cpu],
                require_gpu: false,
                max_batch: 8,
                engine_cache: None,
            },
            lose_unsynced_writes: false,
            cluster: None,
            snapshot: SnapshotConfig { location: Location::Off, every_events: 1_000, keep: 1 },
            control: crate::control::ControlConfig::default(),
            example_share: 0.0,
            audit: None,
            drift: crate::config::RawConfig::default().check().unwrap().service.drift,
            experiments: crate::config::RawConfig::default().check().unwrap().service.experiments,
            cases: crate::cases::CaseSettings::default(),
            evidence: 100,
            privacy: None,
        }
    }
}

/// A network whose logit is one payment feature (the amount) less four, so that a test can ask for a decision.
fn write_network(folder: &Path) {
    let width = schema::payment_features().len();
    let mut weights = vec![0.0; width];
    weights[schema::payment_feature_index("amount").unwrap()] = 1.0;
    let model = build::model(
        "amount",
        vec![
            NodeProto::new("ReduceMean", &[input::NODE_FEATURES], &["pooled"])
                .with_ints("axes", &[1])
                .with_int("keepdims", 0),
            NodeProto::new("Tanh", &["pooled"], &[input::EMBEDDING]),
            NodeProto::new("MatMul", &[input::TRANSACTION_FEATURES, "weights"], &["column"]),
            NodeProto::new("Squeeze", &["column", "axis_one"], &["amount"]),
            NodeProto::new("Add", &["amount", "bias"], &[input::FRAUD_LOGIT]),
            NodeProto::new("Gather", &[input::NEIGHBOUR_MASK, "centre"], &["centre_mask"]).with_int("axis", 1),
            NodeProto::new("Softmax", &["centre_mask"], &[input::ATTENTION]).with_int("axis", -1),
        ],
        vec![
            TensorProto::floats("weights", &[width, 1], &weights),
            TensorProto::floats("bias", &[], &[-4.0]),
            TensorProto::integers("axis_one", &[1], &[1]),
            TensorProto::integers("centre", &[], &[0]),
        ],
    )
    .encode_to_vec();
    write_artifact(folder, Scorer::Network, -4.0, &[(NETWORK_FILE, &model), (HALF_NETWORK_FILE, &model)]);
}

/// Trees that split on the amount at 13, between what the tests call small and large.
fn write_trees(folder: &Path) {
    let column = schema::payment_feature_index("amount").unwrap() as u32;
    let nodes = vec![
        TreeNode::Split { column, threshold: 13.0, left: 1, right: 2, missing_left: true },
        TreeNode::Leaf { value: -4.0 },
        TreeNode::Leaf { value: 4.0 },
    ];
    let set = FeatureSet::V2;
    let ensemble = TreeEnsemble { columns: set.width(), bias: 0.0, trees: vec![Tree { nodes }] };
    write_artifact(folder, Scorer::Trees { features: set }, -4.0, &[(TREES_FILE, &ensemble.to_onnx("amount"))]);
}

/// An artifact of these model files, whose answer to a payment of nothing is that logit.
fn write_artifact(folder: &Path, scorer: Scorer, logit: f32, files: &[(&str, &[u8])]) {
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
        weight: 6.0,
    };
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        name: "amount".to_owned(),
        version: "1".to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 1,
        data: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
        scorer,
        settings: tier(),
        rules: tier(),
        rule_set: RuleSet { bias: -3.0, rules: vec![rule] },
        files: Default::default(),
    };
    let tensor = Tensor {
        hop_counts: [1, 1, 0, 0],
        nodes: vec![f16::ZERO; 2 * NODE_WIDTH],
        row_ends: vec![1, 1],
        neighbours: vec![1],
        edges: vec![f16::ZERO; EDGE_WIDTH],
        payment: vec![0.0; schema::payment_features().len()],
    };
    let golden = Golden { vectors: vec![GoldenVector { tensor, logit, embedding: vec![0.0; EMBEDDING_WIDTH] }] };
    let builder = ArtifactBuilder::new(manifest)
        .file(GOLDEN_FILE, golden.to_bytes().unwrap())
        .file(CARD_FILE, b"# A test's model\n".to_vec());
    files.iter().fold(builder, |builder, (name, bytes)| builder.file(*name, bytes.to_vec())).write(folder).unwrap();
}

fn event(at_s: i64, body: Body) -> Event {
    Event {
        event_id: format!("event-{at_s}"),
        tenant: "t".to_owned(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: at_s * 1000,
        ingested_at_ms: at_s * 1000,
        source: "test".to_owned(),
        actor: String::new(),
        body,
    }
}

const DAY_ONE_S: i64 = 1_760_000_000;

/// Payment number `number`: every third account shares a device with the others of its kind.
fn payment(number: u64, amount_minor: u64) -> Event {
    let payment = Payment {
        transaction_id: format!("txn-{number}"),
        account: format!("account-{}", number % 7),
        device: Some(format!("device-{}", number % 3)),
        ip: Some(format!("10.0.0.{}", number % 5)),
        merchant: Some(format!("merchant-{}", number % 4)),
        counterparty: None,
        amount_minor,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: Some(5411),
        account_country: Some(*b"DE"),
        ip_country: Some(*b"DE"),
        merchant_country: Some(*b"DE"),
    };
    event(DAY_ONE_S + 60 * number as i64, Body::Payment(payment))
}

fn submission(number: u64, amount_minor: u64) -> Submission {
    let mut body_hash = [0; 32];
    body_hash[..8].copy_from_slice(&number.to_le_bytes());
    body_hash[8..16].copy_from_slice(&amount_minor.to_le_bytes());
    Submission {
        event: payment(number, amount_minor),
        body_hash,
        deadline: clock::monotonic() + Duration::from_secs(30),
    }
}

async fn ready(config: ServiceConfig) -> Service {
    let service = Service::start(config).unwrap();
    while !service.readiness().ready {
        assert!(!service.readiness().state.starts_with("failed"), "{}", service.readiness().state);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    service
}

async fn drain(service: Service) {
    service.drain(Duration::from_secs(20)).await.unwrap();
}

fn verdict(answer: &Answer) -> Verdict {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_scored_once_and_answered_alike_for_ever() {
    let folder = Folder::with_model("once");
    let service = ready(folder.config()).await;
    let first = service.score(submission(1, 1_000)).await.unwrap();
    let made = verdict(&first);
    assert!(!first.repeated);
    assert_eq!((made.tier, made.tier_cause, made.as_of.position), (Tier::Hybrid, None, 0));
    assert_eq!(made.transaction_id, "txn-1");
    assert_eq!(made.subgraph.hops[..2], [1, 3], "the account; its device, IP and merchant");
    assert_eq!(made.subgraph_digest.len(), 32);
    let declined = verdict(&service.score(submission(2, 100_000_000)).await.unwrap());
    assert_eq!(declined.decision, Decision::Decline);
    assert_eq!(declined.reason_codes[..2], ["NETWORK_SCORE", "AMOUNT_LARGE"]);

    let again = service.score(submission(1, 1_000)).await.unwrap();
    assert_eq!((again.repeated, &again.body), (true, &first.body));
    assert_eq!(service.score(submission(1, 1_001)).await, Err(ServiceError::ConflictingBody));
    assert_eq!(service.verdict("t", "txn-1").await.unwrap(), Some(first.body.clone()));
    assert_eq!(service.verdict("other", "txn-1").await.unwrap(), None);

    let label = |id: &str| {
        event(
            DAY_ONE_S + 90_000,
            Body::Label(Label { transaction_id: id.to_owned(), fraud: true, source: LabelSource::Chargeback }),
        )
    };
    let deadline = clock::monotonic() + Duration::from_secs(30);
    let known = service.label(label("txn-1"), deadline).await.unwrap();
    assert!(known.transaction_known);
    // Two payments, two verdicts, and the examples of what was not simply approved, which nobody waited for.
    assert!((4..=6).contains(&known.position), "{}", known.position);
    let unknown = service.label(label("txn-unknown"), deadline).await.unwrap();
    assert!(!unknown.transaction_known);
    let neighbourhood = service.neighbourhood("t", Kind::Account, "account-1").await.unwrap().unwrap();
    assert!(neighbourhood.position > unknown.position, "all that is durable is in it");
    assert_eq!(neighbourhood.identifiers[0], "account-1");
    assert!(neighbourhood.identifiers.iter().any(|identifier| identifier == "device-1"));
    assert!(service.neighbourhood("t", Kind::Account, "nobody").await.unwrap().is_none());
    let reported = verdict(&service.score(submission(8, 1_000)).await.unwrap());
    assert!(reported.reason_codes.iter().any(|code| code == "ACCOUNT_REPORTED"), "{:?}", reported.reason_codes);

    drain(service.clone()).await;
    assert!(matches!(
        service.score(submission(3, 1_000)).await,
        Err(ServiceError::NotReady { state: "shutting down", .. })
    ));
    drop(service);
    let service = ready(folder.config()).await;
    let after = service.score(submission(1, 1_000)).await.unwrap();
    assert_eq!((after.repeated, &after.body), (true, &first.body));
    drain(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_alone_are_served_without_a_network() {
    let folder = Folder::with_model("trees");
    let model_folder = folder.0.join("trees");
    write_trees(&model_folder);
    let config = || ServiceConfig { model_folder: model_folder.clone(), ..folder.config() };
    let service = ready(config()).await;
    let small = verdict(&service.score(submission(1, 100)).await.unwrap());
    assert_eq!((small.tier, small.tier_cause, small.decision), (Tier::TreesV2, None, Decision::Approve));
    let large = service.score(submission(2, 100_000_000)).await.unwrap();
    let declined = verdict(&large);
    assert_eq!((declined.tier, declined.decision), (Tier::TreesV2, Decision::Decline));
    assert_eq!(declined.reason_codes[..2], ["TREES_SCORE", "AMOUNT_LARGE"]);
    assert_eq!(declined.subgraph.hops[..2], [1, 3], "the neighbourhood is sampled all the same");
    drain(service).await;

    let service = ready(config()).await;
    let again = service.score(submission(2, 100_000_000)).await.unwrap();
    assert_eq!((again.repeated, &again.body), (true, &large.body));
    drain(service).await;
    let gpu = RuntimeConfig { require_gpu: true, ..folder.config().runtime };
    let refusal = Service::start(ServiceConfig { runtime: gpu, ..config() }).err().unwrap().to_string();
    assert!(refusal.contains("boosted trees, which run on the processor"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_duplicates_share_one_verdict() {
    let folder = Folder::with_model("duplicates");
    let service = ready(folder.config()).await;
    let mut requests = tokio::task::JoinSet::new();
    for copy in 0..200_u64 {
        let service = service.clone();
        requests.spawn(async move { (copy % 10, service.score(submission(copy % 10, 500)).await.unwrap()) });
    }
    let answers = requests.join_all().await;
    for number in 0..10 {
        let mine: Vec<&Answer> = answers.iter().filter(|(of, _)| *of == number).map(|(_, answer)| answer).collect();
        assert_eq!(mine.len(), 20);
        assert!(mine.iter().all(|answer| answer.body == mine[0].body));
        assert_eq!(mine.iter().filter(|answer| !answer.repeated).count(), 1);
    }
    let log = service.inner.desk.log.clone();
    let entries = log.read_from(0, 100).unwrap();
    assert_eq!(entries.len(), 20, "ten payments and their verdicts");
    drain(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_has_passed_leaves_a_verdict_of_the_rules_to_be_found_later() {
    let folder = Folder::with_model("deadline");
    let service = ready(folder.config()).await;
    let late = Submission { deadline: clock::monotonic(), ..submission(1, 100_000_000) };
    // On a busy machine the verdict can be durable by the time this task looks: then it is told, late as it is.
    if let Err(refused) = service.score(late).await {
        assert_eq!(refused, ServiceError::NotDurableInTime);
    }
    let found = service.score(submission(1, 100_000_000)).await.unwrap();
    let made = verdict(&found);
    assert_eq!((made.tier, made.tier_cause), (Tier::Rules, Some(TierCause::Deadline)));
    assert_eq!((made.decision, &made.reason_codes[0][..]), (Decision::Decline, "AMOUNT_LARGE"));
    assert!(found.repeated);
    drain(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configured_default_answers_where_nothing_is_known_in_time() {
    let folder = Folder::with_model("default");
    let mut config = folder.config();
    config.ladder.default_decision = Some(Decision::Review);
    let service = ready(config).await;
    let mut by_default = None;
    // The engine may be quicker than a caller in the greatest hurry; not every time.
    for number in 0..200 {
        let hurried = Submission { deadline: clock::monotonic(), ..submission(number, 100_000_000) };
        let _ = service.score(hurried).await;
        let made = verdict(&service.score(submission(number, 100_000_000)).await.unwrap());
        assert_eq!(made.tier_cause, Some(TierCause::Deadline), "{made:?}");
        if made.tier == Tier::Default {
            by_default = Some(made);
            break;
        }
        assert_eq!(made.tier, Tier::Rules);
    }
    let made = by_default.expect("one of two hundred that was too late for the engine");
    assert_eq!((made.decision, &made.reason_codes[..]), (Decision::Review, &["DEFAULT_DECISION".to_owned()][..]));
    assert_eq!((made.subgraph.hops, &made.subgraph_digest[..], made.fraud_probability), ([0; 4], "", 0.0));
    // The graph learnt of the payment all the same, and who is not in a hurry gets the model's answer.
    let next = verdict(&service.score(submission(1_000, 500)).await.unwrap());
    assert_eq!((next.tier, next.tier_cause), (Tier::Hybrid, None));
    drain(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_changes_nothing() {
    let folder = Folder::with_model("hang-up");
    let service = ready(folder.config()).await;
    {
        let mut request = Box::pin(service.score(submission(1, 500)));
        assert!(poll_once(request.as_mut()).await.is_none(), "answered before anything could be durable");
    }
    let found = service.score(submission(1, 500)).await.unwrap();
    assert!(found.repeated);
    assert_eq!(verdict(&found).as_of.position, 0);
    drain(service).await;
}

async fn poll_once<F: Future>(mut request: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match request.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_answered_verdicts_stand_and_begun_payments_get_theirs() {
    let folder = Folder::with_model("crash");
    let service = ready(folder.config()).await;
    let mut answered = Vec::new();
    for number in 0..20 {
        answered.push((number, service.score(submission(number, 700 + number)).await.unwrap().body));
    }
    let next = verdict(&service.score(submission(20, 900)).await.unwrap());
    // The crash: the file as it is while the service runs, and a payment whose verdict was not made.
    let crashed = Folder::with_model("crashed");
    let data = crashed.config().data_folder;
    std::fs::create_dir_all(&data).unwrap();
    std::fs::copy(folder.config().data_folder.join(FILE_NAME), data.join(FILE_NAME)).unwrap();
    drain(service).await;
    let log_config = LogConfig { folder: data, durability: Durability::Fsync, queue: 8, lose_unsynced_writes: false };
    let (log, writer) = EventLog::open(&log_config).unwrap();
    let Submission { event, body_hash, .. } = submission(21, 900);
    let key = TransactionKey::new("t", "txn-21");
    let begun_at = log.append_payment(&key, body_hash, &wire::encode_event(&event), |_| true).unwrap();
    log.close();
    writer.join().unwrap();
    log.release_file();

    let service = ready(crashed.config()).await;
    for (number, body) in &answered {
        let again = service.score(submission(*number, 700 + number)).await.unwrap();
        assert_eq!((again.repeated, &again.body), (true, body));
    }
    let begun = service.score(submission(21, 900)).await.unwrap();
    assert!(begun.repeated, "its verdict was made at start");
    let begun = verdict(&begun);
    assert_eq!((begun.tier, begun.as_of.position), (Tier::Hybrid, begun_at));
    let log = service.inner.desk.log.clone();
    let after = log.read_from(begun_at + 1, 10).unwrap();
    let made = after
        .iter()
        .filter(|entry| matches!(entry.record().unwrap(), Record::Verdict { payment, .. } if payment == begun_at));
    assert_eq!(made.count(), 1, "its verdict, once");
    drain(service).await;
    drop(log);

    // A service that never crashed sees the same subgraph for the same payment.
    let service = ready(folder.config()).await;
    let same = verdict(&service.score(submission(21, 900)).await.unwrap());
    assert_eq!(
        (same.as_of.time, same.subgraph_digest, same.fraud_probability),
        (begun.as_of.time, begun.subgraph_digest, begun.fraud_probability)
    );
    assert!(next.as_of.position < begun_at);
    drain(service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_dropped_without_a_drain_lets_go_of_its_folder() {
    let folder = Folder::with_model("dropped");
    let service = ready(folder.config()).await;
    service.score(submission(1, 500)).await.unwrap();
    let second = Service::start(folder.config()).err().unwrap().to_string();
    assert!(second.contains("in use"), "{second}");
    drop(service);
    let mut opened = Service::start(folder.config());
    for _ in 0..500 {
        if opened.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        opened = Service::start(folder.config());
    }
    drain(opened.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_applied_and_never_decided() {
    let folder = Folder::with_model("history");
    let service = ready(folder.config()).await;
    service.score(submission(3, 500)).await.unwrap();
    let history = || {
        let repeat = std::iter::once(payment(3, 500)).chain((10..40).map(|number| payment(number, 900)));
        let label = Label { transaction_id: "txn-16".to_owned(), fraud: true, source: LabelSource::Chargeback };
        repeat.chain([payment(12, 900), event(DAY_ONE_S + 4_000, Body::Label(label))])
    };
    let loading = service.clone();
    let (report, told) = tokio::task::spawn_blocking(move || {
        let mut told = 0;
        (loading.backfill(history(), |durable| told = durable), told)
    })
    .await
    .unwrap();
    let report = report.unwrap();
    assert_eq!((report.payments, report.others, report.duplicates, told), (30, 1, 2, 31));

    assert_eq!(service.score(submission(16, 900)).await, Err(ServiceError::KnownFromHistory));
    assert_eq!(service.verdict("t", "txn-16").await.unwrap(), None);
    let next = verdict(&service.score(submission(50, 900)).await.unwrap());
    assert_eq!(next.as_of.position, 33, "after a payment with its verdict, thirty payments and a label");
    // Payment 51 is of the account (51 = 16 modulo 7) whose payment was reported: the history counts as if it had been scored.
    let neighbour = verdict(&service.score(submission(51, 900)).await.unwrap());
    assert!(neighbour.reason_codes.iter().any(|code| code == "ACCOUNT_REPORTED"), "{:?}", neighbour.reason_codes);
    drain(service).await;

    // The same history, loaded into the log of a service that does not run, gives the same graph.
    let stopped = Folder::with_model("history-stopped");
    let service = ready(stopped.config()).await;
    service.score(submission(3, 500)).await.unwrap();
    drain(service).await;
    let again = load_history(&stopped.config(), history(), |_| ()).unwrap();
    assert_eq!((again.payments, again.others, again.duplicates), (30, 1, 2));
    let repeated = load_history(&stopped.config(), history(), |_| ()).unwrap();
    assert_eq!((repeated.payments, repeated.others, repeated.duplicates), (0, 1, 32));
    for config in [stopped.config(), folder.config()] {
        let service = ready(config).await;
        assert_eq!(service.score(submission(16, 900)).await, Err(ServiceError::KnownFromHistory));
        let first = verdict(&service.score(submission(58, 900)).await.unwrap());
        assert!(first.reason_codes.iter().any(|code| code == "ACCOUNT_REPORTED"), "{:?}", first.reason_codes);
        drain(service).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_traffic_is_taken_while_history_is_loaded() {
    let folder = Folder::with_model("history-gate");
    let service = ready(folder.config()).await;
    let (begun, begin) = std::sync::mpsc::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let loading = service.clone();
    let load = tokio::task::spawn_blocking(move || {
        let events = (1..3).map(|number| {
            // Nobody hears of the second.
            let _ = begun.send(());
            wait.recv().unwrap();
            payment(number, 100)
        });
        loading.backfill(events, |_| ())
    });
    tokio::task::spawn_blocking(move || begin.recv().unwrap()).await.unwrap();
    assert_eq!(service.readiness().state, "loading history");
    let refused = service.score(submission(9, 100)).await;
    assert!(matches!(refused, Err(ServiceError::NotReady { state: "loading history", .. })), "{refused:?}");
    assert!(matches!(service.backfill([], |_| ()), Err(ServiceError::NotReady { .. })), "one at a time");
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(load.await.unwrap().unwrap().payments, 2);
    assert!(service.readiness().ready);
    service.score(submission(9, 100)).await.unwrap();
    drain(service).await;
}
