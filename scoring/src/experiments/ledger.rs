//! The fold of the log that figures come from: payments, their verdicts, what shadows said of them, what became of them. `books` holds two
//! of it: one at the end of the log, and one that follows as far behind as payments take to mature.
//!
//! This page: experiments, payments, verdicts; `later`: what is heard afterwards. Pure but for the log it is fed, so a restart that feeds
//! it the same log has the same figures.
//!
//! Bounds: the latest [`MOST_OPEN`] payments are known one by one (about 300 bytes each). [`MOST_ACCOUNTS`] accounts are kept apart as
//! clusters; payments of further ones count as clusters of their own, which makes intervals a little too narrow where such accounts pay
//! often. [`MOST_TENANTS`] tenants are known from before a wave.

mod later;

use super::arm::{Account, Costs, Operation, Said, Seen};
use super::figures::{AccountPairs, ExperimentFigures, StageFigures, StageKind};
use super::sequential::Cluster;
use super::spec::{CONTROL, EXCLUDED, Exposure};
use super::spill::{LastUsed, entities};
use super::state::{Experiment, ExperimentChange, ExperimentsState};
use crate::control::Meta;
use crate::verdict::{ArmTold, Decision, StageTimes};
use fraudnet_graph::{Payment, hundredths};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Latest payments that are known one by one.
pub const MOST_OPEN: usize = 100_000;
/// Accounts kept apart at most, over all experiments.
pub const MOST_ACCOUNTS: usize = 500_000;
/// Tenants known from before they are exposed.
pub const MOST_TENANTS: usize = 4_096;
/// Payments that wait for their verdict at most: more than can be under way.
const MOST_UNDECIDED: usize = 100_000;
/// Once a tenant has so many, half of its past is forgotten: what is usual is what was usual of late.
const TENANT_MEMORY: u64 = 20_000;

/// What figures are reckoned by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// A payment is mature so long after it occurred, by the times of the events themselves.
    pub maturity_ms: i64,
    /// What money is reckoned by.
    pub costs: Costs,
}

/// What the fold reads of a verdict.
#[derive(Debug, Deserialize)]
pub struct VerdictRead<'a> {
    decision: Decision,
    fraud_probability: f32,
    #[serde(borrow)]
    tier: Cow<'a, str>,
    #[serde(borrow, default)]
    tier_cause: Option<Cow<'a, str>>,
    stage_us: StageTimes,
    #[serde(default)]
    experiments: Vec<ArmTold>,
}

/// What a shadow arm said of a payment: a note in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowNote {
    /// Always [`ShadowNote::KIND`].
    pub note: String,
    /// Log position of the payment.
    pub payment: u64,
    /// Experiment.
    pub experiment: String,
    /// Its arm.
    pub arm: String,
    /// Model that scored, `name/version`.
    #[serde(default)]
    pub model: String,
    /// What it said; absent where it failed.
    #[serde(default)]
    pub fraud_probability: Option<f32>,
    /// What would have been decided.
    #[serde(default)]
    pub decision: Option<Decision>,
}

impl ShadowNote {
    /// What `note` holds.
    pub const KIND: &str = "shadow";
}

/// The fold.
pub struct Ledger {
    terms: Terms,
    state: ExperimentsState,
    tracked: Vec<Option<Tracked>>,
    by_name: HashMap<String, usize>,
    undecided: BTreeMap<u64, Undecided>,
    open: BTreeMap<u64, Open>,
    open_by_key: HashMap<u64, u64>,
    tenants: HashMap<String, Operation>,
    accounts: usize,
    /// Whether payments are counted in metrics.
    told: bool,
    /// Whether any stage is a shadow's.
    shadows: bool,
}

/// An experiment's figures.
struct Tracked {
    figures: ExperimentFigures,
    last_used: LastUsed,
    accounts: HashMap<u64, Clusters>,
    counters: Vec<metrics::Counter>,
}

