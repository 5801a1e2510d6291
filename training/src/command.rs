//! The command line: arguments as typed, and what is printed at the end. Progress goes to standard error, results to
//! standard output.

use crate::backtest::command::{BacktestArguments, GuardArguments, backtest_command, guard_command};
use crate::data::source::Source;
use crate::data::split::SplitSettings;
use crate::demo::{DemoArguments, demo_command};
use crate::evaluate::{self, EvaluateRequest};
use crate::example_file::command::{ExportArguments, export_command};
use crate::feature_table;
use crate::fit::command::{FitArguments, ReleasedArguments, fit_command, released_command};
use crate::foreign::command::{PublishArguments, publish_command};
use crate::online::command::{OnlineArguments, online_command};
use crate::online::trial::command::{TrialArguments, trial_command};
use crate::progress::Told;
use crate::released;
use crate::report::Report;
use crate::tables::tables;
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use fraudnet_models::{Provider, RuntimeConfig};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Fits, evaluates and publishes models of fraudnet.
///
/// A history is a file of JSON lines as `fraudnet simulate` writes it, or with a mapping file any Parquet, CSV or JSON lines:
/// payments and labels in the order they were accepted.
/// It is replayed through the very path the service takes, so that a model is fitted on the tensors it will be served.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fits all model generations on histories, compares them on held-out time and publishes one of them, or all three.
    Fit(FitArguments),
    /// Evaluates an artifact on histories.
    Evaluate(EvaluateArguments),
    /// Replays a history in time order and tests every model on what it could not know, in the windows of a protocol.
    ///
    /// Writes backtest.json and report.html (one file, opens without a network) and prints tables or the JSON object.
    Backtest(BacktestArguments),
    /// Runs a control of a backtest: does anything leak, and what is the graph worth?
    ///
    /// Give it the same history, mapping, protocol and folder as the backtest; its outcome joins the report.
    Guard(GuardArguments),
    /// Reproduces the released models (trees v1, trees v2, hybrid) from their seeds and makes them the champions of their
    /// families; some 20 minutes on two cores.
    Released(ReleasedArguments),
    /// Learns from a running service: keeps its examples and labels, fits the champion further after every so many new frauds and
    /// everything anew every night, and publishes what passes its gate as the challenger.
    ///
    /// It may be stopped or killed at any time and goes on where it was: nothing is lost, nothing counts twice.
    Online(OnlineArguments),
    /// Puts the online trainer on trial: simulated worlds in which a kind of fraud appears that the champion never saw.
    ///
    /// Tells whether any promoted version was worse than what it succeeded, and how much of a full retrain's recall the loop recovers
    /// within a day after the 50th known label. Some 3 minutes a world on two cores.
    OnlineTrial(TrialArguments),
    /// Shows the closed loop on a simulated world: a new kind of fraud appears and is learnt while the service runs; some 8 minutes.
    ///
    /// Starts a service and, at every midnight of that world, the trainer, both beside this program. Writes a chart of the story. Exits
    /// with 0 only if recall recovered and a bad model that was pushed was rolled back by itself.
    Demo(DemoArguments),
    /// Writes the training examples of a running service as Parquet, for those who fit models with other tools.
    ///
    /// training/EXAMPLES.md explains the columns.
    Export(ExportArguments),
    /// Publishes a model made with other tools: an ONNX file that follows one of the signatures in models/README.md.
    ///
    /// It is calibrated, given operating points and tested on the later part of the examples, checked as the service will check it,
    /// signed where there is a key, and written to the folder of all models.
    Publish(PublishArguments),
    /// Prints the table of all columns: name, meaning, unit, window, entity, feature set, importance.
    Features(FeaturesArguments),
}

/// The histories a command reads.
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// History to read; repeat for several, each a world of its own.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) history: Vec<PathBuf>,
    /// Which columns of the histories are ours (TOML); without it they are JSON lines as `fraudnet simulate` writes them.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Leave out rows that cannot be taken, instead of ending at the first.
    #[arg(long)]
    skip_bad_rows: bool,
}

impl HistoryArguments {
    /// As sources.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let file = |path: &PathBuf| Source::File {
            path: path.clone(),
            mapping: self.mapping.clone(),
            skip_bad_rows: self.skip_bad_rows,
        };
        self.history.iter().map(file).collect()
    }
}

