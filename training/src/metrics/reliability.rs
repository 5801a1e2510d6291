//! How far predicted probabilities are from what came true.

/// Expected calibration error over `bins` bins of equal mass (weight) by predicted probability: the mean over bins of
/// |mean predicted − share positive|. Guo et al. 2017, with equal-mass in place of equal-width bins, since at a
/// prevalence of half a percent equal-width bins would all but one be empty. Zero where there is nothing.
pub fn expected_calibration_error(probabilities: &[f32], positive: &[bool], bins: usize) -> f64 {
    assert!(bins > 0 && probabilities.len() == positive.len(), "at least one bin and one label a probability");
    let order = descending(probabilities);
    let rows = order.len();
    if rows == 0 {
        return 0.0;
    }
    let mut error = 0.0;
    for bin in 0..bins {
        let members = &order[bin * rows / bins..(bin + 1) * rows / bins];
        let predicted: f64 = members.iter().map(|&row| f64::from(probabilities[row])).sum();
        let observed = members.iter().filter(|&&row| positive[row]).count() as f64;
        error += (predicted - observed).abs();
    }
    error / rows as f64
}

/// The same of payments that stand for `weights[i]` payments each; a bin's share of the weight is as near to even as whole rows allow.
pub fn weighted_calibration_error(probabilities: &[f32], positive: &[bool], weights: &[f64], bins: usize) -> f64 {
    assert!(
        bins > 0 && probabilities.len() == positive.len() && positive.len() == weights.len(),
        "at least one bin, and one label and one weight a probability"
    );
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let mut gaps = vec![0.0; bins];
    let mut before = 0.0;
    for row in descending(probabilities) {
        // By the middle of its weight, so that equal weights fall into the bins of equal mass.
        let middle = before + 0.5 * weights[row];
        before += weights[row];
        let bin = ((middle / total * bins as f64) as usize).min(bins - 1);
        gaps[bin] += weights[row] * (f64::from(probabilities[row]) - f64::from(u8::from(positive[row])));
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / total
}

/// [`top_decile_ratio`] of payments that stand for `weights[i]` payments each: rows are taken from the top until a tenth of the weight
/// is reached.
pub fn weighted_top_decile_ratio(probabilities: &[f32], positive: &[bool], weights: &[f64]) -> Option<f64> {
    let tenth = weights.iter().sum::<f64>() / 10.0;
    let (mut taken, mut predicted, mut observed) = (0.0, 0.0, 0.0);
    for row in descending(probabilities) {
        if taken + 0.5 * weights[row] > tenth {
            break;
        }
        taken += weights[row];
        predicted += weights[row] * f64::from(probabilities[row]);
        observed += weights[row] * f64::from(u8::from(positive[row]));
    }
    (observed > 0.0).then(|| predicted / observed)
}

/// Mean predicted probability and share positive of each of `bins` bins of equal mass, highest probabilities first; bins that hold
/// nothing are left out.
pub fn reliability_curve(probabilities: &[f32], positive: &[bool], bins: usize) -> Vec<(f64, f64)> {
    assert!(bins > 0 && probabilities.len() == positive.len(), "at least one bin and one label a probability");
    let order = descending(probabilities);
    let rows = order.len();
    (0..bins)
        .map(|bin| &order[bin * rows / bins..(bin + 1) * rows / bins])
        .filter(|members| !members.is_empty())
        .map(|members| {
            let predicted: f64 = members.iter().map(|&row| f64::from(probabilities[row])).sum();
            let observed = members.iter().filter(|&&row| positive[row]).count() as f64;
            (predicted / members.len() as f64, observed / members.len() as f64)
        })
        .collect()
}

/// Mean predicted over observed share positive among the tenth with the highest probabilities: 1 is perfect, above 1
/// is over-confident. `None` where nothing positive is among them.
pub fn top_decile_ratio(probabilities: &[f32], positive: &[bool]) -> Option<f64> {
    let order = descending(probabilities);
    let top = &order[..order.len() / 10];
    let predicted: f64 = top.iter().map(|&row| f64::from(probabilities[row])).sum();
    let observed = top.iter().filter(|&&row| positive[row]).count();
    (observed > 0).then(|| predicted / observed as f64)
}

fn descending(probabilities: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_mean_gap_over_bins() {
        // Two bins of two: (.9+.7 against 1) and (.3+.1 against 1): (|1.6-1| + |.4-1|) / 4.
        let error = expected_calibration_error(&[0.1, 0.9, 0.3, 0.7], &[false, true, true, false], 2);
        assert!((error - 0.3).abs() < 1e-7, "{error}");
        // One bin: (2.0 - 2) / 4.
        assert!(expected_calibration_error(&[0.1, 0.9, 0.3, 0.7], &[false, true, true, false], 1) < 1e-7);
        assert_eq!(expected_calibration_error(&[], &[], 10), 0.0);
        let curve = reliability_curve(&[0.1, 0.9, 0.3, 0.7], &[false, true, true, false], 2);
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-7 && (a.1 - b.1).abs() < 1e-7;
        assert!(close(curve[0], (0.8, 0.5)) && close(curve[1], (0.2, 0.5)), "{curve:?}");
        assert!(reliability_curve(&[], &[], 10).is_empty());
    }

    #[test]
    fn weights_of_one_change_nothing_and_others_count() {
        let probabilities: Vec<f32> = (0..1_000).map(|row| (row as f32 / 1_000.0).powi(3)).collect();
        let positive: Vec<bool> = (0..1_000).map(|row| row % 7 == 0 && row > 300).collect();
        let ones = vec![1.0; 1_000];
        let error = weighted_calibration_error(&probabilities, &positive, &ones, 20);
        assert!((error - expected_calibration_error(&probabilities, &positive, 20)).abs() < 1e-12);
        let ratio = weighted_top_decile_ratio(&probabilities, &positive, &ones).unwrap();
        assert!((ratio - top_decile_ratio(&probabilities, &positive).unwrap()).abs() < 1e-12);
        // One bin: a negative of weight 3 told as 0.5 and a positive of weight 1 told as 0.5.
        let error = weighted_calibration_error(&[0.5, 0.5], &[false, true], &[3.0, 1.0], 1);
        assert!((error - 0.25).abs() < 1e-12, "{error}");
        assert_eq!(weighted_top_decile_ratio(&[0.5], &[true], &[1.0]), None, "no row fits into a tenth");
        assert_eq!(weighted_calibration_error(&[], &[], &[], 3), 0.0);
    }

    #[test]
    fn the_top_decile_compares_sums() {
        let mut probabilities = vec![0.01f32; 18];
        probabilities.extend([0.9, 0.6]);
        let mut positive = vec![false; 18];
        positive.extend([true, false]);
        let ratio = top_decile_ratio(&probabilities, &positive).unwrap();
        assert!((ratio - 1.5).abs() < 1e-6, "{ratio}");
        assert_eq!(top_decile_ratio(&probabilities, &[false; 20]), None);
    }
}
