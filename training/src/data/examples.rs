//! What of a history is kept in memory: every known positive, and a sample of the rest.
//!
//! Cost: a compact tensor takes 10–20 kB, so 50,000 examples are the bound of a small machine; a payment row alone takes
//! 1 kB, so trees may learn from more. Which negatives are kept is decided by a hash of the payment's id, so that it depends
//! neither on order nor on other payments; the larger sample holds the smaller.

use super::replay::{Seen, replay};
use super::source::Source;
use super::split::{Window, Windows};
use super::survey::Survey;
use crate::network::Example;
use crate::progress::Progress;
use anyhow::{Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_graph::{Event, Payment};
use serde::{Deserialize, Serialize};

/// Shares (0–1] of the payments not known to be fraud that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Of the fit window, with their tensors.
    pub negative: f64,
    /// Of the fit window, with their payment row at least; less than `negative` means the same.
    pub tabular: f64,
    /// Of the early-stop window, with their tensors.
    pub stop: f64,
}

impl Shares {
    /// The same share everywhere.
    pub const fn all(share: f64) -> Shares {
        Shares { negative: share, tabular: share, stop: share }
    }

    fn check(self) -> Result<()> {
        for (name, share) in [("fit", self.negative), ("tabular", self.tabular), ("early-stop", self.stop)] {
            ensure!(
                share > 0.0 && share <= 1.0,
                "the share of {name} negatives must lie above 0 and at most 1, not {share}"
            );
        }
        Ok(())
    }
}

/// Where an example comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    /// Number of its history, in the order they were gathered.
    pub history: u32,
    /// Acceptance, UTC milliseconds.
    pub at_ms: i64,
    /// Age at the cut, milliseconds.
    pub age_ms: i64,
    /// Payments its row stands for among the rows trees learn from, of which there may be more than tensors.
    pub row_weight: f32,
}

/// Examples of a fit, with what was left out. An example's weight is the number of payments it stands for: 1 for a known
/// fraud, 1 / share for a sampled negative.
#[derive(Default)]
pub struct Examples {
    /// Of the fit window: the weights are learnt from these.
    pub fit: Vec<Example>,
    /// Their origins.
    pub fit_origins: Vec<Origin>,
    /// Further negatives of the fit window, of which only the payment row is kept (their tensors have no nodes).
    pub rows: Vec<Example>,
    /// Their origins.
    pub row_origins: Vec<Origin>,
    /// Of the early-stop window.
    pub stop: Vec<Example>,
    /// Their origins.
    pub stop_origins: Vec<Origin>,
    /// Payments of the fit window that were looked at.
    pub fit_payments: u64,
    /// Payments of the early-stop window.
    pub stop_payments: u64,
    /// Bytes held by tensors.
    pub bytes: u64,
    /// Bytes the same tensors would take padded, as f32.
    pub padded_bytes: u64,
    /// Histories gathered.
    pub histories: u32,
}

impl Examples {
    /// Positives among the fit examples.
    pub fn fit_positives(&self) -> usize {
        self.fit.iter().filter(|example| example.label > 0.5).count()
    }

    /// Positives among the early-stop examples.
    pub fn stop_positives(&self) -> usize {
        self.stop.iter().filter(|example| example.label > 0.5).count()
    }

    /// Share of the fit window's negatives that were kept with their tensors, over all histories.
    pub fn negative_share(&self) -> f64 {
        let positives = self.fit_positives();
        (self.fit.len() - positives) as f64 / (self.fit_payments as f64 - positives as f64).max(1.0)
    }

    /// Adds the examples of one history, all payments of its fit and early-stop windows being eligible. Labels are those
    /// that stood at the cut.
    ///
    /// # Errors
    /// A share out of range, and what reading the history gives.
    pub fn gather(
        &mut self,
        source: &Source,
        survey: &Survey,
        windows: &Windows,
        shares: Shares,
        seed: u64,
        progress: &mut Progress,
    ) -> Result<()> {
        self.gather_eligible(source, survey, windows, shares, seed, progress, |_, _| true)
    }

