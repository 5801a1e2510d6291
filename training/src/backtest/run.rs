//! The order of a backtest: look at the history; for every period gather examples and test payments once; for every seed fit all
//! generations, score the test through their exported files, judge.
//!
//! Cost (1.75 million payments, two cores): some 10 s to look, 10 s a replay, then the fits, which are nearly all of it.

use super::judge::{Answers, Bench};
use super::period::{Period, date};
use super::protocol::{LeaveOut, Protocol};
use super::results::{PeriodFacts, Results, SpeedFacts, TrialFacts};
use super::summary::{FirstRun, Run, summarise};
use super::tested::{TestSet, Tested};
use super::world::World;
use crate::calibrate::{self, Calibrant};
use crate::contender::Contender;
use crate::data::examples::{Examples, Shares};
use crate::data::source::Source;
use crate::data::split::DAY_MS;
use crate::generations::{GenerationSessions, GenerationSettings, Generations, StopRow, fit_generations};
use crate::metrics::rounded;
use crate::network::TrainConfig;
use crate::progress::{Progress, Told};
use anyhow::{Context, Result, ensure};
use fraudnet_features::FeatureSet;
use fraudnet_models::{Calibration, RuntimeConfig};
use fraudnet_scoring::clock;
use fraudnet_scoring::history::Skipped;
use fraudnet_scoring::wire::format_timestamp;
use std::collections::BTreeSet;

/// Version of the layout of [`Results`].
const LAYOUT: u32 = 1;
/// Least share of the validation days' payments not known to be fraud that are looked at: fewer would blur what is chosen there.
const LEAST_STOP_SHARE: f64 = 0.4;
/// Most columns of an importance list.
const IMPORTANT: usize = 50;

/// What to run.
#[derive(Debug, Clone)]
pub struct BacktestRequest {
    /// The history.
    pub source: Source,
    /// What to do with it.
    pub protocol: Protocol,
    /// Seeds of the fits.
    pub seeds: Vec<u64>,
    /// The control this is, by name; `None` for the plain run.
    pub guard: Option<String>,
    /// Fit and score without a graph.
    pub without_graph: bool,
    /// ONNX Runtime.
    pub runtime: RuntimeConfig,
    /// Threads. Changes the speed, never the result.
    pub threads: usize,
    /// Whether progress is told.
    pub told: Told,
}

/// What came of it.
pub struct Backtest {
    /// The one JSON object.
    pub results: Results,
    /// Rows left out.
    pub skipped: Skipped,
    /// The payments of the first test.
    pub tested: Tested,
    /// Raw logits of the first run on them, by [`Contender::index`].
    pub logits: Vec<[f32; Contender::COUNT]>,
}

/// Runs a backtest.
///
/// # Errors
/// An unusable history, windows outside it or without frauds, a fit that diverges, or a missing runtime.
pub fn backtest(request: &BacktestRequest) -> Result<Backtest> {
    // An hour of fitting must not end in a missing library.
    fraudnet_models::initialise_runtime(&request.runtime)?;
    let started = clock::monotonic();
    let protocol = &request.protocol;
    let world = World::look(request.source.clone(), request.told)?;
    let periods = protocol
        .periods(world.survey.first_ms, world.survey.last_ms)
        .with_context(|| format!("history {}", world.source.name()))?;

    let mut gathered = Gathered::default();
    for (number, &period) in periods.iter().enumerate() {
        let examples = examples(request, &world, period)?;
        let test = test_set(request, &world, period)?;
        gathered.periods.push(period_facts(period, &examples, &test, protocol));
        for &seed in &request.seeds {
            let run = run(request, &world, (number, period), seed, &examples, &test, &mut gathered)
                .with_context(|| format!("period {} of {}, seed {seed}", number + 1, periods.len()))?;
            gathered.runs.push(run);
        }
        if number == 0 {
            gathered.speed = (test.applied_per_s, test.observed_per_s);
            gathered.tested = test.tested;
        }
    }
    let Gathered { runs, first, trials, periods: facts, tested, logits, speed } = gathered;
    let results = Results {
        layout: LAYOUT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        history: world.facts,
        protocol: protocol.name.clone(),
        protocol_text: protocol.in_words(&periods),
        guard: request.guard.clone(),
        seeds: request.seeds.clone(),
        periods: facts,
        models: summarise(&runs, first),
        trials,
        speed: SpeedFacts {
            applied_per_s: speed.0.round(),
            observed_per_s: speed.1.round(),
            total_s: rounded((clock::monotonic() - started).as_secs_f64()),
        },
    };
    Ok(Backtest { results, skipped: world.skipped, tested, logits })
}

