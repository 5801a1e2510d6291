//! Configuration as typed: sections and keys with their defaults. `deploy/config.example.toml` says what each is for; a test holds both
//! together.

use crate::access::{AccessSettings, OidcSettings};
use crate::service::Durability;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole configuration as typed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawConfig {
    /// Where it listens, and for whom.
    pub server: ServerSection,
    /// The event log.
    pub log: LogSection,
    /// The engine thread.
    pub engine: EngineSection,
    /// The network and what runs it.
    pub inference: InferenceSection,
    /// The model.
    pub model: ModelSection,
    /// Bounds of the graph.
    pub graph: GraphSection,
    /// Deadlines.
    pub deadline: DeadlineSection,
    /// The tiers below the first.
    pub ladder: LadderSection,
    /// Limits on requests.
    pub input: InputSection,
    /// Logs, traces.
    pub telemetry: TelemetrySection,
    /// Kafka, where it is the log.
    pub kafka: KafkaSection,
    /// Redis, beside Kafka.
    pub redis: RedisSection,
    /// Snapshots of graph and windows.
    pub snapshot: SnapshotSection,
    /// Who may change what scores.
    pub control: ControlSection,
    /// What training gets.
    pub training: TrainingSection,
    /// Whether payments still look as they did.
    pub drift: DriftSection,
    /// Proof of what was decided.
    pub audit: AuditSection,
    /// What figures of experiments are reckoned by.
    pub experiments: ExperimentsSection,
    /// How people work on held payments.
    pub reviews: ReviewsSection,
    /// Who may come in, and how often.
    pub access: AccessSettings,
    /// Where people sign in.
    pub oidc: OidcSettings,
    /// People under pseudonyms.
    pub privacy: PrivacySection,
}

/// Declares a section: its keys, their types and defaults.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$key_meta:meta])* $key:ident: $kind:ty = $default:expr),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$key_meta])* pub $key: $kind),+ }

        impl Default for $name {
            fn default() -> Self {
                $name { $($key: $default),+ }
            }
        }
    };
}

section! {
    /// `[server]`
    ServerSection {
        /// Address and port; port 0 takes a free one.
        listen: String = "127.0.0.1:8080".into(),
        /// Tenant of requests without `X-Tenant`.
        default_tenant: String = "default".into(),
    }
}

section! {
    /// `[log]`
    LogSection {
        /// `embedded` or `kafka`.
        transport: String = "embedded".into(),
        /// Folder of the log's file.
        folder: String = "data".into(),
        /// When a group counts as durable.
        durability: Durability = Durability::Fsync,
        /// Appends waiting at most.
        queue: usize = 4096,
        /// Fault injection for tests: a killed process loses all it never synced.
        lose_unsynced_writes: bool = false,
    }
}

section! {
    /// `[engine]`
    EngineSection {
        /// Events waiting at most.
        queue: usize = 4096,
    }
}

section! {
    /// `[inference]`
    InferenceSection {
        /// ONNX Runtime's shared library; empty: look for it.
        library: String = String::new(),
        /// Execution providers in order of preference.
        providers: Vec<String> = vec!["tensorrt".into(), "cuda".into(), "cpu".into()],
        /// Refuse to start without a GPU provider.
        require_gpu: bool = false,
        /// Worker threads.
        workers: usize = 1,
        /// Payments waiting at most; beyond, rules answer.
        queue: usize = 256,
        /// Largest micro-batch.
        max_batch: usize = 16,
        /// How long a batch waits for company, microseconds.
        batch_wait_us: u64 = 0,
        /// Folder for TensorRT's engine cache; empty: none.
        engine_cache: String = String::new(),
    }
}

section! {
    /// `[model]`
    ModelSection {
        /// Folder of the model version.
        folder: String = "models/hybrid".into(),
        /// Folder of all versions; empty: the one that the family lies in.
        registry: String = String::new(),
    }
}

section! {
    /// `[graph]`
    GraphSection {
        /// Entities kept at most.
        max_entities: u32 = 2_000_000,
        /// Edges kept at most.
        max_edges: u32 = 8_000_000,
        /// Transactions remembered at most.
        max_transactions: u32 = 4_000_000,
        /// Days without activity after which entities, edges and transactions leave.
        max_age_days: u32 = 90,
    }
}

