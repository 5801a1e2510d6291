//! The verdict in words, computed from the numbers: who is ahead, by how much, and how far that can be believed.

use super::figures::{fixed, label, mean_and_deviation, percent, several};
use crate::backtest::results::{GuardResult, ModelResult, Results};

/// A calibration error up to this is called good; the same limit the released models are held to.
pub const CALIBRATION_ERROR_LIMIT: f64 = 0.005;
/// Top-decile ratios called good; the same limits the released models are held to.
pub const TOP_DECILE_LIMITS: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// The guards there are, by the names of their commands.
pub const GUARDS: [&str; 4] = ["shuffled-edges", "shuffled-labels", "future-peek", "no-graph"];

/// The verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// One line.
    pub headline: String,
    /// What makes it so, and what speaks against it: sentences.
    pub sentences: Vec<String>,
}

/// A generation of models: a network against trees is the question a reader comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Baseline,
    Trees,
    Network,
}

fn family(name: &str) -> Family {
    match name {
        "network" | "hybrid" => Family::Network,
        name if name.starts_with("trees") => Family::Trees,
        _ => Family::Baseline,
    }
}

/// One model against another, run by run.
struct Lead {
    /// Mean of the differences in average precision, the same period and seed on both sides.
    mean: f64,
    /// Their standard deviation; none with one run.
    deviation: Option<f64>,
    /// Runs in which the first is ahead.
    ahead: usize,
    /// Runs compared.
    runs: usize,
}

impl Lead {
    fn of(first: &ModelResult, second: &ModelResult) -> Lead {
        let pairs = first.runs.iter().filter_map(|run| {
            let same = second.runs.iter().find(|other| (other.period, other.seed) == (run.period, run.seed))?;
            Some(run.average_precision - same.average_precision)
        });
        let differences: Vec<f64> = pairs.filter(|difference| difference.is_finite()).collect();
        let (mean, deviation) =
            mean_and_deviation(&differences).unwrap_or((first.average_precision - second.average_precision, None));
        let ahead = differences.iter().filter(|difference| **difference > 0.0).count();
        Lead { mean, deviation, ahead, runs: differences.len() }
    }

    /// Ahead in every one of several runs, and by more than one run differs from another.
    fn is_clear(&self) -> bool {
        self.ahead == self.runs && self.deviation.is_some_and(|deviation| self.mean > deviation)
    }
}

/// The model with the highest value.
pub fn best<'a>(
    models: impl IntoIterator<Item = &'a ModelResult>,
    value: impl Fn(&ModelResult) -> f64,
) -> Option<&'a ModelResult> {
    models.into_iter().filter(|model| value(model).is_finite()).max_by(|a, b| value(a).total_cmp(&value(b)))
}

/// The best by average precision.
pub fn winner(results: &Results) -> Option<&ModelResult> {
    best(&results.models, |model| model.average_precision)
}

/// Whether the probabilities of a model may be taken as such.
pub fn is_calibrated(model: &ModelResult) -> bool {
    model.calibration_error <= CALIBRATION_ERROR_LIMIT
        && model.top_decile_ratio.is_none_or(|ratio| TOP_DECILE_LIMITS.contains(&ratio))
}

/// Share of fraud in all that was tested.
pub fn prevalence(results: &Results) -> f64 {
    let frauds: u64 = results.periods.iter().map(|period| period.test_frauds).sum();
    let payments: u64 = results.periods.iter().map(|period| period.test_payments).sum();
    frauds as f64 / payments as f64
}

/// The highest card precision any score could reach, mean over periods.
pub fn perfect_card_precision(results: &Results) -> f64 {
    let perfect = results.periods.iter().map(|period| period.perfect_card_precision_100);
    perfect.sum::<f64>() / results.periods.len() as f64
}

/// What the numbers say.
pub fn verdict(results: &Results, guards: &[GuardResult]) -> Verdict {
    let Some(winner) = winner(results) else {
        return Verdict { headline: "No model was measured".to_owned(), sentences: vec![] };
    };
    // a network is set against the best that has none, trees against the best network: else a hybrid would only be
    // said to beat its own network
    let rival = best(
        results.models.iter().filter(|model| match family(&winner.name) {
            Family::Network => family(&model.name) != Family::Network,
            Family::Trees => family(&model.name) != Family::Trees,
            Family::Baseline => model.name != winner.name,
        }),
        |model| model.average_precision,
    );
    let runs = winner.runs.len();
    let mut sentences = vec![format!(
        "Of {}, {} has the highest average precision, {}{}; a score that knows nothing would get {}, a perfect one 1.",
        several(results.models.len(), "model"),
        label(&winner.name),
        fixed(winner.average_precision, 3),
        if runs > 1 {
            format!(" ± {} over {}", fixed(winner.spread.average_precision, 3), several(runs, "run"))
        } else {
            " in a single run".to_owned()
        },
        fixed(prevalence(results), 4),
    )];
    let mut headline = format!("{} has the highest average precision", label(&winner.name));
    if let Some(rival) = rival {
        let lead = Lead::of(winner, rival);
        headline = compared(winner, rival, &lead);
        sentences.push(run_by_run(winner, rival, &lead));
        sentences.extend(day_by_day(winner, rival, results));
    }
    sentences.extend(other_measures(results, winner));
    sentences.push(calibration(results));
    sentences.push(controls(guards));
    Verdict { headline, sentences }
}

