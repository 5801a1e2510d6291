//! Starting and ending: what is opened in which order, and which threads there are.
//!
//! Threads: `log-writer`, `inference-0…`, `fallback`, `shadow`, `engine`, `control`, `reviews`, `follower`, `explain`, `audit`, `snapshots`, `vault`; in a cluster also `merge`, `scorer` and those of Kafka's client. Everything that can be wrong with settings, model or file
//! is found before any of them takes traffic.

use super::claims::Claims;
use super::decide::Desk;
use super::health::Health;
use super::labels::Labels;
use super::replay::replay;
use super::{Inner, Service, ServiceConfig, people};
use crate::clock;
use crate::cluster::kafka::Topic;
use crate::cluster::{self, Cluster};
use crate::control::Control;
use crate::drift::{self, Drift};
use crate::engine::{Command, Engine};
use crate::experiments::watch::{Around, Watch};
use crate::explain::ExplainDesk;
use crate::follower::Follower;
use crate::inference::InferenceConfig;
use crate::log::{EventLog, LogConfig, LogError};
use crate::meters::{self, Meters};
use crate::policy::dry_run::DryRuns;
use crate::provenance::{self, Audit};
use crate::reviews::{self, Reviews};
use crate::serving::{Serving, ServingConfig};
use crate::snapshot::{self, SnapshotStore, Taker, TakerLog};
use anyhow::{Context, bail, ensure};
use crossbeam_channel::{Receiver, Sender};
use fraudnet_features::State;
use fraudnet_graph::Limits;
use fraudnet_models::Trust;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How long a label of a case that was decided may take to become durable.
const LABEL_PATIENCE: Duration = Duration::from_secs(10);
/// How often a drain looks whether the payments begun are finished.
const DRAIN_POLL: Duration = Duration::from_millis(2);

