//! A model version ready to serve: its sessions, what decides by its scores, and how it has been doing.
//!
//! Sessions are opened by whoever may wait (a start, a promotion) and never by whoever serves a payment: one for each thread that will run
//! the model, each held to the golden vectors before it scores anything. A thread takes the lock of its own session, which nobody else
//! wants.

use super::breaker::{Breaker, BreakerConfig, Failure};
use super::fault::Fault;
use crate::clock;
use crate::policy::Policy;
use crate::verdict::Tier;
use fraudnet_features::Tensor;
use fraudnet_models::{Artifact, Manifest, ModelRef, ModelSession, RuntimeConfig, RuntimeError, Trust};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Runs a model: one raw logit for each tensor.
pub(crate) type Session = Box<dyn FnMut(&[&Tensor]) -> Result<Vec<f32>, RuntimeError> + Send>;
/// Opens one more session.
type Opener = Box<dyn Fn(Role) -> Result<Session, String> + Send + Sync>;

/// Who runs a model, and so which of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// The worker of that number.
    Worker(usize),
    /// The thread of the lower tiers.
    Fallback,
    /// The thread of shadow models.
    Shadow,
}

/// What a model is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// To be asked first.
    First,
    /// To answer where the first cannot.
    Fallback,
    /// To be asked without being heard.
    Shadow,
}

/// How models are run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    /// Inference workers.
    pub(crate) workers: usize,
    /// ONNX Runtime settings.
    pub(crate) runtime: RuntimeConfig,
    /// When a model is left alone.
    pub(crate) breaker: BreakerConfig,
}

/// A model version that is loaded and checked.
pub struct LoadedModel {
    /// Which version.
    pub model: ModelRef,
    /// Its manifest.
    pub manifest: Manifest,
    /// Who signed it, where somebody did whom this service trusts.
    pub author: Option<String>,
    /// The tier it answers as.
    pub tier: Tier,
    /// What is decided by its scores.
    pub policy: Policy,
    /// Whether it may be asked.
    pub breaker: Breaker,
    /// What it was read from; none where a test made it up.
    artifact: Option<Arc<Artifact>>,
    open: Opener,
    /// By [`Seat`]; one that is empty is not wanted so far.
    seats: Vec<OnceLock<Mutex<Session>>>,
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel").field("model", &self.model).field("tier", &self.tier).finish_non_exhaustive()
    }
}

impl LoadedModel {
    /// Reads and checks the version in a folder; no session is opened yet. `expected` is the version that should be there.
    ///
    /// # Errors
    /// Why it was refused.
    pub(crate) fn open(
        folder: &Path,
        expected: Option<&ModelRef>,
        trust: &Trust,
        running: &Running,
    ) -> Result<LoadedModel, String> {
        let (artifact, author) = Artifact::load_trusted(folder, trust).map_err(|error| error.to_string())?;
        let artifact = Arc::new(artifact);
        let model = ModelRef::from(&artifact.manifest);
        if let Some(expected) = expected.filter(|expected| **expected != model) {
            return Err(format!("the folder of {expected} holds {model}; publish {expected} again"));
        }
        let policy = Policy::new(&artifact.manifest).map_err(|error| error.to_string())?;
        let manifest = artifact.manifest.clone();
        let fault = Fault::of(&model).map(Arc::new);
        let (runtime, parts) = (running.runtime.clone(), Arc::clone(&artifact));
        let open: Opener = Box::new(move |role| {
            // A GPU is asked for where payments begin; trees below, which know none, may be there all the same.
            let require_gpu = runtime.require_gpu && role == Role::First;
            let runtime = RuntimeConfig { require_gpu, ..runtime.clone() };
            let mut session = ModelSession::new(&parts, &runtime).map_err(|error| error.to_string())?;
            parts.verify_golden(&mut session).map_err(|error| error.to_string())?;
            Ok(match fault.clone() {
                None => Box::new(move |tensors: &[&Tensor]| session.run(tensors)),
                Some(fault) => Box::new(move |tensors: &[&Tensor]| fault.hit(|| session.run(tensors))),
            })
        });
        let loaded = LoadedModel::new(model, manifest, author, policy, open, running);
        Ok(LoadedModel { artifact: Some(artifact), ..loaded })
    }

