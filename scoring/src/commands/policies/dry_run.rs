//! `fraudnet policies dry-run`: starts a dry run, says how far it is, and tells what came of it.

use super::{Service, read, read_file};
use anyhow::{Context, bail};
use fraudnet_scoring::policy::dry_run::{DryRunReply, DryRunReport, DryRunRequest, DryRunTally};
use fraudnet_scoring::policy::{PolicyDocument, PolicyRule};
use fraudnet_scoring::verdict::Decision;
use fraudnet_scoring::{clock, wire};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const PATH: &str = "/v1/policies:dry-run";
/// Between two looks at a dry run under way.
const LOOK: Duration = Duration::from_millis(300);
/// Steps of the progress bar.
const STEPS: u64 = 1_000;

/// Tells what a rule or a whole policy would have done in the past, before it goes live.
///
/// The service reads its log once more on a thread of its own, and where rules read features it rebuilds them with a second graph: seconds
/// for a hundred thousand payments. A rule is tried on top of what was decided, a policy in place of the policy of then, with the lists as
/// they stood. What is known to be fraud by now tells what it would have caught.
#[derive(Debug, clap::Args)]
pub struct DryRunArgs {
    /// One rule (TOML or JSON): id, code, text, when, then.
    #[arg(long, value_name = "FILE", required_unless_present = "policy", conflicts_with = "policy")]
    rule: Option<PathBuf>,
    /// A whole policy (TOML or JSON).
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Where it begins: so long before its end (30d, 12h, 90min) or a time (2026-11-01T00:00:00Z).
    #[arg(long, value_name = "AGE|TIME", default_value = "30d")]
    since: String,
    /// Where it ends, a time; now where absent.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Payments told one by one, at most 200.
    #[arg(long, default_value_t = 20)]
    sample: usize,
    #[command(flatten)]
    service: Service,
}

impl DryRunArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let request = self.request()?;
        let remote = &self.service.remote;
        let body = serde_json::to_value(&request)?;
        let mut reply: DryRunReply = read(remote.change(Method::POST, PATH, Some(&body))?)?;
        let bar = ProgressBar::new(STEPS).with_style(
            ProgressStyle::with_template("reading the log {bar:30} {percent} %")
                .expect("the template is fixed and valid"),
        );
        while reply.state == "running" {
            bar.set_position((reply.progress * STEPS as f64) as u64);
            std::thread::sleep(LOOK);
            reply = read(remote.get(PATH)?)?;
        }
        bar.finish_and_clear();
        let Some(report) = reply.report else {
            bail!("the dry run failed: {}", reply.error.unwrap_or_else(|| "no reason was given".to_owned()));
        };
        self.service.print(&report, || tell(&report))
    }

    fn request(&self) -> anyhow::Result<DryRunRequest> {
        let until_ms = match &self.until {
            Some(text) => wire::parse_timestamp(text).context("--until must be a time such as 2026-11-22T10:00:00Z")?,
            None => clock::now_ms(),
        };
        let from_ms = match wire::parse_timestamp(&self.since) {
            Some(at_ms) => at_ms,
            None => until_ms.saturating_sub(age_ms(&self.since)?),
        };
        let rule: Option<PolicyRule> = self.rule.as_deref().map(read_file).transpose()?;
        let document: Option<PolicyDocument> = self.policy.as_deref().map(read_file).transpose()?;
        Ok(DryRunRequest {
            rule,
            document,
            from: Some(wire::format_timestamp(from_ms)),
            to: Some(wire::format_timestamp(until_ms)),
            sample: Some(self.sample),
            // Hardly waited for: progress is told instead.
            wait_ms: Some(LOOK.as_millis() as u64),
        })
    }
}

