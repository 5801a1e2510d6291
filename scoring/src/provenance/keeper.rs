//! The thread that grows the tree behind the log, signs its head now and then, and gives it to the log and the witnesses.

use super::entry::leaf;
use super::head::{SignedHead, TreeHead};
use super::store::TreeStore;
use super::{Audit, AuditConfig, HeadKey, Inner, witness};
use crate::clock;
use crate::log::EventLog;
use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use fraudnet_models::SecretKey;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Entries read at a time.
const CHUNK: usize = 1_024;
/// Leaves that are held against the log at the start, from the end of the tree.
const TAIL: u64 = 1_024;
/// Newest heads that are held against the log at the start.
const TAKEN_UP: usize = 1_000;
/// How often the clock is looked at where nothing is appended.
const LOOK: Duration = Duration::from_millis(250);
/// Heads signed so far, one a line, in the tree's folder.
pub const HEADS_FILE: &str = "heads.jsonl";

/// What the thread needs of the service.
pub(crate) struct Links {
    /// The log.
    pub(crate) log: EventLog,
    /// Whether it is time to end.
    pub(crate) ending: Box<dyn Fn() -> bool + Send>,
    /// Says that the audit does not work, or works again.
    pub(crate) degrade: Box<dyn Fn(Option<String>) + Send>,
    /// Where requests to a witness run.
    pub(crate) runtime: Option<tokio::runtime::Handle>,
}

/// A head as it stands among the log's notes.
#[derive(Serialize)]
struct HeadNote<'a> {
    note: &'static str,
    head: &'a SignedHead,
}

/// What a note says that holds a head.
pub(super) const NOTE: &str = "tree_head";

struct Keeper {
    links: Links,
    config: AuditConfig,
    folder: PathBuf,
    key: SecretKey,
    log_id: String,
    store: TreeStore,
    audit: Arc<Inner>,
    signed_at: Instant,
    /// Entries since the newest head that are no heads themselves.
    unsigned: u64,
    /// What the log does not give any more, as the start found.
    difference: Option<String>,
}

/// Opens the tree of the log, in that folder, and starts its thread; none of both where there is no configuration.
///
/// # Errors
/// Where the key or the tree cannot be read or made, or the system gives no thread.
pub(crate) fn open(
    config: Option<AuditConfig>,
    folder: PathBuf,
    links: Links,
) -> Result<(Audit, Option<JoinHandle<()>>)> {
    let Some(config) = config else { return Ok((Audit::off(), None)) };
    describe();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("the audit folder {} cannot be made", folder.display()))?;
    let log_id: String = links.log.identity().iter().map(|byte| format!("{byte:02x}")).collect();
    let key = match &config.key {
        Some(path) => SecretKey::read(path)?,
        None => own_key(&folder, &log_id)?,
    };
    let mut store = TreeStore::open(&folder.join("tree"))?;
    if !fits(&store, &links.log)? {
        tracing::warn!(folder = %folder.display(), "the audit tree is of another log, or ahead of this one; it is made anew from the log");
        store.rewind(0)?;
    }
    let inner = Arc::new(Inner {
        log: links.log.clone(),
        key: HeadKey { signer: key.name().to_owned(), public_key: key.public() },
        reader: store.reader().clone(),
        head: ArcSwapOption::empty(),
        head_every: config.head_every,
    });
    let mut keeper = Keeper {
        links,
        config,
        folder,
        key,
        log_id,
        store,
        audit: Arc::clone(&inner),
        signed_at: clock::monotonic(),
        unsigned: 0,
        difference: None,
    };
    let handle = Builder::new()
        .name("audit".to_owned())
        .spawn(move || {
            if let Err(error) = keeper.run() {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the audit tree stopped; nothing is signed until the service is started again"
                );
                (keeper.links.degrade)(Some(format!("the audit tree stopped: {error:#}")));
            }
        })
        .context("the audit thread did not start")?;
    Ok((Audit { inner: Some(inner) }, Some(handle)))
}

fn describe() {
    describe_gauge!("fraudnet_audit_entries", "Log entries in the audit tree");
    describe_gauge!("fraudnet_audit_signed_entries", "Log entries that the newest signed head covers");
    describe_gauge!(
        "fraudnet_audit_difference",
        "1 where the log no longer gives a head that was signed over it, else 0"
    );
    describe_counter!("fraudnet_audit_heads_total", "Heads of the audit tree that were signed");
    describe_counter!("fraudnet_audit_witness_failures_total", "Times a witness did not take a head");
    gauge!("fraudnet_audit_difference").set(0.0);
}

/// The key of the service's own, made where there is none; its public half lies beside it, where `fraudnet audit verify` looks.
fn own_key(folder: &Path, log_id: &str) -> Result<SecretKey> {
    let name = format!("audit-{log_id}");
    let (path, public) = (folder.join(&name), folder.join(format!("{name}.pub")));
    if !path.exists() {
        let key = SecretKey::generate(&name)?;
        key.write(&path)?;
        tracing::info!(public_key = %public.display(), "a key was made that signs the heads of the audit tree; keep a copy of the public one elsewhere");
        return Ok(key);
    }
    let key = SecretKey::read(&path)?;
    if !public.exists() {
        // Killed between the two files.
        std::fs::write(&public, key.public()).with_context(|| format!("{} cannot be made", public.display()))?;
    }
    Ok(key)
}

