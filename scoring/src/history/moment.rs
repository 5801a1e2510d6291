//! A value as a time.
//!
//! Without a form in the mapping it is found: an instant of the file itself, a number of seconds, milliseconds, microseconds or
//! nanoseconds since 1970 (between 2000 and 2100 their ranges do not touch), or text from the year down, `T` or a blank before the
//! hour. A time without an offset is UTC.

use super::cell::Cell;
use super::error::{Fault, kind};
use crate::wire::{bounds, parse_timestamp};
use time::format_description::OwnedFormatItem;
use time::parsing::Parsed;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime};

/// 2100-01-01T00:00:00Z: what lies beyond is a misread time.
const LATEST_MS: i64 = 4_102_444_800_000;
const DAY_MS: i64 = 86_400_000;
/// Julian day of 1970-01-01.
const EPOCH_DAY: i64 = 2_440_588;

/// How times are spelled.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TimeForm {
    /// Found from the value.
    Found,
    /// RFC 3339.
    Rfc3339,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// A format description of the `time` crate.
    Described(OwnedFormatItem),
}

impl TimeForm {
    /// The form a mapping names.
    ///
    /// # Errors
    /// A description that is none, with what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<TimeForm, String> {
        Ok(match text {
            "rfc3339" => TimeForm::Rfc3339,
            "epoch_s" => TimeForm::EpochSeconds,
            "epoch_ms" => TimeForm::EpochMillis,
            description if description.contains('[') => {
                let parsed = time::format_description::parse_owned::<2>(description);
                TimeForm::Described(parsed.map_err(|error| error.to_string())?)
            }
            _ => return Err("it is none of them".to_owned()),
        })
    }

    /// The instant a cell tells, UTC milliseconds since the epoch; from 2000 up to 2100.
    pub(super) fn read(&self, cell: Cell<'_>) -> Result<i64, Fault> {
        let at_ms = match (self, cell) {
            (_, Cell::Time(at_ms)) => Some(at_ms),
            (TimeForm::Found, Cell::Text(text)) => {
                civil(text.as_bytes()).or_else(|| since_epoch(text.parse::<f64>().ok()?))
            }
            (TimeForm::Found, Cell::Whole(value)) => since_epoch(value as f64),
            (TimeForm::Found, Cell::Number(value)) => since_epoch(value),
            (TimeForm::Rfc3339, Cell::Text(text)) => parse_timestamp(text),
            (TimeForm::EpochSeconds, cell) => cell.number().map(from_seconds),
            (TimeForm::EpochMillis, cell) => cell.number().map(|millis| millis.floor() as i64),
            (TimeForm::Described(form), Cell::Text(text)) => described(form, text),
            (TimeForm::Rfc3339 | TimeForm::Described(_) | TimeForm::Found, _) => None,
        };
        match at_ms {
            Some(at_ms) if (bounds::EARLIEST_MS..LATEST_MS).contains(&at_ms) => Ok(at_ms),
            Some(_) => Err(Fault::new(
                kind::NOT_A_TIME,
                "must lie between 2000 and 2100: mend it, or say with time.format in the mapping how times are spelled",
            )),
            None => Err(Fault::new(
                kind::NOT_A_TIME,
                "is not a time as it is expected here: mend it, or say with time.format in the mapping how times are spelled \
                 (rfc3339, epoch_s, epoch_ms, or a description such as \"[day].[month].[year] [hour]:[minute]\")",
            )),
        }
    }
}

/// By its size a number tells which unit it counts.
fn since_epoch(value: f64) -> Option<i64> {
    let (from, to) = (bounds::EARLIEST_MS as f64, LATEST_MS as f64);
    if (from / 1e3..to / 1e3).contains(&value) {
        return Some(from_seconds(value));
    }
    [1.0, 1e3, 1e6]
        .into_iter()
        .find(|per_ms| (from * per_ms..to * per_ms).contains(&value))
        .map(|per_ms| (value / per_ms).floor() as i64)
}

/// A microsecond is added before the rest is cut off: .1 s is a little less than 100 ms in a float.
fn from_seconds(seconds: f64) -> i64 {
    (seconds * 1e3 + 1e-3).floor() as i64
}

