//! The service between real Kafka and Redis. Each test has its own topics, group, keys and folders in a broker and a Redis that all share;
//! whoever breaks one starts its own.
//!
//! Map, in reading order:
//! - `parts`: the harness itself keeps what it promises;
//! - `paths`: one verdict, whichever way a payment comes and however often; `poison`: what cannot be taken is put aside, nothing else is;
//! - `takeover`: killed and frozen owners; `kept`: what a takeover decides from; `unsynced`: a disk that does not answer;
//! - `backlog`: more waits than may be kept; `shared_store`: Redis gone, hung, emptied; `broker`: Kafka gone and back, readiness;
//! - `journal`: a replica's own files lost, damaged, kept; `starts`: starts that are refused.

mod backlog;
mod broker;
mod journal;
mod kept;
mod parts;
mod paths;
mod poison;
mod shared_store;
mod starts;
mod takeover;
mod unsynced;

use fraudnet_graph::SCHEMA_VERSION;
use fraudnet_scoring::clock::now_ms;
use fraudnet_scoring::wire::format_timestamp;
use fraudnet_tests::cluster::{Message, Replica, Site};
use fraudnet_tests::with;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The message of the stream that says the same as this request.
fn event(request: &Value) -> Vec<u8> {
    envelope("payment", request).to_string().into_bytes()
}

/// The event of that type with the request's fields as its body; the request's time, or now, is its time.
fn envelope(kind: &str, request: &Value) -> Value {
    let now = format_timestamp(now_ms());
    json!({
        "event_id": format!("event-{}", fraudnet_tests::Numbers::new(now_ms() as u64).bits()),
        "tenant": "default",
        "schema_version": SCHEMA_VERSION,
        "occurred_at": request.get("occurred_at").cloned().unwrap_or_else(|| now.clone().into()),
        "ingested_at": now,
        "source": "tests",
        "actor": "",
        "type": kind,
        "body": with(request.clone(), "occurred_at", Value::Null),
    })
}

/// Key of a payment's message, as every client should write it.
fn key(request: &Value) -> String {
    format!("default/{}", request["account"].as_str().expect("requests name an account"))
}

/// The id of the transaction a message is about.
fn subject(message: &Message) -> String {
    message.header("ce_subject").to_owned()
}

/// What stands committed when all of these ids are decided: checks that each has exactly one verdict, that nothing else has one, and that
/// there is a review for each verdict that says so and for no other. The verdicts' bytes by id.
async fn decided_once(site: &Site, ids: &BTreeSet<String>) -> BTreeMap<String, Vec<u8>> {
    let verdicts = site.topics.until("verdicts", ids.len()).await;
    let mut by_id: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut reviewed = BTreeSet::new();
    for verdict in &verdicts {
        let (id, body) = (subject(verdict), verdict.json());
        assert_eq!(body["transaction_id"], id.as_str());
        if body["decision"] == "review" {
            reviewed.insert(id.clone());
        }
        assert!(ids.contains(&id), "a verdict on {id}, which nobody sent");
        let before = by_id.insert(id.clone(), verdict.payload.clone());
        assert_eq!(before, None, "a second verdict on {id}");
    }
    let missing: Vec<&String> = ids.iter().filter(|id| !by_id.contains_key(*id)).collect();
    assert!(missing.is_empty(), "no verdict on {missing:?}");
    let reviews = site.topics.messages("reviews").await;
    assert_eq!(reviews.iter().map(subject).collect::<BTreeSet<_>>(), reviewed);
    assert_eq!(reviews.len(), reviewed.len(), "one review a payment");
    by_id
}

/// Waits until one of two replicas owns the partition: it, and the other.
async fn owner_first(replicas: [Replica; 2]) -> [Replica; 2] {
    let [one, other] = replicas;
    one.reaches("an owner beside or in it", async || one.owns().await || other.owns().await).await;
    if one.owns().await { [one, other] } else { [other, one] }
}

/// Starts two replicas at a site: the one that owns the partition, then the other.
async fn pair(site: &Site) -> [Replica; 2] {
    let (one, other) = tokio::join!(site.start("a"), site.start("b"));
    owner_first([one, other]).await
}
