//! The monitor against simulated life: calm months, and shifts planted in them. Rows come from the real graph, probabilities from the
//! released boosted trees.
//!
//! The tests that run with the others live a fortnight in small; `cargo test --lib -p fraudnet-scoring drift:: -- --ignored --nocapture`
//! lives twenty months at the settings a service has and prints what it found.

mod life;

use super::columns::watched;
use super::monitor::{Monitor, MonitorConfig, Seen, Turn};
use super::outcomes::{OutcomeConfig, Outcomes, Scored};
use super::reference::Row;
use super::segment::Segment;
use super::state::Signal;
use super::watch::{Measure, OutcomeTurn};
use fraudnet_features::schema::payment_features;
use fraudnet_graph::{Channel, LabelSource, Payment};
use life::{DAY_S, Lived, live};
use std::sync::Arc;

/// Probability from which a payment is reviewed.
const REVIEWED: f32 = 0.15;

fn config() -> MonitorConfig {
    MonitorConfig {
        reference_payments: 5_000,
        window_payments: 1_000,
        compare_every: 250,
        least_payments: 500,
        ks_bound: 0.25,
        psi_bound: 0.25,
        estimate_bound: 0.05,
        quiet_comparisons: 8,
    }
}

fn monitor(begun_s: u32) -> Monitor {
    Monitor::new(config(), watched(), payment_features().len() + 1, "features", "trees-v2/1", begun_s, None)
}

fn seen(lived: &Lived) -> Seen {
    let mut values = lived.row.clone();
    values.push(lived.probability);
    Seen { at_s: lived.at_s, row: Row { values, channel: lived.channel as u8, flagged: lived.probability >= REVIEWED } }
}

/// What the monitor says of a life: alarms with the payments since the first planted one.
fn watch(seed: u64, days: u32, from_day: u32, plant: impl Fn(u32, u64, &mut Payment) -> bool) -> Vec<(u64, Turn)> {
    let (mut told, mut kept, mut planted) = (Vec::new(), None, 0);
    live(seed, days, from_day, plant, |lived| {
        let monitor = kept.get_or_insert_with(|| monitor(lived.begun_s));
        planted += u64::from(planted > 0 || lived.planted);
        told.extend(monitor.take(seen(&lived)).into_iter().map(|turn| (planted, turn)));
    });
    assert!(kept.is_some_and(|monitor| !monitor.latest()[0].columns.is_empty()), "windows were compared");
    told
}

fn calm(_: u32, _: u64, _: &mut Payment) -> bool {
    false
}

fn tripled(day: u32, payment: &mut Payment) -> bool {
    payment.amount_minor *= if day >= 1 { 3 } else { 1 };
    day >= 1
}

#[test]
fn a_calm_fortnight_is_calm_and_tripled_amounts_are_found_within_2_000_payments() {
    assert_eq!(watch(1, 10, 0, calm), []);
    let told = watch(1, 7, 0, |day, _, payment| tripled(day.saturating_sub(4), payment));
    let Some((payments, Turn::Raised { signal, segment, column, value, bound, .. })) = told.first() else {
        panic!("nothing was found")
    };
    assert!((1..=2_000).contains(payments), "after {payments} payments");
    assert_eq!(*segment, Segment::All);
    assert!(matches!(signal, Signal::Ks | Signal::Psi) && value > bound, "{told:?}");
    assert!(column.is_some_and(|column| column.contains("amount")), "{column:?}");
}

#[test]
fn another_champion_begins_anew_and_a_restart_goes_on() {
    let row = |number: u32, level: f32| {
        let mut values = vec![0.0; payment_features().len()];
        values[0] = level + (number % 97) as f32;
        values.push(0.1);
        Seen { at_s: number, row: Row { values, channel: 1, flagged: false } }
    };
    let mut first = monitor(0);
    for number in 0..5_000 {
        assert_eq!(first.take(row(number, 0.0)), []);
    }
    let reference = first.changed_reference().unwrap().clone();
    assert!(first.changed_reference().is_none());
    // As after a restart: with the reference kept, the drift shows at once; without it, it would be taken for normal.
    let width = payment_features().len() + 1;
    let mut again = Monitor::new(config(), watched(), width, "features", "trees-v2/1", 0, Some(reference.clone()));
    let turns: Vec<Turn> = (0..1_500).flat_map(|number| again.take(row(number, 50.0))).collect();
    assert!(
        matches!(
            turns[0],
            Turn::Raised { signal: Signal::Ks, segment: Segment::Channel(Channel::CardPresent), .. }
                | Turn::Raised { signal: Signal::Ks, segment: Segment::All, .. }
        ),
        "{turns:?}"
    );
    again.follow_champion("trees-v2/2");
    assert!(again.reference().is_none());
    let turns: Vec<Turn> = (0..8_000).flat_map(|number| again.take(row(number, 50.0))).collect();
    assert_eq!(turns, [], "the new champion knows nothing else");
    // Back to normal an alarm ends.
    let mut back = Monitor::new(config(), watched(), width, "features", "trees-v2/1", 0, Some(reference));
    back.stands(Signal::Ks, Segment::All);
    let turns: Vec<Turn> = (0..4_000).flat_map(|number| back.take(row(number, 0.0))).collect();
    assert_eq!(turns, [Turn::Cleared { signal: Signal::Ks, segment: Segment::All }]);
}

