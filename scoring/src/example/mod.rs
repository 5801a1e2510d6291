//! Training examples: what a payment looked like when it was decided, exactly as the model saw it, small enough to keep.
//!
//! In reading order: this file (what an example says, which are kept, the bytes around), `layout` (the tensor's parts), `columns` (how a
//! table of floats becomes few bits), `range_coder` (bits to bytes).
//!
//! ```text
//! offset  size
//!      0     4  "FNEX"
//!      4     1  version: 2
//!      5     1  flags: 1 account known, 2 logit known, 4 cut known, 8 control group; the others are zero
//!      6     2  bytes of the head, H
//!      8     H  head: occurred_at_ms i64, position u64, cut (transactions i64, labels i64), decision u8 (0 approve, 1 challenge,
//!               2 review, 3 decline), tier u8 (0 hybrid, 1 trees_v2, 2 trees_v1, 3 rules), fraud_probability f32, logit f32,
//!               inclusion_probability f32, propensity f32, feature schema 8 bytes (the first of its fingerprint); then tenant, transaction_id,
//!               account, the cut's journal, model, model_version, subgraph_digest, each a length u16 and so many bytes of UTF-8
//!    8+H     …  tensor, range-coded (see `layout`); used rows only, every bit as served
//!   last     8  first 8 bytes of BLAKE3 over all before
//! ```
//!
//! Numbers are little-endian. What is not known is zero (or empty), and its flag is not set. A bundled tensor of 21 kB takes 6.8 kB and about
//! 0.4 ms either way: work for the thread that commits, never for the engine's.
//!
//! Never knows: Kafka, labels (they are joined by transaction id later), how examples are used.

mod columns;
mod head;
mod layout;
mod range_coder;
#[cfg(test)]
mod tests;

pub use head::ExampleHead;

use crate::verdict::Decision;
use fraudnet_features::{Tensor, schema};
use range_coder::{Decoder, Encoder};

/// Media type of an encoded example.
pub const CONTENT_TYPE: &str = "application/vnd.fraudnet.training-example";
/// Version of the layout.
pub const VERSION: u8 = 2;

const MAGIC: [u8; 4] = *b"FNEX";
/// Bytes before the head.
const PREFIX: usize = 8;
const CHECKSUM: usize = 8;
/// Larger than any example can be: a tensor of random bits takes 36 kB, a head 1 kB.
const MAX_BYTES: usize = 256 * 1024;

/// A training example as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Whose it is and how it was decided.
    pub head: ExampleHead,
    /// What the model saw.
    pub tensor: Tensor,
}

/// Why bytes are no example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    /// Not ours, or cut off at the front.
    #[error("this is no training example: it does not start with FNEX")]
    Foreign,
    /// Of a layout this build does not know.
    #[error(
        "this training example has layout {found}, and this build reads layout 2: read it with the build that wrote it or a newer one"
    )]
    OtherVersion {
        /// What it says.
        found: u8,
    },
    /// Some of its bytes are not those that were written.
    #[error("this training example is damaged: its checksum does not hold; leave it out")]
    Damaged,
    /// The checksum holds, but a part is not what the layout says.
    #[error("this training example cannot be read: {part} is not what the layout allows; leave it out")]
    Malformed {
        /// Which.
        part: &'static str,
    },
    /// Its columns mean something else than this build's.
    #[error(
        "this training example holds the columns of feature schema {found}, this build's is {ours}: use the build that wrote it"
    )]
    OtherSchema {
        /// First 8 bytes of its fingerprint in hex.
        found: String,
        /// First 8 bytes of ours.
        ours: String,
    },
}

