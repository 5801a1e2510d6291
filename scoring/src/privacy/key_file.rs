//! The file that holds the master key: 64 hexadecimal digits, as every secret key of the service, readable by its owner.

use super::error::{At, OpenError};
use super::keys::{KEY_BYTES, Key};
use super::world::World;
use data_encoding::HEXLOWER_PERMISSIVE;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// More than any key file has.
const SMALL_FILE_BYTES: u64 = 4_096;
/// What a group may not do (write) and others may not at all. A group may read: so are secrets mounted in containers.
const EXPOSED: u32 = 0o027;

/// Where the next key lies while a vault is written anew with it.
pub(super) fn next(path: &Path) -> PathBuf {
    beside(path, ".next")
}

/// The same path with more at its end.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Has the folder's entries on the disk: what was made, renamed or removed in it.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).at("sync the folder", folder)
}

/// Reads a key.
pub(super) fn read(path: &Path) -> Result<Key, OpenError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::KeyMissing(path.to_path_buf()));
        }
        Err(error) => return Err(error).at("read the key", path),
    };
    let metadata = file.metadata().at("read the key", path)?;
    if metadata.permissions().mode() & EXPOSED != 0 {
        return Err(OpenError::KeyExposed(path.to_path_buf()));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(SMALL_FILE_BYTES as usize));
    file.take(SMALL_FILE_BYTES).read_to_end(&mut text).at("read the key", path)?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    let digits = text.trim_ascii();
    match HEXLOWER_PERMISSIVE.decode_len(digits.len()) {
        Ok(KEY_BYTES) if HEXLOWER_PERMISSIVE.decode_mut(digits, bytes.as_mut_slice()).is_ok() => {
            Ok(Key::of_bytes(bytes))
        }
        _ => Err(OpenError::NoKey(path.to_path_buf())),
    }
}

/// Makes a key, on the disk before it is given back.
pub(super) fn make(path: &Path, world: &mut World) -> Result<Key, OpenError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    world.fill(bytes.as_mut_slice()).map_err(|source| OpenError::System { what: "randomness", source })?;
    let mut text = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(bytes.as_slice()));
    text.push('\n');
    // Never half a key under its name.
    let new = beside(path, ".new");
    let mut file = create(&new).at("make the key", &new)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).at("write the key", &new)?;
    fs::rename(&new, path).at("name the key", path)?;
    sync_folder_of(path)?;
    Ok(Key::of_bytes(bytes))
}

/// Puts the next key in the place of the present one, whose bytes are overwritten first as far as the disk overwrites.
pub(super) fn replace(path: &Path) -> Result<(), OpenError> {
    let old = OpenOptions::new().write(true).open(path).ok();
    fs::rename(next(path), path).at("name the key", path)?;
    sync_folder_of(path)?;
    if let Some(old) = old
        && let Ok(metadata) = old.metadata()
    {
        // The key is unlinked already: whether this works changes nothing of what can be found under any name.
        let _ = old.write_all_at(&vec![0; metadata.len().min(SMALL_FILE_BYTES) as usize], 0);
        let _ = old.sync_all();
    }
    Ok(())
}

/// A file that only its owner reads and writes, empty.
pub(super) fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn what_was_made_is_read() {
        let folder = Folder::new("key-file");
        let path = folder.0.join("key");
        assert!(matches!(read(&path), Err(OpenError::KeyMissing(_))));
        let made = make(&path, &mut World::system()).unwrap();
        assert_eq!(read(&path).unwrap().bytes(), made.bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        let other = make(&next(&path), &mut World::system()).unwrap();
        replace(&path).unwrap();
        assert_eq!(read(&path).unwrap().bytes(), other.bytes());
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn exposed_and_broken_keys_are_refused() {
        let folder = Folder::new("key-file-bad");
        let path = folder.0.join("key");
        for (text, mode, is_good) in [
            ("ab".repeat(32), 0o600, true),
            (format!("{}\n", "AB".repeat(32)), 0o440, true),
            ("ab".repeat(32), 0o604, false),
            ("ab".repeat(32), 0o620, false),
            ("ab".repeat(31), 0o600, false),
            ("ab".repeat(33), 0o600, false),
            ("xy".repeat(32), 0o600, false),
            (String::new(), 0o600, false),
        ] {
            let _ = fs::remove_file(&path);
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&path);
            assert_eq!(read.is_ok(), is_good, "{text} {mode:o}");
            if let Err(error) = read {
                assert!(text.is_empty() || !error.to_string().contains(text.trim()), "{error}");
            }
        }
    }
}
