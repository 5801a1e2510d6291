//! Properties of whole histories.

use std::collections::{HashMap, HashSet, VecDeque};

use fraudnet_graph::{Body, LabelSource, Payment};

use super::config::DAY_MS;
use super::*;

const START_MS: i64 = 1_767_225_600_000;

fn middling(seed: u64) -> SimulationConfig {
    SimulationConfig {
        days: 40,
        accounts: 6_000,
        payments_per_day: 2_500,
        label_tail: true,
        ..SimulationConfig::demo(seed, START_MS)
    }
}

fn small(seed: u64) -> SimulationConfig {
    SimulationConfig { days: 5, accounts: 400, payments_per_day: 400, ..SimulationConfig::demo(seed, START_MS) }
}

fn payment(simulated: &SimulatedEvent) -> Option<(&Payment, bool)> {
    match (&simulated.event.body, simulated.oracle) {
        (Body::Payment(payment), Some(oracle)) => Some((payment, oracle.fraud)),
        _ => None,
    }
}

fn digest(config: &SimulationConfig) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for simulated in simulate(config) {
        hasher.update(format!("{simulated:?}").as_bytes());
    }
    hasher.finalize()
}

#[test]
fn equal_configurations_give_equal_histories() {
    assert_eq!(digest(&small(1)), digest(&small(1)));
    assert_ne!(digest(&small(1)), digest(&small(2)));
}

#[test]
fn events_come_in_order_of_acceptance_with_unique_ids_and_labels_after_their_payments() {
    let config = SimulationConfig { fraud_share: 0.02, label_tail: true, ..small(3) };
    let (mut last, mut ids, mut transactions) = (i64::MIN, HashSet::new(), HashMap::new());
    for SimulatedEvent { event, oracle } in simulate(&config) {
        assert!(event.ingested_at_ms >= last && event.ingested_at_ms >= event.occurred_at_ms);
        assert!(event.occurred_at_ms >= START_MS);
        last = event.ingested_at_ms;
        assert!(ids.insert(event.event_id.clone()), "event id twice");
        match event.body {
            Body::Payment(payment) => {
                assert!(oracle.is_some_and(|oracle| oracle.fraud == oracle.typology.is_some()));
                assert!(payment.merchant.is_some() || payment.counterparty.is_some());
                assert!(payment.amount_minor > 0 && payment.counterparty.as_ref() != Some(&payment.account));
                assert!(
                    transactions.insert(payment.transaction_id, event.ingested_at_ms).is_none(),
                    "transaction id twice"
                );
            }
            Body::Label(label) => {
                assert!(oracle.is_none());
                assert!(transactions[&label.transaction_id] < event.occurred_at_ms);
            }
            Body::Outcome(_) => unreachable!("the simulator makes no outcomes"),
        }
    }
}

#[test]
fn no_column_gives_fraud_away_and_typologies_share_it() {
    for seed in [1, 2] {
        let events: Vec<SimulatedEvent> = simulate(&middling(seed)).collect();
        for (name, auc) in column_aucs(&events) {
            assert!(auc <= 0.80, "seed {seed}: {name} alone has an AUC of {auc:.3}");
        }
        let oracles: Vec<Oracle> = events.iter().filter_map(|simulated| simulated.oracle).collect();
        let frauds = oracles.iter().filter(|oracle| oracle.fraud).count() as f64;
        let share = frauds / oracles.len() as f64;
        assert!((0.0035..0.0070).contains(&share), "seed {seed}: fraud is {share:.4} of payments");
        assert!((oracles.len() as f64 / 100_000.0 - 1.0).abs() < 0.05, "seed {seed}: {} payments", oracles.len());
        for typology in Typology::ALL {
            let part = oracles.iter().filter(|oracle| oracle.typology == Some(typology)).count() as f64 / frauds;
            assert!(part >= 0.08, "seed {seed}: {} is {part:.3} of fraud", typology.name());
        }
    }
}

#[test]
fn a_typology_that_begins_late_is_not_there_before_and_the_others_stay() {
    let base = SimulationConfig { days: 30, fraud_share: 0.03, ..small(8) };
    let newcomer = |times| Newcomer { typology: Typology::CardTesting, from_day: 15, times };
    let late = SimulationConfig { newcomers: vec![newcomer(1.0)], ..base.clone() };
    let wave = SimulationConfig { newcomers: vec![newcomer(4.0)], ..base.clone() };
    let days = |config: &SimulationConfig, typology: Typology| -> Vec<i64> {
        let payments = simulate(config)
            .filter(|simulated| simulated.oracle.is_some_and(|oracle| oracle.typology == Some(typology)));
        payments.map(|simulated| (simulated.event.occurred_at_ms - config.start_ms).div_euclid(DAY_MS)).collect()
    };
    let later = days(&late, Typology::CardTesting);
    assert!(later.len() > 10 && later.iter().all(|&day| day >= 15), "{later:?}");
    let times = days(&wave, Typology::CardTesting).len() as f64 / later.len() as f64;
    assert!((2.5..6.0).contains(&times), "a wave of four times as many: {times}");
    assert!(days(&base, Typology::CardTesting).iter().any(|&day| day < 15));
    for typology in Typology::ALL.into_iter().filter(|typology| *typology != Typology::CardTesting) {
        assert!(days(&late, typology).iter().any(|&day| day < 15), "{} was there all along", typology.name());
    }
}

