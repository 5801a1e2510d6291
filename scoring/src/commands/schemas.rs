//! `fraudnet schemas`: the JSON Schemas of what crosses Kafka.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use anyhow::Context;
use fraudnet_scoring::schemas;
use std::path::PathBuf;
use std::process::ExitCode;

/// Writes the JSON Schemas of payments, outcomes, labels, verdicts, reviews and message headers, or lists them.
#[derive(Debug, clap::Args)]
pub struct Schemas {
    /// Folder to write them to; it is made where it is missing. Without it they are listed.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Schemas {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        for file in schemas::all() {
            match &self.out {
                Some(folder) => {
                    let path = folder.join(file.name);
                    std::fs::write(&path, file.text()).with_context(|| format!("cannot write `{}`", path.display()))?;
                    println!("{}", path.display());
                }
                None => println!("{:<26} {}", file.name, file.title),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
