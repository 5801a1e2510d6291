//! The product's own JSON lines need no mapping.

use super::{Scratch, in_short};
use crate::history::{BadRows, HistoryEvent, HistoryFile, Truth};
use crate::simulate::{SimulationConfig, simulate, write_history};

fn world() -> SimulationConfig {
    SimulationConfig {
        days: 3,
        accounts: 300,
        payments_per_day: 300,
        fraud_share: 0.02,
        ..SimulationConfig::demo(5, 1_767_225_600_000)
    }
}

#[test]
fn a_simulated_history_is_read_as_it_was_written() {
    let scratch = Scratch::new();
    let mut text = Vec::new();
    write_history(&mut text, simulate(&world())).unwrap();
    let path = scratch.write("h.jsonl", text);
    let file = HistoryFile::open(&path, None, BadRows::Refuse).unwrap();
    let read: Vec<HistoryEvent> = file.events().collect::<Result<_, _>>().unwrap();
    let expected: Vec<HistoryEvent> = simulate(&world())
        .map(|simulated| HistoryEvent { event: simulated.event, truth: simulated.oracle.map(Truth::from) })
        .collect();
    assert_eq!(read, expected);
    let groups = expected.iter().filter_map(|event| event.truth.as_ref()?.group.as_deref());
    assert!(groups.collect::<std::collections::HashSet<_>>().contains("account_takeover"));
    assert_eq!((file.share_read(), file.skipped().rows, file.label_delay_ms()), (1.0, 0, None));
}

#[test]
fn bad_lines_are_named_or_skipped() {
    let mut good = Vec::new();
    write_history(&mut good, simulate(&world()).take(2)).unwrap();
    let good = String::from_utf8(good).unwrap();
    let scratch = Scratch::new();
    let path = scratch.write("h.jsonl", format!("{good}{{\"event\":{{}}}}\n[1]\n{good}"));
    let error = HistoryFile::open(&path, None, BadRows::Refuse).unwrap().events().find_map(Result::err).unwrap();
    assert!(error.to_string().contains("h.jsonl`: line 3: event."), "{error}");
    let file = HistoryFile::open(&path, None, BadRows::Skip).unwrap();
    let events: Vec<HistoryEvent> = file.events().collect::<Result<_, _>>().unwrap();
    assert_eq!((events.len(), file.skipped().rows), (4, 2), "{}", in_short(&events));
    assert_eq!(file.skipped().by_kind.into_iter().collect::<Vec<_>>(), [("not an event", 2)]);
    // Nothing can be read after a line without end: skipping it must not pass for the end of the file.
    let path = scratch.write("h.jsonl", format!("{good}{}", "x".repeat(300_000)));
    let file = HistoryFile::open(&path, None, BadRows::Skip).unwrap();
    let error = file.events().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("line 3: longer than"), "{error}");
}
