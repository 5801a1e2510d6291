//! Columns and their values in words, from the schema alone.

use fraudnet_features::schema::{Feature, Group};
use std::f32::consts::TAU;

/// What a column means: whose figure it is, what it says, and over which time.
pub fn text(feature: &Feature) -> String {
    let whose = match feature.entity {
        "payment" => "",
        "ip" => "IP address: ",
        "account" => "account: ",
        "device" => "device: ",
        "merchant" => "merchant: ",
        "counterparty" => "counterparty: ",
        _ => "",
    };
    let window = match feature.window {
        "" => "",
        "1m" => ", within 1 minute",
        "1h" => ", within 1 hour",
        "1d" => ", within 1 day",
        "7d" => ", within 7 days",
        "30d" => ", within 30 days",
        "1h half-life" => ", the last hour counting most",
        "1d half-life" => ", the last day counting most",
        "7d half-life" => ", the last 7 days counting most",
        "30d half-life" => ", the last 30 days counting most",
        other => return format!("{whose}{}, {other}", feature.meaning),
    };
    format!("{whose}{}{window}", feature.meaning)
}

/// A value as people read it, with its unit: what is stored as a logarithm is taken back.
pub fn value(feature: &Feature, stored: f32) -> String {
    if !stored.is_finite() {
        return "not known".to_owned();
    }
    let plain = (f64::from(stored).exp2() - 1.0).max(0.0);
    match feature.unit {
        "log2(1+count)" => rounded(plain, 0.0),
        "log2(1+s)" => duration(plain),
        "log2(1+major units)" => amount(plain),
        "log2(1+ratio)" => format!("{} times", rounded(plain, 10.0)),
        "share 0..1" => format!("{} %", rounded(100.0 * f64::from(stored), 10.0)),
        "0 or 1" => if stored > 0.5 { "yes" } else { "no" }.to_owned(),
        "log2 ratio" => format!("{} times", rounded(f64::from(stored).exp2(), 10.0)),
        "standard deviations" => format!("{} standard deviations", rounded(f64::from(stored), 10.0)),
        "number 0..3" => rounded(f64::from(stored), 0.0),
        _ => format!("{stored:.2}"),
    }
}

/// Time of day or day of the week, which are stored as sine and cosine.
pub fn turn(stem: &str, sine: f32, cosine: f32) -> String {
    let turns = (sine.atan2(cosine) / TAU).rem_euclid(1.0);
    if !turns.is_finite() {
        return "not known".to_owned();
    }
    if stem == "weekday" {
        const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        return DAYS[(turns * 7.0).round() as usize % 7].to_owned();
    }
    let minutes = (turns * 1440.0).round() as u32 % 1440;
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// What is missed where a whole group of columns is left out.
pub const fn group_text(group: Group) -> &'static str {
    match group {
        Group::Payment => "the payment's own figures: amount, time, channel, countries",
        Group::Velocity => "how much happened lately: counts, amounts and counterparts",
        Group::History => "what is known of the past: ages, gaps, habits",
        Group::Windows => "the last week, large payments, the recent level of amounts",
        Group::Reports => "fraud reported of the payment's own entities",
        Group::Graph => "figures of the neighbourhood",
        Group::Pooled => "figures of the neighbourhood by hop and kind",
        Group::Embedding => "what the network makes of the neighbourhood",
    }
}

/// Whole, or with one decimal below `exact_below`, where the decimal says something.
fn rounded(value: f64, exact_below: f64) -> String {
    let decimals = if value.abs() < exact_below { 10.0 } else { 1.0 };
    // Adding zero takes the sign off a zero.
    let value = (value * decimals).round() / decimals + 0.0;
    if value.abs() < 1e15 { format!("{value}") } else { format!("{value:.0e}") }
}

/// The logarithm keeps six digits: cents are told only as far as they are right.
fn amount(major: f64) -> String {
    match major {
        ..100.0 => format!("{major:.2}"),
        ..1000.0 => format!("{major:.1}"),
        _ => rounded(major, 0.0),
    }
}

