//! Evidence in words: `account a1 → device d1 since 12:04 → 3 accounts with reported fraud`.
//!
//! An identifier is data from outside. It stands as it is where it is plain, else in quotation marks with whatever could be taken for
//! something else escaped: the words around it cannot be forged, and nothing in it is markup unless a page makes it so.

use super::paths::{EvidencePath, link_between, way_to};
use super::scene::Scene;
use crate::wire::format_timestamp;
use fraudnet_graph::{Kind, Link};
use std::fmt::Write;

const ARROW: &str = " → ";
const DAY_MS: i64 = 86_400_000;

/// A piece of evidence in words.
pub fn path_text(scene: &Scene<'_>, path: &EvidencePath) -> String {
    let mut text = way_text(scene, &path.over);
    let &[end] = &path.ends[..] else {
        let kind = path
            .ends
            .first()
            .and_then(|&end| scene.subgraph.nodes.get(end))
            .map_or("entities", |node| plural(node.kind));
        let _ = write!(text, "{ARROW}{} {kind} with reported fraud", path.ends.len());
        return text;
    };
    if let Some(&last) = path.over.last() {
        text.push_str(ARROW);
        text.push_str(&step_text(scene, last, end));
    } else {
        text.push_str(&entity_text(scene, end));
    }
    if let Some(reports) = scene.reports.get(end) {
        // A report of a payment that has left the graph by age still stands.
        let payments = reports.payments.max(reports.reported);
        let _ = write!(text, ", {} of {payments} payments reported", reports.reported);
    }
    text
}

/// The weightiest evidence over an entity or of it, or else how the account came to it. `paths` in their order.
pub fn entity_path(scene: &Scene<'_>, paths: &[EvidencePath], node: usize) -> String {
    let leads_over = |path: &&EvidencePath| match node {
        0 => path.over.is_empty(),
        _ => path.over.contains(&node) || path.ends.contains(&node),
    };
    match paths.iter().find(leads_over) {
        Some(path) => path_text(scene, path),
        None => way_text(scene, &way_to(scene, node)),
    }
}

/// Kind and identifier of a node.
pub fn entity_text(scene: &Scene<'_>, node: usize) -> String {
    let kind = scene.subgraph.nodes.get(node).map_or("entity", |node| singular(node.kind));
    let name = scene.identifiers.get(node).map_or("", String::as_str);
    format!("{kind} {}", identifier(name))
}

fn way_text(scene: &Scene<'_>, way: &[usize]) -> String {
    let mut text = way.first().map(|&centre| entity_text(scene, centre)).unwrap_or_default();
    for step in way.windows(2) {
        text.push_str(ARROW);
        text.push_str(&step_text(scene, step[0], step[1]));
    }
    text
}

fn step_text(scene: &Scene<'_>, from: usize, to: usize) -> String {
    let mut text = entity_text(scene, to);
    match link_between(scene, from, to) {
        // The payment itself makes the link, and nobody made it before.
        Some(Link { own: true, facts, .. }) if facts.count == 0 => text.push_str(" for the first time"),
        Some(Link { facts, .. }) => {
            let _ = write!(text, " since {}", moment(i64::from(facts.first_s) * 1000, scene.at_ms));
        }
        None => {}
    }
    text
}

/// Clock time on the day of the payment, else the date; UTC.
fn moment(at_ms: i64, payment_ms: i64) -> String {
    let told = format_timestamp(at_ms);
    let same_day = at_ms.div_euclid(DAY_MS) == payment_ms.div_euclid(DAY_MS);
    let part = if same_day { told.get(11..16) } else { told.get(..10) };
    part.unwrap_or_default().to_owned()
}

/// An identifier in a sentence. Plain: ASCII letters, digits and the marks that identifiers have.
fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:@/+=#".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len() + 2);
    text.push('"');
    for c in name.chars() {
        // What is not shown, or turns the direction of what follows, is told by its number.
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '→' => text.extend(c.escape_unicode()),
            _ if hidden => text.extend(c.escape_unicode()),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

const fn singular(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "account",
        Kind::Device => "device",
        Kind::Ip => "IP address",
        Kind::Merchant => "merchant",
    }
}

