//! Where snapshots are kept, as the setting `snapshot.location` says.

use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// Folder of the snapshots beside the log where no location is set.
const DEFAULT_FOLDER: &str = "snapshots";

/// Where snapshots are kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// Nowhere: none are made or read.
    Off,
    /// A local folder.
    Folder {
        /// Its path.
        path: PathBuf,
        /// It lies beside the log and belongs to it: what it holds of other logs is of nobody's use.
        beside_log: bool,
    },
    /// An object store.
    Store(Url),
}

impl Location {
    /// Reads the setting: empty for a folder beside the log, `off`, a folder, or a `file://` or `s3://` URL.
    ///
    /// # Errors
    /// A sentence naming the setting, where it is none of these or this build cannot reach such a store.
    pub fn parse(text: &str, log_folder: &Path) -> Result<Location, String> {
        match text {
            "" => Ok(Location::Folder { path: log_folder.join(DEFAULT_FOLDER), beside_log: true }),
            "off" => Ok(Location::Off),
            _ if text.contains("://") => Self::parse_url(text),
            _ => Ok(Location::Folder { path: PathBuf::from(text), beside_log: false }),
        }
    }

    fn parse_url(text: &str) -> Result<Location, String> {
        let url = Url::parse(text).map_err(|error| format!("snapshot.location: {text} is not a URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "snapshot.location: leave credentials out of the URL; they are read from AWS_* in the environment"
                    .to_owned(),
            );
        }
        match (url.scheme(), url.host_str()) {
            ("file", None) if url.to_file_path().is_ok() => Ok(Location::Store(url)),
            ("file", _) => Err(format!(
                "snapshot.location: {text} must name a local folder, as file:///var/lib/fraudnet/snapshots"
            )),
            ("s3" | "s3a", Some(_)) if cfg!(feature = "s3") => Ok(Location::Store(url)),
            ("s3" | "s3a", Some(_)) => Err(format!(
                "snapshot.location: {text} needs a build with S3: cargo build --release -p fraudnet-scoring --features s3"
            )),
            ("s3" | "s3a", None) => Err(format!("snapshot.location: {text} must name a bucket, as s3://bucket/folder")),
            (scheme, _) => Err(format!(
                "snapshot.location: {scheme}:// is not known; give a folder, file:///folder or s3://bucket/folder"
            )),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Off => out.write_str("off"),
            Location::Folder { path, .. } => write!(out, "{}", path.display()),
            Location::Store(url) => write!(out, "{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_read_or_refused_with_its_name() {
        let parse = |text: &str| Location::parse(text, Path::new("/data"));
        assert_eq!(parse(""), Ok(Location::Folder { path: "/data/snapshots".into(), beside_log: true }));
        assert_eq!(parse("off"), Ok(Location::Off));
        assert_eq!(parse("kept/here"), Ok(Location::Folder { path: "kept/here".into(), beside_log: false }));
        assert_eq!(parse("file:///kept").unwrap().to_string(), "file:///kept");
        for bad in ["file://host/kept", "ftp://host/kept", "s3:///kept", "s3://key:secret@bucket/kept", "://"] {
            assert!(parse(bad).unwrap_err().starts_with("snapshot.location: "), "{bad}");
        }
        assert_eq!(parse("s3://bucket/kept").is_ok(), cfg!(feature = "s3"));
    }
}
