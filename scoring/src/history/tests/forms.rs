//! The same history in every form gives the same events, and labels stand where they became known.

use super::parquet_files::{Written, write_parquet};
use super::{LEAST, MAPPING, Scratch, in_short, payment, read};
use crate::history::{BadRows, HistoryEvent, HistoryFile, Truth};
use crate::wire::{decode_event, encode_event, format_timestamp};
use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use fraudnet_graph::{Body, Channel, LabelSource};
use proptest::prelude::*;
use std::fmt::Write;
use std::sync::Arc;

const START_MS: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

#[test]
fn labels_stand_where_they_became_known() {
    // Known: t2 at 10:05:00 (with t3), t1 a millisecond after t3, t3 long after the end, t4 with its own payment.
    let text = "id,at,who,shop,sum,fraud,told\n\
        t1,2026-01-31T10:00:00Z,a,m,1,1,2026-01-31T10:05:00.001Z\n\
        t2,2026-01-31T10:00:00Z,b,,1.5,yes,2026-01-31T10:05:00Z\n\
        t3,2026-01-31T10:05:00Z,a,m,2,TRUE,2026-03-01\n\
        t4,2026-01-31T10:05:00Z,a,m,3,1,2026-01-31T10:05:00Z\n\
        t5,2026-01-31T10:06:00Z,a,m,4,0,2026-01-31T10:06:00Z\n\
        t6,2026-01-31T10:07:00Z,a,m,5,,\n";
    let scratch = Scratch::new();
    let path = scratch.write("history.csv", text);
    let events = read(&path, MAPPING).unwrap();
    assert_eq!(in_short(&events), "p:t1 p:t2 p:t3 p:t4 l:t2+ l:t4+ l:t1+ p:t5 p:t6 l:t3+");
    let with_legitimate = MAPPING.replace("[label]", "[label]\nlegitimate = true");
    let events = read(&path, &with_legitimate).unwrap();
    assert_eq!(in_short(&events), "p:t1 p:t2 p:t3 p:t4 l:t2+ l:t4+ l:t1+ p:t5 l:t5- p:t6 l:t3+");

    let (first, label) = (&events[0].event, &events[4].event);
    assert_eq!(
        (first.tenant.as_str(), first.event_id.as_str(), first.source.as_str()),
        ("bank", "payment:t1", "history")
    );
    assert_eq!(first.occurred_at_ms, first.ingested_at_ms);
    assert_eq!((label.event_id.as_str(), label.occurred_at_ms), ("label:t2", first.ingested_at_ms + 300_000));
    assert_eq!((label.ingested_at_ms, &events[4].truth), (label.occurred_at_ms, &None));
    let truth: Vec<_> = events.iter().filter_map(|event| event.truth.as_ref().map(|truth| truth.fraud)).collect();
    assert_eq!(truth, [true, true, true, true, false, false]);
    assert_eq!((payment(&events[1]).merchant.as_deref(), payment(&events[1]).amount_minor), (None, 150));
}