fn described(form: &OwnedFormatItem, text: &str) -> Option<i64> {
    let mut parsed = Parsed::new();
    if !parsed.parse_item(text.as_bytes(), form).ok()?.is_empty() {
        return None;
    }
    let at = OffsetDateTime::try_from(parsed)
        .or_else(|_| PrimitiveDateTime::try_from(parsed).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::try_from(parsed).map(|date| date.midnight().assume_utc()))
        .ok()?;
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// `2026-01-31`, then perhaps `T09:30`, `:15`, `.250` and `Z` or an offset. By hand: a text table has one in every row.
fn civil(text: &[u8]) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    if day[4] != b'-' || day[7] != b'-' {
        return None;
    }
    let month = Month::try_from(digits(&day[5..7])? as u8).ok()?;
    let date = Date::from_calendar_date(digits(&day[0..4])? as i32, month, digits(&day[8..10])? as u8).ok()?;
    let midnight_ms = (i64::from(date.to_julian_day()) - EPOCH_DAY) * DAY_MS;
    let rest = match rest {
        [] => return Some(midnight_ms),
        [b'T' | b't' | b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (clock, mut rest) = rest.split_at_checked(5)?;
    let (hour, minute) = (digits(&clock[0..2])?, digits(&clock[3..5])?);
    let mut in_day_ms = hour * 3_600_000 + minute * 60_000;
    if clock[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    if let [b':', tens, ones, after @ ..] = rest {
        let second = digits(&[*tens, *ones])?;
        if second > 59 {
            return None;
        }
        in_day_ms += second * 1000;
        rest = after;
        if let [b'.' | b',', fraction @ ..] = rest {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let millis: [u8; 3] = std::array::from_fn(|place| *fraction[..length].get(place).unwrap_or(&b'0'));
            in_day_ms += digits(&millis)?;
            rest = &fraction[length..];
            if length == 0 {
                return None;
            }
        }
    }
    Some(midnight_ms + in_day_ms - offset_ms(rest)?)
}

fn offset_ms(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match text {
        [] | [b'Z' | b'z'] | [b' ', b'U', b'T', b'C'] => return Some(0),
        [sign @ (b'+' | b'-'), h, o] => (sign, [*h, *o], *b"00"),
        [sign @ (b'+' | b'-'), h, o, b':', m, i] | [sign @ (b'+' | b'-'), h, o, m, i] => (sign, [*h, *o], [*m, *i]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    let offset = hours * 3_600_000 + minutes * 60_000;
    (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_709_164_800_000; // 2024-02-29T00:00:00Z

    #[test]
    fn the_spelling_is_found() {
        for (text, expected) in [
            ("2024-02-29", Some(AT)),
            ("2024-02-29 00:00", Some(AT)),
            ("2024-02-29 00:00:00", Some(AT)),
            ("2024-02-29T00:00:00Z", Some(AT)),
            ("2024-02-29t01:30:00.000+01:30", Some(AT)),
            ("2024-02-28 22:00:00-0200", Some(AT)),
            ("2024-02-29 02:00:00+02", Some(AT)),
            ("2024-02-29 00:00:00 UTC", Some(AT)),
            ("2024-02-29T00:00:00.1239999Z", Some(AT + 123)),
            ("2024-02-29 00:00:00.5", Some(AT + 500)),
            ("1709164800", Some(AT)),
            ("1709164800.1", Some(AT + 100)),
            ("1709164800000", Some(AT)),
            ("1709164800000000", Some(AT)),
            ("1709164800000000000", Some(AT)),
            ("2023-02-29", None),
            ("2024-02-29T24:00", None),
            ("2024-02-29T00:60", None),
            ("2024-02-29 00:00:60", None),
            ("2024-02-29 00:00:00.", None),
            ("2024-02-29 00:00:00 +25:00", None),
            ("29.02.2024", None),
            ("1999-12-31", None),
            ("2100-01-01", None),
            ("17091648", None),
            ("nan", None),
            ("soon", None),
        ] {
            assert_eq!(TimeForm::Found.read(Cell::Text(text)).ok(), expected, "{text}");
        }
        assert_eq!(TimeForm::Found.read(Cell::Whole(1_709_164_800)).ok(), Some(AT));
        assert_eq!(TimeForm::Found.read(Cell::Number(1_709_164_800.5)).ok(), Some(AT + 500));
        assert_eq!(TimeForm::Found.read(Cell::Bool(true)).ok(), None);
    }

    #[test]
    fn the_mapping_may_name_it() {
        let read = |form: &str, cell| TimeForm::parse(form).unwrap().read(cell).ok();
        assert_eq!(read("[day].[month].[year] [hour]:[minute]", Cell::Text("29.02.2024 01:00")), Some(AT + 3_600_000));
        assert_eq!(read("[day]/[month]/[year]", Cell::Text("29/02/2024")), Some(AT));
        assert_eq!(read("[day]/[month]/[year]", Cell::Text("29/02/2024 x")), None);
        assert_eq!(
            read(
                "[year]-[month]-[day] [hour]:[minute] [offset_hour sign:mandatory]",
                Cell::Text("2024-02-29 01:00 +01")
            ),
            Some(AT)
        );
        assert_eq!(read("epoch_s", Cell::Whole(1_709_164_800)), Some(AT));
        assert_eq!(read("epoch_ms", Cell::Text("1709164800000")), Some(AT));
        assert_eq!(read("epoch_ms", Cell::Whole(1_709_164_800)), None, "1970");
        assert_eq!(read("rfc3339", Cell::Text("2024-02-29 00:00:00")), None);
        assert_eq!(read("[hour]", Cell::Text("10")), None, "no date");
        assert!(TimeForm::parse("[wrong]").is_err() && TimeForm::parse("iso").is_err());
    }
}