    /// The same of those payments only that are `eligible`; the others still fill the graph.
    ///
    /// # Errors
    /// As [`Examples::gather`].
    #[expect(clippy::too_many_arguments, reason = "a history with what was found in it, and what to take of it")]
    pub fn gather_eligible(
        &mut self,
        source: &Source,
        survey: &Survey,
        windows: &Windows,
        shares: Shares,
        seed: u64,
        progress: &mut Progress,
        mut eligible: impl FnMut(&Event, &Payment) -> bool,
    ) -> Result<()> {
        shares.check()?;
        let label = |tenant: &str, id: &str| survey.labels.standing(tenant, id, windows.cut_ms).unwrap_or(false);
        let drawn = |tenant: &str, id: &str, share: f64| kept(seed, tenant, id, share);
        let starts = [self.fit.len(), self.rows.len(), self.stop.len()];
        let (mut fit_payments, mut stop_payments) = (0, 0);
        replay(
            source,
            windows.gap_ms.min(windows.end_ms),
            progress,
            |event, payment| {
                let window = windows.of(event.ingested_at_ms);
                if !matches!(window, Window::Fit | Window::Stop) || !eligible(event, payment) {
                    return false;
                }
                let share = match window {
                    Window::Fit => {
                        fit_payments += 1;
                        shares.negative.max(shares.tabular)
                    }
                    _ => {
                        stop_payments += 1;
                        shares.stop
                    }
                };
                let (tenant, id) = (&event.tenant, &payment.transaction_id);
                label(tenant, id) || drawn(tenant, id, share)
            },
            |seen: Seen<'_>| {
                let (tenant, id) = (&seen.event.tenant, &seen.payment.transaction_id);
                let positive = label(tenant, id);
                let at_ms = seen.event.ingested_at_ms;
                let origin = Origin { history: self.histories, at_ms, age_ms: windows.cut_ms - at_ms, row_weight: 1.0 };
                let in_fit = windows.of(at_ms) == Window::Fit;
                let row_only = in_fit && !positive && !drawn(tenant, id, shares.negative);
                let tensor = if row_only {
                    Tensor { payment: seen.tensor.payment.clone(), ..Tensor::default() }
                } else {
                    self.padded_bytes += seen.tensor.padded_f32_bytes() as u64;
                    self.bytes += seen.tensor.bytes() as u64;
                    // A clone, not a swap: the clone is allocated to size, the replay's buffer to the largest so far.
                    seen.tensor.clone()
                };
                let example = Example { tensor, label: if positive { 1.0 } else { 0.0 }, weight: 1.0 };
                let (examples, origins) = match (in_fit, row_only) {
                    (true, false) => (&mut self.fit, &mut self.fit_origins),
                    (true, true) => (&mut self.rows, &mut self.row_origins),
                    _ => (&mut self.stop, &mut self.stop_origins),
                };
                examples.push(example);
                origins.push(origin);
                Ok(())
            },
        )?;
        self.fit_payments += fit_payments;
        self.stop_payments += stop_payments;
        self.histories += 1;
        self.weigh(starts, fit_payments, stop_payments);
        Ok(())
    }

    /// Lets examples of the fit window count half for every `half_life_ms` (at least 1) that they are older than `now_ms`.
    pub fn fade(&mut self, now_ms: i64, half_life_ms: i64) {
        let parts = [(&mut self.fit, &mut self.fit_origins), (&mut self.rows, &mut self.row_origins)];
        for (examples, origins) in parts {
            for (example, origin) in examples.iter_mut().zip(origins) {
                let age_ms = (now_ms - origin.at_ms).max(0);
                let left = 0.5f64.powf(age_ms as f64 / half_life_ms.max(1) as f64) as f32;
                example.weight *= left;
                origin.row_weight *= left;
            }
        }
    }

    /// Weighs the negatives added since `starts` by the share that was in fact kept.
    fn weigh(&mut self, starts: [usize; 3], fit_payments: u64, stop_payments: u64) {
        let (fit, rows, stop) = (&mut self.fit[starts[0]..], &mut self.rows[starts[1]..], &mut self.stop[starts[2]..]);
        let negatives = |examples: &[Example]| examples.iter().filter(|example| example.label < 0.5).count() as f64;
        let weight = |payments: u64, examples: &[Example], kept: f64| {
            let positives = examples.len() as f64 - negatives(examples);
            ((payments as f64 - positives) / kept.max(1.0)) as f32
        };
        let tensor_weight = weight(fit_payments, fit, negatives(fit));
        let row_weight = weight(fit_payments, fit, negatives(fit) + rows.len() as f64);
        let stop_weight = weight(stop_payments, stop, negatives(stop));
        let parts = [
            (fit, &mut self.fit_origins[starts[0]..], tensor_weight, row_weight),
            (rows, &mut self.row_origins[starts[1]..], row_weight, row_weight),
            (stop, &mut self.stop_origins[starts[2]..], stop_weight, stop_weight),
        ];
        for (examples, origins, weight, row_weight) in parts {
            for (example, origin) in examples.iter_mut().zip(origins).filter(|(example, _)| example.label < 0.5) {
                example.weight = weight;
                origin.row_weight = row_weight;
            }
        }
    }
}

