//! Shapley values of any model of a row, estimated by walks from a background row to the explained one.
//!
//! A walk puts one column after the other from the background's value to the row's, in a drawn order, and credits each with the change it
//! makes (Castro, Gómez, Tejada 2009). Every order is walked both ways, which takes out most of the noise (Mitchell, Cooper, Frank, Holmes
//! 2022). However few walks there were, the shares add up to the logit less the mean of the background rows walked from. Orders are drawn
//! by a fixed seed: the same payment gets the same explanation.
//!
//! One further player stands for everything besides the row: the payment's neighbourhood, which changes as a whole.
//!
//! Cost: up to two runs of the model a column that differs, for each background row; a row is one line of the batch.

/// One player that is no column: the neighbourhood, last in every list of shares.
const WHOLE: usize = 1;
/// Any number: orders only have to be the same every time.
const SEED: u64 = 0x0066_7261_7564;

/// Rows to be scored together.
#[derive(Debug, Default)]
pub struct Mixtures {
    /// Row-major values.
    pub rows: Vec<f32>,
    /// Whether each row stands in the explained payment's neighbourhood, or else in that of the background row.
    pub at_home: Vec<bool>,
}

/// What was walked from one background row.
pub struct Walked<'a> {
    /// The explained row.
    pub row: &'a [f32],
    /// Its logit.
    pub logit: f32,
    /// The background row.
    pub other: &'a [f32],
    /// Its logit.
    pub other_logit: f32,
    /// Whether the two may differ in their neighbourhood.
    pub neighbourhood: bool,
}

impl Walked<'_> {
    /// Adds the changes along one order and its reverse to `shares`, one a column and one for the neighbourhood, each halved. `number` says
    /// which order. `score` gives the logits of mixtures, in order.
    pub fn walk<E>(
        &self,
        number: u64,
        shares: &mut [f64],
        mut score: impl FnMut(&Mixtures) -> Result<Vec<f32>, E>,
    ) -> Result<(), E> {
        let columns = self.row.len();
        // A column that has the same value on both sides changes nothing, wherever it stands in the order.
        let differs = |at: &usize| self.row[*at].to_bits() != self.other[*at].to_bits();
        let mut order: Vec<usize> = (0..columns).filter(differs).collect();
        if self.neighbourhood {
            order.push(columns);
        }
        Draw::new(SEED ^ number).shuffle(&mut order);
        let mut mixtures = Mixtures::default();
        self.mix(order.iter(), &mut mixtures);
        self.mix(order.iter().rev(), &mut mixtures);
        let logits = if mixtures.at_home.is_empty() { Vec::new() } else { score(&mixtures)? };
        let between = order.len().saturating_sub(1);
        let (there, back) = logits.split_at(between.min(logits.len()));
        self.credit(order.iter(), there, shares);
        self.credit(order.iter().rev(), back, shares);
        Ok(())
    }

    /// All steps of a walk but its two ends, whose logits are known.
    fn mix<'o>(&self, order: impl ExactSizeIterator<Item = &'o usize>, mixtures: &mut Mixtures) {
        let mut mixed = self.other.to_vec();
        let mut at_home = !self.neighbourhood;
        let steps = order.len().saturating_sub(1);
        for &player in order.take(steps) {
            match mixed.get_mut(player) {
                Some(value) => *value = self.row[player],
                None => at_home = true,
            }
            mixtures.rows.extend_from_slice(&mixed);
            mixtures.at_home.push(at_home);
        }
    }

    fn credit<'o>(&self, order: impl Iterator<Item = &'o usize>, between: &[f32], shares: &mut [f64]) {
        let mut before = f64::from(self.other_logit);
        let after = between.iter().copied().chain([self.logit]);
        for (&player, after) in order.zip(after) {
            shares[player] += (f64::from(after) - before) / 2.0;
            before = f64::from(after);
        }
    }
}

