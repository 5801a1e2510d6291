//! Which columns are watched, and from when on.
//!
//! A column is watched for what it says of the payments, so it must stand still while payments do. Four kinds do not, and are left out:
//! the calendar (a window of payments is a part of a day), rates over a longer rate (they follow the volume of business, which swings by
//! the weekday), whatever counts or ages from when the graph first saw somebody (it grows for ever), and reports of fraud (they come in
//! tides of campaigns and of the post; `outcomes` watches what they say). The rest stand still once the graph is older than they look
//! back: a service with an empty graph begins with the columns of the payment itself, and takes a new reference whenever more of them have
//! settled.
//!
//! Columns read off an entity that many payments share (merchant, IP, device, counterparty) or off the neighbourhood have fewer values of
//! their own than there are payments: one busy merchant moves a whole bin of a segment. They are held to KS over all payments alone.

use fraudnet_features::schema::{Feature, Group, payment_features};

/// Name of the column that holds what the model says, beside those of the payment row.
pub const SCORE: &str = "fraud_probability";

/// Days a graph must reach back before what is read off it by a model, or off a habit, stands still.
const LONGEST_WINDOW_DAYS: u16 = 30;
/// Days after which an idle neighbourhood has left the graph (`graph.max_age_days` unless set otherwise).
const NEIGHBOURHOOD_DAYS: u16 = 90;

/// A column that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the schema, or [`SCORE`].
    pub name: &'static str,
    /// Its place in a payment row; the score stands after the last.
    pub index: usize,
    /// Days the graph must reach back before it stands still.
    pub settles_after_days: u16,
    /// Read off an entity that many payments share: held to KS over all payments alone.
    pub shared: bool,
}

/// Every watched column, in the order of the payment row; the score last.
pub fn watched() -> Vec<Column> {
    let features = payment_features();
    let columns = features.iter().enumerate().filter_map(|(index, feature)| {
        let settles_after_days = settles_after_days(feature)?;
        let shared = !matches!(feature.entity, "payment" | "account") || feature.group == Group::Graph;
        Some(Column { name: feature.name, index, settles_after_days, shared })
    });
    let score = Column { name: SCORE, index: features.len(), settles_after_days: LONGEST_WINDOW_DAYS, shared: false };
    columns.chain([score]).collect()
}

/// None where it never stands still.
fn settles_after_days(feature: &Feature) -> Option<u16> {
    let name = feature.name;
    let calendar = ["hour_sin", "hour_cos", "weekday_sin", "weekday_cos"].contains(&name);
    let follows_volume = name.contains("_burst_");
    let ages = name.ends_with("_age_s") || name.contains("_young_");
    let reports = name.contains("report");
    if calendar || follows_volume || ages || reports {
        return None;
    }
    let window = match feature.window {
        "1m" | "1h" | "1d" => Some(1),
        "7d" => Some(7),
        text if text.starts_with("30d") => Some(LONGEST_WINDOW_DAYS),
        _ => None,
    };
    if feature.group == Group::Payment {
        return Some(0);
    }
    if window.is_none() && feature.unit == "log2(1+count)" {
        // Counts without a window grow with the entity; what is sampled around it is bounded by what the graph keeps.
        return (feature.group == Group::Graph).then_some(NEIGHBOURHOOD_DAYS);
    }
    // Levels, peaks and large payments are held against a running mean of many weeks.
    let against_mean = ["_level_", "_peak_", "_large_"].into_iter().any(|part| name.contains(part));
    Some(window.filter(|_| !against_mean).unwrap_or(LONGEST_WINDOW_DAYS))
}

/// The most days that any column which has settled by that age of the graph asks for: what a reference taken then is good for.
pub fn settled_days(columns: &[Column], graph_age_days: u32) -> u16 {
    let settled = columns.iter().map(|column| column.settles_after_days);
    settled.filter(|&days| u32::from(days) <= graph_age_days).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Option<Column> {
        watched().into_iter().find(|column| column.name == name)
    }

    #[test]
    fn what_moves_by_itself_is_left_out() {
        for name in [
            "hour_sin",
            "weekday_cos",
            "merchant_burst_1d",
            "account_age_s",
            "merchant_reported",
            "ip_young_share",
            "hop_1_reported_7d",
        ] {
            assert_eq!(column(name), None, "{name}");
        }
        let days = |name| column(name).unwrap().settles_after_days;
        assert_eq!(days("amount"), 0);
        assert_eq!(days("account_payments_1d"), 1);
        assert_eq!(days("merchant_amount_7d"), 7);
        assert_eq!(days("account_devices_30d"), 30);
        assert_eq!(days("account_level_7d"), 30);
        assert_eq!(days("device_new"), 30);
        assert_eq!(days("hop_2_nodes"), 90);
        assert_eq!(days(SCORE), 30);
        assert!(column("merchant_amount_7d").unwrap().shared && !column("amount").unwrap().shared);
        assert!(watched().len() > 120, "{} columns are watched", watched().len());
    }

    #[test]
    fn a_reference_is_good_for_what_had_settled() {
        let columns = watched();
        for (age, days) in [(0, 0), (1, 1), (6, 1), (7, 7), (29, 7), (30, 30), (89, 30), (400, 90)] {
            assert_eq!(settled_days(&columns, age), days, "a graph of {age} days");
        }
    }
}
