//! The order of fits: everything once on the fit window, watching the stop window; then, with rounds, epochs and form known,
//! once more on both together.
//!
//! Cost on 30,000 examples: rules and logistic regression seconds, trees under a minute each on a thread of their own, the
//! network minutes; the second fit about as much again.

use super::hybrid::{self, Choice};
use super::network::{End, fit, fit_again};
use super::pool::Pool;
use super::sessions::GenerationSessions;
use super::{GenerationSettings, Generations, Hybrid, StopRow, Trial, graphless};
use crate::contender::Contender;
use crate::data::examples::Examples;
use crate::logistic::Logistic;
use crate::progress::{Progress, Told};
use crate::rules::candidates::CANDIDATES;
use crate::rules::tune::tune;
use crate::trees::{self, TreeConfig, Trees};
use anyhow::{Context, Result, ensure};
use fraudnet_features::FeatureSet;
use fraudnet_models::RuleSet;
use fraudnet_scoring::clock;

/// Ridge of the logistic regression.
const LOGISTIC_RIDGE: f64 = 1.0;

/// Fits every contender on the fit examples, watching the stop examples; the same examples and settings give the same
/// models, bit for bit.
///
/// # Errors
/// A window without frauds or without anything else, a fit that diverges, or no runtime.
pub fn fit_generations(examples: &Examples, settings: &GenerationSettings) -> Result<Generations> {
    let cut;
    let examples = if settings.without_graph {
        cut = graphless::examples(examples);
        &cut
    } else {
        examples
    };
    let (window, stop) = (Pool::fit(examples), Pool::stop(examples));
    for (name, pool) in [("fit", &window), ("early-stop", &stop)] {
        let (frauds, all) = (pool.frauds(), pool.whole.len());
        ensure!(
            frauds > 0 && frauds < all,
            "the {name} window holds {frauds} known frauds among {all} examples; use a longer history or a larger share of negatives"
        );
    }
    let mut first = first_fit(&window, &stop, settings)?;
    first.stop = stop_rows(&first, &stop, settings)?;
    if settings.refit { second_fit(&window.and(&stop), first, settings) } else { Ok(first) }
}

fn first_fit(window: &Pool<'_>, stop: &Pool<'_>, settings: &GenerationSettings) -> Result<Generations> {
    let config = TreeConfig { seed: settings.seed, ..settings.trees.clone() };
    let tabular = fit_tabular(window, Some(stop), [&config, &config], settings)?;
    let (network, network_s) = timed(|| fit("the network", window, End::Watching(stop), settings))?;
    let [trees_v1, trees_v2] = tabular.trees;
    let Choice { hybrid, trials, split_s } = hybrid::choose(window, stop, &network, &trees_v2, settings)?;
    tell(settings.told, &trials);
    let update_s = update_seconds(&tabular.seconds, network_s, &hybrid, split_s);
    Ok(Generations {
        rules: tabular.rules,
        logistic: tabular.logistic,
        trees_v1,
        trees_v2,
        network,
        hybrid,
        trials,
        stop: Vec::new(),
        update_s,
        without_graph: settings.without_graph,
    })
}

/// Everything again on all that is known, for the rounds and epochs and in the form found.
fn second_fit(all: &Pool<'_>, first: Generations, settings: &GenerationSettings) -> Result<Generations> {
    let configs = [repeated(&first.trees_v1, settings), repeated(&first.trees_v2, settings)];
    let tabular = fit_tabular(all, None, [&configs[0], &configs[1]], settings)?;
    let [v1, v2] = tabular.trees;
    let trees_v1 = Trees { stop_average_precision: first.trees_v1.stop_average_precision, ..v1 };
    let trees_v2 = Trees { stop_average_precision: first.trees_v2.stop_average_precision, ..v2 };
    let (network, network_s) = timed(|| fit_again("the network again", all, &first.network, settings))?;
    let (hybrid, own_s) = timed(|| hybrid::again(all, &first.hybrid, &network, &trees_v2, settings))?;
    let update_s = update_seconds(&tabular.seconds, network_s, &hybrid, own_s);
    Ok(Generations {
        rules: tabular.rules,
        logistic: tabular.logistic,
        trees_v1,
        trees_v2,
        network,
        hybrid,
        update_s,
        ..first
    })
}

