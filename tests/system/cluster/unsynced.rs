//! A verdict leaves a replica only after the replica's journal holds durably what it was made of.

use super::{decided_once, event, key};
use fraudnet_tests::cluster::{Replica, Site};
use fraudnet_tests::payment;
use fraudnet_tests::verifier::Journal;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a verdict gets that must not come. One that would come takes some 20 ms; on a slower machine this test only sees less.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_verdict_is_committed_before_the_journal_holds_its_payment() {
    let Some(site) = Site::shared("unsynced").await else { return };
    // The disk answers nothing any more from the first group on.
    let stalled = [("FRAUDNET_FAIL_AT", "before_journal_sync:1:stall")];
    let mut replica = Replica::spawn(&site.replica_folder("a"), &site.settings("a"), &stalled).await;
    replica.ready().await;
    replica.reaches("the partition", async || replica.owns().await).await;
    let producer = site.topics.producer();
    let ids: BTreeSet<String> = (0..3).map(|number| format!("payment-{number}")).collect();
    for id in &ids {
        producer.send("transactions", &key(&payment(id)), event(&payment(id)), &[]).await;
    }
    replica.reaches("its payments", async || replica.metric("fraudnet_pending_payments").await == Some(3.0)).await;
    tokio::time::sleep(LONG_ENOUGH).await;
    assert_eq!(site.topics.messages("verdicts").await, [], "the journal holds none of these payments");

    // Killed there, it forgets them; Kafka does not.
    replica.restart().await;
    let verdicts = decided_once(&site, &ids).await;
    replica.stop().await;
    let journal = Journal::read(&replica.folder().join("data")).unwrap();
    for (id, verdict) in verdicts {
        let as_of = serde_json::from_slice::<serde_json::Value>(&verdict).unwrap()["as_of"].clone();
        assert_eq!(as_of["cut"]["journal"], journal.identity);
        let step = journal.steps.iter().find(|step| as_of["position"] == step.position);
        let found = step.map(|step| &step.event.body);
        assert!(
            matches!(found, Some(fraudnet_graph::Body::Payment(payment)) if payment.transaction_id == id),
            "the verdict on {id} names a position at which the journal holds {found:?}"
        );
    }
}
