//! Starting and ending: what is opened in which order, and which threads there are.
//!
//! Threads: `log-writer`, `inference-0…`, `engine`, `follower`. Everything that can be wrong with settings, model or file
//! is found before any of them takes traffic.

use super::claims::Claims;
use super::decide::Desk;
use super::health::Health;
use super::replay::replay;
use super::{Inner, Service, ServiceConfig};
use crate::clock;
use crate::engine::{Command, Engine};
use crate::follower::Follower;
use crate::inference::{self, InferenceConfig};
use crate::log::{EventLog, LogConfig};
use crate::meters::{self, Meters};
use crate::policy::Policy;
use anyhow::{Context, bail, ensure};
use crossbeam_channel::Receiver;
use fraudnet_features::{State, Tensor};
use fraudnet_models::{Artifact, ModelSession, initialise_runtime, resolve_version};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

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
    meters::bound("log", config.log_queue);
    meters::bound("engine", config.engine_queue);
    meters::bound("inference", config.inference_queue);

    let artifact = resolve_version(&config.model_folder)
        .and_then(|folder| Artifact::load(&folder))
        .with_context(|| format!("the model in {} was refused", config.model_folder.display()))?;
    let policy = Policy::new(&artifact.manifest)?;
    initialise_runtime(&config.runtime)?;
    let mut models = Vec::with_capacity(config.inference_workers);
    for _ in 0..config.inference_workers {
        let mut session = ModelSession::new(&artifact, &config.runtime)?;
        artifact.verify_golden(&mut session)?;
        models.push(move |tensors: &[&Tensor]| session.run(tensors));
    }

    let log_config = LogConfig {
        folder: config.data_folder.clone(),
        durability: config.durability,
        queue: config.log_queue,
        lose_unsynced_writes: config.lose_unsynced_writes,
    };
    let (log, writer) = EventLog::open(&log_config)?;
    let health = Arc::new(Health::new(log.durable_end()));
    let batching =
        InferenceConfig { queue: config.inference_queue, max_batch: config.max_batch, batch_wait: config.batch_wait };
    let (jobs, workers) = inference::spawn(models, batching).context("the inference threads did not start")?;
    let (follower, following) =
        Follower::spawn(log.clone(), config.limits).context("the follower thread did not start")?;

    let desk = Arc::new(Desk {
        policy,
        model: artifact.manifest.name.clone(),
        model_version: artifact.manifest.version.clone(),
        log,
        claims: Claims::default(),
        health,
        meters: Meters::new(),
    });
    let (engine, commands) = crossbeam_channel::bounded(config.engine_queue);
    let engine_desk = Arc::clone(&desk);
    let limits = config.limits;
    let engine_thread = Builder::new()
        .name("engine".to_owned())
        .spawn(move || run_engine(&engine_desk, Engine::new(State::new(limits), jobs), &commands))
        .context("the engine thread did not start")?;
    let mut threads = vec![engine_thread, following];
    threads.extend(workers);
    threads.push(writer);
    tracing::info!(model = desk.model, version = desk.model_version, tier = artifact.manifest.scorer.tier_name(), policy = desk.policy.version(), log = %desk.log.path().display(), entries = desk.log.durable_end(), "the service starts");
    Ok(Service {
        inner: Arc::new(Inner {
            desk,
            engine,
            follower,
            commit_reserve: config.commit_reserve,
            threads: Mutex::new(threads),
        }),
    })
}

fn run_engine(desk: &Desk, mut engine: Engine, commands: &Receiver<Command>) {
    let guard = FailOnPanic(desk);
    match replay(desk, &mut engine) {
        Ok(true) => {
            desk.health.replayed();
            engine.run(commands);
        }
        Ok(false) => {}
        Err(reason) => desk.health.fail(&reason),
    }
    std::mem::forget(guard);
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
