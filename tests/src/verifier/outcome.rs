//! One verdict each, and the one that was answered.

use super::committed::Committed;
use super::input::Input;
use super::judgement::Judgement;
use super::record::Record;
use crate::cluster::Message;
use fraudnet_graph::Body;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// What the verifier reads of a verdict.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Verdict {
    pub(super) transaction_id: String,
    pub(super) decision: String,
    pub(super) subgraph_digest: String,
    pub(super) as_of: AsOf,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AsOf {
    pub(super) position: u64,
    pub(super) cut: Cut,
}

/// The cut that a verdict names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Cut {
    pub(super) journal: String,
    pub(super) transactions: i64,
    pub(super) labels: i64,
}

/// Compares input, verdicts and replies; gives the verdicts that can be read, by id.
pub(super) fn check(
    committed: &Committed,
    record: &Record,
    input: &Input,
    judgement: &mut Judgement,
) -> HashMap<String, Verdict> {
    let given = by_key(&committed.verdicts);
    let mut accepted: HashSet<&str> = input.payments.keys().map(String::as_str).collect();
    accepted.extend(record.replies.keys().map(String::as_str));
    judgement.accepted = accepted.len() as u64;
    judgement.decided = given.len() as u64;
    judgement.replies = record.replied;
    judgement.repeats = input.repeats;
    judgement.labels = input.labels.len() as u64;
    judgement.reviews = committed.reviews.len() as u64;
    judgement.longest_gap_s = longest_gap_s(committed, input);

    for id in accepted {
        if !input.payments.contains_key(id) {
            judgement.lost += 1;
            judgement.find(|| format!("{id} was answered, but it is not in `transactions`"));
        } else if !given.contains_key(id) {
            judgement.lost += 1;
            judgement.find(|| format!("{id} is in `transactions` at {} and has no verdict", input.payments[id].offset));
        }
    }
    for (id, verdicts) in &given {
        if verdicts.len() > 1 {
            judgement.duplicate += 1;
            judgement.find(|| format!("{id} has {} verdicts, at offsets {}", verdicts.len(), offsets(verdicts)));
        }
        if !input.payments.contains_key(id) {
            judgement.different += 1;
            judgement.find(|| format!("{id} has a verdict but is no payment in `transactions`"));
        }
    }
    replies(record, &given, judgement);
    deliveries(committed, record, judgement);
    labels(record, input, judgement);

    let mut read = HashMap::new();
    for (id, verdicts) in &given {
        match serde_json::from_slice::<Verdict>(&verdicts[0].payload) {
            Ok(verdict) if id.split_once('/').is_some_and(|(_, own)| own == verdict.transaction_id) => {
                read.insert(id.clone(), verdict);
            }
            Ok(verdict) => {
                judgement.different += 1;
                judgement.find(|| format!("the verdict under the key {id} speaks of {}", verdict.transaction_id));
            }
            Err(error) => {
                judgement.different += 1;
                judgement.find(|| format!("the verdict on {id} cannot be read: {error}"));
            }
        }
    }
    companions(committed, &given, &read, judgement);
    read
}

/// Every reply is the committed verdict, byte for byte.
fn replies(record: &Record, given: &HashMap<String, Vec<&Message>>, judgement: &mut Judgement) {
    for (id, bodies) in &record.replies {
        let committed = given.get(id).map(|verdicts| verdicts[0].payload.as_slice());
        let same = bodies.iter().all(|body| committed.is_none_or(|committed| committed == body.as_ref()));
        if bodies.len() > 1 || !same {
            judgement.different += 1;
            judgement.find(|| {
                let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
                let verdict = committed.map(String::from_utf8_lossy).unwrap_or_default();
                format!("{id} was answered with {} but its verdict is {verdict}", texts.join(" and with "))
            });
        }
    }
    for (id, words) in &record.refused {
        judgement.different += 1;
        judgement.find(|| format!("{id} was refused although nothing is wrong with it: {words}"));
    }
}

