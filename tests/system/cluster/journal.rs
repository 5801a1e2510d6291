//! A replica's own files: the journal kept, lost, damaged; snapshots. Kafka is the truth, so all of them may go.

use super::{decided_once, event, key};
use fraudnet_scoring::clock::now_ms;
use fraudnet_scoring::wire::format_timestamp;
use fraudnet_tests::cluster::{Replica, Site};
use fraudnet_tests::{label, payment, with};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PAYMENTS: usize = 240;

/// A past with a graph in it, that part of it: payments on the stream that share accounts and devices, and labels. What all were answered
/// until then. The times are told, and labels older than any payment: journals may merge the two topics differently, and the graph's
/// clock must not show it.
async fn past(site: &Site, replica: &Replica, part: Range<usize>) -> BTreeMap<String, Vec<u8>> {
    let producer = site.topics.producer();
    let start_ms = now_ms() - 3_600_000;
    let ids = (0..part.end).map(|number| format!("past-{number}")).collect();
    for number in part {
        let id = format!("past-{number}");
        let mut body = with(payment(&id), "occurred_at", format_timestamp(start_ms + number as i64 * 1_000));
        for (field, among) in [("account", 40), ("device", 30), ("ip", 25)] {
            body = with(body, field, format!("{field}-{}", number % among));
        }
        producer.queue("transactions", &key(&body), &event(&body), &[]).await.expect("the broker is there");
        if number % 20 == 7 {
            let known = label(&format!("past-{}", number - 3), true);
            replica.client.label(&with(known, "known_at", format_timestamp(start_ms - 1_000))).await;
        }
    }
    decided_once(site, &ids).await
}

/// What the replica sees around some accounts: who, times and counts, but for the positions, which are its journal's own. `None` where it
/// does not know one of them (yet).
async fn neighbourhoods(replica: &Replica) -> Option<Vec<Value>> {
    let mut seen = Vec::new();
    for account in ["account-1", "account-17", "account-39"] {
        let reply = replica.client.get(&format!("/v1/entities/account/{account}/subgraph")).await;
        if reply.status == 404 {
            return None;
        }
        let mut subgraph = reply.json_of(200);
        for as_of in ["position", "time"] {
            subgraph.as_object_mut().unwrap().remove(as_of);
        }
        for link in subgraph["links"].as_array_mut().unwrap() {
            link.as_object_mut().unwrap().remove("source");
        }
        assert!(subgraph["nodes"].as_array().unwrap().len() > 3, "{subgraph}");
        seen.push(subgraph);
    }
    Some(seen)
}

/// The same once the follower, which is asked, has read all of the past: payments, labels, verdicts.
async fn neighbourhoods_of_the_past(replica: &Replica) -> Vec<Value> {
    let entries = (2 * PAYMENTS + PAYMENTS / 20) as f64;
    let read = async || replica.metric("fraudnet_follower_position").await.is_some_and(|position| position >= entries);
    replica.reaches("all of its journal into the follower", read).await;
    neighbourhoods(replica).await.expect("the past knows these accounts")
}

/// Waits until the replica sees what was seen before: its follower, which is asked, may be a moment behind its engine.
async fn sees(replica: &Replica, before: &[Value]) {
    let is_so = async || neighbourhoods(replica).await.as_deref() == Some(before);
    if tokio::time::timeout(Duration::from_secs(30), replica.reaches("what was seen before", is_so)).await.is_err() {
        assert_eq!(neighbourhoods(replica).await.as_deref(), Some(before));
    }
}

/// A payment that shares nothing with the past, so that nobody's neighbourhood changes.
fn stranger(id: &str) -> Value {
    with(payment(id), "merchant", format!("shop-of-{id}"))
}

