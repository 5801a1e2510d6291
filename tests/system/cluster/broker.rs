//! Kafka gone and back; and ready means caught up.

use super::{decided_once, event, key};
use fraudnet_tests::cluster::{Kafka, Redis, Replica, Site, cluster_parts};
use fraudnet_tests::{Folder, payment, with};
use std::collections::BTreeSet;

async fn no_lag(replica: &Replica) {
    replica
        .reaches("without lag", async || {
            let mut lag = 0.0;
            for topic in ["transactions", "labels", "verdicts"] {
                lag += replica.metric(&format!("fraudnet_kafka_lag{{topic=\"{topic}\"}}")).await.unwrap_or(1.0);
            }
            lag == 0.0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_comes_back_finds_nothing_lost() {
    let Some(parts) = cluster_parts() else { return };
    let folder = Folder::new("broker-parts");
    let mut kafka = Kafka::start(parts, &folder.join("kafka"));
    let redis = Redis::start(parts, &folder.join("redis"));
    let site = Site::at("broker", &kafka.bootstrap(), &redis.url()).await;
    // Patience shorter than the outages, so that every way out of it is taken.
    let settings = site.settings("a").set("kafka.delivery_timeout_ms", 3_000).set("deadline.default_ms", 5_000);
    let replica = Replica::start(&site.replica_folder("a"), &settings).await;
    let producer = site.topics.producer();
    let mut ids = BTreeSet::new();
    for killed in [false, true] {
        for number in 0..20 {
            let body = payment(&format!("{killed}-{number}"));
            producer.queue("transactions", &key(&body), &event(&body), &[]).await.expect("the broker is there");
            ids.insert(format!("{killed}-{number}"));
        }
        let before = replica.client.score(&payment(&format!("{killed}-before"))).await;
        assert_eq!(before.status, 200, "{}", before.text());
        if killed {
            kafka.kill9();
        } else {
            kafka.stop();
        }
        replica
            .reaches("aware of the outage", async || {
                let reply = replica.client.get("/readyz").await;
                reply.status == 503 && reply.json()["degraded"].to_string().contains("kafka")
            })
            .await;
        let outage = payment(&format!("{killed}-outage"));
        let refused = replica.client.score(&outage).await;
        assert!([503, 504].contains(&refused.status), "{}", refused.text());
        // What was decided can still be asked for.
        assert_eq!(replica.client.stored(&format!("{killed}-before")).await.body, before.body);
        kafka.start_again();
        replica.ready().await;
        no_lag(&replica).await;
        // Its membership may have run out with the broker: until the group has forgotten it, nobody scores and callers hear 504.
        replica.reaches("the partition back", async || replica.client.score(&outage).await.status == 200).await;
        ids.extend([format!("{killed}-before"), format!("{killed}-outage")]);
    }
    decided_once(&site, &ids).await;
    let whole = async || {
        let readyz = replica.client.get("/readyz").await.json_of(200);
        readyz["lag"] == 0 && readyz["degraded"].as_array().is_none_or(Vec::is_empty)
    };
    replica.reaches("whole again", whole).await;
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_means_caught_up() {
    const COUNT: usize = 3_000;
    let Some(site) = Site::shared("caught-up").await else { return };
    let producer = site.topics.producer();
    let mut deliveries = Vec::new();
    for number in 0..COUNT {
        let body = with(payment(&format!("payment-{number}")), "account", format!("account-{}", number % 300));
        deliveries.push(producer.queue("transactions", &key(&body), &event(&body), &[]));
    }
    for delivery in deliveries {
        delivery.await.expect("the broker is there");
    }
    // Few may wait, so that it must decide most of them before it has read to the end.
    let settings = site.settings("a").set("kafka.pending_payments", 256).set("kafka.batch_payments", 64);
    let replica = Replica::spawn(&site.replica_folder("a"), &settings, &[]).await;
    let mut behind = 0;
    loop {
        let reply = replica.client.get("/readyz").await;
        if reply.status == 200 {
            break;
        }
        assert!(!reply.header("retry-after").is_empty());
        behind = behind.max(reply.json_of(503)["lag"].as_u64().expect("a lag"));
        tokio::task::yield_now().await;
    }
    assert!(behind > 0, "it was never seen to be behind");
    let position = replica.metric("fraudnet_kafka_position{topic=\"transactions\"}").await;
    assert_eq!(position, Some(COUNT as f64), "ready once all of it is applied");
    let ids = (0..COUNT).map(|number| format!("payment-{number}")).collect();
    decided_once(&site, &ids).await;
    no_lag(&replica).await;
    replica.stop().await;
}
