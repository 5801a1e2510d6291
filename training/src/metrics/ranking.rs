//! What an order of payments by score is worth.
//!
//! Cost: one sort (n log n) when built; every statistic afterwards is one pass, so that a bootstrap of hundreds of
//! replicates over hundreds of thousands of payments takes about a second. Equal scores are one group: no statistic
//! depends on the order in which ties were met.

/// Payments in descending order of score.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Row numbers, highest score first.
    order: Vec<u32>,
    /// End (exclusive, in `order`) of every group of equal scores.
    group_ends: Vec<u32>,
    scores: Vec<f32>,
    positive: Vec<bool>,
    weights: Vec<f64>,
}

/// What flagging everything at or above a threshold gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtThreshold {
    /// The threshold, in the score's unit.
    pub threshold: f32,
    /// Share of all payments flagged, 0–1.
    pub alert_rate: f64,
    /// Share of the flagged that are positive, 0–1; zero where nothing is flagged.
    pub precision: f64,
    /// Share of the positive that are flagged, 0–1; zero where nothing is positive.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

impl AtThreshold {
    fn from_counts(threshold: f32, flagged: f64, hits: f64, total: f64, positives: f64) -> AtThreshold {
        let precision = if flagged > 0.0 { hits / flagged } else { 0.0 };
        let recall = if positives > 0.0 { hits / positives } else { 0.0 };
        let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        let alert_rate = if total > 0.0 { flagged / total } else { 0.0 };
        AtThreshold { threshold, alert_rate, precision, recall, f1 }
    }
}

/// Weight of one group of equal scores.
struct Group {
    score: f32,
    positive: f64,
    all: f64,
}

impl Ranking {
    /// Every payment weighs one.
    pub fn new(scores: &[f32], positive: &[bool]) -> Ranking {
        Ranking::weighted(scores, positive, &vec![1.0; scores.len()])
    }

    /// Payments that stand for `weights[i]` payments each, as a sample of negatives does.
    pub fn weighted(scores: &[f32], positive: &[bool], weights: &[f64]) -> Ranking {
        assert!(scores.len() == positive.len() && scores.len() == weights.len(), "one label and one weight a score");
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
        let mut group_ends = Vec::new();
        for index in 0..order.len() {
            let last = index + 1 == order.len() || scores[order[index] as usize] != scores[order[index + 1] as usize];
            if last {
                group_ends.push(index as u32 + 1);
            }
        }
        Ranking { order, group_ends, scores: scores.to_vec(), positive: positive.to_vec(), weights: weights.to_vec() }
    }

    fn groups(&self, multiplier: impl Fn(usize) -> f64) -> impl Iterator<Item = Group> {
        let mut start = 0usize;
        self.group_ends.iter().map(move |&end| {
            let mut group = Group { score: self.scores[self.order[start] as usize], positive: 0.0, all: 0.0 };
            for &row in &self.order[start..end as usize] {
                let weight = self.weights[row as usize] * multiplier(row as usize);
                group.all += weight;
                if self.positive[row as usize] {
                    group.positive += weight;
                }
            }
            start = end as usize;
            group
        })
    }

    fn totals(&self, multiplier: &impl Fn(usize) -> f64) -> (f64, f64) {
        self.groups(multiplier).fold((0.0, 0.0), |(all, positive), group| (all + group.all, positive + group.positive))
    }

    /// Average precision: precision at every distinct threshold, weighted by the recall it adds (no interpolation;
    /// the definition of scikit-learn's `average_precision_score`). Zero where nothing is positive.
    pub fn average_precision(&self) -> f64 {
        self.average_precision_with(|_| 1.0)
    }

    /// The same with every row counted `multiplier(row)` times, as a bootstrap replicate asks.
    pub fn average_precision_with(&self, multiplier: impl Fn(usize) -> f64) -> f64 {
        let (mut flagged, mut hits, mut area) = (0.0, 0.0, 0.0);
        for group in self.groups(multiplier) {
            flagged += group.all;
            hits += group.positive;
            if group.positive > 0.0 {
                area += group.positive * hits / flagged;
            }
        }
        if hits > 0.0 { area / hits } else { 0.0 }
    }

    /// Probability that a positive scores above a negative, ties counting half. One half where either is missing.
    pub fn roc_auc(&self) -> f64 {
        self.roc_auc_with(|_| 1.0)
    }

