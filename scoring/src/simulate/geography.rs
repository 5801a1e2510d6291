//! Countries, currencies and merchant categories: the fixed tables of the simulated world.

/// A country accounts live in, or travel and are attacked from.
pub(crate) struct Country {
    pub(crate) code: [u8; 2],
    /// Index into [`CURRENCIES`].
    pub(crate) currency: u8,
    /// Share of accounts that live there.
    pub(crate) share: f64,
    /// Hours ahead of UTC.
    pub(crate) ahead: i64,
    /// First bytes of its IPv4 networks; they overlap between countries, as life's do.
    pub(crate) blocks: &'static [u8],
}

const fn country(code: &[u8; 2], currency: u8, share: f64, ahead: i64, blocks: &'static [u8]) -> Country {
    Country { code: *code, currency, share, ahead, blocks }
}

pub(crate) const COUNTRIES: [Country; 14] = [
    country(b"DE", 0, 0.25, 1, &[79, 84, 91, 178]),
    country(b"FR", 0, 0.15, 1, &[78, 82, 90, 176]),
    country(b"NL", 0, 0.10, 1, &[77, 83, 145, 178]),
    country(b"ES", 0, 0.08, 1, &[79, 80, 88, 176]),
    country(b"IT", 0, 0.08, 1, &[79, 87, 93, 151]),
    country(b"BE", 0, 0.05, 1, &[78, 81, 91]),
    country(b"AT", 0, 0.04, 1, &[77, 84, 178]),
    country(b"GB", 1, 0.10, 0, &[81, 86, 90, 146]),
    country(b"US", 2, 0.08, -6, &[24, 67, 73, 98, 146]),
    country(b"JP", 3, 0.03, 9, &[60, 118, 126]),
    country(b"PL", 0, 0.02, 1, &[79, 83, 89]),
    country(b"RO", 0, 0.01, 2, &[79, 86, 89]),
    country(b"TR", 0, 0.005, 3, &[78, 85, 88]),
    country(b"TH", 2, 0.005, 7, &[58, 110, 118]),
];

/// Code, minor units a euro is worth.
pub(crate) const CURRENCIES: [(&[u8; 3], f64); 4] = [(b"EUR", 100.0), (b"GBP", 86.0), (b"USD", 109.0), (b"JPY", 163.0)];

/// A merchant category.
pub(crate) struct Category {
    /// ISO 18245 code.
    pub(crate) code: u16,
    /// Typical amount in euros.
    pub(crate) level: f64,
    /// Share of merchants.
    pub(crate) share: f64,
    /// Probability that a merchant of it sells online.
    pub(crate) online: f64,
    /// Opening hours of its tills, local.
    pub(crate) open: (i64, i64),
    /// Whether its merchants book small first authorisations: rides, apps, subscriptions, deposits.
    pub(crate) small_first: bool,
    /// How well its goods sell on: what a thief would rather buy.
    pub(crate) resale: f64,
}

const fn category(
    code: u16,
    level: f64,
    share: f64,
    online: f64,
    open: (i64, i64),
    small_first: bool,
    resale: f64,
) -> Category {
    Category { code, level, share, online, open, small_first, resale }
}

pub(crate) const CATEGORIES: [Category; 20] = [
    category(5411, 24.0, 0.14, 0.15, (7, 22), false, 0.4),
    category(5812, 21.0, 0.13, 0.30, (10, 24), false, 0.3),
    category(5541, 48.0, 0.06, 0.02, (5, 24), false, 0.5),
    category(5651, 52.0, 0.10, 0.65, (9, 20), false, 1.5),
    category(5732, 120.0, 0.05, 0.75, (9, 20), false, 3.0),
    category(5816, 11.0, 0.06, 1.00, (0, 24), true, 1.5),
    category(4899, 12.0, 0.03, 1.00, (0, 24), true, 0.3),
    category(4722, 190.0, 0.03, 0.90, (9, 19), false, 1.0),
    category(4511, 150.0, 0.02, 1.00, (0, 24), false, 1.2),
    category(7011, 110.0, 0.03, 0.75, (0, 24), true, 0.6),
    category(4121, 13.0, 0.05, 0.90, (0, 24), true, 0.5),
    category(5912, 17.0, 0.06, 0.25, (8, 20), false, 0.5),
    category(5399, 38.0, 0.06, 0.95, (0, 24), false, 2.0),
    category(7922, 60.0, 0.03, 0.95, (0, 24), false, 1.5),
    category(7995, 30.0, 0.02, 1.00, (0, 24), true, 1.0),
    category(4814, 18.0, 0.03, 0.90, (0, 24), true, 1.0),
    category(6051, 90.0, 0.02, 1.00, (0, 24), false, 2.0),
    category(5947, 35.0, 0.03, 0.70, (9, 20), false, 2.5),
    category(5712, 130.0, 0.02, 0.60, (9, 20), false, 0.6),
    category(8398, 22.0, 0.03, 0.95, (0, 24), true, 0.3),
];

/// Cash machines: not among [`CATEGORIES`], since nobody chooses them by popularity.
pub(crate) const CASH: Category = category(6011, 80.0, 0.0, 0.0, (0, 24), false, 0.0);

/// Weekday of a day since the epoch: Monday is 0.
pub(crate) fn weekday(epoch_day: i64) -> usize {
    (epoch_day + 3).rem_euclid(7) as usize
}

/// Day of the month (from 1) and month (from 1) of a day since the epoch, Gregorian (Hinnant's `civil_from_days`).
pub(crate) fn day_and_month(epoch_day: i64) -> (u8, u8) {
    let day_of_era = (epoch_day + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (day as u8, month as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_agrees_with_known_days() {
        assert_eq!((weekday(0), day_and_month(0)), (3, (1, 1)), "1 January 1970, a Thursday");
        assert_eq!((weekday(19_782), day_and_month(19_782)), (3, (29, 2)), "29 February 2024, a Thursday");
        assert_eq!(day_and_month(-1), (31, 12));
    }

    #[test]
    fn shares_add_up() {
        let countries: f64 = COUNTRIES.iter().map(|country| country.share).sum();
        let categories: f64 = CATEGORIES.iter().map(|category| category.share).sum();
        assert!((countries - 1.0).abs() < 1e-9);
        assert!((categories - 1.0).abs() < 1e-9);
    }
}
