//! Concept drift: whether the model still puts frauds above honest payments, as far as the truth has come out.
//!
//! A payment is mature `maturity` after it was made, or, as a fraud, once an analyst or a chargeback says so. Each matured fraud is placed
//! among the latest matured honest payments of the same version: the share of them that score below it, which is the AUC of that one
//! fraud. The placements, in disjoint blocks (of one fraud unless set otherwise), are what ADWIN watches. Small blocks find a fall soonest:
//! ADWIN's bound has a part that shrinks with the number of blocks and not with their size, so that blocks of 25 frauds could not show a
//! fall within 200 frauds whatever its size; and single placements are not too noisy for it, since it knows their variance. δ is far above
//! the rate of false alarms: the bound holds for any stream at all, and 900 simulated days raised none at a δ of 0.2.
//!
//! Beside it a second window watches whether each matured fraud was caught, that is reviewed or declined. A new kind of fraud that the
//! model puts just below what people look at takes a quarter of the recall and a hundredth of the AUC: it shows here alone.
//!
//! Honest payments mature by age alone: those that analysts clear early are the suspicious ones, and would count twice. They are sampled by
//! their position where there are many.
//!
//! Pure: no clock, no log. Cost: a fraud is one pass over 2,000 scores; memory 50,000 payments (some 4 MB).

use super::auc::placement;
use super::watch::{Measure, OutcomeTurn, Watch};
use fraudnet_graph::LabelSource;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Honest payments a fraud is placed among at most.
const HONEST: usize = 2_000;
/// Fewest of them; frauds that mature before wait.
const FEWEST_HONEST: usize = 100;
/// Frauds that wait for them at most.
const EARLY: usize = 1_000;
/// Payments that wait to mature at most; beyond, every other one is let go, and from then on not taken.
const WAITING: usize = 50_000;
/// Frauds of the block that is shown to people.
pub const SHOWN_BLOCK: usize = 25;
/// Versions followed at once; the longest silent one goes.
const VERSIONS: usize = 16;

/// Settings of the monitor of outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeConfig {
    /// Age at which a payment without a fraud label counts as honest, milliseconds.
    pub maturity_ms: i64,
    /// Frauds of a block, at least 1.
    pub block_frauds: usize,
    /// ADWIN's δ for the AUC.
    pub delta: f64,
    /// ADWIN's δ for the share that was caught, which campaigns that come in bursts swing more widely.
    pub recall_delta: f64,
}

/// Log position of a payment.
pub type PaymentKey = u64;

/// What a verdict said.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The graph's clock when the payment arrived, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Calibrated probability.
    pub probability: f32,
    /// Whether the payment was reviewed or declined.
    pub caught: bool,
    /// Version that said so, `name/version`.
    pub model: Arc<str>,
}

/// What is known of a version's outcomes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutcomeFigures {
    /// Matured frauds that it scored.
    pub frauds: u64,
    /// Matured honest payments that were looked at.
    pub honest: u64,
    /// AUC over ADWIN's window; none before the first fraud.
    pub auc: Option<f64>,
    /// Frauds in ADWIN's window.
    pub window: u64,
    /// AUC of the latest 25 matured frauds, or as many as there are.
    pub latest: Option<f64>,
    /// Share of matured frauds that were caught, over the window that ADWIN keeps of it; none before the first one.
    pub recall: Option<f64>,
}

struct Labelled {
    fraud: bool,
    source: LabelSource,
    scored: Scored,
    counted: bool,
}

struct Version {
    honest: VecDeque<f32>,
    early: VecDeque<f32>,
    auc: Watch,
    recall: Watch,
    shown: VecDeque<f64>,
    honest_count: u64,
    /// Number of the latest outcome, to find the longest silent version.
    used: u64,
}

/// Folds verdicts and labels in the order of the log.
pub struct Outcomes {
    config: OutcomeConfig,
    now_ms: i64,
    waiting: VecDeque<(PaymentKey, Scored)>,
    /// How often what waits was halved.
    halvings: u32,
    labelled: HashMap<PaymentKey, Labelled>,
    due: BTreeSet<(i64, PaymentKey)>,
    versions: BTreeMap<Arc<str>, Version>,
    outcomes: u64,
}