pub(super) fn start(config: ServiceConfig) -> anyhow::Result<Service> {
    let bounds =
        [config.log_queue, config.engine_queue, config.inference_queue, config.inference_workers, config.max_batch];
    ensure!(
        bounds.iter().all(|bound| *bound > 0),
        "every queue bound, the number of inference workers and the batch size must be at least 1"
    );
    meters::describe();
    crate::policy::compile::describe();
    meters::bound("log", config.log_queue);
    meters::bound("engine", config.engine_queue);
    meters::bound("inference", config.inference_queue);

    let (serving, workers) = Serving::start(serving_config(&config)?)?;

    let cluster = config.cluster.clone().map(cluster::prepare).transpose()?;
    let store = SnapshotStore::open(&config.snapshot.location)?;
    let log_config = LogConfig {
        folder: config.data_folder.clone(),
        durability: config.durability,
        queue: config.log_queue,
        lose_unsynced_writes: config.lose_unsynced_writes,
    };
    let (log, writer) = match EventLog::open(&log_config) {
        // The topics hold all of it.
        Err(LogError::Damaged { path, reason }) if cluster.is_some() => {
            let aside = path.with_extension("damaged");
            tracing::error!(journal = %path.display(), aside = %aside.display(), reason, "the journal is damaged; it is set aside and rebuilt from Kafka");
            std::fs::rename(&path, &aside).with_context(|| format!("{} cannot be set aside", path.display()))?;
            EventLog::open(&log_config)?
        }
        opened => opened?,
    };
    let health = Arc::new(Health::new(log.durable_end()));
    let (follower, following) =
        Follower::spawn(log.clone(), config.limits, config.evidence).context("the follower thread did not start")?;

    let (explaining, explains) =
        ExplainDesk::spawn(config.runtime.clone()).context("the explain thread did not start")?;
    let (drift_tap, tapped) = drift::tap();
    let desk = Arc::new(Desk {
        serving,
        log,
        claims: Claims::default(),
        health,
        meters: Meters::new(),
        example_share: config.example_share,
        drift: drift_tap,
        open: Mutex::default(),
    });
    let (engine, commands) = crossbeam_channel::bounded(config.engine_queue);
    let limits = config.limits;
    let mut threads = vec![following, explains];
    let rim = cluster.as_ref().map(cluster::Prepared::cluster);
    let (control, control_fold) =
        Control::open(desk.log.clone(), rim.clone(), &config.control).map_err(anyhow::Error::msg)?;
    let people = people::open(config.privacy.as_ref(), &desk.log, &control.state().privacy)?;
    threads.push(desk.serving.link(Arc::clone(&desk.health), control.clone(), desk.log.clone())?);
    desk.serving.apply(&control.state());
    control.listen(desk.serving.listener());
    let (ending, failing) = (Arc::clone(&desk.health), Arc::clone(&desk.health));
    threads.push(
        control
            .spawn(
                control_fold,
                move || ending.ending(),
                move |reason| failing.degrade("control", Some(reason.to_owned())),
            )
            .context("the control thread did not start")?,
    );
    let (drift, watching) = watch_drift(&config, &desk, &control, rim.clone(), tapped)?;
    threads.extend(watching);
    let (experiments, watching) = watch_experiments(&config, &desk, &control, rim.clone())?;
    threads.push(watching);
    let (audit, keeping) = keep_audit(&config, &desk)?;
    threads.extend(keeping);
    let labels = Labels { desk: Arc::clone(&desk), engine: engine.clone(), cluster: rim.clone() };
    let (reviews, keeping) = keep_reviews(&config, &labels)?;
    threads.push(keeping);
    let (replayed, token) = crossbeam_channel::bounded(1);
    if let Some(cluster) = cluster {
        threads.extend(cluster.spawn(&desk, engine.clone(), token)?);
    }
    let start =
        EngineStart { desk: Arc::clone(&desk), cluster: rim.clone(), store: store.clone(), limits, commands, replayed };
    threads.push(
        Builder::new()
            .name("engine".to_owned())
            .spawn(move || start.run())
            .context("the engine thread did not start")?,
    );
    let dry_runs = DryRuns::new(desk.log.clone(), config.limits, store.clone());
    let snapshots = store.map(|store| take_snapshots(store, &config, &desk, rim.clone())).transpose()?;
    let snapshots = snapshots.map(|(taker, thread)| {
        threads.push(thread);
        taker
    });
    threads.extend(workers);
    threads.push(writer);
    let roster = desk.serving.roster();
    let champion = &roster.champion;
    tracing::info!(model = champion.model.name, version = champion.model.version, tier = champion.tier.name(), policy = champion.policy.version(), log = %desk.log.path().display(), entries = desk.log.durable_end(), "the service starts");
    Ok(Service {
        inner: Arc::new(Inner {
            desk,
            engine,
            labels,
            reviews,
            control,
            drift,
            audit,
            experiments,
            follower,
            explaining,
            cluster: rim,
            snapshots,
            dry_runs,
            people,
            commit_reserve: config.commit_reserve,
            threads: Mutex::new(threads),
        }),
    })
}

fn serving_config(config: &ServiceConfig) -> anyhow::Result<ServingConfig> {
    let trust = match &config.control.trusted_keys {
        Some(folder) => Trust::read(folder, config.control.require_signature)?,
        None => Trust::none(),
    };
    Ok(ServingConfig {
        model_folder: config.model_folder.clone(),
        registry: config.model_registry.clone(),
        trust,
        runtime: config.runtime.clone(),
        inference: InferenceConfig {
            workers: config.inference_workers,
            queue: config.inference_queue,
            max_batch: config.max_batch,
            batch_wait: config.batch_wait,
        },
        ladder: config.ladder,
    })
}

/// Starts the drift monitor.
fn watch_drift(
    config: &ServiceConfig,
    desk: &Arc<Desk>,
    control: &Control,
    cluster: Option<Arc<Cluster>>,
    tapped: drift::Tap,
) -> anyhow::Result<(Drift, Option<JoinHandle<()>>)> {
    let (serving, ending) = (desk.serving.clone(), Arc::clone(&desk.health));
    let links = drift::Links {
        log: desk.log.clone(),
        control: control.clone(),
        champion: Box::new(move || serving.roster().champion.model.to_string()),
        scores: Box::new(move || cluster.as_ref().is_none_or(|cluster| cluster.owns())),
        ending: Box::new(move || ending.ending()),
        runtime: tokio::runtime::Handle::try_current().ok(),
        folder: config.data_folder.clone(),
    };
    drift::spawn(config.drift.clone(), tapped, links).context("the drift thread did not start")
}

