//! `fraudnet`: arguments → command. Each command is a file in `commands`.

mod commands;

use clap::Parser;
use commands::{Cli, complain};
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}
