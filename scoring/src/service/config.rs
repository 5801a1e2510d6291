//! Checked settings of the service core.

use crate::cases::CaseSettings;
use crate::cluster::ClusterConfig;
use crate::control::ControlConfig;
use crate::drift::DriftConfig;
use crate::experiments::ledger::Terms;
use crate::privacy::PrivacyConfig;
use crate::provenance::AuditConfig;
use crate::serving::LadderConfig;
use crate::snapshot::SnapshotConfig;
use std::path::PathBuf;
use std::time::Duration;

/// When a log group counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Flushed to the device.
    Fsync,
    /// Handed to the operating system: survives a kill of the process, not a power cut.
    Os,
}

/// Checked settings of the service core.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceConfig {
    /// Folder of the embedded log.
    pub data_folder: PathBuf,
    /// When a log group counts as durable.
    pub durability: Durability,
    /// Bound of the log queue; full: 503.
    pub log_queue: usize,
    /// Bound of the engine queue; full: 503.
    pub engine_queue: usize,
    /// Bound of the inference queue; full: the rules answer.
    pub inference_queue: usize,
    /// Inference worker threads.
    pub inference_workers: usize,
    /// Largest micro-batch.
    pub max_batch: usize,
    /// How long a batch waits for company at most.
    pub batch_wait: Duration,
    /// Part of a caller's deadline kept back for making the verdict durable.
    pub commit_reserve: Duration,
    /// Graph bounds.
    pub limits: fraudnet_graph::Limits,
    /// Model folder.
    pub model_folder: PathBuf,
    /// Folder of all model versions; none: the one that the model's family lies in.
    pub model_registry: Option<PathBuf>,
    /// When lower tiers answer.
    pub ladder: LadderConfig,
    /// ONNX Runtime settings.
    pub runtime: fraudnet_models::RuntimeConfig,
    /// Fault injection for tests: lose whatever was never synced when the process dies.
    pub lose_unsynced_writes: bool,
    /// Where payments come from and go through Kafka; none where the embedded log is the truth.
    pub cluster: Option<ClusterConfig>,
    /// Snapshots of the state.
    pub snapshot: SnapshotConfig,
    /// Who may change what scores.
    pub control: ControlConfig,
    /// Share of approved payments that become training examples; all others do.
    pub example_share: f64,
    /// Whether and how drift is watched.
    pub drift: DriftConfig,
    /// The audit tree; none where none is kept.
    pub audit: Option<AuditConfig>,
    /// What figures of experiments are reckoned by.
    pub experiments: Terms,
    /// How cases are worked on.
    pub cases: CaseSettings,
    /// Payments whose neighbourhoods are kept for explanations.
    pub evidence: usize,
    /// Where people's pseudonyms are tied to them; none where the log holds identifiers in clear.
    pub privacy: Option<PrivacyConfig>,
}
