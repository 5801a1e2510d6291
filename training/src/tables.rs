//! A report as tables, the same in the model card and on the terminal.

use crate::metrics::Interval;
use crate::report::{CALIBRATION_ERROR_GOAL, Report, TOP_DECILE_GOAL, TierReport};
use crate::versus::{CLAIMED_F1_CHANGE, CLAIMED_FALSE_POSITIVE_CHANGE, Versus};
use std::fmt::Write as _;

/// All tables of a report, in Markdown.
pub fn tables(report: &Report) -> String {
    let mut text = String::new();
    let test = &report.test;
    let frauds = test.frauds.map_or("truth not told".to_owned(), |frauds| format!("{frauds} frauds"));
    line(
        &mut text,
        &format!(
            "{} payments ({frauds}, {} labelled as fraud) of {} days; nothing is sampled. In brackets: 95 % intervals of {} bootstrap replicates of whole days.",
            test.payments, test.labelled_frauds, test.days, test.replicates
        ),
    );
    if let Some(tiers) = &report.against_truth {
        line(&mut text, "\n### Against the truth\n");
        judged(&mut text, tiers);
    }
    line(&mut text, "\n### Against matured labels\n");
    line(
        &mut text,
        "As an operator would see it: frauds never reported count as legitimate, wrong reports as fraud.\n",
    );
    judged(&mut text, &report.against_labels);
    if !report.by_typology.is_empty() {
        line(&mut text, "\n### By typology\n");
        line(
            &mut text,
            "Average precision of a typology's frauds against all legitimate payments, and (after the bar) the share of them among the 0.5 % of payments with the highest scores.\n",
        );
        typologies(&mut text, report);
    }
    if let Some(versus) = &report.versus {
        line(&mut text, "\n### Hybrid against trees with every graph column\n");
        against_trees(&mut text, versus);
    }
    if let Some(ablations) = &report.ablations {
        line(&mut text, "\n### What the neighbourhood is worth\n");
        line(
            &mut text,
            &format!(
                "On {} payments (every fraud, {:.1} % of the rest, weighted back); payment features stay, the hybrid is not fitted again. Whole neighbourhood: average precision {:.3}.\n",
                ablations.payments,
                100.0 * ablations.negative_share,
                ablations.average_precision
            ),
        );
        line(&mut text, "| taken away | average precision | change |\n|---|---|---|");
        for cut in &ablations.cuts {
            line(
                &mut text,
                &format!(
                    "| {} | {:.3} | {:+.3} ({:+.3} … {:+.3}) |",
                    cut.name, cut.average_precision, cut.change.value, cut.change.low, cut.change.high
                ),
            );
        }
    }
    if let Some(parity) = &report.parity {
        line(&mut text, "\n### Parity\n");
        line(
            &mut text,
            &format!(
                "The hybrid with the fp16 file of its network against fp32 on {} payments: largest difference {:.5} in logit, {:.6} in probability; {} get another decision.",
                parity.payments, parity.logit, parity.probability, parity.decisions
            ),
        );
    }
    text
}

fn judged(text: &mut String, tiers: &[TierReport]) {
    line(
        text,
        "| | average precision | ROC AUC | recall at 0.5 % alerts | precision there | F1 at review | calibration error | top-decile ratio |\n|---|---|---|---|---|---|---|---|",
    );
    for tier in tiers {
        let f1 = tier.points.iter().find(|point| point.decision == "review").map_or(0.0, |point| point.f1);
        line(
            text,
            &format!(
                "| {} | {} | {} | {} | {:.3} | {f1:.3} | {:.4} {} | {} |",
                tier.tier,
                bracketed(&tier.average_precision),
                bracketed(&tier.roc_auc),
                bracketed(&tier.recall_at_half_percent),
                tier.precision_at_half_percent,
                tier.calibration_error,
                reached(tier.calibration_is_close()),
                tier.top_decile_ratio
                    .map_or("–".to_owned(), |ratio| format!("{ratio:.2} {}", reached(tier.top_decile_is_close())))
            ),
        );
    }
    line(
        text,
        &format!(
            "\nGoals: calibration error at most {CALIBRATION_ERROR_GOAL}, top-decile ratio {} to {}.",
            TOP_DECILE_GOAL.start(),
            TOP_DECILE_GOAL.end()
        ),
    );
    line(
        text,
        "\n| | decision (or stronger) | from probability | alert rate | precision | recall | F1 |\n|---|---|---|---|---|---|---|",
    );
    for tier in tiers {
        for point in &tier.points {
            line(
                text,
                &format!(
                    "| {} | {} | {:.4} | {:.3} % | {:.3} | {:.3} | {:.3} |",
                    tier.tier,
                    point.decision,
                    point.threshold,
                    100.0 * point.alert_rate,
                    point.precision,
                    point.recall,
                    point.f1
                ),
            );
        }
    }
}

