//! A caller's deadline. The network is made to answer after a second by a micro-batch that waits so long for company.

use fraudnet_tests::{Folder, PATIENCE, Reply, Server, Settings, label, payment};
use std::time::Duration;

/// A service whose network takes a second, and which keeps that much of a deadline for making the verdict durable; nothing for the tiers
/// below where that is nothing.
async fn slow(folder: &Folder, commit_reserve_ms: u64) -> Server {
    let settings = Settings::new(folder)
        .set("inference.batch_wait_us", 1_000_000)
        .set("deadline.fallback_reserve_ms", commit_reserve_ms.min(100))
        .set("deadline.commit_reserve_ms", commit_reserve_ms);
    Server::start(folder, &settings).await
}

async fn score(server: &Server, id: &str, deadline_ms: &str) -> Reply {
    server.client.post("/v1/transactions:score", &[("x-deadline-ms", deadline_ms)], &payment(id)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_late_leaves_it_to_the_trees() {
    let folder = Folder::new("late-network");
    let server = slow(&folder, 50_000).await;
    // 300 ms are left for the network, which takes a second.
    let verdict = score(&server, "one", "50300").await.json_of(200);
    assert_eq!((&verdict["tier"], &verdict["tier_cause"]), (&"trees_v2".into(), &"deadline".into()), "{verdict}");
    assert_eq!(verdict["model"], "trees-v2", "{verdict}");
    assert!(!verdict["reason_codes"].as_array().unwrap().contains(&"NETWORK_SCORE".into()));
    // Who waits longer gets the network's answer.
    let verdict = score(&server, "two", "60000").await.json_of(200);
    assert_eq!((&verdict["tier"], &verdict["tier_cause"]), (&"hybrid".into(), &serde_json::Value::Null), "{verdict}");
    let metrics = server.client.get("/metrics").await.text();
    assert!(metrics.contains("fraudnet_tier_cause_total{cause=\"deadline\"} 1"), "{metrics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_trees_below_it_a_network_that_is_late_leaves_it_to_the_rules() {
    let folder = Folder::new("late-network-alone");
    let registry = folder.join("registry");
    std::fs::create_dir_all(&registry).unwrap();
    let settings = Settings::new(&folder)
        .set("inference.batch_wait_us", 1_000_000)
        .set("deadline.commit_reserve_ms", 50_000)
        .text("model.registry", &registry.to_string_lossy());
    let server = Server::start(&folder, &settings).await;
    let verdict = score(&server, "one", "50300").await.json_of(200);
    assert_eq!((&verdict["tier"], &verdict["tier_cause"]), (&"rules".into(), &"deadline".into()), "{verdict}");
    assert_eq!((&verdict["stage_us"]["inference"], &verdict["model"]), (&0.into(), &"hybrid".into()));
    assert!(!verdict["reason_codes"].as_array().unwrap().contains(&"NETWORK_SCORE".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_that_is_not_durable_in_time_is_found_by_id() {
    let folder = Folder::new("late-log");
    let server = slow(&folder, 0).await;
    // The network has until the deadline itself, so that the verdict cannot be durable by then; unless the machine stalls between the two
    // just there, which is why there is more than one try.
    let mut late = None;
    for number in 0..20 {
        let id = format!("try-{number}");
        let reply = score(&server, &id, "50").await;
        if reply.status == 504 {
            late = Some((id, reply.problem(504)));
            break;
        }
        assert_eq!(reply.json_of(200)["tier_cause"], "deadline");
    }
    let (id, problem) = late.expect("a verdict that comes too late");
    assert_eq!(problem["type"], "urn:fraudnet:problem:not-durable-in-time");
    assert!(problem["detail"].as_str().unwrap().contains("/v1/verdicts/"), "{problem}");
    let stored = tokio::time::timeout(PATIENCE, async {
        loop {
            let reply = server.client.stored(&id).await;
            if reply.status == 200 {
                break reply;
            }
            reply.problem(404);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let stored = stored.await.expect("the verdict becomes durable");
    assert_eq!((&stored.json()["tier"], &stored.json()["tier_cause"]), (&"rules".into(), &"deadline".into()));
    // Asking again gives that verdict, and nothing is decided twice.
    let again = score(&server, &id, "60000").await;
    assert_eq!((again.status, &again.body, again.header("idempotent-replayed")), (200, &stored.body, "true"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_out_of_range_is_refused() {
    let folder = Folder::new("deadline-range");
    let server = Server::start(&folder, &Settings::new(&folder)).await;
    for bad in ["0", "60001", "-1", "1.5", "soon", ""] {
        let problem = score(&server, "one", bad).await.problem(400);
        assert_eq!(problem["errors"][0]["field"], "header X-Deadline-Ms", "{bad}: {problem}");
        server.client.post("/v1/labels", &[("x-deadline-ms", bad)], &label("one", true)).await.problem(400);
    }
    assert_eq!(server.client.stored("one").await.status, 404, "what was refused left nothing behind");
    assert_eq!(score(&server, "one", "60000").await.status, 200);
    server.stop().await;
}
