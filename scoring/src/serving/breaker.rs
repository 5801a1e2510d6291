//! The circuit breaker of one model: after repeated failures it is left alone for a while, then tried with one payment.
//!
//! Closed: every payment is admitted. It opens after so many failures in a row, or when half of the last fifty failed. Open: none is
//! admitted. When its time is up, one payment is let through (half open): its success closes the breaker, its failure opens it again.
//!
//! Cost: one uncontended lock, some 20 ns, a payment.

use metrics::{Counter, Gauge, counter, gauge};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Payments the failure share is over.
const WINDOW: u32 = 50;
/// The bits of such a window.
const WINDOW_MASK: u64 = (1 << WINDOW) - 1;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures in a row that open it, at least 1.
    pub failures: u32,
    /// How long it stays open.
    pub open: Duration,
}

/// How a model failed a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The run failed.
    Error,
    /// Its output was no finite number.
    NotFinite,
    /// It did not answer in time.
    Timeout,
}

impl Failure {
    const ALL: [Failure; 3] = [Failure::Error, Failure::NotFinite, Failure::Timeout];

    /// As metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Failure::Error => "error",
            Failure::NotFinite => "not_finite",
            Failure::Timeout => "timeout",
        }
    }
}

/// The breaker of one model.
#[derive(Debug)]
pub struct Breaker {
    model: String,
    config: BreakerConfig,
    state: Mutex<State>,
    opened: Gauge,
    failures: [Counter; Failure::ALL.len()],
}

#[derive(Debug)]
struct State {
    phase: Phase,
    in_a_row: u32,
    /// The last payments, newest lowest; a set bit failed.
    window: u64,
    seen: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    /// One payment was let through at that time.
    HalfOpen {
        since: Instant,
    },
}

impl Breaker {
    /// A closed breaker for the model of that name.
    pub fn new(model: &str, config: BreakerConfig) -> Breaker {
        let opened = gauge!("fraudnet_model_breaker_open", "model" => model.to_owned());
        opened.set(0.0);
        let failures = Failure::ALL.map(
            |cause| counter!("fraudnet_model_failures_total", "model" => model.to_owned(), "cause" => cause.name()),
        );
        Breaker {
            model: model.to_owned(),
            config,
            state: Mutex::new(State { phase: Phase::Closed, in_a_row: 0, window: 0, seen: 0 }),
            opened,
            failures,
        }
    }

    /// Whether the model may be asked now. Whoever was admitted asks it, or says [`Breaker::forgo`].
    pub fn admits(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match state.phase {
            Phase::Closed => true,
            Phase::Open { until } if now < until => false,
            // One that never told how it ended (its caller was in a hurry) must not keep the model shut out for ever.
            Phase::HalfOpen { since } if now < since + self.config.open => false,
            Phase::Open { .. } | Phase::HalfOpen { .. } => {
                state.phase = Phase::HalfOpen { since: now };
                true
            }
        }
    }

    /// The payment that was admitted never reached the model.
    pub fn forgo(&self, now: Instant) {
        let mut state = self.lock();
        if let Phase::HalfOpen { .. } = state.phase {
            state.phase = Phase::Open { until: now };
        }
    }

    /// The model answered in time.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        match state.phase {
            Phase::Closed => {
                state.in_a_row = 0;
                state.push(false);
            }
            Phase::HalfOpen { .. } => {
                *state = State { phase: Phase::Closed, in_a_row: 0, window: 0, seen: 0 };
                self.opened.set(0.0);
                tracing::info!(model = self.model, "the model answers again; it is asked as before");
            }
            // Asked before the breaker opened.
            Phase::Open { .. } => {}
        }
    }

    /// The model failed a payment.
    pub fn failed(&self, cause: Failure, now: Instant) {
        self.failures[cause as usize].increment(1);
        let mut state = self.lock();
        let opens = match state.phase {
            Phase::Closed => {
                state.in_a_row += 1;
                state.push(true);
                state.in_a_row >= self.config.failures
                    || state.seen >= WINDOW && state.window.count_ones() * 2 >= WINDOW
            }
            Phase::HalfOpen { .. } => true,
            Phase::Open { .. } => false,
        };
        if opens {
            if state.phase == Phase::Closed {
                tracing::warn!(
                    model = self.model,
                    cause = cause.name(),
                    open_ms = self.config.open.as_millis() as u64,
                    "the model failed too often; the tiers below answer"
                );
            }
            state.phase = Phase::Open { until: now + self.config.open };
            self.opened.set(1.0);
        }
    }

    /// Whether it is open or half open.
    pub fn is_open(&self) -> bool {
        self.lock().phase != Phase::Closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Breaker {
    /// A model that is gone is not open.
    fn drop(&mut self) {
        self.opened.set(0.0);
    }
}

impl State {
    fn push(&mut self, failed: bool) {
        self.window = (self.window << 1 | u64::from(failed)) & WINDOW_MASK;
        self.seen = (self.seen + 1).min(WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const OPEN: Duration = Duration::from_secs(5);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new("m/1", BreakerConfig { failures: 5, open: OPEN }), clock::monotonic())
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_closes_it() {
        let (breaker, now) = breaker();
        for _ in 0..4 {
            breaker.failed(Failure::Error, now);
        }
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(Failure::Timeout, now);
        }
        assert!(breaker.admits(now) && !breaker.is_open(), "four in a row are not five");
        breaker.failed(Failure::NotFinite, now);
        assert!(breaker.is_open() && !breaker.admits(now) && !breaker.admits(now + OPEN / 2));
        // Answers to what was asked before change nothing.
        breaker.succeeded();
        assert!(!breaker.admits(now + OPEN / 2));

        let later = now + OPEN;
        assert!(breaker.admits(later), "one is let through");
        assert!(!breaker.admits(later), "and only one");
        breaker.failed(Failure::Error, later);
        assert!(!breaker.admits(later + OPEN / 2), "open again for the whole time");
        assert!(breaker.admits(later + OPEN));
        breaker.succeeded();
        assert!(!breaker.is_open());
        for _ in 0..4 {
            breaker.failed(Failure::Error, later);
        }
        assert!(breaker.admits(later), "what was before counts no more");
    }

    #[test]
    fn half_of_the_last_fifty_open_it() {
        let (breaker, now) = breaker();
        for number in 0..WINDOW - 1 {
            if number % 2 == 0 {
                breaker.failed(Failure::Timeout, now)
            } else {
                breaker.succeeded()
            }
            assert!(breaker.admits(now), "a share of few says little");
        }
        breaker.succeeded();
        assert!(breaker.admits(now), "25 of 50, seen at the next failure");
        breaker.failed(Failure::Timeout, now);
        assert!(!breaker.admits(now));

        let (breaker, now) = self::breaker();
        for number in 0..4 * WINDOW {
            if number % 3 == 0 { breaker.failed(Failure::Timeout, now) } else { breaker.succeeded() }
        }
        assert!(breaker.admits(now), "a third is not half");
    }

    #[test]
    fn a_payment_let_through_in_vain_makes_room_for_the_next() {
        let (breaker, now) = breaker();
        for _ in 0..5 {
            breaker.failed(Failure::Error, now);
        }
        let later = now + OPEN;
        assert!(breaker.admits(later));
        breaker.forgo(later);
        assert!(breaker.admits(later), "it never reached the model");
        assert!(!breaker.admits(later + OPEN / 2));
        assert!(breaker.admits(later + OPEN), "it never told how it ended");
    }
}
