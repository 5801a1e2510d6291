//! Analysts' side: how long an explanation takes, when a decision is a label for training, how long a page of a full queue takes, and what
//! the door before every route costs.
//!
//! Every payment is held by a policy, so that there is something to look at; what is measured is asked over HTTP, one question at a time.

use crate::Quantiles;
use crate::figures::{Figures, Target, grouped};
use crate::places::Scratch;
use crate::process::{log_folder, start_service};
use anyhow::{Context, bail, ensure};
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::access::Secret;
use fraudnet_scoring::client::{FraudnetClient, Method, Reply, Sender, segment};
use fraudnet_scoring::clock::monotonic;
use fraudnet_scoring::http::NEXT_POSITION;
use fraudnet_scoring::wire::{LabelRequest, ScoreRequest};
use fraudnet_tests::Admin;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const GROUP: &str = "review";
/// Payments of the simulated world that are held, at most.
const HELD: usize = 4_000;
/// Explanations asked for, of the newest of these.
const EXPLAINED: usize = 400;
/// Decisions that are followed to the training stream.
const DECIDED: usize = 60;
/// Cases of the full queue, an account each.
const QUEUE: usize = 10_000;
/// Pages and verdicts asked for.
const ASKED: usize = 400;
const CALLERS: usize = 32;
/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures.
///
/// # Errors
/// The service does not start, or does not answer as it should.
pub fn measure(model: &Path, events: &[Event], small: bool, figures: &mut Figures) -> anyhow::Result<()> {
    let scratch = Scratch::new("review")?;
    let service = start_service(scratch.path(), model)?;
    let runtime = tokio::runtime::Runtime::new().context("tokio could not start its threads")?;
    let bench = Bench { client: FraudnetClient::new(service.address) };
    runtime.block_on(async {
        bench.hold_everything().await?;
        let held = bench.send(events, HELD / if small { 4 } else { 1 }).await?;
        bench.explanations(&held, figures).await?;
        bench.decisions(figures).await?;
        bench.queue(QUEUE / if small { 10 } else { 1 }, figures).await?;
        let admin = Admin::enter_at(service.address, &log_folder(scratch.path())).await;
        let token = Secret::new(admin.token("bench", &["scorer"]).await);
        bench.door(&held, &bench.client.clone().with_token(Some(&token)), figures).await
    })?;
    service.stop();
    Ok(())
}

struct Bench {
    client: FraudnetClient,
}

impl Bench {
    async fn hold_everything(&self) -> anyhow::Result<()> {
        let rule = json!({ "id": "all", "code": "HELD", "text": "everything is held", "when": "amount > 0.0", "then": "review" });
        self.change(Method::POST, "/v1/policies", &json!({ "version": "hold", "rules": [rule] })).await?;
        self.change(Method::PUT, "/v1/policies/active", &json!({ "version": "hold", "reason": "bench" })).await?;
        Ok(())
    }

    /// Sends the world's first payments and what became known of them meanwhile, in order; the ids of the payments.
    async fn send(&self, events: &[Event], payments: usize) -> anyhow::Result<Vec<String>> {
        let mut sent = Vec::with_capacity(payments);
        for event in events {
            if let Some(payment) = ScoreRequest::from_event(event) {
                self.client.score_patiently(&payment).await.map_err(anyhow::Error::msg)?;
                sent.push(payment.transaction_id);
            } else if let Body::Label(label) = &event.body {
                // A label of a payment that was not sent counts for nothing.
                self.client.label(&LabelRequest::new(label, None), None).await?;
            }
            if sent.len() == payments {
                break;
            }
        }
        Ok(sent)
    }

    async fn explanations(&self, held: &[String], figures: &mut Figures) -> anyhow::Result<()> {
        let newest = &held[held.len().saturating_sub(EXPLAINED)..];
        let path = |id: &String| format!("/v1/verdicts/{}/explanation", segment(id));
        let first = self.time(&path(&newest[0])).await?;
        let mut times = Quantiles::default();
        for id in &newest[1..] {
            times.record(self.time(&path(id)).await?);
        }
        let milliseconds = |share| times.microseconds(share) / 1e3;
        let note = format!(
            "p50 {:.1} ms of {}; the first, which opens the model, {:.0} ms",
            milliseconds(0.5),
            times.len(),
            first.as_secs_f64() * 1e3
        );
        figures.aim(GROUP, "an explanation over HTTP, p99", milliseconds(0.99), "ms", Target::AtMost(50.0), note);
        Ok(())
    }

