//! A simulated service: the path of a payment through graph, champion and policy, a day at a time.

use crate::contender::Contender;
use crate::data::examples::Shares;
use crate::data::replay::LIMITS;
use crate::data::source::Source;
use crate::data::split::{DAY_MS, SplitSettings};
use crate::fit::{FitRequest, fit};
use crate::network::TrainConfig;
use crate::online::champion::logits;
use crate::online::feed::{Item, Told as Heard};
use crate::points::PointGoals;
use crate::trees::TreeConfig;
use anyhow::Result;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body};
use fraudnet_models::{Artifact, ModelRef, RuntimeConfig};
use fraudnet_scoring::example::{self, ExampleHead};
use fraudnet_scoring::simulate::{Newcomer, Oracle, Simulation, SimulationConfig, Typology, simulate};
use fraudnet_scoring::verdict::{Decision, Tier};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// First moment of every world: 2026-01-05 00:00 UTC, a Monday.
const START_MS: i64 = 1_767_571_200_000;
const ACCOUNTS: u32 = 3_000;
const PAYMENTS_PER_DAY: u32 = 1_200;
/// More fraud than in life, so that a few weeks say something.
const FRAUD_SHARE: f64 = 0.03;
/// Days of the world that the first champion is fitted on.
const FIT_DAYS: u32 = 40;
/// The new kind's frauds, in multiples of any other kind's: such things come in waves.
const WAVE: f64 = 6.0;
/// Days that only fill the graph.
pub(super) const WARM_UP: u32 = 12;
/// Day on which the new kind appears.
pub(super) const NOVEL_FROM: u32 = WARM_UP + 12;
/// Days in all.
pub(super) const DAYS: u32 = NOVEL_FROM + 34;

/// What people have time for, where 3 % of payments are fraud, and 4 % in the wave.
pub(super) const GOALS: PointGoals = PointGoals { decline_precision: 0.9, review_rate: 0.05, challenge_rate: 0.06 };

/// A payment that was scored.
pub(super) struct Scored {
    pub(super) tensor: Tensor,
    pub(super) oracle: Oracle,
    pub(super) at_ms: i64,
}

/// A world as it goes on.
pub(super) struct World {
    events: Peekable<Simulation>,
    state: State,
    position: u64,
    novelty: Typology,
    /// Payments of the new kind, by id, to know when they are told of.
    novel: std::collections::HashSet<String>,
    /// Of them, known to be fraud.
    pub(super) known: std::collections::HashSet<String>,
}

/// What happened on a day.
pub(super) struct Day {
    /// Payments, in order.
    pub(super) payments: Vec<Scored>,
    /// What the trainer hears of it.
    pub(super) heard: Vec<Heard>,
}

impl World {
    pub(super) fn new(seed: u64, novelty: Typology) -> World {
        let config = SimulationConfig {
            days: DAYS,
            accounts: ACCOUNTS,
            payments_per_day: PAYMENTS_PER_DAY,
            fraud_share: FRAUD_SHARE,
            newcomers: vec![Newcomer { typology: novelty, from_day: NOVEL_FROM, times: WAVE }],
            ..SimulationConfig::demo(seed, START_MS)
        };
        World {
            events: simulate(&config).peekable(),
            state: State::new(LIMITS),
            position: 0,
            novelty,
            novel: std::collections::HashSet::new(),
            known: std::collections::HashSet::new(),
        }
    }

    /// Lives day `number` (from 0): payments are decided by `champion` where there is one, and all of them become examples.
    pub(super) fn live(
        &mut self,
        number: u32,
        champion: Option<(&ModelRef, &Artifact)>,
        runtime: &RuntimeConfig,
        threads: usize,
    ) -> Result<Day> {
        let until_ms = START_MS + i64::from(number + 1) * DAY_MS;
        let mut day = Day { payments: Vec::new(), heard: Vec::new() };
        let mut heads: Vec<(usize, ExampleHead)> = Vec::new();
        let mut tensor = Tensor::default();
        while let Some(simulated) = self.events.next_if(|next| next.event.ingested_at_ms < until_ms) {
            let (event, position) = (simulated.event, self.position);
            self.position += 1;
            match &event.body {
                Body::Payment(payment) if champion.is_some() => {
                    let observed = self.state.observe(position, &event, &mut tensor);
                    let (Applied::Payment { .. }, Some(oracle)) = (observed.applied, simulated.oracle) else {
                        continue;
                    };
                    if oracle.typology == Some(self.novelty) {
                        self.novel.insert(payment.transaction_id.clone());
                    }
                    heads.push((day.payments.len(), self.head(&event.tenant, payment, event.occurred_at_ms, position)));
                    day.payments.push(Scored { tensor: tensor.clone(), oracle, at_ms: event.occurred_at_ms });
                }
                Body::Label(label) => {
                    if label.fraud && self.novel.contains(&label.transaction_id) {
                        self.known.insert(label.transaction_id.clone());
                    }
                    let item = Item::Label {
                        tenant: event.tenant.clone(),
                        transaction_id: label.transaction_id.clone(),
                        fraud: label.fraud,
                        source: label.source,
                    };
                    if champion.is_some() {
                        day.heard.push(Heard { at_ms: event.occurred_at_ms, item });
                    }
                    self.state.apply(position, &event);
                }
                _ => {
                    self.state.apply(position, &event);
                }
            }
        }
        if let Some((model, artifact)) = champion {
            let examples = decide(model, artifact, &day.payments, heads, runtime, threads)?;
            // Before the labels of the day: a label waits for its example anyway.
            day.heard.splice(0..0, examples);
        }
        Ok(day)
    }

