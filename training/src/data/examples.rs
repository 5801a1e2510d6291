//! What of a history is kept in memory: every known positive, and a sample of the rest.
//!
//! Cost: a compact tensor takes 10–20 kB, so 50,000 examples are the bound of a small machine. Which negatives are kept
//! is decided by a hash of the payment's id, so that it depends neither on order nor on other payments.

use super::replay::{Seen, replay};
use super::source::Source;
use super::split::{Window, Windows};
use super::survey::Survey;
use crate::network::Example;
use crate::progress::Progress;
use anyhow::Result;

/// Examples of a fit, with what was left out.
#[derive(Default)]
pub struct Examples {
    /// Of the fit window: the weights are learnt from these.
    pub fit: Vec<Example>,
    /// Of the early-stop window.
    pub stop: Vec<Example>,
    /// Payments of the fit window that were looked at.
    pub fit_payments: u64,
    /// Payments of the early-stop window.
    pub stop_payments: u64,
    /// Bytes held by tensors.
    pub bytes: u64,
    /// Bytes the same tensors would take padded, as f32.
    pub padded_bytes: u64,
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

    /// Adds the examples of one history. `negative_share` is the probability (0–1) with which a payment not known to
    /// be fraud at the cut is kept.
    ///
    /// # Errors
    /// What reading the history gives.
    pub fn gather(
        &mut self,
        source: &Source,
        survey: &Survey,
        windows: &Windows,
        negative_share: f64,
        seed: u64,
        progress: &mut Progress,
    ) -> Result<()> {
        let label = |tenant: &str, id: &str| survey.labels.standing(tenant, id, windows.cut_ms).unwrap_or(false);
        let (mut fit_payments, mut stop_payments) = (0, 0);
        replay(
            source,
            progress,
            |event, payment| {
                match windows.of(event.ingested_at_ms) {
                    Window::Fit => fit_payments += 1,
                    Window::Stop => stop_payments += 1,
                    _ => return false,
                }
                label(&event.tenant, &payment.transaction_id)
                    || kept(seed, &event.tenant, &payment.transaction_id, negative_share)
            },
            |seen: Seen<'_>| {
                let positive = label(&seen.event.tenant, &seen.payment.transaction_id);
                self.bytes += seen.tensor.bytes() as u64;
                self.padded_bytes += seen.tensor.padded_f32_bytes() as u64;
                // A clone, not a swap: the clone is allocated to size, the replay's buffer to the largest so far.
                let example =
                    Example { tensor: seen.tensor.clone(), label: if positive { 1.0 } else { 0.0 }, weight: 1.0 };
                match windows.of(seen.event.ingested_at_ms) {
                    Window::Fit => self.fit.push(example),
                    _ => self.stop.push(example),
                }
                Ok(())
            },
        )?;
        self.fit_payments += fit_payments;
        self.stop_payments += stop_payments;
        Ok(())
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
}
