use super::layout::{Header, blank_seal, check_seal, set_seal};
use super::store::Source;
use super::writer::write_file;
use super::*;
use crate::log::{EventLog, LogConfig};
use crate::service::Durability;
use crate::testing::Folder;
use crate::wire;
use fraudnet_features::{Column, ColumnReader, ColumnWriter, State, Tensor};
use fraudnet_graph::{Body, Channel, Event, Label, LabelSource, Limits, Payment, SCHEMA_VERSION};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const LIMITS: Limits = Limits { max_entities: 300, max_edges: 900, max_transactions: 700, max_age_s: 86_400 };
const JOURNAL: [u8; 8] = *b"journal1";
static GO: AtomicBool = AtomicBool::new(false);

impl Folder {
    fn location(&self) -> Location {
        Location::Folder { path: self.0.join("snapshots"), beside_log: false }
    }

    fn store(&self) -> SnapshotStore {
        SnapshotStore::open(&self.location()).unwrap().unwrap()
    }

    fn path(&self, name: &SnapshotName) -> PathBuf {
        self.0.join("snapshots").join(name.to_string())
    }
}

/// Payments among few accounts, devices and merchants, so that entities are shared, evicted and come back; every ninth event is a label.
fn events(count: u64) -> Vec<Event> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut now_ms = 1_700_000_000_000;
    (0..count)
        .map(|number| {
            now_ms += random.random_range(0..200_000);
            let mut pick = |kind: &str, among: u32| format!("{kind}-{}", random.random_range(0..among));
            let body = if number % 9 == 8 {
                let transaction_id = pick("payment", number as u32);
                let (fraud, source) = (number % 2 == 0, LabelSource::Chargeback);
                Body::Label(Label { transaction_id, fraud, source })
            } else {
                Body::Payment(Payment {
                    transaction_id: format!("payment-{number}"),
                    account: pick("account", 150),
                    device: Some(pick("device", 120)),
                    ip: Some(pick("ip", 200)),
                    merchant: Some(pick("merchant", 40)),
                    counterparty: None,
                    amount_minor: 100 + number * 37 % 10_000,
                    currency: *b"EUR",
                    channel: Channel::Ecommerce,
                    merchant_category: Some(5_411),
                    account_country: Some(*b"DE"),
                    ip_country: None,
                    merchant_country: None,
                })
            };
            Event {
                event_id: format!("event-{number}"),
                tenant: "t".to_owned(),
                schema_version: SCHEMA_VERSION,
                occurred_at_ms: now_ms,
                ingested_at_ms: now_ms,
                source: "test".to_owned(),
                actor: String::new(),
                body,
            }
        })
        .collect()
}

fn folded(events: &[Event]) -> State {
    let mut state = State::new(LIMITS);
    for (position, event) in events.iter().enumerate() {
        state.apply(position as u64, event);
    }
    state
}

fn mark(position: u64) -> Mark {
    Mark {
        journal: JOURNAL,
        position,
        offsets: vec![("labels".to_owned(), 3)],
        taken_at_ms: 1_764_000_000_000 + position as i64,
    }
}

fn name(position: u64) -> SnapshotName {
    let Mark { journal, position, taken_at_ms, .. } = mark(position);
    SnapshotName { position, taken_at_ms, journal }
}

/// A file of a few columns of every type, quick to read a thousand times.
fn write_small(store: &SnapshotStore, position: u64, format: u32) -> SnapshotName {
    let header = Header { format, ..Header::of(&State::new(LIMITS), LIMITS, &mark(position)) };
    let written = write_file(store, &name(position), &header, &GO, |sheet| {
        columns().into_iter().try_for_each(|(name, column)| sheet.column(name, column))
    });
    assert_eq!(written.unwrap().1, 5);
    name(position)
}

fn columns() -> Vec<(&'static str, Column)> {
    vec![
        ("graph.texts", Column::U8(b"alice, bob".to_vec())),
        ("graph.codes", Column::U16(vec![1, 2, u16::MAX])),
        ("graph.times", Column::U32((0..700).collect())),
        ("graph.keys", Column::U64(vec![])),
        ("graph.sums", Column::F32(vec![0.0, -0.0, f32::NAN, 1.5])),
    ]
}

