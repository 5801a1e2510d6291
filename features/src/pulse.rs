//! The compact record of an entity that node features read: 128 bytes, two cache lines, one record an entity.
//!
//! Sums decay exponentially instead of standing in windows: four half-lives cost four multiplications and 16 bytes,
//! which is what lets 128 nodes be read in some 10 µs. The payment's own entities are read from exact windows besides.

use crate::math::exp2_neg;

/// Half-lives of the decayed sums in seconds: 1 hour, 1 day, 7 days, 30 days.
pub(crate) const HALF_LIVES_S: [f32; 4] = [3_600.0, 86_400.0, 604_800.0, 2_592_000.0];

/// Payments after which the running mean and variance turn into moving ones, so that a habit can change.
const HABIT_PAYMENTS: f32 = 256.0;

/// Payments after which an account's mean says what is large for it.
const KNOWN_PAYMENTS: u32 = 5;

/// Times its payer's mean at which a payment is large. Of 2, 2.5, 3 and 4, 3 told most on the public card history, in the four
/// test weeks before the one that is reported.
const LARGE_MEANS: f32 = 3.0;

/// What remains of each decayed sum after `elapsed_s`.
pub(crate) fn remaining(elapsed_s: u32) -> [f32; 4] {
    let elapsed_s = elapsed_s as f32;
    HALF_LIVES_S.map(|half_life_s| exp2_neg(elapsed_s * (1.0 / half_life_s)))
}

/// Running facts of one entity beyond those the graph keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Pulse {
    /// Generation of the entity plus one; 0 where the record was never used.
    pub(crate) stamp: u32,
    /// Time the decayed sums stand at.
    pub(crate) decayed_s: u32,
    /// Last payment made by the account, or made through the device, IP or merchant.
    pub(crate) paid_last_s: u32,
    /// Time between the last two of them.
    pub(crate) gap_s: u32,
    /// Last payment received.
    pub(crate) received_last_s: u32,
    /// Payments behind `amount_mean` and `amount_variance`.
    pub(crate) paid_count: u32,
    /// Running mean of `log2(1 + major units)`.
    pub(crate) amount_mean: f32,
    /// Running variance of the same.
    pub(crate) amount_variance: f32,
    /// Decayed number of payments made.
    pub(crate) paid: [f32; 4],
    /// Decayed sum of their amounts, major units.
    pub(crate) paid_amount: [f32; 4],
    /// Decayed number of payments received.
    pub(crate) received: [f32; 4],
    /// Decayed sum of their amounts, major units.
    pub(crate) received_amount: [f32; 4],
}

const _: () = assert!(size_of::<Pulse>() == 128);

impl Pulse {
    /// A payment made by the entity, or through it.
    pub(crate) fn pay(&mut self, now_s: u32, amount: f32, log_amount: f32) {
        self.decay(now_s);
        self.gap_s = if self.paid_count > 0 { now_s.saturating_sub(self.paid_last_s) } else { 0 };
        self.paid_last_s = now_s;
        self.paid_count = self.paid_count.saturating_add(1);
        for k in 0..4 {
            self.paid[k] += 1.0;
            self.paid_amount[k] += amount;
        }
        // Welford's update; with the count capped it is an exponential one.
        let share = 1.0 / (self.paid_count as f32).min(HABIT_PAYMENTS);
        let before = log_amount - self.amount_mean;
        self.amount_mean += before * share;
        self.amount_variance += (before * (log_amount - self.amount_mean) - self.amount_variance) * share;
    }

    /// A payment received.
    pub(crate) fn receive(&mut self, now_s: u32, amount: f32) {
        self.decay(now_s);
        self.received_last_s = now_s;
        for k in 0..4 {
            self.received[k] += 1.0;
            self.received_amount[k] += amount;
        }
    }

    fn decay(&mut self, now_s: u32) {
        let left = remaining(now_s.saturating_sub(self.decayed_s));
        for (k, left) in left.into_iter().enumerate() {
            self.paid[k] *= left;
            self.paid_amount[k] *= left;
            self.received[k] *= left;
            self.received_amount[k] *= left;
        }
        self.decayed_s = now_s;
    }

    /// Running standard deviation of `log2(1 + major units)`; rounding may leave a variance just below zero.
    pub(crate) fn amount_deviation(&self) -> f32 {
        self.amount_variance.max(0.0).sqrt()
    }

    /// How many of its own standard deviations (floored at half a doubling) an amount lies off the entity's habit.
    pub(crate) fn surprise(&self, log_amount: f32) -> f32 {
        if self.paid_count == 0 {
            return 0.0;
        }
        ((log_amount - self.amount_mean) / (self.amount_deviation() + 0.5)).clamp(-16.0, 16.0)
    }

    /// Mean amount paid, major units, older payments counting less (30-day half-life); 0 before the first. Both sums decay
    /// alike, so that the quotient holds at any time.
    pub(crate) fn mean_paid(&self) -> f32 {
        crate::columns::share(self.paid_amount[3], self.paid[3])
    }

    /// An amount over the mean paid, at most a million times; 0 before the first payment. The floor of a cent keeps an account of
    /// free trials, or sums that decayed over years to next to nothing, finite.
    pub(crate) fn over_mean(&self, amount: f32) -> f32 {
        if self.paid_count == 0 { 0.0 } else { (amount / self.mean_paid().max(0.01)).min(1e6) }
    }

    /// Whether a payment of that amount, not yet taken in, is large for the account: [`LARGE_MEANS`] times what it pays on average,
    /// once it is known by five payments.
    pub(crate) fn is_large(&self, amount: f32) -> bool {
        self.paid_count >= KNOWN_PAYMENTS && amount >= LARGE_MEANS * self.mean_paid()
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        for word in [self.stamp, self.decayed_s, self.paid_last_s, self.gap_s, self.received_last_s, self.paid_count] {
            hasher.update(&word.to_le_bytes());
        }
        let sums = [self.paid, self.paid_amount, self.received, self.received_amount];
        for value in [self.amount_mean, self.amount_variance].iter().chain(sums.iter().flatten()) {
            hasher.update(&value.to_bits().to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::log2_1p;

    #[test]
    fn sums_halve_at_their_half_life() {
        let mut pulse = Pulse::default();
        pulse.pay(1_000_000, 8.0, log2_1p(8.0));
        let left = remaining(86_400);
        assert!((pulse.paid[1] * left[1] - 0.5).abs() < 1e-4);
        pulse.pay(1_086_400, 8.0, log2_1p(8.0));
        assert!((pulse.paid[1] - 1.5).abs() < 1e-4 && (pulse.paid_amount[1] - 12.0).abs() < 1e-3);
        assert_eq!(pulse.gap_s, 86_400);
    }

    #[test]
    fn mean_and_variance_follow_the_sample() {
        let mut pulse = Pulse::default();
        let values = [3.0f32, 5.0, 4.0, 8.0];
        for (second, value) in values.into_iter().enumerate() {
            pulse.pay(second as u32, 1.0, value);
        }
        assert!((pulse.amount_mean - 5.0).abs() < 1e-5);
        assert!((pulse.amount_variance - 3.5).abs() < 1e-4, "{}", pulse.amount_variance);
        assert!(pulse.surprise(9.0) > 1.0 && Pulse::default().surprise(9.0) == 0.0);
        assert!(!pulse.is_large(9.0), "four payments are not yet a habit");
        pulse.pay(4, 6.0, 5.0);
        assert!((pulse.mean_paid() - 2.0).abs() < 1e-4);
        assert!(pulse.is_large(6.01) && !pulse.is_large(5.99));
    }
}
