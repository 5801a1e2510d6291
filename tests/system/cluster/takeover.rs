//! Owners that die or freeze: the standby decides the rest, from what it kept, and nobody contradicts it.

use super::{decided_once, event, key, pair};
use fraudnet_tests::cluster::{Replica, Site};
use fraudnet_tests::{Load, Report, payment, with};
use std::collections::BTreeSet;

const CALLERS: usize = 4;

/// Payments of the stream, produced while something happens to the owner.
async fn stream(site: &Site, ids: std::ops::Range<usize>) -> BTreeSet<String> {
    let producer = site.topics.producer();
    let mut deliveries = Vec::new();
    let mut sent = BTreeSet::new();
    for number in ids {
        let id = format!("stream-{number}");
        let body = with(payment(&id), "account", format!("account-{}", number % 20));
        deliveries.push(producer.queue("transactions", &key(&body), &event(&body), &[]));
        sent.insert(id);
    }
    for delivery in deliveries {
        delivery.await.expect("the broker is there");
    }
    sent
}

/// Every reply is the committed verdict, everything sent has one verdict, every replica tells it, and what was cut off is answered now.
async fn assert_one_answer(site: &Site, replicas: &[&Replica], reports: [Report; 2], mut ids: BTreeSet<String>) {
    let mut replies = Vec::new();
    for report in reports {
        assert!(report.others.is_empty(), "{:?}", report.others);
        for body in report.unanswered.iter().chain(&report.late) {
            let reply = replicas[0].client.score(body).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            replies.push((body["transaction_id"].as_str().unwrap().to_owned(), reply.body));
        }
        replies.extend(report.verdicts.into_iter().map(|(id, (_, bytes))| (id, bytes)));
    }
    ids.extend(replies.iter().map(|(id, _)| id.clone()));
    let verdicts = decided_once(site, &ids).await;
    for (id, bytes) in &replies {
        assert_eq!(&verdicts[id], bytes, "the reply on {id} is its verdict");
    }
    for replica in replicas {
        for (id, bytes) in &verdicts {
            replica.reaches("every verdict", async || replica.client.stored(id).await.status == 200).await;
            assert_eq!(&replica.client.stored(id).await.body, bytes, "the verdict on {id}");
        }
        let twice = replica.metric("fraudnet_duplicate_verdicts_total").await.unwrap_or_default();
        assert_eq!(twice, 0.0, "nobody even wrote a second verdict");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_standby_takes_over_from_a_killed_owner() {
    let Some(site) = Site::shared("killed").await else { return };
    let [mut owner, standby] = pair(&site).await;
    let loads = [Load::start(&owner.client, CALLERS, "owner"), Load::start(&standby.client, CALLERS, "standby")];
    loads[1].answered(60).await;
    let (mut ids, ()) = tokio::join!(stream(&site, 0..200), async { owner.kill9() });
    ids.extend(stream(&site, 200..250).await);
    // Nobody tells the group that it is dead: its session has to run out.
    loads[1].answered(200).await;
    assert!(standby.owns().await);
    let [cut_off, carried_on] = loads;
    let reports = [cut_off.end().await, carried_on.end().await];
    assert!(!reports[0].unanswered.is_empty(), "the kill came while callers waited");
    owner.restart().await;
    assert_one_answer(&site, &[&standby, &owner], reports, ids).await;
    assert!(
        standby.owns().await && !owner.owns().await,
        "who comes back does not take the partition from one that is warm"
    );
    tokio::join!(owner.stop(), standby.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_frozen_never_contradicts() {
    let Some(site) = Site::shared("frozen").await else { return };
    let [owner, standby] = pair(&site).await;
    let loads = [Load::start(&owner.client, CALLERS, "owner"), Load::start(&standby.client, CALLERS, "standby")];
    loads[0].answered(60).await;
    loads[1].answered(60).await;
    owner.freeze();
    let ids = stream(&site, 0..200).await;
    standby.reaches("the partition", async || standby.owns().await).await;
    loads[1].answered(250).await;
    owner.thaw();
    owner.reaches("rid of the partition", async || !owner.owns().await).await;
    owner.ready().await;
    let [thawed, carried_on] = loads;
    let mut reports = [thawed.end().await, carried_on.end().await];
    // A claim that was under way has waited for Redis for longer than it may, and the thawed one owns nothing now; what was in the topic
    // already may have its verdict later than its caller could wait.
    for refused in std::mem::take(&mut reports[0].others) {
        let kind = if refused.status == 504 { "not-durable-in-time" } else { "not-ready" };
        let problem = refused.problem(if refused.status == 504 { 504 } else { 503 });
        assert_eq!(problem["type"], format!("urn:fraudnet:problem:{kind}"), "{problem}");
    }
    assert!(reports[0].unanswered.is_empty(), "connections outlive a freeze, and so do their answers");
    assert_one_answer(&site, &[&owner, &standby], reports, ids).await;
    tokio::join!(owner.stop(), standby.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_leaves_hands_over_at_once() {
    let Some(site) = Site::shared("leaves").await else { return };
    let [owner, standby] = pair(&site).await;
    let load = Load::start(&standby.client, CALLERS, "standby");
    load.answered(40).await;
    // Draining ends what it has begun, and nothing is refused at the other one.
    owner.stop().await;
    standby.reaches("the partition", async || standby.owns().await).await;
    load.answered(120).await;
    let report = load.end().await;
    assert_one_answer(&site, &[&standby], [report, Report::default()], BTreeSet::new()).await;
    standby.stop().await;
}