/// What an account brought to an arm in a stage.
#[derive(Default)]
struct Clusters {
    own: Account,
    pairs: AccountPairs,
}

struct Undecided {
    tenant: String,
    payment: Payment,
    occurred_at_ms: i64,
    notes: Vec<ShadowNote>,
}

/// A decided payment.
struct Open {
    key: u64,
    account: u64,
    occurred_at_ms: i64,
    amount: f64,
    said: Said,
    parts: Vec<Part>,
}

/// A payment's part in an experiment.
#[derive(Clone, Copy)]
struct Part {
    experiment: u32,
    stage: u8,
    /// 0: the control; else the arm + 1.
    arm: u8,
    /// What a shadow said; none where the verdict is the arm's.
    shadow: Option<Said>,
}

impl Ledger {
    /// An empty one; `told`: it counts payments in metrics.
    pub fn new(terms: Terms, told: bool) -> Ledger {
        Ledger {
            terms,
            state: ExperimentsState::default(),
            tracked: Vec::new(),
            by_name: HashMap::new(),
            undecided: BTreeMap::new(),
            open: BTreeMap::new(),
            open_by_key: HashMap::new(),
            tenants: HashMap::new(),
            accounts: 0,
            told,
            shadows: false,
        }
    }

    /// The experiments as of what was folded.
    pub fn state(&self) -> &ExperimentsState {
        &self.state
    }

    /// What was counted of an experiment.
    pub fn figures(&self, name: &str) -> Option<&ExperimentFigures> {
        self.tracked[*self.by_name.get(name)?].as_ref().map(|tracked| &tracked.figures)
    }

    /// Accounts that are told apart.
    #[cfg(test)]
    pub(super) fn accounts(&self) -> usize {
        self.accounts
    }

    /// A change of an experiment. One that the state refuses changes nothing here either.
    pub fn change(&mut self, meta: &Meta, change: &ExperimentChange) {
        if self.state.apply(meta, change).is_err() {
            return;
        }
        let name = match change {
            ExperimentChange::Created { spec } => &spec.name,
            ExperimentChange::Advanced { experiment, .. }
            | ExperimentChange::Held { experiment, .. }
            | ExperimentChange::Resumed { experiment }
            | ExperimentChange::Decided { experiment, .. }
            | ExperimentChange::Completed { experiment, .. }
            | ExperimentChange::Stopped { experiment, .. }
            | ExperimentChange::RolledBack { experiment, .. } => experiment,
        };
        let begins = matches!(change, ExperimentChange::Created { .. } | ExperimentChange::Advanced { .. });
        if begins && let Some(experiment) = self.state.get(name).cloned() {
            self.begin_stage(&experiment);
        }
        let is_shadow = |experiment: &&Experiment| matches!(experiment.exposure(), Some(Exposure::Shadow));
        self.shadows = self.state.in_order().iter().any(is_shadow);
        self.forget();
    }

    fn begin_stage(&mut self, experiment: &Experiment) {
        let spec = &experiment.spec;
        let exposure = &experiment.stage().exposure;
        let mut stage = StageFigures::new(StageKind::of(exposure), spec.arms.len());
        if let Exposure::Tenants { tenants } = exposure {
            for usual in tenants.iter().filter_map(|tenant| self.tenants.get(tenant)) {
                stage.before.merge(usual);
            }
        }
        let index = match self.by_name.get(&spec.name) {
            Some(index) => *index,
            None => {
                let counter = |arm: &str| {
                    metrics::counter!(
                        "fraudnet_experiment_payments_total",
                        "experiment" => spec.name.clone(),
                        "arm" => arm.to_owned()
                    )
                };
                let counters =
                    std::iter::once(CONTROL).chain(spec.arms.iter().map(|arm| arm.name.as_str())).map(counter);
                self.tracked.push(Some(Tracked {
                    figures: ExperimentFigures::default(),
                    last_used: LastUsed::default(),
                    accounts: HashMap::new(),
                    counters: counters.collect(),
                }));
                self.by_name.insert(spec.name.clone(), self.tracked.len() - 1);
                self.tracked.len() - 1
            }
        };
        if let Some(tracked) = &mut self.tracked[index] {
            tracked.figures.stages.push(stage);
        }
    }

