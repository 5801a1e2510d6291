//! Where things lie: the repository, its released model, and a folder for each test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test. It goes when the test passes and stays for inspection when it fails.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder under the target folder, on the disk that the build is on.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn new(name: &str) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = profile_folder().join("system-tests").join(format!("{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        Folder(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A copy of the released model in it, to be tampered with.
    ///
    /// # Panics
    /// Where it cannot be copied.
    pub fn copy_model(&self) -> PathBuf {
        let copy = self.join("model");
        std::fs::create_dir_all(&copy).expect("a folder in a folder just made");
        for entry in std::fs::read_dir(newest_model()).expect("the model's folder can be read") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("a model's file can be copied");
        }
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // What cannot be removed lies below the target folder and goes with it.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// `target/<profile>`: where the built programs lie, and below it, in `deps`, the test binaries.
pub(crate) fn profile_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let folder = program.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") { folder.parent().expect("`deps` lies in target/<profile>") } else { folder }
        .to_path_buf()
}

/// A new folder for servers that live as long as this process. Those of processes that are gone are removed: a server that nobody
/// stopped has left its data behind.
pub(crate) fn cluster_folder() -> PathBuf {
    let all = profile_folder().join("system-tests").join("clusters");
    for entry in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let process = entry.file_name().to_string_lossy().parse::<libc::pid_t>();
        // SAFETY: a system call that takes two numbers; signal 0 asks whether the process is there.
        if process.is_ok_and(|process| unsafe { libc::kill(process, 0) } != 0) {
            // Another test may be removing it just now.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let own = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&own).unwrap_or_else(|error| panic!("cannot make {}: {error}", own.display()));
    own
}

/// The repository.
///
/// # Panics
/// Never: this crate lies one folder below it.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the repository").to_path_buf()
}

/// The folder of the newest released version of the hybrid model. `FRAUDNET_TEST_MODEL` names another.
///
/// # Panics
/// Where there is none.
pub fn newest_model() -> PathBuf {
    if let Some(folder) = std::env::var_os("FRAUDNET_TEST_MODEL") {
        return PathBuf::from(folder);
    }
    let family = repository().join("models/hybrid");
    let versions = std::fs::read_dir(&family).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let released = versions.filter(|path| path.join("manifest.json").is_file());
    let newest = released.max_by_key(|path| version(path));
    newest.unwrap_or_else(|| panic!("there is no model in {}; run `make model`", family.display()))
}

/// The numbers of a version, so that 1.10.0 is newer than 1.9.0.
fn version(folder: &Path) -> Vec<u64> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}
