//! `fraudnet drift`: what a running service knows of drift.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use super::remote::Remote;
use fraudnet_scoring::drift::{DriftReport, RaisedAlarm};
use fraudnet_scoring::wire::format_timestamp;
use std::process::ExitCode;

/// Columns of a segment that are printed.
const COLUMNS: usize = 5;

/// Shows whether payments have drifted from those the champion began with, and what labels say of it.
///
/// Alarms that stand come first; the exit status is 0 whether or not there are any. `ks` is the Kolmogorov–Smirnov statistic and `psi` the
/// stability index of the latest window against the reference, for the columns that are furthest from it.
#[derive(Debug, clap::Args)]
pub struct DriftCommand {
    #[command(flatten)]
    remote: Remote,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl DriftCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.remote.get("/v1/drift")?;
        match self.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
            OutputFormat::Text => print(&serde_json::from_value(answer)?),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &DriftReport) {
    println!("champion    {}", report.model);
    if !report.watching {
        println!("watching    no: drift.enabled is false, or another replica scores");
    }
    let reference = &report.reference;
    match (&reference.begun_at, &reference.ended_at) {
        (Some(begun), Some(ended)) => {
            println!("reference   {} payments, {begun} to {ended}; {} columns", reference.payments, reference.columns);
        }
        _ => println!("reference   {} of {} payments taken", reference.gathered.unwrap_or(0), reference.wanted),
    }
    if reference.unsettled_columns > 0 && reference.payments > 0 {
        println!("            {} columns more once the graph reaches back far enough", reference.unsettled_columns);
    }
    let outcomes = &report.outcomes;
    match (outcomes.auc, outcomes.latest_auc, outcomes.recall) {
        (Some(auc), Some(latest), Some(recall)) => println!(
            "outcomes    AUC {auc:.3} over {} matured frauds, {latest:.3} over the latest 25; {:.0} % of frauds caught; {} payments wait to mature",
            outcomes.window_frauds,
            100.0 * recall,
            outcomes.waiting
        ),
        _ => println!("outcomes    no matured fraud yet; {} payments wait to mature", outcomes.waiting),
    }
    if let (Some(now), Some(before)) = (&report.estimates.now, &report.estimates.reference) {
        println!("estimate    AUC {:.3} expected without labels, {:.3} in the reference", now.auc, before.auc);
    }
    if report.dropped > 0 {
        println!("dropped     {} payments, because the monitor was behind", report.dropped);
    }
    println!(
        "alarms      {}",
        if report.standing.is_empty() { "none".to_owned() } else { report.standing.len().to_string() }
    );
    for alarm in &report.standing {
        println!("  {}", line(alarm));
    }
    for alarm in &report.cleared {
        let because = alarm.cleared_because.as_deref().unwrap_or_default();
        println!("  {}; cleared: {because}", line(alarm));
    }
    for segment in &report.segments {
        println!("\n{} ({} payments)", segment.segment, segment.payments);
        println!("  {:<34} {:>6} {:>7}", "column", "ks", "psi");
        for column in segment.columns.iter().take(COLUMNS) {
            println!("  {:<34} {:>6.3} {:>7.3}", column.column, column.ks, column.psi);
        }
    }
}

fn line(alarm: &RaisedAlarm) -> String {
    format!("{}  {}", format_timestamp(alarm.raised_at_ms), alarm.alarm.detail)
}
