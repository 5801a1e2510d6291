//! The thread `explain`: opens models for explaining, a few at a time, and asks them.
//!
//! Cost: 30 to 60 ms to open a model, then 5 to 30 ms a payment; people wait for it, payments never do.

use crate::clock;
use crate::service::ServiceError;
use crate::serving::LoadedModel;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use fraudnet_features::Tensor;
use fraudnet_models::explain::{Attribution, Budget, Explainer, Most};
use fraudnet_models::{ModelRef, RuntimeConfig};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a model is asked; what it could not be asked in that time is named.
const BUDGET: Duration = Duration::from_millis(50);
/// Questions that wait at most.
const QUESTIONS: usize = 16;
/// Models that stay open.
const OPEN: usize = 3;
/// Seconds after which whoever was refused may ask again.
const RETRY_AFTER_S: u32 = 1;

type Answer = Result<(Attribution, Duration), String>;

struct Question {
    model: Arc<LoadedModel>,
    tensor: Tensor,
    reply: oneshot::Sender<Answer>,
}

/// Where to ask; cheap to clone.
#[derive(Clone)]
pub(crate) struct ExplainDesk {
    questions: Sender<Option<Question>>,
}

impl ExplainDesk {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn spawn(runtime: RuntimeConfig) -> std::io::Result<(ExplainDesk, JoinHandle<()>)> {
        let (sender, questions) = crossbeam_channel::bounded(QUESTIONS);
        let handle = Builder::new().name("explain".to_owned()).spawn(move || run(&questions, &runtime))?;
        Ok((ExplainDesk { questions: sender }, handle))
    }

    /// Why that model gives that payment its probability, and how long it took to find out.
    ///
    /// # Errors
    /// Where too many such questions wait; within: why this model cannot be explained.
    pub(crate) async fn ask(&self, model: Arc<LoadedModel>, tensor: Tensor) -> Result<Answer, ServiceError> {
        let (reply, answer) = oneshot::channel();
        match self.questions.try_send(Some(Question { model, tensor, reply })) {
            Ok(()) => Ok(answer.await.unwrap_or_else(|_| Err("explaining it broke off".to_owned()))),
            Err(TrySendError::Full(_)) => {
                Err(ServiceError::Overloaded { queue: "explanation", retry_after_s: RETRY_AFTER_S })
            }
            Err(TrySendError::Disconnected(_)) => {
                Err(ServiceError::NotReady { state: "shutting down", retry_after_s: RETRY_AFTER_S })
            }
        }
    }

    /// Ends the thread once it has answered what waits.
    pub(crate) fn stop(&self) {
        // Disconnected: it has ended.
        let _ = self.questions.send(None);
    }
}

fn run(questions: &Receiver<Option<Question>>, runtime: &RuntimeConfig) {
    let mut open: VecDeque<(ModelRef, Explainer)> = VecDeque::new();
    while let Ok(Some(Question { model, tensor, reply })) = questions.recv() {
        let answer = opened(&mut open, &model, runtime).and_then(|explainer| explain(explainer, &tensor));
        // The asker may have gone.
        let _ = reply.send(answer);
    }
}

/// The model, opened; the one that was asked longest ago makes room.
fn opened<'a>(
    open: &'a mut VecDeque<(ModelRef, Explainer)>,
    model: &LoadedModel,
    runtime: &RuntimeConfig,
) -> Result<&'a mut Explainer, String> {
    let known = open.iter().position(|(known, _)| *known == model.model);
    let (name, explainer) = match known.and_then(|at| open.remove(at)) {
        Some(known) => known,
        None => {
            let artifact = model.artifact().ok_or("it was not read from a folder")?;
            let mut explainer = Explainer::open(artifact, runtime).map_err(|error| error.to_string())?;
            // The first runs of a session are slow: not at the cost of whoever asks first.
            if let Some(golden) = artifact.golden().vectors.first() {
                explain(&mut explainer, &golden.tensor)?;
            }
            (model.model.clone(), explainer)
        }
    };
    open.truncate(OPEN - 1);
    open.push_front((name, explainer));
    open.front_mut().map(|(_, explainer)| explainer).ok_or_else(|| "it is not open".to_owned())
}

fn explain(explainer: &mut Explainer, tensor: &Tensor) -> Answer {
    let begun = clock::monotonic();
    let spent = || clock::monotonic().saturating_duration_since(begun);
    let attribution = explainer
        .explain(tensor, Most::default(), &Budget { limit: BUDGET, spent: &spent })
        .map_err(|error| error.to_string())?;
    Ok((attribution, spent()))
}
