//! States put away and brought back: equal then, equal for ever after, and damage is always noticed or harmless.

use crate::common::{AMPLE, Dice, START_S, Stream, TIGHT, bits, event, payment};
use fraudnet_features::{Column, ColumnReader, ColumnWriter, RestoreError, State, Tensor};
use fraudnet_graph::{Body, Event, Limits, Payment};
use proptest::prelude::*;
use std::collections::HashSet;
use std::convert::Infallible;

/// Columns as they were written.
#[derive(Default)]
struct Kept(Vec<(String, Column)>);

impl ColumnWriter for Kept {
    type Error = Infallible;

    fn column(&mut self, name: &str, column: Column) -> Result<(), Infallible> {
        self.0.push((name.to_owned(), column));
        Ok(())
    }
}

/// Gives kept columns back, one after the other.
struct Given<'a>(std::slice::Iter<'a, (String, Column)>);

impl ColumnReader for Given<'_> {
    fn column(&mut self, name: &str) -> Result<Column, RestoreError> {
        match self.0.next() {
            Some((kept, column)) if kept == name => Ok(column.clone()),
            _ => Err(RestoreError::unreadable(name, "it is not there")),
        }
    }
}

pub fn save(state: &State) -> Vec<(String, Column)> {
    let mut kept = Kept::default();
    state.save(&mut kept).unwrap_or_else(|never| match never {});
    kept.0
}

pub fn restore(limits: Limits, columns: &[(String, Column)]) -> Result<State, RestoreError> {
    let mut given = Given(columns.iter());
    let state = State::restore(limits, &mut given)?;
    assert_eq!(given.0.len(), 0, "not every column was asked for");
    Ok(state)
}

/// Folds a stream; at each cut the state is replaced by what comes back of it while the other goes on. Everything seen must be equal.
fn check_stream(limits: Limits, events: &[Event], cuts: &[usize]) -> State {
    let (mut whole, mut restored) = (State::new(limits), State::new(limits));
    let (mut tensor, mut again) = (Tensor::default(), Tensor::default());
    for (position, event) in events.iter().enumerate() {
        if cuts.contains(&position) {
            let columns = save(&restored);
            restored = restore(limits, &columns).unwrap();
            assert!(columns == save(&restored), "what comes back is put away otherwise");
            assert_eq!(whole.state_hash(), restored.state_hash(), "at {position}");
            assert_eq!(without_bytes(&whole), without_bytes(&restored), "at {position}");
            restored.graph().check_invariants().unwrap();
        }
        let observed =
            (whole.observe(position as u64, event, &mut tensor), restored.observe(position as u64, event, &mut again));
        assert_eq!(observed.0, observed.1, "at {position}");
        assert!(bits(&tensor) == bits(&again), "another tensor at {position}");
    }
    assert_eq!(whole.state_hash(), restored.state_hash());
    restored.graph().check_invariants().unwrap();
    restored
}

/// Counts of a graph; the bytes it takes depend on how it came to be.
fn without_bytes(state: &State) -> [u64; 9] {
    let stats = state.graph().stats();
    let live = [stats.entities, stats.edges, stats.transactions].map(u64::from);
    let [a, b, c] = [stats.entities_evicted, stats.edges_evicted, stats.transactions_evicted];
    [live[0], live[1], live[2], a[0], a[1], b[0], b[1], c[0], c[1]]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_comes_back_and_goes_on_alike(
        seed in any::<u64>(), limits in prop_oneof![Just(AMPLE), Just(TIGHT)], accounts in 3u64..60,
        gap_s in prop_oneof![Just(20u64), Just(900), Just(30_000)], cuts in prop::collection::vec(0usize..500, 1..4),
    ) {
        check_stream(limits, &Stream { seed, events: 500, accounts, gap_s }.draw(), &cuts);
    }
}

#[test]
fn a_long_life_comes_back_at_any_cut() {
    // Everything leaves by one bound after the other; numbers are reused thousands of times.
    let bounds = [
        Limits { max_age_s: 2 * 86_400, ..AMPLE },
        Limits { max_entities: 60, ..AMPLE },
        Limits { max_edges: 90, ..AMPLE },
        Limits { max_transactions: 100, max_age_s: 30 * 86_400, ..AMPLE },
    ];
    let mut evicted = [0; 6];
    let mut names = HashSet::new();
    for (seed, limits) in bounds.into_iter().enumerate() {
        let mut dice = Dice(seed as u64);
        let events = Stream { seed: seed as u64, events: 6_000, accounts: 150, gap_s: 500 }.draw();
        let cuts: Vec<usize> = (0..10).map(|_| dice.below(6_000) as usize).collect();
        let state = check_stream(limits, &events, &cuts);
        for (sum, count) in evicted.iter_mut().zip(&without_bytes(&state)[3..]) {
            *sum += count;
        }
        names.extend(save(&state).into_iter().filter(|(_, column)| !column.is_empty()).map(|(name, _)| name));
    }
    assert!(evicted.iter().all(|count| *count > 500), "{evicted:?}");
    // Rings of buckets, lists, marks, free numbers: each was really there to be put away.
    for name in
        ["windows.sums.0", "times.counts.0", "times.time_s.0", "ledgers.large_s.0", "edges.free.0", "entities.free.0"]
    {
        assert!(names.contains(name), "no {name} among {names:?}");
    }
}

