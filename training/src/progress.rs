//! How a long step tells where it is: a bar on a terminal, a plain line every ten seconds elsewhere.

use fraudnet_scoring::clock;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Progress of one step, told on standard error. A quiet one (tests, library callers) says nothing.
pub struct Progress {
    name: String,
    unit: &'static str,
    total: Option<u64>,
    form: Form,
    started: Instant,
    said: Instant,
    done: u64,
    look_at: u64,
}

enum Form {
    Quiet,
    Lines,
    Bar(ProgressBar),
}

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Steps between two looks at the clock: a look costs some 30 ns, a step of a replay about a microsecond.
const LOOK_EVERY: u64 = 256;

/// Whether steps tell their progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// On standard error.
    Aloud,
    /// Not at all.
    Quietly,
}

impl Progress {
    /// Begins a step of `total` units (`None` where nobody knows).
    pub fn start(told: Told, name: &str, unit: &'static str, total: Option<u64>) -> Progress {
        let form = match told {
            Told::Quietly => Form::Quiet,
            Told::Aloud if std::io::stderr().is_terminal() => Form::Bar(bar(name, unit, total)),
            Told::Aloud => Form::Lines,
        };
        let now = clock::monotonic();
        let progress =
            Progress { name: name.to_owned(), unit, total, form, started: now, said: now, done: 0, look_at: 0 };
        if matches!(progress.form, Form::Lines) {
            let size = total.map_or(String::new(), |total| format!(" ({total} {unit})"));
            say(&format!("{name}{size} …"));
        }
        progress
    }

    /// `done` units are done.
    pub fn advance(&mut self, done: u64) {
        self.done = done;
        if done < self.look_at {
            return;
        }
        self.look_at = done + LOOK_EVERY;
        match &self.form {
            Form::Quiet => {}
            Form::Bar(bar) => bar.set_position(done),
            Form::Lines => {
                let now = clock::monotonic();
                if now - self.said >= LINE_EVERY {
                    self.said = now;
                    say(&self.line(now));
                }
            }
        }
    }

    /// Says a sentence between two updates.
    pub fn note(&self, text: &str) {
        match &self.form {
            Form::Quiet => {}
            Form::Lines => say(&format!("  {text}")),
            Form::Bar(bar) => bar.suspend(|| say(&format!("  {text}"))),
        }
    }

    /// Ends the step; tells its size, time and rate, and returns the seconds it took.
    pub fn finish(self) -> f64 {
        let seconds = (clock::monotonic() - self.started).as_secs_f64();
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
        if !matches!(self.form, Form::Quiet) {
            let rate = self.done as f64 / seconds.max(1e-9);
            say(&format!("{}: {} {} in {seconds:.1} s ({rate:.0}/s)", self.name, self.done, self.unit));
        }
        seconds
    }

    fn line(&self, now: Instant) -> String {
        let seconds = (now - self.started).as_secs_f64();
        let rate = self.done as f64 / seconds.max(1e-9);
        match self.total {
            Some(total) => {
                let left = total.saturating_sub(self.done) as f64 / rate.max(1e-9);
                format!("  {}: {} of {total} {} ({rate:.0}/s, about {left:.0} s left)", self.name, self.done, self.unit)
            }
            None => format!("  {}: {} {} ({rate:.0}/s)", self.name, self.done, self.unit),
        }
    }
}

fn bar(name: &str, unit: &str, total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    let template = match total {
        Some(_) => format!("{{msg}} {{bar:30}} {{pos}}/{{len}} {unit} ({{per_sec}}, {{eta}} left)"),
        None => format!("{{msg}} {{spinner}} {{pos}} {unit} ({{per_sec}})"),
    };
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar
}

#[expect(clippy::disallowed_macros, reason = "command output: progress goes to standard error")]
fn say(line: &str) {
    eprintln!("{line}");
}
