//! Metrics of the service core, named and described in one place. Handles are resolved once, since a look-up by name and
//! labels costs more than the increment; so the recorder must be installed before the service starts.

use crate::verdict::{Decision, StageTimes, Tier, TierCause};
use fraudnet_graph::GraphStats;
use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use std::time::Duration;

const DECISIONS: [(Decision, &str); 4] = [
    (Decision::Approve, "approve"),
    (Decision::Challenge, "challenge"),
    (Decision::Review, "review"),
    (Decision::Decline, "decline"),
];
const CAUSES: [(TierCause, &str); 5] = [
    (TierCause::Deadline, "deadline"),
    (TierCause::InferenceQueueFull, "inference_queue_full"),
    (TierCause::ModelError, "model_error"),
    (TierCause::NotFinite, "not_finite"),
    (TierCause::CircuitOpen, "circuit_open"),
];

/// Describes every metric of the core to the installed recorder.
pub fn describe() {
    describe_counter!("fraudnet_payments_total", "Payments decided, by decision and tier");
    describe_counter!("fraudnet_tier_cause_total", "Verdicts from a lower tier, by cause");
    describe_counter!("fraudnet_repeats_total", "Requests answered with a verdict made for an earlier one");
    describe_counter!("fraudnet_conflicts_total", "Requests refused because their transaction id had another body");
    describe_counter!("fraudnet_refused_total", "Requests refused for want of room, by queue");
    describe_counter!(
        "fraudnet_not_durable_in_time_total",
        "Requests whose deadline passed before the verdict was durable"
    );
    describe_gauge!("fraudnet_vault_people", "Identifiers in the privacy vault");
    describe_gauge!(
        "fraudnet_vault_stopped",
        "Whether the privacy vault takes no change any more: nobody new, no erasure"
    );
    describe_counter!("fraudnet_labels_total", "Labels made durable");
    describe_histogram!("fraudnet_stage_seconds", Unit::Seconds, "Time a payment spent per stage");
    describe_histogram!("fraudnet_log_sync_seconds", Unit::Seconds, "Time to write and sync one log group");
    describe_histogram!("fraudnet_log_group_records", "Records of a log group");
    describe_histogram!("fraudnet_batch_payments", "Payments of an inference micro-batch");
    describe_gauge!("fraudnet_queue_depth", "Entries waiting, by queue, when last looked at");
    describe_gauge!("fraudnet_queue_bound", "Most entries that may wait, by queue");
    describe_gauge!("fraudnet_log_position", "First log position that is not durable yet");
    describe_gauge!("fraudnet_replay_lag", "Log entries still to replay");
    describe_gauge!("fraudnet_rings", "Rings now, of all tenants");
    describe_gauge!("fraudnet_ring_payments", "Payments that rings are looked for among");
    describe_gauge!("fraudnet_evidence_kept", "Payments whose neighbourhoods are kept for explanations");
    describe_gauge!("fraudnet_follower_position", "First log position the follower has not applied");
    describe_gauge!(
        "fraudnet_degraded",
        "1 while the latest verdict came from a lower tier because the model could not answer"
    );
    describe_gauge!("fraudnet_ready", "1 while the service takes traffic");
    describe_gauge!("fraudnet_graph_entities", "Entities in the graph");
    describe_gauge!("fraudnet_graph_edges", "Distinct edges in the graph");
    describe_gauge!("fraudnet_graph_transactions", "Transactions the graph remembers");
    describe_gauge!("fraudnet_graph_bytes", Unit::Bytes, "Memory of the graph, by part");
    describe_gauge!("fraudnet_graph_evicted", "Entities and edges evicted since the start, by what and why");
}

/// Sets the bound of a queue.
pub fn bound(queue: &'static str, bound: usize) {
    gauge!("fraudnet_queue_bound", "queue" => queue).set(bound as f64);
}

/// Metrics of requests and verdicts.
pub struct Meters {
    decided: [[Counter; Tier::ALL.len()]; 4],
    causes: [Counter; CAUSES.len()],
    stages: [Histogram; 6],
    degraded: Gauge,
    /// Requests answered with an earlier verdict.
    pub repeats: Counter,
    /// Requests whose id had another body.
    pub conflicts: Counter,
    /// Deadlines passed before durable.
    pub not_durable: Counter,
    /// Labels made durable.
    pub labels: Counter,
}