    /// Lets go of experiments that are no longer remembered.
    fn forget(&mut self) {
        let (state, tracked, accounts) = (&self.state, &mut self.tracked, &mut self.accounts);
        self.by_name.retain(|name, index| {
            let known = state.get(name).is_some();
            if !known && let Some(gone) = tracked[*index].take() {
                *accounts -= gone.accounts.len();
            }
            known
        });
    }

    /// Forgets which accounts an experiment that has ended told apart, to make room for those that run.
    pub fn close(&mut self, name: &str) {
        let Some(tracked) = self.by_name.get(name).and_then(|index| self.tracked[*index].as_mut()) else { return };
        self.accounts -= tracked.accounts.len();
        tracked.accounts = HashMap::new();
    }

    /// A payment that asks for a verdict.
    pub fn payment(&mut self, position: u64, tenant: &str, occurred_at_ms: i64, payment: Payment) {
        self.undecided
            .insert(position, Undecided { tenant: tenant.to_owned(), payment, occurred_at_ms, notes: Vec::new() });
        if self.undecided.len() > MOST_UNDECIDED {
            self.undecided.pop_first();
        }
    }

    /// The verdict on a payment. The key of the payment, where no experiment has a part in it and it is forgotten at once.
    pub fn verdict(&mut self, position: u64, verdict: &VerdictRead<'_>) -> Option<u64> {
        let Undecided { tenant, payment, occurred_at_ms, notes } = self.undecided.remove(&position)?;
        let said = Said { probability: verdict.fraud_probability, decision: verdict.decision };
        let times = &verdict.stage_us;
        let latency_us = [times.engine_queue, times.observe, times.inference_queue, times.inference, times.policy]
            .into_iter()
            .map(u64::from)
            .sum();
        let account = short_hash(&[&tenant, &payment.account]);
        let used = entities(&tenant, &payment);
        let seen = Seen {
            said,
            tier: Some(&verdict.tier),
            cause: verdict.tier_cause.as_deref(),
            latency_us: Some(latency_us),
            spilled: false,
        };
        let mut parts = Vec::new();
        let mut as_usual = true;
        for told in &verdict.experiments {
            as_usual &= told.arm == CONTROL || told.arm == EXCLUDED;
            let Some((index, arm)) = self.place(told) else { continue };
            let mixed = told.arm == CONTROL && self.is_served_by_another(told, &verdict.experiments);
            let Some(tracked) = &mut self.tracked[index] else { continue };
            let Some(stage) = tracked.figures.stages.last_mut() else { continue };
            if stage.kind == StageKind::Shadow {
                continue;
            }
            let Some(arm) = arm else {
                stage.excluded += 1;
                continue;
            };
            if mixed {
                stage.mixed += 1;
                continue;
            }
            let spilled = tracked.last_used.spilled(arm, &used);
            if self.told {
                tracked.counters[usize::from(arm)].increment(1);
            }
            let stage_index = tracked.figures.stages.len() - 1;
            self.add(index, stage_index, arm, account, Seen { spilled, ..seen });
            parts.push(Part { experiment: index as u32, stage: stage_index as u8, arm, shadow: None });
        }
        if as_usual {
            self.remember_tenant(&tenant, said, verdict.tier_cause.is_some(), latency_us);
        }
        let open = Open {
            key: transaction_key(&tenant, &payment.transaction_id),
            account,
            occurred_at_ms,
            amount: hundredths(payment.amount_minor, payment.currency) as f64,
            said,
            parts,
        };
        // A note may come a little later, so whatever a shadow may score waits too.
        if open.parts.is_empty() && !self.shadows {
            return Some(open.key);
        }
        self.keep(position, open);
        for note in &notes {
            self.note(note);
        }
        None
    }

