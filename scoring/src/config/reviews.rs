//! From typed to checked: how people work on held payments.

use super::check::Faults;
use super::raw::RawConfig;
use crate::cases::{CaseBounds, CaseSettings};
use crate::wire::bounds;
use std::collections::BTreeMap;

/// Of one.
const MILLIONTHS: f64 = 1e6;
/// Largest amount, major units: 2^53 hundredths.
const MOST: f64 = 9.0e13;

impl RawConfig {
    pub(super) fn cases(&self, faults: &mut Faults) -> CaseSettings {
        let reviews = &self.reviews;
        let amount = |faults: &mut Faults, key, value: f64, least: f64| {
            (100.0 * faults.within(key, value, least..=MOST)).round() as u64
        };
        let four_eyes_above = amount(faults, "reviews.four_eyes_above", reviews.four_eyes_above, 0.0);
        if !reviews.reference_currency.is_empty()
            && let Err(reason) = bounds::currency(&reviews.reference_currency)
        {
            faults.add("reviews.reference_currency", reason);
        }
        let mut rates = BTreeMap::new();
        for (currency, &rate) in &reviews.rates {
            if let Err(reason) = bounds::currency(currency) {
                faults.add("reviews.rates", format!("names a currency that {reason}"));
            }
            let rate: f64 = faults.within("reviews.rates", rate, 0.000_001..=1_000_000.0);
            rates.insert(currency.clone(), (rate * MILLIONTHS).round() as u64);
        }
        CaseSettings {
            service_level_minutes: faults.within(
                "reviews.service_level_minutes",
                reviews.service_level_minutes,
                1..=525_600,
            ),
            loss_scale_hundredths: amount(faults, "reviews.half_time_loss", reviews.half_time_loss, 0.01),
            rates_millionths: rates,
            lease_minutes: faults.within("reviews.lease_minutes", reviews.lease_minutes, 1..=1_440),
            undo_seconds: faults.within("reviews.undo_seconds", reviews.undo_seconds, 0..=60),
            max_snooze_days: faults.within("reviews.max_snooze_days", reviews.max_snooze_days, 1..=365),
            four_eyes_above_hundredths: reviews.four_eyes.then_some(four_eyes_above),
            bounds: CaseBounds {
                open: faults.within("reviews.max_open", reviews.max_open, 1..=1_000_000),
                closed: faults.within("reviews.max_closed", reviews.max_closed, 1..=1_000_000),
                ..CaseBounds::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_here_passes_in_the_fold_and_the_defaults_are_its_own() {
        let mut raw = RawConfig::default();
        assert_eq!(raw.check().unwrap().service.cases, CaseSettings::default());
        raw.reviews.four_eyes_above = MOST;
        raw.reviews.half_time_loss = MOST;
        raw.reviews.rates = [("USD".to_owned(), 1_000_000.0), ("JPY".to_owned(), 0.000_001)].into();
        let odd = raw.check().unwrap().service.cases;
        assert_eq!((odd.check(), odd.rates_millionths["JPY"]), (Ok(()), 1));
    }

    #[test]
    fn the_reference_currency_is_a_code_or_nothing() {
        let mut raw = RawConfig::default();
        assert_eq!(raw.check().unwrap().http.reference_currency, "");
        raw.reviews.reference_currency = "EUR".to_owned();
        assert_eq!(raw.check().unwrap().http.reference_currency, "EUR");
        raw.reviews.reference_currency = "euro".to_owned();
        assert!(raw.check().unwrap_err().to_string().contains("reviews.reference_currency"));
    }
}
