//! Where a history comes from: a file of JSON lines, or the simulator in process. Both give the same events.

use anyhow::{Context, Result};
use fraudnet_scoring::simulate::{SIMULATOR_VERSION, SimulatedEvent, SimulationConfig, read_history, simulate};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// A history that can be read from its start as often as needed.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// JSON lines as `fraudnet simulate` writes them, in order of acceptance.
    File(PathBuf),
    /// Generated on the fly; the same configuration gives the same events.
    Simulated(SimulationConfig),
}

impl Source {
    /// Name for people and for the model card.
    pub fn name(&self) -> String {
        match self {
            Source::File(path) => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
            Source::Simulated(config) => format!("simulated, seed {}", config.seed),
        }
    }

    /// How it was made, as far as known, for the manifest.
    pub fn describe(&self) -> serde_json::Value {
        match self {
            Source::File(_) => serde_json::json!({ "file": self.name() }),
            Source::Simulated(config) => serde_json::json!({
                "simulator_version": SIMULATOR_VERSION,
                "seed": config.seed,
                "start_ms": config.start_ms,
                "days": config.days,
                "accounts": config.accounts,
                "payments_per_day": config.payments_per_day,
                "fraud_share": config.fraud_share,
                "label_tail": config.label_tail,
            }),
        }
    }

    /// All events from the first.
    ///
    /// # Errors
    /// A file that cannot be opened, and (while iterating) a line that is not an event, with its number.
    pub fn events(&self) -> Result<Box<dyn Iterator<Item = Result<SimulatedEvent>>>> {
        match self {
            Source::File(path) => {
                let file = File::open(path).with_context(|| {
                    format!("cannot open the history {}; write one with `fraudnet simulate`", path.display())
                })?;
                let name = path.display().to_string();
                let lines = read_history(BufReader::with_capacity(1 << 20, file));
                Ok(Box::new(lines.map(move |line| line.with_context(|| format!("history {name}")))))
            }
            Source::Simulated(config) => {
                config.check()?;
                Ok(Box::new(simulate(config).map(Ok)))
            }
        }
    }
}