    async fn decisions(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let listed: Value = self.ok("/v1/reviews?limit=200").await?.json()?;
        let cases = listed["cases"].as_array().context("the queue is a list")?;
        let mut from = 0;
        loop {
            let next = self.stream(from).await?.0;
            if next == from {
                break;
            }
            from = next;
        }
        let mut times = Quantiles::default();
        for case in cases.iter().filter(|case| case["payment_count"] == 1).take(DECIDED) {
            let id = case["payments"][0]["transaction_id"].as_str().context("a payment has an id")?;
            let path = format!("/v1/reviews/{}:decide", case["case_id"].as_str().context("a case has an id")?);
            let body = json!({ "version": case["version"], "outcome": "confirmed_fraud", "reason": "bench" });
            let begun = monotonic();
            let decided = self.change(Method::POST, &path, &body).await?;
            if decided["status"] != "closed" {
                continue;
            }
            loop {
                let (next, body) = self.stream(from).await?;
                from = next;
                if body.windows(id.len()).any(|part| part == id.as_bytes()) {
                    break;
                }
                ensure!(begun.elapsed() < PATIENCE, "the label of {id} does not come");
            }
            times.record(begun.elapsed());
        }
        ensure!(!times.is_empty(), "no case was decided");
        let milliseconds = |share| times.microseconds(share) / 1e3;
        let note = format!("p50 {:.1} ms of {} decisions", milliseconds(0.5), times.len());
        let name = "a decision is a label for training, slowest";
        figures.aim(GROUP, name, milliseconds(1.0), "ms", Target::AtMost(1_000.0), note);
        Ok(())
    }

    async fn queue(&self, cases: usize, figures: &mut Figures) -> anyhow::Result<()> {
        let (callers, mut sending) = (Arc::new(Semaphore::new(CALLERS)), JoinSet::new());
        for number in 0..cases {
            let (client, callers) = (self.client.clone(), Arc::clone(&callers));
            let payment: ScoreRequest = serde_json::from_value(json!({
                "transaction_id": format!("queue-{number}"), "account": format!("queue-{number}"), "merchant": "shop",
                "amount_minor": 1_000 + number % 5_000, "currency": "EUR", "channel": "ecommerce",
            }))?;
            sending.spawn(async move {
                let _turn = callers.acquire_owned().await;
                client.score_patiently(&payment).await
            });
        }
        while let Some(sent) = sending.join_next().await {
            sent?.map_err(anyhow::Error::msg)?;
        }
        let begun = monotonic();
        let waiting = loop {
            let figures: Value = self.ok("/v1/reviews?limit=1").await?.json()?;
            let waiting = figures["figures"]["pending"].as_u64().unwrap_or(0);
            if waiting >= cases as u64 {
                break waiting;
            }
            ensure!(begun.elapsed() < PATIENCE, "only {waiting} cases wait");
        };
        let mut times = Quantiles::default();
        for _ in 0..ASKED {
            times.record(self.time("/v1/reviews?limit=50").await?);
        }
        let milliseconds = |share| times.microseconds(share) / 1e3;
        let note = format!("p50 {:.2} ms; {} cases wait", milliseconds(0.5), grouped(waiting as f64));
        figures.tell(GROUP, "fifty cases of a full queue, p99", milliseconds(0.99), "ms", note);
        Ok(())
    }

    /// The same question with a token and, in turns, without one where none is asked for.
    async fn door(&self, held: &[String], named: &FraudnetClient, figures: &mut Figures) -> anyhow::Result<()> {
        let named = Bench { client: named.clone() };
        let (mut with, mut without) = (Quantiles::default(), Quantiles::default());
        for id in held.iter().cycle().take(4 * ASKED) {
            let path = format!("/v1/verdicts/{}", segment(id));
            without.record(self.time(&path).await?);
            with.record(named.time(&path).await?);
        }
        let [with, without] = [with, without].map(|times| times.microseconds(0.5));
        let note = format!("a verdict by id, p50 {with:.0} µs with a token, {without:.0} µs without");
        figures.tell(GROUP, "times for asking with a token", with / without, "×", note);
        Ok(())
    }

    async fn time(&self, path: &str) -> anyhow::Result<Duration> {
        let begun = monotonic();
        self.ok(path).await?;
        Ok(begun.elapsed())
    }

    async fn ok(&self, path: &str) -> anyhow::Result<Reply> {
        let reply = self.client.get(path).await?;
        if reply.status != 200 {
            bail!("GET {path}: {}", reply.detail());
        }
        Ok(reply)
    }

    async fn change(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let sender = Sender { actor: "bench".to_owned(), key: None };
        let reply = self.client.change(method, path, body.to_string().into(), &sender).await?;
        if reply.status != 200 {
            bail!("{path}: {}", reply.detail());
        }
        Ok(reply.json()?)
    }

    /// What the training stream holds from there on, and where it goes on.
    async fn stream(&self, from: u64) -> anyhow::Result<(u64, Vec<u8>)> {
        let reply = self.ok(&format!("/v1/training/stream?from={from}&limit=5000&wait_ms=50")).await?;
        let next = reply.header(NEXT_POSITION).and_then(|next| next.parse().ok()).context("the stream goes on")?;
        Ok((next, reply.body.to_vec()))
    }
}