fn read_small(store: &SnapshotStore, name: &SnapshotName) -> Result<Vec<Column>, SnapshotError> {
    Snapshot::open(store, name)?
        .read_columns(&GO, |reader| columns().iter().map(|(name, _)| reader.column(name)).collect())
}

#[test]
fn columns_come_back_bit_for_bit() {
    let folder = Folder::new("columns");
    let store = folder.store();
    let name = write_small(&store, 7, FORMAT);
    let bits = |column: &Column| match column {
        Column::F32(values) => values.iter().map(|value| value.to_bits()).collect(),
        _ => Vec::new(),
    };
    let read = read_small(&store, &name).unwrap();
    for (read, (_, written)) in read.iter().zip(&columns()) {
        assert_eq!(bits(read), bits(written));
        assert!(matches!(read, Column::F32(_)) || read == written, "{read:?}");
    }
    let snapshot = Snapshot::open(&store, &name).unwrap();
    assert_eq!(snapshot.header().offsets.get("labels"), Some(&3));
    assert_eq!(snapshot.header().limits(), LIMITS);
    assert_eq!(snapshot.columns()[2].values, 700);
    assert_eq!(store.list().unwrap(), [Listed { name, bytes: snapshot.bytes() }]);
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let folder = Folder::new("flips");
    let store = folder.store();
    let state = folded(&events(60));
    let name = write(&store, 1, &state, LIMITS, &mark(60)).unwrap().name;
    let sound = std::fs::read(folder.path(&name)).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(folder.path(&name)).unwrap();
    let set = |byte: usize, value: u8| file.write_all_at(&[value], byte as u64).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1_000);
    for number in 0..1_000 {
        // Half of them in the tail, which is small beside the columns.
        let first = if number % 2 == 0 { 0 } else { sound.len() * 7 / 8 };
        let (byte, bit) = (random.random_range(first..sound.len()), random.random_range(0..8));
        set(byte, sound[byte] ^ 1 << bit);
        match Snapshot::open(&store, &name).and_then(|snapshot| snapshot.restore(LIMITS)) {
            Err(SnapshotError::Damaged { file, .. }) => assert_eq!(file, name.to_string()),
            Err(other) => panic!("bit {bit} of byte {byte}: {other}"),
            Ok(_) => panic!("bit {bit} of byte {byte} went unseen"),
        }
        set(byte, sound[byte]);
    }
    let restored = Snapshot::open(&store, &name).unwrap().verify().unwrap();
    assert_eq!(restored.state_hash(), state.state_hash());
}

#[test]
fn a_file_of_another_length_is_damaged() {
    let folder = Folder::new("lengths");
    let store = folder.store();
    let name = write_small(&store, 7, FORMAT);
    let sound = std::fs::read(folder.path(&name)).unwrap();
    let mut lengths: Vec<usize> = (0..64).chain(sound.len() - 64..sound.len()).collect();
    lengths.extend((64..sound.len()).step_by(97));
    for length in lengths {
        std::fs::write(folder.path(&name), &sound[..length]).unwrap();
        assert!(matches!(read_small(&store, &name), Err(SnapshotError::Damaged { .. })), "cut at {length}");
    }
    let (first, last) = sound.split_at(sound.len() / 2);
    for longer in [[&sound[..], b"\0"].concat(), [b"\0", &sound[..]].concat(), [first, b"12345678", last].concat()] {
        std::fs::write(folder.path(&name), longer).unwrap();
        assert!(matches!(read_small(&store, &name), Err(SnapshotError::Damaged { .. })));
    }
    let other = SnapshotName { position: 8, ..name };
    std::fs::write(folder.path(&other), &sound).unwrap();
    assert!(Snapshot::open(&store, &other).unwrap_err().to_string().contains("renamed"));
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let folder = Folder::new("newer");
    let store = folder.store();
    let name = write_small(&store, 7, FORMAT + 1);
    let refused = Snapshot::open(&store, &name).unwrap_err();
    assert!(matches!(refused, SnapshotError::Newer { format, .. } if format == FORMAT + 1));
    assert!(
        refused.to_string().contains("has format 2, this build reads formats up to 1; start the newer build"),
        "{refused}"
    );
    assert!(newest_good(&store, JOURNAL, u64::MAX, LIMITS).is_none());
}

