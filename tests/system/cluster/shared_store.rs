//! Redis gone, hung, emptied, or not to be used: never two different replies, nothing lost.

use super::{decided_once, pair};
use fraudnet_tests::cluster::{Redis, Replica, Site, cluster_parts, shared};
use fraudnet_tests::{Folder, payment, serve_fails, with};
use std::collections::BTreeSet;

/// A place in the shared broker with a Redis of its own.
async fn site(name: &str) -> Option<(Site, Redis, Folder)> {
    let (parts, broker) = (cluster_parts()?, shared()?);
    let folder = Folder::new(&format!("{name}-redis"));
    let redis = Redis::start(parts, folder.path());
    let site = Site::at(name, &broker.kafka.bootstrap(), &redis.url()).await;
    Some((site, redis, folder))
}

async fn degraded(replica: &Replica, expected: bool) {
    let word = if expected { "degraded" } else { "whole" };
    let is_so = async || {
        let reply = replica.client.get("/readyz").await;
        let told = reply.json()["degraded"].as_array().is_some_and(|parts| !parts.is_empty());
        let measured = replica.metric("fraudnet_redis_degraded").await.unwrap_or_default() > 0.0;
        reply.status == 200 && told == expected && measured == expected
    };
    replica.reaches(word, is_so).await;
}

fn stored(redis: &Redis, site: &str, id: &str) -> String {
    redis.command(&["GET", &format!("{site}:verdict:{{default/{id}}}")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_owner_answers_and_nobody_else() {
    let Some((site, mut redis, _folder)) = site("redis-gone").await else { return };
    let [owner, standby] = pair(&site).await;
    let mut ids = BTreeSet::new();
    let before = standby.client.score(&payment("before")).await;
    assert_eq!((before.status, before.header("fraudnet-degraded")), (200, ""));
    ids.insert("before".to_owned());
    for hung in [false, true] {
        if hung {
            redis.freeze();
        } else {
            redis.stop();
        }
        // The first ones that ask find out, within the bound that the settings give Redis.
        let id = format!("meanwhile-{hung}");
        let meanwhile = owner.client.score(&payment(&id)).await;
        assert_eq!(meanwhile.status, 200, "{}", meanwhile.text());
        let refused = standby.client.score(&payment(&format!("refused-{hung}"))).await;
        assert_eq!(refused.problem(503)["type"], "urn:fraudnet:problem:not-ready");
        assert!(!refused.header("retry-after").is_empty());
        degraded(&owner, true).await;
        degraded(&standby, true).await;
        let marked = owner.client.score(&payment(&format!("{id}-marked"))).await;
        assert_eq!((marked.status, marked.header("fraudnet-degraded")), (200, "redis"));
        // What is decided is known everywhere.
        standby.reaches("the verdict", async || standby.client.stored(&id).await.status == 200).await;
        let again = standby.client.score(&payment(&id)).await;
        assert_eq!((again.status, &again.body), (200, &meanwhile.body));
        let other = with(payment(&id), "amount_minor", 3);
        assert_eq!(standby.client.score(&other).await.status, 422);
        ids.extend([id.clone(), format!("{id}-marked")]);

        if hung {
            redis.thaw();
        } else {
            redis.start_again();
        }
        degraded(&owner, false).await;
        degraded(&standby, false).await;
        let refused = standby.client.score(&payment(&format!("refused-{hung}"))).await;
        assert_eq!((refused.status, refused.header("fraudnet-degraded")), (200, ""));
        ids.insert(format!("refused-{hung}"));
        // What was decided in the meantime is written there, too.
        owner.reaches("its verdicts into Redis", async || !stored(&redis, "redis-gone", &id).is_empty()).await;
        assert_eq!(stored(&redis, "redis-gone", &id).as_bytes(), meanwhile.body.as_ref());
    }
    decided_once(&site, &ids).await;
    tokio::join!(owner.stop(), standby.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_is_filled_again() {
    let Some((site, redis, _folder)) = site("redis-emptied").await else { return };
    let replica = site.start("a").await;
    let mut verdicts = Vec::new();
    for number in 0..30 {
        verdicts
            .push((format!("payment-{number}"), replica.client.score(&payment(&format!("payment-{number}"))).await));
    }
    let all_there =
        async || verdicts.iter().all(|(id, reply)| stored(&redis, "redis-emptied", id).as_bytes() == reply.body);
    replica.reaches("its verdicts into Redis", all_there).await;
    redis.flush();
    assert!(!all_there().await);
    replica.reaches("its verdicts into the emptied Redis", all_there).await;
    replica.stop().await;

    // By command, from Kafka alone.
    redis.flush();
    let rebuilt = site.command(&["redis", "rebuild"]).await;
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    assert!(String::from_utf8_lossy(&rebuilt.stdout).contains("30"), "{}", String::from_utf8_lossy(&rebuilt.stdout));
    assert!(all_there().await);
    // A replica without a past answers from it what was answered before.
    let other = site.start("b").await;
    for (id, reply) in &verdicts {
        assert_eq!(other.client.score(&payment(id)).await.body, reply.body);
    }
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_cannot_be_used_is_refused_at_start() {
    let Some((site, mut redis, _folder)) = site("redis-refused").await else { return };
    let folder = Folder::new("redis-refused-serve");
    let port = redis.port();
    redis.command(&["ACL", "SETUSER", "reader", "on", ">secret-word", "~*", "+@read", "+ping", "+hello", "+client"]);
    for (user, said) in [("reader:secret-word", "permission"), ("reader:wrong-word", "WRONGPASS")] {
        let settings = site.settings("a").text("redis.url", &format!("redis://{user}@127.0.0.1:{port}"));
        let output = serve_fails(&folder, &settings).await;
        let last = output.lines().last().unwrap_or_default();
        assert!(last.contains("redis.url") && last.to_lowercase().contains(&said.to_lowercase()), "{output}");
        assert!(!output.contains("-word"), "passwords are nobody's to read: {output}");
    }
    redis.stop();
    let output = serve_fails(&folder, &site.settings("a")).await;
    assert!(output.lines().last().unwrap_or_default().contains("redis.url"), "{output}");
    let settings = site.settings("a").text("redis.url", "nonsense");
    assert!(serve_fails(&folder, &settings).await.contains("redis.url"));
}