/// Seconds a new version of each contender takes; `split_s` are those of the network and trees of a split window.
fn update_seconds(tabular: &[f64; 4], network_s: f64, hybrid: &Hybrid, split_s: f64) -> [f64; Contender::COUNT] {
    let [rules_s, logistic_s, v1_s, v2_s] = *tabular;
    let hybrid_s = match hybrid.scorer.trees() {
        Some(FeatureSet::V3) => split_s,
        Some(_) => network_s + v2_s,
        None => network_s,
    };
    [rules_s, logistic_s, v1_s, v2_s, network_s, hybrid_s]
}

/// The settings that fit trees again for the rounds found.
pub(super) fn repeated(first: &Trees, settings: &GenerationSettings) -> TreeConfig {
    TreeConfig { seed: settings.seed, rounds: first.rounds.max(1), patience: 0, ..settings.trees.clone() }
}

/// What reads payment rows alone.
struct Tabular {
    rules: RuleSet,
    logistic: Logistic,
    trees: [Trees; 2],
    seconds: [f64; 4],
}

fn fit_tabular(
    pool: &Pool<'_>,
    stop: Option<&Pool<'_>>,
    configs: [&TreeConfig; 2],
    settings: &GenerationSettings,
) -> Result<Tabular> {
    let payments = pool.payments();
    let (rules, rules_s) = told_step(settings.told, "tuning rules", || tune(CANDIDATES, &payments))?;
    let (logistic, logistic_s) = told_step(settings.told, "fitting the logistic regression", || {
        Logistic::fit(&payments.rows, &payments.positive, &payments.weights, LOGISTIC_RIDGE)
    })?;
    drop(payments);
    let grow = |set: FeatureSet, config: &TreeConfig, told: &mut dyn FnMut(usize)| {
        let rows = pool.rows_of(set);
        let stop = stop.map(|stop| stop.rows_of(set));
        let stop = stop.as_ref().map(|rows| rows.table());
        timed(|| {
            trees::train(config, &rows.table(), stop.as_ref(), told).with_context(|| format!("trees {}", set.name()))
        })
    };
    // Both at once: LightGBM runs on one thread each, so that its models are the same every time.
    let mut progress =
        Progress::start(settings.told, "fitting trees v1 and v2", "rounds", Some(configs[1].rounds as u64));
    let (small, large) = std::thread::scope(|scope| {
        let beside = (settings.threads > 1).then(|| scope.spawn(|| grow(FeatureSet::V1, configs[0], &mut |_| {})));
        let large = grow(FeatureSet::V2, configs[1], &mut |round| progress.advance(round as u64));
        let small = match beside {
            Some(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => grow(FeatureSet::V1, configs[0], &mut |_| {}),
        };
        (small, large)
    });
    progress.finish();
    let ((small, small_s), (large, large_s)) = (small?, large?);
    Ok(Tabular { rules, logistic, trees: [small, large], seconds: [rules_s, logistic_s, small_s, large_s] })
}

/// The stop examples as scored by models that have not learnt from them.
fn stop_rows(generations: &Generations, stop: &Pool<'_>, settings: &GenerationSettings) -> Result<Vec<StopRow>> {
    let mut sessions = GenerationSessions::new(generations, &settings.runtime, settings.threads.max(1))?;
    let logits = sessions.logits(&stop.tensors())?;
    let rows = stop.whole.iter().zip(logits).map(|(member, logits)| StopRow {
        logits,
        fraud: member.is_fraud(),
        weight: f64::from(member.example.weight),
        history: member.origin.history,
        age_ms: member.origin.age_ms,
    });
    Ok(rows.collect())
}

/// Work with the seconds it took.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = clock::monotonic();
    let result = work()?;
    Ok((result, (clock::monotonic() - start).as_secs_f64()))
}

/// A step that has no inner progress, with the seconds it took.
fn told_step<T>(told: Told, name: &str, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let mut progress = Progress::start(told, name, "steps", None);
    let result = work()?;
    progress.advance(1);
    Ok((result, progress.finish()))
}

fn tell(told: Told, trials: &[Trial]) {
    let mut progress = Progress::start(told, "choosing the form of the hybrid", "forms", None);
    for trial in trials {
        let kept = if trial.kept { " (kept)" } else { "" };
        progress.note(&format!("{}: early-stop average precision {:.4}{kept}", trial.name, trial.average_precision));
    }
    progress.advance(trials.len() as u64);
    progress.finish();
}
