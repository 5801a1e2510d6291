//! The verifier itself: it finds nothing in a run that went well, and every fault that is planted in one.
//!
//! The run is made up here: a small world is merged into a journal and folded, and verdicts are written as a service would write them.

use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Body, Event, Limits};
use fraudnet_scoring::example::{ExampleHead, encode};
use fraudnet_scoring::log::Offsets;
use fraudnet_scoring::verdict::{Decision, Tier};
use fraudnet_scoring::wire::{LabelRequest, encode_event};
use fraudnet_tests::Numbers;
use fraudnet_tests::chaos::World;
use fraudnet_tests::cluster::Message;
use fraudnet_tests::verifier::{Committed, Journal, Judgement, Record, Row, Step, judge, table};
use serde_json::{Value, json};

const LIMITS: Limits =
    Limits { max_entities: 50_000, max_edges: 200_000, max_transactions: 100_000, max_age_s: 90 * 86_400 };

/// A run: what stands in the topics, what clients wrote down, what a replica's journal says.
struct Run {
    committed: Committed,
    record: Record,
    journals: Vec<Journal>,
}

fn message(offset: usize, timestamp_ms: i64, key: String, payload: Vec<u8>) -> Message {
    Message { offset: offset as i64, timestamp_ms, key: Some(key.into_bytes()), payload, headers: Vec::new() }
}

fn id(event: &Event) -> String {
    match &event.body {
        Body::Payment(payment) => format!("{}/{}", event.tenant, payment.transaction_id),
        Body::Label(label) => format!("{}/{}", event.tenant, label.transaction_id),
        Body::Outcome(outcome) => format!("{}/{}", event.tenant, outcome.transaction_id),
    }
}

impl Run {
    /// A run in which everything went well. Labels are merged a few events later than they came, as merging goes.
    fn new(payments: usize) -> Run {
        let world = World::simulate(5, payments);
        let mut numbers = Numbers::new(5);
        let (mut committed, mut record) = (Committed::default(), Record::default());
        let mut merged: Vec<(usize, Event, usize)> = Vec::new();
        for (number, event) in world.events.into_iter().enumerate() {
            let payment = matches!(event.body, Body::Payment(_));
            let topic = if payment { &mut committed.transactions } else { &mut committed.labels };
            let offset = topic.len();
            topic.push(message(offset, number as i64 * 10, id(&event), encode_event(&event)));
            let late = if payment { 0 } else { numbers.below(30) };
            let name = if payment { "transactions" } else { "labels" };
            record.deliver(name, offset as i64, &topic[offset].payload);
            if let Body::Label(label) = &event.body {
                record.labels.push((event.tenant.clone(), LabelRequest::new(label, None)));
            }
            merged.push((number + late, event, offset));
        }
        // Payments keep their order since none is late; labels do by their offset.
        let mut due = 0;
        for (place, event, _) in &mut merged {
            if matches!(event.body, Body::Label(_)) {
                due = due.max(*place);
                *place = due;
            }
        }
        merged.sort_by_key(|(place, event, offset)| (*place, matches!(event.body, Body::Label(_)), *offset));
        let mut run = Run { committed, record, journals: Vec::new() };
        run.decide(merged);
        run
    }

