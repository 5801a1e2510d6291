//! More waits than a replica may keep: nobody scored for a while, and producers went on.

use super::{decided_once, event, key};
use fraudnet_tests::cluster::Site;
use fraudnet_tests::payment;
use std::collections::BTreeSet;

/// Undecided payments and rejected messages that a replica keeps in this test, and what waits for it.
const KEPT: u64 = 16;
const WAITING: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_beyond_the_bound_is_worked_off_before_the_first_replica_is_ready() {
    let Some(site) = Site::shared("backlog").await else { return };
    let producer = site.topics.producer();
    let mut ids = BTreeSet::new();
    for number in 0..WAITING {
        let body = payment(&format!("waited-{number}"));
        // As many that cannot be taken: they wait in the same queue for their dead letters.
        producer.send("transactions", "poison", "no event", &[]).await;
        producer.send("transactions", &key(&body), event(&body), &[]).await;
        ids.insert(format!("waited-{number}"));
    }
    let replica = site.start_with("a", |settings| settings.set("kafka.pending_payments", KEPT)).await;
    decided_once(&site, &ids).await;
    assert_eq!(site.topics.until("dead-letters", WAITING).await.len(), WAITING);
    assert!(replica.owns().await);
}
