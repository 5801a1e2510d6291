//! Whether anything computed before a cut knows what comes after it.
//!
//! For every cut the tensors of the last payments before it are computed twice through the one replay path: from the history as it is, and
//! from one whose future is altered (payments missing or changed, labels missing or turned around). Bit for bit the same, or the pipeline
//! looks ahead. Then the same with a leak planted on purpose, labels told at their payments: these must differ, or the check is blind.
//!
//! Cost: two passes for the plain tensors, then two replays a cut, on as many threads as asked.

use crate::backtest::alteration::Alteration;
use crate::backtest::results::GuardResult;
use crate::backtest::run::BacktestRequest;
use crate::data::replay::replay;
use crate::data::source::Source;
use crate::data::split::DAY_MS;
use crate::progress::{Progress, Told};
use anyhow::{Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_graph::Body;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::ops::Range;
use std::sync::Mutex;

/// Cuts drawn.
const CUTS: usize = 20;
/// Payments compared before each cut.
const LAST: usize = 250;
/// Days after a cut whose labels the planted leak may tell: the slowest labels take about as long.
const HORIZON_DAYS: i64 = 30;

/// One cut.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CutPoint {
    /// The moment, UTC milliseconds of acceptance.
    at_ms: i64,
    /// Payments compared, by number.
    payments: Range<u64>,
}

/// A digest of a tensor.
type Fingerprint = [u8; 32];

/// Compares, honest and planted.
///
/// # Errors
/// What reading gives, or a history too short for cuts.
pub fn future_peek(request: &BacktestRequest) -> Result<GuardResult> {
    let seed = request.seeds[0];
    let honest = |source: Source| source;
    let planted = |source: Source| with(source, Alteration::LabelsAtPayment);
    let cuts = cuts(&request.source, seed, request.told)?;
    let plain = fingerprints(&honest(request.source.clone()), &cuts, request.told, "the history as it is")?;
    let leaking =
        fingerprints(&planted(request.source.clone()), &cuts, request.told, "the history with the planted leak")?;
    let mut progress = Progress::start(
        request.told,
        "comparing with altered futures",
        "tensors",
        Some(cuts.iter().map(|cut| cut.payments.end - cut.payments.start).sum()),
    );
    let next = Mutex::new((0..cuts.len(), 0u64, &mut progress));
    let counted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..request.threads.clamp(1, cuts.len()))
            .map(|_| {
                scope.spawn(|| -> Result<Differences> {
                    let mut counted = Differences::default();
                    loop {
                        let number = next.lock().expect("a thread reports errors, it does not panic").0.next();
                        let Some(number) = number else { return Ok(counted) };
                        let cut = &cuts[number..=number];
                        let altered = altered(&request.source, &cuts[number], seed);
                        let own = fingerprints(&honest(altered.clone()), cut, Told::Quietly, "")?;
                        counted.honest += differing(&plain[number], &own[0]);
                        let own = fingerprints(&planted(altered), cut, Told::Quietly, "")?;
                        counted.planted += differing(&leaking[number], &own[0]);
                        counted.compared += plain[number].len() as u64;
                        let mut next = next.lock().expect("a thread reports errors, it does not panic");
                        next.1 += plain[number].len() as u64;
                        let done = next.1;
                        next.2.advance(done);
                    }
                })
            })
            .collect();
        let mut all = Differences::default();
        for thread in threads {
            let part = thread.join().expect("a thread reports errors, it does not panic")?;
            all.compared += part.compared;
            all.honest += part.honest;
            all.planted += part.planted;
        }
        Ok::<Differences, anyhow::Error>(all)
    })?;
    progress.finish();
    Ok(told(&counted, cuts.len()))
}

#[derive(Debug, Default)]
struct Differences {
    compared: u64,
    honest: u64,
    planted: u64,
}

fn told(counted: &Differences, cuts: usize) -> GuardResult {
    let passed = counted.compared > 0 && counted.honest == 0 && counted.planted > 0;
    GuardResult {
        guard: super::Guard::FuturePeek.name().to_owned(),
        done: format!(
            "At {cuts} moments drawn from the history the tensors of the last {LAST} payments before were computed twice: as it happened, and \
             with everything after that moment altered (a third of the payments missing, the others changed, labels missing or turned \
             around). Then both again with a leak planted: labels told at their payments."
        ),
        expected: "Honest tensors are the same bit for bit; some of those with the planted leak differ, or the check would be blind."
            .to_owned(),
        found: format!(
            "Of {} honest tensors {} differ; of as many with the planted leak {}.",
            counted.compared, counted.honest, counted.planted
        ),
        passed,
        prevalence: 0.0,
        models: Vec::new(),
        compared: counted.compared,
        honest_differences: counted.honest,
        planted_differences: counted.planted,
    }
}

fn with(base: Source, alteration: Alteration) -> Source {
    Source::Altered { base: Box::new(base), alteration }
}

/// The history with its future altered, read a while into it.
fn altered(source: &Source, cut: &CutPoint, seed: u64) -> Source {
    let ended = with(source.clone(), Alteration::Until { end_ms: cut.at_ms + HORIZON_DAYS * DAY_MS });
    with(ended, Alteration::AlteredFuture { from_ms: cut.at_ms, seed })
}

