//! The engine: the one thread that owns graph and windows. It observes events in the order of their log positions and does
//! nothing else, so the same log always gives the same tensors.
//!
//! Cost: `observe` is tens of µs a payment and bounds the service at well over 10,000 payments a second; everything slower
//! (model, policy, log, people's questions) happens elsewhere. Tensors (about 30 KB) come back and are used again.

use crate::inference::{ModelReply, answer};
use crate::serving::{Route, Serving};
use crate::{clock, meters};
use crossbeam_channel::{Receiver, Sender};
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Event};
use metrics::gauge;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Tensors kept for reuse.
const POOLED_TENSORS: usize = 256;
/// How often gauges are brought up to date.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// What the engine is asked to do.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every command is the large one; a box would cost an allocation a payment"
)]
pub enum Command {
    /// Observe an event that has its position.
    Observe(Sequenced),
    /// End.
    Stop,
}

/// An event with its position.
pub struct Sequenced {
    /// Position of the event; ascending from command to command.
    pub position: u64,
    /// The event.
    pub event: Event,
    /// When it was sequenced.
    pub sequenced_at: Instant,
    /// Who waits for what was seen.
    pub handoff: Handoff,
}

/// Who waits for what the engine sees of an event.
pub enum Handoff {
    /// Nobody: labels, payments of a history or with a verdict. They are only applied.
    Nobody,
    /// Whoever decides the payment now.
    Decide {
        /// What was seen. Dropped where the graph had seen the payment before.
        evidence: oneshot::Sender<Arc<Evidence>>,
        /// Which model is asked.
        route: Arc<Route>,
        /// What the model says.
        model: oneshot::Sender<ModelReply>,
        /// After this nobody waits for the model any more.
        cutoff: Option<Instant>,
    },
    /// Whoever decides it later, here or, should this replica not own its partition, nowhere. Set to none where the graph had seen the
    /// payment before.
    Keep(Arc<OnceLock<Option<Arc<Evidence>>>>),
}

/// What was seen of a payment at its cut.
pub struct Evidence {
    /// Log position of the payment.
    pub position: u64,
    /// The payment.
    pub event: Event,
    /// The graph's clock when the payment arrived, seconds since the epoch: ages and windows are as of then.
    pub now_s: u32,
    /// Digest of the subgraph.
    pub subgraph_digest: [u8; 16],
    /// Nodes per hop.
    pub hops: [u16; 4],
    /// Neighbours the budgets left out.
    pub truncated: u32,
    /// Time it waited for the engine.
    pub waited: Duration,
    /// Time to sample, assemble and apply.
    pub observed_in: Duration,
    /// When that was done.
    pub seen_at: Instant,
    tensor: Tensor,
    home: Option<Sender<Tensor>>,
}

impl Evidence {
    /// The tensor assembled for it.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    #[cfg(test)]
    pub(crate) fn empty(position: u64) -> Evidence {
        Evidence {
            position,
            event: Event {
                event_id: String::new(),
                tenant: "t".to_owned(),
                schema_version: fraudnet_graph::SCHEMA_VERSION,
                occurred_at_ms: 0,
                ingested_at_ms: 0,
                source: String::new(),
                actor: String::new(),
                body: fraudnet_graph::Body::Label(fraudnet_graph::Label {
                    transaction_id: String::new(),
                    fraud: false,
                    source: fraudnet_graph::LabelSource::Analyst,
                }),
            },
            now_s: 0,
            subgraph_digest: [0; 16],
            hops: [1, 0, 0, 0],
            truncated: 0,
            waited: Duration::ZERO,
            observed_in: Duration::ZERO,
            seen_at: clock::monotonic(),
            tensor: Tensor::default(),
            home: None,
        }
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // A full pool or an engine that is gone: the buffer is freed instead.
            let _ = home.try_send(std::mem::take(&mut self.tensor));
        }
    }
}

/// Graph, windows and the buffers around them.
pub struct Engine {
    state: State,
    serving: Serving,
    pool: Receiver<Tensor>,
    home: Sender<Tensor>,
}

impl Engine {
    /// An engine over this state that hands payments to their models.
    pub fn new(state: State, serving: Serving) -> Engine {
        let (home, pool) = crossbeam_channel::bounded(POOLED_TENSORS);
        Engine { state, serving, pool, home }
    }

    /// Applies an event without sampling: replay of what has its verdict.
    pub fn apply(&mut self, position: u64, event: &Event) -> Applied {
        self.state.apply(position, event)
    }

    /// Observes an event; evidence where it was a payment not seen before.
    pub fn observe(&mut self, position: u64, event: Event, waited: Duration) -> Option<Arc<Evidence>> {
        let begun = clock::monotonic();
        let mut tensor = self.pool.try_recv().unwrap_or_default();
        let observed = self.state.observe(position, &event, &mut tensor);
        let Applied::Payment { now_s, .. } = observed.applied else {
            let _ = self.home.try_send(tensor);
            return None;
        };
        let subgraph = self.state.subgraph();
        let seen_at = clock::monotonic();
        Some(Arc::new(Evidence {
            position,
            event,
            now_s,
            subgraph_digest: observed.subgraph_digest,
            hops: subgraph.hop_counts,
            truncated: subgraph.truncated,
            waited,
            observed_in: seen_at.saturating_duration_since(begun),
            seen_at,
            tensor,
            home: Some(self.home.clone()),
        }))
    }

    fn observe_new(&mut self, position: u64, event: Event, waited: Duration) -> Option<Arc<Evidence>> {
        let evidence = self.observe(position, event, waited);
        if evidence.is_none() {
            tracing::error!(position, "the graph knows a payment that the log did not; it gets no verdict");
        }
        evidence
    }

    /// Hands evidence to the first model of its route; its answer, or that there is no room, goes to `reply`.
    pub fn infer(
        &self,
        evidence: Arc<Evidence>,
        route: &Route,
        reply: oneshot::Sender<ModelReply>,
        cutoff: Option<Instant>,
    ) {
        if let Err(reply) = self.serving.ask(evidence, route, reply, cutoff) {
            answer(reply, ModelReply::QueueFull);
        }
    }

    /// Observes what comes until told to stop.
    pub fn run(&mut self, commands: &Receiver<Command>) {
        let depth = gauge!("fraudnet_queue_depth", "queue" => "engine");
        let mut gauges_due = clock::monotonic();
        while let Ok(Command::Observe(sequenced)) = commands.recv() {
            let now = clock::monotonic();
            let waited = now.saturating_duration_since(sequenced.sequenced_at);
            match sequenced.handoff {
                Handoff::Nobody => {
                    self.apply(sequenced.position, &sequenced.event);
                }
                Handoff::Decide { evidence: seen, route, model, cutoff } => {
                    if let Some(evidence) = self.observe_new(sequenced.position, sequenced.event, waited) {
                        // Evidence first: whoever hears from the model finds it there.
                        let _ = seen.send(Arc::clone(&evidence));
                        self.infer(evidence, &route, model, cutoff);
                    }
                }
                Handoff::Keep(place) => {
                    // Set once: each payment is handed over once.
                    let _ = place.set(self.observe_new(sequenced.position, sequenced.event, waited));
                }
            }
            if now >= gauges_due {
                gauges_due = now + GAUGE_INTERVAL;
                depth.set(commands.len() as f64);
                meters::graph(&self.state.graph().stats());
            }
        }
    }
}
