//! Where things lie: the repository, the program, the released model, and a folder for what is measured on the disk.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};

/// The repository.
///
/// # Panics
/// Never: this crate lies one folder below it.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the repository").to_path_buf()
}

/// Where results and what peers need are kept; ignored by version control.
///
/// # Errors
/// It cannot be made.
pub fn kept() -> anyhow::Result<PathBuf> {
    let folder = repository().join(".build");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// `fraudnet`, which lies beside this program.
///
/// # Errors
/// It was not built.
pub fn service_program() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("this program cannot tell where it lies")?.with_file_name("fraudnet");
    ensure!(path.is_file(), "{} is missing: run `make bench`, which builds it first", path.display());
    Ok(path)
}

/// The newest released version of the hybrid model.
///
/// # Errors
/// There is none.
pub fn newest_model() -> anyhow::Result<PathBuf> {
    let family = repository().join("models/hybrid");
    let versions = std::fs::read_dir(&family).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let released = versions.filter(|folder| folder.join("manifest.json").is_file());
    released
        .max_by_key(|folder| version(folder))
        .with_context(|| format!("there is no model in {}: run `make model`", family.display()))
}

/// The numbers of a version, so that 1.10.0 is newer than 1.9.0.
fn version(folder: &Path) -> Vec<u64> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// A folder on the repository's disk that goes when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str) -> anyhow::Result<Scratch> {
        let folder = kept()?.join(format!("{name}-{}", std::process::id()));
        // What an earlier run with the same process id left behind would be measured along.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Scratch(folder))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays below the ignored folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
