//! What a step works with: examples of the buffer with their labels and weights, in three parts that share no payer.
//!
//! ```text
//!            window start                 mature until                clock
//! … memory ──────┼──── negatives, frauds ───────┼──── young ────────────┤
//! fit:    known frauds, confident mistakes, honest payments of any age
//! tune:   from the window's start: when to stop, how to blend, calibration (up to maturity)
//! gate:   the same of other accounts: a candidate against the champion; and known frauds before the window, not to be forgotten
//! ```
//!
//! A young payment without a label is fitted on as an honest one: nearly all are, and it keeps what changes with the calendar from passing
//! for fraud. Nothing is ranked by it, though: the few that nobody has told of yet are mostly of what is new, so that whoever finds them
//! would seem to raise false alarms. In tuning and judging they tell how many payments would be alerted, no more. Declined ones are left
//! out, since nobody saw what would have become of them.
//!
//! An example stands for as many payments as its probabilities of being kept say (Horvitz and Thompson 1952): the service's, the
//! buffer's, and that of the sample drawn here. Where the control group holds enough frauds, it stands for the payments that were
//! declined, by the probability with which each was let through; else those of them that have a label speak for themselves.
//!
//! Cost: 0.4 ms an example to read its tensor, on every thread.

use super::buffer::{draw, share};
use super::class::{Class, Standing};
use super::config::{FineTuneSettings, OnlineConfig, PartConfig};
use super::step::Kind;
use super::store::{Kept, Store};
use crate::data::split::DAY_MS;
use crate::network::Example;
use anyhow::{Context, Result};
use fraudnet_scoring::example;
use fraudnet_scoring::verdict::Decision;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Purposes of draws.
const PART: u64 = 0x0c0f_fee1;
const SAMPLE: u64 = 0x0c0f_fee2;
/// Fewest frauds of the control group by which declined payments are judged.
const LEAST_CONTROL_FRAUDS: usize = 5;
/// Most frauds from before the window that a candidate must still know.
const MEMORY: usize = 600;
/// Most times its class's mean that an example may weigh in a fit; a single one must not decide it.
const HEAVIEST: f64 = 10.0;
/// Young payments without a label that are tuned on, and judged on, for each mature honest one.
const YOUNG: f64 = 0.5;
/// Where the payer is not told: payments of so many milliseconds go together.
const BLOCK_MS: i64 = 6 * 3_600_000;

/// An example and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Tensor and label; its weight is the one in a fit.
    pub example: Example,
    /// Class.
    pub class: Class,
    /// When the payment was made, UTC milliseconds.
    pub occurred_ms: i64,
    /// Payments it stands for when models are judged; 0 where it is left out.
    pub weight: f64,
    /// Whether its label is complete: old enough, or said by an analyst or the bank.
    pub mature: bool,
    /// Whether it is from before the window.
    pub memory: bool,
    /// Whether it is a fraud that was neither reviewed nor declined.
    pub missed: bool,
}

impl Piece {
    /// Whether it is known to be fraud.
    pub fn is_fraud(&self) -> bool {
        self.class == Class::Positive
    }

    /// Whether its truth is known, by a label or by age, and it takes part when models are judged.
    pub fn is_known(&self) -> bool {
        self.weight > 0.0 && self.class != Class::Immature
    }
}

/// What a step works with.
#[derive(Debug, Clone)]
pub struct Material {
    /// To fit on.
    pub fit: Vec<Piece>,
    /// To stop, blend and calibrate by.
    pub tune: Vec<Piece>,
    /// To judge by.
    pub gate: Vec<Piece>,
    /// What it is, for the record.
    pub facts: MaterialFacts,
}

/// What the material is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaterialFacts {
    /// The stream's clock, UTC milliseconds.
    pub clock_ms: i64,
    /// Payments made before it without a label were honest.
    pub mature_until_ms: i64,
    /// The window's start.
    pub window_from_ms: i64,
    /// Examples, and known frauds among them, by part: fit, tune, gate.
    pub examples: [u64; 3],
    /// Known frauds, by part.
    pub frauds: [u64; 3],
    /// Confident mistakes to learn from.
    pub hard_negatives: u64,
    /// Known frauds from before the window that must not be forgotten.
    pub memory: u64,
    /// Whether the control group stands for the declined.
    pub control_group: bool,
    /// Frauds let through as part of the control group, among those to judge by.
    pub control_frauds: u64,
}

