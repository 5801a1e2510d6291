//! The controls: runs that must come out a certain way if nothing leaks.
//!
//! In reading order: this file (the four of them, and the three that fit again), `chance` (what a score that knows nothing gets),
//! [`peek`] (tensors before a cut, with and without the future altered).

mod chance;
pub mod peek;

use super::alteration::Alteration;
use super::results::{GuardResult, Results};
use super::run::{Backtest, BacktestRequest, backtest};
use crate::contender::Contender;
use crate::data::source::Source;
use anyhow::Result;
use chance::{Chance, chance};

/// A control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Guard {
    /// Who meets whom is dealt out anew within each day; everybody keeps their number of payments. What a model loses is what it read
    /// off the structure.
    ShuffledEdges,
    /// Which payments are fraud is permuted over the whole history: every model must fall to chance.
    ShuffledLabels,
    /// Models fitted and tested without edges, graph columns and reports of other entities.
    NoGraph,
    /// Nothing computed before a cut may change when the future after it does; and a leak planted on purpose must be caught.
    FuturePeek,
}

impl Guard {
    /// Its name, e.g. `shuffled-edges`.
    pub const fn name(self) -> &'static str {
        match self {
            Guard::ShuffledEdges => "shuffled-edges",
            Guard::ShuffledLabels => "shuffled-labels",
            Guard::NoGraph => "no-graph",
            Guard::FuturePeek => "future-peek",
        }
    }
}

/// Runs a control: the request is that of the plain run with one seed, `plain` its results where they are there. Only the first period is
/// fitted: a control asks whether something leaks, not how good a model is.
///
/// # Errors
/// As the plain run.
pub fn guard(guard: Guard, request: &BacktestRequest, plain: Option<&Results>) -> Result<GuardResult> {
    let altered = |alteration| Source::Altered { base: Box::new(request.source.clone()), alteration };
    let seed = request.seeds[0];
    let mut control = request.clone();
    control.protocol.periods = 1;
    control.seeds.truncate(1);
    control.guard = Some(guard.name().to_owned());
    match guard {
        Guard::FuturePeek => return peek::future_peek(request),
        Guard::ShuffledEdges => control.source = altered(Alteration::ShuffledEdges { seed }),
        Guard::ShuffledLabels => control.source = altered(Alteration::ShuffledLabels { seed }),
        Guard::NoGraph => control.without_graph = true,
    }
    let run = backtest(&control)?;
    Ok(match guard {
        Guard::ShuffledLabels => against_chance(&run, plain, seed),
        _ => against_plain(guard, &run, plain, seed),
    })
}

/// Average precision of every model under the control and in the plain run of the same seed (or, without that, its mean).
fn beside(run: &Backtest, plain: Option<&Results>, seed: u64) -> Vec<(String, f64, Option<f64>)> {
    let of_plain = |name: &str| {
        let model = plain?.models.iter().find(|model| model.name == name)?;
        let same = model.runs.iter().find(|run| run.period == 0 && run.seed == seed);
        Some(same.map_or(model.average_precision, |run| run.average_precision))
    };
    run.results
        .models
        .iter()
        .map(|model| (model.name.clone(), model.average_precision, of_plain(&model.name)))
        .collect()
}

fn against_chance(run: &Backtest, plain: Option<&Results>, seed: u64) -> GuardResult {
    let models = beside(run, plain, seed);
    let chances: Vec<Chance> = Contender::ALL
        .into_iter()
        .map(|contender| {
            let logits: Vec<f32> = run.logits.iter().map(|row| row[contender.index()]).collect();
            chance(&logits, &run.tested.fraud, seed)
        })
        .collect();
    let reach = |model: &usize| chances[*model].reach(models[*model].1);
    let furthest = (0..models.len()).max_by(|a, b| reach(a).total_cmp(&reach(b))).expect("there are models");
    let passed = models.iter().zip(&chances).all(|((_, found, _), chance)| chance.holds(*found));
    let prevalence = run.tested.prevalence();
    GuardResult {
        guard: Guard::ShuffledLabels.name().to_owned(),
        done: "Which payments are fraud was permuted over all payments of the history, truth and labels together, delays kept; \
               every model was fitted and tested anew."
            .to_owned(),
        expected: "Average precision falls to the prevalence: within what 999 of 1,000 draws of as many frauds among the same scores give."
            .to_owned(),
        found: format!(
            "{}: average precision {} at a prevalence of {:.4}; the furthest from chance is {} with {:.4}, where chance gives {:.4} ({:.4} to \
             {:.4}).",
            if passed { "Nothing was learnt where there was nothing to learn" } else { "Something told the models" },
            range(&models),
            prevalence,
            models[furthest].0,
            models[furthest].1,
            chances[furthest].mean,
            chances[furthest].low,
            chances[furthest].high
        ),
        passed,
        prevalence,
        models,
        compared: 0,
        honest_differences: 0,
        planted_differences: 0,
    }
}

fn range(models: &[(String, f64, Option<f64>)]) -> String {
    let values = || models.iter().map(|(_, value, _)| *value);
    format!("{:.4} to {:.4}", values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
}

fn against_plain(guard: Guard, run: &Backtest, plain: Option<&Results>, seed: u64) -> GuardResult {
    let models = beside(run, plain, seed);
    let of = |contender: Contender| &models[contender.index()];
    let (hybrid, trees) = (of(Contender::Hybrid), of(Contender::TreesV2));
    let (done, expected) = match guard {
        Guard::ShuffledEdges => (
            "Within each day merchants, devices, IP addresses and counterparties were each dealt out anew among the payments that have one: \
             everybody keeps their number of payments a day, who meets whom is random. Every model was fitted and tested anew.",
            "What a model reads off the structure is lost: hybrid and trees v2 fall below their plain runs. A model that stayed as good would \
             not owe its score to who meets whom.",
        ),
        _ => (
            "Every model was fitted and tested without edges, without graph columns and without reports of other entities.",
            "What the graph is worth is lost: hybrid and trees v2 fall below their plain runs; trees v1, which read no graph, stay.",
        ),
    };
    let (found, passed) = match (hybrid.2, trees.2) {
        (Some(hybrid_plain), Some(trees_plain)) => {
            let fell = hybrid.1 < hybrid_plain && trees.1 < trees_plain;
            let found = format!(
                "Average precision of the hybrid goes from {hybrid_plain:.3} to {:.3} ({:+.3}), of trees v2 from {trees_plain:.3} to {:.3} \
                 ({:+.3}); the hybrid is {:+.3} against trees v2, in the plain run {:+.3}.",
                hybrid.1,
                hybrid.1 - hybrid_plain,
                trees.1,
                trees.1 - trees_plain,
                hybrid.1 - trees.1,
                hybrid_plain - trees_plain
            );
            (found, fell)
        }
        _ => (
            format!(
                "Average precision {:.3} (hybrid) and {:.3} (trees v2), but there is no plain run beside it to compare with: run \
                 `fraudnet-train backtest` with the same --out first.",
                hybrid.1, trees.1
            ),
            false,
        ),
    };
    GuardResult {
        guard: guard.name().to_owned(),
        done: done.to_owned(),
        expected: expected.to_owned(),
        found,
        passed,
        prevalence: run.tested.prevalence(),
        models,
        compared: 0,
        honest_differences: 0,
        planted_differences: 0,
    }
}
