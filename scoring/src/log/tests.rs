use super::*;
use crate::testing::Folder;
use crate::wire;
use fraudnet_graph::{Body, Channel, Event, Payment, SCHEMA_VERSION};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

impl Folder {
    fn log_config(&self) -> LogConfig {
        LogConfig { folder: self.0.clone(), durability: Durability::Fsync, queue: 64, lose_unsynced_writes: false }
    }

    /// What a crash right now would leave behind.
    fn crashed(&self, name: &str) -> Folder {
        let copy = Folder::new(name);
        std::fs::copy(self.0.join(FILE_NAME), copy.0.join(FILE_NAME)).unwrap();
        copy
    }
}

fn payment(id: &str) -> Vec<u8> {
    wire::encode_event(&Event {
        event_id: format!("e-{id}"),
        tenant: "t".to_owned(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: 1_700_000_000_000,
        ingested_at_ms: 1_700_000_000_000,
        source: "test".to_owned(),
        actor: String::new(),
        body: Body::Payment(Payment {
            transaction_id: id.to_owned(),
            account: "a".to_owned(),
            device: None,
            ip: None,
            merchant: Some("m".to_owned()),
            counterparty: None,
            amount_minor: 100,
            currency: *b"EUR",
            channel: Channel::Ecommerce,
            merchant_category: None,
            account_country: None,
            ip_country: None,
            merchant_country: None,
        }),
    })
}

fn key(id: &str) -> TransactionKey {
    TransactionKey::new("t", id)
}

fn hash(id: &str) -> [u8; 32] {
    *blake3::hash(id.as_bytes()).as_bytes()
}

/// A completion and where it arrives.
fn waiter() -> (Completion, mpsc::Receiver<Result<(), Arc<str>>>) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |outcome| sender.send(outcome).unwrap()), receiver)
}

/// Appends a payment and its verdict and waits until both are durable.
fn serve(log: &EventLog, id: &str) -> (u64, u64) {
    let payment = log.append_payment(&key(id), hash(id), &payment(id), |_| true).unwrap();
    let (done, durable) = waiter();
    let verdict = log
        .append_verdict(&key(id), hash(id), payment, format!("{{\"verdict\":\"{id}\"}}").as_bytes(), None, done)
        .unwrap();
    durable.recv().unwrap().unwrap();
    (payment, verdict)
}

fn finish(log: EventLog, writer: std::thread::JoinHandle<()>) {
    log.close();
    writer.join().unwrap();
    log.release_file();
}

#[test]
fn what_was_appended_is_there_after_reopening_and_positions_go_on() {
    let folder = Folder::new("reopen");
    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    assert_eq!(serve(&log, "a"), (0, 1));
    let (done, durable) = waiter();
    assert_eq!(log.append_event(b"{\"label\":1}", done, |_| true).unwrap(), 2);
    durable.recv().unwrap().unwrap();
    finish(log, writer);

    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    assert_eq!(log.durable_end(), 3);
    let row = log.transaction(&key("a")).unwrap().unwrap();
    assert_eq!(row, TransactionRow { payment: 0, body_hash: hash("a"), verdict: VerdictPlace::At(1) });
    assert_eq!(&*log.verdict_body(1).unwrap(), b"{\"verdict\":\"a\"}");
    assert_eq!(log.transaction(&TransactionKey::new("other", "a")).unwrap(), None);
    let entries = log.read_from(1, 10).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(entries[1].record().unwrap(), Record::Event { event: b"{\"label\":1}" });
    assert_eq!(serve(&log, "b"), (3, 4));
    finish(log, writer);
}

