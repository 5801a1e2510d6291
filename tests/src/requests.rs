//! Bodies of requests.

use serde_json::{Value, json};

/// An ordinary payment of that id: account, device and IP address of its own, a shop that many use.
pub fn payment(transaction_id: &str) -> Value {
    json!({
        "transaction_id": transaction_id,
        "account": format!("account-{transaction_id}"),
        "device": format!("device-{transaction_id}"),
        "ip": format!("ip-{transaction_id}"),
        "merchant": "shop",
        "amount_minor": 2_599,
        "currency": "EUR",
        "channel": "ecommerce",
        "merchant_category": "5411",
        "account_country": "DE",
        "ip_country": "DE",
        "merchant_country": "DE",
    })
}

/// A label that an analyst gives.
pub fn label(transaction_id: &str, fraud: bool) -> Value {
    json!({ "transaction_id": transaction_id, "fraud": fraud, "source": "analyst" })
}

/// The same body with another value of one field; null takes the field out.
///
/// # Panics
/// Where the body is no object.
#[must_use]
pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    let fields = body.as_object_mut().expect("bodies are objects");
    match value.into() {
        Value::Null => fields.remove(field),
        value => fields.insert(field.to_owned(), value),
    };
    body
}
