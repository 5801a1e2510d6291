//! What was tested on and how: the history, the windows, the speed, and how to run it again.

use super::figures::{count, duration, fixed, percent, rounded, several, window};
use super::scrolled;
use crate::backtest::results::{HistoryFacts, PeriodFacts, Results};
use maud::{Markup, html};

/// Data and method.
pub fn section(results: &Results) -> Markup {
    let speed = &results.speed;
    html! {
        section #facts {
            h2 { "Data and method" }
            p { (results.protocol_text) }
            p { "The history is replayed in order of time; a payment is scored before it is applied, labels arrive with their delay, and every model is fitted only on what was known at the cut." }
            (periods(&results.periods))
            h3 { "History" }
            (history(&results.history))
            h3 { "Speed of this replay" }
            dl.facts {
                dt { "Applied only" } dd { (rounded(speed.applied_per_s)) " payments a second, one core" }
                dt { "With every tensor" } dd { (rounded(speed.observed_per_s)) " payments a second, one core" }
                dt { "Whole run" } dd { (duration(speed.total_s)) }
            }
            h3 { "Run it again" }
            pre role="region" tabindex="0" aria-label="Commands" { code { (commands(results)) } }
            p.fine { "The same history, protocol and seeds give the same scores; compare the sha256 above, taken over every event read. MAPPING.toml is the mapping file of this history, where it needs one." }
        }
    }
}

fn periods(periods: &[PeriodFacts]) -> Markup {
    let table = html! {
        table {
            thead { tr {
                th.n scope="col" { "Period" } th scope="col" { "Fitted on" } th scope="col" { "Tested on" } th.n scope="col" { "Fit payments" } th.n scope="col" { "Frauds known" }
                th.n scope="col" { "Test payments" } th.n scope="col" { "Frauds" } th.n scope="col" { "Removed" } th.n scope="col" { "Perfect CP@100" }
            } }
            tbody { @for (index, period) in periods.iter().enumerate() { tr {
                th.n scope="row" { (index + 1) }
                td { (window(&period.fit_from, &period.fit_until)) }
                td { (window(&period.test_from, &period.test_until)) }
                td.n { (count(period.fit_payments)) } td.n { (count(period.fit_frauds)) }
                td.n { (count(period.test_payments)) } td.n { (count(period.test_frauds)) } td.n { (count(period.removed_payments)) }
                td.n { (fixed(period.perfect_card_precision_100, 3)) }
            } } }
        }
    };
    html! {
        (scrolled("Periods", &table))
        p.fine { "Frauds known: those reported before the test began. Removed: payments of accounts already known to be compromised, left out of the test." }
    }
}

fn history(history: &HistoryFacts) -> Markup {
    let groups: Vec<String> =
        history.groups.iter().map(|(name, frauds)| format!("{name} {}", count(*frauds))).collect();
    html! {
        dl.facts {
            dt { "File" } dd { (history.name) }
            dt { "sha256 of its events" } dd { code.hash { (history.sha256) } }
            dt { "Payments read" } dd { (count(history.payments)) ", from " (history.first) " to " (history.last) }
            dt { "Frauds by truth" } dd { (count(history.frauds)) " (" (percent(history.frauds as f64 / history.payments as f64, 3)) ")"
                @if !groups.is_empty() { ": " (groups.join(", ")) } }
            dt { "Bad rows left out" } dd { @if history.skipped_rows == 0 { "none" } @else { (several(history.skipped_rows as usize, "row")) } }
        }
    }
}

/// The commands that made the page.
fn commands(results: &Results) -> String {
    let seeds: Vec<String> = results.seeds.iter().map(u64::to_string).collect();
    let skip = if results.history.skipped_rows > 0 { " --skip-bad-rows" } else { "" };
    let arguments = format!(
        "--history {} --mapping MAPPING.toml --protocol {} --seeds {}{skip}",
        quoted(&results.history.name),
        quoted(&results.protocol),
        seeds.join(",")
    );
    let first = results.seeds.first().map_or(String::new(), u64::to_string);
    let guard = arguments.replace(&format!("--seeds {}", seeds.join(",")), &format!("--seeds {first}"));
    let mut lines = vec![format!("fraudnet-train backtest {arguments} --out FOLDER")];
    lines.extend(super::verdict::GUARDS.iter().map(|name| format!("fraudnet-train guard {name} {guard} --out FOLDER")));
    lines.join("\n")
}

/// An argument as a shell takes it whole.
fn quoted(argument: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_a_shell() {
        assert_eq!(quoted("handbook_raw.parquet"), "handbook_raw.parquet");
        assert_eq!(quoted("my file's.csv"), r"'my file'\''s.csv'");
        assert_eq!(quoted(""), "''");
    }
}
