//! Full queues. Each is made tiny in turn and met by many callers at once.

use crate::journal::Journal;
use fraudnet_tests::{Folder, Reply, Server, Settings, payment};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;

/// Callers at once.
const CALLERS: usize = 150;
/// Bursts sent until the queue was seen full; one is enough as a rule.
const BURSTS: usize = 30;

/// One payment of each caller, all at once.
async fn burst(server: &Server, name: &str) -> Vec<(String, Reply)> {
    let mut requests = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, id) = (server.client.clone(), format!("{name}-{caller}"));
        requests.spawn(async move {
            let reply = client.score(&payment(&id)).await;
            (id, reply)
        });
    }
    requests.join_all().await
}

/// Bursts until `seen` finds what it looks for in an answer; every answer there was.
async fn until(server: &Server, seen: impl Fn(&Reply) -> bool) -> Vec<(String, Reply)> {
    let mut replies = Vec::new();
    for number in 0..BURSTS {
        replies.extend(burst(server, &format!("burst-{number}")).await);
        if replies.iter().any(|(_, reply)| seen(reply)) {
            return replies;
        }
    }
    panic!("the queue was never seen full in {} payments", replies.len());
}

/// A queue that, full, refuses at once.
async fn refuses(queue: &str) {
    let folder = Folder::new(&format!("full-{queue}"));
    let server = Server::start(&folder, &Settings::new(&folder).set(&format!("{queue}.queue"), 1)).await;
    let replies = until(&server, |reply| reply.status == 503).await;
    let mut refused = 0;
    for (id, reply) in &replies {
        let stored = server.client.stored(id).await;
        if reply.status == 200 {
            assert_eq!(reply.body, stored.body);
            continue;
        }
        refused += 1;
        let problem = reply.problem(503);
        assert_eq!(problem["type"], "urn:fraudnet:problem:overloaded");
        assert!(problem["detail"].as_str().unwrap().starts_with(&format!("the {queue} queue is full")), "{problem}");
        assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
        // Refused means not begun: nothing is decided, and the id is as free as before.
        stored.problem(404);
    }
    let metrics = server.client.get("/metrics").await.text();
    assert!(
        metrics.contains(&format!("fraudnet_refused_total{{queue=\"{queue}\"}} {refused}")),
        "{refused}: {metrics}"
    );
    for (id, _) in replies.iter().filter(|(_, reply)| reply.status == 503) {
        // One after the other there is room, but for what the payment before leaves for training on its way to the disk.
        let mut reply = server.client.score(&payment(id)).await;
        for _ in 0..100 {
            if reply.status != 503 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            reply = server.client.score(&payment(id)).await;
        }
        reply.json_of(200);
    }
    server.stop().await;
    let journal = Journal::read(&folder);
    assert_eq!(journal.transactions.len(), replies.len());
    journal.assert_each_decided_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_queue_refuses_with_retry_after() {
    refuses("log").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_engine_queue_refuses_with_retry_after() {
    refuses("engine").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_inference_queue_steps_down_the_ladder() {
    let folder = Folder::new("full-inference");
    let settings = Settings::new(&folder).set("inference.queue", 1).set("inference.max_batch", 1);
    let server = Server::start(&folder, &settings).await;
    let below = |reply: &Reply| reply.status == 200 && reply.json()["tier"] != "hybrid";
    let replies = until(&server, below).await;
    for (_, reply) in &replies {
        let verdict = reply.json_of(200);
        let cause = if below(reply) { "inference_queue_full".into() } else { Value::Null };
        assert_eq!(verdict["tier_cause"], cause, "{verdict}");
    }
    assert!(replies.iter().any(|(_, reply)| !below(reply)), "the network went on answering");
    server.stop().await;
}