/// Parts of the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fit = 0,
    Tune = 1,
    Gate = 2,
}

/// An example that was chosen, before its tensor is read.
struct Chosen {
    key: String,
    kept: Kept,
    part: Part,
    strong: bool,
    /// Payments it stands for by the service's and the buffer's draws.
    weight: f64,
    drawn: u64,
}

/// Why there is nothing to work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} known frauds to {purpose}, and {wanted} are needed; more labels must come in first")]
pub struct TooFew {
    /// What for.
    pub purpose: &'static str,
    /// How many there are.
    pub found: usize,
    /// How many it takes.
    pub wanted: usize,
}

/// Why there is no material.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// Too few labels.
    #[error(transparent)]
    TooFew(#[from] TooFew),
    /// The store cannot be read.
    #[error("{0:#}")]
    Store(anyhow::Error),
}

impl Material {
    /// Gathers the material of a step. The same store and settings give the same, in the same order.
    ///
    /// # Errors
    /// [`MaterialError`].
    pub fn gather(store: &Store, config: &OnlineConfig, kind: Kind) -> Result<Material, MaterialError> {
        let clock_ms = store.progress().clock_ms;
        let mature_until_ms = clock_ms.saturating_sub(config.labels.rules().maturity_ms);
        let mut all = choose(store, &config.parts, config.seed).map_err(MaterialError::Store)?;
        let window_from_ms = window(&all, &config.parts, mature_until_ms);
        let control_frauds = all.iter().filter(|one| {
            one.part == Part::Gate
                && one.kept.control_group
                && one.kept.class == Class::Positive
                && one.kept.occurred_ms >= window_from_ms
        });
        let control_frauds = control_frauds.count();
        let control_group = control_frauds >= LEAST_CONTROL_FRAUDS;

        all.retain(|one| wanted(one, window_from_ms));
        let (fit_positives, fit_negatives) = match kind {
            Kind::FineTune => (config.fine_tune.positives, config.fine_tune.negatives),
            Kind::Retrain => (usize::MAX, config.retrain.negatives),
        };
        let mut sampled = Vec::new();
        for part in [Part::Fit, Part::Tune, Part::Gate] {
            let (positives, negatives) = match part {
                Part::Fit => (fit_positives, fit_negatives),
                Part::Tune | Part::Gate => (usize::MAX, config.parts.negatives),
            };
            let of = |keep: &dyn Fn(&Chosen) -> bool| -> Vec<&Chosen> {
                all.iter().filter(|one| one.part == part && keep(one)).collect()
            };
            let before = |one: &Chosen| part == Part::Gate && one.kept.occurred_ms < window_from_ms;
            let fraud = |one: &Chosen| one.kept.class == Class::Positive;
            sampled.extend(sample(of(&|one| fraud(one) && !before(one)), positives));
            sampled.extend(sample(of(&|one| fraud(one) && before(one)), MEMORY));
            sampled.extend(sample(of(&|one| one.kept.class == Class::HardNegative), negatives / 2));
            if part == Part::Fit {
                sampled
                    .extend(sample(of(&|one| matches!(one.kept.class, Class::Negative | Class::Immature)), negatives));
            } else {
                let young = (YOUNG * negatives as f64) as usize;
                sampled.extend(sample(of(&|one| one.kept.class == Class::Negative), negatives));
                sampled.extend(sample(of(&|one| one.kept.class == Class::Immature), young));
            }
        }
        let mut material = read(store, &sampled, config.threads, |one, weight| {
            let kept = &one.kept;
            let observed = kept.decision != Decision::Decline || kept.control_group;
            Place {
                weight: match (control_group, observed) {
                    (true, false) => 0.0,
                    (true, true) => weight / f64::from(kept.propensity),
                    (false, _) => weight,
                },
                mature: one.strong || kept.occurred_ms < mature_until_ms,
                memory: kept.occurred_ms < window_from_ms,
            }
        })
        .map_err(MaterialError::Store)?;
        weigh(&mut material[0], &config.fine_tune);

        let [fit, tune, gate] = material;
        let frauds = |pieces: &[Piece]| pieces.iter().filter(|piece| piece.is_fraud() && !piece.memory).count() as u64;
        let all_frauds = |pieces: &[Piece]| pieces.iter().filter(|piece| piece.is_fraud()).count() as u64;
        let facts = MaterialFacts {
            clock_ms,
            mature_until_ms,
            window_from_ms,
            examples: [fit.len() as u64, tune.len() as u64, gate.len() as u64],
            frauds: [all_frauds(&fit), frauds(&tune), frauds(&gate)],
            hard_negatives: fit.iter().filter(|piece| piece.class == Class::HardNegative).count() as u64,
            memory: gate.iter().filter(|piece| piece.is_fraud() && piece.memory).count() as u64,
            control_group,
            control_frauds: control_frauds as u64,
        };
        enough(&facts, &config.parts)?;
        Ok(Material { fit, tune, gate, facts })
    }
}