async fn assert_tells(replica: &Replica, verdicts: &BTreeMap<String, Vec<u8>>) {
    for (id, bytes) in verdicts {
        let stored = replica.client.stored(id).await;
        assert_eq!((stored.status, stored.body.as_ref()), (200, &bytes[..]), "the verdict on {id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_or_damaged_journal_is_built_again_from_kafka() {
    let Some(site) = Site::shared("journal").await else { return };
    let mut replica = site.start("a").await;
    let verdicts = past(&site, &replica, 0..PAYMENTS).await;
    let seen = neighbourhoods_of_the_past(&replica).await;
    let journal = replica.folder().join("data").join("log.redb");
    for harm in ["kept", "lost", "damaged"] {
        replica.stop().await;
        match harm {
            "lost" => std::fs::remove_dir_all(journal.parent().unwrap()).unwrap(),
            "damaged" => std::fs::write(&journal, b"this is no journal").unwrap(),
            _ => {}
        }
        replica.restart().await;
        assert_tells(&replica, &verdicts).await;
        sees(&replica, &seen).await;
        // It goes on, and recognises what it decided before.
        let again = replica.client.score(&stranger(&format!("after-{harm}"))).await;
        assert_eq!(again.status, 200, "{}", again.text());
    }
    let mut ids: BTreeSet<String> = verdicts.into_keys().collect();
    ids.extend(["kept", "lost", "damaged"].map(|harm| format!("after-{harm}")));
    decided_once(&site, &ids).await;
    let damaged: Vec<_> = replica.logged().lines().filter(|line| line.contains("damaged")).map(str::to_owned).collect();
    assert!(!damaged.is_empty(), "a damaged journal is told");
    replica.stop().await;
}

/// The snapshots of a replica, oldest first.
fn snapshots(replica: &Replica) -> Vec<PathBuf> {
    let folder = replica.folder().join("data").join("snapshots");
    let files = std::fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Flips that bit of the middle byte.
fn flip_a_bit(file: &Path, bit: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1 << bit;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_from_a_snapshot_knows_the_same() {
    let Some(site) = Site::shared("snapshots").await else { return };
    let settings = site.settings("a").set("snapshot.every_events", 100).set("snapshot.keep", 3);
    let mut replica = Replica::start(&site.replica_folder("a"), &settings).await;
    past(&site, &replica, 0..PAYMENTS / 2).await;
    replica.reaches("a snapshot", async || !snapshots(&replica).is_empty()).await;
    let mut verdicts = past(&site, &replica, PAYMENTS / 2..PAYMENTS).await;
    replica.reaches("a second snapshot", async || snapshots(&replica).len() >= 2).await;
    let seen = neighbourhoods_of_the_past(&replica).await;
    replica.kill9();
    let config = replica.folder().join("config.toml");
    let command =
        async |name: &str| fraudnet_tests::run(&["snapshot", name, "--config", config.to_str().unwrap()]).await;
    let listed = command("list").await;
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let verified = command("verify").await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));

    // From the newest; then from an older one, since the newest is damaged; then from none.
    for (round, damaged) in ["none", "newest", "all"].into_iter().enumerate() {
        let files = snapshots(&replica);
        assert!(files.len() >= 2, "{files:?}");
        let harmed = match damaged {
            "none" => &[][..],
            "newest" => &files[files.len() - 1..],
            _ => &files[..],
        };
        for file in harmed {
            // Another bit each time: flipped twice, one is whole again.
            flip_a_bit(file, round);
        }
        let verified = command("verify").await;
        assert_eq!(verified.status.success(), harmed.is_empty(), "{}", String::from_utf8_lossy(&verified.stdout));
        replica.restart().await;
        assert_tells(&replica, &verdicts).await;
        sees(&replica, &seen).await;
        for file in harmed {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let warned = replica.logged().lines().any(|line| line.contains(&name) && line.contains("WARN"));
            assert!(warned, "nothing is said of the damaged {name}");
        }
        let id = format!("after-{damaged}");
        let reply = replica.client.score(&stranger(&id)).await;
        verdicts.insert(id, reply.body.to_vec());
        replica.stop().await;
    }
    decided_once(&site, &verdicts.into_keys().collect()).await;
}
