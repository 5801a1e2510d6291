//! From typed to checked: every value against its bounds, every fault told.

use super::raw::RawConfig;
use super::{ConfigError, KeyFault};
use crate::access::{self, AccessSettings};
use crate::http::{HttpConfig, MAX_DEADLINE_MS};
use crate::service::ServiceConfig;
use crate::wire::{CARD_NUMBER_FIELDS, InputRules, bounds};
use fraudnet_graph::Limits;
use fraudnet_models::{Provider, RuntimeConfig};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

/// The checked configuration, one struct for each part.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it listens.
    pub server: ServerConfig,
    /// For the rim.
    pub http: HttpConfig,
    /// For the core.
    pub service: ServiceConfig,
    /// For logs, traces and metrics.
    pub telemetry: TelemetryConfig,
}

/// Where the service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// Settings of logs and traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Collector that takes spans over OTLP/gRPC.
    pub otlp_endpoint: Option<String>,
    /// Form of log lines.
    pub log_format: LogFormat,
    /// What is logged, as `tracing` directives.
    pub log_filter: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For eyes.
    Pretty,
}

pub(super) struct Faults(Vec<KeyFault>);

impl Faults {
    pub(super) fn add(&mut self, key: &'static str, reason: impl Into<String>) {
        self.0.push(KeyFault { key, reason: reason.into() });
    }

    pub(super) fn within<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        key: &'static str,
        value: T,
        allowed: RangeInclusive<T>,
    ) -> T {
        if !allowed.contains(&value) {
            self.add(key, format!("is {value}, but must be from {} to {}", allowed.start(), allowed.end()));
        }
        value
    }

    pub(super) fn folder(&mut self, key: &'static str, value: &str) -> PathBuf {
        if value.is_empty() {
            self.add(key, "must name a folder");
        }
        PathBuf::from(value)
    }
}

