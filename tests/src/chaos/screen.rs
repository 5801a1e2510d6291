//! What chaos and the demo print: lines, and one line of live figures that is drawn over itself on a terminal.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use fraudnet_scoring::clock;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often figures are told where they cannot be drawn over.
const PLAIN_INTERVAL: Duration = Duration::from_secs(3);
/// How often they are drawn on a terminal.
const DRAW_INTERVAL: Duration = Duration::from_millis(150);

/// The place lines go to: standard output.
#[derive(Debug)]
pub struct Screen {
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    told: Instant,
    drawn: bool,
}

impl Default for Screen {
    fn default() -> Screen {
        let state = State { told: clock::monotonic(), drawn: false };
        Screen { terminal: std::io::stdout().is_terminal(), state: Mutex::new(state) }
    }
}

impl Screen {
    /// A line.
    pub fn say(&self, line: impl Display) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.drawn) {
            print!("\r\x1b[K");
        }
        println!("{line}");
    }

    /// Live figures, told when it is time for them.
    pub fn live(&self, figures: impl FnOnce() -> String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::monotonic();
        let interval = if self.terminal { DRAW_INTERVAL } else { PLAIN_INTERVAL };
        if now.saturating_duration_since(state.told) < interval {
            return;
        }
        state.told = now;
        if self.terminal {
            print!("\r\x1b[K      {}", figures());
            // A terminal that cannot be written to shows nothing, which is all that happens.
            let _ = std::io::stdout().flush();
            state.drawn = true;
        } else {
            println!("      {}", figures());
        }
    }
}

/// A number with a comma every three digits.
pub fn grouped(number: u64) -> String {
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
