//! What is simulated, and where the past ends: the last payments are streamed, all before them is history.

use super::DemoOptions;
use super::screen::Screen;
use crate::clock;
use crate::simulate::{Oracle, SimulatedEvent, SimulationConfig, simulate_with_progress};
use crate::wire::{LabelRequest, ScoreRequest};
use anyhow::ensure;
use fraudnet_graph::{Body, Event};
use std::sync::atomic::{AtomicBool, Ordering};

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;
/// Where the simulated time ends: 2026-11-22 00:00 UTC. Fixed, since another calendar gives another world; afterwards all of it is moved by
/// whole weeks, which no verdict depends on.
const END_MS: i64 = 1_795_305_600_000;
/// A few more frauds than in life (0.3–1 %), so that two days of them say something.
const FRAUD_SHARE: f64 = 0.008;

/// The simulated world.
pub(super) struct World {
    /// Everything before the first payment that is streamed.
    pub(super) past: Vec<Event>,
    /// The payments that are streamed, in order.
    pub(super) payments: Vec<LivePayment>,
    /// What is sent, in order.
    pub(super) steps: Vec<Step>,
}

/// A payment that is streamed, and the truth about it.
pub(super) struct LivePayment {
    pub(super) request: ScoreRequest,
    pub(super) oracle: Oracle,
}

/// One request.
pub(super) enum Step {
    /// The payment of that number.
    Payment(usize),
    /// A label that became known, after so many payments.
    Label { label: LabelRequest, after: usize },
}

impl World {
    /// Simulates. The same options give the same world on every day; its end lies within the last week, so that whoever asks about a
    /// payment of their own afterwards asks in the present of its graph.
    pub(super) fn simulate(options: &DemoOptions, screen: &Screen, stop: &AtomicBool) -> anyhow::Result<World> {
        let config = SimulationConfig {
            days: options.days,
            accounts: options.accounts,
            payments_per_day: options.payments_per_day,
            fraud_share: FRAUD_SHARE,
            ..SimulationConfig::demo(options.seed, END_MS - i64::from(options.days) * DAY_MS)
        };
        config.check()?;
        screen.progress(options.days as usize, "simulating day");
        let told = |progress: crate::simulate::Progress| {
            screen.advance(progress.days_done as usize, || format!("{} payments", progress.payments));
        };
        let moved_ms = weeks_to(clock::now_ms());
        let events = simulate_with_progress(&config, told).take_while(|_| !stop.load(Ordering::Relaxed));
        let moved = events.map(|mut simulated| {
            simulated.event.occurred_at_ms += moved_ms;
            simulated.event.ingested_at_ms += moved_ms;
            simulated
        });
        World::split(moved.collect(), options.payments)
    }

    /// Ends the past before the last `live` payments.
    pub(super) fn split(mut events: Vec<SimulatedEvent>, live: usize) -> anyhow::Result<World> {
        let payments: Vec<usize> = (0..events.len()).filter(|&number| events[number].oracle.is_some()).collect();
        ensure!(
            live > 0 && live < payments.len(),
            "{live} payments cannot be streamed out of {} simulated: simulate more days or stream fewer",
            payments.len()
        );
        let present = events.split_off(payments[payments.len() - live]);
        let past = events.into_iter().map(|simulated| simulated.event).collect();
        let mut world = World { past, payments: Vec::with_capacity(live), steps: Vec::with_capacity(present.len()) };
        for SimulatedEvent { event, oracle } in present {
            match (&event.body, oracle) {
                (Body::Payment(payment), Some(oracle)) => {
                    let request = ScoreRequest::new(payment, Some(event.occurred_at_ms));
                    world.steps.push(Step::Payment(world.payments.len()));
                    world.payments.push(LivePayment { request, oracle });
                }
                (Body::Label(label), _) => {
                    let label = LabelRequest::new(label, Some(event.occurred_at_ms));
                    world.steps.push(Step::Label { label, after: world.payments.len() });
                }
                _ => {}
            }
        }
        Ok(world)
    }

    /// Frauds among the payments that are streamed.
    pub(super) fn frauds(&self) -> usize {
        self.payments.iter().filter(|payment| payment.oracle.fraud).count()
    }
}

/// The whole weeks, in milliseconds, by which the end of the simulated time is moved to lie in the week before `now_ms`.
pub(super) fn weeks_to(now_ms: i64) -> i64 {
    (now_ms - END_MS).div_euclid(WEEK_MS) * WEEK_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::format_timestamp;

    #[test]
    fn the_world_is_moved_by_whole_weeks_into_the_last_one() {
        assert_eq!(format_timestamp(END_MS), "2026-11-22T00:00:00.000Z");
        for (now_ms, weeks) in [
            (END_MS, 0),
            (END_MS + WEEK_MS - 1, 0),
            (END_MS + WEEK_MS, 1),
            (END_MS - 1, -1),
            (END_MS + 520 * WEEK_MS + DAY_MS, 520),
        ] {
            assert_eq!(weeks_to(now_ms), weeks * WEEK_MS);
        }
    }
}
