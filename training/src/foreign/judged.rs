//! The payments a foreign model is judged on: mature ones of the later part of a file of examples, at true prevalence.
//!
//! ```text
//! first example                                      cut                               last example
//! |  earlier part: what the model was fitted on       |  calibration  |  test   | young |
//! ```
//!
//! The cut is the time of the example at `1 - share` of the file in order of time, so that whoever fits can draw the same line.
//! Young payments (closer to the last one than the maturity) are left out: without a label they are not known to be legitimate,
//! and with one they are frauds only, which would raise the prevalence. An example stands for one over its probability of being
//! kept. Of the declined nobody saw what would have become of them, unless a label says it; where the control group holds enough
//! frauds, it stands for them by the probability with which it was let through.

use crate::ablate::Cut;
use crate::data::split::DAY_MS;
use crate::example_file::LabelledExample;
use crate::example_file::read::ExampleReader;
use anyhow::{Context, Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_scoring::verdict::Decision;
use std::path::Path;

/// Fewest frauds of the control group by which the declined are judged.
pub const LEAST_CONTROL_FRAUDS: usize = 5;

/// Which payments count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgeSettings {
    /// Share of the file's examples, the latest, that the model was not fitted on; above 0 and at most 1.
    pub share: f64,
    /// Days after which a payment without a label counts as legitimate.
    pub maturity_days: f64,
    /// Whether tensors are kept whole, for a model that reads the neighbourhood.
    pub neighbourhood: bool,
}

/// A payment to judge by.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What the model reads: whole, or the payment row and the account's node alone.
    pub tensor: Tensor,
    /// When it was made, UTC milliseconds.
    pub occurred_at_ms: i64,
    /// Whether it is known to be fraud.
    pub fraud: bool,
    /// Payments it stands for.
    pub weight: f64,
    /// Probability that the model which served gave it.
    pub served_probability: f32,
}

/// What was left of a file.
#[derive(Debug, Clone)]
pub struct Judges {
    /// Payments to judge by, in order of time.
    pub payments: Vec<Judged>,
    /// Examples in the file.
    pub examples: u64,
    /// Time of the first one, UTC milliseconds.
    pub first_ms: i64,
    /// The cut.
    pub cut_ms: i64,
    /// From here on payments are too young.
    pub mature_until_ms: i64,
    /// Time of the last one.
    pub last_ms: i64,
    /// Whether the control group stands for the declined.
    pub control_group: bool,
}

impl Judges {
    /// Reads a file twice: for its times, and for the payments that count.
    ///
    /// # Errors
    /// A file that cannot be read, a setting out of range, or nothing left to judge by.
    pub fn read(path: &Path, settings: &JudgeSettings) -> Result<Judges> {
        ensure!(
            settings.share > 0.0 && settings.share <= 1.0,
            "the share to judge by must lie above 0 and at most 1, not {}",
            settings.share
        );
        ensure!(
            settings.maturity_days >= 0.0 && settings.maturity_days.is_finite(),
            "the maturity must be a number of days of at least 0, not {}",
            settings.maturity_days
        );
        let mut times = Vec::new();
        let mut control_frauds = 0;
        for row in ExampleReader::open(path)? {
            let row = row?;
            times.push(row.example.head.occurred_at_ms);
            let fraud = row.label.is_some_and(|label| label.fraud);
            control_frauds += usize::from(fraud && row.example.head.control_group);
        }
        ensure!(!times.is_empty(), "{} holds no examples yet; let the service see payments first", path.display());
        times.sort_unstable();
        let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
        let earlier = ((1.0 - settings.share) * times.len() as f64) as usize;
        let mut judges = Judges {
            payments: Vec::new(),
            examples: times.len() as u64,
            first_ms,
            cut_ms: times[earlier.min(times.len() - 1)],
            mature_until_ms: last_ms.saturating_sub((settings.maturity_days * DAY_MS as f64) as i64).saturating_add(1),
            last_ms,
            control_group: control_frauds >= LEAST_CONTROL_FRAUDS,
        };
        for row in ExampleReader::open(path)? {
            if let Some(judged) = judges.judged(row?, settings.neighbourhood) {
                judges.payments.push(judged);
            }
        }
        judges.payments.sort_by_key(|payment| payment.occurred_at_ms);
        ensure!(
            !judges.payments.is_empty(),
            "no payment of the last {:.0} % is {} days old; export later, or lower --maturity-days",
            100.0 * settings.share,
            settings.maturity_days
        );
        Ok(judges)
    }

    /// The payment to judge by, where it counts.
    fn judged(&self, row: LabelledExample, neighbourhood: bool) -> Option<Judged> {
        let head = row.example.head;
        if head.occurred_at_ms < self.cut_ms || head.occurred_at_ms >= self.mature_until_ms {
            return None;
        }
        let declined = head.decision == Decision::Decline && !head.control_group;
        if declined && (self.control_group || row.label.is_none()) {
            return None;
        }
        let let_through = if head.control_group && self.control_group { f64::from(head.propensity) } else { 1.0 };
        let tensor = row.example.tensor;
        Some(Judged {
            tensor: if neighbourhood { tensor } else { Cut::AllEdges.apply(&tensor) },
            occurred_at_ms: head.occurred_at_ms,
            fraud: row.label.is_some_and(|label| label.fraud),
            weight: 1.0 / (f64::from(head.inclusion_probability) * let_through),
            served_probability: head.fraud_probability,
        })
    }

    /// The earlier half, for calibration, and the later half, to test on: cut between two times where both hold frauds.
    ///
    /// # Errors
    /// Fewer than two known frauds: there is nothing to tell a good model by.
    pub fn halves(&self) -> Result<(&[Judged], &[Judged])> {
        let frauds: Vec<usize> = (0..self.payments.len()).filter(|&at| self.payments[at].fraud).collect();
        let (first, last) = match frauds[..] {
            [first, .., last] => (first, last),
            _ => None.with_context(|| {
                format!(
                    "{} mature payments to judge by hold {} known frauds, and two are needed at least; export when more labels are in",
                    self.payments.len(),
                    frauds.len()
                )
            })?,
        };
        // Half the frauds on either side, but never all of them on one.
        let middle = frauds[frauds.len() / 2].clamp(first + 1, last);
        Ok(self.payments.split_at(middle))
    }
}
