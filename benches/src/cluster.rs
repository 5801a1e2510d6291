//! The service between a real broker and a real Redis, all on this machine: what the stream path carries, how long a payment of the stream
//! waits for its verdict, and how soon a second replica knows of an edge.
//!
//! Broker, Redis, replicas and what loads them share the cores; nothing is left out of the times. A verdict counts as there when a
//! `read_committed` consumer outside of the service has it.

use crate::Quantiles;
use crate::figures::{Figures, Target, grouped};
use crate::load::Load;
use crate::messages::Messages;
use crate::simulated::Requests;
use anyhow::{Context, anyhow, bail, ensure};
use fraudnet_graph::Event;
use fraudnet_scoring::clock::monotonic;
use fraudnet_scoring::cluster::kafka::{KafkaConfig, Reader, Topic, Wanted};
use fraudnet_scoring::config;
use fraudnet_tests::Folder;
use fraudnet_tests::cluster::{Kafka, Producer, Redis, Replica, Site, cluster_parts};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const GROUP: &str = "cluster";
/// What the stream path is to carry, verdicts a second; waiting times are told at half of it.
const AIM: f64 = 1_000.0;
/// Payments a second over HTTP, as in the group `http`.
const CALM: f64 = 200.0;
/// Payments a second of the stream while edges are looked for on the second replica.
const BESIDE: f64 = 100.0;
/// Between two payments whose edges are looked for.
const PROBE_EVERY: Duration = Duration::from_millis(40);
/// How long a verdict or an edge may be missing before nothing more is hoped for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Part of a backlog at its begin that is not counted: caches and batches have to find their size.
const WARM_SHARE: usize = 10;

/// Measures.
///
/// # Errors
/// Kafka, Redis or a replica cannot be had, or a payment gets no verdict.
pub fn measure(model: &Path, events: &[Event], small: bool, figures: &mut Figures) -> anyhow::Result<()> {
    let Some(parts) = cluster_parts() else { bail!("Kafka or Redis is missing: run `make setup`") };
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the load generator cannot start its thread")?;
    // What starts the parts panics where one does not come up; that is one group that could not be measured, not the end of all.
    let measured = catch_unwind(AssertUnwindSafe(|| {
        let folder = Folder::new("bench-cluster");
        let kafka = Kafka::start(parts, &folder.join("kafka"));
        let redis = Redis::start(parts, &folder.join("redis"));
        let site = runtime.block_on(Site::at("bench", &kafka.bootstrap(), &redis.url()));
        Bench::start(&runtime, &site, model, events, small)?.run(figures)
    }));
    measured.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a part did not come up".to_owned());
        Err(anyhow!(said))
    })
}

struct Bench<'a> {
    runtime: &'a Runtime,
    site: &'a Site,
    model: &'a Path,
    owner: Replica,
    producer: Producer,
    kafka: KafkaConfig,
    messages: Messages,
    requests: Arc<Requests>,
    small: bool,
}

