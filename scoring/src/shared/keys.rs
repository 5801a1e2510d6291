//! Every key there is.
//!
//! | key | value |
//! |---|---|
//! | `<prefix>tx:{<tenant>/<id>}` | body hash the id is claimed for, 64 hex digits; ends after ten minutes unless it is decided |
//! | `<prefix>verdict:{<tenant>/<id>}` | the verdict as it was replied |
//! | `<prefix>filled:{<journal>}` | journal position below which every verdict is here; missing or lower than it was: Redis forgot |
//! | `<prefix>tx:{probe-N}` and so on | written to learn whether writing works; end after a minute |
//!
//! Braces are Redis Cluster's hash tags: both keys of an id share a slot. A real id holds a slash, so that a probe is never one.

use super::SharedConfig;

/// Probes of a single server: one of each kind of key, since permissions go by key.
const SINGLE_PROBES: usize = 3;
/// Probes of a cluster: enough to meet every one of a few shards.
const CLUSTER_PROBES: usize = 18;

/// Makes keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    probes: usize,
}

impl Keys {
    pub(super) fn new(config: &SharedConfig) -> Keys {
        let probes = if config.cluster { CLUSTER_PROBES } else { SINGLE_PROBES };
        Keys { prefix: config.key_prefix.clone(), probes }
    }

    /// The claim of an id.
    pub(super) fn claim(&self, tenant: &str, id: &str) -> String {
        format!("{}tx:{{{tenant}/{id}}}", self.prefix)
    }

    /// The verdict on an id.
    pub(super) fn verdict(&self, tenant: &str, id: &str) -> String {
        format!("{}verdict:{{{tenant}/{id}}}", self.prefix)
    }

    /// How far a journal has been written.
    pub(super) fn filled(&self, journal: [u8; 8]) -> String {
        format!("{}filled:{{{}}}", self.prefix, hex(&journal))
    }

    /// Keys to try writing with.
    pub(super) fn probes(&self) -> impl Iterator<Item = String> {
        (0..self.probes).map(|number| {
            let kind = ["tx", "verdict", "filled"][number % 3];
            format!("{}{kind}:{{probe-{number}}}", self.prefix)
        })
    }
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