#[test]
fn concurrent_appends_get_dense_positions_and_readers_see_them_in_order() {
    let folder = Folder::new("order");
    let (log, writer) = EventLog::open(&LogConfig { queue: 10_000, ..folder.log_config() }).unwrap();
    let (seen_by_reader, seen) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (log, seen_by_reader) = (log.clone(), seen_by_reader.clone());
            scope.spawn(move || {
                for number in 0..50 {
                    let id = format!("{thread}-{number}");
                    let payment = log
                        .append_payment(&key(&id), hash(&id), &payment(&id), |position| {
                            seen_by_reader.send(position).is_ok()
                        })
                        .unwrap();
                    let (done, _) = mpsc::channel::<()>();
                    log.append_verdict(
                        &key(&id),
                        hash(&id),
                        payment,
                        b"{}",
                        None,
                        Box::new(move |outcome| {
                            outcome.unwrap();
                            drop(done);
                        }),
                    )
                    .unwrap();
                }
            });
        }
    });
    drop(seen_by_reader);
    let (done, durable) = waiter();
    assert_eq!(log.append_event(b"{}", done, |_| true).unwrap(), 400);
    durable.recv().unwrap().unwrap();
    assert!(seen.iter().is_sorted_by(|a, b| a < b), "the reader saw positions out of order");
    let entries = log.read_from(0, 1000).unwrap();
    assert!(entries.iter().enumerate().all(|(index, entry)| entry.position == index as u64));
    assert_eq!(entries.len(), 401);
    for entry in &entries {
        if let Record::Verdict { payment, .. } = entry.record().unwrap() {
            assert!(payment < entry.position, "a verdict stands after its payment");
        }
    }
    finish(log, writer);
}

#[test]
fn a_lazy_payment_becomes_durable_by_itself_and_one_group_takes_all_that_waits() {
    let folder = Folder::new("lazy");
    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    let commits = log.commits();
    for id in ["a", "b", "c"] {
        log.append_payment(&key(id), hash(id), &payment(id), |_| true).unwrap();
    }
    while log.durable_end() < 3 {
        commits.recv().unwrap();
    }
    assert_eq!(log.transaction(&key("c")).unwrap().unwrap().verdict, VerdictPlace::Undecided);
    finish(log, writer);
}

#[test]
fn a_full_queue_and_a_reader_without_room_refuse_without_a_gap_but_verdicts_always_fit() {
    let sequencer = Sequencer::new(7, 2);
    let append = |exempt| Append { lazy: true, exempt, ..Append::of(Vec::new()) };
    assert_eq!(sequencer.append(append(false), |_| false), Err(Refusal::ReaderFull));
    assert_eq!(sequencer.append(append(false), |position| position == 7), Ok(7));
    assert_eq!(sequencer.append(append(false), |_| true), Ok(8));
    assert_eq!(
        sequencer.append(append(false), |_| panic!("offered to the reader though the log has no room")),
        Err(Refusal::QueueFull)
    );
    let case = Append { behind: Some(vec![1]), ..append(true) };
    assert_eq!(sequencer.append(case, |_| true), Ok(9));
    assert_eq!(sequencer.append(append(true), |_| true), Ok(11), "what stands behind has a position of its own");
    sequencer.close();
    assert_eq!(sequencer.append(append(true), |_| true), Err(Refusal::Closed));
    assert_eq!(
        sequencer.take_group().unwrap().iter().map(|sequenced| sequenced.position).collect::<Vec<_>>(),
        [7, 8, 9, 10, 11]
    );
    assert!(sequencer.take_group().is_none());
}

#[test]
fn a_failed_log_tells_everyone_who_waits_and_everyone_who_comes() {
    let sequencer = Sequencer::new(0, 8);
    let (done, told) = waiter();
    let append = |done| Append { exempt: true, done, ..Append::of(Vec::new()) };
    sequencer.append(append(Some(done)), |_| true).unwrap();
    sequencer.fail(&"no space left on device".into());
    assert_eq!(told.recv().unwrap(), Err("no space left on device".into()));
    let (done, told) = waiter();
    assert_eq!(sequencer.append(append(Some(done)), |_| true), Err(Refusal::Failed("no space left on device".into())));
    assert!(told.recv().unwrap().is_err(), "a verdict's waiters hear of the refusal through its completion");
}

