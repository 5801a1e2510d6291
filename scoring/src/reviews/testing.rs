//! What tests share.

use fraudnet_graph::{Body, Channel, Event, Payment, SCHEMA_VERSION};

/// A payment of `alice`.
pub(crate) fn payment(transaction_id: &str) -> Event {
    Event {
        event_id: format!("evt_{transaction_id}"),
        tenant: "bank".to_owned(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: 1_700_000_000_000,
        ingested_at_ms: 1_700_000_000_000,
        source: "http".to_owned(),
        actor: String::new(),
        body: Body::Payment(Payment {
            transaction_id: transaction_id.to_owned(),
            account: "alice".to_owned(),
            device: Some("phone".to_owned()),
            ip: None,
            merchant: Some("bookshop".to_owned()),
            counterparty: None,
            amount_minor: 2_599,
            currency: *b"EUR",
            channel: Channel::Ecommerce,
            merchant_category: None,
            account_country: None,
            ip_country: None,
            merchant_country: None,
        }),
    }
}
