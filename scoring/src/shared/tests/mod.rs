//! The shared store against real Redis servers, started and ended here.

mod claims;
mod cluster;
mod faults;
mod filling;
mod server;

use super::{Published, SharedConfig, SharedStore};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const TENANT: &str = "bank";

fn config(url: &str) -> SharedConfig {
    SharedConfig {
        url: url.to_owned(),
        cluster: false,
        key_prefix: "fraudnet:".to_owned(),
        // Far above what a busy machine needs, so that a slow test machine is not taken for a dead Redis.
        timeout: Duration::from_millis(500),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn hash(number: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    hash
}

fn published(position: u64) -> Published {
    Published {
        position,
        tenant: TENANT.into(),
        transaction_id: format!("payment {position}").into(),
        body_hash: hash(position),
        verdict: format!("{{\"transaction_id\":\"payment {position}\",\"decision\":\"approve\"}}").into_bytes().into(),
    }
}

/// A journal as the service keeps one: what was written to it can be read again.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Published>>>);

impl Journal {
    /// Journals the verdicts at these positions and publishes them.
    fn publish(&self, store: &SharedStore, positions: std::ops::Range<u64>) {
        for position in positions {
            self.0.lock().unwrap().push(published(position));
            store.publish(published(position));
        }
    }

    fn register(&self, store: &SharedStore, id: [u8; 8]) {
        let entries = Arc::clone(&self.0);
        store.refill(id, move |from, limit| {
            let entries = entries.lock().unwrap();
            entries.iter().filter(|entry| entry.position >= from).take(limit).cloned().collect()
        });
    }

    /// Waits until every journaled verdict is in Redis, byte for byte.
    async fn wait_until_all_are_there(&self, store: &SharedStore) {
        let mut readers = JoinSet::new();
        for part in self.0.lock().unwrap().chunks(500) {
            let (part, store) = (part.to_vec(), store.clone());
            readers.spawn(async move {
                for entry in part {
                    until(&format!("the verdict at {}", entry.position), async || {
                        match store.verdict(&entry.tenant, &entry.transaction_id).await {
                            Ok(Some(found)) => {
                                assert_eq!(found, entry.verdict);
                                true
                            }
                            Ok(None) | Err(_) => false,
                        }
                    })
                    .await;
                }
            });
        }
        readers.join_all().await;
    }
}

/// Waits for a condition, long beyond what it can take.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..1500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited 30 s for {what}");
}
