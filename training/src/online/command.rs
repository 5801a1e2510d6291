//! `fraudnet-train online`: arguments as typed, and the process around the loop.

use super::config::OnlineConfig;
use super::feed::embedded::EmbeddedFeed;
use super::feed::kafka::KafkaFeed;
use super::feed::{Feed, FeedError};
use super::service::{Audience, Nobody, Service, ServiceClient};
use super::store::Store;
use super::trainer::{Outcome, Trainer};
use crate::command::{Format, OutputArguments, print};
use anyhow::{Context, Result, bail};
use clap::Args;
use fraudnet_models::{Registry, SecretKey, initialise_runtime};
use fraudnet_scoring::clock;
use fraudnet_scoring::config::{LogFormat, TelemetryConfig};
use std::path::PathBuf;
use std::time::Duration;

/// How long an answer may take where nothing comes.
const POLL: Duration = Duration::from_secs(10);
/// Longest pause before somebody who is away is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What `online` takes. What is not given here is as the file says, and what is not there either has a default.
#[derive(Debug, Args)]
pub(crate) struct OnlineArguments {
    /// Settings (TOML); deploy/trainer.example.toml explains every one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The service: what serves, who is told of a challenger, and the stream of examples; empty to tell nobody.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Read the topics of a cluster, as this configuration of the service names them, instead of the service's stream.
    #[arg(long, value_name = "FILE")]
    kafka: Option<PathBuf>,
    /// Folder of all models; the service must see the same one.
    #[arg(long, value_name = "FOLDER")]
    registry: Option<PathBuf>,
    /// Folder of the trainer's memory: labels, replay buffer, the step under way.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Who publishes; with --key the key's name.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Secret key that signs what is published, as `fraudnet models keygen` makes it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Newly known frauds after which the champion is fitted further; 0: never.
    #[arg(long, value_name = "FRAUDS")]
    fine_tune_after: Option<u64>,
    /// When everything is fitted from nothing: HH:MM (UTC), "every 12h", or off.
    #[arg(long, value_name = "WHEN")]
    retrain: Option<String>,
    /// Days after which a payment without a label was honest.
    #[arg(long, value_name = "DAYS")]
    maturity_days: Option<f64>,
    /// Take what is there, do what is due, and end.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    output: OutputArguments,
}

impl OnlineArguments {
    fn settings(&self) -> Result<OnlineConfig> {
        let mut config = self.config.as_deref().map(OnlineConfig::read).transpose()?.unwrap_or_default();
        if let Some(url) = &self.url {
            config.url.clone_from(url);
        }
        if let Some(actor) = &self.actor {
            config.actor.clone_from(actor);
        }
        if let Some(registry) = &self.registry {
            config.registry.clone_from(registry);
        }
        if let Some(state) = &self.state {
            config.state.clone_from(state);
        }
        config.kafka = self.kafka.clone().or(config.kafka);
        config.key = self.key.clone().or(config.key);
        config.fine_tune.after = self.fine_tune_after.unwrap_or(config.fine_tune.after);
        config.labels.maturity_days = self.maturity_days.unwrap_or(config.labels.maturity_days);
        if let Some(retrain) = &self.retrain {
            config.retrain.at.clone_from(retrain);
        }
        config.check()?;
        Ok(config)
    }
}

