//! Covariate drift: whether payments, and what the champion says of them, still look like those of the reference.
//!
//! The reference is the champion's first payments; a window holds the latest payments of each segment. Every so many payments of a segment
//! its window is compared with the reference, column by column. An alarm is raised where a column is beyond its bound in two comparisons
//! in a row, and cleared after several comparisons in which none is. Beside it the estimate without labels, over a longer window.
//!
//! Pure: no clock, no file, no thread. Cost at 140 columns and a window of 1,000: some 16 µs a payment on the monitor's own thread, most of
//! it the sorting of a comparison (3 ms every 250 payments); memory 25 MB, reference and windows.

use super::columns::{self, Column};
use super::estimate::{Estimate, estimate};
use super::ks::kolmogorov_smirnov;
use super::reference::{Baseline, Origin, Reference, Row, baselines};
use super::segment::Segment;
use super::state::Signal;
use std::collections::VecDeque;

const SECONDS_OF_A_DAY: u32 = 86_400;
const SEGMENTS: usize = Segment::ALL.len();
/// Windows that the estimate looks back over: frauds are few, and it counts them.
const ESTIMATE_WINDOWS: usize = 5;

/// Settings of the monitor.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorConfig {
    /// Payments of the reference.
    pub reference_payments: usize,
    /// Payments of a window.
    pub window_payments: usize,
    /// Payments of a segment between two comparisons.
    pub compare_every: usize,
    /// Payments a segment needs, in the reference and in the window.
    pub least_payments: usize,
    /// KS statistic above which a column has drifted.
    pub ks_bound: f64,
    /// Stability index above which a column has drifted.
    pub psi_bound: f64,
    /// Fall of the estimated AUC above which the model is feared to fail.
    pub estimate_bound: f64,
    /// Comparisons without drift after which an alarm is cleared.
    pub quiet_comparisons: u32,
}

/// A payment that was decided.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The graph's clock, seconds since the epoch.
    pub at_s: u32,
    /// Its row; the score is that of the champion, or no number.
    pub row: Row,
}

/// How far a column is from the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnDrift {
    /// Name of the column.
    pub column: &'static str,
    /// KS statistic.
    pub ks: f64,
    /// Values in the reference and in the window.
    pub counts: (usize, usize),
    /// Stability index.
    pub psi: f64,
}

/// An alarm that begins or ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// It begins.
    Raised {
        /// What was looked at.
        signal: Signal,
        /// In which segment.
        segment: Segment,
        /// The column that is furthest beyond its bound; none for the estimate.
        column: Option<&'static str>,
        /// Its value.
        value: f64,
        /// The bound.
        bound: f64,
        /// Columns beyond the bound.
        columns: usize,
    },
    /// It ends.
    Cleared {
        /// What was looked at.
        signal: Signal,
        /// In which segment.
        segment: Segment,
    },
}

/// The latest comparison of a segment.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Payments of the window.
    pub payments: usize,
    /// Every column that was compared.
    pub columns: Vec<ColumnDrift>,
}

/// An alarm as far as the comparisons tell.
#[derive(Debug, Clone, Default)]
struct Watch {
    standing: bool,
    /// Whether each watched column was beyond the bound at the last comparison.
    beyond: Vec<bool>,
    quiet: u32,
}

/// The latest payments of a segment.
#[derive(Debug, Clone, Default)]
struct Window {
    rows: VecDeque<Row>,
    since_compared: usize,
}

/// Compares what comes with what was.
pub struct Monitor {
    config: MonitorConfig,
    columns: Vec<Column>,
    width: usize,
    /// When the graph's first event was.
    graph_begun_s: u32,
    features: String,
    model: String,
    reference: Option<Reference>,
    baselines: [Vec<Baseline>; SEGMENTS],
    reference_estimate: Estimate,
    /// The reference that is being taken: the first, or one with more columns.
    gathering: Option<Reference>,
    windows: [Window; SEGMENTS],
    /// Probability and flag of the latest payments that the champion scored.
    scored: VecDeque<(f32, bool)>,
    watches: [[Watch; 2]; SEGMENTS],
    estimate_watch: Watch,
    latest: [Comparison; SEGMENTS],
    latest_estimate: Option<Estimate>,
    reference_changed: bool,
}

impl Monitor {
    /// A monitor of that champion's payments. `width` counts the payment row and the score; `graph_begun_s` is when the graph's first event
    /// was. A reference of the same champion, columns and graph is gone on with.
    pub fn new(
        config: MonitorConfig,
        columns: Vec<Column>,
        width: usize,
        features: &str,
        model: &str,
        graph_begun_s: u32,
        kept: Option<Reference>,
    ) -> Monitor {
        let mut monitor = Monitor {
            config,
            columns,
            width,
            graph_begun_s,
            features: features.to_owned(),
            model: model.to_owned(),
            reference: None,
            baselines: Default::default(),
            reference_estimate: Estimate::default(),
            gathering: None,
            windows: Default::default(),
            scored: VecDeque::new(),
            watches: Default::default(),
            estimate_watch: Watch::default(),
            latest: Default::default(),
            latest_estimate: None,
            reference_changed: false,
        };
        let fits = |reference: &Reference| {
            let origin = &reference.origin;
            let same = origin.model == model && origin.features == features && origin.graph_begun_s == graph_begun_s;
            same && origin.width == width && reference.payments() == monitor.config.reference_payments
        };
        if let Some(reference) = kept.filter(fits) {
            monitor.adopt(reference);
            monitor.reference_changed = false;
        }
        monitor
    }

