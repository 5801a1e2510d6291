//! What an account usually does: hours, channels, currency, country.

use crate::math::exp2_neg;
use crate::pulse::HALF_LIVES_S;
use fraudnet_graph::Payment;

/// Hours of the day in one bin.
const HOURS_A_BIN: usize = 4;
/// Bins of the day.
pub(crate) const BINS: usize = 24 / HOURS_A_BIN;
/// Channels there are.
pub(crate) const CHANNELS: usize = 5;

/// Running habits of one account. Counts decay with a half-life of 30 days.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Habit {
    pub(crate) decayed_s: u32,
    pub(crate) hours: [f32; BINS],
    pub(crate) channels: [f32; CHANNELS],
    pub(crate) currency: Usual,
    pub(crate) country: Usual,
}

/// The usual value by majority vote (Boyer and Moore): agreeing payments add weight, others take it away until another value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usual {
    /// Upper-case code, zero-padded.
    pub(crate) value: [u8; 3],
    pub(crate) weight: u8,
}

impl Habit {
    /// Takes a payment into the habits. `hour` is the payment's own hour of the day, UTC.
    pub(crate) fn pay(&mut self, now_s: u32, hour: usize, payment: &Payment) {
        let left = exp2_neg(now_s.saturating_sub(self.decayed_s) as f32 * (1.0 / HALF_LIVES_S[3]));
        self.hours.iter_mut().chain(&mut self.channels).for_each(|count| *count *= left);
        self.decayed_s = now_s;
        self.hours[hour / HOURS_A_BIN] += 1.0;
        self.channels[payment.channel as usize] += 1.0;
        self.currency.see(payment.currency);
        if let Some(country) = country(payment) {
            self.country.see(country);
        }
    }

    /// Share of the account's payments in this part of the day, smoothed towards an even day.
    pub(crate) fn hour_share(&self, hour: usize) -> f32 {
        smoothed_share(&self.hours, hour / HOURS_A_BIN)
    }

    /// Share of the account's payments over this channel, smoothed towards an even choice.
    pub(crate) fn channel_share(&self, payment: &Payment) -> f32 {
        smoothed_share(&self.channels, payment.channel as usize)
    }

    /// Whether the account usually pays in another currency.
    pub(crate) fn currency_unusual(&self, payment: &Payment) -> bool {
        self.currency.differs(payment.currency)
    }

    /// Whether the account usually pays from or in another country.
    pub(crate) fn country_unusual(&self, payment: &Payment) -> bool {
        country(payment).is_some_and(|country| self.country.differs(country))
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.decayed_s.to_le_bytes());
        for count in self.hours.iter().chain(&self.channels) {
            hasher.update(&count.to_bits().to_le_bytes());
        }
        for usual in [self.currency, self.country] {
            hasher.update(&usual.value).update(&[usual.weight]);
        }
    }
}

impl Usual {
    fn see(&mut self, value: [u8; 3]) {
        if self.weight == 0 {
            *self = Usual { value, weight: 1 };
        } else if self.value == value {
            self.weight = self.weight.saturating_add(1);
        } else {
            self.weight -= 1;
        }
    }

    fn differs(&self, value: [u8; 3]) -> bool {
        self.weight > 0 && self.value != value
    }
}

/// Where the payment happens: the IP's country, else the merchant's.
fn country(payment: &Payment) -> Option<[u8; 3]> {
    payment.ip_country.or(payment.merchant_country).map(|[a, b]| [a, b, 0])
}

fn smoothed_share(counts: &[f32], place: usize) -> f32 {
    let total: f32 = counts.iter().sum();
    (counts[place] + 1.0) / (total + counts.len() as f32)
}