/// Starts the thread that grows the audit tree.
fn keep_audit(config: &ServiceConfig, desk: &Arc<Desk>) -> anyhow::Result<(Audit, Option<JoinHandle<()>>)> {
    let (ending, failing) = (Arc::clone(&desk.health), Arc::clone(&desk.health));
    let links = provenance::Links {
        log: desk.log.clone(),
        ending: Box::new(move || ending.ending()),
        degrade: Box::new(move |reason| failing.degrade("audit", reason)),
        runtime: tokio::runtime::Handle::try_current().ok(),
    };
    provenance::open(config.audit.clone(), config.data_folder.join(provenance::FOLDER), links)
}

/// Starts the thread that keeps the cases.
fn keep_reviews(config: &ServiceConfig, labels: &Labels) -> anyhow::Result<(Reviews, JoinHandle<()>)> {
    let Labels { desk, cluster, .. } = labels;
    let reviews = Reviews::open(desk.log.clone(), cluster.clone()).map_err(anyhow::Error::msg)?;
    let (ending, gate, failing) = (Arc::clone(&desk.health), Arc::clone(&desk.health), Arc::clone(&desk.health));
    let (cluster, labels) = (cluster.clone(), labels.clone());
    let runtime = tokio::runtime::Handle::try_current().ok();
    let logging = runtime.clone();
    let links = reviews::Links {
        settings: config.cases.clone(),
        acts: Box::new(move || gate.gate().is_ok() && cluster.as_ref().is_none_or(|cluster| cluster.owns())),
        tell: Box::new(move |told| {
            let runtime = logging.as_ref().ok_or("labels are told from within a runtime")?;
            runtime
                .block_on(labels.log_all(told, clock::monotonic() + LABEL_PATIENCE))
                .map_err(|error| error.to_string())
        }),
        degrade: Box::new(move |reason| failing.degrade("reviews", reason)),
        ending: Box::new(move || ending.ending()),
        runtime,
    };
    let keeping = reviews::spawn(&reviews, links).context("the reviews thread did not start")?;
    Ok((reviews, keeping))
}

/// Starts the thread that counts experiments and makes their steps.
fn watch_experiments(
    config: &ServiceConfig,
    desk: &Arc<Desk>,
    control: &Control,
    cluster: Option<Arc<Cluster>>,
) -> anyhow::Result<(Watch, JoinHandle<()>)> {
    let (serving, ending) = (desk.serving.clone(), Arc::clone(&desk.health));
    let runtime = tokio::runtime::Handle::try_current().ok();
    let around = Around {
        acts: Box::new(move || cluster.as_ref().is_none_or(|cluster| cluster.owns())),
        load: Box::new(move |model| match &runtime {
            Some(runtime) => runtime.block_on(serving.load(model)).map(drop),
            None => Err("models are loaded from within a runtime".to_owned()),
        }),
        ending: Box::new(move || ending.ending()),
    };
    Watch::spawn(desk.log.clone(), control.clone(), config.experiments, around)
        .context("the experiments thread did not start")
}

/// What the engine's thread begins with.
struct EngineStart {
    desk: Arc<Desk>,
    cluster: Option<Arc<Cluster>>,
    store: Option<SnapshotStore>,
    limits: Limits,
    commands: Receiver<Command>,
    /// Told once the log is replayed.
    replayed: Sender<()>,
}

