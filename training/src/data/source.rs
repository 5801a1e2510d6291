//! Where a history comes from: a file (Parquet, CSV, JSON lines), or the simulator in process. All give the same kind of events.

use crate::backtest::alteration::Alteration;
use anyhow::{Context, Result};
use fraudnet_scoring::history::{BadRows, HistoryEvent, HistoryFile, Skipped};
use fraudnet_scoring::simulate::{SIMULATOR_VERSION, SimulationConfig, simulate};
use std::path::{Path, PathBuf};

/// A history that can be read from its start as often as needed.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A file, in order of acceptance.
    File {
        /// The file.
        path: PathBuf,
        /// Which of its columns are ours; `None` for JSON lines as `fraudnet simulate` writes them.
        mapping: Option<PathBuf>,
        /// Leave rows out that cannot be taken, instead of ending with the first.
        skip_bad_rows: bool,
    },
    /// Generated on the fly; the same configuration gives the same events.
    Simulated(SimulationConfig),
    /// Another history, changed on purpose: the controls of a backtest.
    Altered {
        /// The history.
        base: Box<Source>,
        /// What is done to it.
        alteration: Alteration,
    },
}

/// Events in order, boxed: what a [`Source`] gives and what is done to them on the way.
pub type EventStream = Box<dyn Iterator<Item = Result<HistoryEvent>>>;

/// One pass over a history.
pub struct Events {
    stream: EventStream,
    file: Option<HistoryFile>,
}

impl Source {
    /// A file as `fraudnet simulate` writes it.
    pub fn native(path: impl Into<PathBuf>) -> Source {
        Source::File { path: path.into(), mapping: None, skip_bad_rows: false }
    }

    /// Name for people and for the model card.
    pub fn name(&self) -> String {
        match self {
            Source::File { path, .. } => file_name(path),
            Source::Simulated(config) => format!("simulated, seed {}", config.seed),
            Source::Altered { base, alteration } => format!("{}, {}", base.name(), alteration.name()),
        }
    }

    /// How it was made, as far as known, for the manifest.
    pub fn describe(&self) -> serde_json::Value {
        match self {
            Source::File { mapping: None, .. } => serde_json::json!({ "file": self.name() }),
            Source::File { mapping: Some(mapping), .. } => {
                serde_json::json!({ "file": self.name(), "mapping": file_name(mapping) })
            }
            Source::Simulated(config) => {
                let newcomers = config.newcomers.iter().map(|newcomer| {
                    serde_json::json!({ "typology": newcomer.typology.name(), "from_day": newcomer.from_day, "times": newcomer.times })
                });
                let mut made = serde_json::json!({
                "simulator_version": SIMULATOR_VERSION,
                "seed": config.seed,
                "start_ms": config.start_ms,
                "days": config.days,
                "accounts": config.accounts,
                "payments_per_day": config.payments_per_day,
                "fraud_share": config.fraud_share,
                "label_tail": config.label_tail,
                });
                // Told only where it is set: what was made before this setting existed is described as it was.
                if !config.newcomers.is_empty() {
                    made["newcomers"] = newcomers.collect();
                }
                made
            }
            Source::Altered { base, alteration } => {
                serde_json::json!({ "altered": alteration.name(), "history": base.describe() })
            }
        }
    }

    /// All events from the first.
    ///
    /// # Errors
    /// A file or mapping that cannot be read, and (while iterating) a row that cannot be taken, with its number.
    pub fn events(&self) -> Result<Events> {
        match self {
            Source::File { path, .. } => {
                let file = self.open_file()?.expect("this source is a file");
                let name = path.display().to_string();
                let stream = file.events().map(move |event| event.with_context(|| format!("history {name}")));
                Ok(Events { stream: Box::new(stream), file: Some(file) })
            }
            Source::Simulated(config) => {
                config.check()?;
                let events = simulate(config).map(|simulated| {
                    Ok(HistoryEvent { event: simulated.event, truth: simulated.oracle.map(Into::into) })
                });
                Ok(Events { stream: Box::new(events), file: None })
            }
            Source::Altered { base, alteration } => {
                let Events { stream, file } = base.events()?;
                Ok(Events { stream: alteration.apply(base, stream)?, file })
            }
        }
    }

    /// How long after its payment every label becomes known, where the mapping fixes it.
    ///
    /// # Errors
    /// A file or mapping that cannot be read.
    pub fn label_delay_ms(&self) -> Result<Option<i64>> {
        Ok(self.open_file()?.and_then(|file| file.label_delay_ms()))
    }

    fn open_file(&self) -> Result<Option<HistoryFile>> {
        let (path, mapping, skip_bad_rows) = match self {
            Source::File { path, mapping, skip_bad_rows } => (path, mapping, skip_bad_rows),
            Source::Simulated(_) => return Ok(None),
            Source::Altered { base, .. } => return base.open_file(),
        };
        let bad_rows = if *skip_bad_rows { BadRows::Skip } else { BadRows::Refuse };
        Ok(Some(HistoryFile::open(path, mapping.as_deref(), bad_rows)?))
    }
}

impl Events {
    /// The same pass with its events altered on the way.
    #[must_use]
    pub fn altered(self, alter: impl FnOnce(EventStream) -> EventStream) -> Events {
        Events { stream: alter(self.stream), file: self.file }
    }

    /// Rows of the file left out so far.
    pub fn skipped(&self) -> Skipped {
        self.file.as_ref().map_or_else(Skipped::default, HistoryFile::skipped)
    }
}

impl Iterator for Events {
    type Item = Result<HistoryEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.stream.next()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