    /// Its files and golden vectors.
    pub(crate) fn artifact(&self) -> Option<&Artifact> {
        self.artifact.as_deref()
    }

    fn new(
        model: ModelRef,
        manifest: Manifest,
        author: Option<String>,
        policy: Policy,
        open: Opener,
        running: &Running,
    ) -> LoadedModel {
        LoadedModel {
            breaker: Breaker::new(&model.to_string(), running.breaker),
            tier: Tier::of(manifest.scorer),
            model,
            manifest,
            author,
            policy,
            artifact: None,
            open,
            seats: (0..running.workers + 2).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Opens the sessions that a role needs and that are not open yet, each held to the golden vectors. Takes from milliseconds to seconds.
    ///
    /// # Errors
    /// Why one cannot be opened, or is off the golden vectors.
    pub(crate) fn prepare(&self, role: Role) -> Result<(), String> {
        let workers = self.seats.len() - 2;
        let seats = match role {
            Role::First => 0..workers,
            Role::Fallback => workers..workers + 1,
            Role::Shadow => workers + 1..workers + 2,
        };
        for seat in &self.seats[seats] {
            if seat.get().is_none() {
                // One thread prepares at a time; were there two, one of two equal sessions would go.
                let _ = seat.set(Mutex::new((self.open)(role)?));
            }
        }
        Ok(())
    }

    /// Runs it for these payments: a finite raw logit for each, or how the model failed it.
    ///
    /// Where the model finds fault with one payment of several, each is run alone, so that one does not take the others down with it.
    pub(crate) fn run(&self, seat: Seat, tensors: &[&Tensor]) -> Vec<Result<f32, Failure>> {
        let workers = self.seats.len() - 2;
        let seat = match seat {
            Seat::Worker(number) => number,
            Seat::Fallback => workers,
            Seat::Shadow => workers + 1,
        };
        let Some(session) = self.seats.get(seat).and_then(OnceLock::get) else {
            tracing::error!(model = %self.model, seat, "the model has no session for this thread");
            return vec![Err(Failure::Error); tensors.len()];
        };
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match session(tensors) {
            Ok(logits) if logits.len() == tensors.len() => return logits.into_iter().map(finite).collect(),
            Ok(logits) => {
                tracing::error!(model = %self.model, payments = tensors.len(), logits = logits.len(), "the model answered for another number of payments; the next tier answers these");
                Failure::Error
            }
            Err(RuntimeError::Tensor { .. } | RuntimeError::NotFinite { .. }) if tensors.len() > 1 => {
                return tensors
                    .iter()
                    .map(|tensor| match session(&[*tensor]) {
                        Ok(logits) if logits.len() == 1 => finite(logits[0]),
                        Ok(_) => Err(Failure::Error),
                        Err(error) => Err(self.told(&error, 1)),
                    })
                    .collect();
            }
            Err(error) => self.told(&error, tensors.len()),
        };
        vec![Err(fault); tensors.len()]
    }

    fn told(&self, error: &RuntimeError, payments: usize) -> Failure {
        tracing::error!(model = %self.model, payments, %error, "the model failed; the next tier answers these payments");
        if matches!(error, RuntimeError::NotFinite { .. }) { Failure::NotFinite } else { Failure::Error }
    }

    /// Notes how a payment went. What came too late to be heard counts for nothing: whoever waited has noted that.
    pub(crate) fn note(&self, result: Result<f32, Failure>, cutoff: Option<Instant>) {
        let now = clock::monotonic();
        match result {
            Ok(_) if cutoff.is_none_or(|cutoff| now < cutoff) => self.breaker.succeeded(),
            Ok(_) => {}
            Err(failure) => self.breaker.failed(failure, now),
        }
    }
}

fn finite(logit: f32) -> Result<f32, Failure> {
    if logit.is_finite() { Ok(logit) } else { Err(Failure::NotFinite) }
}

#[cfg(test)]
pub(crate) mod fake {
    //! Models for tests that run a closure.

    use super::*;
    use fraudnet_features::schema;
    use fraudnet_models::{Calibration, OperatingPoints, RuleSet, Scorer, TierSettings};
    use std::time::Duration;

    /// A model of one worker whose sessions do what `run` says, ready for every role.
    pub(crate) fn model(
        name: &str,
        run: impl Fn(&[&Tensor]) -> Result<Vec<f32>, RuntimeError> + Clone + Send + Sync + 'static,
    ) -> Arc<LoadedModel> {
        model_of(name, Scorer::Network, run)
    }

    /// The same of another kind.
    pub(crate) fn model_of(
        name: &str,
        scorer: Scorer,
        run: impl Fn(&[&Tensor]) -> Result<Vec<f32>, RuntimeError> + Clone + Send + Sync + 'static,
    ) -> Arc<LoadedModel> {
        let settings = || TierSettings {
            calibration: Calibration::new(vec![(-20.0, -20.0), (20.0, 20.0)]).unwrap(),
            operating_points: OperatingPoints { challenge: 0.3, review: 0.6, decline: 0.9 },
        };
        let manifest = Manifest {
            manifest_version: fraudnet_models::MANIFEST_VERSION,
            name: name.to_owned(),
            version: "1".to_owned(),
            parent_version: None,
            feature_fingerprint: schema::fingerprint().to_owned(),
            seed: 1,
            data: serde_json::Value::Null,
            metrics: serde_json::Value::Null,
            scorer,
            settings: settings(),
            rules: settings(),
            rule_set: RuleSet { bias: -3.0, rules: Vec::new() },
            files: Default::default(),
        };
        let running = Running {
            workers: 1,
            runtime: RuntimeConfig {
                library: Default::default(),
                providers: Vec::new(),
                require_gpu: false,
                max_batch: 1,
                engine_cache: None,
            },
            breaker: BreakerConfig { failures: 5, open: Duration::from_secs(60) },
        };
        let open: Opener = Box::new(move |_| {
            let run = run.clone();
            Ok(Box::new(move |tensors: &[&Tensor]| run(tensors)))
        });
        let policy = Policy::new(&manifest).unwrap();
        let model = LoadedModel::new(ModelRef::from(&manifest), manifest, None, policy, open, &running);
        for role in [Role::First, Role::Fallback, Role::Shadow] {
            model.prepare(role).unwrap();
        }
        Arc::new(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_payment_does_not_take_the_others_down_with_it() {
        let model = fake::model("m", |tensors| match tensors.iter().position(|tensor| tensor.payment.is_empty()) {
            Some(payment) => Err(RuntimeError::NotFinite { payment, output: "logit" }),
            None => Ok(tensors.iter().map(|tensor| tensor.payment[0]).collect()),
        });
        let tensor = |payment: Vec<f32>| Tensor { payment, ..Tensor::default() };
        let (good, bad) = (tensor(vec![2.0]), tensor(vec![]));
        let results = model.run(Seat::Worker(0), &[&good, &bad, &good]);
        assert_eq!(results, [Ok(2.0), Err(Failure::NotFinite), Ok(2.0)]);
        let infinite = tensor(vec![f32::INFINITY]);
        assert_eq!(model.run(Seat::Shadow, &[&good, &infinite]), [Ok(2.0), Err(Failure::NotFinite)]);
        assert_eq!(model.run(Seat::Worker(7), &[&good]), [Err(Failure::Error)], "a thread that it knows nothing of");
    }

    #[test]
    fn a_wrong_number_of_answers_fails_all() {
        let model = fake::model("m", |_| Ok(vec![1.0]));
        let tensor = Tensor::default();
        assert_eq!(model.run(Seat::Fallback, &[&tensor, &tensor]), [Err(Failure::Error); 2]);
    }
}
