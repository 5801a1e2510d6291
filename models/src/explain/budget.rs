//! How long an explanation may take. Nothing here reads a clock: the caller says how long it has been.

use std::time::Duration;

/// A time budget.
pub struct Budget<'a> {
    /// All of it.
    pub limit: Duration,
    /// Time spent so far.
    pub spent: &'a dyn Fn() -> Duration,
}

impl Budget<'_> {
    /// What is left.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub((self.spent)())
    }

    /// How many steps of this cost fit into a share of what is left.
    pub fn fits(&self, step: Duration, share: f64) -> usize {
        let (left, step) = (self.left().as_secs_f64() * share, step.as_secs_f64());
        if left <= 0.0 { 0 } else { (left / step.max(1e-9)) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fit_into_what_is_left() {
        let ms = Duration::from_millis;
        // (limit, spent, a step, steps that fit into half of the rest)
        for (limit, spent, step, expected) in [(50, 10, 4, 5), (50, 50, 4, 0), (50, 90, 4, 0), (50, 46, 4, 0)] {
            let budget = Budget { limit: ms(limit), spent: &|| ms(spent) };
            assert_eq!(budget.fits(ms(step), 0.5), expected, "{limit} {spent}");
        }
        assert!(Budget { limit: ms(1), spent: &|| ms(0) }.fits(Duration::ZERO, 1.0) > 1000);
    }
}
