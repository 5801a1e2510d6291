//! The page holds everything it is given, whatever that is.

mod sample;

use super::verdict::verdict;
use super::{figures, page};
use crate::backtest::results::{Curves, GuardResult, Results};

/// Where to look at it: `FRAUDNET_PAGE=FILE cargo test -p fraudnet-training --lib page::tests::holds` writes the page there.
fn kept(html: &str) {
    if let Some(file) = std::env::var_os("FRAUDNET_PAGE") {
        std::fs::write(file, html).unwrap();
    }
}

#[test]
fn holds_every_model_guard_and_protocol() {
    let (results, guards) = (sample::results(), sample::guards());
    let html = page(&results, &guards, &[sample::other()]);
    kept(&html);
    for model in &results.models {
        assert!(html.matches(&figures::label(&model.name)).count() > 8, "{}", model.name);
        assert!(html.contains(&figures::fixed(model.average_precision, 3)), "{}", model.name);
    }
    for guard in &guards {
        assert!(html.contains(&guard.found), "{}", guard.guard);
    }
    for text in [
        "handbook-history",
        &results.history.sha256,
        &results.protocol_text,
        "2018-08-08 to 2018-08-14",
        "58,264",
        "blend of network and trees v2",
        "342,118",
        "fraudnet-train guard future-peek",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.len() < 400_000, "{} bytes", html.len());
}

#[test]
fn asks_for_nothing_from_outside_and_runs_nothing() {
    let html = page(&sample::results(), &sample::guards(), &[sample::other()]);
    for forbidden in ["<script", "http:", "https:", "url(", "@import", "src=", "<link"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn ids_are_the_only_ones_of_their_name() {
    let html = page(&sample::results(), &sample::guards(), &[sample::other()]);
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    for target in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.binary_search(&target).is_ok(), "{target}");
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let draw = || page(&sample::results(), &sample::guards(), &[sample::other()]);
    assert_eq!(draw(), draw());
}

#[test]
fn hostile_names_are_written_out_not_run() {
    let evil = "\"><script>alert('1')</script>&é\" onclick=\"x".repeat(3);
    let mut results = sample::results();
    results.history.name = evil.clone();
    results.history.groups[0].0 = evil.clone();
    results.protocol = evil.clone();
    results.protocol_text = evil.clone();
    results.trials[0].name = evil.clone();
    results.guard = Some(evil.clone());
    results.periods[0].test_from = evil.clone();
    for model in &mut results.models {
        model.name = evil.clone();
        model.by_scenario[0].scenario = evil.clone();
        model.curves.daily[0].date = evil.clone();
        model.importance = vec![(evil.clone(), 0.5)];
    }
    let mut guards = sample::guards();
    guards[0].guard = evil.clone();
    guards[0].found = evil.clone();
    guards[0].models[0].0 = evil.clone();
    let html = page(&results, &guards, &[results.clone()]);
    assert!(!html.contains("<script"));
    assert!(!html.contains("\" onclick="), "an attribute was broken out of");
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn what_is_no_number_or_not_there_is_a_dash() {
    let mut results = sample::results();
    for model in &mut results.models {
        model.average_precision = f64::NAN;
        model.auc = f64::INFINITY;
        model.top_decile_ratio = None;
        model.average_precision_interval.low = f64::NAN;
        model.curves.precision_recall = vec![(f64::NAN, 0.5), (0.5, f64::NAN)];
        model.curves.score_drift.test = vec![f64::NAN; 10];
        model.curves.score_drift.psi = f64::NAN;
        model.latency_us.mean = f64::NAN;
        model.importance = vec![("amount".to_owned(), f64::NAN)];
        model.at_alert_rates[0].money_lost_per_day = f64::NAN;
    }
    results.speed.observed_per_s = 0.0;
    let html = page(&results, &[], &[]);
    assert!(!html.contains("NaN") && !html.contains("inf<") && !html.contains("\"inf"), "no such number is written");
    for model in &mut results.models {
        model.curves = Curves::default();
        (model.runs, model.by_scenario, model.at_alert_rates, model.importance) = (vec![], vec![], vec![], vec![]);
    }
    assert!(page(&results, &[], &[]).ends_with("</html>"));
    let empty = Results { models: vec![], periods: vec![], seeds: vec![], trials: vec![], ..results };
    let html = page(&empty, &[], &[]);
    assert!(html.contains("No model was measured") && !html.contains("NaN"));
}

/// The verdict on two models, trees and hybrid, with these average precisions by run.
fn headline(trees: &[f64], hybrid: &[f64]) -> String {
    let mut results = sample::results();
    results.models.retain(|model| ["trees-v2", "hybrid"].contains(&model.name.as_str()));
    for (model, values) in results.models.iter_mut().zip([trees, hybrid]) {
        model.runs.truncate(values.len());
        model.runs.iter_mut().zip(values).for_each(|(run, value)| run.average_precision = *value);
        model.average_precision = values.iter().sum::<f64>() / values.len() as f64;
    }
    verdict(&results, &sample::guards()).headline
}

#[test]
fn the_verdict_says_who_won_and_when_nobody_did() {
    assert_eq!(
        headline(&[0.70, 0.71, 0.70], &[0.74, 0.75, 0.75]),
        "Hybrid is ahead of Trees v2 by 0.043 of average precision"
    );
    assert_eq!(
        headline(&[0.74, 0.75, 0.75], &[0.70, 0.71, 0.70]),
        "Trees v2 is ahead of Hybrid by 0.043 of average precision"
    );
    assert_eq!(
        headline(&[0.74, 0.70, 0.75], &[0.73, 0.75, 0.74]),
        "No clear winner: Hybrid and Trees v2 are within the spread of their runs"
    );
    assert_eq!(
        headline(&[0.70], &[0.75]),
        "Hybrid is ahead of Trees v2 by 0.050 of average precision, in one run only"
    );
}

#[test]
fn a_guard_that_failed_or_was_not_run_is_said_in_the_verdict() {
    let last = |guards: &[GuardResult]| verdict(&sample::results(), guards).sentences.pop().unwrap();
    let mut guards = sample::guards();
    assert_eq!(last(&guards), "All 4 guards against leakage behaved.");
    assert!(last(&[]).starts_with("No guard against leakage has been run"));
    assert!(last(&guards[..3]).contains("1 of 4 have not been run"));
    guards[2].passed = false;
    assert!(last(&guards).contains("failed (Future peek): believe none of this"));
}