/// Whether the tree is of this log: not ahead of it, and the same in its newest leaves.
fn fits(store: &TreeStore, log: &EventLog) -> Result<bool> {
    let size = store.size();
    if size > log.durable_end() {
        return Ok(false);
    }
    let from = size.saturating_sub(TAIL);
    for entry in log.read_from(from, (size - from) as usize)? {
        if store.reader().leaf(entry.position)? != leaf(entry.position, entry.bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Keeper {
    fn run(&mut self) -> Result<()> {
        while self.follow()? {
            if (self.links.ending)() {
                return Ok(());
            }
        }
        self.take_up()?;
        let commits = self.links.log.commits();
        while !(self.links.ending)() {
            // The timeout is there to look at the clock, and whether to end.
            let _ = commits.recv_timeout(LOOK);
            while self.follow()? {}
            let waited = clock::monotonic().saturating_duration_since(self.signed_at) >= self.config.head_every;
            if self.unsigned >= self.config.head_entries || (self.unsigned > 0 && waited) {
                self.sign()?;
            }
        }
        while self.follow()? {}
        // The last word on what was appended before the service ended.
        if self.unsigned > 0 { self.sign() } else { Ok(()) }
    }

    /// Takes the next entries; true where there may be more.
    fn follow(&mut self) -> Result<bool> {
        let entries = self.links.log.read_from(self.store.size(), CHUNK)?;
        let leaves: Vec<_> = entries.iter().map(|entry| leaf(entry.position, entry.bytes())).collect();
        self.unsigned += entries.iter().filter(|entry| super::verify::head_of(entry).is_none()).count() as u64;
        if !leaves.is_empty() {
            self.store.append(&leaves)?;
            gauge!("fraudnet_audit_entries").set(self.store.size() as f64);
        }
        Ok(entries.len() == CHUNK)
    }

    /// Goes on from the newest head there is, and holds the newest ones against the log.
    fn take_up(&mut self) -> Result<()> {
        let path = self.heads();
        let heads = if path.exists() { witness::read(&path).map_err(anyhow::Error::msg)? } else { Vec::new() };
        let own = heads.into_iter().rev().filter(|head| head.head.log_id == self.log_id).take(TAKEN_UP);
        let reader = self.store.reader();
        let (held, lost): (Vec<SignedHead>, Vec<SignedHead>) =
            own.partition(|head| reader.root_at(head.head.tree_size).is_ok_and(|root| root == head.head.root));
        if let Some(lost) = lost.iter().map(|head| head.head.tree_size).min() {
            let entries = self.store.size();
            let difference = format!(
                "the log no longer gives the head that was signed over its first {lost} entries: it lost some, or somebody changed them; `fraudnet audit verify` tells where"
            );
            tracing::error!(entries, difference, "the audit found a difference");
            gauge!("fraudnet_audit_difference").set(1.0);
            self.difference = Some(difference);
            (self.links.degrade)(self.difference.clone());
        }
        if let Some(newest) = held.into_iter().max_by_key(|head| head.head.tree_size) {
            // How many of the entries since then are heads is not worth another look: at worst one more head is signed.
            self.unsigned = self.store.size() - newest.head.tree_size;
            self.audit.head.store(Some(Arc::new(newest)));
        }
        Ok(())
    }

    /// Signs the root over everything there is, and gives it to the file beside the tree, the log and the witnesses.
    fn sign(&mut self) -> Result<()> {
        let tree = self.store.reader().tree_at(self.store.size())?;
        let head =
            TreeHead { log_id: self.log_id.clone(), tree_size: tree.size, root: tree.root, at_ms: clock::now_ms() };
        let signed = SignedHead::new(head, self.key.name(), |message| self.key.sign(message))?;
        witness::append(&self.heads(), &signed).map_err(anyhow::Error::msg)?;
        let note = serde_json::to_vec(&HeadNote { note: NOTE, head: &signed })?;
        // A log that is closed, or full for a moment, takes none; the next head covers all that this one does.
        let _ = self.links.log.append_note(&note);
        self.tell(&signed);
        counter!("fraudnet_audit_heads_total").increment(1);
        gauge!("fraudnet_audit_signed_entries").set(tree.size as f64);
        self.audit.head.store(Some(Arc::new(signed)));
        self.unsigned = 0;
        self.signed_at = clock::monotonic();
        Ok(())
    }

    /// A witness that does not take a head takes the next one, which covers as much and more.
    fn tell(&self, signed: &SignedHead) {
        let file = self.config.witness_file.as_ref().map(|path| witness::append(path, signed));
        let sent = self.config.witness_url.as_ref().map(|address| match &self.links.runtime {
            Some(runtime) => runtime.block_on(witness::send(address, signed)),
            None => Err("heads are sent from within a runtime".to_owned()),
        });
        let told: Vec<Result<(), String>> = file.into_iter().chain(sent).collect();
        let failed: Vec<String> = told.iter().filter_map(|told| told.as_ref().err().cloned()).collect();
        counter!("fraudnet_audit_witness_failures_total").increment(failed.len() as u64);
        let untold =
            (!failed.is_empty()).then(|| format!("a witness did not take the newest tree head: {}", failed.join("; ")));
        // A difference stays until somebody has looked.
        (self.links.degrade)(self.difference.clone().or(untold));
    }

    fn heads(&self) -> PathBuf {
        self.folder.join(HEADS_FILE)
    }
}
