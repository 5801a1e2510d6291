//! What one log entry looks like, and what the transactions table holds of a payment.
//!
//! An entry is a tag byte, a short fixed head and JSON: `1 event`, `2 body-hash(32) payment-event`,
//! `3 payment-position(8, little endian) verdict`, `4 payment-event` of a history that was loaded, and where the log is the journal of a
//! Kafka cluster `5 transactions-offset(8) labels-offset(8) body-hash(32) payment-event` and `6 rejected message`. Beside payments there are
//! `7 control-event`, `8 payment-position(8, little endian) training-example` and `9 note`. The heads are there so that the transactions
//! table can be rebuilt from the log alone without reading the verdicts' JSON.

use super::LogError;

const EVENT: u8 = 1;
const PAYMENT: u8 = 2;
const VERDICT: u8 = 3;
const HISTORY: u8 = 4;
const STREAMED: u8 = 5;
const REJECTED: u8 = 6;
pub(super) const CONTROL: u8 = 7;
const EXAMPLE: u8 = 8;
const NOTE: u8 = 9;
pub(super) const CASE: u8 = 10;

/// An entry as read, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub position: u64,
    bytes: Vec<u8>,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A payment event and the hash of the request that brought it.
    Payment {
        /// Hash of the canonical request body.
        body_hash: [u8; 32],
        /// The event's JSON.
        event: &'a [u8],
    },
    /// Any other event's JSON.
    Event {
        /// The event's JSON.
        event: &'a [u8],
    },
    /// A payment from before the service took traffic: applied like any other, but it never gets a verdict.
    History {
        /// The event's JSON.
        event: &'a [u8],
    },
    /// A payment that was read from a Kafka topic.
    Streamed {
        /// Where it stood there, and what had been applied before it.
        cut: Offsets,
        /// Hash of the canonical request body.
        body_hash: [u8; 32],
        /// The event's JSON.
        event: &'a [u8],
    },
    /// A message from a Kafka topic that is no event, or contradicts an earlier one: it is applied by nobody and goes to the dead letters.
    Rejected {
        /// The message, as whoever rejected it encoded it.
        message: &'a [u8],
    },
    /// The verdict on an earlier payment.
    Verdict {
        /// Position of the payment.
        payment: u64,
        /// The verdict's JSON as replied.
        body: &'a [u8],
    },
    /// A change of what scores: models, experiments, policies, lists.
    Control {
        /// The control event's JSON.
        event: &'a [u8],
    },
    /// The training example of a payment that was decided.
    Example {
        /// Position of the payment.
        payment: u64,
        /// The example, see [`crate::example`].
        bytes: &'a [u8],
    },
    /// What was seen beside the verdicts, such as what a shadow model said. Nothing is folded from it but figures.
    Note {
        /// Its JSON.
        note: &'a [u8],
    },
    /// What happened to review cases.
    Case {
        /// The case event's JSON.
        event: &'a [u8],
    },
}

/// A payment's place among Kafka's topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// Offset of the payment in `transactions`: everything before it was applied.
    pub transactions: i64,
    /// First offset of `labels` that was not applied.
    pub labels: i64,
}

impl<'a> Record<'a> {
    /// The JSON of the event that is applied; none for whatever the graph never hears of.
    pub fn event(&self) -> Option<&'a [u8]> {
        match *self {
            Record::Payment { event, .. }
            | Record::Event { event }
            | Record::History { event }
            | Record::Streamed { event, .. } => Some(event),
            Record::Rejected { .. }
            | Record::Verdict { .. }
            | Record::Control { .. }
            | Record::Example { .. }
            | Record::Note { .. }
            | Record::Case { .. } => None,
        }
    }
}

impl Entry {
    pub(crate) fn new(position: u64, bytes: Vec<u8>) -> Entry {
        Entry { position, bytes }
    }

    /// Its bytes as the log holds them: a tag, a short head and what it says.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    ///
    /// # Errors
    /// Where the tag or the head is not one this build knows.
    pub fn record(&self) -> Result<Record<'_>, LogError> {
        parse(&self.bytes).ok_or(LogError::UnknownEntry { position: self.position })
    }
}

pub(super) fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    let (tag, rest) = bytes.split_first()?;
    match *tag {
        EVENT => Some(Record::Event { event: rest }),
        PAYMENT => {
            let (body_hash, event) = rest.split_first_chunk::<32>()?;
            Some(Record::Payment { body_hash: *body_hash, event })
        }
        VERDICT => {
            let (payment, body) = rest.split_first_chunk::<8>()?;
            Some(Record::Verdict { payment: u64::from_le_bytes(*payment), body })
        }
        HISTORY => Some(Record::History { event: rest }),
        STREAMED => {
            let (transactions, rest) = rest.split_first_chunk::<8>()?;
            let (labels, rest) = rest.split_first_chunk::<8>()?;
            let (body_hash, event) = rest.split_first_chunk::<32>()?;
            let cut = Offsets { transactions: i64::from_le_bytes(*transactions), labels: i64::from_le_bytes(*labels) };
            Some(Record::Streamed { cut, body_hash: *body_hash, event })
        }
        REJECTED => Some(Record::Rejected { message: rest }),
        CONTROL => Some(Record::Control { event: rest }),
        EXAMPLE => {
            let (payment, bytes) = rest.split_first_chunk::<8>()?;
            Some(Record::Example { payment: u64::from_le_bytes(*payment), bytes })
        }
        NOTE => Some(Record::Note { note: rest }),
        CASE => Some(Record::Case { event: rest }),
        _ => None,
    }
}

