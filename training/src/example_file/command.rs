//! `fraudnet-train export`: arguments as typed, and what is printed.

use super::gather::{Gathered, gather};
use super::layout;
use crate::command::{Format, print, print_json};
use crate::online::feed::Feed;
use crate::online::feed::embedded::EmbeddedFeed;
use crate::online::feed::kafka::KafkaFeed;
use crate::online::service::ServiceClient;
use crate::progress::{Progress, Told};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;

/// What `export` takes.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Service whose examples are written.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Read the topics of a cluster, as this configuration of the service names them, instead of the service's stream.
    #[arg(long, value_name = "FILE")]
    kafka: Option<PathBuf>,
    /// The Parquet file; one that is there is replaced when the new one is whole.
    #[arg(long, value_name = "FILE", required_unless_present = "describe")]
    out: Option<PathBuf>,
    /// Print the page about the file's columns instead (training/EXAMPLES.md).
    #[arg(long, conflicts_with_all = ["out", "kafka"])]
    describe: bool,
    /// How the counts are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Tell no progress.
    #[arg(long)]
    quiet: bool,
}

/// Writes the examples, or the page about them.
pub(crate) fn export_command(arguments: &ExportArguments) -> Result<()> {
    let Some(out) = &arguments.out else {
        print(layout::page().trim_end());
        return Ok(());
    };
    let mut feed: Box<dyn Feed> = match &arguments.kafka {
        Some(file) => match fraudnet_scoring::config::load(Some(file))?.service.cluster {
            Some(cluster) => Box::new(KafkaFeed::new(cluster.kafka)),
            None => bail!("{} does not read from Kafka: log.transport is embedded", file.display()),
        },
        None => Box::new(EmbeddedFeed::new(ServiceClient::new(&arguments.url, "export", None, None)?)),
    };
    let told = if arguments.quiet { Told::Quietly } else { Told::Aloud };
    let mut progress = Progress::start(told, "writing examples", "examples", None);
    let gathered = gather(&mut *feed, out, &mut progress)?;
    progress.finish();
    let Gathered { examples, labelled, frauds, left_out } = gathered;
    let bytes = std::fs::metadata(out).with_context(|| format!("{} cannot be read", out.display()))?.len();
    if arguments.format == Format::Json {
        return print_json(&serde_json::json!({
            "file": out.display().to_string(),
            "bytes": bytes,
            "examples": examples,
            "labelled": labelled,
            "frauds": frauds,
            "left_out": left_out,
        }));
    }
    let without = if left_out == 0 {
        String::new()
    } else {
        format!("; {left_out} left out, damaged or of another feature schema")
    };
    print(&format!(
        "{}: {examples} examples, {labelled} with a label, {frauds} of them fraud ({} kB){without}",
        out.display(),
        bytes >> 10
    ));
    Ok(())
}
