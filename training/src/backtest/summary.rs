//! Runs (seeds within periods) → one entry a model: means, spreads, and what is told of the first run alone.

use super::judge::{Judgement, mean};
use super::results::{AlertResult, CardResult, Curves, GroupResult, Latency, ModelResult, RunResult, Spread};
use crate::contender::Contender;
use crate::metrics::{Interval, rounded};

/// One fit and its test.
#[derive(Debug, Clone)]
pub struct Run {
    /// Index of the period.
    pub period: usize,
    /// Seed of the fit.
    pub seed: u64,
    /// Figures, by [`Contender::index`].
    pub judgements: Vec<Judgement>,
    /// Seconds to fit and export, by [`Contender::index`].
    pub update_s: [f64; Contender::COUNT],
}

/// What is told of the first run alone, one entry a model.
#[derive(Debug, Clone)]
pub struct FirstRun {
    /// Columns read.
    pub features: u64,
    /// Interval of average precision.
    pub interval: Interval,
    /// What the report draws.
    pub curves: Curves,
    /// Columns by importance.
    pub importance: Vec<(String, f64)>,
    /// Time to score.
    pub latency: Latency,
}

/// One entry a model, in the order of [`Contender::ALL`].
pub fn summarise(runs: &[Run], first: Vec<FirstRun>) -> Vec<ModelResult> {
    Contender::ALL.into_iter().zip(first).map(|(contender, first)| model(contender, runs, first)).collect()
}

fn model(contender: Contender, runs: &[Run], first: FirstRun) -> ModelResult {
    let judged: Vec<&Judgement> = runs.iter().map(|run| &run.judgements[contender.index()]).collect();
    let over = |figure: &dyn Fn(&Judgement) -> f64| rounded(mean(judged.iter().map(|judgement| figure(judgement))));
    let spread = |figure: &dyn Fn(&Judgement) -> f64| {
        rounded(deviation(&judged.iter().map(|it| figure(it)).collect::<Vec<_>>()))
    };
    let (auc, average_precision, cards) = (
        |it: &Judgement| it.auc,
        |it: &Judgement| it.average_precision,
        |it: &Judgement| it.card_precision().precision,
    );
    let ratios: Vec<f64> = judged.iter().filter_map(|judgement| judgement.top_decile_ratio).collect();
    ModelResult {
        name: contender.name().to_owned(),
        features: first.features,
        auc: over(&auc),
        average_precision: over(&average_precision),
        card_precision_100: over(&cards),
        card_precision_at: (0..judged[0].cards.len())
            .map(|at| CardResult {
                k: judged[0].cards[at].k,
                precision: over(&|it| it.cards[at].precision),
                perfect: over(&|it| it.cards[at].perfect),
            })
            .collect(),
        spread: Spread {
            auc: spread(&auc),
            average_precision: spread(&average_precision),
            card_precision_100: spread(&cards),
        },
        average_precision_interval: first.interval,
        by_scenario: by_scenario(&judged),
        at_alert_rates: (0..judged[0].alerts.len())
            .map(|at| AlertResult {
                alert_rate: judged[0].alerts[at].alert_rate,
                precision: over(&|it| it.alerts[at].precision),
                recall: over(&|it| it.alerts[at].recall),
                f1: over(&|it| it.alerts[at].f1),
                money_recall: over(&|it| it.alerts[at].money_recall),
                money_lost_per_day: over(&|it| it.alerts[at].money_lost_per_day),
                false_alerts_per_day: over(&|it| it.alerts[at].false_alerts_per_day),
            })
            .collect(),
        calibration_error: over(&|it| it.calibration_error),
        top_decile_ratio: (!ratios.is_empty()).then(|| rounded(mean(ratios.iter().copied()))),
        daily_interception: over(&|it| it.daily_interception),
        latency_us: Latency { mean: rounded(first.latency.mean), p99: rounded(first.latency.p99) },
        update_s: rounded(mean(runs.iter().map(|run| run.update_s[contender.index()]))),
        runs: runs.iter().zip(&judged).map(|(run, judgement)| one(run, judgement)).collect(),
        curves: first.curves,
        importance: first.importance,
    }
}

fn one(run: &Run, judgement: &Judgement) -> RunResult {
    RunResult {
        period: run.period,
        seed: run.seed,
        auc: rounded(judgement.auc),
        average_precision: rounded(judgement.average_precision),
        card_precision_100: rounded(judgement.card_precision().precision),
        calibration_error: rounded(judgement.calibration_error),
        top_decile_ratio: judgement.top_decile_ratio.map(rounded),
    }
}

/// Means over the runs whose test holds the group; the count is that of the first such run.
fn by_scenario(judged: &[&Judgement]) -> Vec<GroupResult> {
    let mut names: Vec<&str> =
        judged.iter().flat_map(|judgement| judgement.groups.iter().map(|group| group.scenario.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let groups: Vec<&GroupResult> =
                judged.iter().flat_map(|judgement| &judgement.groups).filter(|group| group.scenario == name).collect();
            let over = |figure: fn(&GroupResult) -> f64| rounded(mean(groups.iter().map(|group| figure(group))));
            GroupResult {
                scenario: name.to_owned(),
                frauds: groups[0].frauds,
                auc: over(|group| group.auc),
                average_precision: over(|group| group.average_precision),
                recall_at_half_percent: over(|group| group.recall_at_half_percent),
            }
        })
        .collect()
}

/// Sample standard deviation; zero of fewer than two.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(average_precision: f64, group: &str) -> Judgement {
        Judgement {
            auc: 0.9,
            average_precision,
            cards: vec![CardResult { k: 100, precision: average_precision / 2.0, perfect: 0.4 }],
            groups: vec![GroupResult {
                scenario: group.to_owned(),
                frauds: 7,
                auc: 0.8,
                average_precision,
                recall_at_half_percent: 0.5,
            }],
            alerts: Vec::new(),
            calibration_error: 0.001,
            top_decile_ratio: None,
            daily_interception: 0.5,
        }
    }

    #[test]
    fn runs_become_means_and_spreads() {
        let run = |seed, value: f64, group: &str| Run {
            period: 0,
            seed,
            judgements: vec![judgement(value, group); Contender::COUNT],
            update_s: [seed as f64; Contender::COUNT],
        };
        let runs = [run(1, 0.6, "a"), run(2, 0.7, "b"), run(3, 0.8, "a")];
        let first = FirstRun {
            features: 5,
            interval: Interval { value: 0.6, low: 0.5, high: 0.7 },
            curves: Curves::default(),
            importance: Vec::new(),
            latency: Latency { mean: 1.0, p99: 2.0 },
        };
        let models = summarise(&runs, vec![first; Contender::COUNT]);
        let hybrid = &models[Contender::Hybrid.index()];
        assert_eq!(
            (hybrid.name.as_str(), hybrid.average_precision, hybrid.spread.average_precision),
            ("hybrid", 0.7, 0.1)
        );
        assert_eq!((hybrid.card_precision_100, hybrid.update_s, hybrid.top_decile_ratio), (0.35, 2.0, None));
        let groups: Vec<(&str, f64)> =
            hybrid.by_scenario.iter().map(|group| (group.scenario.as_str(), group.average_precision)).collect();
        assert_eq!(groups, [("a", 0.7), ("b", 0.7)]);
        assert_eq!((hybrid.runs.len(), hybrid.runs[2].seed), (3, 3));
        assert_eq!(deviation(&[1.0]), 0.0);
    }
}
