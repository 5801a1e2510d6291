//! Results as tables for a terminal, in Markdown.

use super::results::{GuardResult, Results};
use fraudnet_scoring::history::Skipped;
use std::fmt::Write as _;

/// The tables of a backtest.
pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    let history = &results.history;
    line(&mut text, &format!("# {} on {}\n", results.protocol, history.name));
    line(&mut text, &format!("{}\n", results.protocol_text));
    for (number, period) in results.periods.iter().enumerate() {
        line(
            &mut text,
            &format!(
                "Period {}: fitted on {} payments ({} known frauds), tested on {} payments ({} frauds; {} removed); a perfect score gets a card \
                 precision of {:.3}.",
                number + 1,
                period.fit_payments,
                period.fit_frauds,
                period.test_payments,
                period.test_frauds,
                period.removed_payments,
                period.perfect_card_precision_100
            ),
        );
    }
    let runs = results.seeds.len() * results.periods.len();
    line(
        &mut text,
        &format!(
            "\nMean and standard deviation of {runs} run(s); in brackets 95 % intervals of the first, days resampled.\n"
        ),
    );
    line(
        &mut text,
        "| | columns | ROC AUC | average precision | card precision at 100 | calibration error | top-decile ratio | daily interception | latency ms | update s |\n\
         |---|---|---|---|---|---|---|---|---|---|",
    );
    for model in &results.models {
        let (spread, interval) = (&model.spread, &model.average_precision_interval);
        line(
            &mut text,
            &format!(
                "| {} | {} | {:.3} ± {:.3} | {:.3} ± {:.3} ({:.3} … {:.3}) | {:.3} ± {:.3} | {:.4} | {} | {:.3} | {:.3} | {:.0} |",
                model.name,
                model.features,
                model.auc,
                spread.auc,
                model.average_precision,
                spread.average_precision,
                interval.low,
                interval.high,
                model.card_precision_100,
                spread.card_precision_100,
                model.calibration_error,
                model.top_decile_ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
                model.daily_interception,
                model.latency_us.mean / 1e3,
                model.update_s
            ),
        );
    }
    scenarios(&mut text, results);
    alerts(&mut text, results);
    line(
        &mut text,
        &format!(
            "\nReplay on one core: {:.0} payments/s applied only, {:.0}/s with their tensors. The whole run took {:.0} s.",
            results.speed.applied_per_s, results.speed.observed_per_s, results.speed.total_s
        ),
    );
    text
}

fn scenarios(text: &mut String, results: &Results) {
    let groups = &results.models[0].by_scenario;
    if groups.is_empty() {
        return;
    }
    line(
        text,
        "\n## By group of fraud\n\nROC AUC | average precision against all legitimate payments | share among the 0.5 % of payments with the highest scores.\n",
    );
    let names: Vec<&str> = results.models.iter().map(|model| model.name.as_str()).collect();
    line(text, &format!("| group | frauds | {} |\n|---|---|{}", names.join(" | "), "---|".repeat(names.len())));
    for (number, group) in groups.iter().enumerate() {
        let cells: Vec<String> = results
            .models
            .iter()
            .map(|model| &model.by_scenario[number])
            .map(|it| format!("{:.3} \\| {:.3} \\| {:.3}", it.auc, it.average_precision, it.recall_at_half_percent))
            .collect();
        line(text, &format!("| {} | {} | {} |", group.scenario, group.frauds, cells.join(" | ")));
    }
}

fn alerts(text: &mut String, results: &Results) {
    line(
        text,
        "\n## At the same alert rate\n\n| alerts | | precision | recall | F1 | money saved | money lost a day | false alerts a day |\n|---|---|---|---|---|---|---|---|",
    );
    for number in 0..results.models[0].at_alert_rates.len() {
        for model in &results.models {
            let at = &model.at_alert_rates[number];
            line(
                text,
                &format!(
                    "| {:.2} % | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.0} | {:.1} |",
                    100.0 * at.alert_rate,
                    model.name,
                    at.precision,
                    at.recall,
                    at.f1,
                    at.money_recall,
                    at.money_lost_per_day,
                    at.false_alerts_per_day
                ),
            );
        }
    }
}

/// What a control found.
pub fn guard(result: &GuardResult) -> String {
    let mut text = String::new();
    let outcome = if result.passed { "behaves as it must" } else { "DOES NOT behave as it must" };
    line(&mut text, &format!("# {}: {outcome}\n", result.guard));
    for (name, sentence) in [("Done", &result.done), ("Expected", &result.expected), ("Found", &result.found)] {
        line(&mut text, &format!("{name}: {sentence}\n"));
    }
    if !result.models.is_empty() {
        line(&mut text, "| average precision | under the guard | in the plain run |\n|---|---|---|");
        for (name, found, plain) in &result.models {
            let plain = plain.map_or("–".to_owned(), |plain| format!("{plain:.4}"));
            line(&mut text, &format!("| {name} | {found:.4} | {plain} |"));
        }
    }
    text
}

/// Rows left out with `--skip-bad-rows`, where there are any.
pub fn skipped(skipped: &Skipped) -> Option<String> {
    if skipped.rows == 0 {
        return None;
    }
    let mut text = format!("{} rows left out:", skipped.rows);
    for (kind, count) in &skipped.by_kind {
        write!(text, " {count} × {kind};").expect("a string takes any line");
    }
    for row in &skipped.first {
        write!(text, "\n  {row}").expect("a string takes any line");
    }
    Some(text)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes any line");
}
