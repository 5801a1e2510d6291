//! What an expression can ask of a payment.
//!
//! Cost: a look-up is a match on the name and one small allocation, about 50 ns; nothing is prepared for what no rule asks for.

use super::evaluate::PolicyInput;
use crate::verdict::{Decision, Tier};
use crate::wire::{ChannelName, currency_exponent};
use cel::common::types::{CelDouble, CelInt, CelNull, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use fraudnet_features::schema;
use fraudnet_graph::{Body, Event, Payment};
use fraudnet_models::ModelRef;
use std::sync::OnceLock;

/// What the names of features begin with.
pub(super) const FEATURE: &str = "feature";
const HOUR_MS: i64 = 3_600_000;

/// A name that expressions may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// `double`, `int` or `string`.
    pub kind: &'static str,
    /// Null where the payment does not have it.
    pub optional: bool,
    /// What it means.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, kind: &'static str, optional: bool, meaning: &'static str) -> Variable {
    Variable { name, kind, optional, meaning }
}

/// Every variable besides `feature.<name>`.
pub const VARIABLES: [Variable; 20] = [
    variable("amount", "double", false, "amount in major units of its currency, such as 25.99"),
    variable("amount_minor", "int", false, "amount in minor units, such as 2599"),
    variable("currency", "string", false, "ISO 4217 code"),
    variable("channel", "string", false, "ecommerce, card_present, transfer, wallet or atm"),
    variable("tenant", "string", false, "tenant the payment belongs to"),
    variable("account", "string", false, "paying account"),
    variable("device", "string", true, "device the payment was made from"),
    variable("ip", "string", true, "IP address the payment came from"),
    variable("merchant", "string", true, "merchant that is paid"),
    variable("counterparty", "string", true, "receiving account of a transfer"),
    variable("merchant_category", "string", true, "ISO 18245 code, four digits"),
    variable("account_country", "string", true, "ISO 3166-1 alpha-2 code of the account's country"),
    variable("ip_country", "string", true, "country the IP address is in"),
    variable("merchant_country", "string", true, "country of the merchant"),
    variable("hour_utc", "int", false, "hour of the day of the payment, 0 to 23, UTC"),
    variable("probability", "double", true, "calibrated probability of fraud, rounded to seven decimals"),
    variable("risk_score", "int", true, "the same for eyes, 0 to 100"),
    variable("decision", "string", true, "what the score alone decides: approve, challenge, review or decline"),
    variable("tier", "string", true, "rung of the ladder that answered"),
    variable("model", "string", true, "model that answered, name/version"),
];

/// What is known of a payment when rules are asked.
pub(super) struct Facts<'a> {
    event: &'a Event,
    payment: &'a Payment,
    /// Empty where no rule reads features.
    features: &'a [f32],
    /// None for a payment that never got a verdict.
    scored: Option<Scored<'a>>,
    merchant_category: Option<[u8; 4]>,
    model: OnceLock<String>,
}

/// What the score says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored<'a> {
    pub(super) probability: f32,
    pub(super) risk_score: u8,
    pub(super) decision: Decision,
    pub(super) tier: Tier,
    pub(super) model: &'a ModelRef,
}

impl<'a> Facts<'a> {
    /// None where the event is no payment.
    pub(super) fn new(event: &'a Event, features: &'a [f32], scored: Option<Scored<'a>>) -> Option<Facts<'a>> {
        let Body::Payment(payment) = &event.body else { return None };
        let digits = |code: u16| [1_000, 100, 10, 1].map(|place| b'0' + (code / place % 10) as u8);
        Some(Facts {
            event,
            payment,
            features,
            scored,
            merchant_category: payment.merchant_category.map(digits),
            model: OnceLock::new(),
        })
    }

    pub(super) fn of(input: &PolicyInput<'a>) -> Option<Facts<'a>> {
        let PolicyInput { event, features, probability, risk_score, decision, tier, model } = *input;
        Facts::new(event, features, Some(Scored { probability, risk_score, decision, tier, model }))
    }

    pub(super) fn event(&self) -> &'a Event {
        self.event
    }

    pub(super) fn payment(&self) -> &'a Payment {
        self.payment
    }

    fn amount(&self) -> f64 {
        let decimals = currency_exponent(self.payment.currency).unwrap_or(2);
        self.payment.amount_minor as f64 / 10_f64.powi(i32::from(decimals))
    }

    fn scored<'b>(&'b self, value: impl FnOnce(&'b Scored<'a>) -> CowVal<'b, 'b>) -> CowVal<'b, 'b> {
        self.scored.as_ref().map_or_else(|| CowVal::owned(CelNull), value)
    }
}

fn text<'b>(text: &'b str) -> CowVal<'b, 'b> {
    CowVal::owned(CelString::from(text))
}

fn letters<'b>(code: &'b [u8]) -> CowVal<'b, 'b> {
    // Codes are checked to be ASCII where events are read.
    std::str::from_utf8(code).map_or_else(|_| CowVal::owned(CelNull), text)
}

fn maybe<'b, T: ?Sized>(value: Option<&'b T>, form: impl FnOnce(&'b T) -> CowVal<'b, 'b>) -> CowVal<'b, 'b> {
    value.map_or_else(|| CowVal::owned(CelNull), form)
}

fn double<'b>(value: f64) -> CowVal<'b, 'b> {
    CowVal::owned(CelDouble::from(value))
}

fn int<'b>(value: i64) -> CowVal<'b, 'b> {
    CowVal::owned(CelInt::from(value))
}

/// As the verdict shows it: 0.9 in 32 bits is a little less than 0.9 in 64, and `probability >= 0.9` should hold for it.
fn shown(probability: f32) -> f64 {
    (f64::from(probability) * 1e7).round() / 1e7
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let payment = self.payment;
        Some(match name {
            "amount" => double(self.amount()),
            "amount_minor" => int(i64::try_from(payment.amount_minor).unwrap_or(i64::MAX)),
            "currency" => letters(&payment.currency),
            "channel" => {
                let word = ChannelName::WORDS.iter().find(|(_, channel)| *channel == payment.channel);
                maybe(word.map(|(word, _)| *word), text)
            }
            "tenant" => text(&self.event.tenant),
            "account" => text(&payment.account),
            "device" => maybe(payment.device.as_deref(), text),
            "ip" => maybe(payment.ip.as_deref(), text),
            "merchant" => maybe(payment.merchant.as_deref(), text),
            "counterparty" => maybe(payment.counterparty.as_deref(), text),
            "merchant_category" => maybe(self.merchant_category.as_ref().map(|code| &code[..]), letters),
            "account_country" => maybe(payment.account_country.as_ref().map(|code| &code[..]), letters),
            "ip_country" => maybe(payment.ip_country.as_ref().map(|code| &code[..]), letters),
            "merchant_country" => maybe(payment.merchant_country.as_ref().map(|code| &code[..]), letters),
            "hour_utc" => int(self.event.occurred_at_ms.div_euclid(HOUR_MS).rem_euclid(24)),
            "probability" => self.scored(|scored| double(shown(scored.probability))),
            "risk_score" => self.scored(|scored| int(i64::from(scored.risk_score))),
            "decision" => self.scored(|scored| text(scored.decision.name())),
            "tier" => self.scored(|scored| text(scored.tier.name())),
            "model" => self.scored(|scored| text(self.model.get_or_init(|| scored.model.to_string()))),
            _ => {
                let column = schema::payment_feature_index(name.strip_prefix(FEATURE)?.strip_prefix('.')?)?;
                maybe(self.features.get(column), |value| double(f64::from(*value)))
            }
        })
    }
}