pub(super) fn history(json: &[u8]) -> Vec<u8> {
    joined(HISTORY, &[], json)
}

pub(super) fn event(json: &[u8]) -> Vec<u8> {
    joined(EVENT, &[], json)
}

pub(super) fn payment(body_hash: &[u8; 32], json: &[u8]) -> Vec<u8> {
    joined(PAYMENT, body_hash, json)
}

pub(super) fn streamed(cut: Offsets, body_hash: &[u8; 32], json: &[u8]) -> Vec<u8> {
    let mut head = [0; 48];
    head[..8].copy_from_slice(&cut.transactions.to_le_bytes());
    head[8..16].copy_from_slice(&cut.labels.to_le_bytes());
    head[16..].copy_from_slice(body_hash);
    joined(STREAMED, &head, json)
}

pub(super) fn rejected(message: &[u8]) -> Vec<u8> {
    joined(REJECTED, &[], message)
}

pub(super) fn control(json: &[u8]) -> Vec<u8> {
    joined(CONTROL, &[], json)
}

pub(super) fn example(payment: u64, bytes: &[u8]) -> Vec<u8> {
    joined(EXAMPLE, &payment.to_le_bytes(), bytes)
}

pub(super) fn note(json: &[u8]) -> Vec<u8> {
    joined(NOTE, &[], json)
}

pub(super) fn case(json: &[u8]) -> Vec<u8> {
    joined(CASE, &[], json)
}

pub(super) fn verdict(payment: u64, json: &[u8]) -> Vec<u8> {
    joined(VERDICT, &payment.to_le_bytes(), json)
}

fn joined(tag: u8, head: &[u8], json: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + head.len() + json.len());
    bytes.push(tag);
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(json);
    bytes
}

/// Tenant and transaction id as one key: `tenant 0x00 id`. Neither holds a zero byte: the rim refuses control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionKey(Box<[u8]>);

impl TransactionKey {
    /// The key of a tenant's transaction.
    pub fn new(tenant: &str, transaction_id: &str) -> TransactionKey {
        let mut bytes = Vec::with_capacity(tenant.len() + 1 + transaction_id.len());
        bytes.extend_from_slice(tenant.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(transaction_id.as_bytes());
        TransactionKey(bytes.into_boxed_slice())
    }

    /// The tenant.
    pub fn tenant(&self) -> &str {
        self.parts().0
    }

    /// The tenant's id of the transaction.
    pub fn transaction_id(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        std::str::from_utf8(&self.0)
            .ok()
            .and_then(|text| text.split_once('\0'))
            .expect("a key is two texts around a zero")
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What the transactions table holds of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionRow {
    /// Position of the payment.
    pub payment: u64,
    /// Hash of the canonical request body; zeros where it was loaded as history.
    pub body_hash: [u8; 32],
    /// Where its verdict stands.
    pub verdict: VerdictPlace,
}

/// Where the verdict on a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictPlace {
    /// Not made yet: it is being decided, or the process died in between.
    Undecided,
    /// At this position.
    At(u64),
    /// Nowhere, ever: the payment was loaded as history.
    Never,
}

/// Bytes of an encoded row: payment position, hash, verdict position + 1 (0: undecided; all ones: never).
pub(super) const ROW_BYTES: usize = 48;
const NEVER: u64 = u64::MAX;

impl TransactionRow {
    pub(super) fn encode(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[..8].copy_from_slice(&self.payment.to_le_bytes());
        bytes[8..40].copy_from_slice(&self.body_hash);
        let verdict = match self.verdict {
            VerdictPlace::Undecided => 0,
            VerdictPlace::At(position) => position + 1,
            VerdictPlace::Never => NEVER,
        };
        bytes[40..].copy_from_slice(&verdict.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; ROW_BYTES]) -> TransactionRow {
        let (payment, rest) = bytes.split_first_chunk::<8>().expect("a row is longer than its first field");
        let (body_hash, rest) = rest.split_first_chunk::<32>().expect("a row is longer than its first two fields");
        let (verdict, _) = rest.split_first_chunk::<8>().expect("a row ends with eight bytes");
        TransactionRow {
            payment: u64::from_le_bytes(*payment),
            body_hash: *body_hash,
            verdict: match u64::from_le_bytes(*verdict) {
                0 => VerdictPlace::Undecided,
                NEVER => VerdictPlace::Never,
                position => VerdictPlace::At(position - 1),
            },
        }
    }
}
