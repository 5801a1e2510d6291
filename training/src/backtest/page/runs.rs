//! Every run by itself, the forms of hybrid tried, and the same history under other protocols.

use super::chart::Look;
use super::figures::{fixed, label, mean_and_deviation, several};
use super::{scrolled, spread, tested};
use crate::backtest::results::{Results, TrialFacts};
use maud::{Markup, html};

/// Runs, trials, other protocols.
pub fn section(results: &Results, others: &[Results]) -> Markup {
    html! {
        section #runs {
            h2 { "Every run" }
            p { "One row for each fit and test; seeds within periods." }
            (runs(results))
            @if !results.trials.is_empty() { (trials(&results.trials)) }
            @if !others.is_empty() { (protocols(results, others)) }
        }
    }
}

fn runs(results: &Results) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Model" } th.n scope="col" { "Period" } th.n scope="col" { "Seed" } th.n scope="col" { "AUC" } th.n scope="col" { "Average precision" }
                th.n scope="col" { "CP@100" } th.n scope="col" { "Calibration error" } th.n scope="col" { "Top-decile ratio" }
            } }
            @for (place, model) in results.models.iter().enumerate() { tbody {
                @for run in &model.runs { tr {
                    th scope="row" { (Look::of(&model.name, place).swatch()) (label(&model.name)) }
                    td.n { (run.period + 1) } td.n { (run.seed) } td.n { (fixed(run.auc, 4)) } td.n { (fixed(run.average_precision, 4)) }
                    td.n { (fixed(run.card_precision_100, 4)) } td.n { (fixed(run.calibration_error, 5)) }
                    td.n { (run.top_decile_ratio.map_or("–".to_owned(), |ratio| fixed(ratio, 3))) }
                } }
            } }
        }
    };
    html! {
        details open {
            summary { (several(results.models.first().map_or(0, |model| model.runs.len()), "run")) " of " (several(results.models.len(), "model")) }
            (scrolled("Every run", &table))
        }
    }
}

/// Forms of hybrid in order of their first trial, over all runs.
fn trials(trials: &[TrialFacts]) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for trial in trials {
        if !names.contains(&trial.name.as_str()) {
            names.push(&trial.name);
        }
    }
    let rows = names.into_iter().map(|name| {
        let of: Vec<&TrialFacts> = trials.iter().filter(|trial| trial.name == name).collect();
        let values: Vec<f64> = of.iter().map(|trial| trial.average_precision).collect();
        let (mean, deviation) = mean_and_deviation(&values).unwrap_or((f64::NAN, None));
        (name, mean, deviation.unwrap_or(f64::NAN), of.len(), of.iter().filter(|trial| trial.kept).count())
    });
    let table = html! {
        table {
            thead { tr { th scope="col" { "Form" } th.n scope="col" { "Average precision, validation window" } th.n scope="col" { "Tried in" } th.n scope="col" { "Kept in" } } }
            tbody { @for (name, mean, deviation, tried, kept) in rows { tr {
                th scope="row" { (name) } td.n { (spread(mean, deviation, tried)) } td.n { (several(tried, "run")) }
                td.n { @if kept > 0 { strong { (several(kept, "run")) } } @else { "–" } }
            } } }
        }
    };
    html! {
        h3 { "Forms of hybrid tried" }
        p { "Chosen by the validation window inside the fit window of each run, never by the test." }
        (scrolled("Forms of hybrid tried", &table))
    }
}

/// The same history under other protocols.
fn protocols(results: &Results, others: &[Results]) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "Model" } th.n scope="col" { "AUC" } th.n scope="col" { "Average precision" } th.n scope="col" { "CP@100" } } }
            @for protocol in std::iter::once(results).chain(others) { tbody {
                tr { th.group colspan="4" scope="rowgroup" {
                    (protocol.protocol) span.spread { @if let Some(days) = tested(protocol) { " · tested on " (days) } " · " (several(protocol.seeds.len(), "seed"))
                        @if let Some(guard) = &protocol.guard { " · guard " (label(guard)) } }
                } }
                @for (place, model) in protocol.models.iter().enumerate() { tr {
                    th scope="row" { (Look::of(&model.name, place).swatch()) (label(&model.name)) }
                    td.n { (spread(model.auc, model.spread.auc, model.runs.len())) }
                    td.n { (spread(model.average_precision, model.spread.average_precision, model.runs.len())) }
                    td.n { (spread(model.card_precision_100, model.spread.card_precision_100, model.runs.len())) }
                } }
            } }
        }
    };
    html! {
        h3 { "Under other protocols" }
        @for other in others { p { strong { (other.protocol) ": " } (other.protocol_text) } }
        (scrolled("Under other protocols", &table))
    }
}
