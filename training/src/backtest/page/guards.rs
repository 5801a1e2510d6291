//! The controls: what was done to the history on purpose, what had to come out, what came out.

use super::figures::{count, fixed, label, signed};
use super::scrolled;
use super::verdict::GUARDS;
use crate::backtest::results::GuardResult;
use maud::{Markup, html};

/// All guards run, in the order of [`GUARDS`], and the names of those that have not been.
pub fn section(guards: &[GuardResult]) -> Markup {
    let place = |guard: &GuardResult| GUARDS.iter().position(|name| *name == guard.guard).unwrap_or(GUARDS.len());
    let mut ordered: Vec<&GuardResult> = guards.iter().collect();
    ordered.sort_by_key(|guard| place(guard));
    html! {
        section #guards {
            h2 { "Guards against leakage" }
            p { "Each guard changes the history on purpose and says beforehand what must come out. A failed guard means that figures on this page may be too good to be true." }
            div.guards { @for guard in ordered { (card(guard)) } @for name in GUARDS {
                @if guards.iter().all(|guard| guard.guard != name) { (missing(name)) }
            } }
        }
    }
}

fn card(guard: &GuardResult) -> Markup {
    html! {
        article.guard.passed[guard.passed].failed[!guard.passed] {
            h3 { (label(&guard.guard)) @if guard.passed { span.badge { "✓ behaved" } } @else { span.badge { "✕ failed" } } }
            dl {
                dt { "Done" } dd { (guard.done) }
                dt { "Expected" } dd { (guard.expected) }
                dt { "Found" } dd { strong { (guard.found) } }
            }
            @if guard.compared > 0 { (peeks(guard)) }
            @if !guard.models.is_empty() { (models(guard)) }
        }
    }
}

/// Tensors compared with a future that was altered.
fn peeks(guard: &GuardResult) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "Tensors compared bit for bit" } th.n scope="col" { "Compared" } th.n scope="col" { "Differ" } th.n scope="col" { "Must be" } } }
            tbody {
                tr { th scope="row" { "As they are made" } td.n { (count(guard.compared)) } td.n { (count(guard.honest_differences)) } td.n { "0" } }
                tr { th scope="row" { "With the planted leak" } td.n { (count(guard.compared)) } td.n { (count(guard.planted_differences)) } td.n { "above 0" } }
            }
        }
    };
    scrolled("Tensors compared", &table)
}

/// Average precision under the guard, beside the plain run.
fn models(guard: &GuardResult) -> Markup {
    let table = html! {
        table {
            thead { tr { th scope="col" { "Average precision" } th.n scope="col" { "Plain" } th.n scope="col" { "Guard" } th.n scope="col" { "Change" } } }
            tbody {
                @for (name, under, plain) in &guard.models { tr {
                    th scope="row" { (label(name)) }
                    td.n { (plain.map_or("–".to_owned(), |plain| fixed(plain, 4))) }
                    td.n { (fixed(*under, 4)) }
                    td.n { (plain.map_or("–".to_owned(), |plain| signed(under - plain, 4))) }
                } }
                tr.quiet { th scope="row" { "A score that knows nothing" } td.n {} td.n { (fixed(guard.prevalence, 4)) } td.n {} }
            }
        }
    };
    scrolled("Average precision under the guard", &table)
}

fn missing(name: &str) -> Markup {
    html! {
        article.guard.missing {
            h3 { (label(name)) span.badge { "not run" } }
            p { "Run it with " code { "fraudnet-train guard " (name) } " and the same arguments, " code { "--out" } " set to the folder of this report." }
        }
    }
}