/// Follows the AUC of a life: every fraud is told a day later by an analyst. From the planted fraud on the model is blind to every second
/// one: it scores as an honest payment.
fn outcomes(lives: &[Lived], blind_from: Option<usize>) -> (usize, Vec<(usize, OutcomeTurn)>) {
    let mut outcomes = Outcomes::new(OutcomeConfig {
        maturity_ms: i64::from(DAY_S) * 1_000,
        block_frauds: 1,
        delta: 0.1,
        recall_delta: 0.01,
    });
    let model: Arc<str> = "trees-v2/1".into();
    let (mut frauds, mut told, mut honest) = (0, Vec::new(), 0.0);
    for (position, lived) in lives.iter().enumerate() {
        let (at_ms, probability) = (i64::from(lived.at_s) * 1_000, lived.probability);
        let mut scored = Scored { at_ms, probability, caught: false, model: Arc::clone(&model) };
        if lived.fraud {
            frauds += 1;
            if blind_from.is_some_and(|from| frauds > from) && frauds % 2 == 0 {
                scored.probability = honest;
            }
        } else {
            honest = lived.probability;
        }
        scored.caught = scored.probability >= REVIEWED;
        let mut turns = outcomes.verdict(position as u64, scored.clone());
        if lived.fraud {
            turns.extend(outcomes.label(position as u64, true, LabelSource::Analyst, scored));
        }
        told.extend(turns.into_iter().map(|turn| (frauds, turn)));
    }
    (frauds, told)
}

/// The figures of the README, at the scale of the demo and the settings of a service.
#[test]
#[ignore = "twenty months of life take minutes"]
#[expect(clippy::disallowed_macros, reason = "the figures are what it is run for")]
fn twenty_calm_months_and_every_planted_shift() {
    let mut false_alarms = [0; 4];
    for seed in 1..=20 {
        // A graph that has seen a month: all columns but those of the neighbourhood are watched, for a fortnight.
        let mut lives = Vec::new();
        let mut kept = None;
        let mut alarms = Vec::new();
        live(seed, 45, 8, calm, |lived| {
            if lived.at_s >= lived.begun_s + 31 * DAY_S {
                alarms.extend(kept.get_or_insert_with(|| monitor(lived.begun_s)).take(seen(&lived)));
            }
            lives.push(Lived { row: Vec::new(), ..lived });
        });
        let cold = watch(seed + 100, 14, 0, calm);
        let (frauds, falls) = outcomes(&lives, None);
        false_alarms[0] += usize::from(!alarms.is_empty());
        false_alarms[1] += usize::from(!cold.is_empty());
        let falls_of = |turns: &[(usize, OutcomeTurn)], wanted: Measure, after: usize| {
            let of = |turn: &OutcomeTurn| matches!(turn, OutcomeTurn::Fell { measure, .. } if *measure == wanted);
            turns.iter().find(|(at, turn)| *at > after && of(turn)).map(|(at, _)| at - after)
        };
        false_alarms[2] += usize::from(falls_of(&falls, Measure::Auc, 0).is_some());
        false_alarms[3] += usize::from(falls_of(&falls, Measure::Recall, 0).is_some());
        let (_, found) = outcomes(&lives, Some(250));
        let found = [Measure::Auc, Measure::Recall].map(|measure| falls_of(&found, measure, 250));
        println!(
            "seed {seed}: calm {alarms:?} {cold:?}, outcomes of {frauds} frauds {falls:?}; blindness found after {found:?} frauds"
        );
        assert!(
            found.iter().all(|found| found.is_some_and(|frauds| frauds <= 200)),
            "seed {seed}: blind to half of the frauds, found after {found:?}"
        );
    }
    println!("runs with a false alarm, of 20: {false_alarms:?} (a month old, new, AUC, recall)");
    assert!(false_alarms.iter().sum::<usize>() <= 1, "{false_alarms:?}");

    type Plant = fn(u64, &mut Payment);
    let plants: [(&str, Plant); 4] = [
        ("amounts tripled", |_, payment| payment.amount_minor *= 3),
        ("tills become web shops", |_, payment| {
            if payment.channel == Channel::CardPresent {
                payment.channel = Channel::Ecommerce;
            }
        }),
        ("six in ten devices are new", |number, payment| {
            if let Some(device) = payment.device.as_mut().filter(|_| number % 10 < 6) {
                *device = format!("dev_planted_{number}");
            }
        }),
        ("a third pays from abroad", |number, payment| {
            if number.is_multiple_of(3) {
                payment.ip_country = Some(*b"ZZ");
            }
        }),
    ];
    for (name, plant) in plants {
        for seed in [201, 202, 203] {
            let told = watch(seed, 40, 31, |day, number, payment| {
                if day >= 37 {
                    plant(number, payment);
                }
                day >= 37
            });
            println!("{name}, seed {seed}: {:?}", told.first());
            assert!(told.first().is_some_and(|(payments, _)| (1..=2_000).contains(payments)), "{name}: {told:?}");
        }
    }
}
