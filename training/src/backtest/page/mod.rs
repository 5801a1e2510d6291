//! The report: one self-contained HTML page with figures drawn, for those who decide on a model.
//!
//! Map, in reading order:
//! - `verdict`: who is ahead, by how much and how far that can be believed, in words computed from the numbers
//! - `headline`: the models side by side, and the three generations by the measures of the original system
//! - `frauds`: what each finds, by scenario and by alert rate, money included
//! - `drawn`: precision–recall, calibration, days, score drift, importance
//! - `guards`: the controls
//! - `runs`: every run, the forms of hybrid tried, other protocols
//! - `facts`: the history, the windows, how to run it again
//! - `chart`: SVG; `figures`: how numbers are written; `page.css`: how it all looks
//!
//! Never knows payments: all it draws stands in [`Results`]. No script, no network, no clock: the same results give the
//! same bytes. Every name in it comes from a file, so everything written goes through the escaping of `maud`.

mod chart;
mod drawn;
mod facts;
mod figures;
mod frauds;
mod guards;
mod headline;
mod runs;
#[cfg(test)]
mod tests;
mod verdict;

use super::results::{GuardResult, Results};
use figures::{fixed, label, window};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page, as one self-contained HTML file. `guards` are shown beside the plain run, `others` (the same history under
/// other protocols) in a compact table of their own.
pub fn page(results: &Results, guards: &[GuardResult], others: &[Results]) -> String {
    let verdict = verdict::verdict(results, guards);
    let title = format!("Backtest of {} · {}", results.history.name, results.protocol);
    let contents = [
        ("models", "Models"),
        ("generations", "Generations"),
        ("frauds", "Frauds found"),
        ("alerts", "Alerts and money"),
        ("curves", "Curves"),
        ("importance", "Importance"),
        ("guards", "Guards"),
        ("runs", "Every run"),
        ("facts", "Data and method"),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "fraudnet " (results.program) };
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header {
                    p.eyebrow { "fraudnet " (results.program) " · backtest" }
                    h1 { "Fraud models on " (results.history.name) }
                    p.sub { "Protocol " strong { (results.protocol) } @if let Some(tested) = tested(results) { " · tested on " (tested) } }
                    nav aria-label="Contents" { @for (id, text) in contents { a href={ "#" (id) } { (text) } } }
                }
                main {
                    @if let Some(guard) = &results.guard {
                        p.banner role="note" { strong { "A control, not a measurement. " } "This run is the guard " (label(guard)) ": the history was changed on purpose." }
                    }
                    section.verdict aria-labelledby="verdict" {
                        p.eyebrow { "Verdict" }
                        h2 #verdict { (verdict.headline) }
                        p { (verdict.sentences.join(" ")) }
                        (tiles(results, guards))
                    }
                    (headline::models(results))
                    (headline::generations(results))
                    (frauds::by_scenario(results))
                    (frauds::by_alert_rate(results))
                    (drawn::curves(results))
                    (drawn::importance(results))
                    (guards::section(guards))
                    (runs::section(results, others))
                    (facts::section(results))
                }
                footer { "Aggregates only: no payment, account or merchant is on this page. Written by fraudnet-train " (results.program) "." }
            }
        }
    };
    page.into_string()
}

/// The days tested, all periods.
fn tested(results: &Results) -> Option<String> {
    let (first, last) = (results.periods.first()?, results.periods.last()?);
    Some(window(&first.test_from, &last.test_until))
}

/// The numbers a reader takes away.
fn tiles(results: &Results, guards: &[GuardResult]) -> Markup {
    let Some(winner) = verdict::winner(results) else { return html! {} };
    let behaved = guards.iter().filter(|guard| guard.passed).count();
    let tiles = [
        (
            fixed(winner.average_precision, 3),
            "average precision",
            format!("chance: {}", fixed(verdict::prevalence(results), 4)),
        ),
        (fixed(winner.auc, 3), "area under ROC", "chance: 0.5".to_owned()),
        (
            fixed(winner.card_precision_100, 3),
            "card precision at 100",
            format!("possible: {}", fixed(verdict::perfect_card_precision(results), 3)),
        ),
        (verdict::interception(winner), "of a day's frauds held", "alerting on 0.5 % of payments".to_owned()),
        (format!("{behaved} / {}", verdict::GUARDS.len()), "guards behaved", format!("{} run", guards.len())),
    ];
    html! {
        p.tiles-of { (label(&winner.name)) ":" }
        ul.tiles {
            @for (value, name, beside) in tiles { li { strong { (value) } span { (name) } small { (beside) } } }
        }
    }
}

/// A table that may be wider than the page: it scrolls by itself, with the keyboard too.
fn scrolled(name: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(name) { (table) } }
}

/// A mean with its spread beside it, where there is more than one run.
fn spread(mean: f64, deviation: f64, runs: usize) -> Markup {
    html! { (fixed(mean, 3)) @if runs > 1 { span.spread { " ± " (fixed(deviation, 3)) } } }
}