    /// Folds the merged order and writes the verdicts of one replica.
    #[expect(clippy::explicit_counter_loop, reason = "it counts the labels, not the turns")]
    fn decide(&mut self, merged: Vec<(usize, Event, usize)>) {
        let mut state = State::new(LIMITS);
        let mut tensor = Tensor::default();
        let mut journal = Journal { identity: "00000000000000aa".to_owned(), steps: Vec::new() };
        let mut labels = 0;
        for (number, (_, event, offset)) in merged.into_iter().enumerate() {
            // Verdicts take positions, too.
            let position = number as u64 * 2;
            let Body::Payment(payment) = &event.body else {
                labels += 1;
                state.apply(position, &event);
                journal.steps.push(Step { position, cut: None, event });
                continue;
            };
            let cut = Offsets { transactions: offset as i64, labels };
            let observed = state.observe(position, &event, &mut tensor);
            let digest: String = observed.subgraph_digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let decision = if offset % 40 == 7 { "review" } else { "approve" };
            let verdict = json!({
                "transaction_id": payment.transaction_id,
                "decision": decision,
                "subgraph_digest": digest,
                "as_of": {
                    "position": position,
                    "cut": { "journal": journal.identity, "transactions": cut.transactions, "labels": cut.labels },
                },
            });
            let key = id(&event);
            let bytes = verdict.to_string().into_bytes();
            self.record.reply(key.clone(), bytes.clone().into());
            let at = self.committed.transactions[offset].timestamp_ms + 5;
            self.committed.verdicts.push(message(self.committed.verdicts.len() * 2, at, key.clone(), bytes));
            if decision == "review" {
                self.committed.reviews.push(message(self.committed.reviews.len(), at, key.clone(), b"{}".to_vec()));
                let example = example(&key, &digest, &tensor);
                self.committed.examples.push(message(self.committed.examples.len(), at, key.clone(), example));
            }
            journal.steps.push(Step { position, cut: Some(cut), event });
        }
        self.journals.push(journal);
    }

    fn judge(&self) -> Judgement {
        judge(&self.committed, &self.record, &self.journals, LIMITS)
    }

    /// Changes the verdict of that number in its topic and in the reply.
    fn rewrite(&mut self, number: usize, change: impl FnOnce(&mut Value)) {
        let message = &mut self.committed.verdicts[number];
        let mut verdict: Value = serde_json::from_slice(&message.payload).unwrap();
        change(&mut verdict);
        message.payload = verdict.to_string().into_bytes();
        let reply = vec![message.payload.clone().into()];
        self.record.replies.insert(message.key_text(), reply);
    }
}

/// The training example of a payment, as a service would write it.
fn example(key: &str, digest: &str, tensor: &Tensor) -> Vec<u8> {
    let (tenant, transaction_id) = key.split_once('/').unwrap();
    let head = ExampleHead {
        tenant: tenant.to_owned(),
        transaction_id: transaction_id.to_owned(),
        account: None,
        occurred_at_ms: 0,
        position: 0,
        cut: None,
        decision: Decision::Review,
        fraud_probability: 0.5,
        logit: None,
        model: "none".to_owned(),
        model_version: "0".to_owned(),
        tier: Tier::Rules,
        inclusion_probability: 1.0,
        control_group: false,
        propensity: 1.0,
        subgraph_digest: digest.to_owned(),
    };
    encode(&head, tensor)
}

/// The counts that a fault may raise.
fn counts(judgement: &Judgement) -> [u64; 6] {
    let Judgement { lost, duplicate, different, stray_letters, future_seen, unproved, .. } = judgement;
    [*lost, *duplicate, *different, *stray_letters, *future_seen, *unproved]
}

#[test]
fn a_run_that_went_well_is_found_to_be_one() {
    let run = Run::new(600);
    let judgement = run.judge();
    assert!(judgement.passes(), "{judgement:?}");
    assert_eq!(counts(&judgement), [0; 6], "{judgement:?}");
    assert_eq!((judgement.accepted, judgement.decided), (600, 600));
    assert!(judgement.labels > 0 && judgement.reviews == 15 && judgement.tensors == 15, "{judgement:?}");
    assert_eq!(judgement.longest_gap_s, 0.005);
}

