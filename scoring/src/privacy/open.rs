//! Opening a vault, and making one where there is none.

use super::error::{At, OpenError};
use super::file::{Anew, VaultFile, unfinished};
use super::header::{Header, VaultId};
use super::key_file;
use super::keys::{Key, Keyring};
use super::known::{Known, Places};
use super::world::World;
use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The vault's file, in its folder.
pub const VAULT_FILE: &str = "vault";
/// Locked by the process that has the vault open. A file of its own, since the vault's is replaced.
pub const LOCK_FILE: &str = "vault.lock";

/// Where a vault is, and how large it may grow.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// Folder of the vault's file.
    pub folder: PathBuf,
    /// File of the master key. Best on another disk than the folder, and never in the same backup.
    pub master_key: PathBuf,
    /// The vault that the log was written with; none where it was written with none, and only then is one made.
    pub expected: Option<VaultId>,
    /// Most identifiers it may hold, for the memory they take.
    pub max_people: usize,
}

/// What was found when a vault was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Which vault it is.
    pub vault_id: VaultId,
    /// Whether it was made just now.
    pub is_new: bool,
    /// Identifiers in it.
    pub people: usize,
    /// Bytes of an unfinished write that a crash left and that were cut off. Nobody had been told anything that was in them.
    pub cut_bytes: u64,
}

/// The folder is this process's for as long as this lives.
pub(super) struct Held {
    lock: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing it would not do while a child that is just being started still has a copy of it.
        let _ = self.lock.unlock();
    }
}

/// Locks the folder, making it where it is not there.
pub(super) fn hold(folder: &Path) -> Result<Held, OpenError> {
    fs::create_dir_all(folder).at("make the folder", folder)?;
    let path = folder.join(LOCK_FILE);
    let lock = key_file::create(&path).at("open the lock", &path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Held { lock }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(error).at("lock", &path),
    }
}

/// The vault's file and its key; made where there is none and none is expected.
pub(super) fn find(settings: &VaultSettings, world: &mut World) -> Result<(VaultFile, Key, bool), OpenError> {
    let path = settings.folder.join(VAULT_FILE);
    // A vault that was being written anew when the process ended. The one at `path` is whole.
    let leftover = unfinished(&path);
    match fs::remove_file(&leftover) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).at("remove", &leftover),
        _ => {}
    }
    if !path.try_exists().at("look for", &path)? {
        if settings.expected.is_some() {
            return Err(OpenError::Missing(settings.folder.clone()));
        }
        let key = match key_file::read(&settings.master_key) {
            Err(OpenError::KeyMissing(key)) => key_file::make(&key, world)?,
            read => read?,
        };
        return Ok((make(&path, &key, world)?, key, true));
    }
    let file = VaultFile::open(&path)?;
    if settings.expected.is_some_and(|expected| expected.0 != file.header.vault_id) {
        return Err(OpenError::OtherVault(settings.folder.clone()));
    }
    let key = key_of(&file, &settings.master_key)?;
    Ok((file, key, false))
}

fn make(path: &Path, key: &Key, world: &mut World) -> Result<VaultFile, OpenError> {
    let random = |source| OpenError::System { what: "randomness", source };
    let header = Header::of(world.random().map_err(random)?, world.random().map_err(random)?, key);
    Anew::begin(path, header)?.finish(world)?.publish()
}

/// The vault's key. Where a change of keys was broken off, it is ended or taken back, whichever the vault's file says.
fn key_of(file: &VaultFile, path: &Path) -> Result<Key, OpenError> {
    let next = key_file::next(path);
    if next.try_exists().at("look for", &next)? {
        let key = key_file::read(&next)?;
        if file.header.is_of(&key) {
            key_file::replace(path)?;
            return Ok(key);
        }
    }
    let key = key_file::read(path)?;
    if !file.header.is_of(&key) {
        return Err(OpenError::WrongKey { key: path.to_path_buf(), vault: file.path.clone() });
    }
    if next.try_exists().at("look for", &next)? {
        fs::remove_file(&next).at("remove", &next)?;
    }
    Ok(key)
}

/// Reads everybody into memory; the answer has the bytes that were cut off.
pub(super) fn load(
    file: &mut VaultFile,
    keyring: &Keyring,
    world: &mut World,
) -> Result<(Known, Places, u64), OpenError> {
    let known = Known::new();
    let mut of = HashMap::new();
    let cut_bytes = file.records(|record, place| {
        let person = record.person(keyring).ok_or("a record was changed since it was written")?;
        let pseudonym = person.own_key.pseudonym(&person.identifier.borrow());
        let is_first = known.insert(record.index, pseudonym) && of.insert(pseudonym, place).is_none();
        if is_first { Ok(()) } else { Err("a person is in it twice") }
    })?;
    if cut_bytes > 0 {
        file.cut_tail(world)?;
    }
    let places = Places { file: Arc::clone(&file.file), of };
    Ok((known, places, cut_bytes))
}
