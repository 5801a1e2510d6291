//! The picture of the story: recall a day of the frauds that were known and of the new ones, what happened when, and which model version
//! decided. SVG, drawn by hand: two lines, a few marks and some bars need no library.

use super::live::DayFigures;
use super::story::{Mark, MarkKind, Told};
use std::fmt::Write as _;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 600.0;
/// Left and right edge of both panels.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 960.0;
/// Upper panel: recall.
const TOP: f64 = 190.0;
const BOTTOM: f64 = 430.0;
/// Lower panel: who decided.
const BARS_TOP: f64 = 470.0;
const BARS_BOTTOM: f64 = 530.0;

const KNOWN: &str = "#2f6db5";
const NOVEL: &str = "#c8372d";
/// Colours of model versions, in the order of their appearance.
const VERSIONS: [&str; 6] = ["#9db8d2", "#5b8a72", "#c9a24b", "#7a6aa8", "#4f9fa8", "#b06a8c"];
const HASTY_COLOUR: &str = "#1d1d1d";

/// Draws it.
pub(super) fn draw(told: &Told) -> String {
    let days = told.days.len().max(1) as f64;
    let x = |at: f64| LEFT + (RIGHT - LEFT) * at / days;
    let y = |recall: f64| BOTTOM - (BOTTOM - TOP) * recall;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<text x="{LEFT}" y="28" font-size="18" font-weight="bold">A new kind of fraud, learnt while it runs</text>
"##
    );
    for step in 0..=4 {
        let recall = f64::from(step) / 4.0;
        let at = y(recall);
        put(
            &mut svg,
            format_args!(
                r##"<line x1="{LEFT}" x2="{RIGHT}" y1="{at:.1}" y2="{at:.1}" stroke="#e4e4e4"/><text x="{:.1}" y="{:.1}" text-anchor="end">{:.0} %</text>"##,
                LEFT - 8.0,
                at + 4.0,
                100.0 * recall
            ),
        );
    }
    for day in 0..told.days.len() {
        let at = x(day as f64 + 0.5);
        put(
            &mut svg,
            format_args!(
                r##"<text x="{at:.1}" y="{:.1}" text-anchor="middle" fill="#666">{day}</text>"##,
                BOTTOM + 18.0
            ),
        );
    }
    put(
        &mut svg,
        format_args!(r##"<text x="{LEFT}" y="{:.1}" fill="#666">recall, held or declined, by day</text>"##, TOP - 8.0),
    );
    marks(&mut svg, &told.marks, &x);
    line(&mut svg, told, |day| DayFigures::recall(day.known), KNOWN, &x, &y);
    line(&mut svg, told, |day| DayFigures::recall(day.novel), NOVEL, &x, &y);
    put(
        &mut svg,
        format_args!(
            r##"<text x="{:.1}" y="28" text-anchor="end"><tspan fill="{KNOWN}">● known kinds</tspan>  <tspan fill="{NOVEL}">● {}</tspan></text>"##,
            RIGHT, told.novelty
        ),
    );
    bars(&mut svg, told, &x);
    svg.push_str("</svg>\n");
    svg
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("writing to text cannot fail");
}

/// A line through the days that have a value.
fn line(
    svg: &mut String,
    told: &Told,
    value: impl Fn(&DayFigures) -> Option<f64>,
    colour: &str,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) {
    let points: Vec<(f64, f64)> = told
        .days
        .iter()
        .enumerate()
        .filter_map(|(day, figures)| Some((x(day as f64 + 0.5), y(value(figures)?))))
        .collect();
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    put(
        svg,
        format_args!(r##"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2.5"/>"##, path.join(" ")),
    );
    for (x, y) in points {
        put(svg, format_args!(r##"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"##));
    }
}

/// What happened, as vertical lines with words above the panel, one under the other so that they can be read.
fn marks(svg: &mut String, marks: &[Mark], x: &impl Fn(f64) -> f64) {
    const ROWS: usize = 8;
    let told: Vec<&Mark> = marks.iter().filter(|mark| mark.kind != MarkKind::Experiment).collect();
    for (number, mark) in told.iter().enumerate() {
        let colour = match mark.kind {
            MarkKind::Novelty => NOVEL,
            MarkKind::Alarm => "#d08a00",
            MarkKind::Challenger | MarkKind::Experiment => "#777777",
            MarkKind::Promoted => "#2c8a4b",
            MarkKind::Bad | MarkKind::RolledBack => HASTY_COLOUR,
        };
        let (at, row) = (x(mark.at), 48.0 + 16.0 * (number % ROWS) as f64);
        let (anchor, words_at) = if mark.at > 0.7 * marks.last().map_or(1.0, |last| last.at) {
            ("end", at - 4.0)
        } else {
            ("start", at + 4.0)
        };
        put(
            svg,
            format_args!(
                r##"<line x1="{at:.1}" x2="{at:.1}" y1="{:.1}" y2="{BOTTOM}" stroke="{colour}" stroke-dasharray="4 3"/><text x="{words_at:.1}" y="{row:.1}" fill="{colour}" text-anchor="{anchor}">{}</text>"##,
                row - 10.0,
                escaped(&mark.text)
            ),
        );
    }
}

/// Which model version decided, day by day.
fn bars(svg: &mut String, told: &Told, x: &impl Fn(f64) -> f64) {
    put(svg, format_args!(r##"<text x="{LEFT}" y="{:.1}" fill="#666">who decided</text>"##, BARS_TOP - 8.0));
    let mut versions: Vec<&str> = Vec::new();
    for (day, figures) in told.days.iter().enumerate() {
        let (left, width) = (x(day as f64 + 0.06), x(0.88) - x(0.0));
        let mut top = BARS_TOP;
        for (version, count) in &figures.versions {
            let index = versions.iter().position(|known| known == version).unwrap_or_else(|| {
                versions.push(version);
                versions.len() - 1
            });
            let height = (BARS_BOTTOM - BARS_TOP) * *count as f64 / figures.payments.max(1) as f64;
            put(
                svg,
                format_args!(
                    r##"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" fill="{}"/>"##,
                    colour(index, version)
                ),
            );
            top += height;
        }
    }
    let mut at = LEFT;
    for (index, version) in versions.iter().enumerate() {
        put(
            svg,
            format_args!(
                r##"<rect x="{at:.1}" y="548" width="12" height="12" fill="{}"/><text x="{:.1}" y="559">{}</text>"##,
                colour(index, version),
                at + 17.0,
                escaped(version)
            ),
        );
        at += 34.0 + 7.5 * version.len() as f64;
    }
}

fn colour(index: usize, version: &str) -> &'static str {
    if version.ends_with("-hasty") { HASTY_COLOUR } else { VERSIONS[index % VERSIONS.len()] }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_every_day_and_mark() {
        let day = |novel: [u64; 2]| DayFigures {
            payments: 10,
            known: [4, 2],
            novel,
            versions: [("first".to_owned(), 10)].into(),
            ..DayFigures::default()
        };
        let mark = Mark { at: 1.0, kind: MarkKind::Alarm, text: "drift <alarm>".to_owned() };
        let told = Told { novelty: "farm", days: vec![day([0, 0]), day([2, 1])], marks: vec![mark], ..Told::default() };
        let svg = draw(&told);
        assert_eq!(svg.matches("<circle").count(), 3, "two days of known kinds, one of the new one");
        assert!(svg.contains("drift &lt;alarm&gt;") && svg.contains("first") && svg.ends_with("</svg>\n"));
    }
}
