//! The online trainer on a small simulated world: from examples and labels to a published version, and what a crash on the way changes.

use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body};
use fraudnet_models::{Artifact, ModelRef, ModelSession, Provider, Registry, RuntimeConfig, SecretKey, Trust};
use fraudnet_scoring::example::{self, ExampleHead};
use fraudnet_scoring::simulate::{SimulationConfig, simulate};
use fraudnet_scoring::verdict::{Decision, Tier};
use fraudnet_training::contender::Contender;
use fraudnet_training::data::examples::Shares;
use fraudnet_training::data::replay::LIMITS;
use fraudnet_training::data::source::Source;
use fraudnet_training::data::split::SplitSettings;
use fraudnet_training::fit::{FitRequest, fit};
use fraudnet_training::network::TrainConfig;
use fraudnet_training::online::config::{FineTuneSettings, LabelConfig, OnlineConfig, PartConfig, RetrainSettings};
use fraudnet_training::online::feed::{Batch, Cursor, Item, Told};
use fraudnet_training::online::gate::GateConfig;
use fraudnet_training::online::publish::OnlineFacts;
use fraudnet_training::online::service::{Audience, Nobody, Refusal};
use fraudnet_training::online::step::{Kind, Plan, Step};
use fraudnet_training::online::store::Store;
use fraudnet_training::online::trainer::{Outcome, Trainer};
use fraudnet_training::points::PointGoals;
use fraudnet_training::progress;
use fraudnet_training::trees::TreeConfig;
use std::fs;
use std::path::{Path, PathBuf};

const GOALS: PointGoals = PointGoals { decline_precision: 0.9, review_rate: 0.04, challenge_rate: 0.06 };

