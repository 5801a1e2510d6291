//! The JSON forms of what comes in and goes out, apart from the domain's types, and the only place that checks them.
//!
//! In reading order: [`bounds`] (every limit of every field), `names` (words for closed sets), `currency` (ISO 4217), `timestamp`
//! (RFC 3339), `event` (log and history form); then what HTTP takes: `object` (a flat JSON object), `fields` (checks that collect every
//! fault), `card_number`, `score_request`, `label_request`.
//!
//! Never knows: HTTP, the log, the clock (times to compare with are passed in).

pub mod bounds;
mod card_number;
mod currency;
mod event;
mod fields;
mod label_request;
mod names;
mod object;
mod score_request;
#[cfg(test)]
mod tests;
mod timestamp;

pub use card_number::holds_card_number;
pub use currency::{CURRENCIES, currency_exponent};
pub use event::{decode_event, encode_event};
pub use label_request::{LabelRequest, ReceivedLabel, read_label_request};
pub use names::{ChannelName, LabelSourceName, OutcomeName};
pub use score_request::{ReceivedPayment, ScoreRequest, read_score_request};
pub use timestamp::{format_timestamp, parse_timestamp};

/// A field that does not hold what it must.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema, thiserror::Error)]
#[error("{field}: {reason}")]
#[schema(as = FieldError)]
pub struct WireError {
    /// Field at fault, dotted path; `header …` for a header.
    pub field: String,
    /// What is wrong and what to do; never the value itself, which may be a card number.
    pub reason: String,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a JSON object of this request's shape: broken syntax or UTF-8, unknown or repeated fields, lists or objects inside.
    #[error("{detail}")]
    Malformed {
        /// What is wrong with the body as a whole.
        detail: String,
        /// Fields that should not be there.
        errors: Vec<WireError>,
    },
    /// Well formed, but fields hold what they must not; every one of them is listed.
    #[error("{} of the fields cannot be accepted", .0.len())]
    Invalid(Vec<WireError>),
}

/// Limits on requests that the operator sets.
#[derive(Debug, Clone, PartialEq)]
pub struct InputRules {
    /// Oldest payment or label taken, milliseconds before now.
    pub max_event_age_ms: i64,
    /// Refuse fields that hold card numbers.
    pub card_number_check: bool,
    /// Fields that are not looked at for them.
    pub card_number_exempt: Vec<String>,
}

/// Fields in which card numbers are looked for unless exempted.
pub const CARD_NUMBER_FIELDS: [&str; 5] = ["account", "device", "ip", "merchant", "counterparty_account"];
