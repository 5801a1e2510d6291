//! Serving: which models answer payments, and who answers when they do not.
//!
//! Reading order: [`Serving`] below (what everybody holds) → [`Roster`] (the models of the moment) → [`Route`] (by what one payment is
//! decided) → `loaded` (a version with its sessions) → `ladder` (the first model, then those below, then the rules) → `lane` (the thread
//! of the lower tiers) → `breaker` (leaving a model alone that keeps failing) → `swap` (loading and changing models under load) →
//! `shadow` (models that are asked without being heard) → `fault` (faults injected by tests). The workers are in [`crate::inference`].
//!
//! It never knows HTTP, the graph, how a model computes, or why a version was promoted.

mod breaker;
mod fault;
mod ladder;
mod lane;
mod loaded;
mod roster;
mod route;
mod ruling;
mod shadow;
mod swap;

pub use breaker::{Breaker, BreakerConfig, Failure};
pub use loaded::LoadedModel;
pub(crate) use loaded::Seat;
#[cfg(test)]
pub(crate) use loaded::fake;
use roster::Tried;
pub use roster::{Roster, Rungs};
pub use route::{Answer, Route};
pub(crate) use ruling::Ruled;
pub use shadow::Shadow;

use crate::control::Control;
use crate::engine::Evidence;
use crate::inference::{self, InferenceConfig, Job};
use crate::log::EventLog;
use crate::policy::CompiledPolicy;
use crate::service::Health;
use crate::verdict::Decision;
use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};
use fraudnet_graph::Event;
use fraudnet_models::registry::Registry;
use fraudnet_models::{ModelRef, RuntimeConfig, Trust, initialise_runtime, resolve_version};
use lane::Descent;
use loaded::{Role, Running};
use metrics::{describe_counter, describe_gauge};
use shadow::Aside;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use swap::Swap;

/// Families whose champions are the rungs of the ladder, best first.
const LADDER_FAMILIES: [&str; 2] = ["trees-v2", "trees-v1"];

/// When the tiers below the first answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LadderConfig {
    /// When a model is left alone.
    pub breaker: BreakerConfig,
    /// A payment that a model has had for so long without answering counts as a failure of the model.
    pub timeout: Duration,
    /// Part of a payment's time that is kept back for the tiers below.
    pub reserve: Duration,
    /// What is decided where not even the payment's neighbourhood is known in time; none: the verdict waits for it.
    pub default_decision: Option<Decision>,
}

/// Checked settings of serving.
#[derive(Debug, Clone)]
pub struct ServingConfig {
    /// Folder of the version that serves until told otherwise, or of its family.
    pub model_folder: PathBuf,
    /// Folder of all versions; none: the one that the family of `model_folder` lies in.
    pub registry: Option<PathBuf>,
    /// Who may have signed a version.
    pub trust: Trust,
    /// ONNX Runtime settings.
    pub runtime: RuntimeConfig,
    /// The workers.
    pub inference: InferenceConfig,
    /// The tiers below the first.
    pub ladder: LadderConfig,
}

/// Handle to what serves; cheap to clone.
#[derive(Clone)]
pub struct Serving {
    inner: Arc<Inner>,
}

struct Inner {
    config: ServingConfig,
    running: Running,
    registry: Registry,
    /// What serves where no change says otherwise.
    configured: Configured,
    roster: ArcSwap<Roster>,
    swap: Mutex<Swap>,
    jobs: Sender<Job>,
    lane: Sender<Descent>,
    /// Threads end when it goes.
    run: Mutex<Option<Sender<()>>>,
    stopped: Receiver<()>,
    /// Set once there are.
    links: OnceLock<Links>,
}

/// Versions that serve where no change says otherwise.
#[derive(Debug, Clone)]
struct Configured {
    champion: ModelRef,
    ladder: [Option<ModelRef>; 2],
}

/// Whom serving tells of what goes wrong.
struct Links {
    health: Arc<Health>,
    control: Control,
    shadow: Sender<Aside>,
}