impl Outcomes {
    /// Nothing known yet.
    ///
    /// # Panics
    /// Where a block is to hold no fraud.
    pub fn new(config: OutcomeConfig) -> Outcomes {
        assert!(config.block_frauds > 0, "a block holds at least one fraud");
        Outcomes {
            config,
            now_ms: i64::MIN,
            waiting: VecDeque::new(),
            halvings: 0,
            labelled: HashMap::new(),
            due: BTreeSet::new(),
            versions: BTreeMap::new(),
            outcomes: 0,
        }
    }

    /// Whether a verdict on that payment should be told: where there are many, they are sampled by a hash of their position.
    pub fn wants(&self, payment: PaymentKey) -> bool {
        // Fibonacci hashing: the high bits of the product are spread well even where positions follow a pattern.
        let hash = (payment ^ (payment >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash.leading_zeros() >= self.halvings
    }

    /// A verdict became durable.
    pub fn verdict(&mut self, key: PaymentKey, scored: Scored) -> Vec<OutcomeTurn> {
        let now_ms = scored.at_ms;
        self.waiting.push_back((key, scored));
        while self.waiting.len() > WAITING {
            self.halvings += 1;
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.retain(|(payment, _)| self.wants(*payment));
            self.waiting = waiting;
        }
        self.passes(now_ms)
    }

    /// A label became known, with what was said of its payment.
    pub fn label(&mut self, key: PaymentKey, fraud: bool, source: LabelSource, scored: Scored) -> Vec<OutcomeTurn> {
        let due_ms = scored.at_ms.saturating_add(self.config.maturity_ms);
        let standing = self.labelled.entry(key).or_insert_with(|| Labelled { fraud, source, scored, counted: false });
        if source >= standing.source {
            standing.fraud = fraud;
            standing.source = source;
        }
        let mature = standing.fraud && (standing.source >= LabelSource::Analyst || due_ms <= self.now_ms);
        let mut turns = Vec::new();
        if mature && !standing.counted {
            standing.counted = true;
            let scored = standing.scored.clone();
            self.fraud(&scored, &mut turns);
        }
        if due_ms > self.now_ms {
            self.due.insert((due_ms, key));
        } else {
            // Nothing that comes later about it can change what was counted.
            self.labelled.remove(&key);
        }
        turns
    }

    /// Time passes: what has become mature is counted.
    pub fn passes(&mut self, now_ms: i64) -> Vec<OutcomeTurn> {
        let mut turns = Vec::new();
        if now_ms <= self.now_ms {
            return turns;
        }
        self.now_ms = now_ms;
        while let Some((key, scored)) = self.waiting.front() {
            if scored.at_ms.saturating_add(self.config.maturity_ms) > now_ms {
                break;
            }
            let fraud = self.labelled.get(key).is_some_and(|label| label.fraud);
            if let Some((_, scored)) = self.waiting.pop_front()
                && !fraud
            {
                self.honest(&scored, &mut turns);
            }
        }
        while let Some(&(due_ms, key)) = self.due.first().filter(|(due_ms, _)| *due_ms <= now_ms) {
            self.due.remove(&(due_ms, key));
            if let Some(label) = self.labelled.remove(&key)
                && label.fraud
                && !label.counted
            {
                self.fraud(&label.scored, &mut turns);
            }
        }
        turns
    }

    /// What is known of a version.
    pub fn figures(&self, model: &str) -> OutcomeFigures {
        let Some(version) = self.versions.get(model) else { return OutcomeFigures::default() };
        let mean = |values: &VecDeque<f64>| values.iter().sum::<f64>() / values.len() as f64;
        OutcomeFigures {
            frauds: version.auc.values,
            honest: version.honest_count,
            auc: version.auc.mean(),
            window: version.auc.width() * self.config.block_frauds as u64,
            latest: (!version.shown.is_empty()).then(|| mean(&version.shown)),
            recall: version.recall.mean(),
        }
    }

    /// Payments that wait to become mature, and among how many of them one is looked at.
    pub fn waiting(&self) -> (usize, u64) {
        (self.waiting.len(), 1 << self.halvings.min(63))
    }

    fn version(&mut self, model: &Arc<str>) -> &mut Version {
        self.outcomes += 1;
        if !self.versions.contains_key(model) && self.versions.len() == VERSIONS {
            let silent =
                self.versions.iter().min_by_key(|(_, version)| version.used).map(|(model, _)| Arc::clone(model));
            silent.and_then(|silent| self.versions.remove(&silent));
        }
        let (delta, recall_delta) = (self.config.delta, self.config.recall_delta);
        let version = self.versions.entry(Arc::clone(model)).or_insert_with(|| Version {
            honest: VecDeque::new(),
            early: VecDeque::new(),
            auc: Watch::new(Measure::Auc, delta),
            recall: Watch::new(Measure::Recall, recall_delta),
            shown: VecDeque::new(),
            honest_count: 0,
            used: 0,
        });
        version.used = self.outcomes;
        version
    }

    fn honest(&mut self, scored: &Scored, turns: &mut Vec<OutcomeTurn>) {
        let block_frauds = self.config.block_frauds;
        let version = self.version(&scored.model);
        version.honest_count += 1;
        if version.honest.len() == HONEST {
            version.honest.pop_front();
        }
        version.honest.push_back(scored.probability);
        if version.honest.len() >= FEWEST_HONEST {
            while let Some(score) = version.early.pop_front() {
                turns.extend(version.place(score, block_frauds, &scored.model));
            }
        }
    }

    fn fraud(&mut self, scored: &Scored, turns: &mut Vec<OutcomeTurn>) {
        let block_frauds = self.config.block_frauds;
        let version = self.version(&scored.model);
        turns.extend(version.recall.add(f64::from(u8::from(scored.caught)), block_frauds, &scored.model));
        if version.honest.len() >= FEWEST_HONEST {
            turns.extend(version.place(scored.probability, block_frauds, &scored.model));
        } else if version.early.len() < EARLY {
            version.early.push_back(scored.probability);
        }
    }
}

impl Version {
    fn place(&mut self, score: f32, block_frauds: usize, model: &Arc<str>) -> Option<OutcomeTurn> {
        let placed = placement(score, self.honest.iter().copied())?;
        if self.shown.len() == SHOWN_BLOCK {
            self.shown.pop_front();
        }
        self.shown.push_back(placed);
        self.auc.add(placed, block_frauds, model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    const HOUR: i64 = 3_600_000;

    fn config() -> OutcomeConfig {
        OutcomeConfig { maturity_ms: 24 * HOUR, block_frauds: 1, delta: 0.1, recall_delta: 0.01 }
    }

    struct World {
        random: ChaCha8Rng,
        outcomes: Outcomes,
        model: Arc<str>,
        payments: u64,
        turns: Vec<(u64, OutcomeTurn)>,
    }

    impl World {
        fn new(seed: u64) -> World {
            let random = ChaCha8Rng::seed_from_u64(seed);
            World { random, outcomes: Outcomes::new(config()), model: "m/1".into(), payments: 0, turns: Vec::new() }
        }

        fn unit(&mut self) -> f64 {
            (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
        }

        /// One payment a minute; every hundredth is a fraud, told by an analyst at once. Frauds score high but for a share that the
        /// model is blind to.
        fn live(&mut self, payments: u64, blind: f64) {
            for _ in 0..payments {
                self.payments += 1;
                let number = self.payments;
                let fraud = number.is_multiple_of(100);
                let seen = fraud && self.unit() >= blind;
                let unit = self.unit();
                let probability = if seen { 0.5 + 0.5 * unit } else { unit.powi(4) * 0.6 } as f32;
                let (at_ms, caught) = (number as i64 * 60_000, probability >= 0.5);
                let scored = Scored { at_ms, probability, caught, model: Arc::clone(&self.model) };
                let mut turns = self.outcomes.verdict(number, scored.clone());
                if fraud {
                    turns.extend(self.outcomes.label(number, true, LabelSource::Analyst, scored));
                }
                self.turns.extend(turns.into_iter().map(|turn| (self.payments, turn)));
            }
        }
    }

    #[test]
    fn a_fall_is_found_within_200_frauds_and_a_recovery_ends_it() {
        let mut world = World::new(1);
        world.live(25_000, 0.02);
        assert!(world.turns.is_empty(), "{:?}", world.turns);
        let figures = world.outcomes.figures("m/1");
        assert!(figures.frauds >= 230 && figures.auc.is_some_and(|auc| auc > 0.95), "{figures:?}");
        world.live(20_000, 0.5);
        for wanted in [Measure::Auc, Measure::Recall] {
            let fell = world.turns.iter().find_map(|(payments, turn)| match turn {
                OutcomeTurn::Fell { measure, before, after, .. } if *measure == wanted => {
                    Some((*payments, before, after))
                }
                _ => None,
            });
            let (payments, before, after) = fell.unwrap_or_else(|| panic!("{wanted:?}: {:?}", world.turns));
            let frauds = (payments - 25_000) / 100;
            assert!(frauds <= 200 && before > after, "{wanted:?}: {frauds} frauds, {before} {after}");
        }
        assert!(world.outcomes.figures("m/1").latest.is_some_and(|auc| auc < 0.9));
        world.live(60_000, 0.0);
        for wanted in [Measure::Auc, Measure::Recall] {
            let back =
                |turn: &OutcomeTurn| matches!(turn, OutcomeTurn::Recovered { measure, .. } if *measure == wanted);
            assert!(world.turns.iter().any(|(_, turn)| back(turn)), "{wanted:?}: {:?}", world.turns);
        }
    }

    #[test]
    fn labels_mature_by_rank_and_by_age() {
        let mut outcomes = Outcomes::new(config());
        let scored = |at_h: i64, probability| {
            let caught = probability >= 0.5;
            Scored { at_ms: at_h * HOUR, probability, caught, model: "m/1".into() }
        };
        for number in 1..201 {
            outcomes.verdict(number, scored(0, 0.1));
        }
        // Called fraud, then cleared by somebody stronger; a weaker word later changes nothing.
        outcomes.label(1, true, LabelSource::CustomerReport, scored(0, 0.9));
        outcomes.label(1, false, LabelSource::Analyst, scored(0, 0.9));
        outcomes.label(1, true, LabelSource::EarlyFraudWarning, scored(0, 0.9));
        // Called fraud by a customer: counts once it is old enough, and only once.
        outcomes.label(2, true, LabelSource::CustomerReport, scored(0, 0.9));
        outcomes.label(2, true, LabelSource::CustomerReport, scored(0, 0.9));
        // Taken back by the bank: counts at once, and waits for honest payments to be placed among.
        outcomes.label(3, true, LabelSource::Chargeback, scored(0, 0.05));
        outcomes.passes(23 * HOUR);
        let early = OutcomeFigures { recall: Some(0.0), ..OutcomeFigures::default() };
        assert_eq!(outcomes.figures("m/1"), early, "one fraud is known, and it was not caught");
        outcomes.passes(24 * HOUR);
        let figures = outcomes.figures("m/1");
        assert_eq!((figures.frauds, figures.honest), (2, 198), "the two frauds are not honest");
        assert_eq!((figures.latest, figures.recall), (Some(0.5), Some(0.5)), "one above all, one below all");
        // A chargeback after all that is counted at once.
        outcomes.label(4, true, LabelSource::Chargeback, scored(0, 0.9));
        assert_eq!(outcomes.figures("m/1").frauds, 3);
        assert!(outcomes.labelled.is_empty() && outcomes.due.is_empty() && outcomes.waiting.is_empty());
    }

    #[test]
    fn versions_are_judged_by_themselves_and_many_payments_are_sampled() {
        let mut outcomes = Outcomes::new(config());
        for number in 0..200_000u64 {
            let model: Arc<str> = if number % 2 == 0 { "a/1".into() } else { "b/1".into() };
            if outcomes.wants(number) {
                outcomes.verdict(number, Scored { at_ms: number as i64, probability: 0.2, caught: false, model });
            }
        }
        let (waiting, one_in) = outcomes.waiting();
        assert!(waiting <= WAITING && waiting > WAITING / 3 && (one_in == 4 || one_in == 8), "{waiting} {one_in}");
        outcomes.passes(48 * HOUR);
        let (a, b) = (outcomes.figures("a/1").honest, outcomes.figures("b/1").honest);
        assert!(a.abs_diff(b) * 20 < a, "{a} {b}");
    }
}