impl Meters {
    /// Resolves the handles.
    pub fn new() -> Meters {
        let stage = |name: &'static str| histogram!("fraudnet_stage_seconds", "stage" => name);
        Meters {
            decided: DECISIONS.map(|(_, decision)| {
                Tier::ALL.map(|tier| counter!("fraudnet_payments_total", "decision" => decision, "tier" => tier.name()))
            }),
            causes: CAUSES.map(|(_, cause)| counter!("fraudnet_tier_cause_total", "cause" => cause)),
            stages: ["engine_queue", "observe", "inference_queue", "inference", "policy", "durable"].map(stage),
            degraded: gauge!("fraudnet_degraded"),
            repeats: counter!("fraudnet_repeats_total"),
            conflicts: counter!("fraudnet_conflicts_total"),
            not_durable: counter!("fraudnet_not_durable_in_time_total"),
            labels: counter!("fraudnet_labels_total"),
        }
    }

    /// A verdict was made.
    pub fn decided(&self, decision: Decision, tier: Tier, cause: Option<TierCause>, stages: &StageTimes) {
        let row = DECISIONS.iter().position(|(known, _)| *known == decision).expect("every decision is listed");
        let column = Tier::ALL.iter().position(|known| *known == tier).expect("every tier is listed");
        self.decided[row][column].increment(1);
        if let Some(cause) = cause {
            self.causes[CAUSES.iter().position(|(known, _)| *known == cause).expect("every cause is listed")]
                .increment(1);
        }
        self.degraded.set(if cause.is_some() { 1.0 } else { 0.0 });
        let micros = [stages.engine_queue, stages.observe, stages.inference_queue, stages.inference, stages.policy];
        for (histogram, micros) in self.stages.iter().zip(micros) {
            histogram.record(f64::from(micros) / 1e6);
        }
    }

    /// A verdict became durable so long after it was made.
    pub fn durable(&self, wait: Duration) {
        self.stages[5].record(wait.as_secs_f64());
    }

    /// A request was refused for want of room.
    pub fn refused(&self, queue: &'static str) {
        // Rare, so looked up by name.
        counter!("fraudnet_refused_total", "queue" => queue).increment(1);
    }
}

impl Default for Meters {
    fn default() -> Self {
        Meters::new()
    }
}

/// Metrics of the log's writer.
pub struct LogMeters {
    sync: Histogram,
    records: Histogram,
    end: Gauge,
    depth: Gauge,
}

impl LogMeters {
    /// Resolves the handles.
    pub fn new() -> LogMeters {
        LogMeters {
            sync: histogram!("fraudnet_log_sync_seconds"),
            records: histogram!("fraudnet_log_group_records"),
            end: gauge!("fraudnet_log_position"),
            depth: gauge!("fraudnet_queue_depth", "queue" => "log"),
        }
    }

    /// A group was written: its records, the time it took, the log's end and what waits now.
    pub fn group(&self, records: usize, took: Duration, end: u64, waiting: usize) {
        self.sync.record(took.as_secs_f64());
        self.records.record(records as f64);
        self.end.set(end as f64);
        self.depth.set(waiting as f64);
    }
}

impl Default for LogMeters {
    fn default() -> Self {
        LogMeters::new()
    }
}

/// Publishes counts and sizes of the engine's graph.
pub fn graph(stats: &GraphStats) {
    gauge!("fraudnet_graph_entities").set(f64::from(stats.entities));
    gauge!("fraudnet_graph_edges").set(f64::from(stats.edges));
    gauge!("fraudnet_graph_transactions").set(f64::from(stats.transactions));
    gauge!("fraudnet_graph_bytes", "part" => "edges").set(stats.edge_bytes as f64);
    gauge!("fraudnet_graph_bytes", "part" => "entities").set(stats.entity_bytes as f64);
    for (why, cause) in ["age", "cap"].into_iter().enumerate() {
        gauge!("fraudnet_graph_evicted", "what" => "entities", "why" => cause).set(stats.entities_evicted[why] as f64);
        gauge!("fraudnet_graph_evicted", "what" => "edges", "why" => cause).set(stats.edges_evicted[why] as f64);
    }
}