/// Learns from a running service until it is stopped; it may be stopped, or killed, at any time.
pub(crate) fn online_command(arguments: &OnlineArguments) -> Result<()> {
    let config = arguments.settings()?;
    let runtime = arguments.output.runtime();
    initialise_runtime(&runtime)?;
    let told = TelemetryConfig { otlp_endpoint: None, log_format: LogFormat::Auto, log_filter: "info".to_owned() };
    // Held until the end: with it logs and spans go out.
    let runtime_of_logs = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _telemetry = {
        let _inside = runtime_of_logs.enter();
        fraudnet_scoring::telemetry::start(&told)?
    };
    let key = config.key.as_deref().map(SecretKey::read).transpose()?;
    let client = match config.url.as_str() {
        "" => None,
        url => Some(ServiceClient::new(url, &config.actor, key.clone(), config.token_file.as_deref())?),
    };
    let mut feed: Box<dyn Feed> = match (&config.kafka, &client) {
        (Some(file), _) => match fraudnet_scoring::config::load(Some(file))?.service.cluster {
            Some(cluster) => Box::new(KafkaFeed::new(cluster.kafka)),
            None => bail!("{} does not read from Kafka: log.transport is embedded", file.display()),
        },
        (None, Some(client)) => Box::new(EmbeddedFeed::new(client.clone())),
        (None, None) => bail!("name a service (--url) or a cluster (--kafka) to learn from"),
    };
    let mut audience: Box<dyn Audience> = match client {
        Some(client) => Box::new(Service::new(client, config.rollout.clone())),
        None => Box::new(Nobody(Registry::open(&config.registry)?)),
    };
    let store = Store::open(&config.state, config.buffer, config.labels.rules(), feed.beginning())?;
    tracing::info!(state = %store.path().display(), examples = store.progress().seen.examples, "the online trainer is ready");
    let mut trainer = Trainer::new(config, store, key, runtime)?;
    let mut pause = Pause::default();
    loop {
        while trainer.has_work() {
            match trainer.work(&mut *audience) {
                Ok(Some(outcome)) => {
                    pause = Pause::default();
                    tell(&outcome, arguments.output.format)?;
                }
                Ok(None) => break,
                Err(error) if arguments.once => return Err(error),
                // Nothing is lost: the step is written down.
                Err(error) => pause.wait(&format!("{error:#}")),
            }
        }
        let poll = if arguments.once { Duration::ZERO } else { POLL };
        match feed.next(trainer.progress().cursor, poll) {
            Ok(batch) => {
                pause = Pause::default();
                let ended = batch.next == trainer.progress().cursor && batch.told.is_empty();
                if !ended {
                    trainer.take(&batch)?;
                } else if arguments.once {
                    return summary(&trainer, arguments.output.format);
                }
            }
            Err(FeedError::Away(reason)) if !arguments.once => pause.wait(&reason),
            Err(error) => return Err(error).context("the feed"),
        }
    }
}

/// A growing pause, told of once.
#[derive(Default)]
struct Pause {
    tries: u32,
}

impl Pause {
    fn wait(&mut self, reason: &str) {
        if self.tries == 0 {
            tracing::warn!(reason, "asked again until it answers");
        }
        let pause = Duration::from_millis(200) * 2u32.pow(self.tries.min(8));
        self.tries += 1;
        std::thread::sleep(pause.min(LONGEST_PAUSE));
    }
}

fn tell(outcome: &Outcome, format: Format) -> Result<()> {
    if format == Format::Json {
        print(&serde_json::to_string(outcome)?);
        return Ok(());
    }
    let at = clock::now_ms();
    let line = match outcome {
        Outcome::Postponed { plan, reason } => format!("{}: put off, {reason}", plan.version),
        Outcome::Refused { plan, reasons, .. } => format!("{}: refused\n  {}", plan.version, reasons.join("\n  ")),
        Outcome::Published { plan, report } => {
            let by = report.as_ref().map_or(String::new(), |report| {
                format!(
                    ", average precision {:.4} after the champion's {:.4} on {} payments with {} frauds",
                    report.average_precision[1], report.average_precision[0], report.payments, report.frauds
                )
            });
            format!("{}: published{by}", plan.version)
        }
        Outcome::Announced { plan } => format!("{}: challenger of {}", plan.version, plan.champion),
        Outcome::Unwelcome { plan, reason } => format!("{}: the service refuses it: {reason}", plan.version),
    };
    print(&format!("{} {line}", fraudnet_scoring::wire::format_timestamp(at)));
    Ok(())
}

fn summary(trainer: &Trainer, format: Format) -> Result<()> {
    let progress = trainer.progress();
    if format == Format::Json {
        print(&serde_json::to_string(progress)?);
        return Ok(());
    }
    let seen = &progress.seen;
    print(&format!(
        "{} examples, {} labels, {} known frauds ({} since the last fine-tuning), {} steps; nothing more to take",
        seen.examples,
        seen.labels,
        seen.frauds,
        progress.new_frauds(),
        progress.steps
    ));
    Ok(())
}