fn reached(ok: bool) -> &'static str {
    if ok { "ok" } else { "falls short" }
}

/// By what sign and share, e.g. `-12.3 %`.
fn percent(change: f64) -> String {
    format!("{:+.1} %", 100.0 * change)
}

fn against_trees(text: &mut String, versus: &Versus) {
    line(
        text,
        &format!(
            "By truth, at the same alert rate of {:.1} %: F1 {:.3} ({}) against {:.3} ({}), a difference of {:+.3} ({:+.3} … {:+.3}). \
             The original system claimed {CLAIMED_F1_CHANGE:+.2}.\n",
            100.0 * versus.alert_rate,
            versus.challenger_f1,
            versus.challenger,
            versus.baseline_f1,
            versus.baseline,
            versus.f1_change.value,
            versus.f1_change.low,
            versus.f1_change.high
        ),
    );
    line(
        text,
        &format!(
            "False positives at equal recall; the original system claimed {}.\n\n| recall | {} | {} | change |\n|---|---|---|---|",
            percent(CLAIMED_FALSE_POSITIVE_CHANGE),
            versus.baseline,
            versus.challenger
        ),
    );
    for at in &versus.at_recalls {
        line(
            text,
            &format!(
                "| {:.3} | {:.0} | {:.0} | {} ({} … {}) |",
                at.recall,
                at.baseline_false_positives,
                at.challenger_false_positives,
                percent(at.change.value),
                percent(at.change.low),
                percent(at.change.high)
            ),
        );
    }
    line(
        text,
        &format!(
            "\nBy typology: share of its frauds among the {:.1} % of all payments with the highest scores, and the false positives that the recall of \
             {} costs either.\n\n| typology | frauds | recall, {} | recall, {} | false positives, {} | false positives, {} |\n|---|---|---|---|---|---|",
            100.0 * versus.alert_rate,
            versus.baseline,
            versus.baseline,
            versus.challenger,
            versus.baseline,
            versus.challenger
        ),
    );
    for group in &versus.by_group {
        line(
            text,
            &format!(
                "| {} | {} | {:.3} | {:.3} | {:.0} | {:.0} |",
                group.group,
                group.frauds,
                group.baseline_recall,
                group.challenger_recall,
                group.baseline_false_positives,
                group.challenger_false_positives
            ),
        );
    }
}

fn typologies(text: &mut String, report: &Report) {
    let tiers: Vec<&str> = report.by_typology[0].tiers.iter().map(|tier| tier.tier.as_str()).collect();
    line(text, &format!("| typology | frauds | {} |\n|---|---|{}", tiers.join(" | "), "---|".repeat(tiers.len())));
    for row in &report.by_typology {
        let cells: Vec<String> = row
            .tiers
            .iter()
            .map(|tier| format!("{:.3} \\| {:.3}", tier.average_precision, tier.recall_at_half_percent))
            .collect();
        line(text, &format!("| {} | {} | {} |", row.typology, row.frauds, cells.join(" | ")));
    }
}

fn bracketed(interval: &Interval) -> String {
    format!("{:.3} ({:.3} … {:.3})", interval.value, interval.low, interval.high)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes any line");
}