/// Whether a payment's example is kept, and with which probability such a payment is. All that was not simply approved is; of the rest a
/// share of `share`, drawn by a hash of the id, so that every replica draws alike and a second try draws the same.
pub fn keep(tenant: &str, transaction_id: &str, decision: Decision, share: f64) -> Option<f32> {
    if decision != Decision::Approve {
        return Some(1.0);
    }
    let mut hasher = blake3::Hasher::new();
    // A purpose of its own: no other draw by the same id may agree with this one.
    hasher
        .update(b"fraudnet training example\0")
        .update(tenant.as_bytes())
        .update(b"\0")
        .update(transaction_id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // 53 bits, which a double holds exactly: from 0 up to but never 1.
    let drawn = (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64;
    (drawn < share).then_some(share as f32)
}

/// The bytes of an example. Equal inputs give equal bytes.
///
/// # Panics
/// Where `tensor` does not have the shape that observing gives, or a text is longer than 65,535 bytes: neither comes from outside.
pub fn encode(head: &ExampleHead, tensor: &Tensor) -> Vec<u8> {
    let told = head.write(schema_prefix());
    let mut bytes = Vec::with_capacity(12 * 1024);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, head.flags()]);
    bytes.extend_from_slice(&u16::try_from(told.len()).expect("ids are short and so is a model's name").to_le_bytes());
    bytes.extend_from_slice(&told);
    let mut encoder = Encoder::after(bytes);
    let written = layout::tensor(&mut encoder, tensor);
    assert!(
        written.as_ref().is_ok_and(|written| same_shape(written, tensor)),
        "the tensor does not have a sampled shape"
    );
    let mut bytes = encoder.finish();
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// Reads the head of an example alone, which takes a hundredth of the time. Its checksum is looked at, the tensor is not.
///
/// # Errors
/// As [`decode`].
pub fn decode_head(bytes: &[u8]) -> Result<ExampleHead, ExampleError> {
    Ok(open(bytes)?.0)
}

/// Reads an example. Whatever the bytes are, it ends within the time of a whole example and takes no more memory than one.
///
/// # Errors
/// [`ExampleError`], the most telling that applies.
pub fn decode(bytes: &[u8]) -> Result<Example, ExampleError> {
    let (head, coded) = open(bytes)?;
    let tensor = layout::tensor(&mut Decoder::new(coded), &Tensor::default())
        .map_err(|layout::WrongShape| ExampleError::Malformed { part: "the tensor's shape" })?;
    Ok(Example { head, tensor })
}

/// The head, and the coded tensor.
fn open(bytes: &[u8]) -> Result<(ExampleHead, &[u8]), ExampleError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(ExampleError::Foreign);
    }
    let body = bytes.len().checked_sub(CHECKSUM).filter(|&end| end >= PREFIX && bytes.len() <= MAX_BYTES);
    let (told, sum) = bytes.split_at(body.ok_or(ExampleError::Damaged)?);
    if checksum(told) != sum {
        return Err(ExampleError::Damaged);
    }
    if told[4] != VERSION {
        return Err(ExampleError::OtherVersion { found: told[4] });
    }
    let head_end = PREFIX + usize::from(u16::from_le_bytes([told[6], told[7]]));
    let head = told.get(PREFIX..head_end).ok_or(ExampleError::Malformed { part: "the head's length" })?;
    let (head, schema) = ExampleHead::read(told[5], head).map_err(|part| ExampleError::Malformed { part })?;
    if schema != schema_prefix() {
        return Err(ExampleError::OtherSchema { found: hex(&schema), ours: hex(&schema_prefix()) });
    }
    Ok((head, &told[head_end..]))
}

fn same_shape(one: &Tensor, other: &Tensor) -> bool {
    let shape =
        |tensor: &Tensor| (tensor.nodes.len(), tensor.neighbours.len(), tensor.edges.len(), tensor.payment.len());
    one.hop_counts == other.hop_counts && one.row_ends == other.row_ends && shape(one) == shape(other)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut first = [0; CHECKSUM];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM]);
    first
}

/// The first 8 bytes of the feature schema's fingerprint.
fn schema_prefix() -> [u8; 8] {
    let digit =
        |at: usize| (schema::fingerprint().as_bytes()[at] as char).to_digit(16).expect("a fingerprint is hex") as u8;
    std::array::from_fn(|at| digit(2 * at) << 4 | digit(2 * at + 1))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
