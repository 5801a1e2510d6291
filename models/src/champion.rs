//! Which version of a model family scores: the one that the family's `champion` file names.
//!
//! ```text
//! models/hybrid/champion         2026.11.22-1
//!               2026.11.22-1/    a version
//! ```

use crate::ArtifactError;
use crate::artifact::MANIFEST_FILE;
use std::path::{Path, PathBuf};

/// File in a family's folder that holds the version which scores.
pub const CHAMPION_FILE: &str = "champion";

/// The version folder meant by `folder`: itself where it holds a manifest, else the version that its champion file names.
///
/// # Errors
/// [`ArtifactError::NoChampion`] where there is neither, or where the file holds no plain version name.
pub fn resolve_version(folder: &Path) -> Result<PathBuf, ArtifactError> {
    if folder.join(MANIFEST_FILE).exists() {
        return Ok(folder.to_path_buf());
    }
    let refused = || ArtifactError::NoChampion { folder: folder.display().to_string() };
    let version = std::fs::read_to_string(folder.join(CHAMPION_FILE)).map_err(|_| refused())?;
    let version = version.trim();
    let plain = !version.is_empty()
        && !version.starts_with('.')
        && version.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    if plain { Ok(folder.join(version)) } else { Err(refused()) }
}

/// Makes `version` the champion of the family in `folder`; whoever starts next scores with it.
///
/// # Errors
/// [`ArtifactError::Io`] where the file cannot be replaced.
pub fn name_champion(folder: &Path, version: &str) -> Result<(), ArtifactError> {
    let file = folder.join(CHAMPION_FILE);
    let staged = folder.join(".champion.part");
    std::fs::write(&staged, format!("{version}\n"))
        .and_then(|()| std::fs::rename(&staged, &file))
        .map_err(|source| ArtifactError::Io { file: file.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_means_its_champion_and_a_version_itself() {
        let family = std::env::temp_dir().join(format!("fraudnet-champion-{}", std::process::id()));
        let version = family.join("1.0");
        std::fs::create_dir_all(&version).unwrap();
        assert!(matches!(resolve_version(&family), Err(ArtifactError::NoChampion { .. })));
        name_champion(&family, "1.0").unwrap();
        assert_eq!(resolve_version(&family).unwrap(), version);
        std::fs::write(version.join(MANIFEST_FILE), "{}").unwrap();
        assert_eq!(resolve_version(&version).unwrap(), version);
        for outside in ["../elsewhere", "", ".hidden", "a/b"] {
            name_champion(&family, outside).unwrap();
            assert!(matches!(resolve_version(&family), Err(ArtifactError::NoChampion { .. })), "{outside}");
        }
        std::fs::remove_dir_all(&family).unwrap();
    }
}
