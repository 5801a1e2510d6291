//! Weighted binary cross-entropy on logits, with its gradient in closed form.
//!
//! Plain Rust instead of tensor operations: a batch has a few dozen logits, the closed form is exact where `log` and `exp` on
//! an autodiff tape would overflow, and the backward pass then starts from a known gradient.

/// Loss of a logit and its derivative: `weight · (positive_weight · y · ln(1 + e^-z) + (1 - y) · ln(1 + e^z))`.
///
/// `label` is 1 for fraud, 0 for not, between them for a label that is doubted.
pub fn weighted_cross_entropy(logit: f32, label: f32, weight: f32, positive_weight: f32) -> (f32, f32) {
    // ln(1 + e^z) without overflow: max(z, 0) + ln(1 + e^-|z|).
    let tail = (-logit.abs()).exp().ln_1p();
    let (positive, negative) = (tail + (-logit).max(0.0), tail + logit.max(0.0));
    let probability = sigmoid(logit);
    let loss = weight * (positive_weight * label * positive + (1.0 - label) * negative);
    let slope = weight * ((1.0 - label) * probability - positive_weight * label * (1.0 - probability));
    (loss, slope)
}

/// `1 / (1 + e^-z)`, without overflow.
pub fn sigmoid(logit: f32) -> f32 {
    if logit >= 0.0 {
        1.0 / (1.0 + (-logit).exp())
    } else {
        let e = logit.exp();
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_match_the_textbook_and_never_overflow() {
        // ln 2 at logit 0; 3 · 2 · ln 2 with weight 3 and positive weight 2.
        assert!((weighted_cross_entropy(0.0, 0.0, 1.0, 2.0).0 - std::f32::consts::LN_2).abs() < 1e-7);
        assert!((weighted_cross_entropy(0.0, 1.0, 3.0, 2.0).0 - 6.0 * std::f32::consts::LN_2).abs() < 1e-6);
        assert_eq!(weighted_cross_entropy(200.0, 0.0, 1.0, 1.0), (200.0, 1.0));
        assert_eq!(weighted_cross_entropy(200.0, 1.0, 1.0, 1.0).0, 0.0);
        assert_eq!(weighted_cross_entropy(-200.0, 1.0, 1.0, 1.0), (200.0, -1.0));
    }

    #[test]
    fn the_slope_is_the_derivative() {
        for logit in [-6.0, -1.3, -0.1, 0.0, 0.4, 2.0, 7.0f32] {
            for label in [0.0, 0.3, 1.0] {
                let loss = |z: f32| weighted_cross_entropy(z, label, 0.7, 4.0).0;
                let step = 1e-2;
                let numeric = (loss(logit + step) - loss(logit - step)) / (2.0 * step);
                let (_, slope) = weighted_cross_entropy(logit, label, 0.7, 4.0);
                assert!((numeric - slope).abs() < 2e-3, "logit {logit}, label {label}: {numeric} against {slope}");
            }
        }
    }
}
