//! Figures as inline SVG: axes, lines with markers, bars. No script, no outside font, colours from the page's style.
//!
//! Reading order: [`axis`] (values to places, ticks), [`look`] (colour, dash and marker of a model), [`frame`] (a figure
//! with two axes, lines and markers in it), [`bars`] (columns in a frame, rows of bars and intervals beside names).
//! Never knows what a backtest is.

pub mod axis;
pub mod bars;
pub mod frame;
pub mod look;

pub use axis::Axis;
pub use frame::Frame;
pub use look::{Look, legend};

/// A coordinate, to a tenth of a pixel: finer is not seen and makes the file larger.
fn px(value: f64) -> String {
    format!("{:.1}", value)
}
