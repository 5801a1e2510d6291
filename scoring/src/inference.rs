//! Inference: worker threads that share one bounded queue and run models on micro-batches.
//!
//! A batch takes the first payment that waits and fills up until it is full or `batch_wait` has passed since; with a wait of
//! zero it takes what is there. Waiting costs latency and a batch saves little on a processor, so under light load a batch is
//! one payment and under heavy load the queue fills it without waiting. Each payment names its model; while experiments run or models are
//! being swapped there can be several in one batch, which then run one after the other.

use crate::clock;
use crate::engine::Evidence;
use crate::serving::{Failure, LoadedModel, Seat};
use crate::verdict::TierCause;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use fraudnet_features::Tensor;
use metrics::{gauge, histogram};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Settings of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InferenceConfig {
    /// Worker threads.
    pub workers: usize,
    /// Bound of the shared queue.
    pub queue: usize,
    /// Largest micro-batch.
    pub max_batch: usize,
    /// How long a batch waits for company at most.
    pub batch_wait: Duration,
}

/// A payment that waits for its model.
pub struct Job {
    /// What the model reads.
    pub evidence: Arc<Evidence>,
    /// Which model.
    pub model: Arc<LoadedModel>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<ModelReply>,
    /// After this nobody waits for the answer any more.
    pub cutoff: Option<Instant>,
    /// When it was queued.
    pub queued_at: Instant,
}

/// What became of a payment at a model.
#[derive(Debug, Clone)]
pub enum ModelReply {
    /// It was scored.
    Scored {
        /// Who scored it.
        by: Arc<LoadedModel>,
        /// Raw logit, finite.
        logit: f32,
        /// Time it waited for its batch.
        waited: Duration,
        /// Time the batch ran.
        ran: Duration,
    },
    /// The queue was full.
    QueueFull,
    /// Its time was up before its turn.
    Expired,
    /// The model had failed so often of late that it was not asked.
    CircuitOpen,
    /// The model failed.
    Failed(Failure),
}

impl ModelReply {
    /// Why the tiers below must answer; none where it was scored.
    pub fn cause(&self) -> Option<TierCause> {
        match self {
            ModelReply::Scored { .. } => None,
            ModelReply::QueueFull => Some(TierCause::InferenceQueueFull),
            ModelReply::Expired | ModelReply::Failed(Failure::Timeout) => Some(TierCause::Deadline),
            ModelReply::CircuitOpen => Some(TierCause::CircuitOpen),
            ModelReply::Failed(Failure::NotFinite) => Some(TierCause::NotFinite),
            ModelReply::Failed(Failure::Error) => Some(TierCause::ModelError),
        }
    }
}

/// Starts the worker threads; they end when every sender is gone, or `stopped` is disconnected.
///
/// # Errors
/// Where the system gives no thread.
pub fn spawn(config: InferenceConfig, stopped: &Receiver<()>) -> std::io::Result<(Sender<Job>, Vec<JoinHandle<()>>)> {
    let (sender, jobs) = crossbeam_channel::bounded(config.queue);
    let mut handles = Vec::with_capacity(config.workers);
    for number in 0..config.workers {
        let (jobs, stopped) = (jobs.clone(), stopped.clone());
        let worker = move || work(number, &jobs, &stopped, config);
        handles.push(Builder::new().name(format!("inference-{number}")).spawn(worker)?);
    }
    Ok((sender, handles))
}

fn work(number: usize, jobs: &Receiver<Job>, stopped: &Receiver<()>, config: InferenceConfig) {
    let sizes = histogram!("fraudnet_batch_payments");
    let depth = gauge!("fraudnet_queue_depth", "queue" => "inference");
    let mut batch = Vec::with_capacity(config.max_batch);
    while fill(jobs, stopped, config, &mut batch) {
        depth.set(jobs.len() as f64);
        let mut left = std::mem::take(&mut batch);
        while let Some(first) = left.first() {
            let model = Arc::clone(&first.model);
            let (mine, others) = left.into_iter().partition(|job| Arc::ptr_eq(&job.model, &model));
            left = others;
            let ran = score(number, &model, mine);
            if ran > 0 {
                sizes.record(ran as f64);
            }
        }
    }
}

/// Runs one model for the payments of a batch that are its own and whose time is not up; how many that were.
fn score(number: usize, model: &Arc<LoadedModel>, jobs: Vec<Job>) -> usize {
    let begun = clock::monotonic();
    let (live, expired): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.cutoff.is_none_or(|cutoff| begun < cutoff));
    for job in expired {
        answer(job.reply, ModelReply::Expired);
    }
    if live.is_empty() {
        return 0;
    }
    let tensors: Vec<&Tensor> = live.iter().map(|job| job.evidence.tensor()).collect();
    let results = model.run(Seat::Worker(number), &tensors);
    let ran = clock::monotonic().saturating_duration_since(begun);
    let count = live.len();
    for (job, result) in live.into_iter().zip(results) {
        model.note(result, job.cutoff);
        let waited = begun.saturating_duration_since(job.queued_at);
        answer(job.reply, reply(model, result, waited, ran));
    }
    count
}

/// A model's result as whoever waits hears it.
pub(crate) fn reply(
    model: &Arc<LoadedModel>,
    result: Result<f32, Failure>,
    waited: Duration,
    ran: Duration,
) -> ModelReply {
    match result {
        Ok(logit) => ModelReply::Scored { by: Arc::clone(model), logit, waited, ran },
        Err(failure) => ModelReply::Failed(failure),
    }
}

