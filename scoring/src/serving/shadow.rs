//! Shadows: models, policies and thresholds that are asked about a payment after it was answered, without being heard.
//!
//! One thread with a small queue of its own; when that is full, the payment is dropped for its shadows and counted. What a shadow says goes
//! into the log as a note, which nobody waits for. Where a model fails, the note says so.
//!
//! Cost: nothing before the reply; afterwards one run of each shadow model and about 300 bytes of log.

use super::loaded::{LoadedModel, Seat};
use super::route::Answer;
use super::ruling::Book;
use crate::clock;
use crate::engine::Evidence;
use crate::experiments::ledger::ShadowNote;
use crate::log::EventLog;
use crate::policy::{CompiledPolicy, ListsState, Outcome};
use crossbeam_channel::{Receiver, Sender};
use fraudnet_models::OperatingPoints;
use metrics::counter;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Payments that wait for their shadows at most.
const QUEUE: usize = 256;

/// An arm that is asked without being heard.
#[derive(Clone)]
pub struct Shadow {
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the arm.
    pub arm: String,
    /// Its model; none: it rules on the score that was served.
    pub model: Option<Arc<LoadedModel>>,
    /// Its policy.
    pub policy: Arc<CompiledPolicy>,
    /// Its thresholds; none: the model's own.
    pub points: Option<OperatingPoints>,
}

/// A payment that was answered, and what its shadows read.
pub(super) struct Aside {
    pub(super) evidence: Arc<Evidence>,
    /// What was answered.
    pub(super) answer: Answer,
    pub(super) served: Arc<LoadedModel>,
    pub(super) lists: Arc<ListsState>,
    pub(super) shadows: Vec<Shadow>,
}

/// Starts the thread; it ends when every sender is gone, or `stopped` is disconnected.
pub(super) fn spawn(log: EventLog, stopped: Receiver<()>) -> std::io::Result<(Sender<Aside>, JoinHandle<()>)> {
    let (sender, waiting) = crossbeam_channel::bounded(QUEUE);
    let thread = Builder::new().name("shadow".to_owned()).spawn(move || work(&log, &waiting, &stopped))?;
    Ok((sender, thread))
}

/// Hands a payment to the thread, or drops it.
pub(super) fn offer(sender: &Sender<Aside>, aside: Aside) {
    let Err(refused) = sender.try_send(aside) else { return };
    for shadow in refused.into_inner().shadows {
        counter!("fraudnet_shadow_dropped_total", "experiment" => shadow.experiment).increment(1);
    }
}

fn work(log: &EventLog, waiting: &Receiver<Aside>, stopped: &Receiver<()>) {
    loop {
        let aside = crossbeam_channel::select! {
            recv(waiting) -> aside => aside,
            recv(stopped) -> _ => return,
        };
        let Ok(aside) = aside else { return };
        for shadow in &aside.shadows {
            let note = said(&aside, shadow);
            let bytes = serde_json::to_vec(&note).expect("a note is plain data, which always has a JSON form");
            if log.append_note(&bytes).is_err() {
                counter!("fraudnet_shadow_dropped_total", "experiment" => note.experiment).increment(1);
            }
        }
    }
}

/// What a shadow says of a payment.
fn said(aside: &Aside, shadow: &Shadow) -> ShadowNote {
    let evidence = &aside.evidence;
    let model = shadow.model.as_ref().unwrap_or(&aside.served);
    let outcome = match (&shadow.model, &aside.answer) {
        (Some(model), _) => logit(model, evidence).map(|logit| (model, Outcome::Model { logit })),
        (None, Answer::Model { by, logit, .. }) => Some((by, Outcome::Model { logit: *logit })),
        (None, Answer::Rules { cause }) => Some((&aside.served, Outcome::Rules { cause: *cause })),
    };
    let ruled = outcome.map(|(by, outcome)| {
        let book = Book { policy: &shadow.policy, lists: &aside.lists, points: shadow.points.as_ref() };
        book.rule(by, outcome, &evidence.event, &evidence.tensor().payment)
    });
    ShadowNote {
        note: "shadow".to_owned(),
        payment: evidence.position,
        experiment: shadow.experiment.clone(),
        arm: shadow.arm.clone(),
        model: model.model.to_string(),
        fraud_probability: ruled.as_ref().map(|ruled| ruled.probability),
        decision: ruled.map(|ruled| ruled.decision),
    }
}

/// The model's logit; none where it fails, or failed so often of late that it is not asked.
fn logit(model: &LoadedModel, evidence: &Evidence) -> Option<f32> {
    if !model.breaker.admits(clock::monotonic()) {
        return None;
    }
    let result = model.run(Seat::Shadow, &[evidence.tensor()]).pop()?;
    model.note(result, None);
    result.ok()
}
