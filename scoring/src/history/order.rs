//! Labels among payments, by when they become known; payments ascending and each once.
//!
//! A label known in a millisecond stands after every payment of that millisecond, and before the first of the next: who pays at that
//! moment cannot know it yet. Labels of one millisecond stand in the order of their payments. Labels still open at the end follow the
//! last payment.
//!
//! Cost: 40 bytes a payment for the ids, and what the open labels take.

use super::HistoryEvent;
use super::error::{Fault, kind};
use super::mapping::Mapping;
use super::row::{Row, label_event, payment_event};
use crate::wire::format_timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

/// An open label: when it becomes known, the number of its payment, its id, fraud or not.
type Open = Reverse<(i64, u64, String, bool)>;

#[derive(Default)]
pub(super) struct Order {
    /// The payment read last, waiting for the labels before it.
    waiting: Option<(Row, u64)>,
    labels: BinaryHeap<Open>,
    /// Ids seen, as 128 bits of their digest: two different ones do not meet.
    ids: HashSet<u128>,
    latest_ms: Option<i64>,
    payments: u64,
}

impl Order {
    /// Takes the next row of the file.
    ///
    /// # Errors
    /// An earlier time than the row before, or an id that was there.
    pub(super) fn take(&mut self, row: Row, mapping: &Mapping) -> Result<(), Fault> {
        debug_assert!(self.waiting.is_none(), "what waits is fetched before the next row");
        if let Some(latest_ms) = self.latest_ms.filter(|&latest_ms| row.at_ms < latest_ms) {
            let reason = format!(
                "lies before {}, the time of a payment above it: sort the file by its time column",
                format_timestamp(latest_ms)
            );
            return Err(
                Fault::new(kind::OUT_OF_ORDER, reason).of(mapping.time, Some(format_timestamp(row.at_ms).into()))
            );
        }
        if let Some(column) = mapping.transaction_id {
            let id = row.payment.transaction_id.as_bytes();
            let digest: [u8; 16] = *blake3::hash(id).as_bytes().first_chunk().expect("a digest has 32 bytes");
            if !self.ids.insert(u128::from_le_bytes(digest)) {
                let reason =
                    "stands for a payment above already: every payment needs an id of its own; take repeated rows out";
                let value = row.payment.transaction_id.as_str().into();
                return Err(Fault::new(kind::REPEATED_ID, reason).of(column, Some(value)));
            }
        }
        self.latest_ms = Some(row.at_ms);
        self.payments += 1;
        self.waiting = Some((row, self.payments));
        Ok(())
    }

    /// The next event that is certain: `None` asks for the next row, or at the end of the file says that this was all.
    pub(super) fn next(&mut self, mapping: &Mapping, at_end: bool) -> Option<HistoryEvent> {
        let due = match (&self.waiting, self.labels.peek()) {
            (Some((row, _)), Some(Reverse((known_ms, ..)))) => *known_ms < row.at_ms,
            (None, Some(_)) => at_end,
            (_, None) => false,
        };
        if due
            && let (Some(Reverse((known_ms, _, transaction_id, fraud))), Some(rule)) =
                (self.labels.pop(), &mapping.label)
        {
            let event = label_event(&mapping.tenant, known_ms, transaction_id, fraud, rule.source);
            return Some(HistoryEvent { event, truth: None });
        }
        let (row, number) = self.waiting.take()?;
        if let Some((known_ms, fraud)) = row.label {
            self.labels.push(Reverse((known_ms, number, row.payment.transaction_id.clone(), fraud)));
        }
        Some(HistoryEvent { event: payment_event(&mapping.tenant, row.at_ms, row.payment), truth: row.truth })
    }
}
