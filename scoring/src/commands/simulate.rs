//! `fraudnet simulate`: writes a seeded history, and shows that no single column gives the fraud away.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::{Context, ensure};
use fraudnet_scoring::simulate::{
    Progress, SIMULATOR_VERSION, SimulatedEvent, SimulationConfig, column_aucs, simulate_with_progress, write_history,
};
use fraudnet_scoring::wire::{bounds, parse_timestamp};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Largest area under the ROC curve a single column may reach.
const MAX_COLUMN_AUC: f64 = 0.80;
/// Columns shown without --format json.
const COLUMNS_SHOWN: usize = 20;

/// Writes a seeded history of payments and labels as JSON lines: ordinary life with fraud rings in it.
///
/// The same seed and settings give the same bytes. Each line is {"event":{…},"oracle":{…}}; the oracle (fraud or not, and of what kind)
/// is for judging only and is no part of the event. --check prints how well each single column would tell fraud and fails above 0.80.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// File to write; nothing is written without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First day, RFC 3339.
    #[arg(long, default_value = "2026-01-01T00:00:00Z", value_parser = start_ms)]
    start: i64,
    /// Days.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Honest accounts.
    #[arg(long, default_value_t = 4_000)]
    accounts: u32,
    /// Payments an average day.
    #[arg(long, default_value_t = 2_500)]
    payments_per_day: u32,
    /// Share of payments that are fraud.
    #[arg(long, default_value_t = 0.005)]
    fraud_share: f64,
    /// Tenant of every event.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Also write labels that become known after the last day.
    #[arg(long)]
    label_tail: bool,
    /// Print how well each single column tells fraud (AUC), and fail where one exceeds 0.80.
    #[arg(long)]
    check: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

fn start_ms(text: &str) -> Result<i64, String> {
    parse_timestamp(text).ok_or_else(|| "give an RFC 3339 time, such as 2026-01-01T00:00:00Z".to_owned())
}

#[derive(Debug, Default, Serialize)]
struct Report {
    simulator_version: &'static str,
    seed: u64,
    out: Option<PathBuf>,
    events: u64,
    payments: u64,
    frauds: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct Column {
    column: String,
    auc: f64,
}

impl Simulate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(self.out.is_some() || self.check, "give --out FILE to write the history, --check to judge it, or both");
        bounds::tenant(&self.tenant).map_err(|reason| anyhow::anyhow!("--tenant {reason}"))?;
        let config = SimulationConfig {
            seed: self.seed,
            start_ms: self.start,
            days: self.days,
            accounts: self.accounts,
            payments_per_day: self.payments_per_day,
            tenant: self.tenant.clone(),
            fraud_share: self.fraud_share,
            label_tail: self.label_tail,
            newcomers: Vec::new(),
        };
        config.check()?;
        let mut report = Report {
            simulator_version: SIMULATOR_VERSION,
            seed: self.seed,
            out: self.out.clone(),
            ..Report::default()
        };
        let bar = progress_bar(config.days);
        let events = simulate_with_progress(&config, |progress: Progress| {
            bar.set_position(u64::from(progress.days_done));
            bar.set_message(format!("{} payments", progress.payments));
        });
        // Judging needs all payments at once; writing alone does not, and a training history is large.
        let mut kept = Vec::new();
        let counted = events.inspect(|event| report.count(event));
        match &self.out {
            Some(path) if self.check => write(path, counted.inspect(|event| kept.push(event.clone())))?,
            Some(path) => write(path, counted)?,
            None => kept.extend(counted),
        }
        bar.finish_and_clear();
        if self.check {
            report.columns = column_aucs(&kept).into_iter().map(|(column, auc)| Column { column, auc }).collect();
        }
        report.print(self.format)?;
        Ok(match report.columns.iter().find(|column| column.auc > MAX_COLUMN_AUC) {
            Some(worst) => {
                eprintln!(
                    "fraudnet: column {} alone tells fraud with AUC {:.3}, above {MAX_COLUMN_AUC:.2}",
                    worst.column, worst.auc
                );
                ExitCode::FAILURE
            }
            None => ExitCode::SUCCESS,
        })
    }
}

fn write(path: &Path, events: impl Iterator<Item = SimulatedEvent>) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write to `{}`", path.display()))?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    write_history(&mut writer, events).with_context(|| format!("`{}`", path.display()))?;
    Ok(())
}

fn progress_bar(days: u32) -> ProgressBar {
    let bar = ProgressBar::new(u64::from(days));
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("simulating {bar:30} day {pos} of {len}, {msg}")
        .expect("the template is fixed and valid");
    bar.with_style(style)
}

impl Report {
    fn count(&mut self, simulated: &SimulatedEvent) {
        self.events += 1;
        if let Some(oracle) = &simulated.oracle {
            self.payments += 1;
            self.frauds += u64::from(oracle.fraud);
        }
    }

    fn print(&self, format: OutputFormat) -> anyhow::Result<()> {
        if format == OutputFormat::Json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let share = 100.0 * self.frauds as f64 / self.payments.max(1) as f64;
        println!(
            "simulator {} seed {}: {} events, {} payments, {} frauds ({share:.2} %)",
            self.simulator_version, self.seed, self.events, self.payments, self.frauds
        );
        if let Some(path) = &self.out {
            println!("written to {}", path.display());
        }
        if !self.columns.is_empty() {
            println!(
                "\nAUC of each column alone (at most {MAX_COLUMN_AUC:.2}), the most telling of {}",
                self.columns.len()
            );
            for column in self.columns.iter().take(COLUMNS_SHOWN) {
                println!("  {:<32} {:.3}", column.column, column.auc);
            }
        }
        Ok(())
    }
}
