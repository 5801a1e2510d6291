//! What `POST /v1/transactions:score` takes.

use super::fields::Fields;
use super::object::read_object;
use super::timestamp::format_timestamp;
use super::{ChannelName, InputRules, RequestError, bounds};
use fraudnet_graph::{Event, Payment};
use serde::{Deserialize, Serialize};

/// A payment that asks for a verdict. Unknown fields are refused. A `merchant`, a `counterparty_account` or both must be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreRequest {
    /// Your id of the payment: one verdict for ever. Sent again with the same body, it gives the verdict it has.
    #[schema(min_length = 1, max_length = 128, example = "tx-2026-000001")]
    pub transaction_id: String,
    /// When the payment was made, RFC 3339; the time of arrival where absent. At most 5 minutes ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00.000Z")]
    pub occurred_at: Option<String>,
    /// Paying account: a token, never a card number.
    #[schema(min_length = 1, max_length = 128, example = "acct-81")]
    pub account: String,
    /// Device the payment was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128, example = "dev-17")]
    pub device: Option<String>,
    /// IP address the payment came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128, example = "203.0.113.7")]
    pub ip: Option<String>,
    /// Merchant that is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128, example = "shop-4")]
    pub merchant: Option<String>,
    /// Receiving account of a transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub counterparty_account: Option<String>,
    /// Amount in minor units of the currency (cents; whole yen).
    #[schema(maximum = 9_007_199_254_740_992_i64, example = 1999)]
    pub amount_minor: u64,
    /// ISO 4217 code.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// How the payment was made.
    pub channel: ChannelName,
    /// ISO 18245 merchant category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{4}$", example = "5411")]
    pub merchant_category: Option<String>,
    /// Country of the account, ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{2}$", example = "DE")]
    pub account_country: Option<String>,
    /// Country the IP address is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{2}$", example = "DE")]
    pub ip_country: Option<String>,
    /// Country of the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{2}$", example = "NL")]
    pub merchant_country: Option<String>,
}

pub(super) const FIELDS: [&str; 14] = [
    "transaction_id",
    "occurred_at",
    "account",
    "device",
    "ip",
    "merchant",
    "counterparty_account",
    "amount_minor",
    "currency",
    "channel",
    "merchant_category",
    "account_country",
    "ip_country",
    "merchant_country",
];

/// A checked payment as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedPayment {
    /// The payment.
    pub payment: Payment,
    /// When it was made, if the caller said so; UTC milliseconds since the epoch.
    pub occurred_at_ms: Option<i64>,
}

/// Reads and checks a request. `now_ms` is the wall clock, to which the told time is compared.
pub fn read_score_request(bytes: &[u8], now_ms: i64, rules: &InputRules) -> Result<ReceivedPayment, RequestError> {
    let mut fields = Fields::new(&FIELDS, read_object(bytes, &FIELDS)?, rules);
    for required in ["transaction_id", "account", "amount_minor", "currency", "channel"] {
        fields.require(required);
    }
    if !fields.is_given("merchant") && !fields.is_given("counterparty_account") {
        fields.fault("merchant", bounds::NO_PAYEE);
    }
    let transaction_id = fields.identifier("transaction_id");
    let occurred_at_ms = fields.told_time("occurred_at", now_ms);
    let account = fields.identifier("account");
    let device = fields.identifier("device");
    let ip = fields.identifier("ip");
    let merchant = fields.identifier("merchant");
    let counterparty = fields.identifier("counterparty_account");
    let amount_minor = fields.amount("amount_minor");
    let currency = fields.text("currency", |code| bounds::currency(&code));
    let channel = fields.word("channel", ChannelName::WORDS);
    let merchant_category = fields.text("merchant_category", |code| bounds::merchant_category(&code));
    let account_country = fields.country("account_country");
    let ip_country = fields.country("ip_country");
    let merchant_country = fields.country("merchant_country");
    fields.finish(|| {
        let payment = Payment {
            transaction_id: transaction_id?,
            account: account?,
            device,
            ip,
            merchant,
            counterparty,
            amount_minor: amount_minor?,
            currency: currency?,
            channel: channel?,
            merchant_category,
            account_country,
            ip_country,
            merchant_country,
        };
        Some(ReceivedPayment { payment, occurred_at_ms })
    })
}

impl ReceivedPayment {
    /// Hash of what was asked, in one canonical form: order of fields, blanks and spelling of the time make no difference, and a time that
    /// was left out counts as left out.
    pub fn body_hash(&self) -> [u8; 32] {
        let payment = &self.payment;
        let occurred_at = self.occurred_at_ms.map(i64::to_le_bytes);
        let category = payment.merchant_category.map(u16::to_le_bytes);
        let parts: [Option<&[u8]>; FIELDS.len()] = [
            Some(payment.transaction_id.as_bytes()),
            occurred_at.as_ref().map(|bytes| bytes.as_slice()),
            Some(payment.account.as_bytes()),
            payment.device.as_deref().map(str::as_bytes),
            payment.ip.as_deref().map(str::as_bytes),
            payment.merchant.as_deref().map(str::as_bytes),
            payment.counterparty.as_deref().map(str::as_bytes),
            Some(&payment.amount_minor.to_le_bytes()),
            Some(&payment.currency),
            Some(&[payment.channel as u8]),
            category.as_ref().map(|bytes| bytes.as_slice()),
            payment.account_country.as_ref().map(|code| code.as_slice()),
            payment.ip_country.as_ref().map(|code| code.as_slice()),
            payment.merchant_country.as_ref().map(|code| code.as_slice()),
        ];
        // One buffer, one call: hashing part by part costs more than the hash.
        let mut canonical = Vec::with_capacity(256);
        for part in parts {
            // Length + 1, 0 for absent: no two requests run together into the same bytes.
            canonical.extend_from_slice(&part.map_or(0, |bytes| bytes.len() as u32 + 1).to_le_bytes());
            canonical.extend_from_slice(part.unwrap_or_default());
        }
        blake3::hash(&canonical).into()
    }
}

impl ScoreRequest {
    /// The request that asks for a verdict on this payment, as a client of the API sends it.
    pub fn new(payment: &Payment, occurred_at_ms: Option<i64>) -> ScoreRequest {
        let code = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ScoreRequest {
            transaction_id: payment.transaction_id.clone(),
            occurred_at: occurred_at_ms.map(format_timestamp),
            account: payment.account.clone(),
            device: payment.device.clone(),
            ip: payment.ip.clone(),
            merchant: payment.merchant.clone(),
            counterparty_account: payment.counterparty.clone(),
            amount_minor: payment.amount_minor,
            currency: code(&payment.currency),
            channel: payment.channel.into(),
            merchant_category: payment.merchant_category.map(|code| format!("{code:04}")),
            account_country: payment.account_country.map(|country| code(&country)),
            ip_country: payment.ip_country.map(|country| code(&country)),
            merchant_country: payment.merchant_country.map(|country| code(&country)),
        }
    }

    /// The same for an event; `None` where it is no payment.
    pub fn from_event(event: &Event) -> Option<ScoreRequest> {
        match &event.body {
            fraudnet_graph::Body::Payment(payment) => Some(ScoreRequest::new(payment, Some(event.occurred_at_ms))),
            _ => None,
        }
    }
}
