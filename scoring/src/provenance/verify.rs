//! A whole log against the heads that were signed over it, offline: by whoever holds a copy of the log, heads and public keys.
//!
//! Found is every edit, deletion, insertion or exchange of entries that a head covers. A log that was cut off together with its last heads
//! is found by heads that somebody else kept; by its own notes alone it looks whole. Entries behind the last head are covered by nothing
//! yet.
//!
//! Cost: the log is read twice, first for its heads.

use super::entry::leaf;
use super::head::SignedHead;
use super::keeper::NOTE;
use super::tree::Frontier;
use crate::log::{Entry, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Entries read at a time.
const CHUNK: usize = 1_024;
/// Problems told at most.
const MOST_PROBLEMS: usize = 20;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Which log.
    pub log_id: String,
    /// Entries it holds.
    pub entries: u64,
    /// Entries that a head covers which holds.
    pub covered: u64,
    /// Heads among the log's notes.
    pub heads_in_log: u64,
    /// Heads of the witnesses.
    pub heads_of_witnesses: u64,
    /// What does not hold, at most twenty; empty where all does.
    pub problems: Vec<String>,
}

impl Verification {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The head that an entry holds, where it is a note of one.
pub(super) fn head_of(entry: &Entry) -> Option<SignedHead> {
    #[derive(Deserialize)]
    struct Note {
        note: String,
        head: Option<SignedHead>,
    }
    let Ok(Record::Note { note }) = entry.record() else { return None };
    let note: Note = serde_json::from_slice(note).ok()?;
    note.head.filter(|_| note.note == NOTE)
}

/// Holds a log against the heads in its notes and those of witnesses. `read` gives entries from a position on, at most so many; `check`
/// says whether the signature of a signer over a message holds.
///
/// # Errors
/// Where the log cannot be read. What does not hold is no error but a problem of the [`Verification`].
pub fn verify<E: Display>(
    log_id: &str,
    mut read: impl FnMut(u64, usize) -> Result<Vec<Entry>, String>,
    witnesses: Vec<SignedHead>,
    check: impl Fn(&str, &[u8], &str) -> Result<(), E>,
) -> Result<Verification, String> {
    let mut found = Verification {
        log_id: log_id.to_owned(),
        entries: 0,
        covered: 0,
        heads_in_log: 0,
        heads_of_witnesses: witnesses.len() as u64,
        problems: Vec::new(),
    };
    let mut heads: BTreeMap<u64, Vec<(String, SignedHead)>> = BTreeMap::new();
    for head in witnesses {
        heads.entry(head.head.tree_size).or_default().push(("of a witness".to_owned(), head));
    }
    each(&mut read, |place, entry| {
        if entry.position != place {
            found.problem(format!("entry {place} of the log says that it is number {}", entry.position));
        }
        if let Some(head) = head_of(entry) {
            found.heads_in_log += 1;
            heads.entry(head.head.tree_size).or_default().push((format!("at position {place}"), head));
        }
    })?;
    if heads.is_empty() {
        found.problem(
            "there is no signed head, in the log or of a witness: nothing shows what this log held".to_owned(),
        );
    }
    heads.retain(|_, of_size| {
        of_size.retain(|(whence, head)| {
            let vouched = head.verify(&check).map_err(|error| error.to_string()).and_then(|head| {
                let right = head.log_id == log_id;
                right.then_some(()).ok_or_else(|| format!("it is of log {} and this is {log_id}", head.log_id))
            });
            vouched.map_err(|reason| found.problem(format!("the head {whence}: {reason}"))).is_ok()
        });
        !of_size.is_empty()
    });

    let mut frontier = Frontier::new();
    let mut waiting = heads.into_iter().peekable();
    // A tree without leaves is signed by nobody, but somebody may have written such a head.
    found.hold(&frontier, &mut waiting);
    each(&mut read, |place, entry| {
        frontier.push(leaf(place, entry.bytes()));
        found.hold(&frontier, &mut waiting);
    })?;
    found.entries = frontier.size();
    for (_, of_size) in waiting {
        for (whence, head) in of_size {
            if let Err(error) = head.head.covers(&frontier.tree()) {
                found.problem(format!("the head {whence}: {error}"));
            }
        }
    }
    Ok(found)
}

impl Verification {
    /// Holds what was read so far against the heads of that size.
    fn hold(
        &mut self,
        frontier: &Frontier,
        waiting: &mut std::iter::Peekable<std::collections::btree_map::IntoIter<u64, Vec<(String, SignedHead)>>>,
    ) {
        let Some((_, of_size)) = waiting.next_if(|(size, _)| *size == frontier.size()) else { return };
        let tree = frontier.tree();
        for (whence, head) in of_size {
            match head.head.covers(&tree) {
                Ok(()) => self.covered = tree.size,
                Err(error) => {
                    let held = self.covered;
                    self.problem(format!("the head {whence}: {error}; the first {held} entries are what was signed"));
                }
            }
        }
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Every entry with its place, counted from zero.
fn each(
    read: &mut impl FnMut(u64, usize) -> Result<Vec<Entry>, String>,
    mut take: impl FnMut(u64, &Entry),
) -> Result<(), String> {
    let (mut place, mut next) = (0, 0);
    loop {
        let entries = read(next, CHUNK)?;
        let Some(last) = entries.last() else { return Ok(()) };
        next = last.position + 1;
        for entry in &entries {
            take(place, entry);
            place += 1;
        }
    }
}
