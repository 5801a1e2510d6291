//! The latest few times of a sliding multiset, held in the owner's record itself; see [`Times`] for what is asked of it.
//!
//! For what is rare with most entities and never taken back: their whole month then costs no allocation and no cache miss. Cost: 2 ns.

use crate::rings::opens_at;
use crate::times::{D30, Span, Times, WIDTHS, counts_of, span_of};

/// Times held.
pub(crate) const LATEST: usize = 4;

/// The latest few of a sliding multiset, in 20 bytes: what is rare enough never leaves them. The earlier ones are the owner's to keep,
/// as [`Times`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Latest {
    len: u32,
    times: [u32; LATEST],
}

impl Latest {
    /// These times, oldest first; there are at most [`LATEST`].
    pub(crate) fn restored(held: &[u32]) -> Self {
        let mut times = [0; LATEST];
        times[..held.len()].copy_from_slice(held);
        Latest { len: held.len() as u32, times }
    }

    /// Adds `now_s`, which never goes back, and hands out the earliest time if it has to leave and is still within 30 days.
    #[must_use]
    pub(crate) fn push(&mut self, now_s: u32) -> Option<u32> {
        let held = self.len as usize;
        if held < LATEST {
            self.times[held] = now_s;
            self.len += 1;
            return None;
        }
        let leaving = self.times[0];
        self.times.copy_within(1.., 0);
        self.times[LATEST - 1] = now_s;
        (leaving >= opens_at(now_s, WIDTHS[D30])).then_some(leaving)
    }

    /// Times within each window at `now_s`, `earlier` included.
    pub(crate) fn counts(&self, earlier: Option<&Times>, now_s: u32) -> [u32; 4] {
        let (own, earlier) = (counts_of(self.held(), now_s), earlier.map_or([0; 4], |times| times.counts(now_s)));
        std::array::from_fn(|window| own[window] + earlier[window])
    }

    /// First and last of the times within 30 days of `now_s`, `earlier` included.
    pub(crate) fn span(&self, earlier: Option<&Times>, now_s: u32) -> Option<Span> {
        let own = span_of(self.held(), now_s)?;
        // Where the latest are out of reach, the earlier ones are too.
        Some(earlier.and_then(|times| times.span(now_s)).map_or(own, |span| Span { first_s: span.first_s, ..own }))
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.len.to_le_bytes());
        for time in self.held() {
            hasher.update(&time.to_le_bytes());
        }
    }

    /// The times, oldest first.
    pub(crate) fn held(&self) -> &[u32] {
        &self.times[..self.len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn latest_and_earlier_are_one_multiset(steps in prop::collection::vec(0u32..900_000, 1..200), shrink in 0u32..10) {
            let (mut latest, mut earlier, mut all) = (Latest::default(), Times::default(), Times::default());
            let mut now_s = 1_700_000_000;
            for gap in steps {
                now_s += gap >> shrink;
                if let Some(leaving) = latest.push(now_s) {
                    earlier.add(leaving, now_s);
                }
                all.add(now_s, now_s);
                for later in [0, 59, 3_600, 90_000, 700_000, 2_600_000] {
                    let asked_s = now_s + later;
                    prop_assert_eq!(latest.counts(Some(&earlier), asked_s), all.counts(asked_s));
                    prop_assert_eq!(latest.span(Some(&earlier), asked_s), all.span(asked_s));
                }
            }
        }
    }
}
