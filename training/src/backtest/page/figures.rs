//! How numbers, times and names are written on the page. What is no number is a dash, never `NaN`.

use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, OffsetDateTime, Time};

/// What stands where there is no number.
pub const NONE: &str = "–";

/// A number with so many decimals.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{value:.decimals$}");
    // a negative that rounds to zero is zero
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A difference, always with its sign.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if value.is_finite() && !text.starts_with('−') { format!("+{text}") } else { text }
}

/// A share in percent.
pub fn percent(share: f64, decimals: usize) -> String {
    if share.is_finite() { format!("{}\u{a0}%", fixed(100.0 * share, decimals)) } else { NONE.to_owned() }
}

/// A share in percent with as many decimals as it needs, two at most.
pub fn rate(share: f64) -> String {
    let text = fixed(100.0 * share, 2);
    if share.is_finite() { format!("{}\u{a0}%", text.trim_end_matches('0').trim_end_matches('.')) } else { text }
}

/// A count, its thousands apart.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

/// A count or an amount that need not be whole, rounded.
pub fn rounded(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let size = count(value.abs().round() as u64);
    if value <= -0.5 { format!("−{size}") } else { size }
}

/// A duration in the two units that matter.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A number of things: `1 run`, `3 runs`.
pub fn several(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{} {thing}s", count(number as u64)) }
}

/// A window in days, both ends included, where it begins and ends at midnight UTC; else its moments, the end exclusive.
/// Times that can't be read are shown as they came.
pub fn window(from: &str, until: &str) -> String {
    let midnight = |text: &str| -> Option<Date> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        (moment.time() == Time::MIDNIGHT && moment.offset().is_utc()).then(|| moment.date())
    };
    match (midnight(from), midnight(until)) {
        (Some(first), Some(end)) => match end.checked_sub(Duration::days(1)) {
            Some(last) if last > first => format!("{first} to {last}"),
            _ => first.to_string(),
        },
        _ => format!("{from} to before {until}"),
    }
}

/// The name of a model as a reader meets it: `trees-v2` is `Trees v2`.
pub fn label(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Mean and sample standard deviation; none of nothing, no deviation of one.
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let number = values.len() as f64;
    let mean = values.iter().sum::<f64>() / number;
    if !mean.is_finite() {
        return None;
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (values.len() > 1).then(|| (squares / (number - 1.0)).sqrt())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        assert_eq!(fixed(0.73449, 3), "0.734");
        assert_eq!(fixed(-0.00001, 3), "0.000");
        assert_eq!(fixed(f64::NAN, 3), NONE);
        assert_eq!(signed(-0.0123, 3), "−0.012");
        assert_eq!(signed(0.0123, 3), "+0.012");
        assert_eq!(percent(0.00837, 2), "0.84\u{a0}%");
        assert_eq!([rate(0.0025), rate(0.1), rate(0.0)], ["0.25\u{a0}%", "10\u{a0}%", "0\u{a0}%"]);
        assert_eq!(count(1_754_155), "1,754,155");
        assert_eq!(rounded(-1234.4), "−1,234");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(several(1, "run"), "1 run");
    }

    #[test]
    fn windows_are_told_in_days_both_included() {
        assert_eq!(window("2018-08-08T00:00:00Z", "2018-08-15T00:00:00Z"), "2018-08-08 to 2018-08-14");
        assert_eq!(window("2018-08-08T00:00:00Z", "2018-08-09T00:00:00Z"), "2018-08-08");
        assert_eq!(window("soon", "later"), "soon to before later");
    }

    #[test]
    fn one_value_has_no_deviation() {
        assert_eq!(mean_and_deviation(&[]), None);
        assert_eq!(mean_and_deviation(&[0.5]), Some((0.5, None)));
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), Some((2.0, Some(2f64.sqrt()))));
    }
}
