//! Callers that keep asking and remember every answer they got.

use crate::client::{Client, Reply};
use crate::requests::{payment, with};
use crate::server::PATIENCE;
use hyper::body::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Entities the load is spread over, so that its graph is one of neighbours and not of strangers.
const ENTITIES: usize = 20;

/// Concurrent callers.
#[derive(Debug)]
pub struct Load {
    callers: JoinSet<Report>,
    answered: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

/// What callers saw.
#[derive(Debug, Default)]
pub struct Report {
    /// Every payment that was answered with a verdict, by id: its body, and the answer's bytes.
    pub verdicts: BTreeMap<String, (Value, Bytes)>,
    /// Every other answer.
    pub others: Vec<Reply>,
    /// Payments sent whose connection broke before an answer.
    pub unanswered: Vec<Value>,
    /// Payments whose answer, which is among the others, was that the verdict is late (504).
    pub late: Vec<Value>,
}

impl Load {
    /// Starts `callers`, each of which sends one payment after the other until told to stop, refused, or cut off.
    pub fn start(client: &Client, callers: usize, name: &str) -> Load {
        let mut load = Load { callers: JoinSet::new(), answered: Arc::default(), stop: Arc::default() };
        for caller in 0..callers {
            let (client, answered, stop) = (client.clone(), Arc::clone(&load.answered), Arc::clone(&load.stop));
            let name = format!("{name}-{caller}");
            load.callers.spawn(async move {
                let mut report = Report::default();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let body = neighbourly(&format!("{name}-{number}"), caller * 7 + number);
                    number += 1;
                    match try_score(&client, &body).await {
                        Ok(reply) if reply.status == 200 => {
                            answered.fetch_add(1, Ordering::Relaxed);
                            report.verdicts.insert(format!("{name}-{}", number - 1), (body, reply.body));
                        }
                        Ok(reply) => {
                            if reply.status == 504 {
                                report.late.push(body);
                            }
                            report.others.push(reply);
                            break;
                        }
                        Err(_) => {
                            report.unanswered.push(body);
                            break;
                        }
                    }
                }
                report
            });
        }
        load
    }

    /// Waits until so many payments were answered.
    ///
    /// # Panics
    /// Where they never are.
    pub async fn answered(&self, count: usize) {
        let reached = timeout(PATIENCE, async {
            while self.answered.load(Ordering::Relaxed) < count {
                sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(reached.await.is_ok(), "{} of {count} payments were answered", self.answered.load(Ordering::Relaxed));
    }

    /// Tells the callers to stop, waits for those that still wait for an answer, and gives what all of them saw.
    ///
    /// # Panics
    /// Where an answer never comes.
    pub async fn end(mut self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Report::default();
        let ended = timeout(PATIENCE, async {
            while let Some(report) = self.callers.join_next().await {
                let report = report.expect("a caller does not panic");
                all.verdicts.extend(report.verdicts);
                all.others.extend(report.others);
                all.unanswered.extend(report.unanswered);
                all.late.extend(report.late);
            }
        });
        assert!(ended.await.is_ok(), "some callers still wait for an answer");
        all
    }
}

async fn try_score(client: &Client, body: &Value) -> Result<Reply, String> {
    let headers = [("content-type", "application/json")];
    client.send(hyper::Method::POST, "/v1/transactions:score", &headers, body.to_string()).await
}

/// A payment that shares its account, device and shop with others.
fn neighbourly(transaction_id: &str, number: usize) -> Value {
    let mut body = payment(transaction_id);
    for (field, stride) in [("account", 1), ("device", 3), ("ip", 5), ("merchant", 11)] {
        body = with(body, field, format!("{field}-{}", number * stride % ENTITIES));
    }
    with(body, "amount_minor", 500 + number as u64 * 37 % 20_000)
}
