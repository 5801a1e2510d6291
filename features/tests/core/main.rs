//! Properties of the whole path from events to tensors: no future, one path, labels taken back, extremes, duplicates. `windows`
//! recomputes counts naively, `meanings` checks single columns, `columns` that each says something of its own.

mod columns;
mod common;
mod meanings;
mod snapshot;
mod snapshot_cost;
mod windows;

use common::{AMPLE, Dice, Stream, TIGHT, bits, label, ms, pay, replay, tensor_after};
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body, Event, LabelSource, Payment};
use proptest::prelude::*;
use std::collections::HashSet;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is deleted, added or changed after the cut, the tensor of every payment up to the cut stays as it was.
    #[test]
    fn tensors_know_nothing_of_the_future(seed in any::<u64>(), cut in 20usize..280, tight in any::<bool>(), gap_s in prop_oneof![Just(5u64), Just(600), Just(20_000)]) {
        let limits = if tight { TIGHT } else { AMPLE };
        let events = Stream { seed, events: 300, accounts: 14, gap_s }.draw();
        let other = Stream { seed: seed ^ 1, events: 300, accounts: 14, gap_s }.draw();
        let mut dice = Dice(seed);
        let mut changed = events[..=cut].to_vec();
        for (position, event) in events.iter().enumerate().skip(cut + 1) {
            match dice.below(4) {
                0 => {}
                1 => changed.push(other[position].clone()),
                2 => changed.extend([other[position].clone(), event.clone()]),
                _ => changed.push(event.clone()),
            }
        }
        let mut seen = Vec::new();
        for log in [&events, &changed] {
            let mut state = State::new(limits);
            let mut tensor = Tensor::default();
            let mut tensors = Vec::new();
            for (position, event) in log.iter().enumerate() {
                let observed = state.observe(position as u64, event, &mut tensor);
                if position <= cut && matches!(observed.applied, Applied::Payment { .. }) {
                    tensors.push((observed.subgraph_digest, bits(&tensor)));
                }
            }
            seen.push(tensors);
        }
        prop_assert!(seen[0].len() > cut / 2);
        prop_assert!(seen[0] == seen[1], "a tensor at or before the cut changed");
    }

    /// Serving, replay and training data come from one path: scoring leaves no trace in the state.
    #[test]
    fn same_log_same_state_whether_observed_or_applied(seed in any::<u64>(), tight in any::<bool>()) {
        let limits = if tight { TIGHT } else { AMPLE };
        let events = Stream { seed, events: 250, accounts: 12, gap_s: 900 }.draw();
        let mut observed = State::new(limits);
        let mut dice = Dice(seed);
        let mut tensor = Tensor::default();
        for (position, event) in events.iter().enumerate() {
            if dice.chance(60) {
                observed.observe(position as u64, event, &mut tensor);
            } else {
                observed.apply(position as u64, event);
            }
        }
        prop_assert_eq!(observed.state_hash(), replay(limits, &events).state_hash());
        prop_assert_ne!(observed.state_hash(), replay(limits, &events[..events.len() / 2]).state_hash());
    }

    /// A report that is corrected without time passing leaves every later tensor as if it had never been made.
    #[test]
    fn a_corrected_label_takes_its_counts_back(seed in any::<u64>(), labelled in 0usize..40) {
        let events: Vec<Event> = Stream { seed, events: 160, accounts: 10, gap_s: 600 }.draw();
        let paid: Vec<&str> = events.iter().filter_map(|event| match &event.body { Body::Payment(payment) => Some(payment.transaction_id.as_str()), _ => None }).collect();
        let spoken_of: HashSet<&str> = events.iter().filter_map(|event| match &event.body { Body::Label(label) => Some(label.transaction_id.as_str()), _ => None }).collect();
        let Some(transaction_id) = paid.iter().skip(labelled).find(|id| !spoken_of.contains(*id)) else { return Ok(()); };
        // Long past, so that the clock does not move.
        let mut corrected = events.clone();
        corrected.push(label(-86_400, transaction_id, true, LabelSource::CustomerReport));
        let reported = corrected.clone();
        corrected.push(label(-86_400, transaction_id, false, LabelSource::Analyst));
        let Some(Event { body: Body::Payment(again), .. }) = events.iter().find(|event| matches!(&event.body, Body::Payment(payment) if payment.transaction_id == **transaction_id)) else { unreachable!() };
        let mut next = pay(10_000_000, Payment { transaction_id: "next".to_owned(), ..again.clone() });
        next.occurred_at_ms = ms(0);
        // One position for all three, as the position is part of an edge's facts.
        let tensors = [&events, &reported, &corrected].map(|log| bits(&tensor_after(AMPLE, log, &next).0));
        prop_assert!(tensors[0] == tensors[2], "the correction left a trace");
        prop_assert!(tensors[0] != tensors[1], "the report left no trace");
    }

    /// No input makes a value that is not finite or that f16 cannot hold.
    #[test]
    fn every_value_is_finite_on_extreme_inputs(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let times = [0, -1, i64::MIN, i64::MAX, ms(0), ms(86_400), ms(86_401), 1, 4_294_967_295_000, 4_294_967_296_000];
        let amounts = [0, 1, 1 << 53, (1 << 53) - 1, u64::MAX, 99];
        let mut state = State::new(AMPLE);
        let mut tensor = Tensor::default();
        let mut events = Stream { seed, events: 120, accounts: 6, gap_s: 60 }.draw();
        for (position, event) in events.iter_mut().enumerate() {
            if dice.chance(30) {
                event.occurred_at_ms = times[dice.below(times.len() as u64) as usize];
            }
            if dice.chance(30) {
                event.ingested_at_ms = times[dice.below(times.len() as u64) as usize];
            }
            if let Body::Payment(payment) = &mut event.body {
                if dice.chance(50) {
                    payment.amount_minor = amounts[dice.below(amounts.len() as u64) as usize];
                }
                if dice.chance(30) {
                    payment.counterparty = Some(payment.account.clone());
                }
            }
            state.observe(position as u64, event, &mut tensor);
            let values = tensor.nodes.iter().chain(&tensor.edges).map(|x| x.to_f32()).chain(tensor.payment.iter().copied());
            for value in values {
                prop_assert!(value.is_finite() && value.abs() <= 64.0, "{value}");
            }
        }
    }
}

#[test]
fn duplicates_and_outcomes_leave_no_trace() {
    let events = Stream { seed: 5, events: 1_200, accounts: 20, gap_s: 300 }.draw();
    let mut state = State::new(AMPLE);
    let mut tensor = Tensor::default();
    let (mut duplicates, mut known) = (0, HashSet::new());
    for (position, event) in events.iter().enumerate() {
        if let Body::Payment(payment) = &event.body
            && !known.insert(&payment.transaction_id)
        {
            let (hash, before) = (state.state_hash(), bits(&tensor));
            let observed = state.observe(position as u64, event, &mut tensor);
            assert_eq!((observed.applied, observed.subgraph_digest), (Applied::Duplicate, [0; 16]));
            assert!(hash == state.state_hash() && before == bits(&tensor), "the duplicate left a trace");
            duplicates += 1;
        } else {
            state.observe(position as u64, event, &mut tensor);
        }
    }
    assert!(duplicates > 3);
}
