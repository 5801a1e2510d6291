//! `fraudnet demo`: the service at work on a simulated world.

use super::OutputFormat;
use clap::builder::FalseyValueParser;
use fraudnet_scoring::demo::{self, DemoOptions, Ending};
use std::path::PathBuf;
use std::process::ExitCode;

/// What a shell reports of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Starts the service with the released model, loads a simulated past, and streams payments with fraud rings among them over HTTP.
///
/// Shows one ring as it is caught, ends with a table, and leaves the service up until Ctrl-C. Takes about 20 seconds. The data folder
/// goes with it. Exits with 0 only if every payment got exactly one verdict.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Model folder, of a version or of a family; the newest of models/hybrid in the repository where absent.
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Payments a second.
    #[arg(long, default_value_t = 450.0, value_parser = rate)]
    rate: f64,
    /// Payments streamed; those before them are loaded as history.
    #[arg(long, default_value_t = 6_000)]
    payments: usize,
    /// Requests under way at most.
    #[arg(long, default_value_t = 16, value_parser = connections)]
    connections: usize,
    /// Days simulated.
    #[arg(long, default_value_t = 31)]
    days: u32,
    /// Honest accounts simulated.
    #[arg(long, default_value_t = 14_000)]
    accounts: u32,
    /// Payments an average day of the simulation.
    #[arg(long, default_value_t = 2_500)]
    payments_per_day: u32,
    /// Seed of the simulation. Models are trained on others; this one's last days hold a ring of a dozen accounts.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// End after the table instead of leaving the service up.
    #[arg(long, env = "DEMO_EXIT", value_parser = FalseyValueParser::new())]
    exit: bool,
    /// How to print the table.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (1.0..=100_000.0).contains(rate));
    rate.ok_or_else(|| "give a number from 1 to 100000".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    let connections = text.parse::<usize>().ok().filter(|connections| (1..=1_024).contains(connections));
    connections.ok_or_else(|| "give a number from 1 to 1024".to_owned())
}

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let options = DemoOptions {
            model: self.model,
            seed: self.seed,
            days: self.days,
            accounts: self.accounts,
            payments_per_day: self.payments_per_day,
            payments: self.payments,
            rate: self.rate,
            connections: self.connections,
            stay: !self.exit,
            json: self.format == OutputFormat::Json,
        };
        Ok(match demo::run(options)? {
            Ending::Complete => ExitCode::SUCCESS,
            Ending::Incomplete => ExitCode::FAILURE,
            Ending::Interrupted => ExitCode::from(INTERRUPTED),
        })
    }
}