/// An age such as `30d`, in milliseconds.
fn age_ms(text: &str) -> anyhow::Result<i64> {
    let units = [("min", 60_000), ("d", 86_400_000), ("h", 3_600_000), ("s", 1_000)];
    let age = units.iter().find_map(|(unit, ms)| {
        let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
        (count > 0).then(|| count.saturating_mul(*ms))
    });
    age.with_context(|| {
        format!("--since {text}: give an age such as 30d, 12h, 90min, or a time such as 2026-11-01T00:00:00Z")
    })
}

#[expect(clippy::disallowed_macros, reason = "output of a command")]
fn tell(report: &DryRunReport) {
    let what = if report.rule_alone { "rule" } else { "policy" };
    println!("{what} {}, {} to {}", report.tried, report.from, report.to);
    println!(
        "payments      {:>10}  ({} without a verdict, {} known to be fraud)",
        report.payments, report.without_verdict, report.known_frauds
    );
    tell_tally("hits", &report.hits, report);
    tell_tally("changed", &report.changed, report);
    if report.rules.len() > 1 || report.rules.iter().any(|rule| rule.errors > 0) {
        println!("\n{:<34} {:>10} {:>8} {:>12} {:>8}", "rule", "hits", "fraud", "legitimate", "errors");
        for rule in &report.rules {
            let DryRunTally { payments, fraud, legitimate, .. } = rule.hits;
            println!("{:<34} {payments:>10} {fraud:>8} {legitimate:>12} {:>8}", rule.id, rule.errors);
        }
    }
    println!(
        "\n{:<12} {:<12} {:>10} {:>8} {:>12} {:>8}",
        "was", "would be", "payments", "fraud", "legitimate", "unknown"
    );
    for row in &report.decisions {
        let DryRunTally { payments, fraud, legitimate, unknown, .. } = row.tally;
        println!(
            "{:<12} {:<12} {payments:>10} {fraud:>8} {legitimate:>12} {unknown:>8}",
            row.was.map_or("-", Decision::name),
            row.would_be.name()
        );
    }
    println!("\n{:<12} {:>10} {:>8} {:>8} {:>12}", "day", "payments", "hits", "changed", "fraud hits");
    for day in &report.days {
        println!("{:<12} {:>10} {:>8} {:>8} {:>12}", day.day, day.payments, day.hits, day.changed, day.fraud_hits);
    }
    if !report.samples.is_empty() {
        println!("\n{} of the payments it would have hit", report.samples.len());
    }
    for payment in &report.samples {
        let truth = match payment.fraud {
            Some(true) => "fraud",
            Some(false) => "legitimate",
            None => "unknown",
        };
        println!(
            "{}  {:<24} {:>12} {}  {:<9} -> {:<9} {truth:<10} {}",
            payment.occurred_at,
            payment.transaction_id,
            payment.amount_minor,
            payment.currency,
            payment.was.map_or("-", Decision::name),
            payment.would_be.name(),
            payment.rules.join(", ")
        );
    }
    if report.cut_short {
        println!(
            "\nthe window holds more payments than are looked at; the later ones are left out: choose a shorter one"
        );
    }
    let rebuilt = if report.features_rebuilt { ", features rebuilt" } else { "" };
    println!("\nread {} log entries in {:.2} s{rebuilt}", report.position, report.seconds);
}

#[expect(clippy::disallowed_macros, reason = "output of a command")]
fn tell_tally(name: &str, tally: &DryRunTally, report: &DryRunReport) {
    let share = 100.0 * tally.payments as f64 / report.payments.max(1) as f64;
    let precision = tally.precision().map_or(String::new(), |share| format!(", {:.1} % of those known", 100.0 * share));
    let caught = 100.0 * tally.fraud as f64 / report.known_frauds.max(1) as f64;
    println!(
        "{name:<13} {:>10}  ({share:.2} %; {} fraud{precision}, {caught:.1} % of all fraud; amount {}, of it fraud {})",
        tally.payments,
        tally.fraud,
        amount(tally.amount_hundredths),
        amount(tally.fraud_hundredths)
    );
}

fn amount(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
