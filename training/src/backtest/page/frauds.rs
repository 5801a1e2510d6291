//! What each model finds: by scenario of fraud, and by alert rate with the money behind it.

use super::chart::bars::columns;
use super::chart::{Axis, Frame, Look};
use super::figures::{count, fixed, label, percent, rounded};
use super::headline::models_legend;
use super::{figures, scrolled};
use crate::backtest::results::{AlertResult, GroupResult, ModelResult, Results};
use maud::{Markup, html};

/// Scenarios drawn; the table has them all.
const DRAWN: usize = 8;

/// The scenarios in order of name: those of the first model (all have the same).
fn scenarios(results: &Results) -> Vec<&GroupResult> {
    results.models.first().map(|model| model.by_scenario.iter().collect()).unwrap_or_default()
}

fn of<'a>(model: &'a ModelResult, scenario: &str) -> Option<&'a GroupResult> {
    model.by_scenario.iter().find(|group| group.scenario == scenario)
}

/// By scenario, against all legitimate payments.
pub fn by_scenario(results: &Results) -> Markup {
    let scenarios = scenarios(results);
    if scenarios.is_empty() {
        return html! { section #frauds { h2 { "Frauds found, by scenario" } p { "The history does not say which frauds belong together." } } };
    }
    let highest = |scenario: &str, value: fn(&GroupResult) -> f64| {
        let found = results.models.iter().filter_map(|model| of(model, scenario)).map(value);
        found.filter(|value| value.is_finite()).fold(f64::NEG_INFINITY, f64::max)
    };
    let table = html! {
        table {
            thead {
                tr { th rowspan="2" scope="col" { "Model" } @for group in &scenarios {
                    th.group colspan="3" scope="colgroup" { (group.scenario) span.spread { " · " (count(group.frauds)) " frauds" } }
                } }
                tr { @for _ in &scenarios {
                    th.n.first scope="col" { "AUC" } th.n scope="col" { abbr title="average precision" { "AP" } } th.n scope="col" { "Held" }
                } }
            }
            tbody { @for (place, model) in results.models.iter().enumerate() { tr {
                th scope="row" { (Look::of(&model.name, place).swatch()) (label(&model.name)) }
                @for group in &scenarios { @match of(model, &group.scenario) {
                    Some(found) => {
                        td.n.first { (fixed(found.auc, 3)) }
                        td.n.best[found.average_precision == highest(&group.scenario, |g| g.average_precision)] { (fixed(found.average_precision, 3)) }
                        td.n.best[found.recall_at_half_percent == highest(&group.scenario, |g| g.recall_at_half_percent)] { (percent(found.recall_at_half_percent, 0)) }
                    }
                    None => { td.n.first { "–" } td.n { "–" } td.n { "–" } }
                } }
            } } }
        }
    };
    html! {
        section #frauds {
            h2 { "Frauds found, by scenario" }
            p { "Each scenario’s frauds against all legitimate payments. Held: share of them among the 0.5 % of payments with the highest scores." }
            (scrolled("Frauds found, by scenario", &table))
            (scenario_figure(results, &scenarios))
        }
    }
}

fn scenario_figure(results: &Results, scenarios: &[&GroupResult]) -> Markup {
    let mut drawn = scenarios.to_vec();
    drawn.sort_by_key(|group| std::cmp::Reverse(group.frauds));
    drawn.truncate(DRAWN);
    drawn.sort_by(|a, b| a.scenario.cmp(&b.scenario));
    let names: Vec<String> = drawn.iter().map(|group| group.scenario.chars().take(20).collect()).collect();
    let frame = Frame {
        id: "scenarios".to_owned(),
        title: "Share of frauds held at an alert rate of 0.5 %, by scenario and model".to_owned(),
        description: "Columns side by side; the same numbers stand in the table above.".to_owned(),
        size: (1080.0, 300.0),
        x: (Axis::places(&names, DRAWN), "scenario"),
        y: (Axis::linear(0.0, 1.0, 5, |share| format!("{:.0}%", 100.0 * share)), "frauds held"),
    };
    let held = |model: &ModelResult, group: &GroupResult| {
        of(model, &group.scenario).map_or(f64::NAN, |found| found.recall_at_half_percent)
    };
    let values: Vec<(Look, Vec<f64>)> = results
        .models
        .iter()
        .enumerate()
        .map(|(place, model)| (Look::of(&model.name, place), drawn.iter().map(|group| held(model, group)).collect()))
        .collect();
    html! {
        figure {
            figcaption { strong { "Frauds held at an alert rate of 0.5 %. " } "Columns in the order of the legend."
                @if scenarios.len() > drawn.len() { " The " (drawn.len()) " scenarios with most frauds." } }
            (models_legend(results, |model| label(&model.name)))
            (frame.draw(&columns(&frame, &values)))
        }
    }
}