/// Whatever was acknowledged stands where it was said to stand.
fn deliveries(committed: &Committed, record: &Record, judgement: &mut Judgement) {
    let digests = |messages: &[Message]| -> HashMap<i64, [u8; 32]> {
        messages.iter().map(|message| (message.offset, *blake3::hash(&message.payload).as_bytes())).collect()
    };
    let topics = [("transactions", digests(&committed.transactions)), ("labels", digests(&committed.labels))];
    for (topic, offset, digest) in &record.delivered {
        let standing = topics.iter().find(|(name, _)| name == topic).and_then(|(_, digests)| digests.get(offset));
        if standing != Some(digest) {
            judgement.lost += 1;
            judgement.find(|| format!("a message acknowledged at {topic} {offset} is not there"));
        }
    }
}

/// Every label that was accepted over HTTP is in its topic.
fn labels(record: &Record, input: &Input, judgement: &mut Judgement) {
    let told: HashSet<(String, String, bool, String)> = input
        .labels
        .iter()
        .filter_map(|(_, event)| {
            let Body::Label(label) = &event.body else { return None };
            Some((event.tenant.clone(), label.transaction_id.clone(), label.fraud, format!("{:?}", label.source)))
        })
        .collect();
    for (tenant, label) in &record.labels {
        let source = fraudnet_graph::LabelSource::from(label.source);
        let key = (tenant.clone(), label.transaction_id.clone(), label.fraud, format!("{source:?}"));
        if !told.contains(&key) {
            judgement.lost += 1;
            judgement
                .find(|| format!("the label on {tenant}/{} was accepted and is not in `labels`", label.transaction_id));
        }
    }
}

/// A case for every verdict `review`, an example for every verdict but `approve`, one of each and no more.
fn companions(
    committed: &Committed,
    given: &HashMap<String, Vec<&Message>>,
    verdicts: &HashMap<String, Verdict>,
    judgement: &mut Judgement,
) {
    let (reviews, examples) = (by_key(&committed.reviews), by_key(&committed.examples));
    for (what, companions) in [("case", &reviews), ("training example", &examples)] {
        for (id, messages) in companions {
            if messages.len() > 1 {
                judgement.duplicate += 1;
                judgement.find(|| format!("{id} has {} messages for its {what}", messages.len()));
            }
            if !given.contains_key(id) {
                judgement.different += 1;
                judgement.find(|| format!("{id} has a {what} but no verdict"));
            }
        }
    }
    for (id, verdict) in verdicts {
        if verdict.decision == "review" && !reviews.contains_key(id) {
            judgement.lost += 1;
            judgement.find(|| format!("{id} is to be reviewed, but no case was opened"));
        }
        if verdict.decision != "approve" && !examples.contains_key(id) {
            judgement.lost += 1;
            judgement.find(|| format!("the verdict on {id} is {}, but it left no training example", verdict.decision));
        }
    }
}

/// Longest time in which payments waited and no verdict was committed, by the times their producers gave them.
fn longest_gap_s(committed: &Committed, input: &Input) -> f64 {
    let mut moments: Vec<(i64, bool)> = input.payments.values().map(|first| (first.timestamp_ms, false)).collect();
    moments.extend(committed.verdicts.iter().map(|message| (message.timestamp_ms, true)));
    moments.sort_unstable();
    let (mut waiting, mut since, mut longest) = (0_i64, 0, 0);
    for (at, verdict) in moments {
        if verdict {
            if waiting > 0 {
                longest = longest.max(at - since);
            }
            waiting -= 1;
            since = at;
        } else {
            if waiting <= 0 {
                since = at;
            }
            waiting += 1;
        }
    }
    longest as f64 / 1000.0
}

pub(super) fn by_key(messages: &[Message]) -> HashMap<String, Vec<&Message>> {
    let mut by_key: HashMap<String, Vec<&Message>> = HashMap::with_capacity(messages.len());
    for message in messages {
        by_key.entry(message.key_text()).or_default().push(message);
    }
    by_key
}

fn offsets(messages: &[&Message]) -> String {
    let offsets: Vec<String> = messages.iter().map(|message| message.offset.to_string()).collect();
    offsets.join(", ")
}
