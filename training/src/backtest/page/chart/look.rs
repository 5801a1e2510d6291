//! How a model looks in every figure: a colour that the colour-blind can tell apart, and beside it a dash and a marker,
//! so that nothing hangs on colour alone.

use super::px;
use maud::{Markup, html};

/// The look of one model.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Class that carries the colour, light and dark.
    pub class: &'static str,
    /// `stroke-dasharray`.
    pub dash: &'static str,
    /// Shape of its markers.
    marker: Marker,
}

#[derive(Debug, Clone, Copy)]
enum Marker {
    Circle,
    Square,
    Diamond,
    Up,
    Down,
    Cross,
}

/// One look for each place in the list of models. More models than looks begin again.
const LOOKS: [Look; 6] = [
    Look { class: "m0", dash: "1 3", marker: Marker::Cross },
    Look { class: "m1", dash: "7 3", marker: Marker::Down },
    Look { class: "m2", dash: "3 2", marker: Marker::Square },
    Look { class: "m3", dash: "none", marker: Marker::Diamond },
    Look { class: "m4", dash: "9 3 2 3", marker: Marker::Up },
    Look { class: "m5", dash: "none", marker: Marker::Circle },
];

impl Look {
    /// The look of what is no model: grey, to be compared with.
    pub const fn plain() -> Look {
        Look { class: "plain", dash: "none", marker: Marker::Square }
    }

    /// The look of a model by its name; of one nobody knows, by its place in the list.
    pub fn of(name: &str, place: usize) -> Look {
        let known = ["rules", "logistic-regression", "trees-v1", "trees-v2", "network", "hybrid"];
        LOOKS[known.iter().position(|other| *other == name).unwrap_or(place) % LOOKS.len()]
    }

    /// Its marker at a point.
    pub fn marker(self, x: f64, y: f64) -> Markup {
        let at = |dx: f64, dy: f64| format!("{},{}", px(x + dx), px(y + dy));
        let points = match self.marker {
            Marker::Circle => return html! { circle class={ "dot " (self.class) } cx=(px(x)) cy=(px(y)) r="3.2" {} },
            Marker::Cross => {
                return html! {
                    path class={ "cross " (self.class) } d={ "M" (at(-3.0, -3.0)) "L" (at(3.0, 3.0)) "M" (at(-3.0, 3.0)) "L" (at(3.0, -3.0)) } {}
                };
            }
            Marker::Square => [at(-3.0, -3.0), at(3.0, -3.0), at(3.0, 3.0), at(-3.0, 3.0)].join(" "),
            Marker::Diamond => [at(0.0, -4.2), at(4.2, 0.0), at(0.0, 4.2), at(-4.2, 0.0)].join(" "),
            Marker::Up => [at(-3.6, 3.0), at(3.6, 3.0), at(0.0, -3.8)].join(" "),
            Marker::Down => [at(-3.6, -3.0), at(3.6, -3.0), at(0.0, 3.8)].join(" "),
        };
        html! { polygon class={ "dot " (self.class) } points=(points) {} }
    }

    /// A line with its marker, as a legend or a table shows it.
    pub fn swatch(self) -> Markup {
        html! {
            svg class="swatch" width="30" height="12" viewBox="0 0 30 12" aria-hidden="true" {
                line class={ "line " (self.class) } x1="1" y1="6" x2="29" y2="6" stroke-dasharray=(self.dash) {}
                (self.marker(15.0, 6.0))
            }
        }
    }
}

/// A legend: looks and what they stand for.
pub fn legend(entries: &[(Look, String)]) -> Markup {
    html! { ul class="legend" { @for (look, text) in entries { li { (look.swatch()) (text) } } } }
}
