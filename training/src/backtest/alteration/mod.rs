//! Histories changed on purpose, for the controls: the same events with their structure, their labels or their future altered.
//!
//! In reading order: this file (what can be done, and the draws behind it), `edges` (who meets whom), `labels` (which payments are
//! fraud; `permutation` draws it), `future` (what comes after a cut, and labels told too early).
//!
//! Everything streams: an alteration holds at most a day of events, or what was said of the labelled payments. Those that must know
//! labels ahead read the history once more first. Never knows a model, a metric or a protocol.

mod edges;
mod future;
mod labels;
mod permutation;

use crate::data::source::{EventStream, Source};
use anyhow::Result;

/// What is done to a history before anything reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum Alteration {
    /// Within each day the merchants are dealt out anew among the payments that have one, and so are devices, IP addresses and
    /// counterparties: everybody keeps their number of payments a day, who meets whom is random.
    ShuffledEdges {
        /// Of the draws.
        seed: u64,
    },
    /// Which payments are fraud is permuted over all payments: truth and labels move together, each label keeps its delay.
    ShuffledLabels {
        /// Of the permutation.
        seed: u64,
    },
    /// From a moment on, a third of the payments is missing and the others have other amounts and merchants; half of the labels are
    /// missing and the others say the opposite.
    AlteredFuture {
        /// The moment, UTC milliseconds of acceptance.
        from_ms: i64,
        /// Of the draws.
        seed: u64,
    },
    /// Every label is told right after its payment, as a careless pipeline would that joins labels to payments by id.
    LabelsAtPayment,
    /// The history ends early.
    Until {
        /// End, exclusive, UTC milliseconds of acceptance.
        end_ms: i64,
    },
}

impl Alteration {
    /// In words, for the name of the altered history.
    pub fn name(&self) -> String {
        match self {
            Alteration::ShuffledEdges { seed } => format!("edges shuffled with seed {seed}"),
            Alteration::ShuffledLabels { seed } => format!("labels shuffled with seed {seed}"),
            Alteration::AlteredFuture { seed, .. } => format!("future altered with seed {seed}"),
            Alteration::LabelsAtPayment => "labels told at their payments".to_owned(),
            Alteration::Until { .. } => "ended early".to_owned(),
        }
    }

    /// The events of `base`, which `events` is a pass over, altered.
    ///
    /// # Errors
    /// What a first pass over `base` gives, where one is needed.
    pub fn apply(&self, base: &Source, events: EventStream) -> Result<EventStream> {
        Ok(match *self {
            Alteration::ShuffledEdges { seed } => Box::new(edges::ShuffledEdges::new(events, seed)),
            Alteration::ShuffledLabels { seed } => Box::new(labels::ShuffledLabels::new(base, events, seed)?),
            Alteration::AlteredFuture { from_ms, seed } => future::altered(events, from_ms, seed),
            Alteration::LabelsAtPayment => Box::new(future::LabelsAtPayment::new(base, events)?),
            Alteration::Until { end_ms } => Box::new(
                events
                    .take_while(move |event| event.as_ref().map_or(true, |event| event.event.ingested_at_ms < end_ms)),
            ),
        })
    }
}

/// A draw of 64 bits for a text: FNV-1a over its bytes, then the finaliser of splitmix64.
fn draw(seed: u64, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed(text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)))
}

/// The finaliser of splitmix64.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
pub(super) mod tests;