    /// The champion whose payments are watched, `name/version`.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Begins anew with another champion. Alarms no longer stand.
    pub fn follow_champion(&mut self, model: &str) {
        *self = Monitor::new(
            self.config.clone(),
            std::mem::take(&mut self.columns),
            self.width,
            &self.features,
            model,
            self.graph_begun_s,
            None,
        );
    }

    /// Alarms that stand from before a restart, so that they can be cleared.
    pub fn stands(&mut self, signal: Signal, segment: Segment) {
        match (signal, place(segment)) {
            (Signal::Ks, place) => self.watches[place][0].standing = true,
            (Signal::Psi, place) => self.watches[place][1].standing = true,
            (Signal::Estimate, _) => self.estimate_watch.standing = true,
            (Signal::Auc | Signal::Recall, _) => {}
        }
    }

    /// The reference, once there is one.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// The reference where it is another one than at the last call.
    pub fn changed_reference(&mut self) -> Option<&Reference> {
        std::mem::take(&mut self.reference_changed).then_some(self.reference.as_ref()).flatten()
    }

    /// Payments taken for a reference that is not complete; none where none is being taken.
    pub fn gathered(&self) -> Option<usize> {
        self.gathering.as_ref().map(Reference::payments)
    }

    /// The latest comparison of each segment, in the order of [`Segment::ALL`].
    pub fn latest(&self) -> &[Comparison; SEGMENTS] {
        &self.latest
    }

    /// The estimate without labels, now and of the reference.
    pub fn estimates(&self) -> (Option<Estimate>, Estimate) {
        (self.latest_estimate, self.reference_estimate)
    }

    /// Takes a payment; alarms that begin or end with it.
    pub fn take(&mut self, seen: Seen) -> Vec<Turn> {
        self.gather(&seen);
        if self.reference.is_none() {
            return Vec::new();
        }
        if let (Some(&score), flagged) = (seen.row.values.last(), seen.row.flagged)
            && !score.is_nan()
        {
            push_bounded(&mut self.scored, (score, flagged), ESTIMATE_WINDOWS * self.config.window_payments);
        }
        let mut turns = Vec::new();
        let own = (usize::from(seen.row.channel) + 1).min(SEGMENTS - 1);
        // All payments first: a drift of all of them is then not told of the channel as well.
        for (place, row) in [(0, seen.row.clone()), (own, seen.row)] {
            let window = &mut self.windows[place];
            push_bounded(&mut window.rows, row, self.config.window_payments);
            window.since_compared += 1;
            if window.rows.len() >= self.config.least_payments && window.since_compared >= self.config.compare_every {
                window.since_compared = 0;
                self.compare(place, &mut turns);
                if place == 0 {
                    self.compare_estimates(&mut turns);
                }
            }
        }
        turns
    }

    /// Adds the payment to the reference that is being taken, and begins one where there is none or more columns have settled.
    fn gather(&mut self, seen: &Seen) {
        if self.gathering.is_none() {
            let age_days = seen.at_s.saturating_sub(self.graph_begun_s) / SECONDS_OF_A_DAY;
            let settled_days = columns::settled_days(&self.columns, age_days);
            let good = self.reference.as_ref().is_some_and(|reference| reference.origin.settled_days >= settled_days);
            // While an alarm stands a new reference would take the drift for normal.
            if good || self.any_standing() {
                return;
            }
            self.gathering = Some(Reference::new(Origin {
                model: self.model.clone(),
                features: self.features.clone(),
                graph_begun_s: self.graph_begun_s,
                begun_at_s: seen.at_s,
                ended_at_s: seen.at_s,
                settled_days,
                width: self.width,
            }));
        }
        let Some(gathering) = &mut self.gathering else { return };
        gathering.add(&seen.row, seen.at_s);
        if gathering.payments() >= self.config.reference_payments
            && let Some(complete) = self.gathering.take()
            && !(self.reference.is_some() && self.any_standing())
        {
            self.adopt(complete);
        }
    }

    fn adopt(&mut self, reference: Reference) {
        self.baselines = baselines(&reference, &self.columns, self.config.least_payments);
        self.reference_estimate = reference.estimate();
        self.reference = Some(reference);
        self.windows = Default::default();
        self.scored.clear();
        for watch in self.watches.iter_mut().flatten() {
            watch.beyond = vec![false; self.columns.len()];
        }
        self.reference_changed = true;
    }

