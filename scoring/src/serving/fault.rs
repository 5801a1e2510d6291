//! Injected faults: for tests, a model that is slow, stands still, fails, or gives no number.
//!
//! `FRAUDNET_FAULT_MODEL=<name>/<version>=<fault>` in the environment, several separated by semicolons. Faults: `slow:5` (each run takes
//! five times as long), `stall:200` (each run takes 200 ms more), `error`, `nan`; with `@40` behind, only the first forty runs. A model's
//! golden vectors are run without. Nothing else reads it, and without the variable it costs nothing.

use crate::clock;
use fraudnet_models::{ModelRef, RuntimeError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The environment variable.
const VARIABLE: &str = "FRAUDNET_FAULT_MODEL";

/// The fault of one model.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    /// Runs still to be hit.
    left: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Slow(u32),
    Stall(Duration),
    Error,
    Nan,
}

impl Fault {
    /// The fault that the environment names for a model.
    pub(super) fn of(model: &ModelRef) -> Option<Fault> {
        let fault = Fault::parse(&std::env::var(VARIABLE).ok()?, model)?;
        tracing::error!(%model, ?fault, "{VARIABLE}: this model is made to fail");
        Some(fault)
    }

    fn parse(told: &str, model: &ModelRef) -> Option<Fault> {
        let model = model.to_string();
        let fault = told.split(';').find_map(|one| one.trim().strip_prefix(&model)?.strip_prefix('='))?;
        let (fault, left) = match fault.split_once('@') {
            Some((fault, runs)) => (fault, runs.parse().ok()?),
            None => (fault, u64::MAX),
        };
        let kind = match fault.split_once(':') {
            Some(("slow", times)) => Kind::Slow(times.parse().ok()?),
            Some(("stall", millis)) => Kind::Stall(Duration::from_millis(millis.parse().ok()?)),
            None if fault == "error" => Kind::Error,
            None if fault == "nan" => Kind::Nan,
            _ => return None,
        };
        Some(Fault { kind, left: AtomicU64::new(left) })
    }

    /// A run of the model, as the fault has it.
    pub(super) fn hit(&self, run: impl FnOnce() -> Result<Vec<f32>, RuntimeError>) -> Result<Vec<f32>, RuntimeError> {
        let spent = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err();
        if spent {
            return run();
        }
        match self.kind {
            Kind::Slow(times) => {
                let begun = clock::monotonic();
                let logits = run();
                let took = clock::monotonic().saturating_duration_since(begun);
                std::thread::sleep(took * times.saturating_sub(1));
                logits
            }
            Kind::Stall(time) => {
                std::thread::sleep(time);
                run()
            }
            Kind::Error => Err(RuntimeError::Run(format!("{VARIABLE} makes it fail"))),
            Kind::Nan => run().map(|logits| vec![f32::NAN; logits.len()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_models_and_their_faults() {
        let model = |text: &str| text.parse::<ModelRef>().unwrap();
        let told = "a/1=slow:5; b/2=nan@3;c/1=stall:200;d/1=error";
        let kind = |name: &str| Fault::parse(told, &model(name)).map(|fault| fault.kind);
        assert_eq!(kind("a/1"), Some(Kind::Slow(5)));
        assert_eq!(kind("b/2"), Some(Kind::Nan));
        assert_eq!(kind("c/1"), Some(Kind::Stall(Duration::from_millis(200))));
        assert_eq!(kind("d/1"), Some(Kind::Error));
        assert_eq!(kind("a/2"), None);
        for bad in ["a/1", "a/1=", "a/1=slow", "a/1=slow:x", "a/1=error@x", "a/1=odd"] {
            assert!(Fault::parse(bad, &model("a/1")).is_none(), "{bad}");
        }
        let fault = Fault::parse(told, &model("b/2")).unwrap();
        for _ in 0..3 {
            assert!(fault.hit(|| Ok(vec![1.0])).unwrap()[0].is_nan());
        }
        assert_eq!(fault.hit(|| Ok(vec![1.0])).unwrap(), [1.0], "three runs were hit");
    }
}
