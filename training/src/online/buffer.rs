//! The replay buffer's bounds: how many examples of a class stay, which go, and what those that stay stand for.
//!
//! A class is cut into strata by age. Every example draws a number by its id, once; a stratum keeps those with the lowest numbers, which
//! is a uniform sample of all it ever held, whatever the order they came in (bottom-k sampling: Cohen and Kaplan 2007). Where a class is
//! over its bound, the largest stratum gives up its highest number, so that old days are not crowded out by new ones. What a stratum
//! held over what it holds is what each of its members stands for, and it goes along when a member changes its class.

use super::class::Class;
use serde::{Deserialize, Serialize};

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BufferConfig {
    /// Most examples without a label yet.
    pub immature: u64,
    /// Most known frauds.
    pub positives: u64,
    /// Most honest payments.
    pub negatives: u64,
    /// Most confident mistakes.
    pub hard_negatives: u64,
    /// Days of a stratum, at least 1.
    pub stratum_days: u32,
}

impl Default for BufferConfig {
    fn default() -> BufferConfig {
        BufferConfig { immature: 60_000, positives: 20_000, negatives: 40_000, hard_negatives: 5_000, stratum_days: 7 }
    }
}

impl BufferConfig {
    /// Most examples of the class.
    pub fn bound(&self, class: Class) -> u64 {
        match class {
            Class::Immature => self.immature,
            Class::Positive => self.positives,
            Class::Negative => self.negatives,
            Class::HardNegative => self.hard_negatives,
        }
    }

    /// Number of the stratum of a payment made at that time.
    pub fn stratum(&self, occurred_ms: i64) -> i64 {
        occurred_ms.div_euclid(i64::from(self.stratum_days.max(1)) * crate::data::split::DAY_MS)
    }
}

/// A stratum of a class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stratum {
    /// Class.
    pub class: Class,
    /// Number, ascending with time.
    pub number: i64,
    /// Examples that its members stand for.
    pub held: f64,
    /// Members.
    pub kept: u64,
}

impl Stratum {
    /// Examples each member stands for, at least 1.
    pub fn factor(&self) -> f64 {
        if self.kept == 0 { 1.0 } else { (self.held / self.kept as f64).max(1.0) }
    }
}

/// All strata: a few hundred at most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Strata {
    strata: Vec<Stratum>,
}

impl Strata {
    /// An example joins.
    pub fn enter(&mut self, class: Class, number: i64) {
        let stratum = self.at(class, number);
        stratum.held += 1.0;
        stratum.kept += 1;
    }

    /// A member leaves for another class; how many it stood for.
    pub fn leave(&mut self, class: Class, number: i64) -> f64 {
        let stratum = self.at(class, number);
        let factor = stratum.factor();
        stratum.held -= factor;
        stratum.kept = stratum.kept.saturating_sub(1);
        self.strata.retain(|stratum| stratum.kept > 0);
        factor
    }

    /// A member was let go; the others of its stratum stand for it.
    pub fn evict(&mut self, class: Class, number: i64) {
        let stratum = self.at(class, number);
        stratum.kept = stratum.kept.saturating_sub(1);
        self.strata.retain(|stratum| stratum.kept > 0);
    }

    /// Members of the class.
    pub fn kept(&self, class: Class) -> u64 {
        self.strata.iter().filter(|stratum| stratum.class == class).map(|stratum| stratum.kept).sum()
    }

    /// The stratum that gives up a member next: the largest, of equals the oldest.
    pub fn largest(&self, class: Class) -> Option<i64> {
        let of_class = self.strata.iter().filter(|stratum| stratum.class == class);
        of_class.max_by_key(|stratum| (stratum.kept, -stratum.number)).map(|stratum| stratum.number)
    }

    /// Examples each member of the stratum stands for.
    pub fn factor(&self, class: Class, number: i64) -> f64 {
        let found = self.strata.iter().find(|stratum| stratum.class == class && stratum.number == number);
        found.map_or(1.0, Stratum::factor)
    }

    fn at(&mut self, class: Class, number: i64) -> &mut Stratum {
        let found = self.strata.iter().position(|stratum| stratum.class == class && stratum.number == number);
        let at = found.unwrap_or_else(|| {
            self.strata.push(Stratum { class, number, held: 0.0, kept: 0 });
            self.strata.len() - 1
        });
        &mut self.strata[at]
    }
}

/// An example's number: evenly spread, and its own for each purpose.
pub fn draw(purpose: u64, tenant: &str, id: &str) -> u64 {
    // FNV-1a, then the finaliser of splitmix64, as the samples of a fit are drawn.
    let mut hash = 0xcbf2_9ce4_8422_2325u64 ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in tenant.bytes().chain([0]).chain(id.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The same as a share of the whole range, 0 up to but not 1.
pub fn share(purpose: u64, tenant: &str, id: &str) -> f64 {
    (draw(purpose, tenant, id) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_stay_stand_for_those_that_went() {
        let mut strata = Strata::default();
        (0..100).for_each(|_| strata.enter(Class::Negative, 3));
        (0..60).for_each(|_| strata.evict(Class::Negative, 3));
        assert_eq!(strata.kept(Class::Negative), 40);
        assert!((strata.factor(Class::Negative, 3) - 2.5).abs() < 1e-12);
        // One turns out to be fraud: it takes its two and a half along.
        let carried = strata.leave(Class::Negative, 3);
        assert!((carried - 2.5).abs() < 1e-12);
        assert!((strata.factor(Class::Negative, 3) - 97.5 / 39.0).abs() < 1e-12);
        strata.enter(Class::Positive, 3);
        assert_eq!(strata.factor(Class::Positive, 3), 1.0);
        assert_eq!(strata.factor(Class::Positive, 9), 1.0, "one that is not there");
    }

    #[test]
    fn the_largest_stratum_gives_first_and_of_equals_the_oldest() {
        let mut strata = Strata::default();
        for (number, members) in [(1, 2), (2, 5), (3, 5)] {
            (0..members).for_each(|_| strata.enter(Class::Negative, number));
        }
        assert_eq!(strata.largest(Class::Negative), Some(2));
        strata.evict(Class::Negative, 2);
        assert_eq!(strata.largest(Class::Negative), Some(3));
        assert_eq!(strata.largest(Class::Positive), None);
    }

    #[test]
    fn draws_are_even_and_each_purpose_has_its_own() {
        let below = |purpose| (0..20_000).filter(|id| share(purpose, "t", &format!("tx-{id}")) < 0.3).count();
        assert!((5_700..6_300).contains(&below(1)) && (5_700..6_300).contains(&below(2)));
        let both = (0..20_000).filter(|id| {
            let id = format!("tx-{id}");
            share(1, "t", &id) < 0.3 && share(2, "t", &id) < 0.3
        });
        assert!((1_600..2_000).contains(&both.count()));
    }

    #[test]
    fn strata_go_by_whole_days_before_1970_too() {
        let config = BufferConfig { stratum_days: 7, ..BufferConfig::default() };
        let week = 7 * crate::data::split::DAY_MS;
        assert_eq!(
            [config.stratum(-1), config.stratum(0), config.stratum(week - 1), config.stratum(week)],
            [-1, 0, 0, 1]
        );
    }
}
