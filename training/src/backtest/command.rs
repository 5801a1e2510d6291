//! `fraudnet-train backtest` and `fraudnet-train guard`: arguments as typed, and what is printed.

use super::folder::Folder;
use super::guards::{Guard, guard};
use super::protocol::{Protocol, check_seeds};
use super::run::{Backtest, BacktestRequest, backtest};
use super::text;
use crate::command::{Format, OutputArguments, complain, print, print_json};
use crate::data::source::Source;
use crate::progress::Told;
use crate::released;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `backtest`.
#[derive(Debug, Args)]
pub struct BacktestArguments {
    #[command(flatten)]
    what: WhatArguments,
    /// Seeds of the fits, e.g. 1,2,3; each is a fit of every model. The protocol's own where not given.
    #[arg(long, value_name = "SEEDS", value_delimiter = ',')]
    seeds: Vec<u64>,
    #[command(flatten)]
    output: OutputArguments,
}

/// Arguments of `guard`.
#[derive(Debug, Args)]
pub struct GuardArguments {
    /// The control.
    #[arg(value_enum)]
    guard: Guard,
    #[command(flatten)]
    what: WhatArguments,
    /// Seed of the draws and of the fits. The first of the protocol where not given.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
struct WhatArguments {
    /// History: Parquet, CSV or JSON lines, in order of time.
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// Which of its columns are account, amount, time, label and so on (TOML; see deploy/mappings). Not needed for what
    /// `fraudnet simulate` writes.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Windows, delay, removal and figures: handbook-week, handbook-history, handbook-later, prequential-example, or a TOML file
    /// of your own (see deploy/protocols).
    #[arg(long, default_value = "handbook-week", value_name = "NAME|FILE")]
    protocol: String,
    /// Folder of the results; those of other protocols beside it are shown in the report too. .build/backtest/PROTOCOL where not given.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Leave rows out that cannot be taken, and list them, instead of ending with the first.
    #[arg(long)]
    skip_bad_rows: bool,
    /// Threads. Changes the speed, never the result.
    #[arg(long, default_value_t = released::THREADS)]
    threads: usize,
}

impl WhatArguments {
    fn request(&self, seeds: &[u64], output: &OutputArguments) -> Result<(BacktestRequest, Folder)> {
        ensure!(self.threads > 0, "--threads must be at least 1");
        let protocol = Protocol::load(&self.protocol)?;
        let seeds = if seeds.is_empty() { protocol.seeds.clone() } else { seeds.to_vec() };
        check_seeds(&seeds)?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(".build/backtest").join(&protocol.name));
        let request = BacktestRequest {
            source: Source::File {
                path: self.history.clone(),
                mapping: self.mapping.clone(),
                skip_bad_rows: self.skip_bad_rows,
            },
            protocol,
            seeds,
            guard: None,
            without_graph: false,
            runtime: output.runtime(),
            threads: self.threads,
            told: output.told(),
        };
        Ok((request, Folder::open(&out)?))
    }
}

/// Runs a backtest, writes its results and report, prints the one or the other form.
///
/// # Errors
/// What the backtest gives, or a folder that cannot be written.
pub fn backtest_command(arguments: &BacktestArguments) -> Result<()> {
    let (request, folder) = arguments.what.request(&arguments.seeds, &arguments.output)?;
    let Backtest { results, skipped, .. } = backtest(&request)?;
    folder.write_results(&results)?;
    if let Some(skipped) = text::skipped(&skipped) {
        complain(&skipped);
    }
    match arguments.output.format {
        Format::Json => print_json(&results)?,
        Format::Table => print(&text::tables(&results)),
    }
    if request.told == Told::Aloud {
        complain(&format!("written: {}", folder.report().display()));
    }
    Ok(())
}

/// Runs a control, writes what it found and draws the report of the plain run again.
///
/// # Errors
/// What the control gives, or a folder that cannot be written. A control that does not behave is no error: it is told.
pub fn guard_command(arguments: &GuardArguments) -> Result<()> {
    let first = |request: &BacktestRequest| arguments.seed.unwrap_or(request.seeds[0]);
    let (mut request, folder) = arguments.what.request(&[], &arguments.output)?;
    request.seeds = vec![first(&request)];
    let plain = folder.results()?;
    let result = guard(arguments.guard, &request, plain.as_ref())?;
    folder.write_guard(&result)?;
    match arguments.output.format {
        Format::Json => print_json(&result),
        Format::Table => {
            print(&text::guard(&result));
            Ok(())
        }
    }
}
