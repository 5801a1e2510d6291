//! What a score that knows nothing gets: average precision with fraud drawn at random among the payments.
//!
//! Cost: a draw looks at the drawn frauds only, so that 20,000 of them take about a second whatever the number of payments.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

/// Draws behind a band.
const DRAWS: usize = 20_000;
/// Share of draws outside a band, half on either side. Average precision by chance is skew (a fraud that happens to come first counts a
/// lot), so the band is read off the draws, not off their standard deviation. With six models looked at, fewer than one of a hundred honest
/// runs has one outside.
const OUTSIDE: f64 = 0.001;

/// Average precision by chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Chance {
    /// Lower end of the band.
    pub(super) low: f64,
    /// Mean: a little above the prevalence, the more so the fewer frauds.
    pub(super) mean: f64,
    /// Upper end of the band.
    pub(super) high: f64,
}

impl Chance {
    /// Whether a value lies in the band (to the six decimals figures are told with).
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low - 1e-6..=self.high + 1e-6).contains(&value)
    }

    /// How far a value lies from the mean on the way to the end of the band; above 1 it lies outside.
    pub(super) fn reach(&self, value: f64) -> f64 {
        let end = if value >= self.mean { self.high - self.mean } else { self.mean - self.low };
        (value - self.mean).abs() / end.max(1e-6)
    }
}

/// The band of these scores, ties and all, with as many frauds.
pub(super) fn chance(logits: &[f32], fraud: &[bool], seed: u64) -> Chance {
    let ends = group_ends(logits);
    let frauds = fraud.iter().filter(|&&fraud| fraud).count();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut values: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let mut places = sample(&mut random, logits.len(), frauds).into_vec();
            places.sort_unstable();
            average_precision(&places, &ends)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let outside = (OUTSIDE / 2.0 * DRAWS as f64) as usize;
    Chance { low: values[outside], mean: values.iter().sum::<f64>() / DRAWS as f64, high: values[DRAWS - 1 - outside] }
}

/// For every place in descending order of score, where its group of equal scores ends (exclusive).
fn group_ends(logits: &[f32]) -> Vec<usize> {
    let mut sorted = logits.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut ends = vec![sorted.len(); sorted.len()];
    for place in (1..sorted.len()).rev() {
        ends[place - 1] = if sorted[place - 1] == sorted[place] { ends[place] } else { place };
    }
    ends
}

/// Average precision of frauds at these places, ascending: as [`crate::metrics::Ranking::average_precision`].
fn average_precision(places: &[usize], ends: &[usize]) -> f64 {
    let (mut hits, mut area) = (0usize, 0.0);
    while hits < places.len() {
        let end = ends[places[hits]];
        let group = places[hits..].partition_point(|&place| place < end);
        hits += group;
        area += (group * hits) as f64 / end as f64;
    }
    if places.is_empty() { 0.0 } else { area / places.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Ranking;

    #[test]
    fn chance_is_about_the_prevalence_and_knowledge_is_far_from_it() {
        let logits: Vec<f32> = (0..5_000).map(|row| ((row * 7_919) % 5_003) as f32).collect();
        let fraud: Vec<bool> = (0..5_000).map(|row| row % 50 == 0).collect();
        let band = chance(&logits, &fraud, 1);
        assert!((0.018..0.026).contains(&band.mean) && band.low < 0.02 && band.high > 0.03, "{band:?}");
        let blind = Ranking::new(&logits, &fraud).average_precision();
        assert!(band.holds(blind) && band.reach(blind) < 1.0, "{blind}");
        let knowing: Vec<f32> = (0..5_000).map(|row| if row % 100 == 0 { 1.0 } else { 0.0 }).collect();
        let known = Ranking::new(&knowing, &fraud).average_precision();
        assert!(!band.holds(known) && band.reach(known) > 10.0);
        let tied = chance(&[0.0; 5_000], &fraud, 1);
        assert!(tied.holds(0.02) && !tied.holds(0.021) && tied.reach(0.02) < 1e-6, "{tied:?}");
    }

    #[test]
    fn a_draw_counts_as_the_ranking_does() {
        let logits: Vec<f32> = (0..300).map(|row| ((row * 37) % 23) as f32).collect();
        let fraud: Vec<bool> = (0..300).map(|row| row % 11 == 0).collect();
        let mut order: Vec<usize> = (0..300).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let places: Vec<usize> = (0..300).filter(|&place| fraud[order[place]]).collect();
        let expected = Ranking::new(&logits, &fraud).average_precision();
        assert!((average_precision(&places, &group_ends(&logits)) - expected).abs() < 1e-12);
    }
}