fn duration(seconds: f64) -> String {
    let (per_unit, unit) = match seconds.round() {
        ..60.0 => (1.0, "s"),
        ..3600.0 => (60.0, "min"),
        ..86_400.0 => (3600.0, "h"),
        _ => (86_400.0, "d"),
    };
    let exact_below = if unit == "s" || unit == "min" { 0.0 } else { 10.0 };
    format!("{} {unit}", rounded(seconds / per_unit, exact_below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_features::FeatureSet;
    use std::collections::BTreeSet;

    fn column(name: &str) -> &'static Feature {
        FeatureSet::V3.features().iter().find(|feature| feature.name == name).unwrap()
    }

    #[test]
    fn values_are_told_with_their_units() {
        let log = |value: f32| (1.0 + value).log2();
        for (name, stored, expected) in [
            ("device_accounts_1d", log(12.0), "12"),
            ("device_accounts_1d", 0.0, "0"),
            ("account_age_s", log(42.0), "42 s"),
            ("account_age_s", log(720.0), "12 min"),
            ("account_age_s", log(12_240.0), "3.4 h"),
            ("account_age_s", log(41.0 * 86_400.0), "41 d"),
            ("account_age_s", log(2.0 * 86_400.0), "2 d"),
            ("amount", log(8.3), "8.30"),
            ("amount", log(129.9), "129.9"),
            ("amount", log(20_910.0), "20910"),
            ("account_burst_1h", log(4.24), "4.2 times"),
            ("device_reported_share", 0.371, "37 %"),
            ("device_reported_share", 0.005, "0.5 %"),
            ("device_new", 1.0, "yes"),
            ("device_new", 0.0, "no"),
            ("amount_to_account_mean", 1.5, "2.8 times"),
            ("amount_to_account_mean", -1.0, "0.5 times"),
            ("account_amount_surprise", -0.04, "0 standard deviations"),
            ("account_amount_surprise", -3.12, "-3.1 standard deviations"),
            ("shared_entities", 2.0, "2"),
            ("embedding_03", 0.5, "0.50"),
            ("device_accounts_1d", f32::NAN, "not known"),
        ] {
            assert_eq!(value(column(name), stored), expected, "{name} {stored}");
        }
    }

    #[test]
    fn times_of_day_and_days_are_read_off_sine_and_cosine() {
        for minutes in [0, 1, 719, 720, 1080, 1439] {
            let angle = TAU * minutes as f32 / 1440.0;
            assert_eq!(turn("hour", angle.sin(), angle.cos()), format!("{:02}:{:02} UTC", minutes / 60, minutes % 60));
        }
        for (day, name) in [(0, "Monday"), (3, "Thursday"), (6, "Sunday")] {
            let angle = TAU * day as f32 / 7.0;
            assert_eq!(turn("weekday", angle.sin(), angle.cos()), name);
        }
        assert_eq!(turn("hour", f32::NAN, 0.0), "not known");
    }

    #[test]
    fn columns_are_told_by_the_schema() {
        for (name, expected) in [
            ("amount", "amount in the payment's currency"),
            ("device_accounts_1d", "device: distinct accounts, within 1 day"),
            ("ip_new", "account: first payment of the account from the IP address"),
            (
                "hour_habit_share",
                "account: share of its payments in this sixth of the day, the last 30 days counting most",
            ),
        ] {
            assert_eq!(text(column(name)), expected);
        }
    }

    #[test]
    fn every_unit_of_the_schema_is_known() {
        let known = [
            "log2(1+count)",
            "log2(1+s)",
            "log2(1+major units)",
            "log2(1+ratio)",
            "share 0..1",
            "0 or 1",
            "log2 ratio",
            "standard deviations",
            "number 0..3",
            "network unit",
            "sine",
            "cosine",
        ];
        let found: BTreeSet<&str> = FeatureSet::V3.features().iter().map(|feature| feature.unit).collect();
        assert_eq!(found, BTreeSet::from(known), "a new unit needs words here");
        for feature in FeatureSet::V3.features() {
            for stored in [feature.default, -64.0, 0.0, 64.0, 1e9, f32::MAX, f32::MIN] {
                assert!(!value(feature, stored).is_empty() && !text(feature).contains("  "), "{}", feature.name);
            }
        }
    }
}