fn enough(facts: &MaterialFacts, parts: &PartConfig) -> Result<(), TooFew> {
    let few = (parts.least_frauds / 5).max(3);
    let purposes = ["fit on", "tune on", "judge by"];
    for ((purpose, &found), wanted) in purposes.into_iter().zip(&facts.frauds).zip([parts.least_frauds, few, few]) {
        let found = found as usize;
        if found < wanted {
            return Err(TooFew { purpose, found, wanted });
        }
    }
    Ok(())
}

/// Every example of the store with its part.
fn choose(store: &Store, parts: &PartConfig, seed: u64) -> Result<Vec<Chosen>> {
    let mut all = Vec::new();
    store.each(|key, kept, standing: Option<Standing>| {
        let (tenant, id) = key.split_once('\0').unwrap_or(("", key));
        let block;
        let payer = if kept.account.is_empty() {
            block = format!("{}", kept.occurred_ms.div_euclid(BLOCK_MS));
            &block
        } else {
            &kept.account
        };
        let at = share(PART, tenant, payer);
        let part = match at {
            at if at < parts.gate => Part::Gate,
            at if at < parts.gate + parts.tune => Part::Tune,
            _ => Part::Fit,
        };
        let weight = store.factor(&kept) / f64::from(kept.inclusion);
        let drawn = draw(SAMPLE ^ seed, tenant, id);
        all.push(Chosen {
            key: key.to_owned(),
            kept,
            part,
            strong: standing.is_some_and(Standing::is_strong),
            weight,
            drawn,
        });
    })?;
    Ok(all)
}

/// The window's start: as far before maturity as asked for, and further until there are enough frauds to tune on and to judge by.
fn window(all: &[Chosen], parts: &PartConfig, mature_until_ms: i64) -> i64 {
    let asked = mature_until_ms.saturating_sub((parts.window_days * DAY_MS as f64) as i64);
    let reach = |part: Part| {
        let frauds = all.iter().filter(|one| one.part == part && one.kept.class == Class::Positive);
        let mut times: Vec<i64> = frauds.map(|one| one.kept.occurred_ms).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.get(parts.least_frauds - 1).or(times.last()).copied().unwrap_or(i64::MAX)
    };
    asked.min(reach(Part::Tune)).min(reach(Part::Gate))
}

/// Whether an example takes part at all.
fn wanted(one: &Chosen, window_from_ms: i64) -> bool {
    let unobserved = one.kept.decision == Decision::Decline && !one.kept.control_group;
    match (one.part, one.kept.class) {
        (_, Class::Immature) if unobserved => false,
        (Part::Fit, _) | (Part::Gate, Class::Positive) => true,
        _ => one.kept.occurred_ms >= window_from_ms,
    }
}

/// Those with the lowest numbers, at most so many, each standing for its share of the others.
fn sample(mut of: Vec<&Chosen>, most: usize) -> Vec<(&Chosen, f64)> {
    of.sort_by(|a, b| (a.drawn, &a.key).cmp(&(b.drawn, &b.key)));
    let whole: f64 = of.iter().map(|one| one.weight).sum();
    of.truncate(most);
    let kept: f64 = of.iter().map(|one| one.weight).sum();
    let times = if kept > 0.0 { whole / kept } else { 1.0 };
    of.into_iter().map(|one| (one, one.weight * times)).collect()
}

struct Place {
    weight: f64,
    mature: bool,
    memory: bool,
}

