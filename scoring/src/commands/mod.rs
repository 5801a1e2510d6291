//! The commands of `fraudnet`, one file each. These are the only places that print.

mod access;
mod audit;
mod config;
mod dead_letters;
mod demo;
mod drift;
mod experiments;
mod lists;
mod models;
mod policies;
mod privacy;
mod redis;
mod remote;
mod replay;
mod schemas;
mod serve;
mod simulate;
mod snapshot;
mod topics;

use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// Scores payments against a live temporal graph of accounts, devices, IPs and merchants.
///
/// Start with `fraudnet serve`: it keeps its log in ./data, reads its model from ./models, and answers
/// POST /v1/transactions:score on http://127.0.0.1:8080. GET /openapi.json describes the API.
#[derive(Debug, Parser)]
#[command(name = "fraudnet", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Simulate(simulate::Simulate),
    Replay(replay::Replay),
    Snapshot(snapshot::SnapshotCommand),
    Models(models::Models),
    Policies(policies::Policies),
    Lists(lists::Lists),
    Experiments(experiments::Experiments),
    Drift(drift::DriftCommand),
    Access(access::Access),
    Audit(audit::AuditCommand),
    Privacy(privacy::Privacy),
    Topics(topics::Topics),
    DeadLetters(dead_letters::DeadLetters),
    Redis(redis::RedisCommand),
    Schemas(schemas::Schemas),
    Config(config::ConfigCommand),
}

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum OutputFormat {
    /// For eyes.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Runs the command.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // Services outlive whoever reads what they say.
    if !matches!(cli.command, Command::Serve(_) | Command::Demo(_)) {
        end_with_the_reader();
    }
    match cli.command {
        Command::Serve(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Simulate(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Snapshot(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Policies(command) => command.run(),
        Command::Lists(command) => command.run(),
        Command::Experiments(command) => command.run(),
        Command::Drift(command) => command.run(),
        Command::Access(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Privacy(command) => command.run(),
        Command::Topics(command) => command.run(),
        Command::DeadLetters(command) => command.run(),
        Command::Redis(command) => command.run(),
        Command::Schemas(command) => command.run(),
        Command::Config(command) => command.run(),
    }
}

/// A reader that has heard enough, as `head` has, ends a command as it ends `cat`; else printing to it would panic.
fn end_with_the_reader() {
    // SAFETY: the default action runs no code of ours, and no other thread has been started.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Says on one line why a command failed.
#[expect(clippy::disallowed_macros, reason = "output of a command")]
pub fn complain(error: &anyhow::Error) {
    let reasons: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("fraudnet: {}", reasons.join(": ").replace('\n', " "));
}
