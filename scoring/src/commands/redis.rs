//! `fraudnet redis`: what an operator does to the shared store.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::Context;
use fraudnet_scoring::cluster::{Rebuilt, rebuild_shared};
use fraudnet_scoring::{clock, config};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Looks after the shared store.
#[derive(Debug, clap::Args)]
pub struct RedisCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Writes every verdict of the Kafka topics that Redis lacks, and the claims that belong to them.
    ///
    /// A running replica does this by itself, from its journal; the command is for a Redis that was lost while none runs, or a cluster
    /// that lost a shard. It may run beside replicas, and again. Nothing that is there is replaced: where Redis holds another verdict than
    /// the topics, the command says so and exits with 1, and the topics are right.
    Rebuild {
        /// Configuration file (TOML).
        #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
}

#[derive(Debug, Serialize)]
struct Report {
    /// Verdicts that were missing.
    written: u64,
    /// Verdicts that were there.
    there: u64,
    /// Verdicts in whose place there is something else.
    different: u64,
    /// Verdicts whose payments are no longer in `transactions`.
    unmatched: u64,
    seconds: f64,
    verdicts_per_second: f64,
}

impl RedisCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Action::Rebuild { config, format } = self.action;
        let config = config::load(config.as_deref())?.service;
        let cluster =
            config.cluster.context("log.transport: is \"embedded\", which shares nothing; set it to \"kafka\"")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("the runtime did not start")?;
        let begun = clock::monotonic();
        let mut said = begun;
        let rebuilt = rebuild_shared(&cluster, runtime.handle(), |rebuilt| {
            let now = clock::monotonic();
            if now.saturating_duration_since(said) >= LINE_EVERY {
                said = now;
                let rate = total(rebuilt) as f64 / now.saturating_duration_since(begun).as_secs_f64().max(1e-9);
                eprintln!("rebuilding: {} verdicts, {rate:.0}/s, {} to go", total(rebuilt), rebuilt.left);
            }
        })?;
        let seconds = clock::monotonic().saturating_duration_since(begun).as_secs_f64();
        let report = Report {
            written: rebuilt.counts.written,
            there: rebuilt.counts.there,
            different: rebuilt.counts.different,
            unmatched: rebuilt.unmatched,
            seconds,
            verdicts_per_second: total(&rebuilt) as f64 / seconds.max(1e-9),
        };
        report.print(format)?;
        Ok(if report.different + report.unmatched == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn total(rebuilt: &Rebuilt) -> u64 {
    rebuilt.counts.written + rebuilt.counts.there + rebuilt.counts.different + rebuilt.unmatched
}

impl Report {
    fn print(&self, format: OutputFormat) -> anyhow::Result<()> {
        if format == OutputFormat::Json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        println!("written     {}", self.written);
        println!("there       {}", self.there);
        println!("different   {}{}", self.different, if self.different > 0 { "   (the topics are right)" } else { "" });
        println!(
            "unmatched   {}{}",
            self.unmatched,
            if self.unmatched > 0 { "   (their payments are gone)" } else { "" }
        );
        println!("rate        {:.0} verdicts/s, {:.2} s in all", self.verdicts_per_second, self.seconds);
        Ok(())
    }
}
