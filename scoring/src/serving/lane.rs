//! The lane of the lower tiers: one thread that runs the models below the first for payments that the first did not answer.
//!
//! It has a queue of its own, so that a first model that stands still does not hold it up, and never waits for company. A payment goes down
//! its rungs until one answers; where none does, the rules decide.
//!
//! Cost: boosted trees take some 50 µs a payment, so one thread carries all of the traffic while the first model is left alone.

use super::loaded::{LoadedModel, Seat};
use super::roster::Rungs;
use crate::clock;
use crate::engine::Evidence;
use crate::inference::{ModelReply, answer, reply};
use crate::serving::Failure;
use crossbeam_channel::{Receiver, Sender};
use fraudnet_features::Tensor;
use metrics::gauge;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use tokio::sync::oneshot;

/// A payment that its first model did not answer.
pub(super) struct Descent {
    pub(super) evidence: Arc<Evidence>,
    pub(super) rungs: Rungs,
    pub(super) reply: oneshot::Sender<ModelReply>,
    pub(super) cutoff: Option<Instant>,
    pub(super) queued_at: Instant,
}

/// Starts the lane; it ends when every sender is gone, or `stopped` is disconnected.
pub(super) fn spawn(
    queue: usize,
    max_batch: usize,
    stopped: Receiver<()>,
) -> std::io::Result<(Sender<Descent>, JoinHandle<()>)> {
    let (sender, waiting) = crossbeam_channel::bounded(queue);
    let thread = Builder::new().name("fallback".to_owned()).spawn(move || work(&waiting, &stopped, max_batch))?;
    Ok((sender, thread))
}

fn work(waiting: &Receiver<Descent>, stopped: &Receiver<()>, max_batch: usize) {
    let depth = gauge!("fraudnet_queue_depth", "queue" => "fallback");
    loop {
        let first = crossbeam_channel::select! {
            recv(waiting) -> first => first,
            recv(stopped) -> _ => return,
        };
        let Ok(first) = first else { return };
        let mut left: Vec<Descent> = std::iter::once(first).chain(waiting.try_iter().take(max_batch - 1)).collect();
        depth.set(waiting.len() as f64);
        while let Some(first) = left.first() {
            // Equal rungs unless models are being swapped or an experiment has a ladder of its own.
            let rungs = Arc::clone(&first.rungs);
            let (mine, others) = left.into_iter().partition(|descent| Arc::ptr_eq(&descent.rungs, &rungs));
            left = others;
            descend(&rungs, mine);
        }
    }
}

/// Goes down the rungs until every payment is answered or none is left.
fn descend(rungs: &[Arc<LoadedModel>], mut left: Vec<Descent>) {
    for model in rungs {
        let begun = clock::monotonic();
        let (live, expired): (Vec<Descent>, Vec<Descent>) =
            left.into_iter().partition(|descent| descent.cutoff.is_none_or(|cutoff| begun < cutoff));
        for descent in expired {
            answer(descent.reply, ModelReply::Expired);
        }
        left = live;
        if left.is_empty() {
            return;
        }
        if !model.breaker.admits(begun) {
            continue;
        }
        let tensors: Vec<&Tensor> = left.iter().map(|descent| descent.evidence.tensor()).collect();
        let results = model.run(Seat::Fallback, &tensors);
        let ran = clock::monotonic().saturating_duration_since(begun);
        let mut failed = Vec::new();
        for (descent, result) in left.into_iter().zip(results) {
            model.note(result, descent.cutoff);
            if result.is_ok() {
                let waited = begun.saturating_duration_since(descent.queued_at);
                answer(descent.reply, reply(model, result, waited, ran));
            } else {
                failed.push(descent);
            }
        }
        left = failed;
    }
    for descent in left {
        answer(descent.reply, ModelReply::Failed(Failure::Error));
    }
}

#[cfg(test)]
mod tests {
    use super::super::loaded::fake;
    use super::*;
    use fraudnet_models::RuntimeError;

    fn descent(rungs: &Rungs, cutoff: Option<Instant>) -> (Descent, oneshot::Receiver<ModelReply>) {
        let (reply, answered) = oneshot::channel();
        let (evidence, rungs) = (Arc::new(Evidence::empty(7)), Arc::clone(rungs));
        (Descent { evidence, rungs, reply, cutoff, queued_at: clock::monotonic() }, answered)
    }

    /// What payments with these rungs are told.
    fn worked(all: &[&Rungs], cutoff: Option<Instant>) -> Vec<ModelReply> {
        let (sender, waiting) = crossbeam_channel::bounded(64);
        let mut answers = Vec::new();
        for rungs in all {
            let (descent, answered) = descent(rungs, cutoff);
            sender.send(descent).map_err(|_| "closed").unwrap();
            answers.push(answered);
        }
        drop(sender);
        let (_run, stopped) = crossbeam_channel::bounded(0);
        work(&waiting, &stopped, 8);
        answers.into_iter().map(|mut answered| answered.try_recv().unwrap()).collect()
    }

    fn by(reply: &ModelReply) -> Option<&str> {
        match reply {
            ModelReply::Scored { by, .. } => Some(&by.model.name),
            _ => None,
        }
    }

    #[test]
    fn a_payment_goes_down_until_a_rung_answers() {
        let broken = fake::model("broken", |_| Err(RuntimeError::Run("broken".to_owned())));
        let odd = fake::model("odd", |tensors| Ok(vec![f32::INFINITY; tensors.len()]));
        let sound = fake::model("sound", |tensors| Ok(vec![1.0; tensors.len()]));
        let rungs: Rungs = Arc::new([broken.clone(), odd.clone(), sound]);
        let others: Rungs = Arc::new([broken.clone()]);
        let replies = worked(&[&rungs, &others, &rungs], None);
        assert_eq!(replies.iter().map(by).collect::<Vec<_>>(), [Some("sound"), None, Some("sound")]);
        assert!(matches!(replies[1], ModelReply::Failed(_)), "no rung is left");

        let replies = worked(&[&rungs; 8], None);
        assert!(replies.iter().all(|reply| by(reply) == Some("sound")));
        assert!(broken.breaker.is_open() && odd.breaker.is_open(), "what fails so often is left alone");
        assert_eq!(by(&worked(&[&rungs], None)[0]), Some("sound"));
    }

    #[test]
    fn what_comes_too_late_is_told_so_and_runs_nothing() {
        let model = fake::model("m", |_| panic!("the model ran"));
        let rungs: Rungs = Arc::new([model]);
        assert!(matches!(worked(&[&rungs], Some(clock::monotonic()))[..], [ModelReply::Expired]));
    }
}