#[test]
fn what_is_lost_is_found() {
    let sound = Run::new(200);
    let take = |fault: &dyn Fn(&mut Run)| {
        let mut run =
            Run { committed: sound.committed.clone(), record: sound.record.clone(), journals: sound.journals.clone() };
        fault(&mut run);
        let judgement = run.judge();
        assert!(!judgement.passes(), "{judgement:?}");
        assert!(!judgement.findings.is_empty());
        counts(&judgement)
    };
    // A verdict that was answered and never committed; its journal then says nothing of it.
    assert_eq!(take(&|run| drop(run.committed.verdicts.remove(100)))[0], 1);
    // A payment that nobody asked about over HTTP.
    let streamed = take(&|run| {
        let verdict = run.committed.verdicts.remove(50);
        run.record.replies.remove(&verdict.key_text());
    });
    assert_eq!(streamed[0], 1);
    // An acknowledged payment that the topic no longer holds: both the delivery and the reply tell of it.
    assert!(take(&|run| drop(run.committed.transactions.pop()))[0] >= 1);
    assert_eq!(take(&|run| drop(run.committed.reviews.pop()))[0], 1);
    assert_eq!(take(&|run| drop(run.committed.examples.pop()))[0], 1);
    assert!(take(&|run| drop(run.committed.labels.pop()))[0] >= 1);
}

#[test]
fn what_is_decided_twice_or_answered_differently_is_found() {
    let mut run = Run::new(200);
    let mut again = run.committed.verdicts[20].clone();
    again.offset = 1_000;
    run.committed.verdicts.push(again);
    assert_eq!(counts(&run.judge()), [0, 1, 0, 0, 0, 0], "the same verdict twice");

    let mut run = Run::new(200);
    let (id, reply) = run.record.replies.iter().next().map(|(id, replies)| (id.clone(), replies[0].clone())).unwrap();
    run.record.reply(id, [&reply[..], b" "].concat().into());
    assert_eq!(counts(&run.judge()), [0, 0, 1, 0, 0, 0], "one byte more in a second reply");

    let mut run = Run::new(200);
    let message = &mut run.committed.verdicts[20];
    message.payload = [&message.payload[..], b" "].concat();
    assert_eq!(counts(&run.judge()), [0, 0, 1, 0, 0, 0], "another verdict than the one replied");

    let mut run = Run::new(200);
    run.record.refused.push(("default/x".to_owned(), "422 another body".to_owned()));
    assert_eq!(counts(&run.judge()), [0, 0, 1, 0, 0, 0], "refused without a fault");
}

