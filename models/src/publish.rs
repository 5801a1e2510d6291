//! Writing an artifact: all of it or nothing, and never one that this build would refuse.

use crate::artifact::{Artifact, ArtifactError, MANIFEST_FILE};
use crate::artifact::{FILE_LIMIT_BYTES, is_plain_name, sha256};
use crate::signature::{ManifestSignature, SIGNATURE_FILE, SecretKey};
use crate::{FileEntry, Manifest};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Collects the files of an artifact, then writes the folder in one step.
#[derive(Debug, Clone)]
pub struct ArtifactBuilder {
    manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
    key: Option<SecretKey>,
}

impl ArtifactBuilder {
    /// Starts from a manifest; its list of files is replaced by what is added here.
    pub fn new(manifest: Manifest) -> Self {
        ArtifactBuilder { manifest, files: BTreeMap::new(), key: None }
    }

    /// Signs what is written: the owner of the key is its author.
    #[must_use]
    pub fn signed_by(mut self, key: &SecretKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// Adds a file, or replaces one of the same name. See [`crate::artifact::required_files`] for those that must be there.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, bytes: Vec<u8>) -> Self {
        self.files.insert(name.into(), bytes);
        self
    }

    /// Writes the folder, which must not exist yet, and gives back the artifact as loaded from it.
    ///
    /// Everything is written and synced to a hidden folder beside it, loaded from there with all checks, and then renamed:
    /// a reader sees the whole artifact or none.
    pub fn write(self, folder: &Path) -> Result<Artifact, ArtifactError> {
        if folder.exists() {
            return Err(ArtifactError::Exists(folder.display().to_string()));
        }
        self.write_with(folder, |staged| fs::rename(staged, folder))
    }

    /// As [`ArtifactBuilder::write`], but replaces a folder that is there; for a model that is reproduced in place. The old one
    /// stays if the new one is refused.
    pub fn replace(self, folder: &Path) -> Result<Artifact, ArtifactError> {
        let old = beside(folder, "old");
        self.write_with(folder, |staged| {
            if !folder.exists() {
                return fs::rename(staged, folder);
            }
            fs::rename(folder, &old)?;
            // A folder cannot be renamed over a full one; between the two renames there is none, so put the old one back on failure.
            if let Err(error) = fs::rename(staged, folder) {
                fs::rename(&old, folder)?;
                return Err(error);
            }
            fs::remove_dir_all(&old)
        })
    }

    fn write_with(
        mut self,
        folder: &Path,
        publish: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Artifact, ArtifactError> {
        self.manifest.files = BTreeMap::new();
        for (name, bytes) in &self.files {
            if !is_plain_name(name) {
                return Err(ArtifactError::FileName(name.clone()));
            }
            if bytes.len() as u64 > FILE_LIMIT_BYTES {
                return Err(ArtifactError::TooLarge { file: name.clone(), limit: FILE_LIMIT_BYTES });
            }
            self.manifest.files.insert(name.clone(), FileEntry { sha256: sha256(bytes), bytes: bytes.len() as u64 });
        }
        let staged = beside(folder, "partial");
        let staging = Staging::begin(&staged);
        let result = self.stage(&staged).and_then(|()| Artifact::load(&staged)).and_then(|artifact| {
            publish(&staged).map_err(|source| io_error(folder, source))?;
            Ok(artifact)
        });
        if result.is_err() {
            staging.discard();
        }
        result
    }

    fn stage(&self, staged: &Path) -> Result<(), ArtifactError> {
        if staged.exists() {
            fs::remove_dir_all(staged).map_err(|source| io_error(staged, source))?;
        }
        fs::create_dir_all(staged).map_err(|source| io_error(staged, source))?;
        for (name, bytes) in &self.files {
            write_synced(&staged.join(name), bytes)?;
        }
        let manifest = self.manifest.to_bytes();
        write_synced(&staged.join(MANIFEST_FILE), &manifest)?;
        match &self.key {
            Some(key) => write_synced(&staged.join(SIGNATURE_FILE), &ManifestSignature::of(&manifest, key).to_bytes()),
            None => Ok(()),
        }
    }
}

/// A folder that is written beside its later place.
pub(crate) struct Staging<'a> {
    folder: &'a Path,
    /// The folder around it, where that is not there yet.
    around: Option<&'a Path>,
}

impl<'a> Staging<'a> {
    /// Before anything is written.
    pub(crate) fn begin(folder: &'a Path) -> Staging<'a> {
        Staging { folder, around: folder.parent().filter(|around| !around.exists()) }
    }

    /// Removes what was written. What is gone already, or cannot be removed, is not told: the first error is the one worth telling.
    pub(crate) fn discard(self) {
        let _ = fs::remove_dir_all(self.folder);
        // An empty family would pass for one that lost its versions.
        let _ = self.around.map(fs::remove_dir);
    }
}

/// A hidden sibling, on the same file system so that it can be renamed, told apart by process.
pub(crate) fn beside(folder: &Path, purpose: &str) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!(".{name}.{purpose}-{}", std::process::id()))
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let write = || {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| io_error(path, source))
}

pub(crate) fn io_error(path: &Path, source: std::io::Error) -> ArtifactError {
    ArtifactError::Io { file: path.display().to_string(), source }
}