#[test]
fn a_seal_is_found_once_or_not_at_all() {
    let mut tail = [b"footer", blank_seal().as_bytes(), b"end"].concat();
    assert!(check_seal(&tail).is_err());
    set_seal(&mut tail);
    assert_eq!(check_seal(&tail), Ok(()));
    assert!(check_seal(&[&tail[..], blank_seal().as_bytes()].concat()).is_err());
    assert!(check_seal(&tail[..40]).is_err());
}

#[test]
fn a_state_comes_back_and_goes_on_alike() {
    let folder = Folder::new("alike");
    let store = folder.store();
    let events = events(1_500);
    let state = folded(&events[..1_000]);
    let written = write(&store, 3, &state, LIMITS, &mark(1_000)).unwrap();
    assert_eq!(written.bytes, std::fs::metadata(folder.path(&written.name)).unwrap().len());
    let verified = Snapshot::open(&store, &written.name).unwrap().verify().unwrap();
    assert_eq!(verified.state_hash(), state.state_hash());

    let (mut restored, read) = newest_good(&store, JOURNAL, 1_000, LIMITS).unwrap();
    assert_eq!(read, mark(1_000));
    let mut state = state;
    let (mut one, mut other) = (Tensor::default(), Tensor::default());
    for (position, event) in events.iter().enumerate().skip(1_000) {
        let expected = state.observe(position as u64, event, &mut one);
        assert_eq!(restored.observe(position as u64, event, &mut other), expected, "position {position}");
    }
    assert_eq!(restored.state_hash(), state.state_hash());
}

#[test]
fn a_start_takes_the_newest_that_is_good_and_its_own() {
    let folder = Folder::new("newest");
    let store = folder.store();
    let events = events(400);
    for position in [100, 200, 300, 400] {
        write(&store, 9, &folded(&events[..position]), LIMITS, &mark(position as u64)).unwrap();
    }
    let foreign = Mark { journal: *b"another!", ..mark(900) };
    write(&store, 9, &folded(&events), LIMITS, &foreign).unwrap();
    let position =
        |store: &SnapshotStore, at_most| newest_good(store, JOURNAL, at_most, LIMITS).map(|(_, mark)| mark.position);
    assert_eq!(position(&store, u64::MAX), Some(400));
    assert_eq!(position(&store, 399), Some(300));
    assert_eq!(position(&store, 99), None);

    let path = folder.path(&name(400));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(folder.path(&name(300)), b"").unwrap();
    assert_eq!(position(&store, u64::MAX), Some(200));
    let other_bounds = Limits { max_edges: 901, ..LIMITS };
    assert!(newest_good(&folder.store(), JOURNAL, u64::MAX, other_bounds).is_none());

    // The two bad ones do not count; one is newer than the newest good one and stays as evidence.
    write(&store, 2, &folded(&events[..250]), LIMITS, &mark(250)).unwrap();
    let left: Vec<u64> = store.list().unwrap().iter().map(|listed| listed.name.position).collect();
    assert_eq!(left, [900, 400, 300, 250, 200]);
}