impl EngineStart {
    fn run(self) {
        let desk = &self.desk;
        let guard = FailOnPanic(desk);
        let begun = clock::monotonic();
        let newest = self
            .store
            .as_ref()
            .and_then(|store| snapshot::newest_good(store, desk.log.identity(), desk.log.durable_end(), self.limits));
        let (state, from) = match newest {
            Some((state, mark)) => {
                let seconds = clock::monotonic().saturating_duration_since(begun).as_secs_f64();
                tracing::info!(position = mark.position, seconds, "starting from a snapshot");
                (state, mark.position)
            }
            None => (State::new(self.limits), 0),
        };
        let mut engine = Engine::new(state, desk.serving.clone());
        match replay(desk, &mut engine, from, self.cluster.as_deref()) {
            Ok(true) => {
                if self.cluster.is_some() {
                    desk.health.catch_up();
                    // Nobody listens only where the service ends.
                    let _ = self.replayed.send(());
                } else {
                    desk.health.replayed();
                }
                engine.run(&self.commands);
            }
            Ok(false) => {}
            Err(reason) => desk.health.fail(&reason),
        }
        std::mem::forget(guard);
    }
}

/// Starts the thread that makes snapshots.
fn take_snapshots(
    store: SnapshotStore,
    config: &ServiceConfig,
    desk: &Arc<Desk>,
    cluster: Option<Arc<Cluster>>,
) -> anyhow::Result<(Taker, JoinHandle<()>)> {
    snapshot::describe();
    let (reading, settling, places) = (desk.log.clone(), Arc::clone(desk), desk.log.clone());
    let topics: &[Topic] = if cluster.is_some() { &[Topic::Transactions, Topic::Labels, Topic::Verdicts] } else { &[] };
    let log = TakerLog {
        journal: desk.log.identity(),
        read_from: Box::new(move |position, limit| reading.read_from(position, limit)),
        settled: Box::new(move || settled(&settling, cluster.as_deref())),
        offsets: Box::new(move || {
            let offset = |topic: &Topic| Some((topic.name().to_owned(), places.offset(topic.name()).ok()??));
            topics.iter().filter_map(offset).collect()
        }),
    };
    Taker::spawn(store, &config.snapshot, config.limits, log).context("the snapshots thread did not start")
}

/// First log position that is not durable, or whose payment a restart may still have to decide.
fn settled(desk: &Desk, cluster: Option<&Cluster>) -> u64 {
    if !desk.health.caught_up() {
        return 0;
    }
    // The end first: whatever is below it was in a queue of undecided payments before.
    let end = desk.log.durable_end();
    let oldest = match cluster {
        Some(cluster) => cluster.undecided().oldest(),
        None => desk.open().first().copied(),
    };
    oldest.map_or(end, |oldest| oldest.min(end))
}

/// A broken invariant in the engine must not leave a service that looks well.
struct FailOnPanic<'a>(&'a Desk);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        self.0.health.fail("the engine stopped on a broken invariant; start the service again");
    }
}

/// Stops taking payments, finishes those begun, makes everything durable, ends all threads and lets go of the file.
pub(super) async fn drain(inner: &Arc<Inner>, limit: Duration) -> anyhow::Result<()> {
    let desk = &inner.desk;
    let until = clock::monotonic() + limit;
    desk.health.drain();
    while desk.claims.count() > 0 {
        if clock::monotonic() >= until {
            bail!(
                "{} payments were still undecided after {} s; they will be decided at the next start",
                desk.claims.count(),
                limit.as_secs_f32()
            );
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
    let threads = std::mem::take(&mut *inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
    let ending = Arc::clone(inner);
    let joined = tokio::task::spawn_blocking(move || {
        ending.signal_end();
        let panicked = threads.into_iter().map(std::thread::JoinHandle::join).filter(Result::is_err).count();
        ending.desk.log.release_file();
        panicked
    });
    match tokio::time::timeout_at(until.into(), joined).await {
        Ok(Ok(0)) => {}
        Ok(Ok(panicked)) => {
            bail!("{panicked} threads had ended on a broken invariant; see the log lines before this one")
        }
        Ok(Err(error)) => bail!("the threads could not be waited for: {error}"),
        Err(_) => bail!("the threads did not end within {} s", limit.as_secs_f32()),
    }
    if let Some(reason) = desk.log.failure() {
        bail!("the event log failed: {reason}");
    }
    tracing::info!(entries = desk.log.durable_end(), "drained");
    Ok(())
}
