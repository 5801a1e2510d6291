//! Who is in which arm. Pure: name of the experiment, tenant and account decide, so an account stays in its arm on every replica and
//! after every restart, and a larger share holds the smaller one.
//!
//! `draw = first 53 bits of blake3("fraudnet experiment\0" name "\0" tenant "\0" account) / 2^53`: exposed below `percent / 100`.
//! The arm follows from a second draw, whose text begins with `"fraudnet experiment arm\0"`.
//!
//! Cost: two hashes of a short text an experiment and payment, half a microsecond; nothing where no experiment runs.

use super::spec::{CONTROL, EXCLUDED, ExperimentSpec, Exposure};
use super::state::ExperimentsState;
use fraudnet_models::{ModelRef, OperatingPoints};
use std::collections::HashSet;
use std::sync::Arc;

const EXPOSED: &str = "fraudnet experiment";
const ARM: &str = "fraudnet experiment arm";

/// What an experiment means for a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// Its name.
    pub experiment: String,
    /// The arm: one of the experiment's, `control` or `excluded`.
    pub arm: String,
    /// The arm only scores beside the one that serves.
    pub shadow: bool,
    /// Model that scores; none: as for everybody.
    pub model: Option<ModelRef>,
    /// Version of the policy that rules; none: as for everybody.
    pub policy: Option<String>,
    /// Thresholds; none: the model's own.
    pub operating_points: Option<OperatingPoints>,
}

/// Tells what the experiments mean for a payment. Made anew whenever one of them changes.
#[derive(Debug, Default)]
pub struct Assigner {
    /// Oldest first: it wins.
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    spec: Arc<ExperimentSpec>,
    exposed: Exposed,
    /// Upper ends of the arms' shares, the last one 1.
    ends: Vec<f64>,
    /// Indexes in `running` of older experiments that it gives way to.
    gives_way_to: Vec<usize>,
}

#[derive(Debug)]
enum Exposed {
    Shadow,
    Below(f64),
    Tenants(HashSet<String>),
}

impl Assigner {
    /// The assigner of these experiments; those that expose nobody any more are left out.
    pub fn new(state: &ExperimentsState) -> Assigner {
        let mut running: Vec<Running> = Vec::new();
        for experiment in state.in_order() {
            let Some(exposure) = experiment.exposure() else { continue };
            let spec = Arc::clone(&experiment.spec);
            let exposed = match exposure {
                Exposure::Shadow => Exposed::Shadow,
                Exposure::Percent { percent } => Exposed::Below(percent / 100.0),
                Exposure::Tenants { tenants } => Exposed::Tenants(tenants.iter().cloned().collect()),
            };
            let total: f64 = spec.arms.iter().map(|arm| arm.weight).sum();
            let mut end = 0.0;
            let ends = spec.arms.iter().map(|arm| {
                end += arm.weight / total;
                end
            });
            let ends = ends.collect();
            let gives_way_to = running
                .iter()
                .enumerate()
                .filter(|(_, older)| older.spec.conflicts_with(&spec))
                .map(|(index, _)| index)
                .collect();
            running.push(Running { spec, exposed, ends, gives_way_to });
        }
        Assigner { running }
    }

    /// Whether no experiment runs.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// What every experiment means for a payment of this account, oldest experiment first. In a shadow stage every arm is told; else one.
    ///
    /// Two experiments that name the same kind of thing (model, policy, thresholds) share no payment: whoever the older one exposes is
    /// `excluded` from the younger, control and all, so what is left of the younger is still divided by chance alone.
    pub fn assign(&self, tenant: &str, account: &str) -> Vec<Assignment> {
        let mut assignments = Vec::with_capacity(self.running.len());
        let mut serves = vec![false; self.running.len()];
        for (index, running) in self.running.iter().enumerate() {
            let spec = &running.spec;
            let exposed = match &running.exposed {
                Exposed::Shadow => {
                    assignments.extend((0..spec.arms.len()).map(|arm| running.assignment(Some(arm), true)));
                    continue;
                }
                Exposed::Below(share) => draw(EXPOSED, &spec.name, tenant, account) < *share,
                Exposed::Tenants(tenants) => tenants.contains(tenant),
            };
            if running.gives_way_to.iter().any(|older| serves[*older]) {
                let assignment = Assignment { arm: EXCLUDED.to_owned(), ..running.assignment(None, false) };
                assignments.push(assignment);
                continue;
            }
            serves[index] = exposed;
            let arm = exposed.then(|| {
                let place = draw(ARM, &spec.name, tenant, account);
                running.ends.iter().position(|end| place < *end).unwrap_or(spec.arms.len() - 1)
            });
            assignments.push(running.assignment(arm, false));
        }
        assignments
    }
}

impl Running {
    fn assignment(&self, arm: Option<usize>, shadow: bool) -> Assignment {
        let experiment = self.spec.name.clone();
        match arm.map(|arm| &self.spec.arms[arm]) {
            Some(arm) => Assignment {
                experiment,
                arm: arm.name.clone(),
                shadow,
                model: arm.model.clone(),
                policy: arm.policy.clone(),
                operating_points: arm.operating_points,
            },
            None => Assignment {
                experiment,
                arm: CONTROL.to_owned(),
                shadow,
                model: None,
                policy: None,
                operating_points: None,
            },
        }
    }
}

/// Evenly from 0 to below 1.
fn draw(domain: &str, name: &str, tenant: &str, account: &str) -> f64 {
    let mut digest = blake3::Hasher::new();
    for (index, part) in [domain, name, tenant, account].into_iter().enumerate() {
        if index > 0 {
            digest.update(&[0]);
        }
        digest.update(part.as_bytes());
    }
    let bytes = digest.finalize();
    let (head, _) = bytes.as_bytes().split_first_chunk::<8>().expect("a digest has 32 bytes");
    (u64::from_be_bytes(*head) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