    /// The same with every row counted `multiplier(row)` times.
    pub fn roc_auc_with(&self, multiplier: impl Fn(usize) -> f64) -> f64 {
        let (mut positives, mut negatives, mut area) = (0.0, 0.0, 0.0);
        for group in self.groups(multiplier) {
            let negative = group.all - group.positive;
            area += negative * (positives + 0.5 * group.positive);
            positives += group.positive;
            negatives += negative;
        }
        if positives > 0.0 && negatives > 0.0 { area / (positives * negatives) } else { 0.5 }
    }

    /// Flags every score at or above `threshold`.
    pub fn at_threshold(&self, threshold: f32) -> AtThreshold {
        let (total, positives) = self.totals(&|_| 1.0);
        let (flagged, hits) = self
            .groups(|_| 1.0)
            .take_while(|group| group.score >= threshold)
            .fold((0.0, 0.0), |(all, positive), group| (all + group.all, positive + group.positive));
        AtThreshold::from_counts(threshold, flagged, hits, total, positives)
    }

    /// Flags the highest-scored `rate` of all payments. Of a group of equal scores that does not fit as a whole the
    /// share that fits is taken, which is what breaking ties at random gives on average: a model of few distinct
    /// scores (rules) is neither favoured nor punished. The threshold told is the score of the last group begun.
    pub fn at_alert_rate(&self, rate: f64) -> AtThreshold {
        self.at_alert_rate_with(rate, |_| 1.0)
    }

    /// The same with every row counted `multiplier(row)` times.
    pub fn at_alert_rate_with(&self, rate: f64, multiplier: impl Fn(usize) -> f64) -> AtThreshold {
        let (total, positives) = self.totals(&multiplier);
        let budget = rate * total;
        let (mut flagged, mut hits, mut threshold) = (0.0, 0.0, f32::INFINITY);
        for group in self.groups(&multiplier) {
            if flagged >= budget {
                break;
            }
            let share = if group.all > 0.0 { ((budget - flagged) / group.all).min(1.0) } else { 0.0 };
            flagged += share * group.all;
            hits += share * group.positive;
            threshold = group.score;
        }
        AtThreshold::from_counts(threshold, flagged, hits, total, positives)
    }

    /// Negatives (by weight) that must be flagged to reach a recall (0–1], flagging from the highest score down; of the last
    /// group begun the share that is needed. Every row counts `multiplier(row)` times. Zero where nothing is positive.
    pub fn false_positives_at_recall_with(&self, recall: f64, multiplier: impl Fn(usize) -> f64) -> f64 {
        let (_, positives) = self.totals(&multiplier);
        let wanted = recall * positives;
        let (mut hits, mut false_positives) = (0.0, 0.0);
        for group in self.groups(&multiplier) {
            if hits >= wanted {
                break;
            }
            let share = if group.positive > 0.0 { ((wanted - hits) / group.positive).min(1.0) } else { 1.0 };
            hits += share * group.positive;
            false_positives += share * (group.all - group.positive);
        }
        false_positives
    }

    /// Recall and precision down the order, recall ascending, thinned to at most `most` points (at least 2) about evenly spread in
    /// recall; the last point is that of everything flagged. Empty where nothing is positive.
    pub fn precision_recall(&self, most: usize) -> Vec<(f64, f64)> {
        assert!(most >= 2, "a curve has two ends");
        let (_, positives) = self.totals(&|_| 1.0);
        let (mut flagged, mut hits, mut told) = (0.0, 0.0, f64::NEG_INFINITY);
        let mut curve = Vec::new();
        for group in self.groups(|_| 1.0).filter(|_| positives > 0.0) {
            flagged += group.all;
            hits += group.positive;
            let recall = hits / positives;
            // A threshold that catches nothing more only lowers precision: the curve falls there when recall next moves.
            if group.positive > 0.0 && recall - told >= 1.0 / (most - 1) as f64 {
                curve.push((recall, hits / flagged));
                told = recall;
            }
        }
        if hits > 0.0 {
            curve.truncate(most - 1);
            curve.push((1.0, hits / flagged));
        }
        curve
    }