#[test]
fn only_beside_its_log_others_and_leftovers_are_removed() {
    let folder = Folder::new("prune");
    let beside = Location::Folder { path: folder.0.join("snapshots"), beside_log: true };
    let store = SnapshotStore::open(&beside).unwrap().unwrap();
    let state = State::new(LIMITS);
    write(&store, 2, &state, LIMITS, &Mark { journal: *b"bygone 1", ..mark(5) }).unwrap();
    let ours = folder.0.join("snapshots").join(format!(".{}.tmp", name(1)));
    let theirs = folder.0.join("snapshots").join(format!(".{}.tmp", SnapshotName { journal: *b"bygone 1", ..name(1) }));
    for leftover in [&ours, &theirs] {
        std::fs::write(leftover, b"half").unwrap();
    }
    assert_eq!(write(&store, 2, &state, LIMITS, &mark(6)).unwrap().pruned, 1);
    assert_eq!(store.list().unwrap().len(), 1);
    assert!(!ours.exists() && theirs.exists());
    for position in [7, 8, 9] {
        write(&store, 2, &state, LIMITS, &mark(position)).unwrap();
    }
    let left: Vec<u64> = store.list().unwrap().iter().map(|listed| listed.name.position).collect();
    assert_eq!(left, [9, 8]);
}

#[test]
fn an_object_store_keeps_them_as_a_folder_does() {
    let folder = Folder::new("objects");
    let url = format!("file://{}/kept", folder.0.display());
    let store = SnapshotStore::open(&Location::parse(&url, Path::new("")).unwrap()).unwrap().unwrap();
    assert!(store.list().unwrap().is_empty());
    let state = folded(&events(300));
    for position in [100, 200, 300] {
        write(&store, 2, &state, LIMITS, &mark(position)).unwrap();
    }
    assert_eq!(store.list().unwrap().iter().map(|listed| listed.name.position).collect::<Vec<_>>(), [300, 200]);
    // Callers may stand inside a runtime of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hash = runtime.block_on(async {
        let (restored, mark) = newest_good(&store, JOURNAL, u64::MAX, LIMITS).unwrap();
        assert_eq!(mark.position, 300);
        drop(store);
        restored.state_hash()
    });
    assert_eq!(hash, state.state_hash());
    let path = folder.0.join("kept").join(name(300).to_string());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[2_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let store = SnapshotStore::open(&Location::parse(&url, Path::new("")).unwrap()).unwrap().unwrap();
    assert_eq!(newest_good(&store, JOURNAL, u64::MAX, LIMITS).unwrap().1.position, 200);
}

