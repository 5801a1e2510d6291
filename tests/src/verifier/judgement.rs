//! What came of a run: the counts, a few examples of each fault, and the table of several runs.

use std::fmt::Write as _;

/// Examples of faults kept.
const EXAMPLES: usize = 12;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// Distinct payments that were accepted: answered, acknowledged, or valid in `transactions`.
    pub accepted: u64,
    /// Distinct payments with a committed verdict.
    pub decided: u64,
    /// Whatever was accepted and is not there, or has no verdict.
    pub lost: u64,
    /// Payments with more than one committed verdict, review or example.
    pub duplicate: u64,
    /// Payments with replies that differ from each other or from the committed verdict.
    pub different: u64,
    /// Messages that no service may take.
    pub invalid: u64,
    /// Those of them that have exactly one dead letter.
    pub dead_lettered: u64,
    /// Dead letters of messages that should have been taken, second ones, and such as do not tell where they come from.
    pub stray_letters: u64,
    /// Verdicts that cannot follow from what their cut says was known.
    pub future_seen: u64,
    /// Verdicts whose journal is not at hand.
    pub unproved: u64,
    /// Training examples whose tensor was compared bit for bit.
    pub tensors: u64,
    /// Longest time in which payments waited and no verdict was committed, seconds.
    pub longest_gap_s: f64,
    /// Replies heard.
    pub replies: u64,
    /// Payments that came more than once with the same body.
    pub repeats: u64,
    /// Labels in the topic.
    pub labels: u64,
    /// Cases opened.
    pub reviews: u64,
    /// Faults found, in words; the first few.
    pub findings: Vec<String>,
}

impl Judgement {
    /// Whether nothing was lost, decided twice, answered differently, dropped without a letter or seen too early, and all of it proved.
    pub fn passes(&self) -> bool {
        self.lost == 0
            && self.duplicate == 0
            && self.different == 0
            && self.invalid == self.dead_lettered
            && self.stray_letters == 0
            && self.future_seen == 0
            && self.unproved == 0
            && self.accepted == self.decided
    }

    pub(super) fn find(&mut self, finding: impl FnOnce() -> String) {
        if self.findings.len() < EXAMPLES {
            self.findings.push(finding());
        }
    }
}

/// A run in the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done to the cluster.
    pub fault: String,
    /// Seed that repeats it.
    pub seed: u64,
    /// What came of it.
    pub judgement: Judgement,
}

/// The table of several runs.
pub fn table(rows: &[Row]) -> String {
    const HEAD: [&str; 13] = [
        "fault",
        "seed",
        "in",
        "out",
        "lost",
        "duplicate",
        "different",
        "invalid",
        "dead-lettered",
        "future-seen",
        "unproved",
        "longest gap (s)",
        "verdict",
    ];
    let cells = rows.iter().map(|Row { fault, seed, judgement }| {
        let counts = [
            judgement.accepted,
            judgement.decided,
            judgement.lost,
            judgement.duplicate,
            judgement.different,
            judgement.invalid,
            judgement.dead_lettered,
            judgement.future_seen,
            judgement.unproved,
        ];
        let mut cells = vec![fault.clone(), seed.to_string()];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(format!("{:.1}", judgement.longest_gap_s));
        cells.push(if judgement.passes() { "ok" } else { "FAILED" }.to_owned());
        cells
    });
    let lines: Vec<Vec<String>> =
        std::iter::once(HEAD.iter().map(|title| (*title).to_owned()).collect()).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            let last = column == HEAD.len() - 1;
            // Words to the left, numbers to the right.
            let written = match column {
                0 => write!(text, "{cell:<width$}  "),
                _ if last => writeln!(text, "{cell}"),
                _ => write!(text, "{cell:>width$}  "),
            };
            written.expect("text can always be added to");
        }
        if number == 0 {
            let length = widths.iter().sum::<usize>() + 2 * (HEAD.len() - 1);
            writeln!(text, "{}", "─".repeat(length)).expect("text can always be added to");
        }
    }
    text
}
