//! A seeded permutation of 0..count without a table: a Feistel network over the next power of four, walked until it lands inside.

use super::mixed;

/// A permutation; 32 bytes whatever the count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permutation {
    count: u64,
    half_bits: u32,
    seed: u64,
}

/// Four rounds of a good round function are a pseudorandom permutation (Luby and Rackoff 1988); two more cost nothing.
const ROUNDS: u64 = 6;

impl Permutation {
    /// Of the numbers below `count`.
    pub(super) fn new(count: u64, seed: u64) -> Permutation {
        let bits = 64 - count.saturating_sub(1).leading_zeros();
        Permutation { count, half_bits: bits.div_ceil(2).max(1), seed }
    }

    /// Where `number` (below the count) goes. The domain is at most four times the count, so that a walk takes four steps on average
    /// at worst.
    pub(super) fn of(&self, number: u64) -> u64 {
        debug_assert!(number < self.count, "only numbers below the count are permuted");
        let mut at = number;
        loop {
            at = self.step(at);
            if at < self.count {
                return at;
            }
        }
    }

    fn step(&self, at: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (at >> self.half_bits, at & mask);
        for round in 0..ROUNDS {
            let turned = mixed(right ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (round << 56)) & mask;
            (left, right) = (right, left ^ turned);
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_met_once_and_few_stay() {
        for count in [1u64, 2, 3, 17, 1_000, 4_097] {
            let permutation = Permutation::new(count, 7);
            let mut met: Vec<u64> = (0..count).map(|number| permutation.of(number)).collect();
            let fixed = met.iter().enumerate().filter(|(at, to)| *at as u64 == **to).count();
            met.sort_unstable();
            assert!(met.into_iter().eq(0..count), "{count}");
            assert!(count < 1_000 || fixed < 10, "{fixed} of {count} stay");
        }
        let other = Permutation::new(1_000, 8);
        let same = (0..1_000).filter(|&number| other.of(number) == Permutation::new(1_000, 7).of(number)).count();
        assert!(same < 10, "{same}");
    }
}
