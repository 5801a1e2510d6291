//! Exactly once, whatever dies; labels by rank; classes by age; bounds.

use super::*;
use crate::online::class::Class;
use crate::online::feed::{Batch, Item, Told};
use fraudnet_features::Tensor;
use fraudnet_features::schema::payment_features;
use fraudnet_graph::LabelSource;
use fraudnet_scoring::example::{self, ExampleHead};
use fraudnet_scoring::verdict::{Decision, Tier};

const DAY: i64 = crate::data::split::DAY_MS;
const RULES: Rules = Rules { maturity_ms: 10 * DAY, confident: 0.5 };

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fraudnet-trainer-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn open(folder: &Path, buffer: BufferConfig) -> Store {
    Store::open(folder, buffer, RULES, Cursor::Position(0)).unwrap()
}

fn told(id: &str, day: f64, decision: Decision) -> Told {
    example_of(id, day, |head| head.decision = decision)
}

/// An example of a payment made on that day, without a neighbourhood; kept with a probability of one half.
pub(crate) fn example_of(id: &str, day: f64, edit: impl FnOnce(&mut ExampleHead)) -> Told {
    let occurred_at_ms = (day * DAY as f64) as i64;
    let mut head = ExampleHead {
        tenant: "t".to_owned(),
        transaction_id: id.to_owned(),
        account: Some(format!("acc-{id}")),
        occurred_at_ms,
        position: 0,
        cut: None,
        decision: Decision::Approve,
        fraud_probability: 0.9,
        logit: None,
        model: "hybrid".to_owned(),
        model_version: "1".to_owned(),
        tier: Tier::Hybrid,
        inclusion_probability: 0.5,
        control_group: false,
        propensity: 1.0,
        subgraph_digest: String::new(),
    };
    edit(&mut head);
    let tensor = Tensor {
        hop_counts: [1, 0, 0, 0],
        nodes: vec![half::f16::ZERO; fraudnet_features::NODE_WIDTH],
        row_ends: vec![0],
        payment: vec![0.5; payment_features().len()],
        ..Tensor::default()
    };
    Told { at_ms: occurred_at_ms, item: Item::Example(example::encode(&head, &tensor)) }
}

pub(crate) fn label(id: &str, day: f64, fraud: bool, source: LabelSource) -> Told {
    Told {
        at_ms: (day * DAY as f64) as i64,
        item: Item::Label { tenant: "t".to_owned(), transaction_id: id.to_owned(), fraud, source },
    }
}

fn batch(told: Vec<Told>, next: u64) -> Batch {
    Batch { told, next: Cursor::Position(next), unreadable: 0 }
}

fn classes(store: &Store) -> Vec<(String, Class)> {
    let mut found = Vec::new();
    store.each(|key, kept, _| found.push((key.trim_start_matches("t\0").to_owned(), kept.class))).unwrap();
    found
}