#[test]
fn labels_are_late_incomplete_and_sometimes_wrong() {
    let config = SimulationConfig { fraud_share: 0.03, ..middling(4) };
    let mut payments = HashMap::new();
    let (mut frauds, mut told, mut right, mut wrong) = (0.0, HashSet::new(), 0.0, HashSet::new());
    let (mut corrected, mut cleared) = (0, 0);
    for SimulatedEvent { event, oracle } in simulate(&config) {
        match event.body {
            Body::Payment(payment) => {
                let fraud = oracle.is_some_and(|oracle| oracle.fraud);
                frauds += f64::from(u8::from(fraud));
                payments.insert(payment.transaction_id, (fraud, event.occurred_at_ms));
            }
            Body::Label(label) => {
                let (fraud, at_ms) = payments[&label.transaction_id];
                let days = (event.occurred_at_ms - at_ms) as f64 / DAY_MS as f64;
                assert!(days < 60.0, "told after {days} days");
                match (label.fraud, fraud) {
                    (true, true) => {
                        assert!(days >= 1.0);
                        right += f64::from(u8::from(told.insert(label.transaction_id)));
                    }
                    (true, false) => {
                        wrong.insert(label.transaction_id);
                    }
                    (false, true) => panic!("nobody clears a fraud"),
                    (false, false) if wrong.contains(&label.transaction_id) => {
                        assert_eq!(label.source, LabelSource::Analyst);
                        corrected += 1;
                    }
                    (false, false) => cleared += 1,
                }
            }
            Body::Outcome(_) => {}
        }
    }
    assert!((0.03..0.14).contains(&(1.0 - right / frauds)), "never told: {}", 1.0 - right / frauds);
    let wrong_share = wrong.len() as f64 / (right + wrong.len() as f64);
    assert!((0.015..0.05).contains(&wrong_share), "wrong reports: {wrong_share}");
    assert!(corrected > 0 && corrected < wrong.len() && cleared > 50, "{corrected} corrected, {cleared} cleared");
}

#[test]
fn without_the_tail_a_history_ends_with_its_last_day() {
    let end_ms = START_MS + 5 * DAY_MS;
    let labels = |label_tail| {
        let config = SimulationConfig { fraud_share: 0.03, label_tail, ..small(5) };
        simulate(&config)
            .filter(|simulated| simulated.oracle.is_none())
            .map(|simulated| simulated.event.ingested_at_ms)
            .max()
    };
    assert!(labels(false).is_some_and(|last| last < end_ms));
    assert!(labels(true).is_some_and(|last| last > end_ms));
}

#[test]
fn ordinary_life_has_its_look_alikes() {
    let (mut by_ip, mut by_device, mut senders) = (HashMap::new(), HashMap::new(), HashMap::new());
    let (mut small_sums, mut late, mut abroad, mut count) = (0, 0, 0, 0);
    for simulated in simulate(&middling(6)) {
        let Some((payment, fraud)) = payment(&simulated) else { continue };
        count += 1;
        late += usize::from(simulated.event.ingested_at_ms - simulated.event.occurred_at_ms > 60_000);
        if fraud {
            continue;
        }
        let note = |places: &mut HashMap<String, HashSet<String>>, id: &Option<String>| {
            if let Some(id) = id {
                places.entry(id.clone()).or_default().insert(payment.account.clone());
            }
        };
        note(&mut by_ip, &payment.ip);
        note(&mut by_device, &payment.device);
        note(&mut senders, &payment.counterparty);
        small_sums += usize::from(payment.amount_minor < 400);
        abroad += usize::from(payment.ip_country.is_some_and(|country| Some(country) != payment.account_country));
    }
    let shared = |places: &HashMap<String, HashSet<String>>, least| {
        places.values().filter(|accounts| accounts.len() >= least).count()
    };
    assert!(shared(&by_ip, 50) >= 20, "offices, carriers, exits");
    assert!(shared(&by_device, 2) >= 300, "families");
    assert!(shared(&by_device, 6) >= 30, "libraries, doors, clubs");
    assert!(shared(&senders, 8) >= 30, "landlords, pots, sellers");
    let share = |part: usize| part as f64 / count as f64;
    assert!(share(small_sums) > 0.01 && share(abroad) > 0.02);
    assert!((0.001..0.006).contains(&share(late)), "late: {}", share(late));
}

