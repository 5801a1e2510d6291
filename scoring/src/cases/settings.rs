//! Settings of the cases. They are part of the fold: what a case is worth, when it is due and who must agree follow from the settings that
//! held at that place of the log.

use crate::wire::bounds;
use fraudnet_graph::hundredths;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// A rate of one.
const MILLION: u64 = 1_000_000;

/// How cases are worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CaseSettings {
    /// How long a case may wait before it is overdue, minutes.
    pub service_level_minutes: u32,
    /// Expected loss at which a case's turn comes after half that time, hundredths of the reference currency.
    pub loss_scale_hundredths: u64,
    /// What one unit of a currency is worth in the reference currency, millionths: 920000 for USD where the reference is EUR. A currency
    /// that is not listed counts one to one.
    pub rates_millionths: BTreeMap<String, u64>,
    /// How long somebody holds a case that they took, minutes.
    pub lease_minutes: u32,
    /// How long an action can be undone, seconds; 0 for not at all.
    pub undo_seconds: u32,
    /// How far a case can be put off, days.
    pub max_snooze_days: u32,
    /// A case whose payments add up to more than this needs a second person's agreement, hundredths of the reference currency; none where
    /// no case does.
    pub four_eyes_above_hundredths: Option<u64>,
    /// How much is kept.
    pub bounds: CaseBounds,
}

/// How much is kept, each with an answer when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CaseBounds {
    /// Open cases of a tenant; beyond, a review opens none and is counted.
    pub open: usize,
    /// Closed cases of a tenant that are remembered; beyond, the one that was closed first is forgotten.
    pub closed: usize,
    /// Payments that a case lists; beyond, the one with the least expected loss is counted only, and gets no label.
    pub payments: usize,
    /// Notes of a case; beyond, a note is refused.
    pub notes: usize,
    /// Characters of a note.
    pub note_chars: usize,
    /// Steps of a case that are remembered; beyond, the oldest is forgotten and counted.
    pub history: usize,
    /// Cases of a bulk action.
    pub bulk: usize,
}

impl Default for CaseSettings {
    fn default() -> Self {
        CaseSettings {
            service_level_minutes: 240,
            loss_scale_hundredths: 50_000,
            rates_millionths: BTreeMap::new(),
            lease_minutes: 15,
            undo_seconds: 10,
            max_snooze_days: 14,
            four_eyes_above_hundredths: Some(1_000_000),
            bounds: CaseBounds::default(),
        }
    }
}

impl Default for CaseBounds {
    fn default() -> Self {
        CaseBounds {
            open: 100_000,
            closed: 20_000,
            payments: 100,
            notes: 100,
            note_chars: 2_000,
            history: 200,
            bulk: 500,
        }
    }
}

