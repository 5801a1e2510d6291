//! How a model version is named everywhere outside its own folder: `hybrid/2026.11.22-2`.

use crate::Manifest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest model name, version or key name.
const NAME_LIMIT: usize = 64;

/// A model version: its family's name and its version, both plain names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    /// Name of the family, e.g. `hybrid`.
    pub name: String,
    /// Version, e.g. `2026.11.22-2`.
    pub version: String,
}

/// Why a text names no model version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no model version; write NAME/VERSION, each of 1 to 64 letters, digits, `.`, `_` or `-`, e.g. hybrid/2026.11.22-2"
)]
pub struct ModelRefError(pub String);

impl ModelRef {
    /// The version of that name; refused where either is no plain name, so that it always stays inside a registry's folder.
    ///
    /// # Errors
    /// [`ModelRefError`].
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Result<ModelRef, ModelRefError> {
        let model = ModelRef { name: name.into(), version: version.into() };
        if is_plain(&model.name) && is_plain(&model.version) {
            Ok(model)
        } else {
            Err(ModelRefError(model.to_string()))
        }
    }
}

impl From<&Manifest> for ModelRef {
    fn from(manifest: &Manifest) -> ModelRef {
        ModelRef { name: manifest.name.clone(), version: manifest.version.clone() }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<ModelRef, ModelRefError> {
        let (name, version) = text.split_once('/').ok_or_else(|| ModelRefError(text.to_owned()))?;
        ModelRef::new(name, version).map_err(|_| ModelRefError(text.to_owned()))
    }
}

impl TryFrom<String> for ModelRef {
    type Error = ModelRefError;

    fn try_from(text: String) -> Result<ModelRef, ModelRefError> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> String {
        model.to_string()
    }
}

/// Whether a name can stand in paths, metrics and URLs: 1 to 64 letters, digits, `.`, `_`, `-`, no leading dot.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= NAME_LIMIT && !name.starts_with('.') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_its_text() {
        let model: ModelRef = "hybrid/2026.11.22-2".parse().unwrap();
        assert_eq!(model, ModelRef::new("hybrid", "2026.11.22-2").unwrap());
        assert_eq!(serde_json::to_string(&model).unwrap(), "\"hybrid/2026.11.22-2\"");
        assert_eq!(serde_json::from_str::<ModelRef>("\"hybrid/2026.11.22-2\"").unwrap(), model);
        assert_eq!(model.to_string(), "hybrid/2026.11.22-2");
    }

    #[test]
    fn what_could_leave_the_folder_is_refused() {
        let long = format!("a/{}", "b".repeat(65));
        for text in ["", "hybrid", "hybrid/", "/1", "../1", "a/..", "a/b/c", "a/.b", "a b/1", "ä/1", "a/\n", &long] {
            let error = text.parse::<ModelRef>().unwrap_err();
            assert!(error.to_string().contains("names no model version"), "{text}: {error}");
            assert!(serde_json::from_value::<ModelRef>(text.into()).is_err());
        }
    }
}
