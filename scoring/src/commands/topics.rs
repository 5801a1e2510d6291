//! `fraudnet topics`: creates the Kafka topics and checks them.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::Context;
use fraudnet_scoring::cluster::kafka::{KafkaConfig, TopicState, check_topics, create_topics};
use fraudnet_scoring::config;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long the brokers may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Creates and checks the Kafka topics.
///
/// All of them have exactly one partition, since the order of the log is the order of a partition. Exits with 1 where a topic is not
/// as it must be; the service would not start then either.
#[derive(Debug, clap::Args)]
pub struct Topics {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Creates the topics that are missing, then checks all of them.
    ///
    /// Topics that exist are left as they are. transactions, labels, verdicts and dead-letters are created without a limit of time or
    /// size (retention.ms = -1), because a replica that lost its disk is rebuilt from them; limit them yourself if you keep snapshots. The
    /// other topics follow the broker's default. min.insync.replicas is 2, or 1 where there is only one copy.
    Create {
        /// Copies of each topic; as many as there are brokers, at most 3, where absent.
        #[arg(long, value_name = "N")]
        replication: Option<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// Checks that every topic is there, has one partition, and takes messages as large as it must.
    Check {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Configuration file (TOML).
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    brokers: &'a str,
    good: bool,
    topics: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    /// 0: it does not exist.
    partitions: usize,
    replication: usize,
    min_insync_replicas: Option<u32>,
    max_message_bytes: Option<usize>,
    /// -1: for ever.
    retention_ms: Option<i64>,
    created: bool,
    problems: &'a [String],
    remarks: &'a [String],
}

impl Topics {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (common, states) = match &self.action {
            Action::Create { replication, common } => {
                let kafka = kafka(common.config.as_deref())?;
                (common, (create_topics(&kafka, *replication, TIMEOUT)?, kafka))
            }
            Action::Check { common } => {
                let kafka = kafka(common.config.as_deref())?;
                (common, (check_topics(&kafka, TIMEOUT)?, kafka))
            }
        };
        let (states, kafka) = states;
        let report = Report {
            brokers: &kafka.brokers,
            good: states.iter().all(|state| state.problems.is_empty()),
            topics: states.iter().map(Line::of).collect(),
        };
        match common.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&report)?),
            OutputFormat::Text => report.print(),
        }
        Ok(if report.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// `[kafka]` of a configuration that uses it.
pub(super) fn kafka(file: Option<&Path>) -> anyhow::Result<KafkaConfig> {
    let cluster = config::load(file)?.service.cluster;
    let cluster = cluster.context("log.transport: is \"embedded\", which has no topics; set it to \"kafka\"")?;
    Ok(cluster.kafka)
}

impl<'a> Line<'a> {
    fn of(state: &'a TopicState) -> Line<'a> {
        Line {
            name: &state.name,
            partitions: state.partitions.unwrap_or(0),
            replication: state.replication,
            min_insync_replicas: state.min_insync_replicas,
            max_message_bytes: state.max_message_bytes,
            retention_ms: state.retention_ms,
            created: state.created,
            problems: &state.problems,
            remarks: &state.remarks,
        }
    }
}

impl Report<'_> {
    fn print(&self) {
        let width = self.topics.iter().map(|line| line.name.len()).max().unwrap_or(0);
        println!("{:width$}  partitions  copies  in sync  largest message  kept", "topic");
        let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
        for line in &self.topics {
            let kept = line.retention_ms.map(|ms| match ms {
                ..0 => "for ever".to_owned(),
                ms => format!("{:.1} days", ms as f64 / 86_400_000.0),
            });
            let note = match (line.problems.is_empty(), line.created) {
                (false, _) => "  WRONG",
                (true, true) => "  created",
                (true, false) => "",
            };
            println!(
                "{:width$}  {:>10}  {:>6}  {:>7}  {:>15}  {}{note}",
                line.name,
                line.partitions,
                line.replication,
                or_unknown(line.min_insync_replicas.map(|copies| copies.to_string())),
                or_unknown(line.max_message_bytes.map(|bytes| bytes.to_string())),
                or_unknown(kept),
            );
        }
        for problem in self.topics.iter().flat_map(|line| line.problems) {
            println!("{problem}");
        }
        // The same remark about every topic is one remark.
        let mut remarks: Vec<(&String, Vec<&str>)> = Vec::new();
        for line in &self.topics {
            for remark in line.remarks {
                match remarks.iter_mut().find(|(said, _)| *said == remark) {
                    Some((_, names)) => names.push(line.name),
                    None => remarks.push((remark, vec![line.name])),
                }
            }
        }
        for (remark, names) in remarks {
            let of = if names.len() == self.topics.len() { "every topic".to_owned() } else { names.join(", ") };
            println!("note: {of}: {remark}");
        }
        println!("{} at {}", if self.good { "all good" } else { "not usable" }, self.brokers);
    }
}