/// Places of the shares of so many columns and the neighbourhood.
pub fn no_shares(columns: usize) -> Vec<f64> {
    vec![0.0; columns + WHOLE]
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for orders, and no dependency.
pub struct Draw(u64);

impl Draw {
    /// Draws by seed.
    pub fn new(seed: u64) -> Self {
        Draw(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Puts them in a drawn order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            items.swap(end - 1, self.below(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::testing::{Draws, ensemble};
    use crate::explain::tree_shap::tree_shares;

    type Score = fn(&[f32], bool) -> f32;

    fn shares(row: &[f32], other: &[f32], neighbourhood: bool, walks: u64, score: Score) -> Vec<f64> {
        let walked =
            Walked { row, logit: score(row, true), other, other_logit: score(other, !neighbourhood), neighbourhood };
        let mut shares = no_shares(row.len());
        for number in 0..walks {
            let all = |mixtures: &Mixtures| {
                let rows = mixtures.rows.chunks_exact(row.len());
                Ok::<_, ()>(rows.zip(&mixtures.at_home).map(|(row, &home)| score(row, home)).collect())
            };
            walked.walk(number, &mut shares, all).unwrap();
        }
        shares.iter().map(|share| share / walks as f64).collect()
    }

    #[test]
    fn a_sum_is_told_exactly_by_one_walk() {
        let score: Score = |row, home| 2.0 * row[0] - row[1] + 0.0 * row[2] + if home { 5.0 } else { 1.0 };
        assert_eq!(shares(&[1.0, 2.0, 3.0], &[0.5, 4.0, 0.0], true, 1, score), [1.0, 2.0, 0.0, 4.0]);
        assert_eq!(shares(&[1.0, 2.0, 3.0], &[0.5, 4.0, 0.0], false, 1, score), [1.0, 2.0, 0.0, 0.0]);
        assert_eq!(shares(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], false, 1, score), [0.0; 4]);
        assert_eq!(shares(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], true, 1, score), [0.0, 0.0, 0.0, 4.0]);
    }

    #[test]
    fn a_product_of_two_is_shared_evenly_by_one_walk() {
        let score: Score = |row, home| row[0] * row[1] * if home { 1.0 } else { 0.5 };
        assert_eq!(shares(&[4.0, 3.0], &[0.0, 0.0], false, 1, score), [6.0, 6.0, 0.0]);
    }

    #[test]
    fn shares_add_up_and_come_near_the_exact_ones() {
        for seed in 0..40 {
            let mut draws = Draws::new(seed);
            let columns = 2 + draws.below(8);
            let ensemble = ensemble(&mut draws, columns, 5, 8);
            let (row, other) = (draws.row(columns), draws.row(columns));
            let (logit, other_logit) = (ensemble.logit(&row), ensemble.logit(&other));
            let walked = Walked { row: &row, logit, other: &other, other_logit, neighbourhood: false };
            let mut found = no_shares(columns);
            let walks = 400;
            for number in 0..walks {
                let all = |mixtures: &Mixtures| {
                    Ok::<_, ()>(mixtures.rows.chunks_exact(columns).map(|row| ensemble.logit(row)).collect())
                };
                walked.walk(number, &mut found, all).unwrap();
            }
            let found: Vec<f64> = found.iter().map(|share| share / walks as f64).collect();
            let whole = f64::from(logit) - f64::from(other_logit);
            assert!((found.iter().sum::<f64>() - whole).abs() < 1e-6, "seed {seed}");
            for (found, exact) in found.iter().zip(&tree_shares(&ensemble, &row, &[&other]).columns) {
                assert!((found - exact).abs() < 0.15, "seed {seed}: {found} is not {exact}");
            }
        }
    }

    #[test]
    fn orders_are_drawn_evenly() {
        let mut places = [[0; 4]; 4];
        for seed in 0..4000 {
            let mut items = [0, 1, 2, 3];
            Draw::new(seed).shuffle(&mut items);
            items.iter().enumerate().for_each(|(place, &item)| places[place][item] += 1);
        }
        assert!(places.iter().flatten().all(|&count| (850..1150).contains(&count)), "{places:?}");
        assert_eq!(Draw::new(1).below(0), 0);
    }
}