#[test]
fn labels_and_age_decide_the_class_in_whatever_order_they_come() {
    let folder = folder("classes");
    let mut store = open(&folder, BufferConfig::default());
    store
        .ingest(&batch(
            vec![
                label("early", 0.5, true, LabelSource::Chargeback),
                told("early", 0.0, Decision::Approve),
                told("silent", 0.0, Decision::Approve),
                told("declined", 0.0, Decision::Decline),
                told("cleared", 0.0, Decision::Decline),
                label("cleared", 1.0, false, LabelSource::Analyst),
                label("cleared", 1.1, true, LabelSource::CustomerReport),
                label("nowhere", 1.1, true, LabelSource::CustomerReport),
            ],
            8,
        ))
        .unwrap();
    use Class::{HardNegative, Immature, Negative, Positive};
    let of = |pairs: &[(&str, Class)]| pairs.iter().map(|&(id, class)| (id.to_owned(), class)).collect::<Vec<_>>();
    assert_eq!(
        classes(&store),
        of(&[("cleared", HardNegative), ("declined", Immature), ("early", Positive), ("silent", Immature)])
    );
    assert_eq!((store.progress().seen.frauds, store.progress().seen.labels), (1, 4));

    // Ten days on silence counts, but not that of a payment that was declined.
    store.ingest(&batch(vec![told("late", 10.0, Decision::Approve)], 9)).unwrap();
    assert_eq!(
        classes(&store),
        of(&[("cleared", HardNegative), ("early", Positive), ("late", Immature), ("silent", Negative)])
    );
    assert_eq!(store.progress().seen.unobserved, 1);
    // The bank's word after all, and an analyst who takes the first one back.
    store
        .ingest(&batch(
            vec![
                label("silent", 11.0, true, LabelSource::Chargeback),
                label("early", 11.0, false, LabelSource::Analyst),
            ],
            10,
        ))
        .unwrap();
    assert_eq!(classes(&store)[1..], of(&[("early", Positive), ("late", Immature), ("silent", Positive)]));
    assert_eq!(store.progress().seen.frauds, 2, "an analyst does not outrank a chargeback");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_process_that_dies_loses_nothing_and_counts_nothing_twice() {
    // Items by position, read from the cursor on, three at a time; the store is dropped and opened again after every batch, and every
    // batch that was committed is offered once more from its own cursor, as by a feed that is asked from where the store says.
    let folder = folder("crashes");
    let items: Vec<Told> = (0..30)
        .flat_map(|id| {
            let name = format!("tx-{id}");
            let example = told(&name, f64::from(id) / 10.0, Decision::Approve);
            let fraud = (id % 3 == 0).then(|| label(&name, f64::from(id) / 10.0 + 1.0, true, LabelSource::Analyst));
            std::iter::once(example).chain(fraud)
        })
        .collect();
    let feed = |cursor: Cursor| {
        let Cursor::Position(from) = cursor else { panic!("positions") };
        let end = (from as usize + 3).min(items.len());
        batch(items[from as usize..end].to_vec(), end as u64)
    };
    loop {
        let mut store = open(&folder, BufferConfig::default());
        let next = feed(store.progress().cursor);
        if next.told.is_empty() {
            break;
        }
        // A write that is cut off before its commit leaves nothing.
        let transaction = store.database.begin_write().unwrap();
        transaction.open_table(LABELS).unwrap().insert("t\0tx-0", &b"garbage"[..]).unwrap();
        drop(transaction);
        store.ingest(&next).unwrap();
    }
    let store = open(&folder, BufferConfig::default());
    let seen = store.progress().seen;
    assert_eq!((seen.examples, seen.labels, seen.frauds, seen.repeated), (30, 10, 10, 0));
    assert_eq!(store.progress().cursor, Cursor::Position(items.len() as u64));
    drop(store);

    // The whole again from the start, as from a feed that repeats itself: examples are recognised, and no label changes anything.
    let mut store = open(&folder, BufferConfig::default());
    store.ingest(&batch(items.clone(), items.len() as u64)).unwrap();
    assert_eq!((store.progress().seen.frauds, store.progress().seen.repeated), (10, 30));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_full_class_keeps_its_strata_even_and_its_weights_whole() {
    let folder = folder("bounds");
    let buffer = BufferConfig { negatives: 40, positives: 5, stratum_days: 7, ..BufferConfig::default() };
    let mut store = open(&folder, buffer);
    let mut items: Vec<Told> =
        (0..300).map(|id| told(&format!("tx-{id}"), f64::from(id) / 10.0, Decision::Approve)).collect();
    items.extend((0..300).step_by(30).map(|id| label(&format!("tx-{id}"), 31.0, true, LabelSource::Chargeback)));
    items.push(told("now", 50.0, Decision::Approve));
    store.ingest(&batch(items, 400)).unwrap();
    let mut kept = Vec::new();
    store.each(|_, one, _| kept.push(one)).unwrap();
    let of = |class: Class| kept.iter().filter(|one| one.class == class).collect::<Vec<_>>();
    assert_eq!((of(Class::Negative).len(), of(Class::Positive).len(), of(Class::Immature).len()), (40, 5, 1));
    let weight = |class: Class| of(class).iter().map(|one| store.factor(one)).sum::<f64>();
    assert!((weight(Class::Negative) - 290.0).abs() < 1e-6, "{}", weight(Class::Negative));
    assert!((weight(Class::Positive) - 10.0).abs() < 1e-6, "{}", weight(Class::Positive));
    let strata: Vec<usize> = (0..5)
        .map(|week| of(Class::Negative).iter().filter(|one| one.occurred_ms.div_euclid(7 * DAY) == week).count())
        .collect();
    assert!(strata.iter().all(|&members| (7..=9).contains(&members)), "{strata:?}");
    assert_eq!(store.progress().seen.evicted, 255);
    // What was evicted has no bytes, what was kept has.
    let mut keys = Vec::new();
    store.each(|key, _, _| keys.push(key.to_owned())).unwrap();
    let bytes = store.bytes(&keys.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert!(bytes.iter().all(|bytes| example::decode(bytes.as_deref().unwrap()).is_ok()));
    assert_eq!(store.bytes(&["t\0nowhere"]).unwrap(), [None]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_cannot_be_read_is_counted_and_alarms_are_heard() {
    let folder = folder("unreadable");
    let mut store = open(&folder, BufferConfig::default());
    let drift = |change: &str, signal: &str| {
        format!(
            r#"{{"control_id":"c","at_ms":1,"actor":"drift","change":{{"kind":"drift","change":"{change}","signal":"{signal}","segment":"all"}}}}"#
        )
    };
    let other = r#"{"control_id":"c","at_ms":1,"actor":"a","change":{"kind":"model","change":"alias"}}"#;
    let control = |json: &str| Told { at_ms: 1, item: Item::Control(json.to_owned()) };
    let damaged = Told { at_ms: 1, item: Item::Example(b"FNEX and more".to_vec()) };
    let alarms = [drift("alarm", "ks"), drift("alarm", "auc"), drift("cleared", "ks")];
    let told = [control(other), damaged, control("{")].into_iter().chain(alarms.iter().map(|json| control(json)));
    store.ingest(&batch(told.collect(), 4)).unwrap();
    let progress = store.progress();
    assert_eq!((progress.seen.unreadable, progress.seen.control, progress.seen.alarms), (1, 5, 2));
    assert_eq!(progress.alarms.iter().collect::<Vec<_>>(), ["auc of all"], "one of them was cleared");
    drop(store);
    let other_feed =
        Store::open(&folder, BufferConfig::default(), RULES, Cursor::Offsets { examples: -2, labels: -2, events: -2 });
    assert_eq!(other_feed.unwrap().progress().cursor, Cursor::Position(4), "the feed refuses a cursor of another kind");
    std::fs::remove_dir_all(&folder).unwrap();
}