/// The tensors of what was chosen, by part, in order of key within it.
fn read(
    store: &Store,
    sampled: &[(&Chosen, f64)],
    threads: usize,
    place: impl Fn(&Chosen, f64) -> Place,
) -> Result<[Vec<Piece>; 3]> {
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    let mut order: Vec<&(&Chosen, f64)> = sampled.iter().collect();
    order.sort_by(|a, b| a.0.key.cmp(&b.0.key));
    // A few thousand at a time: their bytes and their tensors are both in memory for a moment.
    for chunk in order.chunks(4_096) {
        let keys: Vec<&str> = chunk.iter().map(|(one, _)| one.key.as_str()).collect();
        let bytes = store.bytes(&keys)?;
        let each = bytes.len().div_ceil(threads.max(1)).max(1);
        let tensors: Vec<Result<Vec<_>>> = std::thread::scope(|scope| {
            let running: Vec<_> = bytes
                .chunks(each)
                .map(|part| {
                    scope.spawn(move || {
                        part.iter()
                            .map(|bytes| {
                                let bytes = bytes.as_deref().context("an example's row has no bytes beside it")?;
                                Ok(example::decode(bytes)?.tensor)
                            })
                            .collect()
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut tensors = tensors.into_iter().collect::<Result<Vec<Vec<_>>>>()?.into_iter().flatten();
        for (one, weight) in chunk {
            let tensor = tensors.next().context("as many tensors as examples")?;
            let label = if one.kept.class == Class::Positive { 1.0 } else { 0.0 };
            let Place { weight: judged, mature, memory } = place(one, *weight);
            parts[one.part as usize].push(Piece {
                example: Example { tensor, label, weight: *weight as f32 },
                class: one.kept.class,
                occurred_ms: one.kept.occurred_ms,
                weight: judged,
                mature,
                memory,
                missed: one.kept.class == Class::Positive && one.kept.decision < Decision::Review,
            });
        }
    }
    Ok(parts)
}

/// Weights in a fit: none far above its class's mean; confident mistakes, and frauds that were missed, as heavy as is asked.
fn weigh(fit: &mut [Piece], settings: &FineTuneSettings) {
    let mut sums: HashMap<bool, (f64, f64)> = HashMap::new();
    for piece in fit.iter().filter(|piece| piece.class != Class::HardNegative) {
        let sum = sums.entry(piece.is_fraud()).or_default();
        *sum = (sum.0 + f64::from(piece.example.weight), sum.1 + 1.0);
    }
    let mean = |fraud: bool| sums.get(&fraud).map_or(1.0, |(weight, count)| weight / count);
    let (of_honest, of_frauds) = (mean(false), mean(true));
    for piece in fit {
        let weight = match piece.class {
            Class::HardNegative => of_honest * f64::from(settings.hard_weight),
            Class::Positive => {
                let times = if piece.missed { f64::from(settings.missed_weight) } else { 1.0 };
                times * f64::from(piece.example.weight).min(HEAVIEST * of_frauds)
            }
            Class::Negative | Class::Immature => f64::from(piece.example.weight).min(HEAVIEST * of_honest),
        };
        piece.example.weight = weight as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::config::LabelConfig;
    use crate::online::feed::{Batch, Cursor, Told};
    use crate::online::store::tests::{example_of, folder, label};
    use fraudnet_graph::LabelSource;
    use std::path::Path;

    /// 1,200 payments of 113 accounts over 60 days, every tenth of them fraud and told of within a day.
    fn told(edit: impl Fn(usize, &mut example::ExampleHead)) -> Vec<Told> {
        let mut told = Vec::new();
        for number in 0..1_200usize {
            let (id, day) = (format!("tx-{number}"), number as f64 / 20.0);
            told.push(example_of(&id, day, |head| {
                head.account = Some(format!("acc-{}", number % 113));
                edit(number, head);
            }));
            if number.is_multiple_of(10) {
                told.push(label(&id, day + 1.0, true, LabelSource::CustomerReport));
            }
        }
        told
    }

    fn config() -> OnlineConfig {
        OnlineConfig {
            labels: LabelConfig { maturity_days: 10.0, ..LabelConfig::default() },
            parts: PartConfig { window_days: 20.0, negatives: 100, least_frauds: 10, ..PartConfig::default() },
            fine_tune: FineTuneSettings { negatives: 200, ..FineTuneSettings::default() },
            ..OnlineConfig::default()
        }
    }

    fn store(folder: &Path, told: Vec<Told>) -> Store {
        let config = config();
        let mut store = Store::open(folder, config.buffer, config.labels.rules(), Cursor::Position(0)).unwrap();
        store.ingest(&Batch { told, next: Cursor::Position(1), unreadable: 0 }).unwrap();
        store
    }

    #[test]
    fn no_payer_is_in_two_parts_and_a_sample_stands_for_all() {
        let folder = folder("material");
        let store = store(&folder, told(|_, _| {}));
        let all = choose(&store, &config().parts, 1).unwrap();
        let mut parts: HashMap<&str, Part> = HashMap::new();
        for one in &all {
            assert_eq!(*parts.entry(&one.kept.account).or_insert(one.part), one.part, "{}", one.kept.account);
        }
        let share = |part: Part| parts.values().filter(|&&of| of == part).count() as f64 / 113.0;
        assert!((share(Part::Gate) - 0.3).abs() < 0.12 && (share(Part::Tune) - 0.2).abs() < 0.12);

        let material = Material::gather(&store, &config(), Kind::FineTune).unwrap();
        assert_eq!(Material::gather(&store, &config(), Kind::FineTune).unwrap().gate, material.gate);
        let honest = |pieces: &[Piece]| pieces.iter().filter(|piece| !piece.is_fraud()).count();
        let unknown = |pieces: &[Piece]| pieces.iter().filter(|piece| piece.class == Class::Immature).count();
        assert_eq!((honest(&material.gate), unknown(&material.gate)), (150, 50));
        assert!((50..=150).contains(&honest(&material.tune)));
        assert_eq!(
            material.facts.frauds[2] + material.facts.memory,
            material.gate.iter().filter(|piece| piece.is_fraud()).count() as u64
        );
        // Half of all payments have an example; those of the gate's accounts within the window stand for twice as many.
        let from_ms = material.facts.window_from_ms;
        let meant = all.iter().filter(|one| {
            one.part == Part::Gate && one.kept.class != Class::Positive && one.kept.occurred_ms >= from_ms
        });
        let weight: f64 = material.gate.iter().filter(|piece| !piece.is_fraud()).map(|piece| piece.weight).sum();
        assert!((weight - 2.0 * meant.count() as f64).abs() < 1e-6, "{weight}");
        assert!(material.gate.iter().all(|piece| !piece.memory || piece.is_fraud()));
        assert!(material.gate.iter().any(|piece| piece.memory), "frauds of old are not to be forgotten");
        let young = |piece: &Piece| piece.occurred_ms >= material.facts.mature_until_ms;
        assert!(material.fit.iter().any(|piece| piece.class == Class::Immature && young(piece)));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn declined_payments_speak_through_the_control_group_where_it_has_frauds() {
        let folder = folder("control-group");
        // Every fraud would be declined; every second one is let through with a probability of one hundredth.
        let store = store(
            &folder,
            told(|number, head| {
                if number.is_multiple_of(10) {
                    let watched = number.is_multiple_of(20);
                    head.decision = if watched { Decision::Approve } else { Decision::Decline };
                    (head.control_group, head.propensity) = (watched, if watched { 0.01 } else { 1.0 });
                }
                // Declined, and nobody will ever say anything of it.
                if number % 10 == 5 {
                    head.decision = Decision::Decline;
                }
            }),
        );
        let material = Material::gather(&store, &config(), Kind::FineTune).unwrap();
        assert!(material.facts.control_group && material.facts.control_frauds >= 5);
        let frauds: Vec<f64> =
            material.gate.iter().filter(|piece| piece.is_fraud()).map(|piece| piece.weight).collect();
        assert!(frauds.iter().all(|&weight| weight == 0.0 || (weight - 200.0).abs() < 1e-3), "{frauds:?}");
        assert!(frauds.contains(&0.0));
        let declined = |piece: &Piece| !piece.is_fraud() && piece.weight == 0.0;
        assert!(!material.gate.iter().any(declined), "silent and declined: in no part");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn too_few_frauds_say_what_is_missing() {
        let folder = folder("too-few");
        let store = store(&folder, told(|_, _| {}).into_iter().take(30).collect());
        let error = Material::gather(&store, &config(), Kind::FineTune).unwrap_err();
        assert!(matches!(error, MaterialError::TooFew(TooFew { wanted: 10, .. })), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
