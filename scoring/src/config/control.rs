//! From typed to checked: who may change what scores, and what training gets.

use super::check::Faults;
use super::raw::RawConfig;
use crate::control::ControlConfig;
use std::path::PathBuf;

impl RawConfig {
    pub(super) fn control(&self, faults: &mut Faults) -> ControlConfig {
        let control = &self.control;
        let trusted_keys = (!control.trusted_keys.is_empty()).then(|| PathBuf::from(&control.trusted_keys));
        if control.require_signature && trusted_keys.is_none() {
            faults.add(
                "control.require_signature",
                "needs control.trusted_keys, the folder of the keys that are trusted",
            );
        }
        if control.four_eyes && !control.require_signature {
            let reason = "needs control.require_signature = true: only a signature tells who made a model";
            faults.add("control.four_eyes", reason);
        }
        ControlConfig { trusted_keys, require_signature: control.require_signature, four_eyes: control.four_eyes }
    }

    pub(super) fn example_share(&self, faults: &mut Faults) -> f64 {
        let share = self.training.example_share;
        if !(0.0..=1.0).contains(&share) {
            faults.add("training.example_share", "must be from 0 to 1");
        }
        share
    }
}
