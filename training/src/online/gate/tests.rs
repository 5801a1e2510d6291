//! A worse candidate is refused, a better one passes, and each check says why.

use super::*;
use crate::network::Example;
use crate::online::class::Class;
use crate::online::material::Piece;
use fraudnet_features::Tensor;
use fraudnet_features::schema::payment_features;
use fraudnet_models::{Calibration, TierSettings};

const DAY: i64 = crate::data::split::DAY_MS;

/// Numbers that look drawn, the same ones every time.
fn noise(row: usize, salt: u64) -> f32 {
    (crate::online::buffer::draw(salt, "t", &row.to_string()) >> 40) as f32 / (1u64 << 24) as f32
}

/// 4,000 payments over 40 days, 5 % of them fraud; the first 30 days mature; the last tenth of frauds is of the new kind.
fn pieces() -> Vec<Piece> {
    let one = |row: usize| {
        let fraud = row.is_multiple_of(20);
        let occurred_ms = row as i64 * DAY / 100;
        Piece {
            example: Example {
                tensor: Tensor { payment: vec![0.0; payment_features().len()], ..Tensor::default() },
                label: if fraud { 1.0 } else { 0.0 },
                weight: 1.0,
            },
            class: if fraud { Class::Positive } else { Class::Negative },
            occurred_ms,
            weight: if fraud { 1.0 } else { 5.0 },
            mature: occurred_ms < 30 * DAY,
            memory: false,
            missed: false,
        }
    };
    let mut pieces: Vec<Piece> = (0..4_000).map(one).collect();
    // Frauds of old times.
    pieces.extend((0..40).map(|row| Piece {
        occurred_ms: -(row as i64) * DAY,
        class: Class::Positive,
        weight: 1.0,
        mature: true,
        memory: true,
        ..one(0)
    }));
    pieces
}

/// Scores that find a share of frauds: raised by 4 for those, noise for the rest.
fn scores(pieces: &[Piece], salt: u64, finds: impl Fn(usize, &Piece) -> bool) -> Vec<f32> {
    pieces
        .iter()
        .enumerate()
        .map(|(row, piece)| {
            let found = piece.is_fraud() && finds(row, piece);
            -6.0 + 3.0 * noise(row, salt) + if found { 6.0 } else { 0.0 }
        })
        .collect()
}

/// The same where nothing is found any more.
fn lost(scores: &[f32]) -> Vec<f32> {
    scores.iter().map(|&score| if score > -3.0 { -6.0 } else { score }).collect()
}

fn settings() -> TierSettings {
    TierSettings {
        // At the share of found frauds among high scores, so that the calibration check has nothing to say.
        calibration: Calibration { knots: vec![(-6.0, -6.0), (-3.0, -5.0), (-0.5, 2.0), (3.0, 6.0)] },
        operating_points: OperatingPoints { challenge: 0.4, review: 0.5, decline: 0.9 },
    }
}

fn report(champion: Vec<f32>, candidate: Vec<f32>, pieces: &[Piece]) -> GateReport {
    let settings = settings();
    let evidence = Evidence {
        pieces,
        settings: [&settings, &settings],
        alone: [lost(&champion), lost(&candidate)],
        logits: [champion, candidate],
        latency_us: [100.0, 110.0],
        bytes: 700_000,
        golden: 1e-6,
        half_decisions: 0.0,
    };
    // Found and missed frauds are told by the same calibration here; how well it fits is not what is tested.
    let config = GateConfig { calibration_error: 0.2, top_decile: 10.0, ..GateConfig::default() };
    judge(&evidence, &config, 0.02, 1).unwrap()
}

fn failed(report: &GateReport) -> Vec<&str> {
    report.checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect()
}

#[test]
fn a_better_candidate_passes_and_a_worse_one_does_not() {
    let pieces = pieces();
    let half = scores(&pieces, 1, |row, _| row % 40 == 0);
    let most = scores(&pieces, 2, |row, piece| row % 40 == 0 || row % 60 == 0 || piece.memory);
    let better = report(half.clone(), most.clone(), &pieces);
    assert!(better.passed, "{:?}", better.refusals());
    assert!(better.difference.low > 0.0 && better.refusals().is_empty());
    assert_eq!(better.frauds, 200);
    let worse = report(most, half, &pieces);
    assert!(!worse.passed);
    assert!(failed(&worse).contains(&"gain") && failed(&worse).contains(&"mature_average_precision"));
    assert!(worse.refusals()[0].contains("it must be at least"), "{:?}", worse.refusals());
}

#[test]
fn one_that_forgets_old_frauds_or_calls_everything_new_a_fraud_is_refused() {
    let pieces = pieces();
    let champion = scores(&pieces, 1, |row, piece| row % 40 == 0 || piece.memory);
    let forgetful = scores(&pieces, 2, |row, piece| !piece.memory && (row % 40 == 0 || row % 60 == 0));
    assert_eq!(failed(&report(champion.clone(), forgetful, &pieces)), ["forgetting"]);

    let mut alarmist = scores(&pieces, 2, |row, piece| piece.memory || row % 40 == 0 || row % 60 == 0);
    for (score, piece) in alarmist.iter_mut().zip(&pieces).filter(|(_, piece)| !piece.mature) {
        *score += if piece.is_fraud() { 9.0 } else { 4.0 };
    }
    let refused = report(champion, alarmist, &pieces);
    assert!(failed(&refused).contains(&"young_alert_rate"), "{:?}", refused.checks);
}

