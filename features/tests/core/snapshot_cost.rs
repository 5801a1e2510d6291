//! What putting a large state away and bringing it back costs. Ignored: it takes a minute and 4 GB, and prints rather than asserts times.
//! `cargo test --release -p fraudnet-features --test core snapshot_cost -- --ignored --nocapture`

use crate::common::{Dice, START_S, event, payment};
use crate::snapshot::{restore, save};
use fraudnet_features::{Column, State};
use fraudnet_graph::{Body, Label, LabelSource, Limits, Payment};

const LIMITS: Limits =
    Limits { max_entities: 4_000_000, max_edges: 6_000_000, max_transactions: 2_000_000, max_age_s: 90 * 86_400 };
const EDGES: u32 = 5_000_000;

/// Accounts with habits, hubs among merchants, fraud reports; 90 days of them.
fn large(accounts: u64) -> State {
    let mut dice = Dice(1);
    let mut state = State::new(LIMITS);
    let mut position = 0;
    while state.graph().stats().edges < EDGES {
        let who = dice.below(accounts);
        let near = |dice: &mut Dice, bound: u64, own: u64| {
            if dice.chance(70) { (who * 7 + dice.below(own)) % bound } else { dice.below(bound) }
        };
        let body = Payment {
            device: Some(format!("device-{}", near(&mut dice, accounts / 3, 2))),
            ip: Some(format!("10.0.{}", near(&mut dice, accounts / 2, 3))),
            merchant: Some(format!("merchant-{}", near(&mut dice, accounts / 20, 8))),
            amount_minor: 100 + dice.below(20_000),
            ..payment(&format!("transaction-{position:012}"), &format!("account-{who:08}"))
        };
        let at_ms = (START_S * 1_000) + (position as i64) * 3_000;
        state.apply(position, &event(position as usize, at_ms, at_ms, Body::Payment(body)));
        position += 1;
        if dice.below(500) == 0 {
            let body = Label {
                transaction_id: format!("transaction-{:012}", dice.below(position)),
                fraud: true,
                source: LabelSource::Chargeback,
            };
            state.apply(position, &event(position as usize, at_ms, at_ms, Body::Label(body)));
            position += 1;
        }
    }
    state
}

fn bytes(columns: &[(String, Column)], prefix: &str) -> usize {
    let width = |column: &Column| match column {
        Column::U8(_) => 1,
        Column::U16(_) => 2,
        Column::U32(_) | Column::F32(_) => 4,
        Column::U64(_) => 8,
    };
    columns.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, column)| column.len() * width(column)).sum()
}

/// Processor time of this thread so far, seconds: what others do on the machine does not count. 0 where the system does not say.
fn busy_s() -> f64 {
    let all = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    all.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

#[test]
#[ignore = "a measurement: a minute and 4 GB"]
#[expect(clippy::disallowed_macros, reason = "a measurement says what it measured")]
fn five_million_edges() {
    for accounts in [200_000, 1_000_000] {
        let state = large(accounts);
        let stats = state.graph().stats();
        let start_s = busy_s();
        let columns = save(&state);
        let saved_s = busy_s() - start_s;
        let start_s = busy_s();
        let back = restore(LIMITS, &columns).unwrap();
        let restored_s = busy_s() - start_s;
        println!(
            "{} entities, {} edges, {} transactions: {saved_s:.2} s to save, {restored_s:.2} s to restore (copying the columns included)",
            stats.entities, stats.edges, stats.transactions
        );
        for part in ["entities.", "edges.", "transactions.", "pulses.", ""] {
            println!("{:>16} {:>13} bytes", part, bytes(&columns, part));
        }
        println!(
            "{} columns, {:.0} bytes an edge in all",
            columns.len(),
            bytes(&columns, "") as f64 / f64::from(EDGES)
        );
        let start_s = busy_s();
        assert_eq!(back.state_hash(), state.state_hash());
        println!("{:.2} s to hash both", busy_s() - start_s);
        let largest = columns.iter().map(|(_, column)| column.len()).max();
        println!("longest column: {largest:?} rows");
    }
}
