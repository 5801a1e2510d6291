//! What must not be forgotten: known frauds from before the window, by kind.
//!
//! How a fraud works is not told in life, so kinds are told apart by how the payment was made (card, transfer, wallet, cash), which
//! typologies do differ by. Each model's threshold is the one at which it flags the same share of the newer payments.

use super::{CANDIDATE, CHAMPION, Check, Evidence, GateConfig, Sample};
use crate::metrics::rounded;
use fraudnet_features::schema::payment_features;

/// Fewest frauds of a kind that say anything.
const LEAST: usize = 15;

/// Recall of old frauds, over all and of every kind that has enough.
pub(super) fn checks(evidence: &Evidence, known: &Sample, config: &GateConfig, review_rate: f64) -> Vec<Check> {
    let old: Vec<usize> = (0..evidence.pieces.len())
        .filter(|&row| evidence.pieces[row].memory && evidence.pieces[row].is_fraud())
        .collect();
    let thresholds = [CHAMPION, CANDIDATE].map(|model| known.ranking(model).at_alert_rate(review_rate).threshold);
    let check = |name: String, rows: &[usize], bound: f64| {
        let recall = |model: usize| {
            let caught = rows.iter().filter(|&&row| evidence.logits[model][row] >= thresholds[model]).count();
            caught as f64 / rows.len() as f64
        };
        let (before, now) = (recall(CHAMPION), recall(CANDIDATE));
        let lost = rounded(before - now);
        Check {
            told: format!(
                "{name}: recall of {} frauds from before the window {now:.4}, the champion's {before:.4}; at most {bound} may be lost",
                rows.len()
            ),
            name,
            value: Some(lost),
            bound,
            passed: lost <= bound,
        }
    };
    if old.len() < LEAST {
        return Vec::new();
    }
    let mut checks = vec![check("forgetting".to_owned(), &old, config.forgotten)];
    for (column, kind) in channels() {
        let rows: Vec<usize> =
            old.iter().copied().filter(|&row| evidence.pieces[row].example.tensor.payment[column] > 0.5).collect();
        if rows.len() >= LEAST {
            checks.push(check(format!("forgetting_{kind}"), &rows, 2.0 * config.forgotten));
        }
    }
    checks
}

/// The columns that say how a payment was made.
fn channels() -> impl Iterator<Item = (usize, &'static str)> {
    let flags = payment_features().iter().enumerate();
    flags
        .filter(|(_, feature)| feature.unit == "0 or 1")
        .filter_map(|(column, feature)| feature.name.strip_prefix("channel_").map(|kind| (column, kind)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_channel_is_a_kind() {
        let kinds: Vec<&str> = super::channels().map(|(_, kind)| kind).collect();
        assert_eq!(kinds, ["ecommerce", "card_present", "transfer", "wallet", "atm"]);
    }
}
