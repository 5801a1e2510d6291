//! Names of snapshot files: position, time and log stand in them, so that a listing alone tells which is newest and whose it is.

use std::fmt;

/// What the name of a snapshot file says: `snapshot-<position>-<taken at, ms>-<log, hex>.arrow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// First log position that is not folded in.
    pub position: u64,
    /// When it was made, UTC milliseconds since the epoch.
    pub taken_at_ms: i64,
    /// Identity of the log.
    pub journal: [u8; 8],
}

impl SnapshotName {
    /// Reads a file name; none where it is not a snapshot's.
    pub fn parse(file: &str) -> Option<SnapshotName> {
        let mut parts = file.strip_prefix("snapshot-")?.strip_suffix(".arrow")?.split('-');
        let position = parts.next()?.parse().ok()?;
        let taken_at_ms = parts.next()?.parse().ok()?;
        let journal = parse_journal(parts.next()?)?;
        let name = SnapshotName { position, taken_at_ms, journal };
        // One way to write it: `+1`, capitals or fewer digits are somebody else's file.
        (name.to_string() == file).then_some(name)
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "snapshot-{:020}-{:013}-{}.arrow", self.position, self.taken_at_ms.max(0), hex(&self.journal))
    }
}

/// Bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_journal(text: &str) -> Option<[u8; 8]> {
    (text.len() == 16 && text.is_ascii()).then(|| u64::from_str_radix(text, 16).ok().map(u64::to_be_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written_and_sort_by_position() {
        let name = SnapshotName { position: 42, taken_at_ms: 1_764_000_000_123, journal: *b"\x00\x01abcdef" };
        assert_eq!(name.to_string(), "snapshot-00000000000000000042-1764000000123-0001616263646566.arrow");
        assert_eq!(SnapshotName::parse(&name.to_string()), Some(name));
        for other in [
            "snapshot-42-1764000000123-0001616263646566.arrow",
            "snapshot-00000000000000000042-1764000000123-0001616263646566.arrow.tmp",
            "snapshot-00000000000000000042-1764000000123-000161626364656F.arrow",
            "snapshot-00000000000000000042-1764000000123.arrow",
            "log.redb",
        ] {
            assert_eq!(SnapshotName::parse(other), None, "{other}");
        }
        let later = SnapshotName { position: 43, taken_at_ms: 0, ..name };
        assert!(later > name && later.to_string() > name.to_string());
    }
}
