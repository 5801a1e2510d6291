//! What the vault's tests share.

use super::{Identifier, PersonKind, Vault, VaultSettings, World};
use crate::testing::Folder;
use std::fs;
use std::path::{Path, PathBuf};

/// The day that tests live on.
pub(super) const TODAY: u32 = 20_000;

/// A place for a vault.
pub(super) struct Place {
    folder: Folder,
}

impl Place {
    pub(super) fn new(name: &str) -> Place {
        Place { folder: Folder::new(name) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder.0
    }

    pub(super) fn settings(&self) -> VaultSettings {
        VaultSettings {
            folder: self.path().join("vault"),
            master_key: self.path().join("master"),
            expected: None,
            max_people: 1_000_000,
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.settings().folder.join(super::VAULT_FILE)
    }

    /// Opens it, without waiting for the disk.
    pub(super) fn open(&self) -> Vault {
        Vault::open(&self.settings(), quick()).unwrap()
    }

    /// A copy of it as it is on the disk now: what a crash at this moment leaves.
    pub(super) fn copy(&self) -> Place {
        let copy = Place::new("copy");
        fs::create_dir(copy.settings().folder).unwrap();
        fs::copy(self.file(), copy.file()).unwrap();
        fs::copy(self.settings().master_key, copy.settings().master_key).unwrap();
        copy
    }

    /// Every byte of every file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for folder in [self.path(), &self.settings().folder] {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_file() {
                    bytes.extend(fs::read(entry.path()).unwrap());
                }
            }
        }
        bytes
    }
}

/// The system's randomness, and a disk that need not be waited for.
pub(super) fn quick() -> World {
    let mut system = World::system();
    World::new(move |bytes| system.fill(bytes), |_| Ok(()))
}

/// An account of the tenant `bank`.
pub(super) fn account(id: &str) -> Identifier<'_> {
    Identifier { tenant: "bank", kind: PersonKind::Account, id }
}

/// Whether `bytes` hold `part`.
pub(super) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