#[test]
fn any_name_and_an_empty_state_come_back() {
    let empty = State::new(AMPLE);
    assert_eq!(restore(AMPLE, &save(&empty)).unwrap().state_hash(), empty.state_hash());
    let long = "long ".repeat(40);
    let mut events = Vec::new();
    for (position, name) in ["", "ä", "日本", long.as_str(), "a\0b"].into_iter().enumerate() {
        let body = Payment {
            device: Some(name.to_owned()),
            counterparty: Some(long.clone()),
            ..payment(&format!("x{position}"), name)
        };
        let mut event = event(position, START_S * 1_000, START_S * 1_000, Body::Payment(body));
        event.tenant = long.chars().skip(position * 7).collect();
        events.push(event);
    }
    check_stream(AMPLE, &events, &[1, 3, 5]);
}

#[test]
fn another_layout_is_refused_and_said() {
    let state = crate::common::replay(TIGHT, &Stream { seed: 1, events: 50, accounts: 5, gap_s: 60 }.draw());
    let columns = save(&state);
    let error = restore(Limits { max_age_s: 1, ..TIGHT }, &columns).err().unwrap();
    assert!(matches!(&error, RestoreError::Incompatible { column, .. } if column == "graph.limits.0"), "{error}");
    for shape in ["features.shape.0", "graph.shape.0"] {
        let mut other = columns.clone();
        let (_, column) = other.iter_mut().find(|(name, _)| name == shape).unwrap();
        let Column::U32(words) = column else { panic!("a shape is words") };
        words[0] += 1;
        let error = restore(TIGHT, &other).err().unwrap();
        assert!(matches!(&error, RestoreError::Incompatible { column, .. } if column == shape), "{error}");
        assert!(error.to_string().contains("replay the log instead"), "{error}");
    }
}

/// Damages of each column.
const ROUNDS: usize = 12;

/// Every column is cut, lengthened, shuffled, blotted, left out and given another type, by seed: restoring says so, or what comes back
/// holds together and takes events without a panic.
#[test]
fn damage_is_noticed_or_harmless() {
    let limits = Limits { max_entities: 40, max_edges: 70, max_transactions: 90, max_age_s: 40 * 86_400 };
    let events = Stream { seed: 11, events: 1_400, accounts: 40, gap_s: 400 }.draw();
    let (past, future) = events.split_at(1_200);
    let columns = save(&crate::common::replay(limits, past));
    let (mut dice, mut refused, mut accepted, mut tensor) = (Dice(3), 0, 0, Tensor::default());
    for place in 0..columns.len() {
        for _ in 0..ROUNDS {
            let mut damaged = columns.clone();
            let how = damage(&mut damaged, place, &mut dice);
            if damaged == columns {
                continue;
            }
            match restore(limits, &damaged) {
                Err(error) => {
                    assert!(!matches!(error, RestoreError::Incompatible { .. }) || place < 3, "{how}: {error}");
                    refused += 1;
                }
                Ok(mut state) => {
                    state.graph().check_invariants().unwrap_or_else(|wrong| panic!("{how}: {wrong}"));
                    assert!(save(&state) == damaged, "{how}: read as something else");
                    for (step, event) in future.iter().enumerate() {
                        state.observe((past.len() + step) as u64, event, &mut tensor);
                    }
                    accepted += 1;
                }
            }
        }
    }
    assert!(refused > 40 * ROUNDS && accepted > 3 * ROUNDS, "{refused} refused, {accepted} accepted");
}

/// Damages the column at a place and says how.
fn damage(columns: &mut Vec<(String, Column)>, place: usize, dice: &mut Dice) -> String {
    let (name, column) = &mut columns[place];
    let kind = dice.below(10);
    let how = format!("{name} damaged by {kind}");
    let pick = |dice: &mut Dice, len: usize| dice.below(len.max(1) as u64) as usize;
    match kind {
        0 => drop(columns.remove(place)),
        1 => {
            *column = match &*column {
                Column::U32(words) => Column::F32(words.iter().map(|word| f32::from_bits(*word)).collect()),
                other => Column::U32(vec![0; other.len()]),
            }
        }
        _ => match column {
            Column::U8(values) => blot(values, kind, dice, pick, |bits| bits as u8),
            Column::U16(values) => blot(values, kind, dice, pick, |bits| bits as u16),
            Column::U32(values) => blot(values, kind, dice, pick, |bits| bits as u32),
            Column::U64(values) => blot(values, kind, dice, pick, |bits| bits),
            Column::F32(values) => blot(values, kind, dice, pick, |bits| f32::from_bits(bits as u32)),
        },
    }
    how
}

fn blot<T: Copy + Default>(
    values: &mut Vec<T>,
    kind: u64,
    dice: &mut Dice,
    pick: impl Fn(&mut Dice, usize) -> usize,
    from_bits: impl Fn(u64) -> T,
) {
    let (one, other) = (pick(dice, values.len()), pick(dice, values.len()));
    match kind {
        2 => values.truncate(one),
        3 => values.extend(vec![T::default(); 1 + other]),
        _ if values.is_empty() => values.push(from_bits(dice.next())),
        4 | 5 => values.swap(one, other),
        6 => values[one] = from_bits(u64::MAX),
        7 => values[one] = from_bits(dice.next()),
        8 => values[one] = from_bits(dice.below(64)),
        _ => values[one] = values[other],
    }
}
