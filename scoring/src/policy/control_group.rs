//! The control group: a few would-be declines that are let through and watched.
//!
//! What is always declined can never show that it was no fraud, so a model trained and judged on the rest fools itself. The draw depends
//! on the payment alone: a replay draws the same.

use super::document::ControlGroupSettings;
use fraudnet_graph::{Payment, hundredths};

/// Domain of the draw, so that it is independent of every other draw on the same ids.
const DOMAIN: &[u8] = b"fraudnet control group\0";

impl ControlGroupSettings {
    /// Whether this would-be decline is let through.
    pub(super) fn admits(&self, tenant: &str, payment: &Payment) -> bool {
        // A saturating cast: anything beyond 2^64 hundredths is no bound at all.
        let most = (self.max_amount * 100.0) as u64;
        hundredths(payment.amount_minor, payment.currency) <= most && draw(tenant, &payment.transaction_id) < self.share
    }
}

/// A number in [0, 1) that follows from tenant and transaction id: the first 53 bits of a digest over 2^53.
fn draw(tenant: &str, transaction_id: &str) -> f64 {
    let mut digest = blake3::Hasher::new();
    digest.update(DOMAIN).update(tenant.as_bytes()).update(b"\0").update(transaction_id.as_bytes());
    let bits = *digest.finalize().as_bytes().first_chunk::<8>().expect("a digest has 32 bytes");
    (u64::from_be_bytes(bits) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::sample;
    use fraudnet_graph::Body;

    #[test]
    fn the_share_is_met_and_the_amount_is_a_bound() {
        let Body::Payment(payment) = &sample::FULL.event.body else { panic!("no payment") };
        let group = ControlGroupSettings { share: 0.05, max_amount: 100.0 };
        let numbered = |number: u32, amount_minor, currency| Payment {
            transaction_id: format!("txn-{number}"),
            amount_minor,
            currency,
            ..payment.clone()
        };
        let admitted = |amount_minor, currency| {
            (0..20_000).filter(|number| group.admits("t", &numbered(*number, amount_minor, currency))).count()
        };
        // 20,000 draws at 0.05: 1,000 ± 31; the bounds are the 99.9 % interval.
        let count = admitted(10_000, *b"EUR");
        assert!((898..=1_102).contains(&count), "{count}");
        assert_eq!((admitted(10_001, *b"EUR"), admitted(101, *b"JPY")), (0, 0));
        assert_eq!(admitted(100, *b"JPY"), count, "the same payments, whatever the currency");
        let other = (0..20_000).filter(|number| group.admits("u", &numbered(*number, 1, *b"EUR"))).count();
        assert_ne!(other, count, "another tenant, another draw");
        assert!(!ControlGroupSettings { share: 0.0, ..group }.admits("t", &numbered(1, 1, *b"EUR")));
    }
}
