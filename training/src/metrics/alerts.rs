//! Who is looked at when only the highest-scored share of payments can be.
//!
//! Of payments that tie at the last score the share that fits counts, which is what breaking ties at random gives on average; the
//! same rule as [`super::Ranking::at_alert_rate`].

/// The alerted: everybody above a score, and of those on it the share that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alerts {
    threshold: f32,
    share_at_threshold: f64,
}

impl Alerts {
    /// The highest-scored `rate` (0–1) of all payments. Of no payments nobody is alerted.
    pub fn at_rate(scores: &[f32], rate: f64) -> Alerts {
        let budget = rate * scores.len() as f64;
        if scores.is_empty() || budget <= 0.0 {
            return Alerts { threshold: f32::INFINITY, share_at_threshold: 0.0 };
        }
        let mut sorted = scores.to_vec();
        let last = (budget.ceil() as usize).clamp(1, sorted.len()) - 1;
        let threshold = *sorted.select_nth_unstable_by(last, |a, b| b.total_cmp(a)).1;
        let above = scores.iter().filter(|&&score| score > threshold).count() as f64;
        let on = scores.iter().filter(|&&score| score == threshold).count() as f64;
        Alerts { threshold, share_at_threshold: ((budget - above) / on).clamp(0.0, 1.0) }
    }

    /// How much of a payment of that score is alerted: 1, 0, or a share where it ties with the last.
    pub fn share(&self, score: f32) -> f64 {
        if score > self.threshold {
            1.0
        } else if score == self.threshold {
            self.share_at_threshold
        } else {
            0.0
        }
    }

    /// Share of the positive payments that is alerted; `None` where nothing is positive.
    pub fn recall(&self, scores: &[f32], positive: &[bool]) -> Option<f64> {
        let (mut caught, mut positives) = (0.0, 0.0);
        for (&score, _) in scores.iter().zip(positive).filter(|(_, positive)| **positive) {
            caught += self.share(score);
            positives += 1.0;
        }
        (positives > 0.0).then(|| caught / positives)
    }
}

/// Share of each day's positive payments among the highest-scored `rate` of that day's payments; `None` for a day without any.
/// `days[row]` counts from 0, `count` days in all.
pub fn daily_interception(
    days: &[u32],
    count: usize,
    scores: &[f32],
    positive: &[bool],
    rate: f64,
) -> Vec<Option<f64>> {
    assert!(days.len() == scores.len() && days.len() == positive.len(), "one day, one score and one label a payment");
    let mut by_day: Vec<(Vec<f32>, Vec<bool>)> = vec![Default::default(); count];
    for row in 0..days.len() {
        let day = &mut by_day[days[row] as usize];
        day.0.push(scores[row]);
        day.1.push(positive[row]);
    }
    by_day.iter().map(|(scores, positive)| Alerts::at_rate(scores, rate).recall(scores, positive)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Ranking;

    #[test]
    fn the_alerted_are_those_of_the_ranking() {
        let scores: Vec<f32> = (0..997).map(|row| ((row * 37) % 101) as f32).collect();
        let positive: Vec<bool> = (0..997).map(|row| row % 13 == 0).collect();
        let ranking = Ranking::new(&scores, &positive);
        for rate in [0.001, 0.005, 0.01, 0.1, 0.5, 1.0] {
            let alerts = Alerts::at_rate(&scores, rate);
            let alerted: f64 = scores.iter().map(|&score| alerts.share(score)).sum();
            assert!((alerted - rate * 997.0).abs() < 1e-9, "{rate}: {alerted}");
            let recall = alerts.recall(&scores, &positive).unwrap();
            assert!((recall - ranking.at_alert_rate(rate).recall).abs() < 1e-9, "{rate}");
        }
        assert_eq!(Alerts::at_rate(&[], 0.1).share(9.0), 0.0);
        assert_eq!(Alerts::at_rate(&[1.0], 0.0).share(1.0), 0.0);
        assert_eq!(Alerts::at_rate(&[1.0], 0.5).recall(&[1.0], &[false]), None);
    }

    #[test]
    fn each_day_has_its_own_budget() {
        // Two days of ten payments; at 10 % one alert a day. Day 0 catches its fraud, day 1 one of two, day 2 has none.
        let days: Vec<u32> = (0..20).map(|row| row / 10).collect();
        let scores: Vec<f32> = (0..20).map(|row| (row % 10) as f32 + if row < 10 { 100.0 } else { 0.0 }).collect();
        let positive: Vec<bool> = (0..20).map(|row| row == 9 || row == 18 || row == 19).collect();
        assert_eq!(daily_interception(&days, 3, &scores, &positive, 0.1), [Some(1.0), Some(0.5), None]);
    }
}