#[test]
fn what_is_broken_off_leaves_nothing() {
    let folder = Folder::new("stopping");
    let store = folder.store();
    let stopping = AtomicBool::new(false);
    let header = Header::of(&State::new(LIMITS), LIMITS, &mark(1));
    let written = write_file(&store, &name(1), &header, &stopping, |sheet| {
        sheet.column("graph.times", Column::U32(vec![1; 1 << 20]))?;
        stopping.store(true, Ordering::Relaxed);
        sheet.column("graph.more", Column::U32(vec![2]))
    });
    assert!(matches!(written, Err(SnapshotError::Stopping)));
    assert_eq!(std::fs::read_dir(folder.0.join("snapshots")).unwrap().count(), 0);
    let name = write_small(&store, 2, FORMAT);
    let read = Snapshot::open(&store, &name)
        .unwrap()
        .read_columns(&AtomicBool::new(true), |reader| reader.column("graph.texts"));
    assert!(matches!(read, Err(SnapshotError::Stopping)));
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_its_setting() {
    let folder = Folder::new("unusable");
    let file = folder.0.join("a-file");
    std::fs::write(&file, b"").unwrap();
    let url = format!("file://{}/kept", file.display());
    for text in [file.join("kept").to_str().unwrap(), &url] {
        let refused = SnapshotStore::open(&Location::parse(text, Path::new("")).unwrap()).map(|_| ()).unwrap_err();
        assert!(refused.to_string().starts_with(&format!("snapshot.location: {text} cannot be used: ")), "{refused}");
    }
    assert!(SnapshotStore::open(&Location::Off).unwrap().is_none());
}

#[test]
fn a_source_reads_exactly_what_is_asked_for() {
    let folder = Folder::new("source");
    let store = folder.store();
    std::fs::write(folder.path(&name(1)), b"0123456789").unwrap();
    let source: Source = store.source(&name(1).to_string()).unwrap();
    assert_eq!(source.read(3, 4).unwrap().as_slice(), b"3456");
    assert!(source.read(8, 4).is_err());
    assert!(store.source("snapshot-missing").is_err());
}

/// A log on disk that holds these events, the verdicts apart.
fn log_of(folder: &Folder, events: &[Event]) -> EventLog {
    let config =
        LogConfig { folder: folder.0.join("log"), durability: Durability::Os, queue: 64, lose_unsynced_writes: false };
    let (log, _writer) = EventLog::open(&config).unwrap();
    let encoded = events.iter().map(|event| (None, wire::encode_event(event))).collect();
    let (sender, durable) = mpsc::channel();
    log.append_history(encoded, Box::new(move |outcome| sender.send(outcome).unwrap()), |_| true).unwrap();
    durable.recv().unwrap().unwrap();
    log
}

fn taker_log(log: &EventLog, settled: &Arc<AtomicU64>) -> TakerLog {
    let (log, settled) = (log.clone(), Arc::clone(settled));
    TakerLog {
        journal: JOURNAL,
        read_from: Box::new(move |position, limit| log.read_from(position, limit)),
        settled: Box::new(move || settled.load(Ordering::Relaxed)),
        offsets: Box::new(|| vec![("transactions".to_owned(), 11)]),
    }
}

#[test]
fn snapshot_and_tail_equal_the_uninterrupted_fold_at_random_cuts() {
    let folder = Folder::new("cuts");
    let events = events(2_000);
    let log = log_of(&folder, &events);
    let store = folder.store();
    let settled = Arc::new(AtomicU64::new(0));
    let config = SnapshotConfig { location: folder.location(), every_events: 1, keep: 20 };
    let (taker, thread) = Taker::spawn(store.clone(), &config, LIMITS, taker_log(&log, &settled)).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(10);
    let mut cuts: Vec<u64> = (0..10).map(|_| random.random_range(1..2_000)).collect();
    cuts.sort_unstable();
    cuts.dedup();
    assert_eq!(cuts.len(), 10);
    for cut in &cuts {
        // Each is made from the one before and the entries between.
        settled.store(*cut, Ordering::Relaxed);
        while store.list().unwrap().first().is_none_or(|newest| newest.name.position < *cut) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    taker.stop();
    thread.join().unwrap();

    let uninterrupted = folded(&events).state_hash();
    for cut in cuts {
        let (mut state, mark) = newest_good(&store, JOURNAL, cut, LIMITS).unwrap();
        assert_eq!((mark.position, mark.offsets), (cut, vec![("transactions".to_owned(), 11)]));
        assert_eq!(state.state_hash(), folded(&events[..cut as usize]).state_hash(), "cut {cut}");
        let tail = log.read_from(cut, usize::MAX).unwrap();
        assert_eq!(fold(&mut state, cut, &tail).unwrap(), 2_000);
        assert_eq!(state.state_hash(), uninterrupted, "cut {cut}");
    }
    log.close();
}

#[test]
fn a_newest_that_the_start_found_damaged_is_made_again() {
    let folder = Folder::new("older");
    let events = events(600);
    let log = log_of(&folder, &events);
    let store = folder.store();
    for position in [200, 400] {
        write(&store, 9, &folded(&events[..position]), LIMITS, &mark(position as u64)).unwrap();
    }
    std::fs::write(folder.path(&name(400)), b"damaged").unwrap();
    assert_eq!(newest_good(&store, JOURNAL, u64::MAX, LIMITS).unwrap().1.position, 200);
    let settled = Arc::new(AtomicU64::new(400));
    let config = SnapshotConfig { location: folder.location(), every_events: 150, keep: 2 };
    let (taker, thread) = Taker::spawn(store.clone(), &config, LIMITS, taker_log(&log, &settled)).unwrap();
    while store.list().unwrap().len() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    taker.stop();
    thread.join().unwrap();
    let (state, mark) = newest_good(&store, JOURNAL, u64::MAX, LIMITS).unwrap();
    assert_eq!((mark.position, state.state_hash()), (400, folded(&events[..400]).state_hash()));
    log.close();
}