const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "accounts",
        Kind::Device => "devices",
        Kind::Ip => "IP addresses",
        Kind::Merchant => "merchants",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::paths::evidence_paths;
    use crate::explain::testing::Drawing;

    /// 2026-11-23 12:30:00 UTC.
    const NOW_MS: i64 = 1_795_437_000_000;

    fn told(drawing: &str) -> Vec<String> {
        let drawing = Drawing::new(drawing);
        let (subgraph, names, reports) = drawing.parts();
        let scene = Scene::new(&subgraph, &names, &reports, NOW_MS).unwrap();
        evidence_paths(&scene).iter().map(|path| path_text(&scene, path)).collect()
    }

    #[test]
    fn evidence_reads_as_a_sentence() {
        for (drawing, expected) in [
            (
                "account a1 > device d1 @1795435440; device d1 > account a2 1/2; device d1 > account a3 2/2; device d1 > account a4 1/1",
                "account a1 → device d1 since 12:04 → 3 accounts with reported fraud",
            ),
            (
                "account a1 > device d1 new; device d1 > account a2 1/2 @1795305600",
                "account a1 → device d1 for the first time → account a2 since 2026-11-22, 1 of 2 payments reported",
            ),
            (
                "account a1 > merchant m1 own 3/40 @1795392000",
                "account a1 → merchant m1 since 00:00, 3 of 40 payments reported",
            ),
            ("account a1 2/7 > device d1", "account a1, 2 of 7 payments reported"),
            (
                "account a1 > ip 10.0.0.1 @1; ip 10.0.0.1 > device d1 @1; device d1 > ip 10.0.0.2 1/1; device d1 > ip fe80::1 5/1",
                "account a1 → IP address 10.0.0.1 since 1970-01-01 → device d1 since 1970-01-01 → 2 IP addresses with reported fraud",
            ),
        ] {
            assert_eq!(told(drawing), [expected]);
        }
    }

    #[test]
    fn an_entity_is_told_by_its_weightiest_path() {
        let drawing = Drawing::new(
            "account a1 > device d1 @1795435440 1/9; account a1 > ip i1 own @1795435440; device d1 > account a2 2/2; account a9 > ip i9",
        );
        let (subgraph, names, reports) = drawing.parts();
        let scene = Scene::new(&subgraph, &names, &reports, NOW_MS).unwrap();
        let paths = evidence_paths(&scene);
        let told: Vec<String> = (0..names.len()).map(|node| entity_path(&scene, &paths, node)).collect();
        assert_eq!(told[0], "account a1");
        assert_eq!(
            told[1],
            "account a1 → device d1 since 12:04 → account a2 since 1970-01-01, 2 of 2 payments reported"
        );
        assert_eq!(told[2], "account a1 → IP address i1 since 12:04");
        assert_eq!(told[4], "", "nothing leads there");
        assert_eq!(entity_path(&scene, &paths, 99), "");
    }

    #[test]
    fn an_identifier_cannot_pass_for_words() {
        for (name, expected) in [
            ("acc_1-2.3:4@x/y+z=#", "acc_1-2.3:4@x/y+z=#"),
            ("", "\"\""),
            ("a1 → device d1", "\"a1 \\u{2192} device d1\""),
            ("<script>alert(1)</script>", "\"<script>alert(1)</script>\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("line\nbreak\u{202e}", "\"line\\u{a}break\\u{202e}\""),
            ("müller ☃", "\"müller ☃\""),
        ] {
            assert_eq!(identifier(name), expected);
        }
    }

    #[test]
    fn days_are_dates() {
        for (at_ms, expected) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (-1, "1969-12-31"),
            (i64::from(u32::MAX) * 1000, "2106-02-07"),
            (NOW_MS - DAY_MS, "2026-11-22"),
            (NOW_MS, "12:30"),
        ] {
            assert_eq!(moment(at_ms, NOW_MS), expected);
        }
    }
}
