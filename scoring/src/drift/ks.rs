//! Kolmogorov–Smirnov: the largest distance between the cumulative shares of two samples.
//!
//! Cost: one pass over both samples, which come sorted. Ties are one step, so no order of equal values matters.

/// The statistic (0–1) of two samples sorted ascending. Zero where either is empty.
pub fn kolmogorov_smirnov(before: &[f32], after: &[f32]) -> f64 {
    if before.is_empty() || after.is_empty() {
        return 0.0;
    }
    let (mut left, mut right, mut widest) = (0, 0, 0.0f64);
    while left < before.len() && right < after.len() {
        let at = before[left].min(after[right]);
        while left < before.len() && before[left] <= at {
            left += 1;
        }
        while right < after.len() && after[right] <= at {
            right += 1;
        }
        let apart = left as f64 / before.len() as f64 - right as f64 / after.len() as f64;
        widest = widest.max(apart.abs());
    }
    widest
}

/// As [`kolmogorov_smirnov`] where each value before has a share of the whole; the shares sum to 1.
pub fn weighted_kolmogorov_smirnov(before: &[(f32, f64)], after: &[f32]) -> f64 {
    if before.is_empty() || after.is_empty() {
        return 0.0;
    }
    let each = 1.0 / after.len() as f64;
    let (mut left, mut right, mut earlier, mut widest) = (0, 0, 0.0, 0.0f64);
    while left < before.len() && right < after.len() {
        let at = before[left].0.min(after[right]);
        while left < before.len() && before[left].0 <= at {
            earlier += before[left].1;
            left += 1;
        }
        while right < after.len() && after[right] <= at {
            right += 1;
        }
        widest = widest.max(f64::abs(earlier - each * right as f64));
    }
    widest
}

/// Chance of a statistic at least that large between two samples of one distribution, by Kolmogorov's limit:
/// Q(λ) = 2 Σ (−1)^(k−1) exp(−2k²λ²) with λ = D √(nm/(n+m)). Good from some 40 values a side; too large where values tie.
pub fn p_value(statistic: f64, before: usize, after: usize) -> f64 {
    let (before, after) = (before as f64, after as f64);
    let lambda = statistic * (before * after / (before + after)).sqrt();
    if lambda.is_nan() || lambda <= 0.0 {
        return 1.0;
    }
    if lambda < 1.0 {
        // The same function by Jacobi's identity: the sum above needs ever more terms as λ falls.
        let exponent = -std::f64::consts::PI.powi(2) / (8.0 * lambda * lambda);
        let sum: f64 = (1..=7).step_by(2).map(|k| (f64::from(k * k) * exponent).exp()).sum();
        return 1.0 - (2.0 * std::f64::consts::PI).sqrt() / lambda * sum;
    }
    let term = |k: i32| f64::from(1 - 2 * ((k + 1) % 2)) * (-2.0 * f64::from(k * k) * lambda * lambda).exp();
    (2.0 * (1..=8).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_one_step() {
        assert_eq!(kolmogorov_smirnov(&[1.0; 10], &[1.0, 2.0]), 0.5);
        assert_eq!(kolmogorov_smirnov(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.0);
        assert_eq!(kolmogorov_smirnov(&[0.0, 0.0, 1.0, 1.0], &[0.0, 1.0, 1.0, 1.0]), 0.25);
        assert_eq!(kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(kolmogorov_smirnov(&[], &[3.0]), 0.0);
    }

    #[test]
    fn weights_are_shares_of_the_whole() {
        let before: Vec<(f32, f64)> = [1.0, 2.0, 2.0, 5.0].map(|value| (value, 0.25)).to_vec();
        let plain: Vec<f32> = before.iter().map(|&(value, _)| value).collect();
        for after in [&[2.0f32, 3.0, 4.0][..], &[0.0], &[6.0, 7.0]] {
            let apart = weighted_kolmogorov_smirnov(&before, after) - kolmogorov_smirnov(&plain, after);
            assert!(apart.abs() < 1e-15);
        }
    }

    #[test]
    fn the_limit_has_its_known_values() {
        // scipy.special.kolmogorov(1.36), (0.5), (2.0)
        for (lambda, expected) in
            [(1.36, 0.049_485_876_755_377_876), (0.5, 0.963_945_243_664_875_1), (2.0, 0.000_670_925_255_779_695_3)]
        {
            let given = p_value(lambda / 50f64.sqrt(), 100, 100);
            assert!((given - expected).abs() < 1e-12, "{lambda}: {given}");
        }
        assert_eq!(p_value(0.0, 10, 10), 1.0);
    }
}