    fn head(&self, tenant: &str, payment: &fraudnet_graph::Payment, occurred_at_ms: i64, position: u64) -> ExampleHead {
        ExampleHead {
            tenant: tenant.to_owned(),
            transaction_id: payment.transaction_id.clone(),
            account: Some(payment.account.clone()),
            occurred_at_ms,
            position,
            cut: None,
            decision: Decision::Approve,
            fraud_probability: 0.0,
            logit: None,
            model: String::new(),
            model_version: String::new(),
            tier: Tier::Hybrid,
            inclusion_probability: 1.0,
            control_group: false,
            propensity: 1.0,
            subgraph_digest: String::new(),
        }
    }
}

/// The examples of a day's payments as the champion decides them.
fn decide(
    model: &ModelRef,
    artifact: &Artifact,
    payments: &[Scored],
    heads: Vec<(usize, ExampleHead)>,
    runtime: &RuntimeConfig,
    threads: usize,
) -> Result<Vec<Heard>> {
    let tensors: Vec<&Tensor> = payments.iter().map(|payment| &payment.tensor).collect();
    let scores = logits(artifact, &tensors, runtime, None, threads)?;
    let settings = &artifact.manifest.settings;
    let points = &settings.operating_points;
    let told = heads.into_iter().map(|(at, mut head)| {
        let probability = settings.calibration.probability(scores[at]);
        head.fraud_probability = probability;
        head.decision = match probability {
            p if p >= points.decline => Decision::Decline,
            p if p >= points.review => Decision::Review,
            p if p >= points.challenge => Decision::Challenge,
            _ => Decision::Approve,
        };
        head.logit = Some(scores[at]);
        head.model.clone_from(&model.name);
        head.model_version.clone_from(&model.version);
        Heard { at_ms: head.occurred_at_ms, item: Item::Example(example::encode(&head, tensors[at])) }
    });
    Ok(told.collect())
}

/// The first champion of a new kind's worlds: fitted on another world that never has it. Made once for each kind.
pub(super) fn first_champion(
    folder: &Path,
    novelty: Typology,
    runtime: &RuntimeConfig,
    threads: usize,
    told: crate::progress::Told,
) -> Result<PathBuf> {
    let models = folder.join("first").join(novelty.name());
    let out = models.join("hybrid").join("first");
    if out.exists() {
        return Ok(out);
    }
    let world = SimulationConfig {
        days: FIT_DAYS,
        accounts: ACCOUNTS,
        payments_per_day: PAYMENTS_PER_DAY,
        fraud_share: FRAUD_SHARE,
        label_tail: true,
        newcomers: vec![Newcomer { typology: novelty, from_day: FIT_DAYS, times: 0.0 }],
        ..SimulationConfig::demo(1_000_003, START_MS)
    };
    fit(&FitRequest {
        sources: vec![Source::Simulated(world)],
        models,
        families: vec![Contender::Hybrid],
        version: "first".to_owned(),
        replace: true,
        parents: Vec::new(),
        seed: 1,
        split: SplitSettings { maturity_days: 4.0, ..SplitSettings::default() },
        shares: Shares { negative: 0.25, tabular: 0.5, stop: 0.25 },
        ablation_share: 0.1,
        train: TrainConfig { epochs: 8, threads, ..TrainConfig::default() },
        trees: TreeConfig { rounds: 200, ..TreeConfig::default() },
        goals: GOALS,
        runtime: runtime.clone(),
        threads,
        replicates: 100,
        told,
    })?;
    Ok(out)
}
