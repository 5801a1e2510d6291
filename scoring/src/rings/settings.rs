//! What may be set. Replicas that are set differently tell the same log differently.

/// Bounds of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSettings {
    /// Payments count for so many days, 1–90.
    pub window_days: u32,
    /// Payments kept at most, 1,000–200,000,000, at some 230 bytes. Where more come within the window the oldest leave early: the window
    /// is shorter then, and [`RingStats`](super::RingStats) tells since when it reaches.
    pub max_payments: u32,
}

impl Default for RingSettings {
    fn default() -> RingSettings {
        RingSettings { window_days: 30, max_payments: 4_000_000 }
    }
}

impl RingSettings {
    /// Every number drawn to its nearest bound.
    pub(super) fn bounded(self) -> RingSettings {
        RingSettings {
            window_days: self.window_days.clamp(1, 90),
            max_payments: self.max_payments.clamp(1_000, 200_000_000),
        }
    }

    pub(super) fn window_s(self) -> u32 {
        self.window_days * 86_400
    }
}
