//! The models side by side, and the three generations by the measures the original system was told by.

use super::chart::bars::{IntervalRow, intervals};
use super::chart::{Look, legend};
use super::figures::{count, duration, fixed, label, percent, several};
use super::verdict::{CALIBRATION_ERROR_LIMIT, TOP_DECILE_LIMITS, best, perfect_card_precision, winner};
use super::{scrolled, spread};
use crate::backtest::results::{CardResult, ModelResult, Results};
use maud::{Markup, html};

/// The headline table, and the same as a figure.
pub fn models(results: &Results) -> Markup {
    let runs = winner(results).map_or(0, |model| model.runs.len());
    let leader = |value: fn(&ModelResult) -> f64| best(&results.models, value).map(|model| model.name.as_str());
    let (auc, precision, cards) =
        (leader(|m| m.auc), leader(|m| m.average_precision), leader(|m| m.card_precision_100));
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Model" } th.n scope="col" { "AUC" } th.n scope="col" { "Average precision" }
                th.n scope="col" { "CP@100" }
                @for cards in other_cards(results.models.first()) { th.n scope="col" { "CP@" (cards.k) } }
                th.n scope="col" { "Calibration error" } th.n scope="col" { "Top-decile ratio" }
            } }
            tbody { @for (place, model) in results.models.iter().enumerate() { tr {
                th scope="row" { (Look::of(&model.name, place).swatch()) (label(&model.name)) }
                td.n.best[auc == Some(&model.name)] { (spread(model.auc, model.spread.auc, runs)) }
                td.n.best[precision == Some(&model.name)] { (spread(model.average_precision, model.spread.average_precision, runs)) }
                td.n.best[cards == Some(&model.name)] { (spread(model.card_precision_100, model.spread.card_precision_100, runs)) }
                @for cards in other_cards(Some(model)) { td.n { (fixed(cards.precision, 3)) } }
                td.n { (fixed(model.calibration_error, 4)) (limit(model.calibration_error <= CALIBRATION_ERROR_LIMIT)) }
                td.n { @match model.top_decile_ratio {
                    Some(ratio) => { (fixed(ratio, 2)) (limit(TOP_DECILE_LIMITS.contains(&ratio))) }
                    None => "–"
                } }
            } } }
        }
    };
    html! {
        section #models {
            h2 { "The models side by side" }
            p { "Means over " (several(runs, "run")) " (" (several(results.seeds.len(), "seed")) ", " (several(results.periods.len(), "period")) ")"
                @if runs > 1 { ", ± the standard deviation from run to run" } ". The best of a column is bold and underlined." }
            (scrolled("Models side by side", &table))
            p.fine {
                strong { "AUC" } ": chance that a fraud scores higher than a legitimate payment. "
                strong { "Average precision" } ": area under the precision–recall curve; the measure that decides here, since fraud is rare. "
                strong { "CP@100" } ": share truly compromised among the 100 cards a day with the highest scores, cards found on earlier days left out; at most "
                (fixed(perfect_card_precision(results), 3)) " on these days"
                @for cards in other_cards(results.models.first()) { ", CP@" (cards.k) " at most " (fixed(cards.perfect, 3)) } ". "
                strong { "Calibration error" } ": how far probabilities are from what came true, 20 bins of equal mass; ✓ up to " (CALIBRATION_ERROR_LIMIT) ". "
                strong { "Top-decile ratio" } ": predicted over observed fraud in the tenth with the highest probabilities; ✓ from "
                (TOP_DECILE_LIMITS.start()) " to " (TOP_DECILE_LIMITS.end()) "."
            }
            (precision_figure(results))
        }
    }
}

/// Card precisions at other numbers than the hundred that has its own column.
fn other_cards(model: Option<&ModelResult>) -> impl Iterator<Item = &CardResult> {
    model.into_iter().flat_map(|model| &model.card_precision_at).filter(|cards| cards.k != 100)
}

/// Whether a limit is kept, as a mark that does not hang on colour.
fn limit(kept: bool) -> Markup {
    html! {
        @if kept { span.good title="within the limit" { " ✓" } } @else { span.bad title="outside the limit" { " ✕" } }
        span.hidden { @if kept { " within the limit" } @else { " outside the limit" } }
    }
}

fn precision_figure(results: &Results) -> Markup {
    let rows = results.models.iter().enumerate().map(|(place, model)| IntervalRow {
        name: label(&model.name),
        look: Look::of(&model.name, place),
        mean: model.average_precision,
        interval: (model.average_precision_interval.low, model.average_precision_interval.high),
        runs: model.runs.iter().map(|run| run.average_precision).collect(),
    });
    let rows: Vec<IntervalRow> = rows.collect();
    let said = rows.iter().map(|row| {
        format!(
            "{}: {}, interval {} to {}",
            row.name,
            fixed(row.mean, 3),
            fixed(row.interval.0, 3),
            fixed(row.interval.1, 3)
        )
    });
    let said: Vec<String> = said.collect();
    html! {
        figure {
            figcaption { strong { "Average precision: mean, runs, and days. " }
                "Marker: mean of all runs. Strokes: single runs. Bar: 95 % interval of the first run by resampling its test days, the uncertainty that more seeds can't remove." }
            (intervals("precision", "Average precision of each model", &said.join("; "), "average precision", &rows))
        }
    }
}

/// The original system's own table, for the three generations.
pub fn generations(results: &Results) -> Markup {
    let generations: Vec<(&str, Option<&ModelResult>)> = ["trees-v1", "trees-v2", "hybrid"]
        .into_iter()
        .map(|name| (name, results.models.iter().find(|model| model.name == name)))
        .collect();
    let row = |name: &str, of: &dyn Fn(&ModelResult) -> String| {
        html! { tr { th scope="row" { (name) } @for (_, model) in &generations { td.n { (model.map_or("–".to_owned(), of)) } } } }
    };
    let table = html! {
        table {
            thead { tr { th scope="col" { "Measured here" } @for (place, (name, _)) in generations.iter().enumerate() {
                th.n scope="col" { (Look::of(name, place).swatch()) (label(name)) }
            } } }
            tbody {
                (row("Mean latency of the model, ms", &|model| fixed(model.latency_us.mean / 1e3, 3)))
                (row("99th percentile, ms", &|model| fixed(model.latency_us.p99 / 1e3, 3)))
                (row("Daily interception", &|model| percent(model.daily_interception, 1)))
                (row("Update cycle (fit and export)", &|model| duration(model.update_s)))
                (row("Features read", &|model| if model.name == "hybrid" { format!("{} + subgraph", count(model.features)) } else { count(model.features) }))
                (row("Average precision", &|model| fixed(model.average_precision, 3)))
            }
        }
    };
    html! {
        section #generations {
            h2 { "Three generations, by the original system’s own table" }
            (scrolled("Three generations", &table))
            p.fine {
                "Latency: one payment at a time through the runtime, from its tensor; assembling the tensor takes about "
                (fixed(1e3 / results.speed.observed_per_s, 3)) " ms more in this replay. "
                "Daily interception: share of a day’s frauds held when 0.5 % of that day’s payments are alerted, mean over days. "
                "Update cycle: time to fit and export a new version on this machine, the replay of the history not counted."
            }
        }
    }
}

/// Legend of all models, for the figures that show them together.
pub fn models_legend(results: &Results, text: impl Fn(&ModelResult) -> String) -> Markup {
    let entries: Vec<(Look, String)> =
        results.models.iter().enumerate().map(|(place, model)| (Look::of(&model.name, place), text(model))).collect();
    legend(&entries)
}