impl CaseSettings {
    /// Every setting at fault, by name, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let minutes = 1..=60 * 24 * 365;
        let bounds = &self.bounds;
        let within = [
            ("service_level_minutes", u64::from(self.service_level_minutes), minutes.clone()),
            ("loss_scale_hundredths", self.loss_scale_hundredths, 1..=1 << 53),
            ("lease_minutes", u64::from(self.lease_minutes), 1..=60 * 24),
            ("undo_seconds", u64::from(self.undo_seconds), 0..=60),
            ("max_snooze_days", u64::from(self.max_snooze_days), 1..=365),
            ("bounds.open", bounds.open as u64, 1..=1_000_000),
            ("bounds.closed", bounds.closed as u64, 1..=1_000_000),
            ("bounds.payments", bounds.payments as u64, 1..=1_000),
            ("bounds.notes", bounds.notes as u64, 1..=1_000),
            ("bounds.note_chars", bounds.note_chars as u64, 1..=10_000),
            ("bounds.history", bounds.history as u64, 1..=1_000),
            ("bounds.bulk", bounds.bulk as u64, 1..=1_000),
        ];
        let outside = |(key, value, range): &(&'static str, u64, RangeInclusive<u64>)| {
            let reason = || format!("is {value}, but must be from {} to {}", range.start(), range.end());
            (!range.contains(value)).then(|| (*key, reason()))
        };
        let mut faults: Vec<_> = within.iter().filter_map(outside).collect();
        for (currency, rate) in &self.rates_millionths {
            if let Err(reason) = bounds::currency(currency) {
                faults.push(("rates_millionths", format!("the currency {reason}")));
            }
            if !(1..=MILLION * MILLION).contains(rate) {
                faults.push((
                    "rates_millionths",
                    format!("a rate is {rate}, but must be from 1 to {}", MILLION * MILLION),
                ));
            }
        }
        faults
    }

    /// Whether they can be.
    ///
    /// # Errors
    /// Every setting at fault, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        let faults: Vec<String> = self.faults().iter().map(|(key, reason)| format!("{key} {reason}")).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// How long a case may wait, milliseconds.
    pub fn service_level_ms(&self) -> i64 {
        i64::from(self.service_level_minutes) * MINUTE_MS
    }

    /// How long somebody holds a case, milliseconds.
    pub fn lease_ms(&self) -> i64 {
        i64::from(self.lease_minutes) * MINUTE_MS
    }

    /// How long an action can be undone, milliseconds.
    pub fn undo_ms(&self) -> i64 {
        i64::from(self.undo_seconds) * 1000
    }

    /// How far a case can be put off, milliseconds.
    pub fn max_snooze_ms(&self) -> i64 {
        i64::from(self.max_snooze_days) * DAY_MS
    }

    /// An amount in minor units of `currency` as hundredths of the reference currency, rounded down, saturating.
    pub fn worth_hundredths(&self, amount_minor: u64, currency: [u8; 3]) -> u64 {
        let own = hundredths(amount_minor, currency);
        let listed = std::str::from_utf8(&currency).ok().and_then(|code| self.rates_millionths.get(code));
        let Some(rate) = listed else { return own };
        let worth = u128::from(own) * u128::from(*rate) / u128::from(MILLION);
        u64::try_from(worth).unwrap_or(u64::MAX)
    }

    /// Whether a case of that worth needs a second person's agreement.
    pub fn needs_four_eyes(&self, amount_hundredths: u64) -> bool {
        self.four_eyes_above_hundredths.is_some_and(|above| amount_hundredths > above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_and_faults_are_told_all_at_once() {
        assert_eq!(CaseSettings::default().check(), Ok(()));
        let odd = CaseSettings {
            service_level_minutes: 0,
            undo_seconds: 61,
            rates_millionths: BTreeMap::from([("euro".to_owned(), 0)]),
            bounds: CaseBounds { bulk: 0, ..CaseBounds::default() },
            ..CaseSettings::default()
        };
        let keys: Vec<&str> = odd.faults().iter().map(|(key, _)| *key).collect();
        assert_eq!(
            keys,
            ["service_level_minutes", "undo_seconds", "bounds.bulk", "rates_millionths", "rates_millionths"]
        );
        assert!(odd.check().unwrap_err().contains("undo_seconds is 61, but must be from 0 to 60"));
    }

    #[test]
    fn amounts_come_to_the_reference_currency() {
        let rates = BTreeMap::from([("USD".to_owned(), 920_000), ("JPY".to_owned(), 6_000)]);
        let settings = CaseSettings { rates_millionths: rates, ..CaseSettings::default() };
        let cases = [
            (10_000, b"EUR", 10_000),
            (10_000, b"USD", 9_200),
            (10_000, b"JPY", 6_000),
            (1_234, b"KWD", 123),
            (u64::MAX, b"JPY", u64::MAX / 1_000_000 * 6_000 + u64::MAX % 1_000_000 * 6_000 / 1_000_000),
        ];
        for (minor, currency, expected) in cases {
            assert_eq!(settings.worth_hundredths(minor, *currency), expected, "{minor} {currency:?}");
        }
        assert!(settings.needs_four_eyes(1_000_001) && !settings.needs_four_eyes(1_000_000));
    }

    #[test]
    fn what_is_not_said_is_the_default_and_null_is_no_second_person() {
        let read = |json| serde_json::from_str::<CaseSettings>(json).unwrap();
        assert_eq!(read("{}"), CaseSettings::default());
        assert_eq!(read(r#"{"four_eyes_above_hundredths":null}"#).four_eyes_above_hundredths, None);
        assert_eq!(read(r#"{"bounds":{"open":7}}"#).bounds, CaseBounds { open: 7, ..CaseBounds::default() });
    }
}
