//! The head of the tree: what is signed, written to the log and shown to a witness. Whoever holds one can tell whether the entries it
//! covers are still those that were there when it was signed.
//!
//! What is signed is text, one field a line, so that it can be made again with `printf` and checked with any ed25519 tool:
//!
//! ```text
//! fraudnet tree head v1
//! log 0123456789abcdef
//! size 42
//! root 5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
//! at_ms 1700000000000
//! ```
//!
//! Every line ends with a newline, the last one too. The first line keeps such a text from passing for anything else that the same keys
//! sign: a manifest begins with `{`, a control request with a method in upper case.

use super::proof::{ConsistencyProof, ProofError};
use super::tree::{Hash, Tree};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// First line of what is signed.
const DOMAIN: &str = "fraudnet tree head v1";
/// Most bytes of a log's id.
const LOG_ID_BYTES: usize = 64;

/// The tree of a log at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Which log: 1 to 64 letters, digits, `.`, `_` or `-`.
    pub log_id: String,
    /// Leaves of the tree.
    pub tree_size: u64,
    /// Its root, 64 hex digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub root: Hash,
    /// When it was signed, milliseconds since 1970. A statement of the signer, by its own clock; nothing is checked by it.
    pub at_ms: i64,
}

/// A head with the signature of whoever vouches for it. Until [`SignedHead::verify`] it is what somebody says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// The head.
    pub head: TreeHead,
    /// Name of the key that signed.
    pub signer: String,
    /// Its signature over [`TreeHead::signed_bytes`], in the form that the signer gave it.
    pub signature: String,
}

/// What a head fails to vouch for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The name of the log is not one.
    #[error("{0:?} cannot name a log; give it 1 to {LOG_ID_BYTES} letters, digits, `.`, `_` or `-`")]
    LogId(String),
    /// The signature does not hold.
    #[error("nobody vouches for the head at {tree_size} entries: {reason}")]
    Signature {
        /// Leaves it speaks of.
        tree_size: u64,
        /// What the check of the signature said.
        reason: String,
    },
    /// The heads are of different logs.
    #[error("the heads are of different logs, `{earlier}` and `{later}`; compare heads of one log")]
    OtherLog {
        /// Log of the earlier head.
        earlier: String,
        /// Log of the later one.
        later: String,
    },
    /// The log holds fewer entries than were signed.
    #[error(
        "{signed} entries were signed and the log has {found}; entries were removed, so restore it from a copy that has them"
    )]
    Truncated {
        /// Entries that were signed.
        signed: u64,
        /// Entries that are there.
        found: u64,
    },
    /// More entries were folded than the head speaks of.
    #[error("the head is of {signed} entries and {found} were held against it; hold the first {signed} against it")]
    TooMany {
        /// Entries that were signed.
        signed: u64,
        /// Entries that were held against them.
        found: u64,
    },
    /// The entries are not those that were signed.
    #[error(
        "the first {tree_size} entries are not those that were signed: their root is {found} and {signed} was signed; an entry was \
         edited, deleted, inserted or moved"
    )]
    OtherEntries {
        /// Entries that were signed.
        tree_size: u64,
        /// Root of what is there.
        found: Hash,
        /// Root that was signed.
        signed: Hash,
    },
    /// One head did not grow out of the other.
    #[error("the head at {later} entries is not shown to have grown out of the one at {earlier}: {reason}")]
    NotGrown {
        /// Leaves of the earlier head.
        earlier: u64,
        /// Leaves of the later one.
        later: u64,
        /// What the proof fails to show.
        reason: ProofError,
    },
}

