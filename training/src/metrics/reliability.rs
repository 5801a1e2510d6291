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
