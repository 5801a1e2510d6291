//! The command line: arguments as typed, and what is printed at the end. Progress goes to standard error, results to
//! standard output.

use crate::data::source::Source;
use crate::data::split::SplitSettings;
use crate::evaluate::{self, EvaluateRequest};
use crate::fit::{self, FitRequest};
use crate::network::TrainConfig;
use crate::points::PointGoals;
use crate::progress::Told;
use crate::released;
use crate::report::Report;
use crate::tables::tables;
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use fraudnet_models::{Provider, RuntimeConfig};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Fits, evaluates and publishes models of fraudnet.
///
/// A history is a file of JSON lines as `fraudnet simulate` writes it: payments and labels in the order they were accepted.
/// It is replayed through the very path the service takes, so that a model is fitted on the tensors it will be served.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fits a model on histories, evaluates it on held-out time and writes an artifact.
    Fit(FitArguments),
    /// Evaluates an artifact on histories.
    Evaluate(EvaluateArguments),
    /// Reproduces the released model from its seeds (some 10 minutes on two cores) and makes it the champion.
    Released(ReleasedArguments),
}

#[derive(Debug, Args)]
struct FitArguments {
    /// History to fit on; repeat for several, each a world of its own.
    #[arg(long, required = true, value_name = "FILE")]
    history: Vec<PathBuf>,
    /// Folder of the new artifact, ending in NAME/VERSION, e.g. models/hybrid/2026.11.22-1.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Replace the artifact if the folder is there already.
    #[arg(long)]
    replace: bool,
    /// Version this one succeeds.
    #[arg(long, value_name = "VERSION")]
    parent: Option<String>,
    /// Decides samples, first weights and order; the same seed and histories give the same model, bit for bit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Most passes over the examples; it stops earlier when the early-stop window says so.
    #[arg(long, default_value_t = released::EPOCHS)]
    epochs: usize,
    /// Peak learning rate.
    #[arg(long, default_value_t = TrainConfig::default().learning_rate)]
    learning_rate: f32,
    /// Share (0–1] of payments not known to be fraud that become examples. Each takes 10–20 kB of memory.
    #[arg(long, default_value_t = released::NEGATIVE_SHARE)]
    negative_share: f64,
    /// Share of such test payments in the sample for ablations and fp16 parity.
    #[arg(long, default_value_t = released::ABLATION_SHARE)]
    ablation_share: f64,
    /// Days before the cut that are left out because their labels are not in yet; lower it for short histories.
    #[arg(long, default_value_t = SplitSettings::default().maturity_days)]
    maturity_days: f64,
    /// Share of the history at which the model could have been trained; the rest is the test.
    #[arg(long, default_value_t = SplitSettings::default().cut)]
    cut: f64,
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct EvaluateArguments {
    /// Folder of the artifact.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// History to evaluate on; repeat for several.
    #[arg(long, required = true, value_name = "FILE")]
    history: Vec<PathBuf>,
    /// Share of each history at which the test begins; what comes before only fills the graph.
    #[arg(long, default_value_t = SplitSettings::default().cut)]
    test_from: f64,
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct ReleasedArguments {
    /// Folder of all models; the model is written to NAME/VERSION in it, over what is there.
    #[arg(long, default_value = "models", value_name = "FOLDER")]
    models: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
struct CommonArguments {
    /// Threads. Changes the speed, never the result.
    #[arg(long, default_value_t = released::THREADS)]
    threads: usize,
    /// Bootstrap replicates behind the intervals.
    #[arg(long, default_value_t = released::REPLICATES)]
    replicates: usize,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
struct OutputArguments {
    /// How the metrics are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Tell no progress.
    #[arg(long)]
    quiet: bool,
    /// ONNX Runtime's shared library; looked for where `make setup` puts it when not given.
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Table,
    /// One JSON object.
    Json,
}

impl OutputArguments {
    fn told(&self) -> Told {
        if self.quiet { Told::Quietly } else { Told::Aloud }
    }

    /// The processor alone: a GPU's fp16 would not give the same bits everywhere.
    fn runtime(&self) -> RuntimeConfig {
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
        Command::Released(arguments) => released_command(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("fraudnet-train: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn released_command(arguments: &ReleasedArguments) -> Result<()> {
    let request = FitRequest {
        told: arguments.output.told(),
        ..released::request(&arguments.models, arguments.output.runtime())
    };
    fit_and_print(&request, arguments.output.format)?;
    fraudnet_models::name_champion(&arguments.models.join(released::NAME), released::VERSION)?;
    Ok(())
}

fn fit_command(arguments: FitArguments) -> Result<()> {
    let FitArguments {
        history,
        out,
        replace,
        parent,
        seed,
        epochs,
        learning_rate,
        negative_share,
        ablation_share,
        maturity_days,
        cut,
        common,
    } = arguments;
    let request = FitRequest {
        sources: history.into_iter().map(Source::File).collect(),
        out,
        replace,
        parent_version: parent,
        seed,
        split: SplitSettings { maturity_days, cut, ..SplitSettings::default() },
        negative_share,
        ablation_share,
        train: TrainConfig { epochs, learning_rate, threads: common.threads, ..TrainConfig::default() },
        goals: PointGoals::default(),
        runtime: common.output.runtime(),
        threads: common.threads,
        replicates: common.replicates,
        told: common.output.told(),
    };
    fit_and_print(&request, common.output.format)
}

fn fit_and_print(request: &FitRequest, format: Format) -> Result<()> {
    let (artifact, report) = fit::fit(request)?;
    let manifest = &artifact.manifest;
    match format {
        Format::Json => print_json(&report),
        Format::Table => {
            let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
            print(&format!("# {} {}\n\n{}", manifest.name, manifest.version, tables(&report)));
            print(&format!(
                "\nwritten and verified: {} ({} files, {} kB); its model card is README.md there",
                request.out.display(),
                manifest.files.len() + 1,
                bytes >> 10
            ));
            Ok(())
        }
    }
}

fn evaluate_command(arguments: EvaluateArguments) -> Result<()> {
    let EvaluateArguments { model, history, test_from, common } = arguments;
    let evaluation = evaluate::evaluate(&EvaluateRequest {
        model,
        sources: history.into_iter().map(Source::File).collect(),
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

fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value).context("metrics are plain data")?);
    Ok(())
}

#[expect(clippy::disallowed_macros, reason = "command output: results go to standard output")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::disallowed_macros, reason = "command output: errors go to standard error")]
fn complain(text: &str) {
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
        assert!(matches!(parsed.command, Command::Evaluate(arguments) if arguments.history.len() == 2));
    }
}