impl TreeHead {
    /// The bytes that are signed; the top of this page shows them.
    ///
    /// # Errors
    /// [`HeadError::LogId`].
    pub fn signed_bytes(&self) -> Result<Vec<u8>, HeadError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        // A log id with a newline in it could say more than one line.
        if self.log_id.is_empty() || self.log_id.len() > LOG_ID_BYTES || !self.log_id.bytes().all(plain) {
            return Err(HeadError::LogId(self.log_id.chars().take(LOG_ID_BYTES).collect()));
        }
        let TreeHead { log_id, tree_size, root, at_ms } = self;
        Ok(format!("{DOMAIN}\nlog {log_id}\nsize {tree_size}\nroot {root}\nat_ms {at_ms}\n").into_bytes())
    }

    /// The tree it speaks of.
    pub fn tree(&self) -> Tree {
        Tree { size: self.tree_size, root: self.root }
    }

    /// Checks the tree that was folded from a log's first `tree_size` entries, or from all of them where there are fewer.
    ///
    /// # Errors
    /// Where entries are missing, or are not those that were signed.
    pub fn covers(&self, folded: &Tree) -> Result<(), HeadError> {
        let (signed, found) = (self.tree_size, folded.size);
        if found < signed {
            return Err(HeadError::Truncated { signed, found });
        }
        if found > signed {
            return Err(HeadError::TooMany { signed, found });
        }
        if folded.root != self.root {
            return Err(HeadError::OtherEntries { tree_size: signed, found: folded.root, signed: self.root });
        }
        Ok(())
    }

    /// Checks that this head is of the same log as an earlier one and that nothing that one covers was changed since: what a witness asks
    /// before it takes the place of the last one that it saw. Times are not compared, for a clock may be set back.
    ///
    /// # Errors
    /// Where the logs differ, entries are missing, or the proof does not hold.
    pub fn extends(&self, earlier: &TreeHead, proof: &ConsistencyProof) -> Result<(), HeadError> {
        if self.log_id != earlier.log_id {
            return Err(HeadError::OtherLog { earlier: earlier.log_id.clone(), later: self.log_id.clone() });
        }
        if self.tree_size < earlier.tree_size {
            return Err(HeadError::Truncated { signed: earlier.tree_size, found: self.tree_size });
        }
        proof.verify(&earlier.tree(), &self.tree()).map_err(|reason| HeadError::NotGrown {
            earlier: earlier.tree_size,
            later: self.tree_size,
            reason,
        })
    }
}

impl SignedHead {
    /// Signs a head with the key of that name: `sign` makes a signature's text over a message.
    ///
    /// # Errors
    /// [`HeadError::LogId`].
    pub fn new(head: TreeHead, signer: &str, sign: impl FnOnce(&[u8]) -> String) -> Result<SignedHead, HeadError> {
        let signature = sign(&head.signed_bytes()?);
        Ok(SignedHead { head, signer: signer.to_owned(), signature })
    }

