//! A mapping as it is written: every key, and nothing else.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::history) enum Format {
    Parquet,
    Csv,
    Jsonl,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Typed {
    #[serde(default)]
    pub(super) tenant: Option<String>,
    #[serde(default)]
    pub(super) format: Option<Format>,
    #[serde(default)]
    pub(super) row_prefix: Option<String>,
    #[serde(default)]
    pub(super) card_number_exempt: Vec<String>,
    pub(super) columns: Columns,
    #[serde(default)]
    pub(super) label: Option<TypedLabel>,
    #[serde(default)]
    pub(super) report: Option<TypedReport>,
    #[serde(default)]
    pub(super) defaults: TypedDefaults,
    #[serde(default)]
    pub(super) time: TypedTime,
    #[serde(default)]
    pub(super) channels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub(super) transaction_id: Option<String>,
    pub(super) time: Option<String>,
    pub(super) account: Option<String>,
    pub(super) amount: Option<String>,
    pub(super) amount_minor: Option<String>,
    pub(super) merchant: Option<String>,
    pub(super) device: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) counterparty: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) merchant_category: Option<String>,
    pub(super) account_country: Option<String>,
    pub(super) ip_country: Option<String>,
    pub(super) merchant_country: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedLabel {
    pub(super) column: Option<String>,
    pub(super) fraud_values: Option<Vec<toml::Value>>,
    pub(super) known_after_days: Option<f64>,
    pub(super) known_at: Option<String>,
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) legitimate: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedReport {
    pub(super) scenario: String,
    #[serde(default)]
    pub(super) none: Vec<toml::Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedDefaults {
    pub(super) currency: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) merchant_category: Option<String>,
    pub(super) account_country: Option<String>,
    pub(super) ip_country: Option<String>,
    pub(super) merchant_country: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedTime {
    pub(super) format: Option<String>,
}
