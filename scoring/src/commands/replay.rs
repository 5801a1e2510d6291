//! `fraudnet replay`: folds a log once more and says what came of it.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::Context;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::Body;
use fraudnet_scoring::log::{LogReader, Record};
use fraudnet_scoring::{clock, config, wire};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Entries read from the log at a time.
const CHUNK: usize = 1024;

/// Replays the log of a stopped service and prints its position, the hash of the state it gives, and rates.
///
/// The same log with the same [graph] bounds gives the same hash on every machine. The service must not be running on the folder.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Data folder; log.folder of the configuration where absent.
    folder: Option<PathBuf>,
    /// Configuration file (TOML), for the bounds of the graph.
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also sample and assemble the tensor of every payment, as scoring does.
    #[arg(long)]
    observe: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    folder: PathBuf,
    /// First position after the last entry.
    position: u64,
    payments: u64,
    labels: u64,
    outcomes: u64,
    verdicts: u64,
    /// Payments without a verdict: begun when the process died.
    undecided: u64,
    state_hash: String,
    entities: u32,
    edges: u32,
    observed: bool,
    seconds: f64,
    events_per_second: f64,
}

impl Replay {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = config::load(self.config.as_deref())?;
        let folder = self.folder.unwrap_or(config.service.data_folder);
        let log = LogReader::open(&folder)?;
        let mut state = State::new(config.service.limits);
        let mut tensor = Tensor::default();
        let mut report = Report { folder, observed: self.observe, ..Report::default() };
        let started = clock::monotonic();
        while report.position < log.end() {
            let entries = log.read_from(report.position, CHUNK)?;
            let Some(last) = entries.last() else { break };
            report.position = last.position + 1;
            for entry in &entries {
                let json = match entry.record()? {
                    Record::Payment { event, .. } | Record::Event { event } => event,
                    Record::Verdict { .. } => {
                        report.verdicts += 1;
                        continue;
                    }
                };
                let event =
                    wire::decode_event(json).with_context(|| format!("the log entry at position {} is not an event", entry.position))?;
                match event.body {
                    Body::Payment(_) => report.payments += 1,
                    Body::Label(_) => report.labels += 1,
                    Body::Outcome(_) => report.outcomes += 1,
                }
                if self.observe {
                    state.observe(entry.position, &event, &mut tensor);
                } else {
                    state.apply(entry.position, &event);
                }
            }
        }
        report.seconds = started.elapsed().as_secs_f64();
        let events = report.payments + report.labels + report.outcomes;
        report.events_per_second = events as f64 / report.seconds.max(1e-9);
        report.undecided = report.payments.saturating_sub(report.verdicts);
        report.state_hash = state.state_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        let stats = state.graph().stats();
        (report.entities, report.edges) = (stats.entities, stats.edges);
        report.print(self.format)
    }
}

impl Report {
    fn print(&self, format: OutputFormat) -> anyhow::Result<ExitCode> {
        if format == OutputFormat::Json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(ExitCode::SUCCESS);
        }
        let work = if self.observed { "observed" } else { "applied" };
        println!("folder      {}", self.folder.display());
        println!("position    {}", self.position);
        println!("payments    {} ({} without a verdict)", self.payments, self.undecided);
        println!("labels      {}", self.labels);
        println!("verdicts    {}", self.verdicts);
        println!("graph       {} entities, {} edges", self.entities, self.edges);
        println!("state hash  {}", self.state_hash);
        println!("rate        {:.0} events/s {work}, {:.2} s in all", self.events_per_second, self.seconds);
        Ok(ExitCode::SUCCESS)
    }
}