impl Serving {
    /// Loads the configured champion and the ladder below it, each held to its golden vectors, and starts the threads that run them.
    ///
    /// # Errors
    /// Where the champion is refused or cannot be run, or the registry is not there. A rung that is at fault is left out, with a warning.
    pub(crate) fn start(config: ServingConfig) -> anyhow::Result<(Serving, Vec<JoinHandle<()>>)> {
        describe();
        let refused = || format!("the model in {} was refused", config.model_folder.display());
        let folder = resolve_version(&config.model_folder).with_context(refused)?;
        let running = Running {
            workers: config.inference.workers,
            runtime: config.runtime.clone(),
            breaker: config.ladder.breaker,
        };
        let champion = LoadedModel::open(&folder, None, &config.trust, &running)
            .map_err(anyhow::Error::msg)
            .with_context(refused)?;
        initialise_runtime(&config.runtime)?;
        champion.prepare(Role::First).map_err(anyhow::Error::msg)?;
        let champion = Arc::new(champion);
        let root = config.registry.clone().map_or_else(|| beside(&folder), Ok)?;
        let registry = Registry::open(&root)?.with(champion.model.clone(), &folder);
        let ladder = LADDER_FAMILIES.map(|family| {
            let version = registry.champion_of(family);
            if version.is_none() {
                tracing::info!(family, registry = %root.display(), "the registry has no champion of this family; the ladder goes on without");
            }
            version
        });
        let configured = Configured { champion: champion.model.clone(), ladder };

        let (run, stopped) = crossbeam_channel::bounded(0);
        let InferenceConfig { queue, max_batch, .. } = config.inference;
        let (jobs, mut threads) =
            inference::spawn(config.inference, &stopped).context("the inference threads did not start")?;
        let (lane, fallback) =
            lane::spawn(queue, max_batch, stopped.clone()).context("the fallback thread did not start")?;
        threads.push(fallback);
        let serving = Serving {
            inner: Arc::new(Inner {
                running,
                registry,
                configured,
                roster: ArcSwap::from_pointee(Roster::new(
                    champion,
                    [None, None],
                    Arc::new(CompiledPolicy::none()),
                    Arc::default(),
                    Tried::default(),
                )),
                swap: Mutex::default(),
                jobs,
                lane,
                run: Mutex::new(Some(run)),
                stopped,
                links: OnceLock::new(),
                config,
            }),
        };
        serving.apply(&Arc::default());
        Ok((serving, threads))
    }

    /// Tells it whom to tell of what goes wrong, and starts the thread of shadows, which write to the log. Once, before traffic.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn link(&self, health: Arc<Health>, control: Control, log: EventLog) -> anyhow::Result<JoinHandle<()>> {
        let (shadow, thread) =
            shadow::spawn(log, self.inner.stopped.clone()).context("the shadow thread did not start")?;
        let linked = self.inner.links.set(Links { health, control, shadow }).is_ok();
        debug_assert!(linked, "linked once");
        Ok(thread)
    }

    /// Has the shadows of a payment asked that was answered.
    pub(crate) fn aside(&self, route: &Route, evidence: &Arc<Evidence>, answer: &Answer) {
        let (false, Some(links)) = (route.shadows.is_empty(), self.inner.links.get()) else { return };
        let aside = Aside {
            evidence: Arc::clone(evidence),
            answer: answer.clone(),
            served: Arc::clone(&route.model),
            lists: Arc::clone(&route.lists),
            shadows: route.shadows.clone(),
        };
        shadow::offer(&links.shadow, aside);
    }

    /// What serves now.
    pub fn roster(&self) -> Arc<Roster> {
        self.inner.roster.load_full()
    }

    /// By what a payment is decided.
    pub fn route(&self, event: &Event) -> Route {
        self.inner.roster.load().route(event)
    }

    /// The folder of all versions.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Who may have signed a version.
    pub fn trust(&self) -> &Trust {
        &self.inner.config.trust
    }

    /// How models are run.
    pub fn runtime(&self) -> &RuntimeConfig {
        &self.inner.running.runtime
    }

    /// What is decided where not even the payment's neighbourhood is known in time.
    pub(crate) fn default_decision(&self) -> Option<Decision> {
        self.inner.config.ladder.default_decision
    }

    /// Ends the threads. Nothing must be waiting for a model any more.
    pub(crate) fn stop(&self) {
        self.inner.run.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The registry that a version's folder lies in: two above.
fn beside(folder: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(folder)
        .with_context(|| format!("{} has no absolute path; set model.registry", folder.display()))?;
    let root = absolute.ancestors().nth(2);
    ensure!(root.is_some(), "{} lies in no registry; set model.registry", folder.display());
    Ok(root.map(Path::to_path_buf).unwrap_or_default())
}

fn describe() {
    describe_gauge!("fraudnet_model_breaker_open", "1 while a model is left alone because it kept failing, by model");
    describe_counter!("fraudnet_model_failures_total", "Payments that a model failed, by model and cause");
    describe_counter!("fraudnet_model_load_failures_total", "Versions that should have served and could not be loaded");
    describe_counter!(
        "fraudnet_shadow_dropped_total",
        "Payments that a shadow was not asked about, or whose note was not kept, by experiment"
    );
    describe_counter!("fraudnet_model_swaps_total", "Times that what serves was swapped");
    describe_gauge!("fraudnet_model_info", "1 for each version that serves, by role, model and version");
}
