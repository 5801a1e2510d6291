//! What must not be forgotten: known frauds from before the window, by kind.
//!
//! How a fraud works is not told in life, so kinds are told apart by how the payment was made (card, transfer, wallet, cash), which
//! typologies do differ by. Each model's threshold is the one at which it flags the same share of the newer honest payments: among as many
//! alerts of any sort, a new kind of fraud that one of them finds would take the place of old ones. A loss counts as far as it is certain:
//! frauds that one model finds and the other does not are counted both ways, and 1.64 standard errors of their difference (of paired
//! shares, McNemar 1947) are taken off.

use super::{CANDIDATE, CHAMPION, Check, Evidence, GateConfig, Sample};
use crate::metrics::rounded;
use fraudnet_features::schema::payment_features;

/// Fewest frauds of a kind that say anything.
const LEAST: usize = 15;

/// Standard errors that a loss must stand out by: one of twenty does by chance.
const CERTAIN: f64 = 1.64;

/// Recall of old frauds, over all and of every kind that has enough.
pub(super) fn checks(evidence: &Evidence, config: &GateConfig, review_rate: f64) -> Vec<Check> {
    let old: Vec<usize> = (0..evidence.pieces.len())
        .filter(|&row| evidence.pieces[row].memory && evidence.pieces[row].is_fraud())
        .collect();
    let honest = Sample::of(evidence, |piece| !piece.memory && piece.is_known() && !piece.is_fraud());
    let thresholds = [CHAMPION, CANDIDATE].map(|model| honest.ranking(model).at_alert_rate(review_rate).threshold);
    let check = |name: String, rows: &[usize], bound: f64| {
        let finds = |model: usize, row: usize| evidence.logits[model][row] >= thresholds[model];
        let count = |which: &dyn Fn(usize) -> bool| rows.iter().filter(|&&row| which(row)).count() as f64;
        let all = rows.len() as f64;
        let (before, now) = (count(&|row| finds(CHAMPION, row)) / all, count(&|row| finds(CANDIDATE, row)) / all);
        let differ = count(&|row| finds(CHAMPION, row) != finds(CANDIDATE, row)) / all;
        let lost = rounded(before - now);
        let error = ((differ - lost * lost).max(0.0) / all).sqrt();
        Check {
            told: format!(
                "{name}: recall of {} frauds from before the window {now:.4}, the champion's {before:.4}, give or take {error:.4}; at most {bound} may be lost for certain",
                rows.len()
            ),
            name,
            value: Some(lost),
            bound,
            passed: lost - CERTAIN * error <= bound,
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