#[test]
fn a_gain_shows_in_the_ranking_or_in_what_is_found_of_it() {
    let interval = |value, low, high| Interval { value, low, high };
    let config = GateConfig::default();
    let passes = |ranked, caught| gain(ranked, caught, &config).passed;
    let nothing = interval(0.0, -0.05, 0.05);
    assert!(passes(interval(0.04, 0.01, 0.07), nothing) && passes(interval(0.04, -0.02, 0.1), nothing));
    assert!(!passes(interval(0.04, -0.03, 0.11), nothing), "it may well be no better");
    assert!(!passes(interval(0.004, 0.001, 0.007), nothing), "it is not worth a change");
    // A new kind of fraud that comes up into the alerts.
    let found = interval(0.08, 0.01, 0.14);
    assert!(passes(interval(0.004, -0.03, 0.04), found));
    assert!(!passes(interval(-0.001, -0.03, 0.04), found), "not at the cost of the ranking");
    assert!(!passes(interval(0.004, -0.03, 0.04), interval(0.08, -0.01, 0.17)));
}

#[test]
fn who_finds_what_nobody_has_told_of_yet_is_not_blamed_for_it() {
    let mut pieces = pieces();
    pieces
        .iter_mut()
        .filter(|piece| !piece.mature && !piece.is_fraud())
        .for_each(|piece| piece.class = Class::Immature);
    let champion = scores(&pieces, 1, |row, piece| row % 40 == 0 || piece.memory);
    let mut better = scores(&pieces, 2, |row, piece| piece.memory || [40, 60].iter().any(|of| row.is_multiple_of(*of)));
    let young: Vec<usize> = (0..pieces.len()).filter(|&row| pieces[row].class == Class::Immature).collect();
    // Above everything else: frauds of a new kind that will be told of next week, as far as anybody knows.
    young.iter().step_by(60).for_each(|&row| better[row] += 12.0);
    let found = report(champion.clone(), better.clone(), &pieces);
    assert!(found.passed, "{:?}", found.refusals());
    assert!(found.payments < pieces.len() as u64 - young.len() as u64, "only what is known counts");
    // So many that they cannot all be frauds.
    young.iter().step_by(4).for_each(|&row| better[row] += 12.0);
    assert_eq!(failed(&report(champion, better, &pieces)), ["young_alert_rate"]);
}

#[test]
fn what_a_few_frauds_say_of_a_loss_is_given_or_taken() {
    let pieces = pieces();
    let champion = scores(&pieces, 1, |row, piece| row % 40 == 0 || (piece.memory && row % 2 == 0));
    let better = |row: usize, piece: &Piece| !piece.memory && [40, 60].iter().any(|of| row.is_multiple_of(*of));
    // Of the 40 old frauds the champion finds 20. One candidate finds 16, of which 8 are others: a loss of a tenth, give or take 0.11.
    let other = scores(&pieces, 2, |row, piece| better(row, piece) || (piece.memory && (row % 5 == 0 || row % 5 == 1)));
    let report_of = |candidate| report(champion.clone(), candidate, &pieces);
    let found = report_of(other);
    let forgetting = found.checks.iter().find(|check| check.name == "forgetting").unwrap();
    assert!(forgetting.passed && forgetting.value > Some(forgetting.bound), "{forgetting:?}");
    // Another finds 10, all of them the champion's: a quarter, give or take 0.07.
    let poorer = scores(&pieces, 2, |row, piece| better(row, piece) || (piece.memory && row % 4 == 0));
    assert_eq!(failed(&report_of(poorer)), ["forgetting"]);
}

#[test]
fn one_that_is_better_without_its_neighbourhood_slow_large_or_coarse_is_refused() {
    let pieces = pieces();
    let good = scores(&pieces, 1, |row, piece| row % 40 == 0 || piece.memory);
    let settings = settings();
    let evidence = Evidence {
        pieces: &pieces,
        settings: [&settings, &settings],
        alone: [lost(&good), scores(&pieces, 1, |_, _| true)],
        logits: [good.clone(), good],
        latency_us: [100.0, 200.0],
        bytes: 1 << 30,
        golden: 1.0,
        half_decisions: 0.5,
    };
    let config = GateConfig { calibration_error: 0.2, top_decile: 10.0, ..GateConfig::default() };
    let report = judge(&evidence, &config, 0.02, 1).unwrap();
    assert_eq!(
        failed(&report),
        ["gain", "neighbourhood", "artifact_bytes", "latency", "golden_vectors", "half_precision_decisions"]
    );
    let tier = tier_report(&evidence, 100, 1);
    assert!((tier.average_precision.value - report.average_precision[1]).abs() < 1e-9);
}

#[test]
fn bounds_that_make_no_sense_are_refused() {
    assert!(GateConfig::default().check().is_ok());
    for wrong in [
        GateConfig { margin: -1.0, ..GateConfig::default() },
        GateConfig { top_decile: 0.0, ..GateConfig::default() },
        GateConfig { latency: 0.5, ..GateConfig::default() },
        GateConfig { replicates: 1, ..GateConfig::default() },
    ] {
        assert!(wrong.check().unwrap_err().to_string().contains("gate."));
    }
}
