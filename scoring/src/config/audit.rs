//! From typed to checked: the audit tree.

use super::check::Faults;
use super::raw::RawConfig;
use crate::provenance::AuditConfig;
use hyper::Uri;
use std::path::PathBuf;
use std::time::Duration;

impl RawConfig {
    pub(super) fn audit(&self, faults: &mut Faults) -> Option<AuditConfig> {
        let audit = &self.audit;
        let named = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        let head_entries = faults.within("audit.head_entries", audit.head_entries, 1..=1_000_000_000);
        let head_seconds = faults.within("audit.head_seconds", audit.head_seconds, 1..=86_400);
        let witness_url = match audit.witness_url.as_str() {
            "" => None,
            address => {
                let uri = address.parse::<Uri>().ok();
                let uri = uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
                if uri.is_none() {
                    let reason =
                        "must be an address such as http://host:9000/heads; for https put a forwarder before it";
                    faults.add("audit.witness_url", reason);
                }
                uri
            }
        };
        let config = AuditConfig {
            key: named(&audit.key),
            head_entries,
            head_every: Duration::from_secs(head_seconds),
            witness_file: named(&audit.witness_file),
            witness_url,
        };
        audit.enabled.then_some(config)
    }
}