    fn keep(&mut self, position: u64, open: Open) {
        self.open_by_key.insert(open.key, position);
        self.open.insert(position, open);
        if self.open.len() > MOST_OPEN
            && let Some((position, open)) = self.open.pop_first()
        {
            self.let_go(position, &open);
        }
    }

    fn let_go(&mut self, position: u64, open: &Open) {
        if self.open_by_key.get(&open.key) == Some(&position) {
            self.open_by_key.remove(&open.key);
        }
    }

    /// Where a told arm is counted: its experiment, and the arm there (0: the control; none: excluded).
    fn place(&self, told: &ArmTold) -> Option<(usize, Option<u8>)> {
        let index = *self.by_name.get(&told.experiment)?;
        let spec = &self.state.get(&told.experiment)?.spec;
        let arm = match told.arm.as_str() {
            EXCLUDED => None,
            CONTROL => Some(0),
            name => Some(spec.arms.iter().position(|arm| arm.name == name)? as u8 + 1),
        };
        Some((index, arm))
    }

    /// Whether an arm of another experiment, which names the same kind of thing, served a payment of this one's control.
    fn is_served_by_another(&self, told: &ArmTold, all: &[ArmTold]) -> bool {
        let Some(own) = self.state.get(&told.experiment) else { return false };
        all.iter().filter(|other| other.experiment != told.experiment).any(|other| {
            other.arm != CONTROL
                && other.arm != EXCLUDED
                && self.state.get(&other.experiment).is_some_and(|other| other.spec.conflicts_with(&own.spec))
        })
    }

    fn add(&mut self, experiment: usize, stage: usize, arm: u8, account: u64, seen: Seen<'_>) {
        let Some(tracked) = &mut self.tracked[experiment] else { return };
        let mut alone = Clusters::default();
        let clusters = clusters(&mut tracked.accounts, &mut self.accounts, stage, arm, account, &mut alone);
        let stage = &mut tracked.figures.stages[stage];
        let figures = match arm.checked_sub(1) {
            None => &mut stage.control,
            Some(arm) => &mut stage.arms[usize::from(arm)],
        };
        figures.add(seen, &mut clusters.own);
    }

    fn remember_tenant(&mut self, tenant: &str, said: Said, failed: bool, latency_us: u64) {
        if !self.tenants.contains_key(tenant) {
            if self.tenants.len() == MOST_TENANTS {
                return;
            }
            self.tenants.insert(tenant.to_owned(), Operation::default());
        }
        let Some(usual) = self.tenants.get_mut(tenant) else { return };
        usual.add(said, failed, Some(latency_us), &mut Cluster::default());
        if usual.payments >= TENANT_MEMORY {
            usual.halve();
        }
    }
}

/// The account's clusters in an arm and stage; `alone` where there is no room to tell it from others.
fn clusters<'a>(
    accounts: &'a mut HashMap<u64, Clusters>,
    all: &mut usize,
    stage: usize,
    arm: u8,
    account: u64,
    alone: &'a mut Clusters,
) -> &'a mut Clusters {
    // A bijection of the hash for each arm and stage.
    let key = account ^ (stage as u64 * 256 + u64::from(arm)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if !accounts.contains_key(&key) {
        if *all >= MOST_ACCOUNTS {
            return alone;
        }
        *all += 1;
    }
    accounts.entry(key).or_default()
}

/// The key of a tenant's transaction.
pub(super) fn transaction_key(tenant: &str, transaction_id: &str) -> u64 {
    short_hash(&[tenant, transaction_id])
}

/// 64 bits of a hash of texts, none of which holds a zero byte. Among a million, two are the same in one of 40 million cases.
pub(super) fn short_hash(parts: &[&str]) -> u64 {
    let mut digest = blake3::Hasher::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    }
    let hash = digest.finalize();
    let (head, _) = hash.as_bytes().split_first_chunk::<8>().expect("a digest has 32 bytes");
    u64::from_le_bytes(*head)
}
