//! `fraudnet`: arguments → command. Each command is a file in `commands`.

mod commands;

use clap::Parser;
use commands::{Cli, complain};
use std::process::ExitCode;

// Many small, short-lived buffers cross threads on the way of a payment: what this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}