#[test]
fn extreme_configurations_are_lived_through() {
    let lived = |config: SimulationConfig| {
        let oracles: Vec<Oracle> = simulate(&config).filter_map(|simulated| simulated.oracle).collect();
        (oracles.len(), oracles.iter().filter(|oracle| oracle.fraud).count())
    };
    let tiny = SimulationConfig { days: 0, accounts: 0, payments_per_day: 0, ..small(7) };
    assert!(lived(tiny).0 > 50);
    assert_eq!(lived(SimulationConfig { fraud_share: 0.0, ..small(7) }).1, 0);
    assert_eq!(lived(SimulationConfig { fraud_share: f64::NAN, ..small(7) }).1, 0);
    let (payments, frauds) = lived(SimulationConfig { fraud_share: 9.0, days: 20, ..small(7) });
    assert!(frauds * 100 > payments * 3, "{frauds} of {payments}");
    assert!(lived(SimulationConfig { start_ms: i64::MIN, ..small(7) }).0 > 1_000);
}

#[test]
fn progress_is_told_once_a_day() {
    let mut days = Vec::new();
    let events = simulate_with_progress(&small(8), |progress| days.push(progress.days_done)).count();
    assert!(events > 1_500);
    assert_eq!(days, [1, 2, 3, 4, 5]);
}

/// Payments and reported frauds seen at an entity, by the labels known so far.
#[derive(Default)]
struct Seen {
    recent: VecDeque<(i64, String)>,
    reported: i32,
}

impl Seen {
    /// Other accounts over the last week.
    fn others(&mut self, now_ms: i64, account: &str) -> usize {
        while self.recent.front().is_some_and(|first| now_ms - first.0 > 7 * DAY_MS) {
            self.recent.pop_front();
        }
        self.recent
            .iter()
            .rev()
            .take(60)
            .filter(|(_, other)| other != account)
            .map(|(_, other)| other)
            .collect::<HashSet<_>>()
            .len()
    }
}

fn average_precision(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut sum) = (0.0, 0.0);
    for (rank, &(_, fraud)) in scored.iter().enumerate() {
        if fraud {
            hits += 1.0;
            sum += hits / (rank + 1) as f64;
        }
    }
    sum / hits
}

/// Two rules of thumb, read off the same stream. What a model could learn is more; that neighbours tell more than the account's own
/// pace is what the rings are built for.
#[test]
fn neighbours_tell_more_than_pace() {
    let mut seen: HashMap<String, Seen> = HashMap::new();
    let mut pairs: HashSet<(String, String)> = HashSet::new();
    let mut parties: HashMap<String, Vec<String>> = HashMap::new();
    let mut reported: HashSet<String> = HashSet::new();
    let (mut by_pace, mut by_neighbours) = (Vec::new(), Vec::new());
    for simulated in simulate(&middling(9)) {
        let now_ms = simulated.event.ingested_at_ms;
        if let Body::Label(label) = &simulated.event.body {
            let change = if label.fraud {
                i32::from(reported.insert(label.transaction_id.clone()))
            } else {
                -i32::from(reported.remove(&label.transaction_id))
            };
            for party in &parties[&label.transaction_id] {
                seen.entry(party.clone()).or_default().reported += change;
            }
            continue;
        }
        let Some((payment, fraud)) = payment(&simulated) else { continue };
        let account = &payment.account;
        let own = seen.entry(account.clone()).or_default();
        let last_day = own.recent.iter().rev().take_while(|(at_ms, _)| now_ms - at_ms < DAY_MS).count();
        let known = own.recent.len();
        let pace = last_day as f64 + 0.2 * (payment.amount_minor as f64 / 5_000.0).ln();
        let mut evidence = 0.0;
        let keys: Vec<String> =
            [&payment.device, &payment.ip, &payment.counterparty].into_iter().flatten().cloned().collect();
        for key in &keys {
            let place = seen.entry(key.clone()).or_default();
            let (others, size) = (place.others(now_ms, account) as f64, place.recent.len() as f64);
            let new = known > 0 && !pairs.contains(&(account.clone(), key.clone()));
            evidence += 6.0 * f64::from(place.reported) / (size + 4.0);
            if new {
                evidence += if payment.device.as_ref() == Some(key) { 1.0 + 0.4 * others.min(5.0) } else { 0.2 };
            }
        }
        if simulated.event.occurred_at_ms > START_MS + 12 * DAY_MS {
            by_pace.push((pace, fraud));
            by_neighbours.push((evidence, fraud));
        }
        for key in keys.iter().chain([account]) {
            seen.entry(key.clone()).or_default().recent.push_back((now_ms, account.clone()));
            pairs.insert((account.clone(), key.clone()));
        }
        parties.insert(payment.transaction_id.clone(), keys);
    }
    let (pace, neighbours) = (average_precision(by_pace), average_precision(by_neighbours));
    assert!(neighbours > 0.06, "average precision from neighbours: {neighbours:.3}");
    assert!(neighbours > 3.0 * pace, "average precision: {neighbours:.3} from neighbours, {pace:.3} from pace");
    assert!(neighbours < 0.9, "a rule of thumb finds everything: {neighbours:.3}");
}
