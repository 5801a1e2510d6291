//! The report as a table, and the words after it.

use super::report::{DemoReport, Latency, Quality};
use super::screen::grouped;
use std::fmt::Write;

/// What the README's curl sends.
pub(super) const CURL_BODY: &str = r#"{
  "transaction_id": "order-1001", "account": "alice", "device": "phone-7", "ip": "203.0.113.9", "merchant": "bookshop",
  "amount_minor": 2599, "currency": "EUR", "channel": "ecommerce", "merchant_category": "5942",
  "account_country": "DE", "ip_country": "DE", "merchant_country": "DE"}"#;

/// The table.
pub(super) fn text(report: &DemoReport) -> String {
    let mut text = String::new();
    write(report, &mut text).expect("writing to a string never fails");
    text
}

fn write(report: &DemoReport, text: &mut String) -> std::fmt::Result {
    let DemoReport { decisions, tiers, alerts, declines, .. } = report;
    let number = |number: usize| grouped(number as u64);
    writeln!(text, "\n ── what happened ─────────────────────────────────────────────────────────────")?;
    row(text, "model", &format!("{} {} (policy {})", report.model, report.model_version, report.policy_version))?;
    row(
        text,
        "history",
        &format!(
            "{} payments and {} labels loaded in {:.1} s ({}/s)",
            grouped(report.history.payments),
            report.history.others,
            report.history.seconds,
            grouped(report.history.events_per_second() as u64)
        ),
    )?;
    row(
        text,
        "payments",
        &format!("{} in {:.1} s ({:.0}/s)", number(report.payments), report.stream_seconds, report.payments_per_second),
    )?;
    row(
        text,
        "verdicts",
        &format!(
            "{} ({} found by id with the same bytes{})",
            number(report.verdicts),
            number(report.stored),
            if report.complete { "; every payment has exactly one" } else { "; SOME PAYMENTS HAVE NONE" }
        ),
    )?;
    row(
        text,
        "labels",
        &format!("{} told, {} of them for unknown payments or refused", report.labels, report.labels_lost),
    )?;
    row(
        text,
        "decisions",
        &format!(
            "approve {}  challenge {}  review {}  decline {}",
            number(decisions.approve),
            number(decisions.challenge),
            number(decisions.review),
            number(decisions.decline)
        ),
    )?;
    // Of the three families one scores; the other two would only say 0.
    let families = [("hybrid", tiers.hybrid), ("trees v2", tiers.trees_v2), ("trees v1", tiers.trees_v1)];
    let scored = families.iter().filter(|(_, payments)| *payments > 0);
    let tiers: Vec<String> = scored
        .chain(&[("rules", tiers.rules)])
        .map(|(name, payments)| format!("{name} {}", number(*payments)))
        .collect();
    row(text, "tiers", &tiers.join("  "))?;

    writeln!(
        text,
        "\n {:<20}{:>9}{:>9}{:>11}{:>9}{:>7}{:>12}",
        "against the oracle", "payments", "frauds", "precision", "recall", "F1", "of all"
    )?;
    quality(text, "review or decline", alerts)?;
    quality(text, "decline", declines)?;

    writeln!(text, "\n {:<20}{:>9}{:>9}{:>11}{:>9}", "by typology", "frauds", "alerted", "declined", "recall")?;
    for row in &report.typologies {
        let recall = if row.frauds == 0 { "-".to_owned() } else { format!("{:.2}", row.recall) };
        writeln!(text, " {:<20}{:>9}{:>9}{:>11}{recall:>9}", row.typology, row.frauds, row.alerted, row.declined)?;
    }
    writeln!(
        text,
        " {:<20}{:>9}{:>9}{:>11}{:>9.2}",
        "all", report.frauds, alerts.caught, declines.caught, alerts.recall
    )?;

    writeln!(text, "\n {:<20}{:>9}{:>9}{:>11}{:>9}", "milliseconds", "p50", "p90", "p99", "max")?;
    latency(text, "client, from due", &report.latency_ms)?;
    for row in &report.stages {
        latency(text, &format!("  {}", row.stage), &row.latency_ms)?;
    }
    for failure in &report.failures {
        writeln!(text, "\n no verdict: {failure}")?;
    }
    writeln!(
        text,
        "\n {:.1} s in all. Two days of one simulated world: the model card has the figures over held-out months.",
        report.seconds
    )
}

fn row(text: &mut String, name: &str, value: &str) -> std::fmt::Result {
    writeln!(text, " {name:<12}{value}")
}

fn quality(text: &mut String, name: &str, quality: &Quality) -> std::fmt::Result {
    let Quality { payments, caught, rate, precision, recall, f1 } = quality;
    let rate = format!("{:.2} %", 100.0 * rate);
    writeln!(text, " {name:<20}{payments:>9}{caught:>9}{precision:>11.2}{recall:>9.2}{f1:>7.2}{rate:>12}")
}

fn latency(text: &mut String, name: &str, latency: &Latency) -> std::fmt::Result {
    let Latency { p50, p90, p99, max } = latency;
    writeln!(text, " {name:<20}{p50:>9.2}{p90:>9.2}{p99:>11.2}{max:>9.2}")
}

/// What can be done now.
pub(super) fn farewell(url: &str, console: &str) -> String {
    format!(
        "\n The service stays up on {url} until Ctrl-C. Work on what it held, in the console (the link works once):\n\n {console}\n\n Ask it about a payment:\n\n curl -s {url}/v1/transactions:score -H 'content-type: application/json' -d '{CURL_BODY}'\n"
    )
}