/// What alerting on the highest scores gives, money included.
pub fn by_alert_rate(results: &Results) -> Markup {
    let rates: Vec<f64> = results
        .models
        .first()
        .map(|model| model.at_alert_rates.iter().map(|at| at.alert_rate).collect())
        .unwrap_or_default();
    let at = |model: &ModelResult, rate: f64| model.at_alert_rates.iter().find(|at| at.alert_rate == rate).copied();
    let extreme = |rate: f64, value: fn(&AlertResult) -> f64| {
        let all = results.models.iter().filter_map(|model| at(model, rate));
        all.map(|alert| value(&alert)).filter(|value| value.is_finite()).fold(f64::NEG_INFINITY, f64::max)
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Model" } th.n scope="col" { "Precision" } th.n scope="col" { "Recall" } th.n scope="col" { "F1" }
                th.n scope="col" { "Amount stopped" } th.n scope="col" { "Amount lost a day" } th.n scope="col" { "False alerts a day" }
            } }
            @for rate in rates {
                @let (f1, money) = (extreme(rate, |alert| alert.f1), extreme(rate, |alert| alert.money_recall));
                tbody {
                    tr { th.group colspan="7" scope="rowgroup" { "Alerting on " (figures::rate(rate)) " of payments" } }
                    @for (place, model) in results.models.iter().enumerate() { @if let Some(alert) = at(model, rate) { tr {
                        th scope="row" { (Look::of(&model.name, place).swatch()) (label(&model.name)) }
                        td.n { (percent(alert.precision, 1)) }
                        td.n { (percent(alert.recall, 1)) }
                        td.n.best[alert.f1 == f1] { (fixed(alert.f1, 3)) }
                        td.n.best[alert.money_recall == money] { (percent(alert.money_recall, 1)) }
                        td.n { (rounded(alert.money_lost_per_day)) }
                        td.n { (rounded(alert.false_alerts_per_day)) }
                    } } }
                }
            }
        }
    };
    html! {
        section #alerts {
            h2 { "Alerts and money" }
            p { "What is caught when the payments with the highest scores are alerted, at several rates. Amounts are in the currency units of the history; the amount stopped is the share of the fraudulent amount that was alerted." }
            (money_figure(results))
            (scrolled("Alerts and money", &table))
        }
    }
}

/// What false alerts buy: the amount stopped against legitimate payments alerted.
fn money_figure(results: &Results) -> Markup {
    let points = |model: &ModelResult| -> Vec<(f64, f64)> {
        model.at_alert_rates.iter().map(|alert| (alert.false_alerts_per_day, alert.money_recall)).collect()
    };
    let most = results.models.iter().flat_map(points).map(|point| point.0).filter(|alerts| alerts.is_finite());
    let frame = Frame {
        id: "money".to_owned(),
        title: "Share of the fraudulent amount stopped against false alerts a day".to_owned(),
        description: "One point for each alert rate; the same numbers stand in the table below.".to_owned(),
        size: (1080.0, 300.0),
        x: (Axis::linear(0.0, most.fold(1.0, f64::max), 8, rounded), "false alerts a day"),
        y: (Axis::linear(0.0, 1.0, 5, |share| format!("{:.0}%", 100.0 * share)), "amount stopped"),
    };
    html! {
        figure {
            figcaption { strong { "What a false alert buys. " } "Each point is an alert rate of the table below; further up and to the left is better." }
            (models_legend(results, |model| label(&model.name)))
            (frame.draw(&html! { @for (place, model) in results.models.iter().enumerate() { (frame.line(&points(model), Look::of(&model.name, place), 1)) } }))
        }
    }
}
