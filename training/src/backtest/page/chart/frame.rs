//! A figure with two axes, and lines and markers in it.

use super::{Axis, Look, px};
use maud::{Markup, html};

/// Room for the numbers and the title of the upright axis, pixels.
const LEFT: f64 = 64.0;
/// Room above the drawing.
const TOP: f64 = 20.0;
/// Room to its right, for half a tick label.
const RIGHT: f64 = 22.0;
/// Room below, for the numbers and the title of the lying axis.
const BOTTOM: f64 = 44.0;

/// A figure with two axes. `id` must be the only one of its kind on the page and safe in an attribute.
#[derive(Debug)]
pub struct Frame {
    /// Name of the drawing on the page.
    pub id: String,
    /// What it shows, for those who don't see it.
    pub title: String,
    /// What is to be seen in it, for those who don't.
    pub description: String,
    /// Width and height, pixels at full size.
    pub size: (f64, f64),
    /// Lying axis and its title.
    pub x: (Axis, &'static str),
    /// Upright axis and its title.
    pub y: (Axis, &'static str),
}

impl Frame {
    /// The pixel of a point; none where it is no number.
    pub fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (width, height) = self.inner();
        Some((LEFT + width * self.x.0.place(x)?, TOP + height * (1.0 - self.y.0.place(y)?)))
    }

    /// A line through the points (those that are no numbers are left out), a marker on about every `nth` of them.
    pub fn line(&self, points: &[(f64, f64)], look: Look, nth: usize) -> Markup {
        let pixels: Vec<(f64, f64)> = points.iter().filter_map(|(x, y)| self.at(*x, *y)).collect();
        let path: Vec<String> = pixels.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
        html! {
            @if !pixels.is_empty() {
                polyline class={ "line " (look.class) } points=(path.join(" ")) stroke-dasharray=(look.dash) {}
            }
            @for (x, y) in pixels.iter().skip(nth / 2).step_by(nth.max(1)) { (look.marker(*x, *y)) }
        }
    }

    /// Markers without a line.
    pub fn markers(&self, points: &[(f64, f64)], look: Look) -> Markup {
        html! { @for (x, y) in points.iter().filter_map(|(x, y)| self.at(*x, *y)) { (look.marker(x, y)) } }
    }

    /// A line to measure against: what is perfect, or what chance gives.
    pub fn reference(&self, points: &[(f64, f64)]) -> Markup {
        let path = points.iter().filter_map(|(x, y)| self.at(*x, *y));
        let path: Vec<String> = path.map(|(x, y)| format!("{},{}", px(x), px(y))).collect();
        html! { @if !path.is_empty() { polyline class="reference" points=(path.join(" ")) {} } }
    }

    /// Words in the drawing, ending (`end`) or beginning (`start`) at a point, a little above it.
    pub fn note(&self, x: f64, y: f64, anchor: &'static str, text: &str) -> Markup {
        html! {
            @if let Some((x, y)) = self.at(x, y) {
                text class="note" x=(px(x)) y=(px(y - 5.0)) text-anchor=(anchor) { (text) }
            }
        }
    }

    /// The whole drawing: the axes, and `body` over them.
    pub fn draw(&self, body: &Markup) -> Markup {
        let (width, height) = self.inner();
        let (floor, end) = (TOP + height, LEFT + width);
        html! {
            svg class="figure" viewBox={ "0 0 " (self.size.0) " " (self.size.1) } role="img"
                aria-labelledby={ (self.id) "-title " (self.id) "-text" } {
                title id={ (self.id) "-title" } { (self.title) }
                desc id={ (self.id) "-text" } { (self.description) }
                @for (value, text) in &self.y.0.ticks {
                    @let y = floor - height * self.y.0.place(*value).unwrap_or(0.0);
                    line class="grid" x1=(px(LEFT)) y1=(px(y)) x2=(px(end)) y2=(px(y)) {}
                    text class="tick" x=(px(LEFT - 7.0)) y=(px(y + 4.0)) text-anchor="end" { (text) }
                }
                @for (value, text) in &self.x.0.ticks {
                    @let x = LEFT + width * self.x.0.place(*value).unwrap_or(0.0);
                    line class="axis" x1=(px(x)) y1=(px(floor)) x2=(px(x)) y2=(px(floor + 4.0)) {}
                    text class="tick" x=(px(x)) y=(px(floor + 17.0)) text-anchor="middle" { (text) }
                }
                line class="axis" x1=(px(LEFT)) y1=(px(floor)) x2=(px(end)) y2=(px(floor)) {}
                (body)
                text class="axis-title" x=(px(LEFT + width / 2.0)) y=(px(self.size.1 - 6.0)) text-anchor="middle" { (self.x.1) }
                text class="axis-title" x="0" y="0" text-anchor="middle"
                    transform={ "translate(13," (px(TOP + height / 2.0)) ") rotate(-90)" } { (self.y.1) }
            }
        }
    }

    /// Width and height between the axes.
    fn inner(&self) -> (f64, f64) {
        (self.size.0 - LEFT - RIGHT, self.size.1 - TOP - BOTTOM)
    }
}
