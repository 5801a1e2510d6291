//! `fraudnet config`: what is in force, and whether a file is good.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use anyhow::Context;
use fraudnet_scoring::config;
use std::path::PathBuf;
use std::process::ExitCode;

/// Prints the configuration in force as TOML, or checks a file.
///
/// In force is: defaults, then --config, then FRAUDNET_SECTION__KEY.
#[derive(Debug, clap::Args)]
pub struct ConfigCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// Configuration file (TOML).
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Checks a file: unknown keys, types and bounds. Exits with 0 where `serve` would accept it.
    Check {
        /// The file.
        file: PathBuf,
    },
}

impl ConfigCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Some(Action::Check { file }) => {
                config::load(Some(&file))?;
                println!("{} is good", file.display());
            }
            None => {
                let raw = config::read(self.config.as_deref())?;
                raw.check()?;
                print!("{}", toml::to_string(&raw).context("the configuration has no TOML form")?);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
