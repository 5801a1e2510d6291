//! What lies beside each other on disk: `backtest.json`, `guard-<name>.json`, and the report drawn from both and from the results of other
//! protocols on the same history in folders beside this one.

use super::page::page;
use super::results::{GuardResult, Results};
use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the results.
pub const RESULTS_FILE: &str = "backtest.json";
/// Name of the report.
pub const REPORT_FILE: &str = "report.html";

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder, made where it is missing: before hours of fitting, not after.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(path: &Path) -> Result<Folder> {
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}; choose another with --out", path.display()))?;
        Ok(Folder(path.to_owned()))
    }

    /// Where the report lies.
    pub fn report(&self) -> PathBuf {
        self.0.join(REPORT_FILE)
    }

    /// The results of the plain run, where there are any.
    ///
    /// # Errors
    /// A file that is not what this build writes.
    pub fn results(&self) -> Result<Option<Results>> {
        read(&self.0.join(RESULTS_FILE))
    }

    /// Writes the results of the plain run and draws the report.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write_results(&self, results: &Results) -> Result<()> {
        write_json(&self.0.join(RESULTS_FILE), results)?;
        self.draw()
    }

    /// Writes what a control found and draws the report again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write_guard(&self, guard: &GuardResult) -> Result<()> {
        write_json(&self.0.join(format!("guard-{}.json", guard.guard)), guard)?;
        self.draw()
    }

    /// Draws the report where there are results.
    fn draw(&self) -> Result<()> {
        let Some(results) = self.results()? else { return Ok(()) };
        let html = page(&results, &self.guards()?, &self.others(&results)?);
        write(&self.report(), html.as_bytes())
    }

    /// What the controls found, in the order of their names.
    fn guards(&self) -> Result<Vec<GuardResult>> {
        let mut paths: Vec<PathBuf> = fs::read_dir(&self.0)
            .with_context(|| format!("cannot read the folder {}", self.0.display()))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                name.starts_with("guard-") && name.ends_with(".json")
            })
            .collect();
        paths.sort();
        paths.iter().filter_map(|path| read(path).transpose()).collect()
    }

    /// Results of other protocols on the same history, in the order of their folders.
    fn others(&self, results: &Results) -> Result<Vec<Results>> {
        let Some(parent) = self.0.parent() else { return Ok(Vec::new()) };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let Ok(entries) = fs::read_dir(parent) else { return Ok(Vec::new()) };
        let mut folders: Vec<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_dir()).collect();
        folders.sort();
        let mut others = Vec::new();
        for folder in folders {
            // A neighbour that cannot be read is none of ours: its own command says what is wrong with it.
            if let Ok(Some(other)) = read::<Results>(&folder.join(RESULTS_FILE))
                && other.protocol != results.protocol
                && other.history.sha256 == results.history.sha256
            {
                others.push(other);
            }
        }
        Ok(others)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not what this version writes; run that command again", path.display()))?;
    Ok(Some(value))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("results are plain data")?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Beside it first, so that nobody finds half a file.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, bytes)
        .and_then(|()| fs::rename(&aside, path))
        .with_context(|| format!("cannot write {}; check the folder and the free space of its disk", path.display()))
}