    /// The lowest threshold at which precision is still at least `precision` with at least `least` payments (by
    /// weight) flagged; `None` where no threshold reaches it.
    pub fn lowest_with_precision(&self, precision: f64, least: f64) -> Option<f32> {
        let (mut flagged, mut hits, mut found) = (0.0, 0.0, None);
        for group in self.groups(|_| 1.0) {
            flagged += group.all;
            hits += group.positive;
            if flagged >= least && hits >= precision * flagged {
                found = Some(group.score);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // scikit-learn 1.x:
    //   s=[.9,.8,.8,.7,.6,.5,.5,.4,.3,.1]; y=[1,1,0,0,1,0,1,0,0,0]; w=[1,1,10,1,1,10,1,10,10,10]
    //   average_precision_score(y,s), roc_auc_score(y,s) and both with sample_weight=w;
    //   precision_score, recall_score, f1_score of (s>=.5)
    const SCORES: [f32; 10] = [0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4, 0.3, 0.1];
    const POSITIVE: [bool; 10] = [true, true, false, false, true, false, true, false, false, false];
    const WEIGHTS: [f64; 10] = [1.0, 1.0, 10.0, 1.0, 1.0, 10.0, 1.0, 10.0, 10.0, 10.0];

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn agrees_with_scikit_learn() {
        let plain = Ranking::new(&SCORES, &POSITIVE);
        close(plain.average_precision(), 0.7095238095238094);
        close(plain.roc_auc(), 0.7916666666666666);
        let weighted = Ranking::weighted(&SCORES, &POSITIVE, &WEIGHTS);
        close(weighted.average_precision(), 0.3852380952380952);
        close(weighted.roc_auc(), 0.8431372549019608);
        let at = plain.at_threshold(0.5);
        close(at.precision, 0.5714285714285714);
        close(at.recall, 1.0);
        close(at.f1, 0.7272727272727273);
        close(at.alert_rate, 0.7);
    }

    #[test]
    fn a_recall_costs_the_negatives_above_it() {
        let ranking = Ranking::new(&SCORES, &POSITIVE);
        let cost = |recall| ranking.false_positives_at_recall_with(recall, |_| 1.0);
        close(cost(0.25), 0.0); // the highest alone
        close(cost(0.5), 1.0); // and both that share 0.8
        close(cost(0.375), 0.5); // half of them
        close(cost(0.75), 2.0); // 0.7 comes before 0.6
        close(Ranking::new(&[1.0, 0.0], &[false; 2]).false_positives_at_recall_with(1.0, |_| 1.0), 0.0);
    }

    #[test]
    fn a_multiplier_equals_repeated_rows() {
        let ranking = Ranking::new(&SCORES, &POSITIVE);
        let times = [2, 0, 1, 3, 1, 0, 2, 1, 1, 1];
        let (mut scores, mut positive) = (Vec::new(), Vec::new());
        for row in 0..10 {
            for _ in 0..times[row] {
                scores.push(SCORES[row]);
                positive.push(POSITIVE[row]);
            }
        }
        let repeated = Ranking::new(&scores, &positive);
        close(ranking.average_precision_with(|row| times[row] as f64), repeated.average_precision());
        close(ranking.roc_auc_with(|row| times[row] as f64), repeated.roc_auc());
    }

    #[test]
    fn an_alert_rate_takes_the_share_of_a_tie_that_fits() {
        let ranking = Ranking::new(&SCORES, &POSITIVE);
        let two = ranking.at_alert_rate(0.2); // 0.9 and half of the two 0.8s, of which one is positive
        close(two.precision, 0.75);
        close(two.recall, 1.5 / 4.0);
        assert_eq!(two.threshold, 0.8);
        close(ranking.at_alert_rate(0.1).precision, 1.0);
    }

    #[test]
    fn a_precision_is_held_down_to_the_lowest_threshold() {
        let ranking = Ranking::new(&SCORES, &POSITIVE);
        assert_eq!(ranking.lowest_with_precision(0.6, 1.0), Some(0.6)); // 3 of 5; at 0.5 it is 4 of 7
        assert_eq!(ranking.lowest_with_precision(0.9, 1.0), Some(0.9));
        assert_eq!(ranking.lowest_with_precision(0.9, 2.0), None);
    }

    #[test]
    fn the_curve_is_thinned_and_keeps_its_ends() {
        let whole = Ranking::new(&SCORES, &POSITIVE).precision_recall(200);
        assert_eq!(whole.first(), Some(&(0.25, 1.0)));
        assert_eq!(whole.last(), Some(&(1.0, 0.4)));
        let scores: Vec<f32> = (0..10_000).map(|row| row as f32).collect();
        let positive: Vec<bool> = (0..10_000).map(|row| row % 7 == 0).collect();
        let thinned = Ranking::new(&scores, &positive).precision_recall(50);
        assert!((40..=50).contains(&thinned.len()), "{}", thinned.len());
        assert!(thinned.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn nothing_positive_and_nothing_at_all_have_answers() {
        let none = Ranking::new(&SCORES, &[false; 10]);
        assert!(none.precision_recall(10).is_empty());
        close(none.average_precision(), 0.0);
        close(none.roc_auc(), 0.5);
        let empty = Ranking::new(&[], &[]);
        close(empty.at_alert_rate(0.1).recall, 0.0);
        close(empty.at_threshold(0.5).alert_rate, 0.0);
    }
}
