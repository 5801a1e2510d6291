//! Simulated life as the drift monitor would see it.

use crate::simulate::{SimulationConfig, simulate};
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body, Channel, Limits, Payment};
use fraudnet_models::{Artifact, ModelSession, Provider, RuntimeConfig, initialise_runtime, resolve_version};
use std::path::{Path, PathBuf};

pub(super) const DAY_S: u32 = 86_400;
/// Payments scored at once.
const BATCH: usize = 256;

/// A payment that was lived.
pub(super) struct Lived {
    pub(super) at_s: u32,
    /// When life began.
    pub(super) begun_s: u32,
    pub(super) row: Vec<f32>,
    pub(super) channel: Channel,
    pub(super) probability: f32,
    pub(super) fraud: bool,
    pub(super) planted: bool,
}

/// Lives so many days at the scale of the demo and tells each payment from a day on. `plant` may change a payment before anybody sees it; it
/// is told the day and the payment's number, and says whether it did.
pub(super) fn live(
    seed: u64,
    days: u32,
    from_day: u32,
    plant: impl Fn(u32, u64, &mut Payment) -> bool,
    mut see: impl FnMut(Lived),
) {
    // Another season for each seed.
    let start_ms = 1_767_225_600_000 + (seed as i64 % 24) * 15 * i64::from(DAY_S) * 1_000;
    let config = SimulationConfig { days, ..SimulationConfig::demo(seed, start_ms) };
    let begun_s = (start_ms / 1_000) as u32;
    let runtime = RuntimeConfig {
        library: PathBuf::new(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: BATCH,
        engine_cache: None,
    };
    initialise_runtime(&runtime).unwrap();
    let family = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/trees-v2");
    let artifact = Artifact::load(&resolve_version(&family).unwrap()).unwrap();
    let mut session = ModelSession::new(&artifact, &runtime).unwrap();
    let limits =
        Limits { max_entities: 1_000_000, max_edges: 4_000_000, max_transactions: 2_000_000, max_age_s: 90 * DAY_S };
    let mut state = State::new(limits);
    let mut waiting: Vec<(Tensor, Lived)> = Vec::with_capacity(BATCH);
    let mut score = |waiting: &mut Vec<(Tensor, Lived)>| {
        let tensors: Vec<&Tensor> = waiting.iter().map(|(tensor, _)| tensor).collect();
        let logits = if tensors.is_empty() { Vec::new() } else { session.run(&tensors).unwrap() };
        for ((tensor, lived), logit) in waiting.drain(..).zip(logits) {
            let probability = artifact.manifest.settings.calibration.probability(logit);
            see(Lived { row: tensor.payment, probability, ..lived });
        }
    };
    for (number, mut simulated) in simulate(&config).enumerate() {
        let day = (simulated.event.ingested_at_ms - start_ms).div_euclid(i64::from(DAY_S) * 1_000) as u32;
        let mut planted = false;
        if let Body::Payment(payment) = &mut simulated.event.body {
            planted = plant(day, number as u64, payment);
        }
        let event = &simulated.event;
        let Body::Payment(payment) = &event.body else {
            state.apply(number as u64, event);
            continue;
        };
        if day < from_day {
            state.apply(number as u64, event);
            continue;
        }
        let mut tensor = Tensor::default();
        let Applied::Payment { now_s, .. } = state.observe(number as u64, event, &mut tensor).applied else { continue };
        let fraud = simulated.oracle.is_some_and(|oracle| oracle.fraud);
        let lived =
            Lived { at_s: now_s, begun_s, row: Vec::new(), channel: payment.channel, probability: 0.0, fraud, planted };
        waiting.push((tensor, lived));
        if waiting.len() == BATCH {
            score(&mut waiting);
        }
    }
    score(&mut waiting);
}
