//! Experiments for eyes.

use fraudnet_scoring::experiments::report::{ArmReport, ExperimentView, FiguresReport, interval_text};
use fraudnet_scoring::http::ExperimentReply;
use fraudnet_scoring::wire::format_timestamp;
use std::fmt::Write as _;

/// Steps of the history that are shown.
const STEPS: usize = 8;

/// Where it stands, on one line.
pub fn standing(view: &ExperimentView) -> String {
    let rail = view.rail.as_ref().map_or_else(String::new, |rail| format!(" by guard rail {rail}"));
    format!(
        "{}: {}{rail}, stage {} of {} since {}",
        view.name,
        view.status.name(),
        view.stage,
        view.stages,
        view.stage_since
    )
}

/// All of them.
pub fn list(views: &[ExperimentView]) -> String {
    if views.is_empty() {
        return "there is no experiment; fraudnet experiments create begins one\n".to_owned();
    }
    let width = views.iter().map(|view| view.name.len()).max().unwrap_or(0).max(10);
    let mut text = format!("{:width$}  {:<11}  stage  arms\n", "experiment", "status");
    for view in views {
        let arms: Vec<String> = view
            .spec
            .arms
            .iter()
            .map(|arm| {
                let changes = [
                    arm.model.as_ref().map(ToString::to_string),
                    arm.policy.as_ref().map(|policy| format!("policy {policy}")),
                    arm.operating_points
                        .map(|points| format!("points {}/{}/{}", points.challenge, points.review, points.decline)),
                ];
                let changes: Vec<String> = changes.into_iter().flatten().collect();
                format!(
                    "{} ({})",
                    arm.name,
                    if changes.is_empty() { "as control".to_owned() } else { changes.join(", ") }
                )
            })
            .collect();
        put(
            &mut text,
            format_args!(
                "{:width$}  {:<11}  {:>2}/{:<2}  {}\n",
                view.name,
                view.status.name(),
                view.stage,
                view.stages,
                arms.join(", ")
            ),
        );
    }
    text
}

/// One of them with everything.
pub fn whole(reply: &ExperimentReply) -> String {
    let view = &reply.experiment;
    let mut text = format!("{}\n", standing(view));
    if !view.spec.description.is_empty() {
        put(&mut text, format_args!("{}\n", view.spec.description));
    }
    match &reply.figures {
        Some(figures) => text.push_str(&measured(figures)),
        None => text.push_str("nothing was counted yet\n"),
    }
    text.push_str("\nhistory\n");
    let skipped = view.history.len().saturating_sub(STEPS);
    for step in &view.history[skipped..] {
        put(&mut text, format_args!("  {}  {}: {}\n", format_timestamp(step.at_ms), step.actor, step.what));
    }
    text
}

fn measured(figures: &FiguresReport) -> String {
    let mut text = String::new();
    if let Some(waits) = &figures.waits_for {
        put(&mut text, format_args!("the stage goes on; so far {waits}\n"));
    }
    put(
        &mut text,
        format_args!(
            "\n{:<16} {:>9} {:>7} {:>8} {:>7} {:>9} {:>9} {:>8}  approve/challenge/review/decline\n",
            figures.exposure, "payments", "share", "alerts", "errors", "p50 ms", "p99 ms", "spilled"
        ),
    );
    for arm in &figures.arms {
        put(&mut text, format_args!("{}\n", operation(arm)));
    }
    if figures.arms.iter().any(|arm| arm.mature.is_some()) {
        put(
            &mut text,
            format_args!(
                "\n{:<16} {:>9} {:>7} {:>8} {:>9} {:>15} {:>8} {:>12}\n",
                "mature", "payments", "frauds", "recall", "precision", "AUC", "AP", "saved"
            ),
        );
        for arm in &figures.arms {
            put(&mut text, format_args!("{}\n", mature(arm)));
        }
    }
    if !figures.comparisons.is_empty() {
        text.push_str("\nagainst control (intervals hold at every look)\n");
        for comparison in &figures.comparisons {
            let finding =
                comparison.finding.map_or_else(String::new, |finding| format!("  {finding:?}").to_lowercase());
            put(
                &mut text,
                format_args!(
                    "  {:<16} {:<22} {:>+9.4}  {}{finding}\n",
                    comparison.arm,
                    comparison.metric.name(),
                    comparison.difference,
                    interval_text(comparison.interval)
                ),
            );
        }
    }
    if !figures.guard_rails.is_empty() {
        text.push_str("\nguard rails\n");
        for read in &figures.guard_rails {
            let state = match (read.breached, read.excess) {
                (true, _) => "BREACHED",
                (false, None) => "too few yet",
                (false, Some(_)) => "holds",
            };
            put(
                &mut text,
                format_args!(
                    "  {:<16} {:<12} {:>9.4} of {:>9.4}  {state}\n",
                    read.arm, read.rail, read.value, read.bound
                ),
            );
        }
    }
    for (count, what) in [
        (figures.excluded, "payments are decided by an older experiment"),
        (figures.mixed, "payments of the control are served by a younger experiment and count nowhere"),
        (figures.dropped, "labels were dropped for want of room"),
    ] {
        if count > 0 {
            put(&mut text, format_args!("{count} {what}\n"));
        }
    }
    text
}

fn operation(arm: &ArmReport) -> String {
    let percent = |share: f64| format!("{:.2}%", 100.0 * share);
    let latency = |told: fn(&fraudnet_scoring::experiments::report::LatencyReport) -> f64| {
        arm.latency.as_ref().map_or_else(|| "-".to_owned(), |latency| format!("{:.2}", told(latency)))
    };
    let decisions = ["approve", "challenge", "review", "decline"]
        .map(|name| arm.decisions.get(name).copied().unwrap_or(0).to_string())
        .join("/");
    format!(
        "{:<16} {:>9} {:>7} {:>8} {:>7} {:>9} {:>9} {:>8}  {decisions}",
        arm.arm,
        arm.payments,
        percent(arm.share),
        percent(arm.alert_rate),
        percent(arm.error_rate),
        latency(|latency| latency.p50_ms),
        latency(|latency| latency.p99_ms),
        arm.spilled
    )
}

fn mature(arm: &ArmReport) -> String {
    let Some(mature) = &arm.mature else { return format!("{:<16} {:>9}", arm.arm, "-") };
    let auc = match (mature.auc, mature.auc_error) {
        (Some(auc), Some(error)) => format!("{auc:.3} ± {error:.3}"),
        _ => "-".to_owned(),
    };
    format!(
        "{:<16} {:>9} {:>7} {:>8.3} {:>9.3} {auc:>15} {:>8.3} {:>12.2}",
        arm.arm,
        mature.payments,
        mature.frauds,
        mature.recall,
        mature.precision,
        mature.average_precision,
        mature.money_saved / 100.0
    )
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("text can always be added to");
}
