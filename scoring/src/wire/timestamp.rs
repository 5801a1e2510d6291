//! RFC 3339 at the rim, UTC milliseconds inside.
//!
//! Every event is written and read with two of these, so the one form we write ourselves (`2026-01-31T09:30:00.000Z`) is formatted
//! and read by hand (about 30 ns); whatever else RFC 3339 allows goes through the `time` crate.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z, the earliest instant RFC 3339 can write.
pub(super) const MIN_MS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z, the latest.
pub(super) const MAX_MS: i64 = 253_402_300_799_999;

/// Formats UTC milliseconds since the epoch; instants outside the years 0 to 9999 are clamped to them.
pub fn format_timestamp(at_ms: i64) -> String {
    let at_ms = at_ms.clamp(MIN_MS, MAX_MS);
    let (year, month, day) = civil_from_days(at_ms.div_euclid(DAY_MS));
    let in_day = at_ms.rem_euclid(DAY_MS) as u32;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], in_day / 3_600_000);
    put(&mut text[14..16], in_day / 60_000 % 60);
    put(&mut text[17..19], in_day / 1_000 % 60);
    put(&mut text[20..23], in_day % 1_000);
    str::from_utf8(&text).expect("only ASCII was written").to_owned()
}

/// Reads an RFC 3339 instant with any offset; fractions below a millisecond are cut off. `None` where it is not one.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    parse_canonical(text.as_bytes()).or_else(|| {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let at_ms = at.unix_timestamp_nanos().div_euclid(1_000_000) as i64;
        (MIN_MS..=MAX_MS).contains(&at_ms).then_some(at_ms)
    })
}

fn parse_canonical(text: &[u8]) -> Option<i64> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if marks.iter().any(|&(index, mark)| text[index] != mark) {
        return None;
    }
    let (year, month, day) = (number(&text[0..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    let milli = number(&text[20..23])?;
    if !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) {
        return None; // the 30th of February
    }
    Some(days * DAY_MS + i64::from(hour * 3_600_000 + minute * 60_000 + second * 1_000 + milli))
}

fn put(target: &mut [u8], mut value: u32) {
    for digit in target.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
}

/// Days since the epoch of a Gregorian date, and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (u32, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    ((year_of_era + era * 400 + i64::from(month <= 2)) as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        assert_eq!(format_timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_timestamp(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format_timestamp(1_709_164_800_123), "2024-02-29T00:00:00.123Z");
        assert_eq!(format_timestamp(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(format_timestamp(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn other_spellings_are_read() {
        for (text, expected) in [
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("2024-02-29T01:30:00+01:30", Some(1_709_164_800_000)),
            ("2024-02-29T00:00:00.123999Z", Some(1_709_164_800_123)),
            ("2023-02-29T00:00:00.000Z", None),
            ("2024-13-01T00:00:00.000Z", None),
            ("2024-01-01T24:00:00.000Z", None),
            ("2024-01-01", None),
            ("1709164800", None),
            ("", None),
        ] {
            assert_eq!(parse_timestamp(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_time_crate(at_ms in MIN_MS..=MAX_MS) {
            let text = format_timestamp(at_ms);
            prop_assert_eq!(parse_canonical(text.as_bytes()), Some(at_ms));
            let parsed = OffsetDateTime::parse(&text, &Rfc3339).unwrap();
            prop_assert_eq!(parsed.unix_timestamp_nanos(), i128::from(at_ms) * 1_000_000);
        }
    }
}