/// What grows from run to run.
#[derive(Default)]
struct Gathered {
    periods: Vec<PeriodFacts>,
    runs: Vec<Run>,
    first: Vec<FirstRun>,
    trials: Vec<TrialFacts>,
    tested: Tested,
    logits: Vec<[f32; Contender::COUNT]>,
    speed: (f64, f64),
}

fn examples(request: &BacktestRequest, world: &World, period: Period) -> Result<Examples> {
    let BacktestRequest { protocol, told, .. } = request;
    let removal = world.removal(protocol, period);
    let windows = period.windows(world.survey.first_ms, world.survey.last_ms);
    let fit = &protocol.fit;
    let name = format!("gathering examples of {} to {}", date(period.fit_ms), date(period.fit_end_ms - 1));
    let mut progress = Progress::start(*told, &name, "events", None);
    let mut examples = Examples::default();
    let shares =
        Shares { negative: fit.network_share, tabular: fit.row_share, stop: fit.network_share.max(LEAST_STOP_SHARE) };
    examples.gather_eligible(
        &world.source,
        &world.survey,
        &windows,
        shares,
        request.seeds[0],
        &mut progress,
        |event, payment| {
            let at_ms = event.ingested_at_ms;
            let looked_at = match fit.leave_out {
                LeaveOut::Nowhere => false,
                LeaveOut::Validation => at_ms >= period.validation_ms,
                LeaveOut::Everywhere => true,
            };
            !(looked_at && removal.removes(&event.tenant, &payment.account, at_ms))
        },
    )?;
    if let Some(days) = fit.half_life_days {
        examples.fade(windows.stop_ms, i64::from(days) * DAY_MS);
    }
    progress.note(&format!(
        "{} examples for the network ({} MB) and {} more rows for trees; {} known frauds to fit, {} to validate",
        examples.fit.len() + examples.stop.len(),
        examples.bytes >> 20,
        examples.rows.len(),
        examples.fit_positives(),
        examples.stop_positives()
    ));
    progress.finish();
    for (window, from_ms, frauds) in [
        ("fit", period.fit_ms, examples.fit_positives()),
        ("validation", period.validation_ms, examples.stop_positives()),
    ] {
        ensure!(
            frauds > 0,
            "of the {window} days from {} no payment is known to be fraud when the test begins ({}): nothing can be learnt there; choose \
             longer windows, or a delay_days that gives labels the time they take",
            date(from_ms),
            date(period.test_ms)
        );
    }
    Ok(examples)
}

fn test_set(request: &BacktestRequest, world: &World, period: Period) -> Result<TestSet> {
    let name = format!("gathering the test of {} to {}", date(period.test_ms), date(period.end_ms - 1));
    let mut progress = Progress::start(request.told, &name, "events", None);
    let test = TestSet::gather(world, &request.protocol, period, &mut progress)?;
    progress.note(&format!(
        "{} payments, {} frauds, {} removed; {:.0}/s applied only, {:.0}/s with their tensors",
        test.tested.len(),
        test.tested.frauds(),
        test.tested.removed,
        test.applied_per_s,
        test.observed_per_s
    ));
    progress.finish();
    Ok(test)
}

fn run(
    request: &BacktestRequest,
    world: &World,
    (number, period): (usize, Period),
    seed: u64,
    examples: &Examples,
    test: &TestSet,
    gathered: &mut Gathered,
) -> Result<Run> {
    let generations = fit_generations(examples, &settings(request, seed))?;
    let mut sessions = GenerationSessions::new(&generations, &request.runtime, request.threads)?;
    let mut progress = Progress::start(
        request.told,
        &format!("scoring the test, seed {seed}"),
        "payments",
        Some(test.tested.len() as u64),
    );
    let logits = test.score(world, &request.protocol, period, &mut sessions, &mut progress)?;
    progress.finish();
    gathered.trials.extend(generations.trials.iter().map(|trial| TrialFacts {
        period: number,
        seed,
        name: trial.name.clone(),
        average_precision: rounded(trial.average_precision),
        kept: trial.kept,
    }));

    let bench = Bench {
        tested: &test.tested,
        period,
        card_k: &request.protocol.card_k,
        alert_rates: &request.protocol.alert_rates,
    };
    let is_first = gathered.runs.is_empty();
    let latency = if is_first { Some(sessions.latency(&test.sample())?) } else { None };
    let weights: Vec<f64> = generations.stop.iter().map(|row| row.weight).collect();
    let mut judgements = Vec::with_capacity(Contender::COUNT);
    for contender in Contender::ALL {
        let of = contender.index();
        let calibration = calibration(&generations.stop, contender, request.guard.is_some())?;
        let own: Vec<f32> = logits.iter().map(|row| row[of]).collect();
        let validation: Vec<f32> = generations.stop.iter().map(|row| row.logits[of]).collect();
        let answers =
            Answers { logits: &own, calibration: &calibration, validation: &validation, validation_weights: &weights };
        judgements.push(bench.judge(&answers));
        if let Some(latency) = &latency {
            gathered.first.push(FirstRun {
                features: columns_read(&generations, contender),
                interval: bench.interval(&own, seed),
                curves: bench.curves(&answers),
                importance: importance(&generations, contender),
                latency: latency[of],
            });
        }
    }
    if is_first {
        gathered.logits = logits;
    }
    Ok(Run { period: number, seed, judgements, update_s: generations.update_s })
}

