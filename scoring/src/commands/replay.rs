//! `fraudnet replay`: folds a log once more and says what came of it, or first loads a history into it.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::Context;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::Body;
use fraudnet_scoring::history::{BadRows, HistoryEvent, HistoryFile, Skipped};
use fraudnet_scoring::log::{LogReader, Record};
use fraudnet_scoring::service::{BackfillReport, ServiceConfig, load_history};
use fraudnet_scoring::{clock, config, wire};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Entries read from the log at a time.
const CHUNK: usize = 1024;
/// Between two lines of progress where standard error is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

const EXAMPLE: &str = r#"A mapping, the least there is; deploy/mappings/ holds whole ones:

  [columns]                    # ours = "theirs"
  account = "CUSTOMER"
  amount = "AMOUNT"            # in major units; amount_minor for cents
  time = "PAID_AT"
  [label]
  column = "FRAUD"             # 1/0, true/false, yes/no
  known_after_days = 7
  [defaults]
  currency = "EUR"
  channel = "ecommerce"

  fraudnet replay --history payments.csv --mapping payments.toml"#;

/// Replays the log of a stopped service and prints its position, the hash of the state it gives, and rates.
///
/// The same log with the same bounds of the graph gives the same hash on every machine. The service must not be running on the folder.
///
/// With --history a file of past payments is first loaded into the log, so that a new service starts with its own past: the payments
/// are applied when it starts, but never get a verdict. The file may be Parquet, CSV or JSON lines with any columns; --mapping names a
/// small TOML file that says which column is the account, the amount, the time, and (where there are) the transaction id, merchant,
/// device, IP, currency, label and the time the label became known; an example stands below.
///
/// Without --mapping the file is one that `fraudnet simulate` wrote. Rows must ascend in time. A label enters the log when it became
/// known, after the payments of that millisecond; what lies ahead of this machine's clock is left out and counted. Payments whose id is
/// known already are left out and counted as well, so a load that broke off can be repeated. A row that cannot be taken ends the load
/// with its place and what to do; with --skip-bad-rows such rows are left out, counted by kind, and the first 20 listed.
///
/// The graph forgets entities and edges after graph.max_age_days without activity, whatever their history.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLE)]
pub struct Replay {
    /// Data folder; log.folder of the configuration where absent.
    folder: Option<PathBuf>,
    /// Configuration file (TOML), for the bounds of the graph.
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// History to load into the log first: Parquet, CSV or JSON lines.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Which of the history's columns is what (TOML).
    #[arg(long, value_name = "FILE", requires = "history")]
    mapping: Option<PathBuf>,
    /// Leave out rows that cannot be taken, and list them, instead of ending with the first.
    #[arg(long, requires = "history")]
    skip_bad_rows: bool,
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
    loaded: Option<Loaded>,
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

#[derive(Debug, Serialize)]
struct Loaded {
    #[serde(flatten)]
    report: BackfillReport,
    events_per_second: f64,
    /// Events ahead of this machine's clock, left out: mostly labels nobody can know yet.
    ahead: u64,
    skipped: Skipped,
}

impl Replay {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut config = config::load(self.config.as_deref())?.service;
        if let Some(folder) = &self.folder {
            config.data_folder.clone_from(folder);
        }
        let loaded = self.load(&config)?;
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
                let record = entry.record()?;
                match record {
                    Record::Verdict { .. } => report.verdicts += 1,
                    Record::History { .. } => report.history += 1,
                    _ => {}
                }
                let Some(json) = record.event() else { continue };
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

    /// Loads the history into the log and tells how far it is, and how fast.
    fn load(&self, config: &ServiceConfig) -> anyhow::Result<Option<Loaded>> {
        let Some(path) = &self.history else { return Ok(None) };
        let bad_rows = if self.skip_bad_rows { BadRows::Skip } else { BadRows::Refuse };
        let file = HistoryFile::open(path, self.mapping.as_deref(), bad_rows)?;
        let mut bad_row = None;
        let mut ahead = 0;
        let now_ms = clock::now_ms();
        let events = file.events().map_while(|event| match event {
            Ok(HistoryEvent { event, .. }) => Some(event),
            Err(error) => {
                bad_row = Some(error);
                None
            }
        });
        let events = events.filter(|event| {
            let is_past = event.ingested_at_ms <= now_ms;
            ahead += u64::from(!is_past);
            is_past
        });
        let mut told = Telling::start();
        let report = load_history(config, events, |durable| told.tell(durable, file.share_read()));
        told.bar.finish_and_clear();
        let report = report?;
        if let Some(error) = bad_row {
            let advice = format!(
                "the {} events before it are loaded; mend the row and load the file again, or leave such rows out with --skip-bad-rows",
                report.payments + report.others
            );
            return Err(anyhow::anyhow!("{error} ({advice})"));
        }
        let events_per_second = report.events_per_second();
        Ok(Some(Loaded { report, events_per_second, ahead, skipped: file.skipped() }))
    }
}

/// Progress on standard error: a bar on a terminal, a line every ten seconds elsewhere.
struct Telling {
    bar: ProgressBar,
    begun: std::time::Instant,
    said: std::time::Instant,
}

impl Telling {
    fn start() -> Telling {
        let style = ProgressStyle::with_template("loading {bar:30} {percent} %, {msg}")
            .expect("the template is fixed and valid");
        let bar = ProgressBar::new(1_000).with_style(style);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let now = clock::monotonic();
        Telling { bar, begun: now, said: now }
    }

    fn tell(&mut self, durable: u64, share_read: f64) {
        let now = clock::monotonic();
        let rate = durable as f64 / now.saturating_duration_since(self.begun).as_secs_f64().max(1e-9);
        let message = format!("{durable} events, {rate:.0}/s");
        if self.bar.is_hidden() && now.saturating_duration_since(self.said) >= LINE_EVERY {
            self.said = now;
            eprintln!("loading: {:.0} % of the file, {message}", 100.0 * share_read);
        }
        self.bar.set_position((1_000.0 * share_read) as u64);
        self.bar.set_message(message);
    }
}

impl Loaded {
    fn print(&self) {
        let report = &self.report;
        println!(
            "loaded      {} payments and {} labels in {:.2} s ({:.0} events/s)",
            report.payments, report.others, report.seconds, self.events_per_second
        );
        println!(
            "left out    {} payments known already, {} events ahead of this machine's clock, {} bad rows",
            report.duplicates, self.ahead, self.skipped.rows
        );
        for (kind, rows) in &self.skipped.by_kind {
            println!("  {rows:>9}  {kind}");
        }
        for bad in &self.skipped.first {
            println!("  {bad}");
        }
        let unlisted = self.skipped.rows - self.skipped.first.len() as u64;
        if unlisted > 0 {
            println!("  and {unlisted} more");
        }
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
        if let Some(loaded) = &self.loaded {
            loaded.print();
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
