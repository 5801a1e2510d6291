//! What stands in a snapshot file, and the seal that tells whether a bit of it changed.
//!
//! ```text
//! head     "ARROW1", the schema with the header (JSON) in its metadata     ─┐ blake3 of each piece ─┐
//! column…  a record batch of one row: name, and the values in the list of   │                       │
//!          their type (u8, u16, u32, u64, f32), the others null            ─┘                       │
//! tail     end of stream, footer with index (JSON) and seal, "ARROW1"   ◄── the seal is the blake3  ◄┘
//!                                                                           of the tail, itself as zeros
//! ```
//!
//! A reader takes the tail first, then believes the index, then each piece as its checksum is found right. Later formats keep the seal
//! and the header's `format`, so that an older build can tell "newer" from "damaged".

use super::Mark;
use super::name::hex;
use arrow::datatypes::{DataType, Field, Schema};
use fraudnet_features::State;
use fraudnet_features::schema::{FEATURE_CODE_VERSION, fingerprint};
use fraudnet_graph::Limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Layout this build writes; it reads this one and older ones.
pub const FORMAT: u32 = 1;

/// Key of the header in the schema's metadata.
pub(super) const HEADER_KEY: &str = "fraudnet.snapshot";
/// Key of the index in the footer's metadata.
pub(super) const INDEX_KEY: &str = "fraudnet.index";
/// Key of the seal in the footer's metadata.
pub(super) const SEAL_KEY: &str = "fraudnet.seal";
/// Types a column may have, in the order of the fields after `column`.
pub(super) const KINDS: [&str; 5] = ["u8", "u16", "u32", "u64", "f32"];

/// Bytes of the tail besides the footer itself: the end of the stream before it, its length and the magic after it.
pub(super) const TAIL_EXTRA: u64 = 8 + TRAILER as u64;
/// Length of the footer and magic: what an Arrow file ends with.
pub(super) const TRAILER: usize = 10;
/// No footer is as large: some hundred bytes a column.
pub(super) const MAX_TAIL: u64 = 64 << 20;

/// The facts about a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Layout of the file.
    pub format: u32,
    /// Version of the build that wrote it.
    pub build: String,
    /// Identity of the log, hex.
    pub journal: String,
    /// First log position that is not folded in.
    pub position: u64,
    /// Kafka topics and the offset to go on from.
    pub offsets: BTreeMap<String, i64>,
    /// When it was made, UTC milliseconds since the epoch.
    pub taken_at_ms: i64,
    /// Version of the feature code whose windows these are.
    pub feature_code_version: u32,
    /// Fingerprint of the feature schema.
    pub feature_fingerprint: String,
    /// Entities kept at most.
    pub max_entities: u32,
    /// Edges kept at most.
    pub max_edges: u32,
    /// Transactions remembered at most.
    pub max_transactions: u32,
    /// Seconds of inactivity after which an entity, edge or transaction leaves.
    pub max_age_s: u32,
    /// Hash of the state, hex.
    pub state_hash: String,
    /// Entities in the graph.
    pub entities: u32,
    /// Distinct edges in the graph.
    pub edges: u32,
    /// Transactions the graph remembers.
    pub transactions: u32,
}

impl Header {
    pub(super) fn of(state: &State, limits: Limits, mark: &Mark) -> Header {
        let stats = state.graph().stats();
        Header {
            format: FORMAT,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            journal: hex(&mark.journal),
            position: mark.position,
            offsets: mark.offsets.iter().cloned().collect(),
            taken_at_ms: mark.taken_at_ms,
            feature_code_version: FEATURE_CODE_VERSION,
            feature_fingerprint: fingerprint().to_owned(),
            max_entities: limits.max_entities,
            max_edges: limits.max_edges,
            max_transactions: limits.max_transactions,
            max_age_s: limits.max_age_s,
            state_hash: hex(&state.state_hash()),
            entities: stats.entities,
            edges: stats.edges,
            transactions: stats.transactions,
        }
    }

    /// Bounds of the graph it was made with.
    pub fn limits(&self) -> Limits {
        Limits {
            max_entities: self.max_entities,
            max_edges: self.max_edges,
            max_transactions: self.max_transactions,
            max_age_s: self.max_age_s,
        }
    }
}

/// The one field of the header that every format keeps.
#[derive(Deserialize)]
pub(super) struct HeaderFormat {
    pub format: u32,
}

/// A column in the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Name the state gave it.
    pub name: String,
    /// Type of a value: `u8`, `u16`, `u32`, `u64`, `f32`.
    pub kind: String,
    /// How many values.
    pub values: u64,
    /// Bytes in the file.
    pub bytes: u64,
    /// Checksum of those bytes, hex.
    pub blake3: String,
}

/// The index of a file: what stands before the columns, and the columns in order; each begins where the one before it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    /// Bytes before the first column.
    pub head_bytes: u64,
    /// Checksum of those bytes, hex.
    pub head_blake3: String,
    /// The columns.
    pub columns: Vec<ColumnEntry>,
}

/// The schema of a file.
pub(super) fn schema(header: &Header) -> Arc<Schema> {
    let list = |kind: &str| {
        let value = match kind {
            "u8" => DataType::UInt8,
            "u16" => DataType::UInt16,
            "u32" => DataType::UInt32,
            "u64" => DataType::UInt64,
            _ => DataType::Float32,
        };
        Field::new(kind, DataType::List(Arc::new(Field::new("item", value, false))), true)
    };
    let mut fields = vec![Field::new("column", DataType::Utf8, false)];
    fields.extend(KINDS.map(list));
    let header = serde_json::to_string(header).expect("a header is plain data");
    Arc::new(
        Schema::new(fields)
            .with_metadata([(HEADER_KEY.to_owned(), header)].into_iter().collect::<std::collections::HashMap<_, _>>()),
    )
}

const MARKER: &[u8] = b"fraudnet-seal:blake3:";
const HASH_DIGITS: usize = 64;

/// The seal's value before it is set.
pub(super) fn blank_seal() -> String {
    format!("fraudnet-seal:blake3:{}", "0".repeat(HASH_DIGITS))
}

/// Sets the seal of a tail that was written with a blank one.
///
/// # Panics
/// Where the tail has no seal.
pub(super) fn set_seal(tail: &mut [u8]) {
    let at = find_seal(tail).expect("the footer was just written with a blank seal");
    let digits = blake3::hash(tail).to_hex();
    tail[at..at + HASH_DIGITS].copy_from_slice(digits.as_bytes());
}

/// Whether the tail is as it was sealed.
pub(super) fn check_seal(tail: &[u8]) -> Result<(), &'static str> {
    let at = find_seal(tail).ok_or("its end holds no seal")?;
    let (before, rest) = tail.split_at(at);
    let (digits, after) = rest.split_at(HASH_DIGITS);
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&[b'0'; HASH_DIGITS]).update(after);
    if hasher.finalize().to_hex().as_bytes() == digits { Ok(()) } else { Err("its end does not match its seal") }
}

/// Where the digits of the one seal begin.
fn find_seal(tail: &[u8]) -> Option<usize> {
    let mut found = None;
    for (at, window) in tail.windows(MARKER.len()).enumerate() {
        if window == MARKER {
            if found.is_some() {
                return None;
            }
            found = Some(at + MARKER.len());
        }
    }
    found.filter(|at| at + HASH_DIGITS <= tail.len())
}
