//! `fraudnet-train demo`: the closed loop at work. A kind of fraud appears that the champion never learnt; recall drops, the drift alarm
//! goes off, labels arrive, the trainer publishes a challenger, which is shadowed, canaried and promoted; recall recovers. Then somebody
//! pushes a bad model, which is rolled back by itself. A chart tells the whole story.
//!
//! In reading order: `world` (what is simulated), `house` (service and trainer, processes of their own), `live` (a day of payments and
//! what analysts and cardholders say of them), `story` (the days, one after the other), `bad` (the bad model), `chart` (the picture).
//!
//! Everything goes through the public API and the trainer's own command. The service is never told which payments are fraud but by
//! labels, when they become known.

mod bad;
mod chart;
mod house;
mod live;
mod story;
mod world;

use crate::command::print;
use anyhow::{Context, Result};
use clap::Args;
use fraudnet_scoring::simulate::Typology;
use std::path::PathBuf;

/// What `demo` takes.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Where the chart is written.
    #[arg(long, default_value = ".build/learning.svg", value_name = "FILE")]
    chart: PathBuf,
    /// Folder for models, log and the trainer's memory; emptied first.
    #[arg(long, default_value = ".build/learning", value_name = "FOLDER")]
    folder: PathBuf,
    /// The kind of fraud that nobody has seen before.
    #[arg(long, default_value = "collusive_merchant", value_name = "TYPOLOGY", value_parser = typology)]
    novelty: Typology,
    /// Decides the world.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// End after the story instead of leaving the service up.
    #[arg(long, env = "DEMO_EXIT", value_parser = clap::builder::BoolishValueParser::new(), default_value_t = false)]
    exit: bool,
}

fn typology(name: &str) -> Result<Typology, String> {
    Typology::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Typology::ALL.iter().map(|typology| typology.name()).collect();
        format!("there is no such typology; there are {}", names.join(", "))
    })
}

/// Plays the story; true where all of it happened.
pub(crate) fn demo_command(arguments: &DemoArguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("tokio could not start")?;
    let told = runtime.block_on(story::tell(arguments))?;
    if let Some(folder) = arguments.chart.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&arguments.chart, chart::draw(&told))
        .with_context(|| format!("cannot write {}", arguments.chart.display()))?;
    print(&told.table());
    print(&format!("chart       {}", arguments.chart.display()));
    let complete = told.complete();
    if complete && !arguments.exit {
        print(&format!("service     {} until Ctrl-C", told.base));
        runtime.block_on(async { tokio::signal::ctrl_c().await }).context("waiting for Ctrl-C")?;
    }
    Ok(complete)
}