section! {
    /// `[deadline]`
    DeadlineSection {
        /// How long a caller waits who sends no `X-Deadline-Ms`, milliseconds.
        default_ms: u64 = 100,
        /// Part of it kept back for making the verdict durable, milliseconds.
        commit_reserve_ms: u64 = 20,
        /// Part of it kept back for the tiers below the first, milliseconds.
        fallback_reserve_ms: u64 = 10,
    }
}

section! {
    /// `[ladder]`
    LadderSection {
        /// Failures in a row after which a model is left alone.
        failures: u32 = 5,
        /// A payment that a model has had for so long counts as a failure, milliseconds.
        timeout_ms: u64 = 50,
        /// How long a model is left alone, milliseconds.
        open_ms: u64 = 5_000,
        /// What is decided where nothing is known of a payment in time; empty: the verdict waits.
        default_decision: String = String::new(),
    }
}

section! {
    /// `[input]`
    InputSection {
        /// Oldest payment or label taken, days.
        max_event_age_days: u32 = 400,
        /// Refuse fields that hold card numbers.
        card_number_check: bool = true,
        /// Fields that may hold them all the same.
        card_number_exempt: Vec<String> = Vec::new(),
    }
}

section! {
    /// `[telemetry]`
    TelemetrySection {
        /// Collector that takes spans over OTLP/gRPC; empty: none.
        otlp_endpoint: String = String::new(),
        /// `json`, `pretty`, or `auto`: pretty on a terminal.
        log_format: String = "auto".into(),
        /// What is logged: a level, or directives such as `info,fraudnet_scoring=debug`.
        log_filter: String = "info,ort=warn".into(),
    }
}

section! {
    /// `[kafka]`
    KafkaSection {
        /// Brokers to begin with, `host:port`, separated by commas.
        brokers: String = "127.0.0.1:9092".into(),
        /// What the topics' names begin with.
        topic_prefix: String = "fraudnet.".into(),
        /// Consumer group that divides who scores.
        group: String = "fraudnet".into(),
        /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
        security_protocol: String = "plaintext".into(),
        /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
        sasl_mechanism: String = "PLAIN".into(),
        /// Login.
        username: String = String::new(),
        /// Its password.
        password: String = String::new(),
        /// Certificates that are trusted (PEM); empty: the system's.
        ca_file: String = String::new(),
        /// A replica silent for so long loses the partition, milliseconds.
        session_timeout_ms: u64 = 10_000,
        /// The broker aborts transactions open for longer, milliseconds.
        transaction_timeout_ms: u64 = 15_000,
        /// How long a message may take to be acknowledged, milliseconds.
        delivery_timeout_ms: u64 = 10_000,
        /// Payments that await their verdicts at most, each with its tensor.
        pending_payments: usize = 4096,
        /// Payments of one transaction at most.
        batch_payments: usize = 256,
        /// How long the scorer waits for the model before the rules answer, milliseconds.
        model_wait_ms: u64 = 1000,
    }
}

section! {
    /// `[redis]`
    RedisSection {
        /// Address, `redis://user:password@host:port/database`.
        url: String = String::new(),
        /// Whether it is a Redis cluster.
        cluster: bool = false,
        /// What every key begins with.
        key_prefix: String = "fraudnet:".into(),
        /// How long a payment waits for it at most, milliseconds.
        timeout_ms: u64 = 50,
    }
}

section! {
    /// `[snapshot]`
    SnapshotSection {
        /// Folder or URL; empty: beside the log; `off`: none.
        location: String = String::new(),
        /// Log entries between two.
        every_events: u64 = 200_000,
        /// Good ones kept.
        keep: usize = 3,
    }
}

section! {
    /// `[control]`
    ControlSection {
        /// Folder of the public keys (`NAME.pub`) whose owners may change what scores; empty: anybody may who reaches the API.
        trusted_keys: String = String::new(),
        /// Load only model versions that are signed with one of them.
        require_signature: bool = false,
        /// Whoever signed a version may not make it champion.
        four_eyes: bool = false,
    }
}

