//! The files: one a level, each a row of hashes.

use super::super::tree::Hash;
use super::StoreError;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Levels there may be: the top one holds the root of 2^63 leaves.
pub(super) const LEVELS: u32 = u64::BITS;

/// The files of a folder. One is made when its level gets its first hash; readers on other threads find it from then on.
#[derive(Debug)]
pub(super) struct Levels {
    folder: PathBuf,
    files: [OnceLock<File>; LEVELS as usize],
}

impl Levels {
    pub(super) fn new(folder: &Path) -> Result<Levels, StoreError> {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        Ok(Levels { folder: folder.to_owned(), files: [const { OnceLock::new() }; LEVELS as usize] })
    }

    /// Whole hashes in the file of a level.
    pub(super) fn hashes(&self, level: u32) -> Result<u64, StoreError> {
        let bytes = self.file(level)?.metadata().map_err(|error| self.failed(level, &error))?.len();
        Ok(bytes / Hash::BYTES as u64)
    }

    pub(super) fn read(&self, level: u32, index: u64) -> Result<Hash, StoreError> {
        let mut bytes = [0; Hash::BYTES];
        self.read_bytes(level, index, &mut bytes)?;
        Ok(Hash::from(bytes))
    }

    pub(super) fn read_many(&self, level: u32, from: u64, count: u64) -> Result<Vec<Hash>, StoreError> {
        let mut bytes = vec![0; count as usize * Hash::BYTES];
        self.read_bytes(level, from, &mut bytes)?;
        Ok(bytes.as_chunks().0.iter().map(|hash| Hash::from(*hash)).collect())
    }

    fn read_bytes(&self, level: u32, from: u64, bytes: &mut [u8]) -> Result<(), StoreError> {
        let file = self.file(level)?;
        file.read_exact_at(bytes, offset(from)).map_err(|error| self.failed(level, &error))
    }

    /// Writes hashes at their place, over what a failed write may have left there.
    pub(super) fn write(&self, level: u32, from: u64, hashes: &[Hash]) -> Result<(), StoreError> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect();
        self.file(level)?.write_all_at(&bytes, offset(from)).map_err(|error| self.failed(level, &error))
    }

    /// Keeps the first hashes of a level, and what there is where there are fewer. A file that fits is left alone: ext4 writes one out at
    /// once that was cut to nothing and filled again.
    pub(super) fn cut(&self, level: u32, hashes: u64) -> Result<(), StoreError> {
        let (file, bytes) = (self.file(level)?, offset(hashes));
        let cut = file.metadata().and_then(|now| if now.len() > bytes { file.set_len(bytes) } else { Ok(()) });
        cut.map_err(|error| self.failed(level, &error))
    }

    /// Empties a level. A file that was opened stays, for readers may hold it.
    pub(super) fn cut_if_open(&self, level: u32) -> Result<(), StoreError> {
        if self.files[level as usize].get().is_some() { self.cut(level, 0) } else { Ok(()) }
    }

    /// Removes the file of a level that is not opened yet.
    pub(super) fn remove(&self, level: u32) -> Result<(), StoreError> {
        match fs::remove_file(self.path(level)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(level, &error)),
            _ => Ok(()),
        }
    }

    fn file(&self, level: u32) -> Result<&File, StoreError> {
        let slot = &self.files[level as usize];
        if let Some(file) = slot.get() {
            return Ok(file);
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(level));
        let file = file.map_err(|error| self.failed(level, &error))?;
        Ok(slot.get_or_init(|| file))
    }

    fn path(&self, level: u32) -> PathBuf {
        self.folder.join(format!("level-{level:02}"))
    }

    fn failed(&self, level: u32, error: &io::Error) -> StoreError {
        failed(&self.path(level), error)
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), reason: error.to_string() }
}

/// Where a hash stands in its file, bytes.
fn offset(index: u64) -> u64 {
    index * Hash::BYTES as u64
}
