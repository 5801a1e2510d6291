//! A log as it is written, its heads, and all that can be done to it afterwards.

use super::head::SignedHead;
use super::testing::{Random, tamper};
use super::verify::{Verification, head_of, verify};
use super::{Audit, AuditConfig, AuditError, HEADS_FILE, Links, open, witness};
use crate::clock;
use crate::log::{Entry, EventLog, LogConfig, LogReader};
use crate::service::Durability;
use crate::testing::Folder;
use fraudnet_models::Trust;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A log with its audit tree, while it is written.
struct Life {
    log: EventLog,
    writer: JoinHandle<()>,
    audit: Audit,
    keeper: JoinHandle<()>,
    ending: Arc<AtomicBool>,
    degraded: Arc<Mutex<Option<String>>>,
}

/// What is left of it.
struct Remains {
    log_id: String,
    entries: Vec<Entry>,
    heads: Vec<SignedHead>,
    trust: Trust,
}

fn config(folder: &Folder) -> AuditConfig {
    AuditConfig {
        key: None,
        head_entries: 20,
        head_every: Duration::from_secs(3_600),
        witness_file: Some(folder.0.join("witness")),
        witness_url: None,
    }
}

impl Life {
    fn begin(folder: &Folder, config: AuditConfig) -> Life {
        let settings = LogConfig {
            folder: folder.0.clone(),
            durability: Durability::Os,
            queue: 1_000,
            lose_unsynced_writes: false,
        };
        let (log, writer) = EventLog::open(&settings).unwrap();
        let (ending, degraded) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (looked_at, told) = (Arc::clone(&ending), Arc::clone(&degraded));
        let links = Links {
            log: log.clone(),
            ending: Box::new(move || looked_at.load(Ordering::Acquire)),
            degrade: Box::new(move |reason| *told.lock().unwrap() = reason),
            runtime: None,
        };
        let (audit, keeper) = open(Some(config), folder.0.join("audit"), links).unwrap();
        Life { log, writer, audit, keeper: keeper.unwrap(), ending, degraded }
    }

    fn append(&self, text: &str) -> u64 {
        let (sender, durable) = std::sync::mpsc::channel();
        let done = Box::new(move |outcome: Result<(), Arc<str>>| sender.send(outcome).unwrap());
        let position = self.log.append_event(text.as_bytes(), done, |_| true).unwrap();
        durable.recv_timeout(PATIENCE).unwrap().unwrap();
        position
    }

