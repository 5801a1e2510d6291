//! The curves of the first run: precision–recall, days, calibration, score drift; and what each model reads most.

use super::chart::bars::{columns, rows};
use super::chart::{Axis, Frame, Look};
use super::figures::{fixed, label, percent, several};
use super::headline::models_legend;
use super::verdict::prevalence;
use crate::backtest::results::{DayResult, ModelResult, Results, ScoreDrift};
use maud::{Markup, html};

/// Columns shown of each model.
const SHOWN: usize = 20;
/// Size of a figure with all models in it.
const WIDE: (f64, f64) = (560.0, 340.0);
/// Size of one model's own panel.
const PANEL: (f64, f64) = (360.0, 240.0);

/// The models with their looks.
fn models(results: &Results) -> impl Iterator<Item = (&ModelResult, Look)> {
    results.models.iter().enumerate().map(|(place, model)| (model, Look::of(&model.name, place)))
}

/// All curves.
pub fn curves(results: &Results) -> Markup {
    html! {
        section #curves {
            h2 { "Curves" }
            p { "Of the first run (first period, seed " (results.seeds.first().map_or("–".to_owned(), u64::to_string)) ")." }
            div.two { (precision_recall(results)) (days(results, "card-days", CARDS)) (days(results, "interception", INTERCEPTION)) (daily_load(results)) }
            h3 { "Calibration" }
            p { "Predicted against observed share of fraud in 20 bins of equal mass, both axes logarithmic. On the dashed line a probability means what it says; bins without a fraud stand at the lower edge." }
            div.panels { @for (place, (model, look)) in models(results).enumerate() { (calibration(place, model, look)) } }
            h3 { "Score drift" }
            p { "Share of payments by tenth of the scores of the validation window, and of the test, between the same edges. Grey: validation; coloured: test. A population stability index (PSI) up to 0.1 is commonly read as stable, above 0.25 as a shift; KS is the largest distance between the two distributions." }
            div.panels { @for (place, (model, look)) in models(results).enumerate() { (drift(place, model, look)) } }
        }
    }
}

fn precision_recall(results: &Results) -> Markup {
    let frame = Frame {
        id: "precision-recall".to_owned(),
        title: "Precision–recall curves".to_owned(),
        description: format!("Average precision: {}.", said(results, |model| fixed(model.average_precision, 3))),
        size: WIDE,
        x: (Axis::shares(), "recall: share of frauds found"),
        y: (Axis::shares(), "precision: share of alerts that are fraud"),
    };
    let chance = prevalence(results);
    let body = html! {
        (frame.reference(&[(0.0, chance), (1.0, chance)]))
        (frame.note(0.0, chance, "start", " chance"))
        @for (model, look) in models(results) {
            @let points = &model.curves.precision_recall;
            (frame.line(points, look, (points.len() / 8).max(1)))
        }
    };
    html! {
        figure {
            figcaption { strong { "Precision–recall. " } "Further up and to the right is better." }
            (models_legend(results, |model| label(&model.name)))
            (frame.draw(&body))
        }
    }
}

/// A measure by day.
struct Daily {
    title: &'static str,
    caption: &'static str,
    axis: &'static str,
    of: fn(&DayResult) -> f64,
    perfect: fn(&DayResult) -> f64,
}

const CARDS: Daily = Daily {
    title: "Card precision at 100, by day",
    caption: "The dashed line is the highest that any score could reach that day.",
    axis: "card precision at 100",
    of: |day| day.card_precision_100,
    perfect: |day| day.perfect_card_precision_100,
};

const INTERCEPTION: Daily = Daily {
    title: "Daily interception",
    caption: "Share of the day’s frauds held when 0.5 % of the day’s payments are alerted; the dashed line is every fraud.",
    axis: "share of the day’s frauds held",
    of: |day| day.interception,
    perfect: |_| 1.0,
};

/// The days of the model that has most of them.
fn calendar(results: &Results) -> &[DayResult] {
    let days = results.models.iter().map(|model| model.curves.daily.as_slice());
    days.max_by_key(|days| days.len()).unwrap_or_default()
}

fn dates(days: &[DayResult]) -> Vec<String> {
    // month and day are enough under an axis; what is no date is cut to a length that fits
    days.iter()
        .map(|day| day.date.get(5..10).map_or_else(|| day.date.chars().take(10).collect(), str::to_owned))
        .collect()
}

fn days(results: &Results, id: &str, measure: Daily) -> Markup {
    let calendar = calendar(results);
    let values = |days: &[DayResult], of: fn(&DayResult) -> f64| -> Vec<(f64, f64)> {
        days.iter().enumerate().map(|(place, day)| (place as f64, of(day))).collect()
    };
    let perfect = values(calendar, measure.perfect);
    let highest = perfect.iter().map(|point| point.1).filter(|value| value.is_finite()).fold(0.1, f64::max);
    let frame = Frame {
        id: id.to_owned(),
        title: measure.title.to_owned(),
        description: format!(
            "By day of the test, {} from {}.",
            several(calendar.len(), "day"),
            calendar.first().map_or("–", |day| &day.date)
        ),
        size: WIDE,
        x: (Axis::places(&dates(calendar), 8), "day of the test"),
        y: (Axis::linear(0.0, highest, 5, |value| format!("{value:.1}")), measure.axis),
    };
    let every = calendar.len().div_ceil(15).max(1);
    let body = html! {
        (frame.reference(&perfect))
        @if let Some((place, value)) = perfect.last() { (frame.note(place + 0.45, *value, "end", "perfect")) }
        @for (model, look) in models(results) { (frame.line(&values(&model.curves.daily, measure.of), look, every)) }
    };
    html! {
        figure {
            figcaption { strong { (measure.title) ". " } (measure.caption) }
            (models_legend(results, |model| label(&model.name)))
            (frame.draw(&body))
        }
    }
}

