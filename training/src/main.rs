//! `fraudnet-train`: fits, evaluates and publishes models of fraudnet.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    fraudnet_training::command::run(fraudnet_training::command::Arguments::parse())
}
