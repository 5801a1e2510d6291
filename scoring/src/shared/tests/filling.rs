//! Whatever happens to Redis or the service, in the end every journaled verdict is there.

use super::server::RedisServer;
use super::{Journal, TENANT, config, runtime, until};
use crate::shared::{Claim, SharedStore};
use redis::Value;

const ID: [u8; 8] = *b"journal1";

fn is_noted(server: &RedisServer, position: u64) -> bool {
    server.command(&["GET", "fraudnet:filled:{6a6f75726e616c31}"])
        == Value::BulkString(position.to_string().into_bytes())
}

#[test]
fn an_outage_a_flush_and_a_hang_lose_nothing() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let store = SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap();
    let journal = Journal::default();
    journal.register(&store, ID);
    runtime.block_on(async {
        journal.publish(&store, 0..700);
        journal.wait_until_all_are_there(&store).await;

        // Ended, and come back empty.
        server.kill();
        journal.publish(&store, 700..1000);
        until("the outage to be noticed", async || store.degraded().is_some()).await;
        assert!(store.claim(TENANT, "during the outage", [0; 32]).await.is_err());
        journal.publish(&store, 1000..1500);
        server.restart();
        journal.wait_until_all_are_there(&store).await;
        assert_eq!(store.degraded(), None);
        assert_eq!(store.claim(TENANT, "after the outage", [0; 32]).await, Ok(Claim::Won));

        // Flushed, with verdicts on their way before and after, and once more while it is filled again.
        for round in 0..3 {
            journal.publish(&store, 1500 + 100 * round..1550 + 100 * round);
            server.command(&["FLUSHALL"]);
            journal.publish(&store, 1550 + 100 * round..1600 + 100 * round);
        }
        journal.wait_until_all_are_there(&store).await;

        // Frozen with its connections open.
        server.freeze();
        journal.publish(&store, 1800..1900);
        until("the hang to be noticed", async || {
            store.claim(TENANT, "during the hang", [0; 32]).await.is_err() && store.degraded().is_some()
        })
        .await;
        journal.publish(&store, 1900..2000);
        server.thaw();
        journal.wait_until_all_are_there(&store).await;
        until("the position to be noted", async || is_noted(&server, 2000)).await;
    });
}

#[test]
fn a_redis_that_comes_back_with_older_data_is_caught_up() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let store = SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap();
    let journal = Journal::default();
    journal.register(&store, ID);
    runtime.block_on(async {
        journal.publish(&store, 0..200);
        until("the position to be noted", async || is_noted(&server, 200)).await;
        server.command(&["SAVE"]);
        journal.publish(&store, 200..400);
        until("the position to be noted", async || is_noted(&server, 400)).await;
        server.kill();
        server.restart();
        until("the rest to be written again", async || is_noted(&server, 400)).await;
        journal.wait_until_all_are_there(&store).await;
    });
}

#[test]
fn more_than_the_queue_holds_is_written_later() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let store = SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap();
    let journal = Journal::default();
    let many = super::super::QUEUE as u64 + 3000;
    // Frozen, so that nobody takes anything from the queue meanwhile.
    server.freeze();
    journal.publish(&store, 0..many);
    server.thaw();
    journal.register(&store, ID);
    runtime.block_on(async {
        until("the position to be noted", async || is_noted(&server, many)).await;
        journal.wait_until_all_are_there(&store).await;
    });
}

#[test]
fn a_restarted_service_goes_on_where_it_was() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let journal = Journal::default();
    let first = runtime();
    let store = SharedStore::connect(&config(&server.url()), first.handle()).unwrap();
    journal.register(&store, ID);
    first.block_on(async {
        journal.publish(&store, 0..300);
        until("the position to be noted", async || is_noted(&server, 300)).await;
    });
    // Journaled, and the process ends before anything of it gets to Redis.
    server.freeze();
    journal.publish(&store, 300..350);
    drop(store);
    first.shutdown_background();
    server.thaw();

    let second = runtime();
    let store = SharedStore::connect(&config(&server.url()), second.handle()).unwrap();
    let asked_from = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (entries, asked) = (journal.clone(), asked_from.clone());
    store.refill(ID, move |from, limit| {
        asked.lock().unwrap().push(from);
        entries.0.lock().unwrap().iter().filter(|entry| entry.position >= from).take(limit).cloned().collect()
    });
    second.block_on(async {
        journal.wait_until_all_are_there(&store).await;
        until("the position to be noted", async || is_noted(&server, 350)).await;
    });
    assert_eq!(asked_from.lock().unwrap().first(), Some(&300), "what was there is not read again");
}

#[test]
fn a_position_that_cannot_be_read_yet_is_waited_for() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let store = SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap();
    let journal = Journal::default();
    journal.register(&store, ID);
    runtime.block_on(async {
        server.freeze();
        until("the hang to be noticed", async || {
            store.claim(TENANT, "x", [0; 32]).await.is_err() && store.degraded().is_some()
        })
        .await;
        // Published and dropped, but the journal gives it only later.
        store.publish(super::published(0));
        server.thaw();
        until("redis to be back", async || store.degraded().is_none()).await;
        assert_eq!(store.verdict(TENANT, "payment 0").await, Ok(None));
        journal.0.lock().unwrap().push(super::published(0));
        journal.wait_until_all_are_there(&store).await;
    });
}