/// Frauds a day: what the other two figures are to be read against.
fn daily_load(results: &Results) -> Markup {
    let calendar = calendar(results);
    let frauds: Vec<f64> = calendar.iter().map(|day| day.frauds as f64).collect();
    let frame = Frame {
        id: "load".to_owned(),
        title: "Frauds by day of the test".to_owned(),
        description: calendar.iter().map(|day| format!("{}: {} of {}; ", day.date, day.frauds, day.payments)).collect(),
        size: WIDE,
        x: (Axis::places(&dates(calendar), 8), "day of the test"),
        y: (Axis::linear(0.0, frauds.iter().copied().fold(1.0, f64::max), 5, |value| format!("{value:.0}")), "frauds"),
    };
    let payments: u64 = calendar.iter().map(|day| day.payments).sum();
    let look = Look::of("rules", 0);
    html! {
        figure {
            figcaption { strong { "Frauds by day. " } (several(payments as usize, "payment")) " in " (several(calendar.len(), "day")) ", " (percent(frauds.iter().sum::<f64>() / payments as f64, 2)) " of them fraud. With few frauds a day, single days say little." }
            (frame.draw(&columns(&frame, &[(look, frauds)])))
        }
    }
}

fn calibration(place: usize, model: &ModelResult, look: Look) -> Markup {
    let points = &model.curves.calibration;
    let positive = points.iter().flat_map(|(predicted, observed)| [*predicted, *observed]).filter(|share| *share > 0.0);
    let smallest = positive.fold(f64::INFINITY, f64::min);
    let frame = Frame {
        id: format!("calibration-{place}"),
        title: format!("Calibration of {}", label(&model.name)),
        description: points
            .iter()
            .map(|(predicted, observed)| {
                format!("{} predicted, {} observed; ", percent(*predicted, 3), percent(*observed, 3))
            })
            .collect(),
        size: PANEL,
        x: (Axis::decades(smallest), "predicted"),
        y: (Axis::decades(smallest), "observed"),
    };
    html! {
        figure {
            figcaption { strong { (label(&model.name)) ". " } "error " (fixed(model.calibration_error, 4))
                @if let Some(ratio) = model.top_decile_ratio { ", top-decile ratio " (fixed(ratio, 2)) } }
            (frame.draw(&html! { (frame.reference(&[(1e-5, 1e-5), (1.0, 1.0)])) (frame.markers(points, look)) }))
        }
    }
}

/// The grey of the validation window is no model's colour.
const VALIDATION: Look = Look::plain();

fn drift(place: usize, model: &ModelResult, look: Look) -> Markup {
    let drift: &ScoreDrift = &model.curves.score_drift;
    let bins: Vec<String> = (1..=drift.validation.len().max(drift.test.len())).map(|bin| bin.to_string()).collect();
    let highest =
        drift.validation.iter().chain(&drift.test).copied().filter(|share| share.is_finite()).fold(0.1, f64::max);
    let frame = Frame {
        id: format!("drift-{place}"),
        title: format!("Score drift of {}", label(&model.name)),
        description: format!(
            "Shares by bin, validation then test: {}. Inner edges, log-odds: {}.",
            drift
                .validation
                .iter()
                .zip(&drift.test)
                .map(|(a, b)| format!("{} {}", percent(*a, 1), percent(*b, 1)))
                .collect::<Vec<_>>()
                .join(", "),
            drift.edges.iter().map(|edge| fixed(*edge, 2)).collect::<Vec<_>>().join(", ")
        ),
        size: PANEL,
        x: (Axis::places(&bins, 10), "tenth of the score, low to high"),
        y: (Axis::linear(0.0, highest, 4, |share| format!("{:.0}%", 100.0 * share)), "payments"),
    };
    let read = match drift.psi {
        psi if psi <= 0.1 => "stable",
        psi if psi <= 0.25 => "some shift",
        psi if psi > 0.25 => "shifted",
        _ => "not known",
    };
    html! {
        figure {
            figcaption { strong { (label(&model.name)) ". " } "PSI " (fixed(drift.psi, 3)) ", KS " (fixed(drift.ks, 3)) ": " (read) }
            (frame.draw(&columns(&frame, &[(VALIDATION, drift.validation.clone()), (look, drift.test.clone())])))
        }
    }
}

/// What each model reads most.
pub fn importance(results: &Results) -> Markup {
    html! {
        section #importance {
            h2 { "Importance" }
            p { "The " (SHOWN) " columns by which each model gains most, as a share of all gain. Importance tells what a model uses, not what causes fraud." }
            div.panels { @for (place, (model, look)) in models(results).enumerate() { @if !model.importance.is_empty() {
                @let bars: Vec<(String, f64, String)> = model.importance.iter().take(SHOWN).map(|(name, share)| (name.clone(), *share, percent(*share, 1))).collect();
                figure {
                    figcaption { strong { (label(&model.name)) ". " } (bars.len()) " of " (several(model.importance.len(), "column"))
                        ", together " (percent(bars.iter().map(|bar| bar.1).sum(), 0)) }
                    (rows(&format!("importance-{place}"), &format!("Importance in {}", label(&model.name)), look, &bars))
                }
            } } }
        }
    }
}

/// One number of every model, in words.
fn said(results: &Results, value: impl Fn(&ModelResult) -> String) -> String {
    results.models.iter().map(|model| format!("{} {}", label(&model.name), value(model))).collect::<Vec<_>>().join(", ")
}