#[test]
fn a_fixed_delay_scenarios_and_own_words() {
    let mapping = r#"
        row_prefix = "jan-"
        card_number_exempt = ["account"]
        [columns]
        time = "Datum"
        account = "Konto"
        amount_minor = "Cent"
        counterparty = "An"
        currency = "W"
        channel = "Weg"
        merchant_category = "MCC"
        account_country = "Land"
        [label]
        column = "Status"
        fraud_values = ["gestohlen", 7]
        known_after_days = 0.5
        source = "analyst"
        [report]
        scenario = "Art"
        none = [0]
        [time]
        format = "[day].[month].[year] [hour]:[minute]"
        [channels]
        POS = "card_present"
        [defaults]
        currency = "JPY"
        channel = "atm"
        account_country = "AT"
    "#;
    let text = "\u{feff}Datum;Konto; Cent ;An;W;Weg;MCC;Land;Status;Art\r\n\
        01.02.2026 00:00;4111111111111111;100;x;EUR;POS;742;DE;gestohlen;3\r\n\
        01.02.2026 00:01;\"a; b\";100;;;;;;gut;0\r\n\
        01.02.2026 00:02;c;100;;KWD;wallet;5411;;7;3\r\n";
    let scratch = Scratch::new();
    let path = scratch.write("history.csv", text);
    let events = read(&path, mapping).unwrap();
    assert_eq!(in_short(&events), "p:jan-1 p:jan-2 p:jan-3 l:jan-1+ l:jan-3+");
    let (first, second) = (payment(&events[0]), payment(&events[1]));
    assert_eq!((first.account.as_str(), first.counterparty.as_deref()), ("4111111111111111", Some("x")));
    assert_eq!(
        (first.channel, first.merchant_category, first.account_country),
        (Channel::CardPresent, Some(742), Some(*b"DE"))
    );
    assert_eq!((second.account.as_str(), &second.currency, second.channel), ("a; b", b"JPY", Channel::Atm));
    assert_eq!((second.merchant_category, second.account_country, second.amount_minor), (None, Some(*b"AT"), 100));
    let truth = |fraud, group: Option<&str>| Some(Truth { fraud, group: group.map(Arc::from) });
    assert_eq!([&events[0].truth, &events[1].truth], [&truth(true, Some("3")), &truth(false, None)]);
    let label = &events[3].event;
    assert_eq!(label.occurred_at_ms - events[0].event.occurred_at_ms, 43_200_000);
    assert!(matches!(&label.body, Body::Label(label) if label.source == LabelSource::Analyst));
    let file = super::open(&path, mapping, BadRows::Refuse).unwrap();
    assert_eq!(file.label_delay_ms(), Some(43_200_000));
    assert_eq!(file.events().count(), 5);
    assert_eq!(file.share_read(), 1.0);
    assert_eq!(file.events().count(), 5, "a file can be read again");
}

#[test]
fn only_account_amount_and_time() {
    let scratch = Scratch::new();
    let path = scratch.write(
        "h.jsonl",
        "{\"who\":1,\"sum\":2.5,\"at\":1767225600,\"more\":{\"x\":[1]}}\n\n{\"at\":1767225600,\"who\":1,\"sum\":0}",
    );
    let file = super::open(&path, LEAST, BadRows::Refuse).unwrap();
    assert_eq!(file.label_delay_ms(), None);
    let events: Vec<HistoryEvent> = file.events().collect::<Result<_, _>>().unwrap();
    assert_eq!(in_short(&events), "p:row-1 p:row-2");
    assert_eq!((payment(&events[0]).account.as_str(), payment(&events[0]).amount_minor), ("1", 250));
    assert!(events.iter().all(|event| event.truth.is_none()));
}

#[test]
fn the_mappings_shipped_are_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/mappings");
    let scratch = Scratch::new();
    let minimal = scratch.write("h.csv", "account,amount,time,fraud\na,1.99,2026-01-01 10:00:00,1\n");
    let book = scratch.write(
        "b.csv",
        "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n0,2018-04-01 00:00:31,596,3156,57.16,0,0\n",
    );
    for (path, mapping, expected) in [(minimal, "minimal.toml", "p:row-1 l:row-1+"), (book, "handbook.toml", "p:0")] {
        let file = HistoryFile::open(&path, Some(&folder.join(mapping)), BadRows::Refuse).unwrap();
        let events: Vec<HistoryEvent> = file.events().collect::<Result<_, _>>().unwrap();
        assert_eq!(in_short(&events), expected, "{mapping}");
        assert_eq!(file.label_delay_ms(), Some(7 * 86_400_000));
    }
}

/// A payment as the test draws it.
#[derive(Debug, Clone)]
struct Drawn {
    at_ms: i64,
    account: String,
    merchant: Option<i64>,
    amount_minor: u64,
    /// Fraud or not, and how long after the payment it becomes known.
    label: Option<(bool, i64)>,
}

fn histories() -> impl Strategy<Value = Vec<Drawn>> {
    let row = (
        prop_oneof![Just(0), 0..3_i64, 0..100_000_i64],
        "[a-zé☃\",;']{1,6}",
        proptest::option::of(-5..5_i64),
        0..100_000_000_u64,
        proptest::option::of((any::<bool>(), prop_oneof![0..4_i64, 0..300_000_i64])),
    );
    proptest::collection::vec(row, 1..40).prop_map(|rows| {
        let mut at_ms = START_MS;
        let drawn = rows.into_iter().map(|(gap_ms, account, merchant, amount_minor, label)| {
            at_ms += gap_ms;
            Drawn { at_ms, account, merchant, amount_minor, label }
        });
        drawn.collect()
    })
}

