//! A payment on which expressions are tried before they are taken.

use super::facts::{Facts, Scored};
use crate::verdict::{Decision, Tier};
use fraudnet_features::schema;
use fraudnet_graph::{Body, Channel, Event, Payment, SCHEMA_VERSION};
use fraudnet_models::ModelRef;
use std::sync::LazyLock;

/// 2026-11-22T12:30:00Z.
const NOON_MS: i64 = 1_795_350_600_000;

/// A payment that has everything; no number of it is zero.
pub(super) static FULL: LazyLock<Sample> = LazyLock::new(|| Sample {
    event: Event {
        event_id: "sample".to_owned(),
        tenant: "default".to_owned(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: NOON_MS,
        ingested_at_ms: NOON_MS,
        source: "sample".to_owned(),
        actor: String::new(),
        body: Body::Payment(Payment {
            transaction_id: "sample".to_owned(),
            account: "account".to_owned(),
            device: Some("device".to_owned()),
            ip: Some("192.0.2.1".to_owned()),
            merchant: Some("merchant".to_owned()),
            counterparty: Some("counterparty".to_owned()),
            amount_minor: 12_550,
            currency: *b"EUR",
            channel: Channel::Ecommerce,
            merchant_category: Some(5_411),
            account_country: Some(*b"DE"),
            ip_country: Some(*b"FR"),
            merchant_country: Some(*b"DE"),
        }),
    },
    features: vec![1.0; schema::payment_features().len()],
    model: ModelRef { name: "hybrid".to_owned(), version: "1".to_owned() },
});

/// A payment with what belongs to it.
pub(super) struct Sample {
    pub(super) event: Event,
    pub(super) features: Vec<f32>,
    pub(super) model: ModelRef,
}

impl Sample {
    pub(super) fn facts(&self) -> Facts<'_> {
        let scored = Scored {
            probability: 0.25,
            risk_score: 25,
            decision: Decision::Challenge,
            tier: Tier::Hybrid,
            model: &self.model,
        };
        Facts::new(&self.event, &self.features, Some(scored)).expect("the sample is a payment")
    }
    /// The same payment without anything that it need not have.
    #[cfg(test)]
    pub(super) fn bare(&self) -> Sample {
        let mut event = self.event.clone();
        if let Body::Payment(payment) = &mut event.body {
            *payment = Payment {
                device: None,
                ip: None,
                merchant: None,
                counterparty: None,
                merchant_category: None,
                account_country: None,
                ip_country: None,
                merchant_country: None,
                ..payment.clone()
            };
        }
        Sample { event, features: self.features.clone(), model: self.model.clone() }
    }

    /// What is known of it before, or without, a score.
    #[cfg(test)]
    pub(super) fn unscored(&self) -> Facts<'_> {
        Facts::new(&self.event, &self.features, None).expect("the sample is a payment")
    }
}
