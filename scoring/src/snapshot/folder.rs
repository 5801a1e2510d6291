//! Snapshots in a local folder: written under a temporary name, synced, renamed, and the folder synced.

use super::SnapshotName;
use super::name::hex;
use arrow::buffer::Buffer;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes after which a file is synced while it is written, so that the log's own sync never waits behind a whole snapshot.
const SYNC_EVERY: usize = 16 << 20;
const TEMPORARY: &str = ".tmp";
const TRIAL: &str = ".trial";

#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder, and a file in it that is deleted again.
    pub fn make_and_try(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        let trial = self.path.join(format!("{TRIAL}{}", std::process::id()));
        File::create(&trial).and_then(|mut file| file.write_all(b"fraudnet"))?;
        fs::remove_file(&trial)
    }

    pub fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Ok(file) = entry.file_name().into_string() {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_file() => files.push((file, metadata.len())),
                    Ok(_) => {}
                    // Pruned in between.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(files)
    }

    pub fn open(&self, file: &str) -> io::Result<FolderFile> {
        let file = File::open(self.path.join(file))?;
        Ok(FolderFile { bytes: file.metadata()?.len(), file })
    }

    /// Begins a file. What an earlier process of the same log left half-written is removed first.
    pub fn create(&self, name: &SnapshotName) -> io::Result<FolderOutput> {
        let leftover = format!("{}.arrow{TEMPORARY}", hex(&name.journal));
        for (file, _) in self.list()? {
            if file.ends_with(&leftover) {
                fs::remove_file(self.path.join(file))?;
            }
        }
        let published = self.path.join(name.to_string());
        let temporary = self.path.join(format!(".{name}{TEMPORARY}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        let file = Some(BufWriter::with_capacity(1 << 16, file));
        Ok(FolderOutput { file, temporary, published, unsynced: 0 })
    }

    pub fn remove(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(file))
    }
}

pub(super) struct FolderFile {
    file: File,
    bytes: u64,
}

impl FolderFile {
    pub fn len(&self) -> u64 {
        self.bytes
    }

    pub fn read(&self, offset: u64, bytes: u64) -> io::Result<Buffer> {
        let mut read = vec![0; bytes as usize];
        self.file.read_exact_at(&mut read, offset)?;
        Ok(Buffer::from_vec(read))
    }
}

pub(super) struct FolderOutput {
    /// None once published.
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    published: PathBuf,
    unsynced: usize,
}

impl FolderOutput {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().expect("writing ends with publishing");
        let written = file.write(bytes)?;
        self.unsynced += written;
        if self.unsynced >= SYNC_EVERY {
            file.flush()?;
            file.get_ref().sync_data()?;
            self.unsynced = 0;
        }
        Ok(written)
    }

    pub fn publish(mut self) -> io::Result<()> {
        let mut file = self.file.take().expect("a file is published once");
        let published = file
            .flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.published));
        if published.is_err() {
            discard(&self.temporary);
        }
        published?;
        let folder = self.published.parent().expect("the file was joined to its folder");
        File::open(folder)?.sync_all()
    }
}

impl Drop for FolderOutput {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // What is buffered would be written to a file that goes.
            drop(file.into_parts());
            discard(&self.temporary);
        }
    }
}

fn discard(temporary: &Path) {
    if let Err(error) = fs::remove_file(temporary) {
        tracing::warn!(file = %temporary.display(), %error, "a half-written snapshot could not be removed; the next one will try again");
    }
}