fn runtime() -> RuntimeConfig {
    RuntimeConfig {
        library: PathBuf::new(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: 8,
        engine_cache: None,
    }
}

fn world(seed: u64, days: u32) -> SimulationConfig {
    SimulationConfig {
        days,
        accounts: 300,
        payments_per_day: 250,
        fraud_share: 0.05,
        label_tail: true,
        ..SimulationConfig::demo(seed, 1_767_571_200_000)
    }
}

/// A folder of its own for a test, empty at the start.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A champion that has learnt little, in a registry of its own.
fn weak_champion(models: &Path) {
    let request = FitRequest {
        sources: vec![Source::Simulated(world(1, 24))],
        models: models.to_path_buf(),
        families: vec![Contender::Hybrid],
        version: "first".to_owned(),
        replace: false,
        parents: Vec::new(),
        seed: 3,
        split: SplitSettings { maturity_days: 1.0, stop_share: 0.5, ..SplitSettings::default() },
        shares: Shares { negative: 0.1, tabular: 0.2, stop: 0.2 },
        ablation_share: 0.2,
        train: TrainConfig { epochs: 1, batch: 32, ..TrainConfig::default() },
        trees: TreeConfig { rounds: 5, least_rows: 20, ..TreeConfig::default() },
        goals: GOALS,
        runtime: runtime(),
        threads: 2,
        replicates: 10,
        told: progress::Told::Quietly,
    };
    fit(&request).unwrap();
    fraudnet_models::name_champion(&models.join("hybrid"), "first").unwrap();
}

/// What a service that keeps every example would tell of a world, the payments of its first days left out.
fn stream(seed: u64) -> Vec<Told> {
    let mut state = State::new(LIMITS);
    let mut tensor = Tensor::default();
    let mut told = Vec::new();
    for (position, simulated) in simulate(&world(seed, 24)).enumerate() {
        let event = simulated.event;
        match &event.body {
            Body::Payment(payment) => {
                let observed = state.observe(position as u64, &event, &mut tensor);
                if !matches!(observed.applied, Applied::Payment { .. }) {
                    continue;
                }
                let head = ExampleHead {
                    tenant: event.tenant.clone(),
                    transaction_id: payment.transaction_id.clone(),
                    account: Some(payment.account.clone()),
                    occurred_at_ms: event.occurred_at_ms,
                    position: position as u64,
                    cut: None,
                    // Every tenth is declined, so that analysts clear some that were confident mistakes.
                    decision: if position % 10 == 0 { Decision::Decline } else { Decision::Approve },
                    fraud_probability: 0.5,
                    logit: None,
                    model: "hybrid".to_owned(),
                    model_version: "first".to_owned(),
                    tier: Tier::Hybrid,
                    inclusion_probability: 1.0,
                    control_group: false,
                    propensity: 1.0,
                    subgraph_digest: String::new(),
                };
                let item = Item::Example(example::encode(&head, &tensor));
                told.push(Told { at_ms: event.occurred_at_ms, item });
            }
            Body::Label(label) => {
                let item = Item::Label {
                    tenant: event.tenant.clone(),
                    transaction_id: label.transaction_id.clone(),
                    fraud: label.fraud,
                    source: label.source,
                };
                told.push(Told { at_ms: event.occurred_at_ms, item });
                state.apply(position as u64, &event);
            }
            Body::Outcome(_) => {}
        }
    }
    told
}

fn config(folder: &Path, models: &Path) -> OnlineConfig {
    OnlineConfig {
        registry: models.to_path_buf(),
        state: folder.join("trainer"),
        url: String::new(),
        seed: 5,
        labels: LabelConfig { maturity_days: 3.0, ..LabelConfig::default() },
        parts: PartConfig { window_days: 8.0, negatives: 700, least_frauds: 15, ..PartConfig::default() },
        fine_tune: FineTuneSettings {
            after: 30,
            negatives: 600,
            epochs: 2,
            learning_rate: 2e-3,
            anchor: 1.0,
            rounds: 60,
            ..FineTuneSettings::default()
        },
        retrain: RetrainSettings { at: "off".to_owned(), negatives: 600, epochs: 2, rounds: 40 },
        gate: GateConfig {
            // A world this small has few frauds of anything: what is held here is the way, not the bounds.
            gain: 0.0,
            margin: 100.0,
            mature_loss: 0.5,
            replicates: 100,
            calibration_error: 0.05,
            top_decile: 5.0,
            young_alerts: 10.0,
            forgotten: 0.5,
            recall_loss: 0.5,
            neighbourhood: 1.0,
            latency: 20.0,
            ..GateConfig::default()
        },
        goals: GOALS,
        ..OnlineConfig::default()
    }
}

fn trainer(config: &OnlineConfig, key: Option<SecretKey>) -> Trainer {
    let store = Store::open(&config.state, config.buffer, config.labels.rules(), Cursor::Position(0)).unwrap();
    Trainer::new(config.clone(), store, key, runtime()).unwrap()
}

fn feed(trainer: &mut Trainer, told: &[Told]) {
    for (number, part) in told.chunks(500).enumerate() {
        let next = Cursor::Position((number as u64 + 1) * 500);
        trainer.take(&Batch { told: part.to_vec(), next, unreadable: 0 }).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

/// Notes what it is told, and is away the first time.
struct Listener {
    told: Vec<ModelRef>,
    away: bool,
}

impl Audience for Listener {
    fn champion(&mut self) -> anyhow::Result<Option<ModelRef>> {
        Ok(Some("hybrid/first".parse()?))
    }

    fn challenge(&mut self, plan: &Plan, _: &str) -> Result<(), Refusal> {
        if std::mem::take(&mut self.away) {
            return Err(Refusal::Away("nobody there".to_owned()));
        }
        self.told.push(plan.version.clone());
        Ok(())
    }
}

#[test]
fn labels_lead_to_a_signed_challenger_whatever_is_cut_off_on_the_way() {
    let folder = folder("online");
    let models = folder.join("models");
    weak_champion(&models);
    let told = stream(2);
    let config = config(&folder, &models);
    let key = SecretKey::from_seed("trainer", [7; 32]).unwrap();
    let mut first = trainer(&config, Some(key.clone()));
    assert!(!first.has_work());
    feed(&mut first, &told);
    let seen = first.progress().seen;
    assert!(seen.frauds > 100 && seen.unreadable == 0 && seen.repeated == 0, "{seen:?}");
    assert!(first.has_work());

    // A copy of everything before the step, to do it once more from there.
    drop(first);
    let again = folder.join("again");
    copy(&config.state, &again.join("trainer"));
    copy(&models, &again.join("models"));

    let mut first = trainer(&config, Some(key.clone()));
    let mut listener = Listener { told: Vec::new(), away: true };
    let outcome = first.work(&mut listener).unwrap().unwrap();
    let Outcome::Published { plan, report: Some(report) } = &outcome else { panic!("{outcome:?}") };
    assert_eq!((plan.kind, plan.champion.to_string().as_str()), (Kind::FineTune, "hybrid/first"));
    assert!(report.passed && report.difference.value >= 0.0 && report.frauds > 10, "{report:?}");
    assert!(report.checks.iter().any(|check| check.name == "shuffled_labels"));
    let registry = Registry::open(&models).unwrap();
    let trust = Trust { keys: [("trainer".to_owned(), key.verifying_key())].into(), required: true };
    let verified = registry.verify_run(&plan.version, &trust, &runtime()).unwrap();
    assert_eq!(verified.author.as_deref(), Some("trainer"));
    let manifest = &verified.artifact.manifest;
    let facts: OnlineFacts = serde_json::from_value(manifest.data.clone()).unwrap();
    assert_eq!((&facts.plan, manifest.parent_version.as_deref()), (plan, Some("first")));
    assert!(facts.material.hard_negatives > 0 && facts.making.perturbed == facts.material.hard_negatives, "{facts:?}");
    assert!(manifest.metrics["against_labels"][0]["average_precision"]["value"].as_f64().unwrap() > 0.0);

    // Whoever is away is told later, also by another process; then nothing is left to do until labels come.
    assert!(first.work(&mut listener).is_err());
    drop(first);
    let mut second = trainer(&config, Some(key.clone()));
    assert!(matches!(second.work(&mut listener).unwrap(), Some(Outcome::Announced { .. })));
    assert_eq!(listener.told, std::slice::from_ref(&plan.version));
    assert_eq!((&second.progress().step, second.progress().new_frauds()), (&Step::Idle, 0));
    assert!(!second.has_work() && second.work(&mut listener).unwrap().is_none());
    drop(second);

    // The same from the copy: the same bytes. And where the store does not know yet that the registry has it: it is recognised.
    let copied = OnlineConfig { registry: again.join("models"), state: again.join("trainer"), ..config.clone() };
    copy(&copied.state, &again.join("cut-off"));
    let mut third = trainer(&copied, Some(key.clone()));
    third.work(&mut listener).unwrap().unwrap();
    let version = |models: &Path| models.join("hybrid").join(&plan.version.version);
    for file in ["manifest.json", "model.onnx", "golden.arrow", "manifest.sig"] {
        let (one, other) = (fs::read(version(&models).join(file)), fs::read(version(&copied.registry).join(file)));
        assert_eq!(one.unwrap(), other.unwrap(), "{file} is the same from the same store");
    }
    drop(third);
    let cut_off = OnlineConfig { state: again.join("cut-off"), ..copied };
    let mut fourth = trainer(&cut_off, Some(key));
    let outcome = fourth.work(&mut listener).unwrap().unwrap();
    assert!(matches!(&outcome, Outcome::Published { report: None, plan: found } if found == plan), "{outcome:?}");
}

#[test]
fn a_retrain_goes_by_its_schedule_and_too_few_labels_are_waited_for() {
    let folder = folder("online-retrain");
    let models = folder.join("models");
    weak_champion(&models);
    let told = stream(4);
    let mut config = config(&folder, &models);
    config.fine_tune.after = 0;
    config.retrain.at = "every 240h".to_owned();
    let mut trainer = trainer(&config, None);
    let mut nobody = Nobody(Registry::open(&models).unwrap());

    // The first labels only: no part has enough.
    let mut frauds = 0;
    let few = told.iter().position(|told| {
        frauds += usize::from(matches!(told.item, Item::Label { fraud: true, .. }));
        frauds == 12
    });
    let (early, late) = told.split_at(few.unwrap() + 1);
    feed(&mut trainer, early);
    config.retrain.at = "off".to_owned();
    while trainer.has_work() {
        let outcome = trainer.work(&mut nobody).unwrap().unwrap();
        let Outcome::Postponed { reason, .. } = &outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("more labels must come in"), "{reason}");
    }
    assert_eq!(trainer.progress().step, Step::Idle);

    feed(&mut trainer, late);
    let outcome = trainer.work(&mut nobody).unwrap().unwrap();
    let (Outcome::Published { plan, .. } | Outcome::Refused { plan, report: Some(_), .. }) = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(plan.kind, Kind::Retrain);
    assert!(plan.reason.contains("schedule") && plan.version.version.contains("full"), "{plan:?}");
    if let Outcome::Published { plan, .. } = &outcome {
        let artifact = Artifact::load(&Registry::open(&models).unwrap().folder(&plan.version)).unwrap();
        artifact.verify_golden(&mut ModelSession::new(&artifact, &runtime()).unwrap()).unwrap();
    }
}