impl RawConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every key at fault.
    pub fn check(&self) -> Result<Config, ConfigError> {
        let mut faults = Faults(Vec::new());
        let config = Config {
            server: ServerConfig { listen: self.listen(&mut faults) },
            http: self.http(&mut faults),
            service: self.service(&mut faults),
            telemetry: self.telemetry(&mut faults),
        };
        if faults.0.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(faults.0)) }
    }

    fn listen(&self, faults: &mut Faults) -> SocketAddr {
        let Ok(address) = self.server.listen.parse::<SocketAddr>() else {
            faults.add("server.listen", "must be an IP address and a port, such as \"127.0.0.1:8080\"");
            return SocketAddr::from(([127, 0, 0, 1], 0));
        };
        if let Err(reason) = access::check_bind(address, &self.access.trusted_networks()) {
            faults.add("server.listen", reason);
        }
        let is_reached = !access::is_loopback(address.ip()) || !self.access.trusted_proxies.is_empty();
        if is_reached && !self.access.anonymous.is_empty() {
            let reason = "must be empty where other machines can reach server.listen, also through a proxy: everybody would have those roles";
            faults.add("access.anonymous", reason);
        }
        address
    }

    fn http(&self, faults: &mut Faults) -> HttpConfig {
        if let Err(reason) = bounds::tenant(&self.server.default_tenant) {
            faults.add("server.default_tenant", reason);
        }
        if self.input.card_number_exempt.iter().any(|field| !CARD_NUMBER_FIELDS.contains(&field.as_str())) {
            faults.add("input.card_number_exempt", format!("may hold {}", CARD_NUMBER_FIELDS.join(", ")));
        }
        let max_age_days = faults.within("input.max_event_age_days", self.input.max_event_age_days, 1..=36_500);
        let default_ms = faults.within("deadline.default_ms", self.deadline.default_ms, 1..=MAX_DEADLINE_MS);
        HttpConfig {
            default_tenant: self.server.default_tenant.clone(),
            default_deadline: Duration::from_millis(default_ms),
            access: self.access(faults),
            oidc: self.oidc.clone(),
            is_loopback: self.server.listen.parse().is_ok_and(|address: SocketAddr| access::is_loopback(address.ip())),
            reference_currency: self.reviews.reference_currency.clone(),
            input: InputRules {
                max_event_age_ms: i64::from(max_age_days) * DAY_MS,
                card_number_check: self.input.card_number_check,
                card_number_exempt: self.input.card_number_exempt.clone(),
            },
        }
    }

    fn access(&self, faults: &mut Faults) -> AccessSettings {
        for (key, reason) in self.access.faults().into_iter().chain(self.oidc.faults(&self.access)) {
            faults.add(key, reason);
        }
        self.access.clone()
    }

    fn service(&self, faults: &mut Faults) -> ServiceConfig {
        const QUEUE: RangeInclusive<usize> = 1..=1_000_000;
        let max_batch = faults.within("inference.max_batch", self.inference.max_batch, 1..=256);
        let commit_reserve_ms =
            faults.within("deadline.commit_reserve_ms", self.deadline.commit_reserve_ms, 0..=MAX_DEADLINE_MS);
        ServiceConfig {
            data_folder: faults.folder("log.folder", &self.log.folder),
            durability: self.log.durability,
            log_queue: faults.within("log.queue", self.log.queue, QUEUE),
            engine_queue: faults.within("engine.queue", self.engine.queue, QUEUE),
            inference_queue: faults.within("inference.queue", self.inference.queue, QUEUE),
            inference_workers: faults.within("inference.workers", self.inference.workers, 1..=256),
            max_batch,
            batch_wait: Duration::from_micros(faults.within(
                "inference.batch_wait_us",
                self.inference.batch_wait_us,
                0..=1_000_000,
            )),
            commit_reserve: Duration::from_millis(commit_reserve_ms),
            limits: self.limits(faults),
            model_folder: faults.folder("model.folder", &self.model.folder),
            model_registry: (!self.model.registry.is_empty()).then(|| PathBuf::from(&self.model.registry)),
            ladder: self.ladder(faults),
            runtime: RuntimeConfig {
                library: PathBuf::from(&self.inference.library),
                providers: self.providers(faults),
                require_gpu: self.inference.require_gpu,
                max_batch,
                engine_cache: (!self.inference.engine_cache.is_empty())
                    .then(|| PathBuf::from(&self.inference.engine_cache)),
            },
            lose_unsynced_writes: self.log.lose_unsynced_writes,
            cluster: self.cluster(faults),
            snapshot: self.snapshot(faults),
            control: self.control(faults),
            example_share: self.example_share(faults),
            drift: self.drift(faults),
            audit: self.audit(faults),
            experiments: self.experiments(faults),
            cases: self.cases(faults),
            privacy: self.privacy(faults),
            evidence: faults.within("reviews.evidence", self.reviews.evidence, 0..=1_000_000),
        }
    }

    fn limits(&self, faults: &mut Faults) -> Limits {
        let graph = &self.graph;
        // The largest numbers the graph's 32-bit indexes leave room for.
        const MOST: u32 = 2_000_000_000;
        Limits {
            max_entities: faults.within("graph.max_entities", graph.max_entities, 1_000..=MOST),
            max_edges: faults.within("graph.max_edges", graph.max_edges, 1_000..=MOST),
            max_transactions: faults.within("graph.max_transactions", graph.max_transactions, 1_000..=MOST),
            max_age_s: faults.within("graph.max_age_days", graph.max_age_days, 1..=3_650).saturating_mul(86_400),
        }
    }

    fn providers(&self, faults: &mut Faults) -> Vec<Provider> {
        let mut providers = Vec::new();
        for name in &self.inference.providers {
            let provider = match name.as_str() {
                "tensorrt" => Provider::TensorRt,
                "cuda" => Provider::Cuda,
                "cpu" => Provider::Cpu,
                _ => {
                    faults.add("inference.providers", "may hold \"tensorrt\", \"cuda\" and \"cpu\"");
                    continue;
                }
            };
            if providers.contains(&provider) {
                faults.add("inference.providers", format!("names \"{name}\" twice"));
            }
            providers.push(provider);
        }
        if self.inference.providers.is_empty() {
            faults.add("inference.providers", "must name at least one of \"tensorrt\", \"cuda\" and \"cpu\"");
        }
        providers
    }

    fn telemetry(&self, faults: &mut Faults) -> TelemetryConfig {
        let telemetry = &self.telemetry;
        let endpoint = telemetry.otlp_endpoint.as_str();
        if !endpoint.is_empty() && !endpoint.starts_with("http://") {
            faults.add(
                "telemetry.otlp_endpoint",
                "must be empty or begin with http://, such as \"http://127.0.0.1:4317\"",
            );
        }
        if tracing_subscriber::EnvFilter::try_new(&telemetry.log_filter).is_err() {
            faults
                .add("telemetry.log_filter", "must be a level or directives, such as \"info,fraudnet_scoring=debug\"");
        }
        let log_format = match telemetry.log_format.as_str() {
            "auto" => LogFormat::Auto,
            "json" => LogFormat::Json,
            "pretty" => LogFormat::Pretty,
            _ => {
                faults.add("telemetry.log_format", "must be \"auto\", \"json\" or \"pretty\"");
                LogFormat::Auto
            }
        };
        TelemetryConfig {
            otlp_endpoint: (!endpoint.is_empty()).then(|| endpoint.to_owned()),
            log_format,
            log_filter: telemetry.log_filter.clone(),
        }
    }
}
