//! Bars: columns side by side in a frame, and rows beside names (bars, or a mean with its interval).

use super::{Axis, Frame, Look, px};
use maud::{Markup, html};

/// Columns of `values` side by side at each place of the lying axis, one look for each; `values[look][place]`.
pub fn columns(frame: &Frame, values: &[(Look, Vec<f64>)]) -> Markup {
    const SHARE: f64 = 0.8; // of the place taken by its columns
    let each = SHARE / values.len().max(1) as f64;
    html! {
        @for (series, (look, heights)) in values.iter().enumerate() {
            @for (place, height) in heights.iter().enumerate() {
                @let left = place as f64 - SHARE / 2.0 + series as f64 * each;
                @if let (Some((x0, y0)), Some((x1, y1))) = (frame.at(left, 0.0), frame.at(left + each, *height)) {
                    rect class={ "fill " (look.class) } x=(px(x0 + 0.5)) y=(px(y1)) width=(px((x1 - x0 - 1.0).max(0.6))) height=(px(y0 - y1)) {}
                }
            }
        }
    }
}

/// Height of a row beside a name, pixels.
const ROW: f64 = 20.0;

/// Rows of bars beside names, the longest as wide as there is room; what is written at its end beside each.
pub fn rows(id: &str, title: &str, look: Look, bars: &[(String, f64, String)]) -> Markup {
    const WIDTH: f64 = 420.0;
    const NAMES: f64 = 214.0;
    const END: f64 = 50.0;
    let longest = bars.iter().map(|bar| bar.1).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let height = bars.len() as f64 * ROW + 4.0;
    html! {
        svg class="figure" viewBox={ "0 0 " (WIDTH) " " (px(height)) } role="img" aria-labelledby={ (id) "-title " (id) "-text" } {
            title id={ (id) "-title" } { (title) }
            desc id={ (id) "-text" } { @for (name, _, written) in bars { (name) " " (written) "; " } }
            @for (row, (name, value, written)) in bars.iter().enumerate() {
                @let y = row as f64 * ROW;
                @let long = if longest > 0.0 && value.is_finite() { (WIDTH - NAMES - END) * (value / longest).clamp(0.0, 1.0) } else { 0.0 };
                text class="name" x=(px(NAMES - 8.0)) y=(px(y + 14.0)) text-anchor="end" { (shortened(name, 33)) }
                rect class={ "fill " (look.class) } x=(px(NAMES)) y=(px(y + 3.0)) width=(px(long.max(1.0))) height=(px(ROW - 6.0)) {}
                text class="tick" x=(px(NAMES + long.max(1.0) + 6.0)) y=(px(y + 14.0)) { (written) }
            }
        }
    }
}

/// A row of [`intervals`].
pub struct IntervalRow {
    /// Name beside it.
    pub name: String,
    /// Its look.
    pub look: Look,
    /// Mean: the marker.
    pub mean: f64,
    /// Ends of the interval: the bar.
    pub interval: (f64, f64),
    /// Single runs: small strokes.
    pub runs: Vec<f64>,
}

/// Means with their intervals and single runs, one row each, on a common axis from zero.
pub fn intervals(id: &str, title: &str, description: &str, axis_title: &str, rows: &[IntervalRow]) -> Markup {
    const WIDTH: f64 = 1080.0;
    const NAMES: f64 = 150.0;
    const END: f64 = 70.0;
    const HIGH: f64 = 30.0;
    let largest = rows.iter().flat_map(|row| [row.mean, row.interval.1]).filter(|value| value.is_finite());
    let axis = Axis::linear(0.0, largest.fold(0.1, f64::max).min(1.0), 8, |value| format!("{value:.1}"));
    let x = |value: f64| axis.place(value).map(|place| NAMES + (WIDTH - NAMES - END) * place);
    let floor = rows.len() as f64 * HIGH + 6.0;
    html! {
        svg class="figure" viewBox={ "0 0 " (WIDTH) " " (px(floor + 42.0)) } role="img" aria-labelledby={ (id) "-title " (id) "-text" } {
            title id={ (id) "-title" } { (title) }
            desc id={ (id) "-text" } { (description) }
            @for (value, text) in &axis.ticks {
                @let at = x(*value).unwrap_or(NAMES);
                line class="grid" x1=(px(at)) y1="0" x2=(px(at)) y2=(px(floor)) {}
                text class="tick" x=(px(at)) y=(px(floor + 16.0)) text-anchor="middle" { (text) }
            }
            @for (place, row) in rows.iter().enumerate() {
                @let y = place as f64 * HIGH + HIGH / 2.0 + 3.0;
                text class="name" x=(px(NAMES - 12.0)) y=(px(y + 4.0)) text-anchor="end" { (shortened(&row.name, 24)) }
                @if let (Some(low), Some(high)) = (x(row.interval.0), x(row.interval.1)) {
                    line class={ "interval " (row.look.class) } x1=(px(low)) y1=(px(y)) x2=(px(high)) y2=(px(y)) {}
                }
                @for run in row.runs.iter().filter_map(|run| x(*run)) {
                    line class={ "run " (row.look.class) } x1=(px(run)) y1=(px(y - 9.0)) x2=(px(run)) y2=(px(y + 9.0)) {}
                }
                @if let Some(mean) = x(row.mean) {
                    (row.look.marker(mean, y))
                    @let after = x(row.interval.1).unwrap_or(mean).max(mean) + 9.0;
                    text class="value" x=(px(after)) y=(px(y + 4.0)) { (format!("{:.3}", row.mean)) }
                }
            }
            text class="axis-title" x=(px((NAMES + WIDTH - END) / 2.0)) y=(px(floor + 36.0)) text-anchor="middle" { (axis_title) }
        }
    }
}

/// A name cut to at most `room` characters: it comes from a file and may be of any length.
fn shortened(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room - 1).chain(['…']).collect()
}