/// Draws the cuts among the payments after the first quarter: before that there is little history a label could tell of.
fn cuts(source: &Source, seed: u64, told: Told) -> Result<Vec<CutPoint>> {
    let mut progress = Progress::start(told, "drawing cuts", "payments", None);
    let mut times: Vec<i64> = Vec::new();
    for event in source.events()? {
        let event = event?.event;
        if matches!(event.body, Body::Payment(_)) {
            times.push(event.ingested_at_ms);
            progress.advance(times.len() as u64);
        }
    }
    progress.finish();
    let (first, last) = (times.len() / 4, times.len());
    ensure!(
        first >= LAST && last - first > 2 * CUTS,
        "a history of {} payments is too short to draw {CUTS} cuts from, with {LAST} payments before each; use a longer one",
        times.len()
    );
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut cuts: Vec<CutPoint> = (0..CUTS)
        .map(|_| {
            let at_ms = times[random.random_range(first..last)];
            // Payments of the cut's own millisecond come after it.
            let before = times.partition_point(|time| *time < at_ms) as u64;
            CutPoint { at_ms, payments: before.saturating_sub(LAST as u64)..before }
        })
        .collect();
    cuts.sort_by_key(|cut| cut.at_ms);
    Ok(cuts)
}

/// Digests of the tensors before every cut, all in one replay that goes a day beyond the last of them.
fn fingerprints(source: &Source, cuts: &[CutPoint], told: Told, name: &str) -> Result<Vec<Vec<Fingerprint>>> {
    let mut progress = Progress::start(told, &format!("replaying {name}"), "events", None);
    let until_ms = cuts.iter().map(|cut| cut.at_ms).max().unwrap_or(i64::MIN) + DAY_MS;
    let mut found: Vec<Vec<Fingerprint>> = vec![Vec::with_capacity(LAST); cuts.len()];
    // Both closures of a replay speak of the same payment: the one wanted is the one shown next.
    let (mut number, current) = (0u64, Cell::new(0u64));
    replay(
        source,
        until_ms,
        &mut progress,
        |_, _| {
            current.set(number);
            number += 1;
            cuts.iter().any(|cut| cut.payments.contains(&current.get()))
        },
        |seen| {
            let print = fingerprint(seen.tensor);
            for (cut, found) in cuts.iter().zip(&mut found).filter(|(cut, _)| cut.payments.contains(&current.get())) {
                debug_assert!(seen.event.ingested_at_ms < cut.at_ms, "only payments before the cut are compared");
                found.push(print);
            }
            Ok(())
        },
    )?;
    progress.finish();
    Ok(found)
}

fn differing(a: &[Fingerprint], b: &[Fingerprint]) -> u64 {
    let same_place = a.iter().zip(b).filter(|(a, b)| a != b).count();
    (same_place + a.len().abs_diff(b.len())) as u64
}

/// Of every bit of a tensor.
fn fingerprint(tensor: &Tensor) -> Fingerprint {
    let mut digest = Sha256::new();
    for count in tensor.hop_counts {
        digest.update(count.to_le_bytes());
    }
    for values in [&tensor.nodes, &tensor.edges] {
        digest.update((values.len() as u64).to_le_bytes());
        for value in values {
            digest.update(value.to_bits().to_le_bytes());
        }
    }
    for end in &tensor.row_ends {
        digest.update(end.to_le_bytes());
    }
    digest.update(&tensor.neighbours);
    for value in &tensor.payment {
        digest.update(value.to_bits().to_le_bytes());
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::alteration::tests::world;
    use crate::backtest::protocol::Protocol;
    use crate::generations::GenerationSettings;

    #[test]
    fn the_honest_path_does_not_look_ahead_and_the_planted_leak_is_caught() {
        let request = BacktestRequest {
            source: world(),
            protocol: Protocol::load("handbook-week").unwrap(),
            seeds: vec![1],
            guard: None,
            without_graph: false,
            runtime: GenerationSettings::default().runtime,
            threads: 2,
            told: Told::Quietly,
        };
        let found = future_peek(&request).unwrap();
        assert_eq!((found.compared, found.honest_differences), ((CUTS * LAST) as u64, 0));
        assert!(found.passed && found.planted_differences > 100, "{found:?}");
        let blind = Differences { compared: 5_000, honest: 0, planted: 0 };
        assert!(!told(&blind, CUTS).passed, "a check that cannot see the planted leak proves nothing");
        let leaking = Differences { compared: 5_000, honest: 1, planted: 9 };
        assert!(!told(&leaking, CUTS).passed);
    }

    #[test]
    fn every_bit_of_a_tensor_counts() {
        let tensor = Tensor { payment: vec![0.0], neighbours: vec![1], row_ends: vec![1], ..Tensor::default() };
        let whole = fingerprint(&tensor);
        assert_ne!(whole, fingerprint(&Tensor { payment: vec![-0.0], ..tensor.clone() }));
        assert_ne!(whole, fingerprint(&Tensor { neighbours: vec![2], ..tensor.clone() }));
        assert_ne!(whole, fingerprint(&Tensor { hop_counts: [0, 1, 0, 0], ..tensor.clone() }));
        assert_eq!(whole, fingerprint(&tensor));
    }

    #[test]
    fn a_history_too_short_says_so() {
        let short = with(world(), Alteration::Until { end_ms: 1_767_571_200_000 + DAY_MS });
        assert!(cuts(&short, 1, Told::Quietly).unwrap_err().to_string().contains("too short"));
    }
}
