//! Checked settings.

use super::header::VaultId;
use super::open::VaultSettings;
use std::path::PathBuf;

/// Checked settings of pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyConfig {
    /// Folder of the vault's file.
    pub folder: PathBuf,
    /// File of its master key.
    pub master_key: PathBuf,
    /// Most identifiers it may hold.
    pub max_people: usize,
}

impl PrivacyConfig {
    /// For opening the vault that the log names; none where it names none yet.
    pub fn vault(&self, expected: Option<VaultId>) -> VaultSettings {
        let PrivacyConfig { folder, master_key, max_people } = self.clone();
        VaultSettings { folder, master_key, expected, max_people }
    }
}
