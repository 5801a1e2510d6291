//! The mapping: which of a file's columns is what; `typed` as somebody writes it, `check` turns that into this.
//!
//! `ours = "theirs"` under `[columns]`. Columns nobody names are not read. `deploy/mappings/` holds whole ones.

mod check;
mod typed;

use super::moment::TimeForm;
use fraudnet_graph::{Channel, LabelSource};
use std::collections::HashMap;

pub(super) use typed::Format;

/// A column by its index in [`Mapping::columns`].
pub(in crate::history) type Column = usize;

/// A column with what stands in for it where it is not named, or a row has nothing in it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::history) struct Optional<T> {
    pub(in crate::history) column: Option<Column>,
    pub(in crate::history) default: Option<T>,
}

/// A checked mapping.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::history) struct Mapping {
    pub(in crate::history) format: Option<Format>,
    /// Every column of the file that is read, once, with the key of the mapping that first names it.
    pub(in crate::history) columns: Vec<(String, &'static str)>,
    pub(in crate::history) tenant: String,
    pub(in crate::history) row_prefix: String,
    pub(in crate::history) card_numbers: CardNumbers,
    pub(in crate::history) transaction_id: Option<Column>,
    pub(in crate::history) time: Column,
    pub(in crate::history) time_form: TimeForm,
    pub(in crate::history) account: Column,
    pub(in crate::history) amount: Column,
    /// The amount is told in minor units.
    pub(in crate::history) amount_is_minor: bool,
    pub(in crate::history) merchant: Option<Column>,
    pub(in crate::history) device: Option<Column>,
    pub(in crate::history) ip: Option<Column>,
    pub(in crate::history) counterparty: Option<Column>,
    /// With its number of decimals.
    pub(in crate::history) currency: Optional<([u8; 3], u8)>,
    pub(in crate::history) channel: Optional<Channel>,
    /// Their words for channels.
    pub(in crate::history) channels: HashMap<String, Channel>,
    pub(in crate::history) merchant_category: Optional<u16>,
    pub(in crate::history) account_country: Optional<[u8; 2]>,
    pub(in crate::history) ip_country: Optional<[u8; 2]>,
    pub(in crate::history) merchant_country: Optional<[u8; 2]>,
    pub(in crate::history) label: Option<LabelRule>,
    pub(in crate::history) group: Option<GroupRule>,
}

/// In which fields card numbers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::history) struct CardNumbers {
    pub(in crate::history) account: bool,
    pub(in crate::history) device: bool,
    pub(in crate::history) ip: bool,
    pub(in crate::history) merchant: bool,
    pub(in crate::history) counterparty: bool,
}

/// Where truth and labels come from.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::history) struct LabelRule {
    pub(in crate::history) column: Column,
    /// Words for fraud; `None` for 1 and 0, true and false, yes and no.
    pub(in crate::history) frauds: Option<Vec<String>>,
    pub(in crate::history) known: Known,
    pub(in crate::history) source: LabelSource,
    /// Payments known to be legitimate get a label as well.
    pub(in crate::history) legitimate: bool,
}

/// When a label becomes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::history) enum Known {
    /// So many milliseconds after its payment.
    After(i64),
    /// At the time in that column.
    At(Column),
}

/// What figures are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::history) struct GroupRule {
    pub(in crate::history) column: Column,
    /// Values that mean none.
    pub(in crate::history) none: Vec<String>,
}

impl Mapping {
    /// Reads and checks the text of a mapping.
    ///
    /// # Errors
    /// The first thing wrong, and what to write instead.
    pub(in crate::history) fn parse(text: &str) -> Result<Mapping, String> {
        let typed: typed::Typed = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.as_bytes().get(..span.start));
            let line = before.map(|before| 1 + before.iter().filter(|byte| **byte == b'\n').count());
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            format!("{place}{}", error.message().replace('\n', " "))
        })?;
        check::check(typed)
    }
}

/// The words of a closed set, for messages.
pub(in crate::history) fn words<T>(set: &[(&str, T)]) -> String {
    set.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}
