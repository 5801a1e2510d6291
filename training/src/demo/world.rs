//! What is simulated: a past without the new kind of fraud, in which the champion is fitted; another world's past that the service
//! starts with, also without it; and live days in which it appears.

use super::DemoArguments;
use crate::data::source::Source;
use crate::points::PointGoals;
use anyhow::{Result, ensure};
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::clock;
use fraudnet_scoring::simulate::{Newcomer, Oracle, SimulationConfig, Typology, simulate};
use fraudnet_scoring::wire::{LabelRequest, ScoreRequest};

pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
/// Where the simulated time ends before it is moved into the last week: 2026-11-22 00:00 UTC.
const END_MS: i64 = 1_795_305_600_000;

/// Days that the service knows when it starts.
pub(super) const PAST_DAYS: u32 = 30;
/// Days that are streamed.
pub(super) const LIVE_DAYS: u32 = 17;
/// Live day on which the new kind of fraud appears, from 0.
pub(super) const NOVEL_FROM: u32 = 5;
/// Days of the world that the champion is fitted on.
const FIT_DAYS: u32 = 50;
/// More fraud than in life, so that two weeks of it say something.
const FRAUD_SHARE: f64 = 0.02;
/// The new kind's frauds, in multiples of any other kind's: such things come in waves.
const WAVE: f64 = 6.0;
/// What people have time for, where 2 % of payments are fraud, and 4 % in the wave.
pub(super) const GOALS: PointGoals = PointGoals { decline_precision: 0.9, review_rate: 0.05, challenge_rate: 0.06 };
const ACCOUNTS: u32 = 4_000;
const PAYMENTS_PER_DAY: u32 = 2_500;

/// A payment that is streamed, and the truth about it.
pub(super) struct LivePayment {
    pub(super) request: ScoreRequest,
    pub(super) at_ms: i64,
    pub(super) oracle: Oracle,
}

/// The world of the service.
pub(super) struct World {
    /// Everything before the first live payment.
    pub(super) past: Vec<Event>,
    /// First live moment, UTC milliseconds.
    pub(super) start_ms: i64,
    /// Live payments, day by day.
    pub(super) days: Vec<Vec<LivePayment>>,
    /// Labels of past payments that become known meanwhile, with their time.
    pub(super) late: Vec<(i64, LabelRequest)>,
}

impl World {
    /// Simulates it. The same arguments give the same world, moved by whole weeks so that it ends in the last one.
    pub(super) fn simulate(arguments: &DemoArguments) -> Result<World> {
        let days = PAST_DAYS + LIVE_DAYS;
        let config = SimulationConfig {
            days,
            accounts: ACCOUNTS,
            payments_per_day: PAYMENTS_PER_DAY,
            fraud_share: FRAUD_SHARE,
            newcomers: vec![Newcomer { typology: arguments.novelty, from_day: PAST_DAYS + NOVEL_FROM, times: WAVE }],
            ..SimulationConfig::demo(arguments.seed, END_MS - i64::from(days) * DAY_MS)
        };
        config.check()?;
        let moved_ms = (clock::now_ms() - END_MS).div_euclid(WEEK_MS) * WEEK_MS;
        let start_ms = END_MS - i64::from(LIVE_DAYS) * DAY_MS + moved_ms;
        let mut world = World { past: Vec::new(), start_ms, days: Vec::new(), late: Vec::new() };
        world.days.resize_with(LIVE_DAYS as usize, Vec::new);
        for mut simulated in simulate(&config) {
            simulated.event.occurred_at_ms += moved_ms;
            simulated.event.ingested_at_ms += moved_ms;
            let at_ms = simulated.event.ingested_at_ms;
            let past = at_ms < start_ms;
            match (&simulated.event.body, simulated.oracle) {
                _ if past => world.past.push(simulated.event),
                (Body::Payment(payment), Some(oracle)) => {
                    let day = ((at_ms - start_ms) / DAY_MS).clamp(0, i64::from(LIVE_DAYS) - 1) as usize;
                    let request = ScoreRequest::new(payment, Some(simulated.event.occurred_at_ms));
                    world.days[day].push(LivePayment { request, at_ms, oracle });
                }
                (Body::Label(label), _) => {
                    world.late.push((at_ms, LabelRequest::new(label, Some(simulated.event.occurred_at_ms))));
                }
                _ => {}
            }
        }
        // What is live is labelled by what becomes of it here, not by the simulator.
        let live: std::collections::HashSet<&str> =
            world.days.iter().flatten().map(|payment| payment.request.transaction_id.as_str()).collect();
        world.late.retain(|(_, label)| !live.contains(label.transaction_id.as_str()));
        let novel = world.days.iter().flatten().filter(|payment| payment.oracle.typology == Some(arguments.novelty));
        ensure!(
            novel.count() >= 50,
            "too few frauds of the new kind to tell a story: choose another --novelty or --seed"
        );
        Ok(world)
    }
}

/// The world that the champion is fitted on: another seed, and never the new kind of fraud.
pub(super) fn fitted_on(novelty: Typology, seed: u64) -> Source {
    Source::Simulated(SimulationConfig {
        days: FIT_DAYS,
        accounts: ACCOUNTS,
        payments_per_day: PAYMENTS_PER_DAY,
        fraud_share: FRAUD_SHARE,
        label_tail: true,
        newcomers: vec![Newcomer { typology: novelty, from_day: FIT_DAYS, times: 0.0 }],
        ..SimulationConfig::demo(seed + 1_000, END_MS - i64::from(FIT_DAYS) * DAY_MS)
    })
}