impl<'a> Bench<'a> {
    fn start(
        runtime: &'a Runtime,
        site: &'a Site,
        model: &'a Path,
        events: &[Event],
        small: bool,
    ) -> anyhow::Result<Bench<'a>> {
        let owner = replica(runtime, site, model, "a");
        let settings = config::load(Some(&owner.folder().join("config.toml")))?;
        let cluster = settings.service.cluster.context("the replica's settings are those of a cluster")?;
        let producer = runtime.block_on(async { site.topics.producer() });
        Ok(Bench {
            runtime,
            site,
            model,
            owner,
            producer,
            kafka: cluster.kafka,
            messages: Messages::new(events),
            requests: Arc::new(Requests::new(events)),
            small,
        })
    }

    fn run(mut self, figures: &mut Figures) -> anyhow::Result<()> {
        let small = self.small;
        let seconds = |long: u32| Duration::from_secs(long.into()) / if small { 4 } else { 1 };
        let owner = &self.owner;
        self.runtime.block_on(owner.reaches("the partition", async || owner.owns().await));
        let backlog = if small { 3_000 } else { 15_000 };
        self.backlog(backlog, figures)?;
        self.waiting_times(seconds(20), figures)?;
        self.over_http(seconds(10), figures)?;
        self.staleness(if small { 100 } else { 400 }, figures)
    }

    /// How fast a backlog is worked off.
    fn backlog(&mut self, count: usize, figures: &mut Figures) -> anyhow::Result<()> {
        let first = self.messages.next_number();
        let arrivals = self.watch(count)?;
        for _ in 0..count {
            self.produce();
        }
        let arrivals = arrivals.wait()?;
        ensure!(arrivals.of.len() == count, "{} of {count} payments got a verdict", arrivals.of.len());
        let mut times: Vec<Instant> = arrivals.of.iter().map(|(_, at)| *at).collect();
        times.sort_unstable();
        let skipped = count / WARM_SHARE;
        let rate = (count - skipped) as f64 / (times[count - 1] - times[skipped]).as_secs_f64();
        let note = format!(
            "{} payments at once, from stream-{first} on; {:.1} % of the verdicts by the network",
            grouped(count as f64),
            arrivals.network_percent()
        );
        figures.aim(GROUP, "stream path, backlog worked off", rate, "/s", Target::AtLeast(AIM), note);
        Ok(())
    }

    /// From the moment a payment is due at its producer to its committed verdict at a consumer.
    fn waiting_times(&mut self, duration: Duration, figures: &mut Figures) -> anyhow::Result<()> {
        let rate = AIM / 2.0;
        let count = (rate * duration.as_secs_f64()) as usize;
        let first = self.messages.next_number();
        let arrivals = self.watch(count)?;
        let started = monotonic();
        for number in 0..count {
            let due = started + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(monotonic()));
            self.produce();
        }
        let arrivals = arrivals.wait()?;
        ensure!(arrivals.of.len() == count, "{} of {count} payments got a verdict", arrivals.of.len());
        let mut times = Quantiles::with_capacity(count);
        for (number, at) in &arrivals.of {
            let due = started + Duration::from_secs_f64((number - first) as f64 / rate);
            times.record(at.saturating_duration_since(due));
        }
        let milliseconds = |share| times.microseconds(share) / 1e3;
        let note = format!(
            "p50 {:.0} ms, longest {:.0} ms; {} payments; {:.1} % of the verdicts by the network",
            milliseconds(0.5),
            milliseconds(1.0),
            grouped(count as f64),
            arrivals.network_percent()
        );
        let name = format!("stream path at {rate:.0}/s, input to verdict, p99");
        figures.aim(GROUP, &name, milliseconds(0.99), "ms", Target::AtMost(150.0), note);
        Ok(())
    }

    /// What a caller of the HTTP API waits where the log is Kafka.
    fn over_http(&self, duration: Duration, figures: &mut Figures) -> anyhow::Result<()> {
        let report = Load::new(self.owner.address, &self.requests)?.open(CALM, duration);
        report.check().context("over HTTP")?;
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let name = format!("HTTP at {CALM:.0}/s, {name}");
            let note = format!("{} verdicts; {} payments put off", grouped(report.answered as f64), report.put_off());
            figures.tell(GROUP, &name, report.milliseconds(share), "ms", note);
        }
        Ok(())
    }

    /// From the broker's acknowledgement of a payment to the moment when the second replica shows its edges.
    fn staleness(mut self, probes: usize, figures: &mut Figures) -> anyhow::Result<()> {
        let second = replica(self.runtime, self.site, self.model, "b");
        let mut times = Quantiles::with_capacity(probes);
        let mut due = monotonic();
        for probe in 0..probes {
            let asked = monotonic();
            for _ in 0..(BESIDE * PROBE_EVERY.as_secs_f64()).round() as usize {
                self.produce();
            }
            let account = format!("probe-{probe}");
            let (key, message) = self.messages.next_of(Some(&account));
            let delivered = {
                let _inside = self.runtime.enter();
                self.producer.queue("transactions", &key, &message, &[])
            };
            times.record(self.runtime.block_on(async {
                delivered.await.map_err(|error| anyhow!("a payment was not taken: {error}"))?;
                let accepted = monotonic();
                let path = format!("/v1/entities/account/{account}/subgraph");
                while second.client.get(&path).await.status != 200 {
                    ensure!(accepted.elapsed() < PATIENCE, "the second replica never saw account {account}");
                    tokio::time::sleep(Duration::from_micros(500)).await;
                }
                Ok(accepted.elapsed())
            })?);
            due = due.max(asked) + PROBE_EVERY;
            std::thread::sleep(due.saturating_duration_since(monotonic()));
        }
        let milliseconds = |share| times.microseconds(share) / 1e3;
        let note = format!(
            "p50 {:.1} ms; {probes} payments beside {BESIDE:.0}/s, looked for through the API, which shows them after its journal's sync",
            milliseconds(0.5)
        );
        let name = "edge accepted to visible on the second replica, p99";
        figures.aim(GROUP, name, milliseconds(0.99), "ms", Target::AtMost(50.0), note);
        self.runtime.block_on(async { tokio::join!(second.stop(), self.owner.stop()) });
        Ok(())
    }

    /// Hands the next payment to the producer.
    fn produce(&mut self) {
        let (key, message) = self.messages.next_of(None);
        let _inside = self.runtime.enter();
        // A payment that is not taken shows as a verdict that is missing.
        drop(self.producer.queue("transactions", &key, &message, &[]));
    }

    /// Watches for that many verdicts on payments of the stream, from now on.
    fn watch(&self, count: usize) -> anyhow::Result<Watch> {
        let mut reader = Reader::start(&self.kafka, &[(Topic::Verdicts, Reader::EARLIEST)])?;
        while !reader.at_end(Topic::Verdicts) {
            reader.next(Duration::from_millis(100), Wanted::ALL)?;
        }
        let thread = std::thread::spawn(move || {
            let mut arrivals = Arrivals { of: Vec::with_capacity(count), by_network: 0 };
            let mut heard = monotonic();
            while arrivals.of.len() < count && heard.elapsed() < PATIENCE {
                let Some(verdict) = reader.next(Duration::from_millis(20), Wanted::ALL)? else { continue };
                heard = monotonic();
                let number = verdict.header_text("ce_subject").and_then(Messages::number);
                if let Some(number) = number {
                    arrivals.of.push((number, heard));
                    arrivals.by_network +=
                        u64::from(verdict.payload.windows(BY_NETWORK.len()).any(|part| part == BY_NETWORK));
                }
            }
            Ok(arrivals)
        });
        Ok(Watch(thread))
    }
}

const BY_NETWORK: &[u8] = br#""tier":"hybrid""#;

struct Watch(std::thread::JoinHandle<anyhow::Result<Arrivals>>);

/// When the verdicts on which payments came.
struct Arrivals {
    of: Vec<(u64, Instant)>,
    by_network: u64,
}

impl Watch {
    fn wait(self) -> anyhow::Result<Arrivals> {
        self.0.join().map_err(|_| anyhow!("the consumer of the verdicts ended"))?
    }
}

impl Arrivals {
    fn network_percent(&self) -> f64 {
        100.0 * self.by_network as f64 / self.of.len().max(1) as f64
    }
}

/// A replica on the released model, ready.
fn replica(runtime: &Runtime, site: &Site, model: &Path, name: &str) -> Replica {
    let settings = site
        .settings(name)
        .text("model.folder", &model.to_string_lossy())
        .set("input.max_event_age_days", 36_500)
        .text("telemetry.log_filter", "warn");
    runtime.block_on(Replica::start(&site.replica_folder(name), &settings))
}
