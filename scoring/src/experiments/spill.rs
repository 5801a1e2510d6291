//! Spill-over: arms share one graph, so what one arm lets through another arm's payments see. An account stays in its arm, but its device,
//! IP address or counterparty may be anybody's. Remembered is which arm used each of them last.
//!
//! A table of fixed size: an entity whose place is taken by a later one is forgotten, so what is told is a lower bound where more entities
//! are about than it has places.

use fraudnet_graph::Payment;

/// Places: 1 MB an experiment.
const PLACES: usize = 1 << 17;

/// Which arm last used what.
#[derive(Debug, Clone)]
pub struct LastUsed {
    /// Half of the entity's hash and its arm + 1; zero where nobody is.
    places: Vec<(u32, u8)>,
}

impl Default for LastUsed {
    fn default() -> Self {
        LastUsed { places: vec![(0, 0); PLACES] }
    }
}

impl LastUsed {
    /// A payment of an arm uses what it names; true where another arm used any of that last.
    pub fn spilled(&mut self, arm: u8, entities: &[u64]) -> bool {
        let mut spilled = false;
        for entity in entities {
            let place = &mut self.places[*entity as usize % PLACES];
            let (tag, own) = ((entity >> 32) as u32, arm.saturating_add(1));
            spilled |= place.0 == tag && place.1 != 0 && place.1 != own;
            *place = (tag, own);
        }
        spilled
    }
}

/// Hashes of the device, IP address and counterparty that a payment names.
pub fn entities(tenant: &str, payment: &Payment) -> Vec<u64> {
    let named = [("device", &payment.device), ("ip", &payment.ip), ("account", &payment.counterparty)];
    named
        .into_iter()
        .filter_map(|(kind, id)| Some(super::ledger::short_hash(&[kind, tenant, id.as_deref()?])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_arm_used_last_spills() {
        let mut last = LastUsed::default();
        let (device, ip) = (0x1234_5678_0000_0001, 0x9abc_def0_0000_0002);
        assert!(!last.spilled(0, &[device, ip]), "nobody used them before");
        assert!(!last.spilled(0, &[device]), "the same arm did");
        assert!(last.spilled(1, &[ip]), "the other arm did");
        assert!(!last.spilled(1, &[ip]), "and now it is its own");
        assert!(last.spilled(1, &[device]));
        // Another entity at the same place is another entity.
        assert!(!last.spilled(0, &[device ^ (1 << 40)]));
        assert!(!last.spilled(0, &[]));
    }
}