/// The one line: who wins, or that nobody does.
fn compared(winner: &ModelResult, rival: &ModelResult, lead: &Lead) -> String {
    let (first, second) = (label(&winner.name), label(&rival.name));
    let by = fixed(lead.mean, 3);
    match (lead.is_clear(), lead.runs) {
        (true, _) => format!("{first} is ahead of {second} by {by} of average precision"),
        (false, 0 | 1) => format!("{first} is ahead of {second} by {by} of average precision, in one run only"),
        (false, _) => format!("No clear winner: {first} and {second} are within the spread of their runs"),
    }
}

fn run_by_run(winner: &ModelResult, rival: &ModelResult, lead: &Lead) -> String {
    let kind = match (family(&winner.name), family(&rival.name)) {
        (Family::Network, _) => "the best model without a graph network",
        (Family::Trees, Family::Network) => "the best model with a graph network",
        _ => "the best model of another kind",
    };
    let (winner, rival) = (label(&winner.name), label(&rival.name));
    match lead.deviation {
        Some(deviation) => format!(
            "Run by run, with the same period and seed, {winner} leads {kind} ({rival}) by {} ± {} and is ahead in {} of {}{}.",
            fixed(lead.mean, 3),
            fixed(deviation, 3),
            lead.ahead,
            several(lead.runs, "run"),
            if lead.is_clear() { "" } else { ": too little to call it better" }
        ),
        None => format!(
            "It leads {kind} ({rival}) by {}. One run says nothing about spread: run several seeds before anything is decided.",
            fixed(lead.mean, 3)
        ),
    }
}

/// Runs of one period differ by the seed of the fit alone; whether another week would say the same is told by
/// resampling days.
fn day_by_day(winner: &ModelResult, rival: &ModelResult, results: &Results) -> Option<String> {
    let interval = winner.average_precision_interval;
    if !(interval.low.is_finite() && interval.high.is_finite()) {
        return None;
    }
    let other = format!("{} ({})", label(&rival.name), fixed(rival.average_precision, 3));
    let ending = if (interval.low..=interval.high).contains(&rival.average_precision) {
        format!(
            "which takes in {other}: on other days the order could be the other way round, though both were tested on the same"
        )
    } else {
        format!("which leaves {other} outside")
    };
    let size = results.periods.first().map_or(String::new(), |period| {
        let frauds = several(period.test_frauds as usize, "fraud");
        format!(" ({frauds} in {})", several(period.test_payments as usize, "payment"))
    });
    Some(format!(
        "Resampling the days of the first test{size} gives {} {} to {} (95 %), {ending}.",
        label(&winner.name),
        fixed(interval.low, 3),
        fixed(interval.high, 3)
    ))
}

/// Who leads by the other two measures, where a reader might have expected the winner.
fn other_measures(results: &Results, winner: &ModelResult) -> Option<String> {
    let auc = best(&results.models, |model| model.auc)?;
    let cards = best(&results.models, |model| model.card_precision_100)?;
    let area = format!("area under the ROC curve ({})", fixed(auc.auc, 3));
    let precision = format!(
        "card precision at 100 a day ({}, where {} is possible)",
        fixed(cards.card_precision_100, 3),
        fixed(perfect_card_precision(results), 3)
    );
    let (by_area, by_cards) = (label(&auc.name), label(&cards.name));
    Some(match (auc.name == winner.name, cards.name == winner.name) {
        (true, true) => format!("It also has the highest {area} and {precision}."),
        (true, false) => format!("It also has the highest {area}, but {by_cards} has the highest {precision}."),
        (false, true) => format!("It also has the highest {precision}, but {by_area} has the highest {area}."),
        (false, false) if by_area == by_cards => format!("But {by_area} has the highest {area} and {precision}."),
        (false, false) => format!("But {by_area} has the highest {area}, and {by_cards} the highest {precision}."),
    })
}

fn calibration(results: &Results) -> String {
    let off: Vec<String> =
        results.models.iter().filter(|model| !is_calibrated(model)).map(|m| label(&m.name)).collect();
    let limits = format!(
        "error at most {}, top-decile ratio {} to {}",
        CALIBRATION_ERROR_LIMIT,
        TOP_DECILE_LIMITS.start(),
        TOP_DECILE_LIMITS.end()
    );
    match off.len() {
        0 => format!("Every model’s probabilities mean what they say ({limits})."),
        all if all == results.models.len() => format!("No model’s probabilities mean what they say ({limits})."),
        _ => format!("Probabilities mean what they say ({limits}) in every model but {}.", off.join(", ")),
    }
}

fn controls(guards: &[GuardResult]) -> String {
    let failed: Vec<String> = guards.iter().filter(|guard| !guard.passed).map(|guard| label(&guard.guard)).collect();
    let missing = GUARDS.iter().filter(|name| guards.iter().all(|guard| guard.guard != **name)).count();
    match (failed.len(), missing) {
        (0, 0) => format!("All {} guards against leakage behaved.", guards.len()),
        (0, missing) if missing == GUARDS.len() => {
            "No guard against leakage has been run on it yet: believe none of this before.".to_owned()
        }
        (0, missing) => format!(
            "The {} run against leakage behaved; {missing} of {} have not been run.",
            several(guards.len(), "guard"),
            GUARDS.len()
        ),
        _ => format!(
            "A guard against leakage failed ({}): believe none of this before it is explained.",
            failed.join(", ")
        ),
    }
}

/// Share of frauds the winner holds each day, for the tiles at the top.
pub fn interception(model: &ModelResult) -> String {
    percent(model.daily_interception, 0)
}
