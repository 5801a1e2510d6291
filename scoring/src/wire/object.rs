//! Reads a flat JSON object against a list of allowed fields, so that every fault of a request can be told at once.
//!
//! A derived reader stops at the first fault and repeats the offending value in its message; this one collects, and repeats nothing.

use super::card_number::holds_card_number;
use super::{RequestError, WireError};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value of a flat object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// A whole number from 0 on.
    Whole(u64),
    /// Negative, fractional or beyond 64 bits.
    OtherNumber,
    Text(Cow<'a, str>),
    /// List or object.
    Nested,
}

/// Values in the order of the field list; `None` where absent.
pub(super) type Values<'a, const N: usize> = [Option<Value<'a>>; N];

/// Most faults told of one request.
const MAX_FAULTS: usize = 32;

/// Reads a JSON object that may have these fields and no others, each at most once, and no lists or objects inside.
pub(super) fn read_object<'a, const N: usize>(
    bytes: &'a [u8],
    fields: &[&'static str; N],
) -> Result<Values<'a, N>, RequestError> {
    let mut faults = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = ObjectSeed { fields, faults: &mut faults }
        .deserialize(&mut json)
        .and_then(|values| json.end().map(|()| values));
    match read {
        Ok(values) if faults.is_empty() => Ok(values),
        Ok(_) => Err(RequestError::Malformed {
            detail: "the body's fields are not those of this request".into(),
            errors: faults,
        }),
        // Syntax errors tell a position and nothing of the content; type errors would repeat it.
        Err(error) if error.is_data() => Err(RequestError::Malformed {
            detail: "the body must be a JSON object in UTF-8".into(),
            errors: Vec::new(),
        }),
        Err(error) => {
            Err(RequestError::Malformed { detail: format!("the body is not JSON: {error}"), errors: Vec::new() })
        }
    }
}

struct ObjectSeed<'f, const N: usize> {
    fields: &'f [&'static str; N],
    faults: &'f mut Vec<WireError>,
}

impl<const N: usize> ObjectSeed<'_, N> {
    fn fault(&mut self, field: &str, reason: &str) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(WireError { field: shown_name(field), reason: reason.into() });
        }
    }
}

/// A field's name is the caller's text too: it is shown only where it is short and no card number.
fn shown_name(field: &str) -> String {
    let shown = field.len() <= 64 && !field.chars().any(char::is_control) && !holds_card_number(field);
    if shown { field.to_owned() } else { "(unknown field)".to_owned() }
}

impl<'de, const N: usize> DeserializeSeed<'de> for ObjectSeed<'_, N> {
    type Value = Values<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for ObjectSeed<'_, N> {
    type Value = Values<'de, N>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values: Values<'de, N> = [const { None }; N];
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            let Some(index) = self.fields.iter().position(|field| *field == key) else {
                map.next_value::<IgnoredAny>()?;
                self.fault(&key, "is not a field of this request");
                continue;
            };
            let value = map.next_value_seed(ValueSeed)?;
            if values[index].is_some() {
                self.fault(&key, "is given twice");
            }
            if value == Value::Nested {
                self.fault(&key, "must be a plain value, not a list or an object");
            }
            values[index] = Some(value);
        }
        Ok(values)
    }
}

struct Key<'a>(Cow<'a, str>);
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        match deserializer.deserialize_str(ValueSeed)? {
            Value::Text(text) => Ok(Key(text)),
            _ => Err(D::Error::custom("a field's name must be text")),
        }
    }
}

struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).map_or(Value::OtherNumber, Value::Whole))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::OtherNumber)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    // `IgnoredAny` skips without recursion, so depth costs no stack.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }
}