    /// The head, once `verify`, given the signer's name, the message and the signature, says that the signature holds.
    ///
    /// # Errors
    /// Where it does not, or the head has no signed form.
    pub fn verify<E: Display>(
        &self,
        verify: impl FnOnce(&str, &[u8], &str) -> Result<(), E>,
    ) -> Result<&TreeHead, HeadError> {
        let message = self.head.signed_bytes()?;
        match verify(&self.signer, &message, &self.signature) {
            Ok(()) => Ok(&self.head),
            Err(error) => Err(HeadError::Signature { tree_size: self.head.tree_size, reason: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, entries, leaves, reference, tamper};
    use super::super::tree::{Frontier, leaf_hash};
    use super::*;

    fn head(leaves: &[Hash]) -> TreeHead {
        TreeHead {
            log_id: "0123456789abcdef".to_owned(),
            tree_size: leaves.len() as u64,
            root: reference::root(leaves),
            at_ms: 1_700_000_000_000,
        }
    }

    /// Stands for a signature: what the key's owner alone can make.
    fn seal(signer: &str, message: &[u8]) -> String {
        leaf_hash(&[b"the secret of ", signer.as_bytes(), b": ", message].concat()).to_string()
    }

    fn check(signer: &str, message: &[u8], signature: &str) -> Result<(), &'static str> {
        let known = ["log-1", "log-2"].contains(&signer);
        if known && seal(signer, message) == signature { Ok(()) } else { Err("the signature does not hold") }
    }

    fn signed(head: TreeHead) -> SignedHead {
        SignedHead::new(head, "log-1", |message| seal("log-1", message)).unwrap()
    }

    #[test]
    fn what_is_signed_is_text() {
        let head = TreeHead { at_ms: -5, ..head(&leaves(3)) };
        let expected = format!(
            "fraudnet tree head v1\nlog 0123456789abcdef\nsize 3\nroot {}\nat_ms -5\n",
            reference::root(&leaves(3))
        );
        assert_eq!(String::from_utf8(head.signed_bytes().unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_log_id_is_one_plain_word() {
        for log_id in ["", "a b", "a\nsize 9", "é", "a\0", &"a".repeat(65), &"é".repeat(4_000)] {
            let head = TreeHead { log_id: log_id.to_owned(), ..head(&[]) };
            assert!(matches!(head.signed_bytes(), Err(HeadError::LogId(name)) if name.len() <= 128), "{log_id:?}");
            let signed = SignedHead { head, signer: "log-1".to_owned(), signature: String::new() };
            assert!(matches!(signed.verify(|_, _, _| Ok::<_, String>(())), Err(HeadError::LogId(_))), "{log_id:?}");
        }
        assert!(TreeHead { log_id: "a".repeat(64), ..head(&[]) }.signed_bytes().is_ok());
    }

    #[test]
    fn a_signed_head_is_read_back_and_holds() {
        let signed = signed(head(&leaves(3)));
        let json = serde_json::to_string(&signed).unwrap();
        let read: SignedHead = serde_json::from_str(&json).unwrap();
        assert_eq!((&read, read.verify(check)), (&signed, Ok(&signed.head)));
        let other = SignedHead { signer: "log-2".to_owned(), ..signed.clone() };
        let error = other.verify(check).unwrap_err();
        assert_eq!(error.to_string(), "nobody vouches for the head at 3 entries: the signature does not hold");
    }

    #[test]
    fn no_bit_of_a_signed_head_can_be_changed() {
        let json = serde_json::to_vec(&signed(head(&leaves(3)))).unwrap();
        for bit in 0..json.len() * 8 {
            let mut changed = json.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let holds = serde_json::from_slice::<SignedHead>(&changed).is_ok_and(|signed| signed.verify(check).is_ok());
            assert!(!holds, "{}", String::from_utf8_lossy(&changed));
        }
    }

    /// What the offline check does: fold as far as the head goes, and compare.
    fn audit(entries: &[Vec<u8>], head: &TreeHead) -> Result<(), HeadError> {
        let mut frontier = Frontier::new();
        entries.iter().take(head.tree_size as usize).for_each(|entry| frontier.push(leaf_hash(entry)));
        head.covers(&frontier.tree())
    }

    #[test]
    fn every_tampering_is_found_with_one_head() {
        for seed in 0..1_000 {
            let mut random = Random(seed);
            let signed = entries(&mut random);
            let leaves: Vec<Hash> = signed.iter().map(|entry| leaf_hash(entry)).collect();
            let head = head(&leaves);
            // The log went on since; what came after the head is not its business.
            let mut now = signed.clone();
            now.extend(entries(&mut random).into_iter().take(random.below(4)));
            assert_eq!(audit(&now, &head), Ok(()));
            let mut tampered = signed;
            let what = tamper(&mut tampered, &mut random);
            let (signed, found) = (head.tree_size, tampered.len() as u64);
            match audit(&tampered, &head) {
                Err(HeadError::Truncated { .. }) => assert!(found < signed, "seed {seed}: {what}"),
                Err(HeadError::OtherEntries { .. }) => assert!(found >= signed, "seed {seed}: {what}"),
                other => panic!("seed {seed}: {what} gives {other:?}"),
            }
            // Filling up to the old length hides nothing.
            while (tampered.len() as u64) < head.tree_size {
                tampered.push(random.next().to_le_bytes().to_vec());
            }
            assert!(matches!(audit(&tampered, &head), Err(HeadError::OtherEntries { .. })), "seed {seed}: {what}");
        }
    }

    #[test]
    fn a_head_covers_so_many_entries_and_not_more() {
        let all = leaves(4);
        let tree = head(&all).tree();
        assert_eq!(head(&all[..3]).covers(&tree), Err(HeadError::TooMany { signed: 3, found: 4 }));
    }

    #[test]
    fn a_later_head_grew_out_of_an_earlier_one_or_is_refused() {
        let all = leaves(9);
        let proof = |first: usize, second: usize| ConsistencyProof {
            first: first as u64,
            second: second as u64,
            path: reference::consistency(first, &all[..second]),
        };
        let (earlier, later) = (head(&all[..5]), head(&all));
        assert_eq!(later.extends(&earlier, &proof(5, 9)), Ok(()));
        assert_eq!(earlier.extends(&earlier, &proof(5, 5)), Ok(()));
        let back = ConsistencyProof { first: 9, second: 5, path: Vec::new() };
        assert_eq!(earlier.extends(&later, &back), Err(HeadError::Truncated { signed: 9, found: 5 }));
        assert!(matches!(later.extends(&earlier, &proof(4, 9)), Err(HeadError::NotGrown { .. })));
        let other = TreeHead { log_id: "other".to_owned(), ..later.clone() };
        assert!(matches!(other.extends(&earlier, &proof(5, 9)), Err(HeadError::OtherLog { .. })));
        // Two heads of one size with two roots: a log that shows itself differently to different people.
        let mut forked = all[..5].to_vec();
        forked.swap(0, 1);
        let forked = head(&forked);
        assert!(matches!(forked.extends(&earlier, &proof(5, 5)), Err(HeadError::NotGrown { .. })));
        assert!(matches!(later.extends(&forked, &proof(5, 9)), Err(HeadError::NotGrown { .. })));
    }
}