#[test]
fn losing_what_was_never_synced_loses_nothing_that_was_answered() {
    let folder = Folder::new("unsynced");
    let config = LogConfig { lose_unsynced_writes: true, ..folder.log_config() };
    let (log, writer) = EventLog::open(&config).unwrap();
    for number in 0..40 {
        serve(&log, &format!("n{number}"));
        if number % 8 != 0 {
            continue;
        }
        let crashed = folder.crashed(&format!("unsynced-{number}"));
        let (after, after_writer) = EventLog::open(&crashed.log_config()).unwrap();
        assert_eq!(after.durable_end(), 2 * (number + 1));
        for answered in 0..=number {
            let row = after.transaction(&key(&format!("n{answered}"))).unwrap().expect("an answered payment is gone");
            let VerdictPlace::At(verdict) = row.verdict else { panic!("an answered verdict is gone") };
            let body = after.verdict_body(verdict).unwrap();
            assert_eq!(&*body, format!("{{\"verdict\":\"n{answered}\"}}").as_bytes());
        }
        finish(after, after_writer);
    }
    finish(log, writer);
    let (log, writer) = EventLog::open(&config).unwrap();
    assert_eq!(log.durable_end(), 80);
    finish(log, writer);
}

#[test]
fn handed_to_the_system_survives_the_process() {
    let folder = Folder::new("os");
    let (log, writer) = EventLog::open(&LogConfig { durability: Durability::Os, ..folder.log_config() }).unwrap();
    serve(&log, "a");
    let crashed = folder.crashed("os-crashed");
    let (after, after_writer) = EventLog::open(&crashed.log_config()).unwrap();
    assert_eq!(after.transaction(&key("a")).unwrap().unwrap().verdict, VerdictPlace::At(1));
    finish(after, after_writer);
    finish(log, writer);
}

#[test]
fn the_transactions_table_is_a_fold_of_the_log() {
    let folder = Folder::new("fold");
    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    for id in ["a", "b"] {
        serve(&log, id);
    }
    log.append_payment(&key("c"), hash("c"), &payment("c"), |_| true).unwrap();
    log.close();
    writer.join().unwrap();
    let rows = |log: &EventLog| ["a", "b", "c"].map(|id| log.transaction(&key(id)).unwrap().unwrap());
    let written = rows(&log);
    assert_eq!(written[2].verdict, VerdictPlace::Undecided);
    log.store.forget_transactions();
    assert!(log.transaction(&key("a")).is_err());
    log.release_file();

    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    assert_eq!(rows(&log), written, "opening did not rebuild the table");
    log.store.rebuild_transactions().unwrap();
    assert_eq!(rows(&log), written);
    finish(log, writer);
}

#[test]
fn a_folder_in_use_and_a_damaged_file_are_refused_with_a_sentence() {
    let folder = Folder::new("refused");
    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    serve(&log, "a");
    let in_use = EventLog::open(&folder.log_config()).err().unwrap();
    assert!(matches!(in_use, LogError::InUse { .. }), "{in_use}");
    finish(log, writer);

    let path = folder.0.join(FILE_NAME);
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for position in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        for byte in &mut bytes[position..(position + 64).min(whole.len())] {
            *byte ^= 0x5a;
        }
        std::fs::write(&path, &bytes).unwrap();
        match EventLog::open(&folder.log_config()) {
            Ok((log, writer)) => {
                // The flipped bytes were nobody's: everything is there.
                assert_eq!(&*log.verdict_body(1).unwrap(), b"{\"verdict\":\"a\"}");
                finish(log, writer);
            }
            Err(error) => {
                refused += 1;
                assert!(
                    matches!(
                        error,
                        LogError::Damaged { .. } | LogError::UnknownEntry { .. } | LogError::UnreadableEvent { .. }
                    ),
                    "{error}"
                );
            }
        }
    }
    assert!(refused > 0, "no damage was noticed");
    std::fs::write(&path, b"this is no log, but it is long enough to look like one to a hasty reader").unwrap();
    let damaged = EventLog::open(&folder.log_config()).err().unwrap();
    assert!(matches!(damaged, LogError::Damaged { .. }) && damaged.to_string().contains(FILE_NAME), "{damaged}");
    assert!(LogReader::open(&folder.0.join("elsewhere")).is_err());
}

