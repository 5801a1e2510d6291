//! `fraudnet-bench`: one table of figure, value, target.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use anyhow::Context;
use clap::{Parser, ValueEnum};
use fraudnet_benches::figures::Figures;
use fraudnet_benches::{
    Stream, cluster, generator, http, machine, network, observe, places, review, sampler, simulated, start,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tensors that the network is measured on, and that the peer is given.
const TENSORS: usize = 512;

/// Measures every promised figure beside its target; floors and peers in the same run. About 7 minutes on 2 cores.
///
/// The table goes to standard output, what is being done to standard error, and all figures to .build/bench.json (.build/bench-part.json where
/// only some are measured). A figure that falls short is told, not punished: the exit status is 1 only where something could not be measured.
#[derive(Debug, Parser)]
#[command(name = "fraudnet-bench", version)]
struct Options {
    /// Measure only these.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Folder of a stream to sample: columns ts, account, device, ip, merchant, amount, queries as raw .bin files, and meta.txt.
    #[arg(long, value_name = "FOLDER")]
    stream: Option<PathBuf>,
    /// A tenth of the stream and a quarter of the time: a quick look, not the figures promised.
    #[arg(long)]
    small: bool,
    /// Folder of the model version; the newest released one where absent.
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    Sampler,
    Observe,
    Network,
    Http,
    Start,
    Review,
    Cluster,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fraudnet-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut figures = Figures { machine: machine::describe(), ..Figures::default() };
    eprintln!("{}", figures.machine);
    let mut complete = true;
    for group in Group::value_variants().iter().filter(|group| options.only.is_empty() || options.only.contains(group))
    {
        let (name, about) = group.about();
        eprintln!("{name:<8} {about}");
        if let Err(error) = measure(*group, options, &mut figures) {
            eprintln!("{name:<8} could not be measured: {error:#}");
            figures.missing(name, "all", format!("{error:#}").replace('\n', " "));
            complete = false;
        }
    }
    let json = serde_json::to_string_pretty(&figures).context("figures are text and numbers")?;
    let file =
        places::kept()?.join(if options.only.is_empty() && !options.small { "bench.json" } else { "bench-part.json" });
    std::fs::write(&file, format!("{json}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    match options.format {
        Format::Table => print!("\n{}", figures.table()),
        Format::Json => println!("{json}"),
    }
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Group {
    fn about(self) -> (&'static str, &'static str) {
        match self {
            Group::Sampler => {
                ("sampler", "2 million payments into graph and floor, 10,000 sampled by both (about 30 s)")
            }
            Group::Observe => {
                ("observe", "2 million payments into graph and windows, 100,000 with a tensor (about 30 s)")
            }
            Group::Network => ("network", "the released network, one thread, batches of 1 and 8 (about 10 s)"),
            Group::Http => (
                "http",
                "the service at 200/s and at what it sustains, then its peer (about 2 minutes; the first time pip installs the peer)",
            ),
            Group::Cluster => {
                ("cluster", "the service between Kafka and Redis: stream, HTTP, a second replica (about 90 s)")
            }
            Group::Review => ("review", "explanations, decisions, a queue of 10,000 cases, the door (about 60 s)"),
            Group::Start => ("start", "the service from nothing to ready, five times (about 5 s)"),
        }
    }
}

fn measure(group: Group, options: &Options, figures: &mut Figures) -> anyhow::Result<()> {
    let model = || options.model.clone().map_or_else(places::newest_model, |folder| absolute(&folder));
    match group {
        Group::Sampler => sampler::measure(&stream(options)?, figures),
        Group::Observe => observe::measure(&stream(options)?, figures),
        Group::Network => {
            let tensors = simulated::tensors(&simulated::events(options.small), TENSORS);
            network::measure(&model()?, &tensors, options.small, figures)?;
        }
        Group::Http => {
            let events = simulated::events(options.small);
            let tensors = simulated::tensors(&events, TENSORS);
            http::measure(&model()?, &events, &tensors, options.small, figures)?;
        }
        Group::Review => review::measure(&model()?, &simulated::events(options.small), options.small, figures)?,
        Group::Start => start::measure(&model()?, figures)?,
        Group::Cluster => {
            cluster::measure(&model()?, &simulated::events(options.small), options.small, figures)?;
        }
    }
    Ok(())
}

fn stream(options: &Options) -> anyhow::Result<Stream> {
    match &options.stream {
        Some(folder) => Stream::read(folder),
        None => Ok(generator::generate(if options.small { &generator::SMALL } else { &generator::BIG })),
    }
}

/// The service runs in the repository, wherever this was called from.
fn absolute(folder: &Path) -> anyhow::Result<PathBuf> {
    folder.canonicalize().with_context(|| format!("there is no model in {}", folder.display()))
}
