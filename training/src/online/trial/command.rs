//! `fraudnet-train online-trial`: arguments as typed, and what is printed.

use super::{RunReport, TrialReport, TrialRequest, trial};
use crate::command::{Format, OutputArguments, print, print_json};
use anyhow::Result;
use clap::Args;
use fraudnet_models::initialise_runtime;
use fraudnet_scoring::simulate::Typology;
use std::path::PathBuf;

/// What `online-trial` takes.
#[derive(Debug, Args)]
pub(crate) struct TrialArguments {
    /// Worlds.
    #[arg(long, default_value_t = 20)]
    runs: u64,
    /// Seed of the first world; the others follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worlds, from the first, that are held against a full retrain.
    #[arg(long, default_value_t = 6)]
    compared: usize,
    /// Kinds of fraud that are new, world after world in turn.
    #[arg(long, value_delimiter = ',', default_value = "collusive_merchant,mule_network,proxy_cluster", value_parser = typology)]
    novelties: Vec<Typology>,
    /// Folder for models and stores; its first champions are used again.
    #[arg(long, default_value = ".build/online-trial", value_name = "FOLDER")]
    folder: PathBuf,
    /// Threads. Changes the speed, never the result.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[command(flatten)]
    output: OutputArguments,
}

fn typology(name: &str) -> Result<Typology, String> {
    Typology::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Typology::ALL.iter().map(|typology| typology.name()).collect();
        format!("there is no such typology; there are {}", names.join(", "))
    })
}

/// Runs the trial.
pub(crate) fn trial_command(arguments: &TrialArguments) -> Result<()> {
    let runtime = arguments.output.runtime();
    initialise_runtime(&runtime)?;
    let request = TrialRequest {
        folder: arguments.folder.clone(),
        seeds: (0..arguments.runs.max(1)).map(|run| arguments.seed + run).collect(),
        novelties: arguments.novelties.clone(),
        compared: arguments.compared,
        threads: arguments.threads,
        runtime,
        told: arguments.output.told(),
    };
    let aloud = arguments.output.format == Format::Table;
    if aloud {
        print(
            "| world | new kind | steps | refused (better) | promoted (worse) | recall before | by the loop | by a retrain | seconds |",
        );
        print("|---|---|---|---|---|---|---|---|---|");
    }
    let report = trial(&request, &mut |run| {
        if aloud {
            print(&row(run));
        }
    })?;
    if !aloud {
        return print_json(&report);
    }
    print(&format!("\n{}", summary(&report)));
    Ok(())
}

fn row(run: &RunReport) -> String {
    let recall =
        |caught: super::Caught| caught.recall().map_or_else(|| "–".to_owned(), |recall| format!("{recall:.2}"));
    format!(
        "| {} | {} | {} | {} ({}) | {} ({}) | {} of {} frauds | {} | {} | {:.0} |",
        run.seed,
        run.novelty,
        run.steps,
        run.refused.len(),
        run.refused.iter().filter(|one| one.is_better()).count(),
        run.promoted.len(),
        run.promoted.iter().filter(|one| one.is_worse()).count(),
        recall(run.recovery.before),
        run.recovery.before.frauds,
        recall(run.recovery.looped),
        run.recovery.retrained.map_or_else(|| "–".to_owned(), recall),
        run.seconds
    )
}

fn summary(report: &TrialReport) -> String {
    let recovered = match (report.recovered, report.compared) {
        (Some(share), Some([looped, retrained])) => format!(
            " Against a full retrain, on {} frauds: {} caught to {}, {:.0} % of its recall.",
            looped.frauds,
            looped.flagged,
            retrained.flagged,
            100.0 * share
        ),
        _ => String::new(),
    };
    format!(
        "{} promotions, {} of them better than what they succeeded and {} worse; {} refusals, {} of them of something better. Of {} frauds of the new kind the first champions catch {}, the loop {}.{recovered}",
        report.promotions,
        report.better,
        report.worse,
        report.refusals,
        report.missed,
        report.before.frauds,
        report.before.flagged,
        report.looped.flagged
    )
}
