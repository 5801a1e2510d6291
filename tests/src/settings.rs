//! A configuration file in the making.

use crate::folder::{Folder, newest_model};
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};

/// Keys and their TOML values, as `section.key`.
#[derive(Debug, Clone)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// A free port, a log in that folder, the released model on the processor, JSON log lines, a caller's patience of a minute, so that a
    /// busy machine does not turn into missed deadlines, and every role but the admin's without asking, as often as anybody likes. Everything
    /// else as by default.
    pub fn new(folder: &Folder) -> Settings {
        Settings::at(folder.path())
    }

    /// The same in any folder.
    pub fn at(folder: &Path) -> Settings {
        Settings(BTreeMap::new())
            .text("server.listen", "127.0.0.1:0")
            .text("log.folder", &folder.join("data").to_string_lossy())
            .text("model.folder", &newest_model().to_string_lossy())
            .text("telemetry.log_format", "json")
            .set("inference.providers", r#"["cpu"]"#)
            .set("deadline.default_ms", 60_000)
            .set("access.anonymous", r#"["scorer", "lead", "data-scientist", "auditor"]"#)
            .set("access.score_per_second", 0)
            .set("access.read_per_second", 0)
            .set("access.change_per_second", 0)
            .set("access.sign_in_per_second", 0)
    }

    /// Sets a key to a value that is written as TOML writes it: numbers, `true`, lists.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Display) -> Settings {
        self.0.insert(key.to_owned(), value.to_string());
        self
    }

    /// Sets a key to text.
    #[must_use]
    pub fn text(self, key: &str, value: &str) -> Settings {
        self.set(key, format!("'{value}'"))
    }

    /// Writes the file into a folder.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let mut text = String::new();
        for (key, value) in &self.0 {
            // Dotted keys: TOML's own short form of a section with one key.
            writeln!(text, "{key} = {value}").expect("text can always be added to");
        }
        let path = folder.join("config.toml");
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }
}
