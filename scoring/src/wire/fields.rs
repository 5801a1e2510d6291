//! Turns the raw values of a request into checked ones, collecting every fault.

use super::bounds::Reason;
use super::card_number::holds_card_number;
use super::object::{Value, Values};
use super::timestamp::parse_timestamp;
use super::{InputRules, RequestError, WireError, bounds, event::NOT_A_TIME};
use std::borrow::Cow;

/// Fields no card number is looked for in: a transaction id is the caller's own and often all digits.
const NEVER_CHECKED_FOR_CARDS: [&str; 3] = ["transaction_id", "occurred_at", "known_at"];

/// The values of a request on their way to being checked.
pub(super) struct Fields<'a, 'r, const N: usize> {
    names: &'r [&'static str; N],
    values: Values<'a, N>,
    rules: &'r InputRules,
    faults: Vec<WireError>,
}

impl<'a, 'r, const N: usize> Fields<'a, 'r, N> {
    pub(super) fn new(names: &'r [&'static str; N], values: Values<'a, N>, rules: &'r InputRules) -> Self {
        Fields { names, values, rules, faults: Vec::new() }
    }

    /// The faults found, or the value built from what was read.
    pub(super) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, RequestError> {
        match build() {
            Some(built) if self.faults.is_empty() => Ok(built),
            _ => Err(RequestError::Invalid(self.faults)),
        }
    }

    pub(super) fn fault(&mut self, field: &'static str, reason: impl Into<String>) {
        self.faults.push(WireError { field: field.into(), reason: reason.into() });
    }

    /// Text that passes `check`. `None` where absent or at fault.
    pub(super) fn text<T>(
        &mut self,
        field: &'static str,
        check: impl FnOnce(Cow<'a, str>) -> Result<T, Reason>,
    ) -> Option<T> {
        let value = match self.take(field)? {
            Value::Text(text) => text,
            _ => {
                self.fault(field, "must be text in quotes");
                return None;
            }
        };
        let looked_for = !NEVER_CHECKED_FOR_CARDS.contains(&field)
            && !self.rules.card_number_exempt.iter().any(|exempt| exempt == field);
        if self.rules.card_number_check && looked_for && holds_card_number(&value) {
            self.fault(field, "holds what looks like a payment card number: send a token or a keyed hash instead");
            return None;
        }
        match check(value) {
            Ok(checked) => Some(checked),
            Err(reason) => {
                self.fault(field, reason);
                None
            }
        }
    }

    pub(super) fn identifier(&mut self, field: &'static str) -> Option<String> {
        self.text(field, |text| bounds::identifier(&text).map(|()| text.into_owned()))
    }

    pub(super) fn country(&mut self, field: &'static str) -> Option<[u8; 2]> {
        self.text(field, |text| bounds::country(&text))
    }

    /// A time told by the caller.
    pub(super) fn told_time(&mut self, field: &'static str, now_ms: i64) -> Option<i64> {
        let max_age_ms = self.rules.max_event_age_ms;
        self.text(field, |text| {
            let at_ms = parse_timestamp(&text).ok_or(Reason::Borrowed(NOT_A_TIME))?;
            bounds::told_time(at_ms, now_ms, max_age_ms)
        })
    }

    /// A word of a closed set.
    pub(super) fn word<T: Copy>(&mut self, field: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.text(field, |text| {
            let found = words.iter().find(|(word, _)| *word == text).map(|&(_, value)| value);
            found.ok_or_else(|| {
                let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("must be one of {}", allowed.join(", ")).into()
            })
        })
    }

    pub(super) fn amount(&mut self, field: &'static str) -> Option<u64> {
        let checked = match self.take(field)? {
            Value::Whole(value) => bounds::amount(value),
            _ => bounds::amount(u64::MAX),
        };
        checked.map_err(|reason| self.fault(field, reason)).ok()
    }

    pub(super) fn boolean(&mut self, field: &'static str) -> Option<bool> {
        match self.take(field)? {
            Value::Bool(value) => Some(value),
            _ => {
                self.fault(field, "must be true or false");
                None
            }
        }
    }

    /// Says so where the field is absent. Call before reading it.
    pub(super) fn require(&mut self, field: &'static str) {
        if !self.is_given(field) {
            self.fault(field, "is required");
        }
    }

    /// Present and not null. Call before reading it.
    pub(super) fn is_given(&self, field: &'static str) -> bool {
        !matches!(self.values[self.index(field)], None | Some(Value::Null))
    }

    fn take(&mut self, field: &'static str) -> Option<Value<'a>> {
        let index = self.index(field);
        self.values[index].take().filter(|value| *value != Value::Null)
    }

    fn index(&self, field: &'static str) -> usize {
        self.names.iter().position(|name| *name == field).expect("requests read fields of their own list")
    }
}
