//! Finding and loading ONNX Runtime's shared library, once per process.

use crate::runtime::RuntimeError;
use ort::environment::Environment;
use ort::logging::LogLevel;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Environment variable that names the library where the configuration does not.
pub const LIBRARY_VARIABLE: &str = "FRAUDNET_ONNXRUNTIME";
/// Folder, relative to a checkout, that `make setup` unpacks the library into.
const LIBRARY_FOLDER: &str = ".deps/onnxruntime";
const LIBRARY_NAME: &str = "libonnxruntime.so";

/// Kept for the life of the process: the runtime does not survive being torn down and set up again.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment sessions are built in, loading the library on the first call. Later calls ignore the path.
pub(crate) fn environment(library: &Path) -> Result<Environment, RuntimeError> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(environment) = environment.as_ref() {
        return Ok(environment.clone());
    }
    let path = locate(library)?;
    let unusable = |reason: String| RuntimeError::LibraryUnusable { path: path.clone(), reason };
    let builder = ort::init_from(&path).map_err(|error| unusable(error.to_string()))?;
    let loaded =
        builder.with_name("fraudnet").with_telemetry(false).build().map_err(|error| unusable(error.to_string()))?;
    loaded.set_log_level(LogLevel::Fatal);
    tracing::info!(library = %path.display(), "onnx runtime loaded");
    *environment = Some(loaded.clone());
    Ok(loaded)
}

/// Path of the library: as configured, else as [`LIBRARY_VARIABLE`] says, else out of `.deps/onnxruntime` in the current
/// folder, the executable's, or one above either. `configured` empty means not configured.
pub fn locate(configured: &Path) -> Result<PathBuf, RuntimeError> {
    let executable = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let starts: Vec<PathBuf> = std::env::current_dir().ok().into_iter().chain(executable).collect();
    locate_from(configured, std::env::var_os(LIBRARY_VARIABLE), &starts)
}

fn locate_from(configured: &Path, variable: Option<OsString>, starts: &[PathBuf]) -> Result<PathBuf, RuntimeError> {
    let variable = variable.filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = if configured.as_os_str().is_empty() { variable } else { Some(configured.to_path_buf()) };
    // A path that someone named is used or refused: silently taking another library would be worse.
    if let Some(path) = named {
        return if path.is_file() { Ok(path) } else { Err(RuntimeError::LibraryNotFound { tried: vec![path] }) };
    }
    let mut tried = Vec::new();
    for folder in starts.iter().flat_map(|start| start.ancestors()) {
        let candidate = folder.join(LIBRARY_FOLDER);
        if tried.contains(&candidate) {
            continue;
        }
        if let Some(library) = newest_library(&candidate) {
            return Ok(library);
        }
        tried.push(candidate);
    }
    Err(RuntimeError::LibraryNotFound { tried })
}

/// The library of the highest version in a folder: `libonnxruntime.so`, or `libonnxruntime.so.1.31.1`.
fn newest_library(folder: &Path) -> Option<PathBuf> {
    let version = |path: &Path| -> Option<Vec<u32>> {
        let rest = path.file_name()?.to_str()?.strip_prefix(LIBRARY_NAME)?;
        rest.split('.').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
    };
    let entries = std::fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter_map(|path| Some((version(&path)?, path))).max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fraudnet-library-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join(LIBRARY_FOLDER)).unwrap();
        std::fs::create_dir_all(folder.join("deep/below")).unwrap();
        folder
    }

    #[test]
    fn takes_the_newest_library_of_an_ancestor() {
        let root = folder("newest");
        for name in [
            "libonnxruntime.so.1.9.2",
            "libonnxruntime.so.1.31.1",
            "libonnxruntime.so.1.31.1.part",
            "libonnxruntime_providers_cuda.so",
        ] {
            std::fs::write(root.join(LIBRARY_FOLDER).join(name), b"").unwrap();
        }
        let found = locate_from(Path::new(""), None, &[root.join("deep/below")]).unwrap();
        assert_eq!(found, root.join(LIBRARY_FOLDER).join("libonnxruntime.so.1.31.1"));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_named_library_is_used_or_refused() {
        let root = folder("named");
        let library = root.join("mine.so");
        std::fs::write(&library, b"").unwrap();
        std::fs::write(root.join(LIBRARY_FOLDER).join("libonnxruntime.so"), b"").unwrap();
        let gone = root.join("gone.so");
        let starts = [root.clone()];
        assert_eq!(locate_from(&library, Some(gone.clone().into()), &starts).unwrap(), library);
        assert_eq!(locate_from(Path::new(""), Some(library.clone().into()), &starts).unwrap(), library);
        for refused in
            [locate_from(&gone, None, &starts), locate_from(Path::new(""), Some(gone.clone().into()), &starts)]
        {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("gone.so") && message.contains("make setup"), "{message}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}
