//! Finding LightGBM's shared library.

use anyhow::{Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Version trees are fitted with. Another one may fit other trees, and the released models would not come out the same;
/// `deploy/setup/setup.sh` fetches this one.
pub const LIGHTGBM_VERSION: &str = "4.7.0";
/// Environment variable that names the library instead.
pub const LIBRARY_VARIABLE: &str = "FRAUDNET_LIGHTGBM";

/// Path of the library: as [`LIBRARY_VARIABLE`] says, else out of `.deps/lightgbm` in the current folder, the
/// executable's, or one above either.
pub(super) fn locate() -> Result<PathBuf> {
    let executable = std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let starts: Vec<PathBuf> = std::env::current_dir().ok().into_iter().chain(executable).collect();
    locate_from(std::env::var_os(LIBRARY_VARIABLE), &starts)
}

fn locate_from(variable: Option<OsString>, starts: &[PathBuf]) -> Result<PathBuf> {
    // A path that someone named is used or refused: silently taking another library would be worse.
    if let Some(path) = variable.filter(|value| !value.is_empty()).map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!(
            "LightGBM's shared library is not at `{}`, which {LIBRARY_VARIABLE} names; correct it, or unset it and run \
             `make setup`",
            path.display()
        );
    }
    let name = format!(".deps/lightgbm/lib_lightgbm.so.{LIGHTGBM_VERSION}");
    let mut folders = starts.iter().flat_map(|start| start.ancestors());
    match folders.find_map(|folder| Some(folder.join(&name)).filter(|path| path.is_file())) {
        Some(path) => Ok(path),
        None => bail!(
            "LightGBM's shared library was not found (no `{name}` in the current folder, the executable's, or one above \
             either); run `make setup`, or name it in {LIBRARY_VARIABLE}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_an_ancestor_is_found_and_a_named_one_is_used_or_refused() {
        let root = std::env::temp_dir().join(format!("fraudnet-lightgbm-{}", std::process::id()));
        let deep = root.join("deep/below");
        std::fs::create_dir_all(&deep).unwrap();
        let starts = [deep];
        let missing = locate_from(None, &starts).unwrap_err().to_string();
        assert!(missing.contains("was not found") && missing.contains("make setup"), "{missing}");

        let library = root.join(format!(".deps/lightgbm/lib_lightgbm.so.{LIGHTGBM_VERSION}"));
        std::fs::create_dir_all(library.parent().unwrap()).unwrap();
        std::fs::write(&library, b"").unwrap();
        assert_eq!(locate_from(None, &starts).unwrap(), library);
        assert_eq!(locate_from(Some("".into()), &starts).unwrap(), library);

        let named = root.join("mine.so");
        let refused = locate_from(Some(named.clone().into()), &starts).unwrap_err().to_string();
        assert!(refused.contains("mine.so") && refused.contains("make setup"), "{refused}");
        std::fs::write(&named, b"").unwrap();
        assert_eq!(locate_from(Some(named.clone().into()), &starts).unwrap(), named);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn setup_fetches_the_version_expected_here() {
        let setup = include_str!("../../../deploy/setup/setup.sh");
        assert!(setup.contains(&format!("\nLIGHTGBM_VERSION={LIGHTGBM_VERSION}\n")));
    }
}
