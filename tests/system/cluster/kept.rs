//! A takeover decides from the tensors that were made when the payments came, never from a graph that has seen more since.

use super::{decided_once, event, key, pair};
use fraudnet_features::{State, Tensor};
use fraudnet_graph::Body;
use fraudnet_scoring::config;
use fraudnet_tests::cluster::Site;
use fraudnet_tests::verifier::Journal;
use fraudnet_tests::{payment, with};
use std::collections::BTreeSet;

/// Payments that wait for the takeover. All of them meet at one device and one merchant, so that each one's neighbourhood holds those before
/// it and no others.
const WAITING: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_takeover_decides_from_the_tensors_of_the_cuts() {
    let Some(site) = Site::shared("kept").await else { return };
    let [owner, standby] = pair(&site).await;
    owner.kill9();
    let producer = site.topics.producer();
    let mut ids = BTreeSet::new();
    for number in 0..WAITING {
        let id = format!("payment-{number}");
        let body = with(payment(&id), "account", format!("account-{number}"));
        let body = with(with(body, "device", "the-device"), "merchant", "the-merchant");
        producer.send("transactions", &key(&body), event(&body), &[]).await;
        ids.insert(id);
    }
    // The dead owner's session has seconds left: until then nobody decides, and the graph goes on.
    let waiting = WAITING as f64;
    standby.reaches("all of them", async || standby.metric("fraudnet_pending_payments").await == Some(waiting)).await;
    let verdicts = decided_once(&site, &ids).await;
    assert!(standby.owns().await);
    standby.stop().await;

    let settings = config::load(Some(&standby.folder().join("config.toml"))).unwrap();
    let journal = Journal::read(&standby.folder().join("data")).unwrap();
    let (mut state, mut tensor) = (State::new(settings.service.limits), Tensor::default());
    let mut compared = 0;
    for step in &journal.steps {
        let observed = state.observe(step.position, &step.event, &mut tensor);
        let Body::Payment(payment) = &step.event.body else { continue };
        let verdict: serde_json::Value = serde_json::from_slice(&verdicts[&payment.transaction_id]).unwrap();
        assert_eq!(verdict["as_of"]["cut"]["journal"], journal.identity, "the standby decided it");
        let digest: String = observed.subgraph_digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(verdict["subgraph_digest"], digest, "{} saw past its cut", payment.transaction_id);
        compared += 1;
    }
    assert_eq!(compared, WAITING);
}