section! {
    /// `[training]`
    TrainingSection {
        /// Share of approved payments that become training examples; all others do.
        example_share: f64 = 0.05,
    }
}

section! {
    /// `[drift]`
    DriftSection {
        /// Watch for drift.
        enabled: bool = true,
        /// Payments of the reference.
        reference_payments: usize = 5000,
        /// Payments of a window.
        window_payments: usize = 1000,
        /// Payments of a segment between two comparisons.
        compare_every: usize = 250,
        /// Payments a segment needs, in the reference and in the window.
        min_count: usize = 500,
        /// KS statistic above which a column has drifted.
        ks_bound: f64 = 0.25,
        /// Stability index above which a column has drifted.
        psi_bound: f64 = 0.25,
        /// Fall of the AUC estimated without labels that is an alarm.
        estimate_bound: f64 = 0.05,
        /// Comparisons without drift after which an alarm is cleared.
        quiet_comparisons: u32 = 8,
        /// Age at which a payment without a fraud label counts as honest, hours.
        maturity_hours: i64 = 720,
        /// Frauds of a block whose AUC is one value for ADWIN.
        auc_block_frauds: usize = 1,
        /// ADWIN's accepted chance of a false alarm at each cut.
        auc_delta: f64 = 0.1,
        /// The same for the share of frauds that was caught.
        recall_delta: f64 = 0.01,
    }
}

section! {
    /// `[audit]`
    AuditSection {
        /// Keep a tree of hashes over the log, by which anybody can prove later what it held.
        enabled: bool = true,
        /// Secret key that signs its heads; empty: one of its own beside the log, made at the first start.
        key: String = String::new(),
        /// Log entries after which a head is signed.
        head_entries: u64 = 1000,
        /// Seconds after which a head is signed where anything was appended.
        head_seconds: u64 = 60,
        /// File that heads are appended to besides the log; empty: none.
        witness_file: String = String::new(),
        /// Address that heads are sent to; empty: none.
        witness_url: String = String::new(),
    }
}

section! {
    /// `[experiments]`
    ExperimentsSection {
        /// Age at which a payment without a fraud label counts as honest, hours.
        maturity_hours: f64 = 720.0,
        /// What declining an honest payment costs, as a share of its amount.
        false_decline_share: f64 = 0.1,
        /// What a review costs, major units of the currency.
        review_cost: f64 = 5.0,
    }
}

section! {
    /// `[reviews]`
    ReviewsSection {
        /// How long a case may wait before it is overdue, minutes.
        service_level_minutes: u32 = 240,
        /// Expected loss at which a case's turn comes after half that time, major units of the reference currency.
        half_time_loss: f64 = 500.0,
        /// Code of the reference currency, for people to read beside amounts; empty: amounts are shown without one.
        reference_currency: String = String::new(),
        /// What one unit of a currency is worth in the reference currency; one that is not listed counts one to one.
        rates: BTreeMap<String, f64> = BTreeMap::new(),
        /// How long somebody holds a case that they took, minutes.
        lease_minutes: u32 = 15,
        /// How long an action can be undone, seconds; 0 for not at all.
        undo_seconds: u32 = 10,
        /// How far a case can be put off, days.
        max_snooze_days: u32 = 14,
        /// Whether a second person must agree with what is decided about a case above the next amount.
        four_eyes: bool = true,
        /// That amount, major units of the reference currency.
        four_eyes_above: f64 = 10_000.0,
        /// Open cases of a tenant; beyond, a review opens none and is told in the log lines.
        max_open: usize = 100_000,
        /// Closed cases of a tenant that are remembered.
        max_closed: usize = 20_000,
        /// Payments whose neighbourhoods are kept for explanations, of those that were not simply approved.
        evidence: usize = 5_000,
    }
}

section! {
    /// `[privacy]`
    PrivacySection {
        /// Write pseudonyms to the log instead of accounts, devices and addresses.
        pseudonyms: bool = false,
        /// Folder of the vault that ties them to people; empty: beside the log's.
        folder: String = String::new(),
        /// File of the vault's key, made at the first start.
        master_key: String = String::new(),
        /// Identifiers that the vault may hold.
        max_people: usize = 20_000_000,
    }
}
