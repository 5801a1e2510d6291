//! Events: the only input of the core. Everything else (graph, windows, tensors, verdicts) is derived from them.
//!
//! These are domain types. Their JSON form (wire and log) belongs to the service, which checks every bound
//! stated here before an event is built; the core relies on them.

/// Version of the event layout this build writes; readers accept this version and older ones.
pub const SCHEMA_VERSION: u16 = 1;

/// One entry of the event log: the fixed envelope and what happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique id of this event (not of the transaction it speaks of).
    pub event_id: String,
    /// Customer the event belongs to; part of every entity key, so that tenants never share a node.
    pub tenant: String,
    /// Layout version the event was written with.
    pub schema_version: u16,
    /// When it happened in the world, UTC milliseconds since the epoch. A label's time is when it became *known*.
    pub occurred_at_ms: i64,
    /// When this system accepted it, UTC milliseconds since the epoch.
    pub ingested_at_ms: i64,
    /// System that produced it, e.g. `http`, `history`.
    pub source: String,
    /// Person or system that acted, e.g. an analyst's id; empty when the source itself acted.
    pub actor: String,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A payment asks for a verdict.
    Payment(Payment),
    /// Somebody told whether a payment was fraud.
    Label(Label),
    /// What finally became of a payment. Logged, but no feature reads it: a refusal may be our own doing.
    Outcome(PaymentOutcome),
}

/// A payment as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// Caller's id; one verdict for ever per tenant and id. 1–128 bytes.
    pub transaction_id: String,
    /// Paying account. 1–128 bytes, as every identifier here.
    pub account: String,
    /// Device the payment was made from.
    pub device: Option<String>,
    /// IP address the payment came from.
    pub ip: Option<String>,
    /// Merchant that is paid.
    pub merchant: Option<String>,
    /// Receiving account of a transfer.
    pub counterparty: Option<String>,
    /// Amount in minor units of `currency`; at most 2^53.
    pub amount_minor: u64,
    /// ISO 4217 code, upper case.
    pub currency: [u8; 3],
    /// How the payment was made.
    pub channel: Channel,
    /// ISO 18245 merchant category code.
    pub merchant_category: Option<u16>,
    /// ISO 3166-1 alpha-2 country of the account, upper case.
    pub account_country: Option<[u8; 2]>,
    /// Country the IP address is in.
    pub ip_country: Option<[u8; 2]>,
    /// Country of the merchant.
    pub merchant_country: Option<[u8; 2]>,
}

/// How a payment was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// Card used on a web page or in an app.
    Ecommerce = 0,
    /// Card present at a till.
    CardPresent = 1,
    /// Account to account.
    Transfer = 2,
    /// Wallet balance or wallet token.
    Wallet = 3,
    /// Cash withdrawal.
    Atm = 4,
}

/// Somebody told whether a payment was fraud. `Event::occurred_at_ms` is when this became known.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The payment it speaks of.
    pub transaction_id: String,
    /// True: fraud; false: legitimate.
    pub fraud: bool,
    /// Who says so.
    pub source: LabelSource,
}

/// Who told, weakest first: a label replaces a standing one whose source is not stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LabelSource {
    /// The customer called.
    CustomerReport = 1,
    /// The card scheme warned.
    EarlyFraudWarning = 2,
    /// An analyst decided a case.
    Analyst = 3,
    /// The bank took the money back.
    Chargeback = 4,
}

/// What finally became of a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentOutcome {
    /// The payment it speaks of.
    pub transaction_id: String,
    /// What became of it.
    pub status: OutcomeStatus,
}

/// Final state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeStatus {
    /// Went through.
    Authorised,
    /// Was refused.
    Refused,
    /// Was undone before settlement.
    Reversed,
    /// Was paid back after settlement.
    Refunded,
}