#[test]
fn what_saw_the_future_is_found() {
    // A takeover that observes again: the digest is that of a later graph.
    let mut run = Run::new(400);
    let later: Value = serde_json::from_slice(&run.committed.verdicts[350].payload).unwrap();
    run.rewrite(300, |verdict| verdict["subgraph_digest"] = later["subgraph_digest"].clone());
    assert_eq!(counts(&run.judge()), [0, 0, 0, 0, 1, 0]);

    // A cut that claims other labels, another place, or a tensor other than the one kept.
    for field in ["labels", "transactions"] {
        let mut run = Run::new(400);
        run.rewrite(300, |verdict| {
            let told = verdict["as_of"]["cut"][field].as_i64().unwrap();
            verdict["as_of"]["cut"][field] = json!(told + 1);
        });
        assert_eq!(counts(&run.judge()), [0, 0, 0, 0, 1, 0], "{field}");
    }
    let mut run = Run::new(400);
    let others = run.committed.examples[3].payload.clone();
    run.committed.examples[4].payload = others;
    assert_eq!(counts(&run.judge()), [0, 0, 0, 0, 1, 0]);
    let mut run = Run::new(400);
    run.committed.examples[4].payload[40] ^= 1;
    assert_eq!(counts(&run.judge()), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_journal_that_is_no_merge_of_the_topics_proves_nothing() {
    // Two payments in the other order: nothing after them is proved.
    let mut run = Run::new(300);
    let steps = &mut run.journals[0].steps;
    let places: Vec<usize> = (0..steps.len()).filter(|&place| steps[place].cut.is_some()).collect();
    let (one, other) = (steps[places[200]].clone(), steps[places[201]].clone());
    (steps[places[200]].event, steps[places[201]].event) = (other.event, one.event);
    assert_eq!(counts(&run.judge()), [0, 0, 0, 0, 100, 0]);

    // A label that was left out.
    let mut run = Run::new(300);
    let label = run.journals[0].steps.iter().position(|step| step.cut.is_none()).unwrap();
    run.journals[0].steps.remove(label);
    assert!(counts(&run.judge())[4] > 0);

    // No journal at all.
    let mut run = Run::new(300);
    run.journals.clear();
    assert_eq!(counts(&run.judge()), [0, 0, 0, 0, 0, 300]);
}

#[test]
fn every_bad_message_has_one_letter_and_no_good_one_has_any() {
    let letter = |offset: usize, origin: &Message, reason: &str| {
        let mut letter = message(offset, 0, origin.key_text(), origin.payload.clone());
        for (name, value) in [
            ("fraudnet-origin-topic", "run.transactions"),
            ("fraudnet-origin-offset", &origin.offset.to_string()),
            ("fraudnet-reason", reason),
        ] {
            letter.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        letter
    };
    let mut run = Run::new(100);
    let good = run.committed.transactions[10].clone();
    let other = String::from_utf8(good.payload.clone()).unwrap().replace("\"amount_minor\":", "\"amount_minor\":9");
    let newer =
        String::from_utf8(good.payload.clone()).unwrap().replace("\"schema_version\":1", "\"schema_version\":2");
    let bad = [
        (b"no JSON".to_vec(), "malformed"),
        (vec![b' '; 70 << 10], "too_large"),
        (newer.into_bytes(), "unsupported_version"),
        (run.committed.labels.first().expect("somebody told something").payload.clone(), "wrong_type"),
        (other.into_bytes(), "conflicting_body"),
    ];
    // A repeat with the same body is no fault.
    run.committed.transactions.push(Message { offset: 100, ..good.clone() });
    for (number, (payload, reason)) in bad.into_iter().enumerate() {
        let message = message(101 + number, 0, "k".to_owned(), payload);
        run.committed.dead_letters.push(letter(number, &message, reason));
        run.committed.transactions.push(message);
    }
    let judgement = run.judge();
    assert!(judgement.passes(), "{judgement:?}");
    assert_eq!((judgement.invalid, judgement.dead_lettered, judgement.repeats), (5, 5, 1));

    let sound = run.committed.dead_letters.clone();
    let stray = |run: &mut Run, letters: Vec<Message>| {
        run.committed.dead_letters = letters;
        let judgement = run.judge();
        assert!(!judgement.passes());
        (judgement.dead_lettered, judgement.stray_letters)
    };
    assert_eq!(stray(&mut run, sound[1..].to_vec()), (4, 0), "one is missing");
    assert_eq!(stray(&mut run, [&sound[..], &sound[..1]].concat()), (4, 1), "one comes twice");
    let unfounded = letter(9, &good, "malformed");
    assert_eq!(stray(&mut run, [&sound[..], &[unfounded]].concat()), (5, 1), "one of a good message");
    let mut wrong = sound.clone();
    wrong[1].headers[2].1 = b"malformed".to_vec();
    assert_eq!(stray(&mut run, wrong), (5, 1), "one with another reason");
    let mut changed = sound;
    changed[0].payload.push(b'!');
    assert_eq!(stray(&mut run, changed), (5, 1), "one with another value");
}

#[test]
fn the_table_shows_every_count() {
    let judgement = Judgement { accepted: 1_200, decided: 1_199, lost: 1, longest_gap_s: 6.26, ..Judgement::default() };
    let row = Row { fault: "kill".to_owned(), seed: 42, judgement };
    let text = table(&[row.clone(), Row { judgement: Judgement::default(), ..row }]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("fault") && lines[0].ends_with("verdict"), "{text}");
    let cells: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(cells, ["kill", "42", "1200", "1199", "1", "0", "0", "0", "0", "0", "0", "6.3", "FAILED"]);
    assert!(lines[3].ends_with(" ok"), "{text}");
}