#[derive(Debug, Args)]
struct EvaluateArguments {
    /// Folder of the artifact.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    #[command(flatten)]
    history: HistoryArguments,
    /// Share of each history at which the test begins; what comes before only fills the graph.
    #[arg(long, default_value_t = SplitSettings::default().cut)]
    test_from: f64,
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct FeaturesArguments {
    /// How the table is printed.
    #[arg(long, value_enum, default_value_t = TableFormat::Markdown)]
    format: TableFormat,
    /// Folder of all models, whose champions tell how important a column is.
    #[arg(long, default_value = "models", value_name = "FOLDER")]
    models: PathBuf,
}

/// How a table of reference is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TableFormat {
    /// A page of Markdown.
    Markdown,
    /// One JSON array.
    Json,
}

/// What commands that fit or evaluate have.
#[derive(Debug, Args)]
pub(crate) struct CommonArguments {
    /// Threads. Changes the speed, never the result.
    #[arg(long, default_value_t = released::THREADS)]
    pub(crate) threads: usize,
    /// Bootstrap replicates behind the intervals.
    #[arg(long, default_value_t = released::REPLICATES)]
    pub(crate) replicates: usize,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// What every command has: how it prints, and where its runtime is.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// How the metrics are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Tell no progress.
    #[arg(long)]
    quiet: bool,
    /// ONNX Runtime's shared library; looked for where `make setup` puts it when not given.
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people.
    Table,
    /// One JSON object.
    Json,
}

impl OutputArguments {
    pub(crate) fn told(&self) -> Told {
        if self.quiet { Told::Quietly } else { Told::Aloud }
    }

    /// The processor alone: a GPU's fp16 would not give the same bits everywhere.
    pub(crate) fn runtime(&self) -> RuntimeConfig {
        RuntimeConfig {
            library: self.onnxruntime.clone().unwrap_or_default(),
            providers: vec![Provider::Cpu],
            require_gpu: false,
            max_batch: crate::score::MICRO_BATCH,
            engine_cache: None,
        }
    }
}

/// Runs the command; errors go to standard error with their causes.
pub fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Fit(arguments) => fit_command(arguments),
        Command::Evaluate(arguments) => evaluate_command(arguments),
        Command::Backtest(arguments) => backtest_command(&arguments),
        Command::Guard(arguments) => guard_command(&arguments),
        Command::Released(arguments) => released_command(&arguments),
        Command::Online(arguments) => online_command(&arguments),
        Command::OnlineTrial(arguments) => trial_command(&arguments),
        Command::Demo(arguments) => match demo_command(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => Err(anyhow::anyhow!("the story did not happen as it should; see the table above")),
            Err(error) => Err(error),
        },
        Command::Export(arguments) => export_command(&arguments),
        Command::Publish(arguments) => publish_command(&arguments),
        Command::Features(arguments) => features_command(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("fraudnet-train: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn features_command(arguments: &FeaturesArguments) -> Result<()> {
    let columns = feature_table::columns(&arguments.models)?;
    match arguments.format {
        TableFormat::Markdown => {
            print(feature_table::markdown(&columns).trim_end());
            Ok(())
        }
        TableFormat::Json => print_json(&columns),
    }
}

fn evaluate_command(arguments: EvaluateArguments) -> Result<()> {
    let EvaluateArguments { model, history, test_from, common } = arguments;
    let evaluation = evaluate::evaluate(&EvaluateRequest {
        model,
        sources: history.sources(),
        test_from,
        runtime: common.output.runtime(),
        threads: common.threads,
        replicates: common.replicates,
        seed: released::SEED,
        told: common.output.told(),
    })?;
    match common.output.format {
        Format::Json => print_json(&evaluation),
        Format::Table => {
            let report: &Report = &evaluation.report;
            print(&format!("# {} {}\n\n{}", evaluation.model, evaluation.version, tables(report)));
            Ok(())
        }
    }
}

pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value).context("metrics are plain data")?);
    Ok(())
}

/// Prints a line. A reader that has heard enough, as `head` has, ends the command.
pub(crate) fn print(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(1);
    }
}

#[expect(clippy::disallowed_macros, reason = "command output: errors go to standard error")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        assert!(
            Arguments::try_parse_from(["fraudnet-train", "fit", "--out", "models/hybrid/1"]).is_err(),
            "a history is needed"
        );
        let parsed = Arguments::try_parse_from([
            "fraudnet-train",
            "evaluate",
            "--model",
            "m",
            "--history",
            "a",
            "--history",
            "b",
        ])
        .unwrap();
        assert!(matches!(parsed.command, Command::Evaluate(arguments) if arguments.history.sources().len() == 2));
    }
}