/// Whether the payment belongs to a seeded sample of the given share (0–1).
pub fn kept(seed: u64, tenant: &str, transaction_id: &str, share: f64) -> bool {
    // FNV-1a over the bytes, then the finaliser of splitmix64: FNV alone leaves the high bits of short ids poor.
    let mut hash = 0xcbf2_9ce4_8422_2325u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in tenant.bytes().chain([0]).chain(transaction_id.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    (hash >> 11) as f64 / ((1u64 << 53) as f64) < share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::SplitSettings;
    use crate::progress::Told;
    use fraudnet_scoring::simulate::SimulationConfig;

    #[test]
    fn the_sample_has_its_share_and_follows_the_seed() {
        let count = |seed, share| (0..20_000).filter(|id| kept(seed, "t", &format!("tx-{id}"), share)).count();
        let tenth = count(1, 0.1);
        assert!((1_850..2_150).contains(&tenth), "{tenth}");
        assert_eq!(count(1, 0.0), 0);
        assert_eq!(count(1, 1.0), 20_000);
        let both = (0..20_000)
            .filter(|id| kept(1, "t", &format!("tx-{id}"), 0.1) && kept(2, "t", &format!("tx-{id}"), 0.1))
            .count();
        assert!((140..270).contains(&both), "two seeds draw independently, {both}");
    }

    #[test]
    fn weights_stand_for_every_payment_of_the_windows() {
        let config = SimulationConfig {
            days: 20,
            accounts: 200,
            payments_per_day: 200,
            fraud_share: 0.04,
            ..SimulationConfig::demo(1, 1_767_571_200_000)
        };
        let source = Source::Simulated(config);
        let mut quiet = Progress::start(Told::Quietly, "", "", None);
        let survey = Survey::take(&source, &mut quiet).unwrap();
        let split = SplitSettings { maturity_days: 1.0, ..SplitSettings::default() };
        let windows = split.windows(survey.first_ms, survey.last_ms).unwrap();
        let mut examples = Examples::default();
        let shares = Shares { negative: 0.1, tabular: 0.4, stop: 0.5 };
        examples.gather(&source, &survey, &windows, shares, 1, &mut quiet).unwrap();

        let sum = |examples: &[Example]| examples.iter().map(|example| f64::from(example.weight)).sum::<f64>();
        let rows = |origins: &[Origin]| origins.iter().map(|origin| f64::from(origin.row_weight)).sum::<f64>();
        assert!((sum(&examples.fit) - examples.fit_payments as f64).abs() < 0.5);
        assert!((sum(&examples.stop) - examples.stop_payments as f64).abs() < 0.5);
        let tabular = rows(&examples.fit_origins) + rows(&examples.row_origins);
        assert!((tabular - examples.fit_payments as f64).abs() < 0.5);
        assert!(examples.fit_positives() > 5 && (examples.negative_share() - 0.1).abs() < 0.03);
        assert!(examples.rows.len() > 2 * examples.fit.len() && examples.rows.iter().all(|row| row.label == 0.0));
        assert!(examples.rows[0].tensor.nodes.is_empty() && !examples.rows[0].tensor.payment.is_empty());
        assert!(examples.fit_origins.iter().all(|origin| windows.of(origin.at_ms) == Window::Fit));
        let wrong = examples.gather(&source, &survey, &windows, Shares::all(0.0), 1, &mut quiet);
        assert!(wrong.unwrap_err().to_string().contains("above 0"));
    }
}