    fn any_standing(&self) -> bool {
        self.estimate_watch.standing || self.watches.iter().flatten().any(|watch| watch.standing)
    }

    fn compare(&mut self, place: usize, turns: &mut Vec<Turn>) {
        let rows = &self.windows[place].rows;
        let mut values = Vec::with_capacity(rows.len());
        let mut compared = Vec::with_capacity(self.baselines[place].len());
        let mut places = Vec::with_capacity(self.baselines[place].len());
        for baseline in &self.baselines[place] {
            let column = &self.columns[baseline.column];
            values.clear();
            values.extend(rows.iter().map(|row| row.values[column.index]).filter(|value| !value.is_nan()));
            if values.len() < self.config.least_payments {
                continue;
            }
            values.sort_unstable_by(f32::total_cmp);
            compared.push(ColumnDrift {
                column: column.name,
                ks: kolmogorov_smirnov(&baseline.sorted, &values),
                counts: (baseline.sorted.len(), values.len()),
                psi: baseline.bins.index(&values),
            });
            places.push(baseline.column);
        }
        let payments = rows.len();
        // A drift of all payments shows in most segments too: it is one alarm.
        let covered = |signal: usize| place > 0 && self.watches[0][signal].standing;
        let covered = [covered(0), covered(1)];
        for (signal, name, bound) in [(0, Signal::Ks, self.config.ks_bound), (1, Signal::Psi, self.config.psi_bound)] {
            // A segment's share of a bin is too few payments for the index; and see `columns` on what is shared.
            if signal == 1 && place > 0 {
                continue;
            }
            let watch = &mut self.watches[place][signal];
            let mut before = std::mem::replace(&mut watch.beyond, vec![false; self.columns.len()]);
            before.resize(self.columns.len(), false);
            let (mut beyond, mut twice, mut worst) = (0, 0, None::<(&ColumnDrift, f64)>);
            for (drift, &column) in compared.iter().zip(&places) {
                let value = if signal == 0 { drift.ks } else { drift.psi };
                if value <= bound || (signal == 1 && self.columns[column].shared) {
                    continue;
                }
                beyond += 1;
                watch.beyond[column] = true;
                if before[column] {
                    twice += 1;
                    if worst.is_none_or(|(_, most)| value > most) {
                        worst = Some((drift, value));
                    }
                }
            }
            let segment = Segment::ALL[place];
            if let Some((drift, value)) = worst.filter(|_| !watch.standing && !covered[signal]) {
                watch.standing = true;
                let column = Some(drift.column);
                turns.push(Turn::Raised { signal: name, segment, column, value, bound, columns: twice });
            }
            turns.extend(
                watch
                    .settle(beyond == 0, self.config.quiet_comparisons)
                    .then_some(Turn::Cleared { signal: name, segment }),
            );
        }
        self.latest[place] = Comparison { payments, columns: compared };
    }

    fn compare_estimates(&mut self, turns: &mut Vec<Turn>) {
        let full = ESTIMATE_WINDOWS * self.config.window_payments;
        let settled = self.reference.as_ref().is_some_and(|reference| {
            self.columns.iter().any(|column| {
                column.name == columns::SCORE && column.settles_after_days <= reference.origin.settled_days
            })
        });
        if self.scored.len() < full || !settled {
            return;
        }
        let now = estimate(self.scored.iter().copied());
        let before = self.reference_estimate;
        self.latest_estimate = Some(now);
        // The AUC alone: recall and precision at thresholds swing by a third with the handful of frauds of a window.
        let (fall, bound) = (before.auc - now.auc, self.config.estimate_bound);
        let beyond = fall > bound;
        let watch = &mut self.estimate_watch;
        let before_too = watch.beyond.first().copied().unwrap_or(false);
        watch.beyond = vec![beyond];
        if beyond && before_too && !watch.standing {
            watch.standing = true;
            turns.push(Turn::Raised {
                signal: Signal::Estimate,
                segment: Segment::All,
                column: None,
                value: fall,
                bound,
                columns: 1,
            });
        }
        let cleared = watch.settle(!beyond, self.config.quiet_comparisons);
        turns.extend(cleared.then_some(Turn::Cleared { signal: Signal::Estimate, segment: Segment::All }));
    }
}

impl Watch {
    /// Counts a comparison; true where an alarm ends with it.
    fn settle(&mut self, quiet: bool, enough: u32) -> bool {
        self.quiet = if quiet { self.quiet.saturating_add(1) } else { 0 };
        let ends = self.standing && self.quiet >= enough;
        if ends {
            self.standing = false;
        }
        ends
    }
}

fn place(segment: Segment) -> usize {
    Segment::ALL.iter().position(|known| *known == segment).unwrap_or(0)
}

fn push_bounded<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(value);
}
