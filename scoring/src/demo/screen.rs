//! What the demo prints: lines for people, a progress bar on a terminal and plain lines elsewhere, and the result.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use crate::clock;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Steps of the demo.
const STEPS: usize = 5;
/// How often progress is told where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(3);
/// How often it is drawn on one.
const DRAW_INTERVAL: Duration = Duration::from_millis(150);

/// The place lines go to. With `json` the result alone goes to standard output, and lines to standard error.
pub(super) struct Screen {
    json: bool,
    progress: Mutex<Option<Progress>>,
}

struct Progress {
    bar: ProgressBar,
    title: &'static str,
    length: usize,
    told: Instant,
}

impl Screen {
    pub(super) fn new(json: bool) -> Screen {
        Screen { json, progress: Mutex::new(None) }
    }

    /// A line.
    pub(super) fn say(&self, line: impl Display) {
        let progress = self.lock();
        let print = || if self.json { eprintln!("{line}") } else { println!("{line}") };
        match progress.as_ref() {
            Some(progress) => progress.bar.suspend(print),
            None => print(),
        }
    }

    /// The next step: what it does and how long it takes on two cores.
    pub(super) fn step(&self, number: usize, what: impl Display, expected: &str) {
        self.say(format_args!("\n {number}/{STEPS}  {what}  (about {expected})"));
    }

    /// What came of a step.
    pub(super) fn done(&self, what: impl Display) {
        self.end_progress();
        self.say(format_args!("      {what}"));
    }

    /// Begins to show progress up to `length`.
    pub(super) fn progress(&self, length: usize, title: &'static str) {
        let bar = ProgressBar::new(length as u64);
        let style = ProgressStyle::with_template("      {prefix} {bar:28} {pos} of {len}  {msg}");
        bar.set_style(style.expect("the template is fixed and valid"));
        bar.set_prefix(title);
        *self.lock() = Some(Progress { bar, title, length, told: clock::monotonic() });
    }

    /// Tells how far it is; `figures` is only asked for when it is time to show them.
    pub(super) fn advance(&self, position: usize, figures: impl FnOnce() -> String) {
        let mut progress = self.lock();
        let Some(progress) = progress.as_mut() else { return };
        let now = clock::monotonic();
        let drawn = !progress.bar.is_hidden();
        let interval = if drawn { DRAW_INTERVAL } else { PLAIN_INTERVAL };
        if now.saturating_duration_since(progress.told) < interval {
            return;
        }
        progress.told = now;
        if drawn {
            progress.bar.set_position(position as u64);
            progress.bar.set_message(figures());
        } else {
            let (position, length) = (grouped(position as u64), grouped(progress.length as u64));
            let line = format!("      {} {position} of {length}  {}", progress.title, figures());
            if self.json { eprintln!("{line}") } else { println!("{line}") }
        }
    }

    /// Takes the bar away.
    pub(super) fn end_progress(&self) {
        if let Some(progress) = self.lock().take() {
            progress.bar.finish_and_clear();
        }
    }

    /// What the demo was run for.
    pub(super) fn result(&self, text: &str) {
        self.end_progress();
        println!("{text}");
    }

    fn lock(&self) -> MutexGuard<'_, Option<Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number with a comma every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let numbers = [0, 999, 1_000, 12_345, 123_456, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "123,456", "1,234,567"]);
    }

    #[test]
    fn figures_are_only_asked_for_when_shown() {
        let screen = Screen::new(true);
        screen.advance(1, || panic!("no progress was begun"));
        screen.progress(10, "testing");
        screen.advance(1, || panic!("told a moment ago"));
        screen.end_progress();
    }
}
