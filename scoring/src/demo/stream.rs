//! Payments and labels over HTTP, open loop: each has its moment, whether or not the ones before are answered. A request that finds every
//! connection busy counts its wait, so a slow service cannot hide behind a slow caller.

use super::screen::Screen;
use super::tally::{Answered, Tally};
use super::world::{Step, World};
use super::{Client, DemoOptions};
use crate::client::{ClientError, Reply};
use crate::clock;
use crate::verdict::Verdict;
use crate::wire::ScoreRequest;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Sends everything; the time it took.
pub(super) async fn stream(
    client: &Client,
    options: &DemoOptions,
    world: &Arc<World>,
    tally: &Arc<Tally>,
    screen: &Arc<Screen>,
) -> Duration {
    screen.progress(world.payments.len(), "streaming");
    let begun = clock::monotonic();
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..options.connections {
        let (client, world, tally) = (client.clone(), Arc::clone(world), Arc::clone(tally));
        let (screen, next, rate) = (Arc::clone(screen), Arc::clone(&next), options.rate);
        connections.spawn(async move {
            while let Some(step) = world.steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (Step::Payment(before) | Step::Label { after: before, .. }) = step;
                let asked_at = moment(begun + Duration::from_secs_f64(*before as f64 / rate)).await;
                match step {
                    Step::Payment(number) => {
                        let answer = score(&client, &world.payments[*number].request, asked_at).await;
                        for line in tally.payment(*number, &world.payments[*number], answer) {
                            screen.say(line);
                        }
                        screen.advance(tally.answered(), || tally.figures(begun));
                    }
                    Step::Label { label, .. } => tally.label(client.label_patiently(label).await),
                }
            }
        });
    }
    // A panic in a connection leaves its payment without an answer, which the report tells.
    while connections.join_next().await.is_some() {}
    clock::monotonic().saturating_duration_since(begun)
}

/// Waits for the moment and gives the time latency counts from: the moment itself where every connection was busy then, else when the
/// timer woke us, since a timer that is late is not the service's doing.
async fn moment(due: Instant) -> Instant {
    if clock::monotonic() >= due {
        return due;
    }
    tokio::time::sleep_until(due.into()).await;
    clock::monotonic()
}

/// Asks for a verdict until there is one.
async fn score(client: &Client, request: &ScoreRequest, asked_at: Instant) -> Result<Answered, String> {
    answered(client.score_patiently(request).await?, asked_at)
}

fn answered(reply: Reply, asked_at: Instant) -> Result<Answered, String> {
    let latency = clock::monotonic().saturating_duration_since(asked_at);
    let verdict: Verdict = reply.json().map_err(|error: ClientError| error.to_string())?;
    let durable_ms = reply.header("server-timing").and_then(durable_ms);
    Ok(Answered { verdict, body: reply.body, latency, durable_ms })
}

/// The time a verdict waited to become durable, out of `Server-Timing`.
fn durable_ms(timing: &str) -> Option<f64> {
    timing.split(", ").find_map(|stage| stage.strip_prefix("durable;dur="))?.parse().ok()
}

/// Asks for every verdict by id; how many are there, byte for byte as they were replied, each with a decision of its own.
pub(super) async fn check(
    client: &Client,
    options: &DemoOptions,
    world: &Arc<World>,
    tally: &Arc<Tally>,
    screen: &Arc<Screen>,
) -> usize {
    screen.progress(world.payments.len(), "checking");
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..options.connections {
        let (client, world, tally) = (client.clone(), Arc::clone(world), Arc::clone(tally));
        let (screen, next) = (Arc::clone(screen), Arc::clone(&next));
        connections.spawn(async move {
            let mut decisions = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(payment) = world.payments.get(number) else { break };
                let transaction_id = &payment.request.transaction_id;
                if let Ok(reply) = client.verdict_patiently(transaction_id).await
                    && let Ok(verdict) = reply.json::<Verdict>()
                    && verdict.transaction_id == *transaction_id
                    && tally.replied(number, &reply.body)
                {
                    decisions.push(verdict.decision_id);
                }
                screen.advance(number, String::new);
            }
            decisions
        });
    }
    let mut decisions = std::collections::HashSet::new();
    while let Some(checked) = connections.join_next().await {
        decisions.extend(checked.unwrap_or_default());
    }
    decisions.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_durable_wait_is_read_from_the_header() {
        let header = "engine_queue;dur=0.007, observe;dur=0.041, policy;dur=0.002, durable;dur=1.234";
        assert_eq!(durable_ms(header), Some(1.234));
        assert_eq!(durable_ms("engine_queue;dur=0.007"), None);
    }

    #[tokio::test]
    async fn a_moment_gone_by_counts_from_itself() {
        let now = clock::monotonic();
        assert_eq!(moment(now).await, now);
        let due = now + Duration::from_millis(3);
        assert!(moment(due).await >= due);
    }
}
