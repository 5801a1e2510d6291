//! A stream made from a seed: popularity by a power law, homes and habits, days with a rush hour, over 90 days.

use crate::Stream;
use std::f64::consts::TAU;

/// How much of everything there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Accounts, devices, addresses, merchants.
    pub entities: [u32; 4],
    /// Payments.
    pub payments: usize,
    /// Payments among the tail that are sampled.
    pub queries: usize,
    /// Payments of the tail.
    pub tail: usize,
}

/// What figures are stated for.
pub const BIG: Scale =
    Scale { entities: [200_000, 60_000, 80_000, 10_000], payments: 2_000_000, queries: 10_000, tail: 100_000 };
/// For a quick look.
pub const SMALL: Scale =
    Scale { entities: [20_000, 6_000, 8_000, 1_000], payments: 200_000, queries: 10_000, tail: 20_000 };

const SEED: u64 = 20_240_611;
const START_MS: i64 = 1_700_000_000_000;
const DAYS: u64 = 90;

/// The stream of that scale; always the same.
pub fn generate(scale: &Scale) -> Stream {
    let mut chance = Chance(SEED);
    let [accounts, devices, ips, merchants] = scale.entities.map(|count| count as usize);
    let mut time_ms: Vec<i64> = (0..scale.payments).map(|_| moment(&mut chance)).collect();
    time_ms.sort_unstable();
    for next in 1..time_ms.len() {
        time_ms[next] = time_ms[next].max(time_ms[next - 1] + 1);
    }

    let payers = Popularity::new(&mut chance, accounts, 0.6);
    let (any_device, any_ip) = (Popularity::new(&mut chance, devices, 0.9), Popularity::new(&mut chance, ips, 1.0));
    let any_merchant = Popularity::new(&mut chance, merchants, 1.0);
    let home_devices: Vec<[u32; 2]> = (0..accounts).map(|_| [(); 2].map(|()| chance.below(devices))).collect();
    let home_ips: Vec<[u32; 3]> = (0..accounts).map(|_| [(); 3].map(|()| chance.below(ips))).collect();
    let favourites: Vec<[u32; 8]> = (0..accounts).map(|_| [(); 8].map(|()| any_merchant.pick(&mut chance))).collect();

    let [first_device, first_ip, first_merchant] =
        [accounts, accounts + devices, accounts + devices + ips].map(|first| first as u32);
    let room = || Vec::with_capacity(scale.payments);
    let (mut account, mut device, mut ip, mut merchant, mut amount) =
        (room(), room(), room(), room(), Vec::with_capacity(scale.payments));
    for _ in 0..scale.payments {
        let payer = payers.pick(&mut chance);
        let own = payer as usize;
        let a_device = if chance.happens(0.85) {
            home_devices[own][chance.below(2) as usize]
        } else {
            any_device.pick(&mut chance)
        };
        let an_ip =
            if chance.happens(0.70) { home_ips[own][chance.below(3) as usize] } else { any_ip.pick(&mut chance) };
        let a_merchant = if chance.happens(0.50) {
            favourites[own][chance.below(8) as usize]
        } else {
            any_merchant.pick(&mut chance)
        };
        account.push(payer);
        device.push(first_device + a_device);
        ip.push(first_ip + an_ip);
        merchant.push(first_merchant + a_merchant);
        amount.push((3.5 + 1.1 * chance.normal()).exp() as f32);
    }

    let first = scale.payments - scale.tail;
    let mut queries: Vec<u32> = (first as u32..scale.payments as u32).collect();
    for place in 0..scale.queries {
        queries.swap(place, place + chance.below(scale.tail - place) as usize);
    }
    queries.truncate(scale.queries);
    queries.sort_unstable();
    Stream { time_ms, account, device, ip, merchant, amount, queries, entities: scale.entities, tail: scale.tail }
}

/// A moment within the 90 days, most of them in the afternoon.
fn moment(chance: &mut Chance) -> i64 {
    let day = chance.bits() % DAYS;
    let hour = (14.5 + 4.5 * chance.normal()).clamp(0.0, 23.9999);
    START_MS + (day * 86_400_000) as i64 + (hour * 3_600_000.0 + chance.share() * 1_000.0) as i64
}

/// Who is chosen how often: the k-th most popular k^-exponent as often as the first.
struct Popularity {
    /// Sum of shares up to each rank.
    sums: Vec<f64>,
    by_rank: Vec<u32>,
}

impl Popularity {
    fn new(chance: &mut Chance, count: usize, exponent: f64) -> Popularity {
        let mut sum = 0.0;
        let sums = (1..=count)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        let mut by_rank: Vec<u32> = (0..count as u32).collect();
        for place in 0..count {
            by_rank.swap(place, place + chance.below(count - place) as usize);
        }
        Popularity { sums, by_rank }
    }

    fn pick(&self, chance: &mut Chance) -> u32 {
        let point = chance.share() * self.sums.last().copied().unwrap_or_default();
        let rank = self.sums.partition_point(|&sum| sum <= point);
        self.by_rank[rank.min(self.by_rank.len() - 1)]
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, 1.
    fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> u32 {
        (self.bits() % bound as u64) as u32
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.share(), self.share());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_has_the_shape_asked_for() {
        let stream = generate(&SMALL);
        assert!(stream == generate(&SMALL));
        assert_eq!((stream.len(), stream.queries.len()), (SMALL.payments, SMALL.queries));
        assert!(stream.time_ms.is_sorted_by(|a, b| a < b));
        assert!(
            stream.queries.is_sorted_by(|a, b| a < b)
                && stream.queries.iter().all(|&query| stream.tail().contains(&(query as usize)))
        );
        let mut first = 0;
        for (kind, count) in stream.entities.into_iter().enumerate() {
            assert!((0..stream.len()).all(|payment| (first..first + count).contains(&stream.parties(payment)[kind])));
            first += count;
        }
    }

    #[test]
    fn popularity_follows_its_power() {
        let mut payments = vec![0u32; SMALL.entities.iter().sum::<u32>() as usize];
        let stream = generate(&SMALL);
        stream.merchant.iter().for_each(|&merchant| payments[merchant as usize] += 1);
        payments.sort_unstable_by(|a, b| b.cmp(a));
        // Exponent 1 over 1,000 merchants: the first has 1 / 7.49 of them, the tenth a tenth of that; favourites blur both somewhat.
        let share = |rank: usize| f64::from(payments[rank - 1]) / stream.len() as f64;
        assert!((0.10..0.17).contains(&share(1)), "{}", share(1));
        assert!((0.008..0.020).contains(&share(10)), "{}", share(10));
    }
}
