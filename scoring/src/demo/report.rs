//! The figures at the end. Truth comes from the simulator's oracle, all else from replies.

use super::DemoOptions;
use super::tally::{Answered, Tally, percentile};
use super::world::{LivePayment, World};
use crate::clock;
use crate::service::BackfillReport;
use crate::simulate::{SIMULATOR_VERSION, Typology};
use crate::verdict::{Decision, Tier};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Everything the demo measured.
#[derive(Debug, Serialize)]
pub(super) struct DemoReport {
    pub(super) url: String,
    pub(super) model: String,
    pub(super) model_version: String,
    pub(super) policy_version: String,
    pub(super) simulator_version: &'static str,
    pub(super) seed: u64,
    pub(super) history: BackfillReport,
    /// Payments streamed.
    pub(super) payments: usize,
    /// Payments answered with a verdict.
    pub(super) verdicts: usize,
    /// Verdicts found by id, the same bytes, each with a decision of its own.
    pub(super) stored: usize,
    /// Whether every payment got exactly one verdict.
    pub(super) complete: bool,
    /// Why some got none.
    pub(super) failures: Vec<String>,
    pub(super) labels: u64,
    pub(super) labels_lost: u64,
    pub(super) frauds: usize,
    pub(super) decisions: Decisions,
    pub(super) tiers: Tiers,
    /// Review or decline.
    pub(super) alerts: Quality,
    /// Decline alone.
    pub(super) declines: Quality,
    pub(super) typologies: Vec<TypologyRow>,
    pub(super) payments_per_second: f64,
    pub(super) latency_ms: Latency,
    pub(super) stages: Vec<StageRow>,
    pub(super) stream_seconds: f64,
    pub(super) seconds: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Decisions {
    pub(super) approve: usize,
    pub(super) challenge: usize,
    pub(super) review: usize,
    pub(super) decline: usize,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Tiers {
    pub(super) hybrid: usize,
    pub(super) trees_v2: usize,
    pub(super) trees_v1: usize,
    pub(super) rules: usize,
}

/// How well a decision tells fraud.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Quality {
    /// Payments so decided.
    pub(super) payments: usize,
    /// Frauds among them.
    pub(super) caught: usize,
    /// Share of all payments.
    pub(super) rate: f64,
    pub(super) precision: f64,
    pub(super) recall: f64,
    pub(super) f1: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct TypologyRow {
    pub(super) typology: &'static str,
    pub(super) frauds: usize,
    pub(super) alerted: usize,
    pub(super) declined: usize,
    /// Share alerted.
    pub(super) recall: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50: f32,
    pub(super) p90: f32,
    pub(super) p99: f32,
    pub(super) max: f32,
}

#[derive(Debug, Serialize)]
pub(super) struct StageRow {
    pub(super) stage: &'static str,
    #[serde(flatten)]
    pub(super) latency_ms: Latency,
}

impl DemoReport {
    #[expect(clippy::too_many_arguments, reason = "it gathers what every step left")]
    pub(super) fn new(
        options: &DemoOptions,
        url: &str,
        history: BackfillReport,
        world: &World,
        tally: &Tally,
        stored: usize,
        took: Duration,
        begun: Instant,
    ) -> DemoReport {
        let inner = tally.lock();
        let scored: Vec<(&LivePayment, &Answered)> = world
            .payments
            .iter()
            .zip(&inner.answers)
            .filter_map(|(payment, answer)| Some((payment, answer.as_ref()?)))
            .collect();
        let count = |decision| scored.iter().filter(|(_, answer)| answer.verdict.decision == decision).count();
        let tier = |tier| scored.iter().filter(|(_, answer)| answer.verdict.tier == tier).count();
        let frauds = world.frauds();
        let model = scored.first().map(|(_, answer)| &answer.verdict);
        let (payments, verdicts) = (world.payments.len(), scored.len());
        let stage = |name, micros: fn(&Answered) -> Option<f64>| StageRow {
            stage: name,
            latency_ms: Latency::of(scored.iter().filter_map(|(_, answer)| micros(answer))),
        };
        DemoReport {
            url: url.to_owned(),
            model: model.map(|verdict| verdict.model.clone()).unwrap_or_default(),
            model_version: model.map(|verdict| verdict.model_version.clone()).unwrap_or_default(),
            policy_version: model.map(|verdict| verdict.policy_version.clone()).unwrap_or_default(),
            simulator_version: SIMULATOR_VERSION,
            seed: options.seed,
            history,
            payments,
            verdicts,
            stored,
            complete: verdicts == payments && stored == payments,
            failures: inner.failures.clone(),
            labels: inner.labels,
            labels_lost: inner.labels_lost,
            frauds,
            decisions: Decisions {
                approve: count(Decision::Approve),
                challenge: count(Decision::Challenge),
                review: count(Decision::Review),
                decline: count(Decision::Decline),
            },
            tiers: Tiers {
                hybrid: tier(Tier::Hybrid),
                trees_v2: tier(Tier::TreesV2),
                trees_v1: tier(Tier::TreesV1),
                rules: tier(Tier::Rules),
            },
            alerts: Quality::of(&scored, Decision::Review, frauds),
            declines: Quality::of(&scored, Decision::Decline, frauds),
            typologies: Typology::ALL.map(|typology| TypologyRow::of(&scored, typology)).into(),
            payments_per_second: verdicts as f64 / took.as_secs_f64().max(1e-9),
            latency_ms: Latency::of(scored.iter().map(|(_, answer)| answer.latency.as_secs_f64() * 1e3)),
            stages: vec![
                stage("engine queue", |answer| Some(f64::from(answer.verdict.stage_us.engine_queue) / 1e3)),
                stage("observe", |answer| Some(f64::from(answer.verdict.stage_us.observe) / 1e3)),
                stage("inference queue", |answer| Some(f64::from(answer.verdict.stage_us.inference_queue) / 1e3)),
                stage("inference", |answer| Some(f64::from(answer.verdict.stage_us.inference) / 1e3)),
                stage("policy", |answer| Some(f64::from(answer.verdict.stage_us.policy) / 1e3)),
                stage("durable wait", |answer| answer.durable_ms),
            ],
            stream_seconds: took.as_secs_f64(),
            seconds: clock::monotonic().saturating_duration_since(begun).as_secs_f64(),
        }
    }
}

impl Quality {
    fn of(scored: &[(&LivePayment, &Answered)], least: Decision, frauds: usize) -> Quality {
        let decided = || scored.iter().filter(|(_, answer)| answer.verdict.decision >= least);
        let caught = decided().filter(|(payment, _)| payment.oracle.fraud).count();
        Quality::new(decided().count(), caught, frauds, scored.len())
    }

    /// From counts; a share of nothing is 0.
    pub(super) fn new(decided: usize, caught: usize, frauds: usize, payments: usize) -> Quality {
        let (precision, recall) = (share(caught, decided), share(caught, frauds));
        // 2 P R / (P + R), without the division by zero.
        let f1 = share(2 * caught, decided + frauds);
        Quality { payments: decided, caught, rate: share(decided, payments), precision, recall, f1 }
    }
}

impl TypologyRow {
    fn of(scored: &[(&LivePayment, &Answered)], typology: Typology) -> TypologyRow {
        let of_it = || scored.iter().filter(|(payment, _)| payment.oracle.typology == Some(typology));
        let at = |least| of_it().filter(|(_, answer)| answer.verdict.decision >= least).count();
        let (frauds, alerted) = (of_it().count(), at(Decision::Review));
        TypologyRow {
            typology: typology.name(),
            frauds,
            alerted,
            declined: at(Decision::Decline),
            recall: share(alerted, frauds),
        }
    }
}

impl Latency {
    fn of(values_ms: impl Iterator<Item = f64>) -> Latency {
        let mut values: Vec<f32> = values_ms.map(|value| value as f32).collect();
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| percentile(&mut values, share));
        Latency { p50, p90, p99, max }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