/// A disk that gets full when told to.
#[derive(Debug)]
struct Disk {
    memory: redb::backends::InMemoryBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> std::io::Result<()> {
        if self.full.load(Ordering::Relaxed) { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.room()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.room()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.room()?;
        self.memory.write(offset, data)
    }
}

#[test]
fn a_full_disk_fails_the_log_and_whoever_waits_hears_of_it() {
    let full = Arc::new(AtomicBool::new(false));
    let disk = Disk { memory: redb::backends::InMemoryBackend::new(), full: Arc::clone(&full) };
    let database = redb::Builder::new().create_with_backend(disk).unwrap();
    let store = Arc::new(Store::over(PathBuf::from(FILE_NAME), database).unwrap());
    let sequencer = Arc::new(Sequencer::new(store.end(), 64));
    let writer = writer::spawn(Arc::clone(&store), Arc::clone(&sequencer)).unwrap();
    let log = EventLog { store, sequencer };
    serve(&log, "a");
    full.store(true, Ordering::Relaxed);
    let payment_position = log.append_payment(&key("b"), hash("b"), &payment("b"), |_| true).unwrap();
    let (done, told) = waiter();
    log.append_verdict(&key("b"), hash("b"), payment_position, b"{}", None, done).unwrap();
    let reason = told.recv().unwrap().unwrap_err();
    assert!(reason.contains(FILE_NAME), "{reason}");
    writer.join().unwrap();
    assert_eq!(log.failure(), Some(Arc::clone(&reason)));
    assert_eq!(log.append_payment(&key("c"), hash("c"), &payment("c"), |_| true), Err(Refusal::Failed(reason)));
    assert_eq!(&*log.verdict_body(1).unwrap(), b"{\"verdict\":\"a\"}", "what was answered can still be read");
    log.release_file();
}

#[test]
fn history_takes_the_next_positions_and_its_rows_can_be_rebuilt() {
    let folder = Folder::new("history");
    let (log, writer) = EventLog::open(&folder.log_config()).unwrap();
    serve(&log, "a");
    // More events than the queue holds: the bound is for callers, not for a group.
    let mut events: Vec<_> =
        (0..100).map(|number| (Some(key(&format!("h{number}"))), payment(&format!("h{number}")))).collect();
    events.push((None, b"{\"label\":1}".to_vec()));
    let (done, durable) = waiter();
    let mut positions = Vec::new();
    log.append_history(events, done, |position| {
        positions.push(position);
        true
    })
    .unwrap();
    durable.recv().unwrap().unwrap();
    assert_eq!(positions, (2..103).collect::<Vec<_>>());
    assert_eq!(serve(&log, "b"), (103, 104));
    let row = TransactionRow { payment: 9, body_hash: [0; 32], verdict: VerdictPlace::Never };
    assert_eq!(log.transaction(&key("h7")).unwrap(), Some(row));
    log.store.rebuild_transactions().unwrap();
    assert_eq!(log.transaction(&key("h7")).unwrap(), Some(row));
    assert_eq!(log.transaction(&key("b")).unwrap().unwrap().verdict, VerdictPlace::At(104));
    let entries = log.read_from(101, 2).unwrap();
    assert_eq!(entries[0].record().unwrap(), Record::History { event: &payment("h99") });
    assert_eq!(entries[1].record().unwrap(), Record::Event { event: b"{\"label\":1}" });

    let (done, lost) = waiter();
    let two = vec![(Some(key("x")), payment("x")), (Some(key("y")), payment("y"))];
    assert_eq!(log.append_history(two, done, |position| position < 106), Err(Refusal::ReaderFull));
    assert!(lost.recv().is_err(), "nobody is told that all of it is durable");
    finish(log, writer);
}