    /// Waits until a head covers that many entries.
    fn signed(&self, entries: u64) -> Arc<SignedHead> {
        let until = clock::monotonic() + PATIENCE;
        loop {
            match self.audit.head().unwrap() {
                Some(head) if head.head.tree_size >= entries => return head,
                head => assert!(clock::monotonic() < until, "{entries} entries were not signed: {head:?}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(self, folder: &Folder) -> Remains {
        self.ending.store(true, Ordering::Release);
        self.keeper.join().unwrap();
        self.log.close();
        self.writer.join().unwrap();
        self.log.release_file();
        drop(self.log);
        Remains::of(folder)
    }
}

impl Remains {
    fn of(folder: &Folder) -> Remains {
        let log = LogReader::open(&folder.0).unwrap();
        Remains {
            log_id: log.identity().iter().map(|byte| format!("{byte:02x}")).collect(),
            entries: log.read_from(0, 100_000).unwrap(),
            heads: witness::read(&folder.0.join("audit").join(HEADS_FILE)).unwrap(),
            trust: Trust::read(&folder.0.join("audit"), true).unwrap(),
        }
    }

    fn verify(&self, entries: &[Entry], witnesses: &[SignedHead]) -> Verification {
        let read = |from: u64, limit: usize| {
            Ok(entries.iter().skip_while(|entry| entry.position < from).take(limit).cloned().collect())
        };
        let check = |signer: &str, message: &[u8], signature: &str| self.trust.verify(signer, message, signature);
        verify(&self.log_id, read, witnesses.to_vec(), check).unwrap()
    }
}

/// A log of some hundred entries and heads among them.
fn lived(name: &str) -> (Folder, Remains) {
    let folder = Folder::new(name);
    let life = Life::begin(&folder, config(&folder));
    for number in 0..10 {
        for step in 0..20 {
            life.append(&format!("{{\"payment\":{},\"of\":{number}}}", step * 7));
        }
        life.signed(20 * (number + 1));
    }
    let remains = life.end(&folder);
    (folder, remains)
}

#[test]
fn a_log_that_was_left_alone_holds() {
    let (folder, remains) = lived("alone");
    let found = remains.verify(&remains.entries, &remains.heads);
    assert!(found.holds(), "{:?}", found.problems);
    assert!(found.heads_in_log >= 10 && found.heads_of_witnesses == remains.heads.len() as u64);
    assert!(found.covered >= 200 && found.covered <= found.entries && found.entries == remains.entries.len() as u64);
    assert_eq!(witness::read(&folder.0.join("witness")).unwrap(), remains.heads, "the witness was told of every head");
    // Heads in the log are entries like any other.
    assert_eq!(remains.entries.iter().filter_map(head_of).count() as u64, found.heads_in_log);
    // By nobody's key, or of another log, a head counts for nothing.
    let stranger = Remains { trust: Trust::none(), ..lived("stranger").1 };
    let found = stranger.verify(&stranger.entries, &stranger.heads);
    assert!(found.problems[0].contains("not among the trusted keys") && found.covered == 0, "{:?}", found.problems);
    let other = Remains { log_id: "0011223344556677".to_owned(), ..remains };
    let found = other.verify(&other.entries, &[]);
    assert!(found.problems[0].contains("it is of log"), "{:?}", found.problems);
}

#[test]
fn a_thousand_tamperings_are_all_found() {
    let (_folder, remains) = lived("tampered");
    let covered = remains.verify(&remains.entries, &remains.heads).covered as usize;
    let bytes = |entries: &[Entry]| -> Vec<Vec<u8>> { entries.iter().map(|entry| entry.bytes().to_vec()).collect() };
    let (signed, tail) = (bytes(&remains.entries[..covered]), bytes(&remains.entries[covered..]));
    let mut random = Random(22);
    let mut kinds = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..1_000 {
        let mut changed = signed.clone();
        let kind = tamper(&mut changed, &mut random);
        *kinds.entry(kind).or_default() += 1;
        // Whoever changes a log numbers its entries anew.
        let entries = changed.into_iter().chain(tail.iter().cloned()).enumerate();
        let entries: Vec<Entry> = entries.map(|(at, bytes)| Entry::new(at as u64, bytes)).collect();
        assert!(!remains.verify(&entries, &remains.heads).holds(), "{kind}");
        // By the heads in the log alone as well: the newest stands behind what was changed.
        assert!(!remains.verify(&entries, &[]).holds(), "{kind}, without a witness");
    }
    assert!(kinds.len() == 6 && kinds.values().all(|count| *count > 100), "{kinds:?}");

    // Cut off with its heads, it looks whole to itself and not to a witness.
    let cut = &remains.entries[..40];
    assert!(remains.verify(cut, &[]).problems.len() <= 1);
    let found = remains.verify(cut, &remains.heads);
    assert!(found.problems.iter().any(|problem| problem.contains("entries were removed")), "{:?}", found.problems);
    // Numbers that were left as they were tell by themselves.
    let mut gap = remains.entries.clone();
    gap.remove(7);
    assert!(remains.verify(&gap, &[]).problems[0].contains("says that it is number 8"));
}

#[test]
fn proofs_hold_without_the_log_and_no_changed_one_does() {
    let folder = Folder::new("proofs");
    let life = Life::begin(&folder, config(&folder));
    let positions: Vec<u64> = (0..25).map(|number| life.append(&format!("{{\"number\":{number}}}"))).collect();
    life.signed(20);
    let inner = life.audit.inner().unwrap();
    let proof = inner.prove(positions[3]).unwrap();
    let refused = inner.prove(positions[24] + 100).unwrap_err();
    assert_eq!(refused, AuditError::NoEntry);
    let newest = life.append("{\"late\":true}");
    match inner.prove(newest) {
        Err(AuditError::NotCovered { position, covered, .. }) => assert!(position == newest && covered <= newest),
        other => panic!("nothing was signed over it: {other:?}"),
    }
    assert_eq!(proof.told().unwrap(), ("event", "{\"number\":3}".to_owned()));
    let grown = life.audit.consistency(5, 20).unwrap();
    let tree = |size| inner.reader.tree_at(size).unwrap();
    grown.verify(&tree(5), &tree(20)).unwrap();
    assert!(matches!(life.audit.consistency(20, 5), Err(AuditError::Sizes(_))));
    let remains = life.end(&folder);

    let check = |signer: &str, message: &[u8], signature: &str| remains.trust.verify(signer, message, signature);
    proof.verify(check).unwrap();
    let whole = serde_json::to_vec(&proof).unwrap();
    let mut refused = 0;
    for at in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let Ok(changed) = serde_json::from_slice::<super::entry::EntryProof>(&changed) else { continue };
        // Hex digits have two cases, and mean the same.
        if changed.entry.to_lowercase() == proof.entry
            && changed.head.signature.to_lowercase() == proof.head.signature
            && (&changed.inclusion, &changed.head.head) == (&proof.inclusion, &proof.head.head)
            && (changed.position, &changed.head.signer) == (proof.position, &proof.head.signer)
        {
            continue;
        }
        changed.verify(check).unwrap_err();
        refused += 1;
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn a_restart_goes_on_and_notices_a_log_that_lost_what_was_signed() {
    let (folder, before) = lived("restart");
    let heads = before.heads.len();
    let life = Life::begin(&folder, config(&folder));
    // The head from before the restart vouches at once, and nothing new is signed for nothing.
    let head = life.signed(200);
    assert_eq!(head.as_ref(), before.heads.last().unwrap());
    for number in 0..30 {
        life.append(&format!("{{\"again\":{number}}}"));
    }
    life.signed(before.entries.len() as u64 + 10);
    assert_eq!(*life.degraded.lock().unwrap(), None);
    let after = life.end(&folder);
    assert!(after.heads.len() > heads && after.verify(&after.entries, &after.heads).holds());

    // The log of another day in its place: the tree is made anew and the difference is told.
    let replaced = Folder::new("replaced");
    let other = Life::begin(&replaced, config(&replaced));
    other.append("{}");
    drop(other.end(&replaced));
    let copy = |name: &str| std::fs::copy(replaced.0.join(name), folder.0.join(name)).unwrap();
    copy(crate::log::FILE_NAME);
    let life = Life::begin(&folder, config(&folder));
    life.append("{\"on\":1}");
    let remains = life.end(&folder);
    // Its heads are of a log that is no longer there.
    let found = remains.verify(&remains.entries, &after.heads);
    assert!(found.problems.iter().any(|problem| problem.contains("it is of log")), "{:?}", found.problems);
}

#[test]
fn heads_of_a_file_that_was_cut_off_are_those_before() {
    let (folder, remains) = lived("cut");
    let path: PathBuf = folder.0.join("audit").join(HEADS_FILE);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let (last, before) = remains.heads.split_last().unwrap();
    assert_eq!(witness::read(&path).unwrap(), before);
    // The next one does not end up on the same line.
    witness::append(&path, last).unwrap();
    assert!(std::fs::read(&path).unwrap() == whole && witness::read(&path).unwrap() == remains.heads);
    std::fs::write(&path, [b"{}\n".as_slice(), &whole].concat()).unwrap();
    assert!(witness::read(&path).unwrap_err().contains("line 1 is no signed head"));
}
