//! What an explanation compares with: payments that this very model lets through.
//!
//! They are golden vectors: part of the artifact, checked by hash and present wherever it is loaded. Those are frauds and others in turn, so
//! only the ones below the model's own threshold for a challenge count as ordinary. "This device is shared by 12 accounts: +1.9" then reads
//! as against payments that nobody looks at.

use crate::{Artifact, GoldenVector};
use fraudnet_features::Tensor;

/// Most payments compared with: a third of the time of an explanation goes into them.
pub const MOST: usize = 16;

/// Ordinary payments among the golden vectors, in their order; all of them where none is. At least one.
pub fn ordinary(artifact: &Artifact) -> Vec<&GoldenVector> {
    let settings = &artifact.manifest.settings;
    let passes =
        |vector: &&GoldenVector| settings.calibration.probability(vector.logit) < settings.operating_points.challenge;
    choose(&artifact.golden().vectors, passes, artifact.manifest.scorer.has_network())
}

fn choose(
    vectors: &[GoldenVector],
    passes: impl Fn(&&GoldenVector) -> bool,
    reads_neighbourhood: bool,
) -> Vec<&GoldenVector> {
    // A hybrid's first vector has its neighbourhood taken away, which no payment has.
    let whole = |vector: &&GoldenVector| !reads_neighbourhood || has_neighbours(&vector.tensor);
    let mut chosen: Vec<&GoldenVector> = vectors.iter().filter(&passes).filter(whole).collect();
    if chosen.is_empty() {
        chosen = vectors.iter().filter(whole).collect();
    }
    if chosen.is_empty() {
        chosen = vectors.iter().collect();
    }
    let step = chosen.len().div_ceil(MOST).max(1);
    chosen.into_iter().step_by(step).collect()
}

fn has_neighbours(tensor: &Tensor) -> bool {
    tensor.node_count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::testing::tensor;

    fn vector(logit: f32, neighbours: bool) -> GoldenVector {
        let tensor = if neighbours {
            tensor(["a", "d", "", ""], &[&[(1, true)], &[(0, true)]])
        } else {
            tensor(["a", "", "", ""], &[&[]])
        };
        GoldenVector { tensor, logit, embedding: Vec::new() }
    }

    #[test]
    fn ordinary_payments_are_chosen_and_something_always_is() {
        let low = |vector: &&GoldenVector| vector.logit < 0.0;
        let logits = |chosen: Vec<&GoldenVector>| chosen.iter().map(|vector| vector.logit).collect::<Vec<_>>();
        let some = [vector(-9.0, false), vector(3.0, true), vector(-2.0, true), vector(4.0, true), vector(-3.0, true)];
        assert_eq!(logits(choose(&some, low, true)), [-2.0, -3.0]);
        assert_eq!(logits(choose(&some, low, false)), [-9.0, -2.0, -3.0]);
        assert_eq!(logits(choose(&some[..2], low, true)), [3.0]);
        assert_eq!(logits(choose(&some[..1], low, true)), [-9.0]);
        let many: Vec<GoldenVector> = (0..100).map(|at| vector(-(at as f32) - 1.0, true)).collect();
        let chosen = logits(choose(&many, low, true));
        assert!(chosen.len() <= MOST && chosen.len() > MOST / 2 && chosen[0] == -1.0);
    }
}
