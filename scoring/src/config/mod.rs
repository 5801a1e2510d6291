//! Configuration in two steps: as typed ([`RawConfig`], unknown keys refused), then checked ([`Config`], one small struct for each part).
//!
//! Values come from, later ones winning: the defaults, a TOML file, environment variables `FRAUDNET_SECTION__KEY` (two underscores
//! between section and key, e.g. `FRAUDNET_SERVER__LISTEN=127.0.0.1:9000`).

mod audit;
mod check;
mod cluster;
mod control;
mod drift;
mod experiments;
mod ladder;
mod privacy;
mod raw;
mod reviews;
#[cfg(test)]
mod tests;

pub use check::{Config, LogFormat, ServerConfig, TelemetryConfig};
pub use raw::{
    AuditSection, ControlSection, DeadlineSection, DriftSection, EngineSection, ExperimentsSection, GraphSection,
    InferenceSection, InputSection, KafkaSection, LadderSection, LogSection, ModelSection, PrivacySection, RawConfig,
    RedisSection, ReviewsSection, ServerSection, SnapshotSection, TelemetrySection, TrainingSection,
};

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use std::fmt;
use std::path::{Path, PathBuf};

/// Prefix of environment variables that set keys.
const PREFIX: &str = "FRAUDNET_";

/// A key that holds what it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFault {
    /// The key with its section, e.g. `graph.max_edges`.
    pub key: &'static str,
    /// What is allowed.
    pub reason: String,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.key, self.reason)
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("the configuration file `{}` cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{0}")]
    Mistyped(String),
    /// Values out of bounds; all of them.
    #[error("the configuration cannot be accepted: {}", list(.0))]
    Invalid(Vec<KeyFault>),
}

fn list(faults: &[KeyFault]) -> String {
    faults.iter().map(KeyFault::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads defaults, the file if one is named, and the environment.
///
/// # Errors
/// See [`ConfigError`]; the first unknown or mistyped key is named with its origin.
pub fn read(file: Option<&Path>) -> Result<RawConfig, ConfigError> {
    read_with(file, Env::prefixed(PREFIX))
}

fn read_with(file: Option<&Path>, environment: Env) -> Result<RawConfig, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(RawConfig::default()));
    if let Some(path) = file {
        // Asked for by name: a file that is missing is a mistake, not an empty one.
        std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_path_buf(), reason: error.to_string() })?;
        figment = figment.merge(Toml::file_exact(path));
    }
    // Other variables of ours (FRAUDNET_ONNXRUNTIME, FRAUDNET_CONFIG) have no section and are no keys.
    let keys = environment.filter(|key| key.as_str().contains("__")).split("__");
    figment.merge(keys).extract().map_err(|error| explain(&error, file))
}

fn explain(error: &figment::Error, file: Option<&Path>) -> ConfigError {
    let origin = match (&error.metadata, file) {
        (Some(metadata), _) if metadata.name.contains("environment") => {
            " in the environment (FRAUDNET_SECTION__KEY)".to_owned()
        }
        (_, Some(path)) => format!(" in `{}`", path.display()),
        (_, None) => String::new(),
    };
    let mut path = error.path.clone();
    let text = match &error.kind {
        Kind::UnknownField(field, known) => {
            if path.last() != Some(field) {
                path.push(field.clone());
            }
            let what = if path.len() > 1 { "keys of this section" } else { "sections" };
            format!("unknown key `{}`{origin}; the {what} are {}", path.join("."), known.join(", "))
        }
        Kind::InvalidType(actual, expected) => {
            format!("`{}`{origin} is {actual}, but must be {expected}", path.join("."))
        }
        Kind::UnknownVariant(_, known) => format!("`{}`{origin} must be one of {}", path.join("."), known.join(", ")),
        Kind::Message(message) if path.is_empty() => format!("the configuration{origin} is not TOML: {message}"),
        kind => format!("`{}`{origin} cannot be accepted: {kind}", path.join(".")),
    };
    ConfigError::Mistyped(text.trim_end().to_owned())
}

/// Reads and checks.
///
/// # Errors
/// See [`ConfigError`].
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    read(file)?.check()
}
