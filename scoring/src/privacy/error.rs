//! What can go wrong, by audience: callers of an open vault, and operators who open one. No message holds an identifier or a key.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why an open vault did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// An identifier that cannot be one.
    #[error("the {kind} {reason}")]
    Invalid {
        /// Which identifier.
        kind: &'static str,
        /// What is allowed.
        reason: Cow<'static, str>,
    },
    /// An identifier that is a pseudonym by its form.
    #[error(
        "the {kind} has the form of a pseudonym of this service (p_ and 26 letters and digits); send the identifier that it stands for"
    )]
    LooksLikePseudonym {
        /// Which identifier.
        kind: &'static str,
    },
    /// More than one call may hold.
    #[error("at most {most} identifiers can be given at a time; send them in parts")]
    TooMany {
        /// What one call may hold.
        most: usize,
    },
    /// Too many callers wait for the disk.
    #[error("too many new people wait for the vault's disk; try again in a second")]
    Busy,
    /// The vault holds as many people as it may.
    #[error(
        "the vault holds {most} identifiers, which is all it may; raise privacy.max_people if there is memory for more"
    )]
    Full {
        /// What it may hold.
        most: usize,
    },
    /// The vault's file cannot be relied on any more; people known already are still told.
    #[error("the privacy vault takes no change any more: {0}; free or repair the disk and start the service again")]
    Stopped(Arc<str>),
    /// A record could not be read.
    #[error("the privacy vault cannot be read: {0}; look at its disk")]
    Unreadable(Arc<str>),
    /// Nothing was changed.
    #[error("the privacy vault was not changed: {0}; repair the cause and ask again")]
    NotChanged(Arc<str>),
}

/// Why a vault cannot be opened, made or given another key.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system did not let us.
    #[error("cannot {what} `{path}`: {source}; check the path, its permissions and the disk", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the vault in `{folder}` is in use by another process; stop that one first, or give this one a folder of its own", folder = .0.display())]
    InUse(PathBuf),
    /// The file is no vault.
    #[error("`{path}` is no vault; set privacy.folder to the folder that holds the vault", path = .0.display())]
    NoVault(PathBuf),
    /// A newer build wrote it.
    #[error("the vault `{path}` has layout {version}, which this build does not read; start the build that wrote it, or a newer one", path = path.display())]
    TooNew {
        /// The vault's file.
        path: PathBuf,
        /// Its layout.
        version: u32,
    },
    /// It is not what was written.
    #[error(
        "the vault `{path}` is damaged at byte {at}: {what}; put its newest backup back, with which only people first seen since then lose \
         their history; do not delete it, or everybody does",
        path = path.display()
    )]
    Damaged {
        /// The vault's file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The vault that the log speaks of is not there.
    #[error("there is no vault in `{path}`, but this service has one already; put it back from a backup: without it everybody would become a stranger", path = .0.display())]
    Missing(PathBuf),
    /// It is not the vault that the log speaks of.
    #[error("the vault in `{path}` is not the one that this service's log was written with; put that one back", path = .0.display())]
    OtherVault(PathBuf),
    /// There is a vault but no key.
    #[error("the key `{path}` of the vault is missing; put it back from where you keep its copy: another key opens nothing", path = .0.display())]
    KeyMissing(PathBuf),
    /// The file holds no key.
    #[error("`{path}` holds no key of 64 hexadecimal digits; put the vault's key there, or remove the file where there is no vault yet", path = .0.display())]
    NoKey(PathBuf),
    /// Others can read the key.
    #[error("the key `{path}` can be read by others or written by its group; take that away: chmod 600", path = .0.display())]
    KeyExposed(PathBuf),
    /// The key opens another vault.
    #[error("the key `{key}` is not the key of the vault `{vault}`; put the right one there: with this one everybody would be a stranger", key = key.display(), vault = vault.display())]
    WrongKey {
        /// The key's file.
        key: PathBuf,
        /// The vault's file.
        vault: PathBuf,
    },
    /// No randomness, no thread.
    #[error("the system gave no {what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Gives errors of the system the place they happened at.
pub(super) trait At<T> {
    /// The same with what was tried and where.
    fn at(self, what: &'static str, path: &std::path::Path) -> Result<T, OpenError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &std::path::Path) -> Result<T, OpenError> {
        self.map_err(|source| OpenError::Io { what, path: path.to_path_buf(), source })
    }
}
