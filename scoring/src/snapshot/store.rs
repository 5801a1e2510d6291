//! Where whole files are listed, read and published: a local folder or an object store. Both publish a file at once or not at all.

use super::folder::{Folder, FolderFile, FolderOutput};
use super::objects::{Object, ObjectOutput, Objects};
use super::{Location, SnapshotError, SnapshotName};
use arrow::buffer::Buffer;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A snapshot as a listing shows it; nothing of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What its name says.
    pub name: SnapshotName,
    /// Its size.
    pub bytes: u64,
}

/// The snapshots of a location. Cheap to clone.
#[derive(Clone)]
pub struct SnapshotStore {
    kept: Kept,
    beside_log: bool,
    /// Files this process read and found bad: they do not count among those that are kept.
    rejected: Arc<Mutex<BTreeSet<SnapshotName>>>,
}

#[derive(Clone)]
enum Kept {
    Folder(Folder),
    Objects(Objects),
}

impl SnapshotStore {
    /// Opens the location to make snapshots in it; none where it is off. A folder is made where it is missing.
    ///
    /// # Errors
    /// [`SnapshotError::Unusable`], which names the setting, where nothing can be written there.
    pub fn open(location: &Location) -> Result<Option<SnapshotStore>, SnapshotError> {
        let store = Self::over(location)?;
        if let Some(store) = &store {
            let tried = match &store.kept {
                Kept::Folder(folder) => folder.make_and_try(),
                Kept::Objects(objects) => objects.try_writing(),
            };
            tried.map_err(|error| unusable(location, error))?;
        }
        Ok(store)
    }

    /// Opens the location to look at what is there; none where it is off.
    ///
    /// # Errors
    /// Where a URL cannot be understood.
    pub fn open_to_read(location: &Location) -> Result<Option<SnapshotStore>, SnapshotError> {
        Self::over(location)
    }

    fn over(location: &Location) -> Result<Option<SnapshotStore>, SnapshotError> {
        let (kept, beside_log) = match location {
            Location::Off => return Ok(None),
            Location::Folder { path, beside_log } => (Kept::Folder(Folder::new(path)), *beside_log),
            Location::Store(url) => {
                (Kept::Objects(Objects::new(url).map_err(|error| unusable(location, error))?), false)
            }
        };
        Ok(Some(SnapshotStore { kept, beside_log, rejected: Arc::default() }))
    }

    /// All snapshots there, newest position first.
    ///
    /// # Errors
    /// Where the place cannot be listed. A folder that does not exist holds none.
    pub fn list(&self) -> Result<Vec<Listed>, SnapshotError> {
        let files = match &self.kept {
            Kept::Folder(folder) => folder.list(),
            Kept::Objects(objects) => objects.list(),
        };
        let files = files.map_err(|error| SnapshotError::io(self.place(), error))?;
        let mut listed: Vec<Listed> = files
            .into_iter()
            .filter_map(|(file, bytes)| SnapshotName::parse(&file).map(|name| Listed { name, bytes }))
            .collect();
        listed.sort_unstable_by_key(|listed| std::cmp::Reverse(listed.name));
        Ok(listed)
    }

    /// Folder or URL.
    pub fn place(&self) -> String {
        match &self.kept {
            Kept::Folder(folder) => folder.path().display().to_string(),
            Kept::Objects(objects) => objects.place().to_owned(),
        }
    }

    /// Whether it belongs to one log alone.
    pub(super) fn is_beside_log(&self) -> bool {
        self.beside_log
    }

    pub(super) fn source(&self, file: &str) -> io::Result<Source> {
        Ok(match &self.kept {
            Kept::Folder(folder) => Source::File(folder.open(file)?),
            Kept::Objects(objects) => Source::Object(objects.open(file)?),
        })
    }

    /// A file that appears under its name once it is published, and never if it is dropped before.
    pub(super) fn create(&self, name: &SnapshotName) -> io::Result<Output> {
        Ok(match &self.kept {
            Kept::Folder(folder) => Output::File(folder.create(name)?),
            Kept::Objects(objects) => Output::Object(objects.create(&name.to_string())?),
        })
    }

    pub(super) fn remove(&self, name: &SnapshotName) -> io::Result<()> {
        match &self.kept {
            Kept::Folder(folder) => folder.remove(&name.to_string()),
            Kept::Objects(objects) => objects.remove(&name.to_string()),
        }
    }

    pub(super) fn reject(&self, name: SnapshotName) {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    pub(super) fn is_rejected(&self, name: &SnapshotName) -> bool {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

fn unusable(location: &Location, error: impl std::fmt::Display) -> SnapshotError {
    SnapshotError::Unusable { place: location.to_string(), reason: error.to_string() }
}

/// A file being read.
pub(super) enum Source {
    File(FolderFile),
    Object(Object),
}

impl Source {
    /// Its size.
    pub fn len(&self) -> u64 {
        match self {
            Source::File(file) => file.len(),
            Source::Object(object) => object.len(),
        }
    }

    /// Those bytes, all of them.
    pub fn read(&self, offset: u64, bytes: u64) -> io::Result<Buffer> {
        match self {
            Source::File(file) => file.read(offset, bytes),
            Source::Object(object) => object.read(offset, bytes),
        }
    }
}

/// A file being written.
pub(super) enum Output {
    File(FolderOutput),
    Object(ObjectOutput),
}

impl Output {
    /// Makes it durable, then visible under its name.
    pub fn publish(self) -> io::Result<()> {
        match self {
            Output::File(file) => file.publish(),
            Output::Object(object) => object.publish(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::File(file) => file.write(bytes),
            Output::Object(object) => object.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