/// What must be read, the plain way: everything, sorted.
fn expected(rows: &[Drawn]) -> Vec<(i64, bool, usize)> {
    let mut events: Vec<(i64, bool, usize)> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        events.push((row.at_ms, false, number));
        if let Some((_, after_ms)) = row.label {
            events.push((row.at_ms + after_ms, true, number));
        }
    }
    events.sort_unstable();
    events
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn as_csv(rows: &[Drawn]) -> String {
    let mut text = "sum,who,shop,extra,id,at,fraud,told\n".to_owned();
    for (number, row) in rows.iter().enumerate() {
        let merchant = row.merchant.map_or(String::new(), |merchant| merchant.to_string());
        let (fraud, told) = row.label.map_or((String::new(), String::new()), |(fraud, after_ms)| {
            (u8::from(fraud).to_string(), format_timestamp(row.at_ms + after_ms))
        });
        let (units, cents) = (row.amount_minor / 100, row.amount_minor % 100);
        let (account, at) = (quoted(&row.account), format_timestamp(row.at_ms));
        writeln!(text, "{units}.{cents:02},{account},{merchant},\"x\ny\",t{number},{at},{fraud},{told}").unwrap();
    }
    text
}

fn as_lines(rows: &[Drawn]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut object = serde_json::json!({
            "id": format!("t{number}"),
            "at": row.at_ms,
            "who": row.account,
            "shop": row.merchant,
            "sum": row.amount_minor as f64 / 100.0,
            "extra": [1, {"deep": 2}],
            "fraud": null,
            "told": null,
        });
        if let Some((fraud, after_ms)) = row.label {
            object["fraud"] = fraud.into();
            object["told"] = (row.at_ms + after_ms).into();
        }
        writeln!(text, "{object}").unwrap();
    }
    text
}

fn as_parquet(rows: &[Drawn]) -> Vec<Written> {
    let told = |row: &Drawn| row.label.map(|(_, after_ms)| row.at_ms + after_ms);
    vec![
        ("id", Arc::new(StringArray::from_iter_values((0..rows.len()).map(|number| format!("t{number}"))))),
        ("told", Arc::new(TimestampMillisecondArray::from_iter(rows.iter().map(told)))),
        ("extra", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
        ("who", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.account)))),
        ("shop", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.merchant)))),
        ("at", Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.at_ms)))),
        ("fraud", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.label.map(|(fraud, _)| i64::from(fraud)))))),
        ("sum", Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.amount_minor as f64 / 100.0)))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_form_gives_the_same_events(rows in histories()) {
        let scratch = Scratch::new();
        let csv = scratch.write("h.csv", as_csv(&rows));
        let lines = scratch.write("h.jsonl", as_lines(&rows));
        let parquet = scratch.0.join("h.parquet");
        write_parquet(&parquet, as_parquet(&rows));
        let mapping = MAPPING.replace("[label]", "[label]\nlegitimate = true");
        let events = read(&csv, &mapping).unwrap();
        prop_assert_eq!(&events, &read(&lines, &mapping).unwrap());
        prop_assert_eq!(&events, &read(&parquet, &mapping).unwrap());

        let expected = expected(&rows);
        prop_assert_eq!(events.len(), expected.len());
        for (read, (at_ms, is_label, number)) in events.iter().zip(expected) {
            let row = &rows[number];
            prop_assert_eq!(read.event.ingested_at_ms, at_ms);
            let logged = decode_event(&encode_event(&read.event));
            prop_assert_eq!(logged.as_ref(), Ok(&read.event), "what is read can be logged");
            match &read.event.body {
                Body::Payment(payment) => {
                    prop_assert!(!is_label);
                    prop_assert_eq!(&payment.transaction_id, &format!("t{number}"));
                    prop_assert_eq!(&payment.account, &row.account);
                    prop_assert_eq!(&payment.merchant, &row.merchant.map(|merchant| merchant.to_string()));
                    prop_assert_eq!(payment.amount_minor, row.amount_minor);
                    let fraud = row.label.is_some_and(|(fraud, _)| fraud);
                    prop_assert_eq!(&read.truth, &Some(Truth { fraud, group: None }));
                }
                Body::Label(label) => {
                    prop_assert!(is_label);
                    prop_assert_eq!(&label.transaction_id, &format!("t{number}"));
                    prop_assert_eq!(Some(label.fraud), row.label.map(|(fraud, _)| fraud));
                }
                Body::Outcome(_) => prop_assert!(false, "no outcome is in the file"),
            }
        }
    }
}
