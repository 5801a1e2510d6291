//! From typed to checked: pseudonyms.

use super::check::Faults;
use super::raw::RawConfig;
use crate::privacy::PrivacyConfig;
use std::path::{Path, PathBuf};

/// What the folder of the vault is called beside the log's, where nothing is said.
const BESIDE: &str = "-privacy";

impl RawConfig {
    pub(super) fn privacy(&self, faults: &mut Faults) -> Option<PrivacyConfig> {
        let privacy = &self.privacy;
        let max_people = faults.within("privacy.max_people", privacy.max_people, 1..=1_000_000_000);
        if !privacy.pseudonyms {
            return None;
        }
        if self.log.transport == "kafka" {
            let reason = "needs log.transport = \"embedded\": in a cluster the topics hold identifiers as producers write them; have \
                          producers send pseudonyms of their own, or leave it out";
            faults.add("privacy.pseudonyms", reason);
        }
        let log = Path::new(&self.log.folder);
        let folder = match privacy.folder.as_str() {
            "" => beside(log).unwrap_or_else(|| {
                faults.add("privacy.folder", "must name a folder where log.folder does not end in a name");
                PathBuf::new()
            }),
            named => PathBuf::from(named),
        };
        if folder.starts_with(log) && !self.log.folder.is_empty() {
            faults.add("privacy.folder", "must not lie in log.folder: every copy of the log would hold the vault too");
        }
        let master_key = PathBuf::from(&privacy.master_key);
        if privacy.master_key.is_empty() {
            let reason = "must name a file, best on another disk than the vault; it is made at the first start";
            faults.add("privacy.master_key", reason);
        } else if master_key.starts_with(&folder) || master_key.starts_with(log) {
            let reason =
                "must lie neither in privacy.folder nor in log.folder: a copy of them would hold the vault and its key";
            faults.add("privacy.master_key", reason);
        }
        Some(PrivacyConfig { folder, master_key, max_people })
    }
}

fn beside(log: &Path) -> Option<PathBuf> {
    let mut name = log.file_name()?.to_owned();
    name.push(BESIDE);
    Some(log.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut RawConfig)) -> Result<Option<PrivacyConfig>, String> {
        let mut config = RawConfig::default();
        config.privacy.pseudonyms = true;
        config.privacy.master_key = "keys/master".into();
        change(&mut config);
        config.check().map(|config| config.service.privacy).map_err(|error| error.to_string())
    }

    #[test]
    fn the_vault_lies_beside_the_log_and_its_key_elsewhere() {
        assert_eq!(with(|config| config.privacy.pseudonyms = false), Ok(None));
        let found = with(|config| config.log.folder = "/var/lib/fraudnet/data".into()).unwrap().unwrap();
        assert_eq!(found.folder, Path::new("/var/lib/fraudnet/data-privacy"));
        let named = with(|config| config.privacy.folder = "vaults/one".into()).unwrap().unwrap();
        assert_eq!((named.folder.as_path(), named.max_people), (Path::new("vaults/one"), 20_000_000));
    }

    #[test]
    fn what_would_not_keep_the_promise_is_refused() {
        type Change = fn(&mut RawConfig);
        let cases: [(Change, &str); 6] = [
            (|config| config.log.transport = "kafka".into(), "in a cluster the topics hold identifiers"),
            (|config| config.privacy.folder = "data/vault".into(), "must not lie in log.folder"),
            (|config| config.privacy.master_key = String::new(), "privacy.master_key must name a file"),
            (|config| config.privacy.master_key = "data/key".into(), "neither in privacy.folder nor"),
            (|config| config.privacy.master_key = "data-privacy/key".into(), "neither in privacy.folder nor"),
            (|config| config.log.folder = "/".into(), "privacy.folder must name a folder"),
        ];
        for (change, told) in cases {
            let error = with(change).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