/// Fills the batch; false once no more jobs can come, or should be taken.
fn fill(jobs: &Receiver<Job>, stopped: &Receiver<()>, config: InferenceConfig, batch: &mut Vec<Job>) -> bool {
    let first = crossbeam_channel::select! {
        recv(jobs) -> job => job,
        recv(stopped) -> _ => return false,
    };
    let Ok(first) = first else { return false };
    batch.reserve(config.max_batch);
    batch.push(first);
    let mut until = None;
    while batch.len() < config.max_batch {
        if let Ok(job) = jobs.try_recv() {
            batch.push(job);
            continue;
        }
        if config.batch_wait.is_zero() {
            break;
        }
        let until = *until.get_or_insert_with(|| clock::monotonic() + config.batch_wait);
        match jobs.recv_deadline(until) {
            Ok(job) => batch.push(job),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    true
}

pub(crate) fn answer(reply: oneshot::Sender<ModelReply>, told: ModelReply) {
    // Nobody listens where a lower tier has decided meanwhile: a late answer changes nothing.
    let _ = reply.send(told);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::fake;
    use fraudnet_models::RuntimeError;
    use std::sync::Mutex;

    fn job(model: &Arc<LoadedModel>, cutoff: Option<Instant>) -> (Job, oneshot::Receiver<ModelReply>) {
        let (reply, answered) = oneshot::channel();
        let (evidence, model) = (Arc::new(Evidence::empty(7)), Arc::clone(model));
        (Job { evidence, model, reply, cutoff, queued_at: clock::monotonic() }, answered)
    }

    const CONFIG: InferenceConfig = InferenceConfig { workers: 1, queue: 16, max_batch: 4, batch_wait: Duration::ZERO };

    /// Works off what waits for these models, in that order; what each is told.
    fn worked(models: &[&Arc<LoadedModel>], cutoff: Option<Instant>) -> Vec<ModelReply> {
        let (sender, jobs) = crossbeam_channel::bounded(16);
        let mut answers = Vec::new();
        for model in models {
            let (job, answered) = job(model, cutoff);
            sender.send(job).unwrap();
            answers.push(answered);
        }
        drop(sender);
        let (_run, stopped) = crossbeam_channel::bounded(0);
        work(0, &jobs, &stopped, CONFIG);
        answers.into_iter().map(|mut answered| answered.try_recv().unwrap()).collect()
    }

    /// A model that notes the sizes of its batches and counts its answers.
    fn counting(name: &str, sizes: &Arc<Mutex<Vec<usize>>>) -> Arc<LoadedModel> {
        let (sizes, next) = (Arc::clone(sizes), Arc::new(Mutex::new(0.0)));
        fake::model(name, move |tensors| {
            sizes.lock().unwrap().push(tensors.len());
            let mut next = next.lock().unwrap();
            Ok(tensors
                .iter()
                .map(|_| {
                    *next += 1.0;
                    *next
                })
                .collect())
        })
    }

    fn scored(reply: &ModelReply) -> (String, f32) {
        let ModelReply::Scored { by, logit, .. } = reply else { panic!("not scored: {reply:?}") };
        (by.model.name.clone(), *logit)
    }

    #[test]
    fn batches_fill_from_the_queue_and_keep_their_order() {
        let sizes = Arc::default();
        let model = counting("m", &sizes);
        let replies = worked(&[&model; 6], None);
        assert_eq!(*sizes.lock().unwrap(), [4, 2]);
        for (number, reply) in replies.iter().enumerate() {
            assert_eq!(scored(reply), ("m".to_owned(), number as f32 + 1.0));
        }
    }

    #[test]
    fn each_payment_of_a_batch_is_scored_by_its_own_model() {
        let sizes = Arc::default();
        let (old, new) = (counting("old", &sizes), counting("new", &sizes));
        let replies = worked(&[&old, &new, &old, &new], None);
        let expected = [("old", 1.0), ("new", 1.0), ("old", 2.0), ("new", 2.0)];
        for (reply, (name, logit)) in replies.iter().zip(expected) {
            assert_eq!(scored(reply), (name.to_owned(), logit));
        }
        assert_eq!(*sizes.lock().unwrap(), [2, 2]);
    }

    #[test]
    fn an_expired_payment_is_answered_without_running_the_model() {
        let model = fake::model("m", |_| panic!("the model ran"));
        let replies = worked(&[&model], Some(clock::monotonic()));
        assert!(matches!(replies[..], [ModelReply::Expired]));
    }

    #[test]
    fn a_failure_and_a_number_that_is_none_are_told_to_each_payment_and_open_the_circuit() {
        let failing = fake::model("m", |_| Err(RuntimeError::Run("broken".to_owned())));
        let replies = worked(&[&failing; 4], None);
        assert!(replies.iter().all(|reply| reply.cause() == Some(TierCause::ModelError)), "{replies:?}");
        assert!(!failing.breaker.is_open());
        let replies = worked(&[&failing], None);
        assert_eq!(replies[0].cause(), Some(TierCause::ModelError));
        assert!(failing.breaker.is_open(), "five in a row");

        let odd = fake::model("m", |_| Ok(vec![f32::NAN, 1.0]));
        let replies = worked(&[&odd; 2], None);
        assert_eq!((replies[0].cause(), replies[1].cause()), (Some(TierCause::NotFinite), None));
    }
}
