//! Rate limits: a bucket for each who asks and each class of what they ask for. So many requests a second, and so many at once after a rest.
//!
//! Whole numbers and the caller's time alone: the same requests get the same answers. Cost: one look-up, some 100 bytes a bucket; a bucket
//! that is full again is as good as none and is dropped when room is needed.

use std::collections::HashMap;

/// What a bucket holds for one request.
const REQUEST: u64 = 1_000;
/// Looking for buckets to drop walks over all of them: at most once in so long.
const SWEEP_EVERY_MS: i64 = 1_000;

/// Kinds of requests that are counted apart, so that reading never keeps payments from being scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Payments and labels.
    Score,
    /// Reading.
    Read,
    /// Changing.
    Change,
    /// Signing in, and credentials that do not hold; counted by address.
    SignIn,
}

/// How much of a class one caller may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second; 0 for as many as come.
    pub per_second: u32,
    /// Requests at once after a rest.
    pub burst: u32,
}

/// The rate of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Payments and labels.
    pub score: Rate,
    /// Reading.
    pub read: Rate,
    /// Changing.
    pub change: Rate,
    /// Signing in.
    pub sign_in: Rate,
}

/// Too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests of this kind; wait {retry_after_s} s, or ask an admin for a higher access.{}_per_second", class.name())]
pub struct Throttled {
    /// Of what.
    pub class: Class,
    /// When another one will be answered, whole seconds, at least 1.
    pub retry_after_s: u32,
}

/// All buckets.
#[derive(Debug)]
pub struct Limiter {
    rates: Rates,
    most: usize,
    swept_at_ms: i64,
    buckets: HashMap<(String, Class), Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In thousandths of a request.
    level: u64,
    at_ms: i64,
}

impl Class {
    /// As settings name it.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Score => "score",
            Class::Read => "read",
            Class::Change => "change",
            Class::SignIn => "sign_in",
        }
    }
}

impl Limiter {
    /// Full buckets for everybody, at most so many that are not.
    pub fn new(rates: Rates, most: usize) -> Limiter {
        Limiter { rates, most: most.max(1), swept_at_ms: i64::MIN, buckets: HashMap::new() }
    }

    /// Counts a request of that class by whoever `key` names.
    ///
    /// # Errors
    /// Where it is one too many; it is not counted then.
    pub fn take(&mut self, key: &str, class: Class, now_ms: i64) -> Result<(), Throttled> {
        let rate = self.rates.of(class);
        if rate.per_second == 0 {
            return Ok(());
        }
        let id = (key.to_owned(), class);
        if !self.buckets.contains_key(&id) && !self.has_room(now_ms) {
            return Err(Throttled { class, retry_after_s: 1 });
        }
        let bucket = self.buckets.entry(id).or_insert(Bucket { level: rate.full(), at_ms: now_ms });
        bucket.fill(rate, now_ms);
        match bucket.level.checked_sub(REQUEST) {
            Some(level) => {
                bucket.level = level;
                Ok(())
            }
            None => {
                let missing_ms = (REQUEST - bucket.level).div_ceil(u64::from(rate.per_second));
                let retry_after_s = u32::try_from(missing_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
                Err(Throttled { class, retry_after_s: retry_after_s.max(1) })
            }
        }
    }

    /// Buckets that are kept.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn has_room(&mut self, now_ms: i64) -> bool {
        let is_due = now_ms.saturating_sub(self.swept_at_ms) >= SWEEP_EVERY_MS;
        if self.buckets.len() >= self.most && is_due {
            self.swept_at_ms = now_ms;
            let rates = self.rates;
            self.buckets.retain(|(_, class), bucket| {
                bucket.fill(rates.of(*class), now_ms);
                bucket.level < rates.of(*class).full()
            });
        }
        self.buckets.len() < self.most
    }
}

impl Bucket {
    /// What came in since: a request a second is a thousandth a millisecond.
    fn fill(&mut self, rate: Rate, now_ms: i64) {
        let since_ms = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        let more = since_ms.saturating_mul(u64::from(rate.per_second));
        self.level = self.level.saturating_add(more).min(rate.full());
        self.at_ms = self.at_ms.max(now_ms);
    }
}

impl Rate {
    fn full(self) -> u64 {
        u64::from(self.burst.max(1)) * REQUEST
    }
}

impl Rates {
    const fn of(&self, class: Class) -> Rate {
        match class {
            Class::Score => self.score,
            Class::Read => self.read,
            Class::Change => self.change,
            Class::SignIn => self.sign_in,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(per_second: u32, burst: u32, most: usize) -> Limiter {
        let rate = Rate { per_second, burst };
        Limiter::new(Rates { score: rate, read: rate, change: rate, sign_in: Rate { per_second: 0, burst: 0 } }, most)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut limiter = limiter(2, 3, 10);
        // Millisecond, and what came of it: 0 for taken, else after how many seconds.
        for (at_ms, expected) in [
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 1),
            (499, 1),
            (500, 0),
            (500, 1),
            (400, 1),
            (10_000, 0),
            (10_000, 0),
            (10_000, 0),
            (10_001, 1),
        ] {
            let told =
                limiter.take("token:a", Class::Read, at_ms).map_or_else(|throttled| throttled.retry_after_s, |()| 0);
            assert_eq!(told, expected, "{at_ms}");
        }
        assert_eq!(limiter.take("token:a", Class::Score, 10_001), Ok(()), "classes are counted apart");
        assert_eq!(limiter.take("token:b", Class::Read, 10_001), Ok(()), "and so is who asks");
        for _ in 0..100 {
            assert_eq!(limiter.take("token:a", Class::SignIn, 0), Ok(()), "0 is no limit");
        }
    }

    #[test]
    fn memory_has_a_bound_and_a_newcomer_an_answer() {
        let mut limiter = limiter(1, 2, 2);
        assert!(limiter.take("a", Class::Read, 0).is_ok() && limiter.take("b", Class::Read, 0).is_ok());
        assert_eq!(limiter.take("c", Class::Read, 0), Err(Throttled { class: Class::Read, retry_after_s: 1 }));
        assert_eq!(limiter.len(), 2);
        assert!(limiter.take("c", Class::Read, 1_000).is_ok(), "buckets that are full again make room");
        assert_eq!(limiter.len(), 1);
        let message = Throttled { class: Class::SignIn, retry_after_s: 7 }.to_string();
        assert!(message.contains("wait 7 s") && message.contains("access.sign_in_per_second"));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(
            per_second in 1..50_u32, burst in 1..20_u32, steps in prop::collection::vec(0..700_i64, 1..200),
        ) {
            let mut limiter = limiter(per_second, burst, 4);
            let (mut now_ms, mut taken) = (0, 0_u64);
            for step in steps {
                now_ms += step;
                match limiter.take("a", Class::Change, now_ms) {
                    Ok(()) => taken += 1,
                    Err(throttled) => {
                        let later_ms = now_ms + i64::from(throttled.retry_after_s) * 1_000;
                        let mut waited = Limiter { buckets: limiter.buckets.clone(), ..limiter_like(&limiter) };
                        prop_assert!(waited.take("a", Class::Change, later_ms).is_ok(), "who waits as told is answered");
                    }
                }
                prop_assert!(taken * 1_000 <= u64::from(burst) * 1_000 + now_ms as u64 * u64::from(per_second));
            }
        }
    }

    fn limiter_like(limiter: &Limiter) -> Limiter {
        Limiter::new(limiter.rates, limiter.most)
    }
}
