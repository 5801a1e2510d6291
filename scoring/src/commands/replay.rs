//! `fraudnet replay`: folds a log once more and says what came of it, or first loads a history into it.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::Context;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::Body;
use fraudnet_scoring::log::{LogReader, Record};
use fraudnet_scoring::service::{BackfillReport, ServiceConfig, load_history};
use fraudnet_scoring::simulate::read_history;
use fraudnet_scoring::{clock, config, wire};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fs::File;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Entries read from the log at a time.
const CHUNK: usize = 1024;

/// Replays the log of a stopped service and prints its position, the hash of the state it gives, and rates.
///
/// The same log with the same bounds of the graph gives the same hash on every machine. The service must not be running on the folder.
///
/// With --history a history as `fraudnet simulate` writes it is first loaded into the log: its payments are applied when the service
/// starts, but never get a verdict. Payments whose id is known already are left out and counted, so a load that broke off can be repeated.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Data folder; log.folder of the configuration where absent.
    folder: Option<PathBuf>,
    /// Configuration file (TOML), for the bounds of the graph.
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// History (JSON lines) to load into the log first.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
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
    /// What came of the history that was loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<BackfillReport>,
    /// First position after the last entry.
    position: u64,
    payments: u64,
    /// Payments loaded as history.
    history: u64,
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
        let mut config = config::load(self.config.as_deref())?.service;
        if let Some(folder) = self.folder {
            config.data_folder = folder;
        }
        let loaded = self.history.as_deref().map(|file| load(&config, file)).transpose()?;
        let folder = config.data_folder;
        let log = LogReader::open(&folder)?;
        let mut state = State::new(config.limits);
        let mut tensor = Tensor::default();
        let mut report = Report { folder, loaded, observed: self.observe, ..Report::default() };
        let started = clock::monotonic();
        while report.position < log.end() {
            let entries = log.read_from(report.position, CHUNK)?;
            let Some(last) = entries.last() else { break };
            report.position = last.position + 1;
            for entry in &entries {
                let json = match entry.record()? {
                    Record::Payment { event, .. } | Record::Event { event } => event,
                    Record::History { event } => {
                        report.history += 1;
                        event
                    }
                    Record::Verdict { .. } => {
                        report.verdicts += 1;
                        continue;
                    }
                };
                let event = wire::decode_event(json)
                    .with_context(|| format!("the log entry at position {} is not an event", entry.position))?;
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
        report.undecided = report.payments.saturating_sub(report.history + report.verdicts);
        report.state_hash = state.state_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        let stats = state.graph().stats();
        (report.entities, report.edges) = (stats.entities, stats.edges);
        report.print(self.format)
    }
}

/// Loads the file into the log and tells how far it is, and how fast.
fn load(config: &ServiceConfig, path: &Path) -> anyhow::Result<BackfillReport> {
    let open = || format!("cannot read the history `{}`", path.display());
    let file = File::open(path).with_context(open)?;
    let bytes = file.metadata().with_context(open)?.len();
    let bar = ProgressBar::new(bytes).with_style(
        ProgressStyle::with_template("loading {bar:30} {percent} %, {msg}").expect("the template is fixed and valid"),
    );
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let mut bad_line = None;
    let lines = read_history(BufReader::with_capacity(1 << 20, bar.wrap_read(file)));
    let events = lines.map_while(|line| match line {
        Ok(simulated) => Some(simulated.event),
        Err(error) => {
            bad_line = Some(error);
            None
        }
    });
    let begun = clock::monotonic();
    let report = load_history(config, events, |durable| {
        bar.set_message(format!("{durable} events, {:.0}/s", durable as f64 / begun.elapsed().as_secs_f64().max(1e-9)));
    });
    bar.finish_and_clear();
    let report = report?;
    if let Some(error) = bad_line {
        let loaded = report.payments + report.others;
        let advice = format!(
            "`{}`: the {loaded} events before it are loaded; mend the line and load the file again",
            path.display()
        );
        return Err(anyhow::Error::new(error).context(advice));
    }
    Ok(report)
}

impl Report {
    fn print(&self, format: OutputFormat) -> anyhow::Result<ExitCode> {
        if format == OutputFormat::Json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(ExitCode::SUCCESS);
        }
        let work = if self.observed { "observed" } else { "applied" };
        println!("folder      {}", self.folder.display());
        if let Some(loaded) = &self.loaded {
            println!(
                "loaded      {} payments and {} labels in {:.2} s ({:.0} events/s); {} payments left out, known already",
                loaded.payments,
                loaded.others,
                loaded.seconds,
                loaded.events_per_second(),
                loaded.duplicates
            );
        }
        println!("position    {}", self.position);
        println!(
            "payments    {} ({} of them history, {} without a verdict)",
            self.payments, self.history, self.undecided
        );
        println!("labels      {}", self.labels);
        println!("verdicts    {}", self.verdicts);
        println!("graph       {} entities, {} edges", self.entities, self.edges);
        println!("state hash  {}", self.state_hash);
        println!("rate        {:.0} events/s {work}, {:.2} s in all", self.events_per_second, self.seconds);
        Ok(ExitCode::SUCCESS)
    }
}
