//! Inference: worker threads that share one bounded queue and run the model on micro-batches.
//!
//! A batch takes the first payment that waits and fills up until it is full or `batch_wait` has passed since; with a wait of
//! zero it takes what is there. Waiting costs latency and a batch saves little on a processor, so under light load a batch is
//! one payment and under heavy load the queue fills it without waiting.

use crate::clock;
use crate::engine::Evidence;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use fraudnet_features::Tensor;
use fraudnet_models::RuntimeError;
use metrics::{gauge, histogram};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Settings of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InferenceConfig {
    /// Bound of the shared queue.
    pub queue: usize,
    /// Largest micro-batch.
    pub max_batch: usize,
    /// How long a batch waits for company at most.
    pub batch_wait: Duration,
}

/// A payment that waits for the model.
pub struct Job {
    /// What the model reads.
    pub evidence: Arc<Evidence>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<ModelReply>,
    /// After this nobody waits for the answer any more.
    pub cutoff: Option<Instant>,
    /// When it was queued.
    pub queued_at: Instant,
}

/// What became of a payment at the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ModelReply {
    /// It was scored.
    Scored {
        /// Raw logit.
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
    /// The model failed.
    Failed,
}

/// Starts one worker thread for each of `models`, which give one raw logit a payment; they end when every sender is gone.
///
/// # Errors
/// Where the system gives no thread.
pub fn spawn<M>(models: Vec<M>, config: InferenceConfig) -> std::io::Result<(Sender<Job>, Vec<JoinHandle<()>>)>
where
    M: FnMut(&[&Tensor]) -> Result<Vec<f32>, RuntimeError> + Send + 'static,
{
    let (sender, jobs) = crossbeam_channel::bounded(config.queue);
    let mut handles = Vec::with_capacity(models.len());
    for (number, model) in models.into_iter().enumerate() {
        let jobs = jobs.clone();
        handles.push(Builder::new().name(format!("inference-{number}")).spawn(move || work(model, &jobs, config))?);
    }
    Ok((sender, handles))
}

fn work(
    mut model: impl FnMut(&[&Tensor]) -> Result<Vec<f32>, RuntimeError>,
    jobs: &Receiver<Job>,
    config: InferenceConfig,
) {
    let sizes = histogram!("fraudnet_batch_payments");
    let depth = gauge!("fraudnet_queue_depth", "queue" => "inference");
    let mut batch = Vec::with_capacity(config.max_batch);
    while fill(jobs, config, &mut batch) {
        depth.set(jobs.len() as f64);
        let begun = clock::monotonic();
        let (live, expired): (Vec<Job>, Vec<Job>) =
            batch.drain(..).partition(|job| job.cutoff.is_none_or(|cutoff| begun < cutoff));
        for job in expired {
            answer(job, ModelReply::Expired);
        }
        if live.is_empty() {
            continue;
        }
        sizes.record(live.len() as f64);
        let tensors: Vec<&Tensor> = live.iter().map(|job| job.evidence.tensor()).collect();
        let logits = model(&tensors);
        let ran = clock::monotonic().saturating_duration_since(begun);
        match logits {
            Ok(logits) if logits.len() == live.len() => {
                for (job, logit) in live.into_iter().zip(logits) {
                    let waited = begun.saturating_duration_since(job.queued_at);
                    let reply =
                        if logit.is_finite() { ModelReply::Scored { logit, waited, ran } } else { ModelReply::Failed };
                    answer(job, reply);
                }
            }
            Ok(logits) => {
                tracing::error!(
                    payments = live.len(),
                    logits = logits.len(),
                    "the model answered for another number of payments; the rules decide these"
                );
                live.into_iter().for_each(|job| answer(job, ModelReply::Failed));
            }
            Err(error) => {
                tracing::error!(payments = live.len(), %error, "the model failed; the rules decide these payments");
                live.into_iter().for_each(|job| answer(job, ModelReply::Failed));
            }
        }
    }
}

/// Fills the batch; false once no more jobs can come.
fn fill(jobs: &Receiver<Job>, config: InferenceConfig, batch: &mut Vec<Job>) -> bool {
    let Ok(first) = jobs.recv() else { return false };
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

fn answer(job: Job, reply: ModelReply) {
    // Nobody listens where the rules have decided meanwhile: a late answer changes nothing.
    let _ = job.reply.send(reply);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(cutoff: Option<Instant>) -> (Job, oneshot::Receiver<ModelReply>) {
        let (reply, answered) = oneshot::channel();
        (Job { evidence: Arc::new(Evidence::empty(7)), reply, cutoff, queued_at: clock::monotonic() }, answered)
    }

    const CONFIG: InferenceConfig = InferenceConfig { queue: 16, max_batch: 4, batch_wait: Duration::ZERO };

    #[test]
    fn batches_fill_from_the_queue_and_keep_their_order() {
        let (sender, jobs) = crossbeam_channel::bounded(16);
        let mut answers = Vec::new();
        for _ in 0..6 {
            let (job, answered) = job(None);
            sender.send(job).unwrap();
            answers.push(answered);
        }
        drop(sender);
        let mut sizes = Vec::new();
        let mut next = 0.0;
        work(
            |tensors| {
                sizes.push(tensors.len());
                Ok(tensors
                    .iter()
                    .map(|_| {
                        next += 1.0;
                        next
                    })
                    .collect())
            },
            &jobs,
            CONFIG,
        );
        assert_eq!(sizes, [4, 2]);
        for (number, mut answered) in answers.into_iter().enumerate() {
            let ModelReply::Scored { logit, .. } = answered.try_recv().unwrap() else { panic!("not scored") };
            assert_eq!(logit, number as f32 + 1.0);
        }
    }

    #[test]
    fn an_expired_payment_is_answered_without_running_the_model() {
        let (sender, jobs) = crossbeam_channel::bounded(16);
        let (expired, mut answered) = job(Some(clock::monotonic()));
        sender.send(expired).unwrap();
        drop(sender);
        work(|_| panic!("the model ran"), &jobs, CONFIG);
        assert_eq!(answered.try_recv().unwrap(), ModelReply::Expired);
    }

    #[test]
    fn a_failure_and_a_number_that_is_none_are_told_to_each_payment() {
        for logits in [vec![], vec![f32::NAN, 1.0]] {
            let (sender, jobs) = crossbeam_channel::bounded(16);
            let (first, mut first_answer) = job(None);
            let (second, mut second_answer) = job(None);
            sender.send(first).unwrap();
            sender.send(second).unwrap();
            drop(sender);
            work(|_| Ok(logits.clone()), &jobs, CONFIG);
            assert_eq!(first_answer.try_recv().unwrap(), ModelReply::Failed);
            let second = second_answer.try_recv().unwrap();
            assert_eq!(matches!(second, ModelReply::Scored { .. }), !logits.is_empty());
        }
    }
}
