//! The area under the ROC curve as a rank statistic: the chance that a fraud scores above an honest payment, ties counting half.

/// Chance that `score` lies above a value drawn from `others`, ties counting half: the AUC of one fraud against them. None without others.
pub fn placement(score: f32, others: impl ExactSizeIterator<Item = f32>) -> Option<f64> {
    let count = others.len();
    let beaten: f64 = others
        .map(|other| {
            if other < score {
                1.0
            } else if other == score {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    (count > 0).then(|| beaten / count as f64)
}

/// AUC of frauds against honest payments, in n log n. None where either is missing.
pub fn roc_auc(frauds: &[f32], honest: &[f32]) -> Option<f64> {
    if frauds.is_empty() || honest.is_empty() {
        return None;
    }
    let mut sorted = honest.to_vec();
    sorted.sort_by(f32::total_cmp);
    let beaten: f64 = frauds
        .iter()
        .map(|&score| {
            let below = sorted.partition_point(|&other| other < score);
            let not_above = sorted.partition_point(|&other| other <= score);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    Some(beaten / (frauds.len() * honest.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half() {
        // scikit-learn: roc_auc_score([1,1,0,0,1,0,1,0,0,0], [.9,.8,.8,.7,.6,.5,.5,.4,.3,.1])
        let (frauds, honest) = ([0.9, 0.8, 0.6, 0.5], [0.8, 0.7, 0.5, 0.4, 0.3, 0.1]);
        let auc = roc_auc(&frauds, &honest).unwrap();
        assert!((auc - 0.791_666_666_666_666_6).abs() < 1e-15);
        let placed = frauds.iter().map(|&fraud| placement(fraud, honest.iter().copied()).unwrap());
        assert!((placed.sum::<f64>() / 4.0 - auc).abs() < 1e-15);
        assert_eq!(roc_auc(&frauds, &[]), None);
        assert_eq!(placement(0.5, [].into_iter()), None);
    }
}