fn settings(request: &BacktestRequest, seed: u64) -> GenerationSettings {
    GenerationSettings {
        seed,
        train: TrainConfig {
            epochs: request.protocol.fit.network_epochs,
            threads: request.threads,
            ..TrainConfig::default()
        },
        refit: true,
        without_graph: request.without_graph,
        told: request.told,
        threads: request.threads,
        runtime: request.runtime.clone(),
        ..GenerationSettings::default()
    }
}

/// The map found on the validation payments by the models of the first stage. A control may leave a model nothing to learn: then one
/// level for all, where a plain run reports it.
fn calibration(stop: &[StopRow], contender: Contender, control: bool) -> Result<Calibration> {
    let calibrants: Vec<Calibrant> = stop
        .iter()
        .map(|row| Calibrant {
            logit: row.logits[contender.index()],
            positive: if row.fraud { 1.0 } else { 0.0 },
            weight: row.weight,
        })
        .collect();
    match calibrate::fit(&calibrants) {
        Ok((calibration, _)) => Ok(calibration),
        Err(_) if control => {
            let frauds = stop.iter().filter(|row| row.fraud).count() as f64;
            let share = (frauds + 0.5) / (stop.len() as f64 + 1.0);
            let log_odds = (share / (1.0 - share)).ln() as f32;
            Ok(Calibration { knots: vec![(-1.0, log_odds), (1.0, log_odds)] })
        }
        Err(error) => Err(error.context(format!("calibrating {}", contender.name()))),
    }
}

fn columns_read(generations: &Generations, contender: Contender) -> u64 {
    let columns = match contender {
        Contender::Rules => {
            generations.rules.rules.iter().map(|rule| rule.feature.as_str()).collect::<BTreeSet<_>>().len()
        }
        Contender::TreesV1 => FeatureSet::V1.width(),
        Contender::Logistic | Contender::TreesV2 | Contender::Network => FeatureSet::V2.width(),
        Contender::Hybrid => generations.hybrid.scorer.trees().unwrap_or(FeatureSet::V2).width(),
    };
    columns as u64
}

/// Columns by share of all gain; none where there are no trees.
fn importance(generations: &Generations, contender: Contender) -> Vec<(String, f64)> {
    let trees = match contender {
        Contender::TreesV1 => Some((FeatureSet::V1, &generations.trees_v1)),
        Contender::TreesV2 => Some((FeatureSet::V2, &generations.trees_v2)),
        Contender::Hybrid => generations
            .hybrid
            .scorer
            .trees()
            .map(|set| (set, generations.hybrid.trees.as_ref().unwrap_or(&generations.trees_v2))),
        _ => None,
    };
    let Some((set, trees)) = trees else { return Vec::new() };
    let mut columns = crate::facts::importance(trees, set);
    columns.truncate(IMPORTANT);
    columns
}

fn period_facts(period: Period, examples: &Examples, test: &TestSet, protocol: &Protocol) -> PeriodFacts {
    let bench = Bench { tested: &test.tested, period, card_k: &protocol.card_k, alert_rates: &protocol.alert_rates };
    PeriodFacts {
        fit_from: format_timestamp(period.fit_ms),
        fit_until: format_timestamp(period.fit_end_ms),
        test_from: format_timestamp(period.test_ms),
        test_until: format_timestamp(period.end_ms),
        fit_payments: examples.fit_payments + examples.stop_payments,
        fit_frauds: (examples.fit_positives() + examples.stop_positives()) as u64,
        test_payments: test.tested.len() as u64,
        test_frauds: test.tested.frauds(),
        removed_payments: test.tested.removed,
        perfect_card_precision_100: rounded(bench.perfect_card_precision()),
    }
}
