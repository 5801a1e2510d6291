//! When a shared entity ties the accounts on it together, and which of them.
//!
//! **Rule.** An entity weighs what its accounts did wrong *over it*, divided by how many accounts share it in the window:
//! `weight = (accounts reported + ½ accounts held) / accounts`. A quarter ties those at risk to each other; a half ties everyone on it.
//!
//! Dividing by the number of those who share is Newman's weighting of collaborations (Physical Review E 64, 016132, 2001: a paper of n
//! authors ties each pair by 1/(n−1), so that one of a thousand authors ties nobody). Inverse frequency by logarithm (Adamic and Adar,
//! Social Networks 25, 2003) was rejected: a gateway of a thousand accounts still weighs a sixth of a device of three.
//! So an office, a carrier's gateway or a café never glues: it would take frauds of a quarter of all who pass through, over that very
//! address. What an account did elsewhere does not count: a victim's home address is not the ring's.
//!
//! A burst needs no report: five accounts that came to an entity while new, and are half of all on it. A household is at most four
//! in most countries' statistics; more new accounts at once on one device or address are seldom one.

/// At risk over an entity at least so many accounts, or it ties nobody.
const FEWEST_AT_RISK: u32 = 2;
/// New accounts that make a burst.
const BURST_ACCOUNTS: u32 = 5;
/// An account is new for so long.
pub(super) const NEW_FOR_S: u32 = 14 * 86_400;
/// More accounts than these on one entity: a hub, whatever it weighs. Bounds what one event may cost.
pub(super) const HUB_ACCOUNTS: u32 = 1_000;
/// Fewest accounts of a ring.
pub(super) const FEWEST_ACCOUNTS: usize = 3;

/// What is wrong with payments, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Risk {
    /// Nothing known.
    Nothing = 0,
    /// Held or declined, and nobody said since that it was legitimate; counts half.
    Held = 1,
    /// Reported as fraud.
    Reported = 2,
}

/// Whom a shared entity ties together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    /// Nobody.
    Nobody,
    /// The accounts that are at risk over it.
    AtRisk,
    /// All accounts on it.
    Everyone,
}

/// Accounts that share an entity in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sharing {
    /// All.
    pub(super) accounts: u32,
    /// Reported over it.
    pub(super) reported: u32,
    /// Held over it, not reported.
    pub(super) held: u32,
    /// That came to it while new.
    pub(super) new: u32,
}

impl Sharing {
    /// The rule.
    pub(super) fn tie(self) -> Tie {
        if self.accounts < 2 || self.accounts > HUB_ACCOUNTS {
            return Tie::Nobody;
        }
        if self.new >= BURST_ACCOUNTS && 2 * self.new >= self.accounts {
            return Tie::Everyone;
        }
        if self.reported + self.held < FEWEST_AT_RISK {
            return Tie::Nobody;
        }
        // Twice the weight times the accounts: whole numbers.
        match 2 * self.reported + self.held {
            risk if risk >= self.accounts => Tie::Everyone,
            risk if 2 * risk >= self.accounts => Tie::AtRisk,
            _ => Tie::Nobody,
        }
    }

    /// One account more or less at that risk.
    pub(super) fn count(&mut self, risk: Risk, more: bool) {
        let counter = match risk {
            Risk::Nothing => return,
            Risk::Held => &mut self.held,
            Risk::Reported => &mut self.reported,
        };
        *counter = if more { *counter + 1 } else { *counter - 1 };
    }
}

impl Tie {
    /// Whether an account at that risk over the entity is tied.
    pub(super) fn joins(self, risk: Risk) -> bool {
        match self {
            Tie::Nobody => false,
            Tie::AtRisk => risk > Risk::Nothing,
            Tie::Everyone => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        // Accounts, reported, held, new.
        let cases = [
            ([1, 1, 0, 0], Tie::Nobody),
            ([3, 1, 0, 0], Tie::Nobody),
            ([2, 2, 0, 0], Tie::Everyone),
            ([4, 2, 0, 0], Tie::Everyone),
            ([4, 1, 1, 0], Tie::AtRisk),
            ([5, 1, 1, 0], Tie::AtRisk),
            ([4, 0, 2, 0], Tie::AtRisk),
            ([5, 0, 2, 0], Tie::Nobody),
            ([8, 2, 0, 0], Tie::AtRisk),
            ([9, 2, 0, 0], Tie::Nobody),
            ([300, 20, 10, 40], Tie::Nobody),
            ([5, 0, 0, 5], Tie::Everyone),
            ([4, 0, 0, 4], Tie::Nobody),
            ([11, 0, 0, 5], Tie::Nobody),
            ([1_000, 500, 0, 0], Tie::Everyone),
            ([1_001, 1_001, 0, 0], Tie::Nobody),
        ];
        for ([accounts, reported, held, new], expected) in cases {
            let sharing = Sharing { accounts, reported, held, new };
            assert_eq!(sharing.tie(), expected, "{sharing:?}");
        }
        assert!(
            !Tie::AtRisk.joins(Risk::Nothing) && Tie::AtRisk.joins(Risk::Held) && Tie::Everyone.joins(Risk::Nothing)
        );
    }
}
