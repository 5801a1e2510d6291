//! The usual experiments, so that nobody writes stages by hand: shadow, canary, waves, A/B, rollout.

use super::spec::{Advance, ArmSpec, Enough, ExperimentSpec, Exposure, GuardRails, Stage, Then};

impl ExperimentSpec {
    /// An arm that scores beside the verdicts.
    pub fn shadow(name: &str, arm: ArmSpec, advance: Advance) -> ExperimentSpec {
        ExperimentSpec::of(name, vec![arm], vec![Stage { exposure: Exposure::Shadow, advance }])
    }

    /// An arm that gets a growing share of the accounts, e.g. 1, 5 and 25 per cent.
    pub fn canary(name: &str, arm: ArmSpec, percents: &[f64], advance: &Advance) -> ExperimentSpec {
        ExperimentSpec::of(name, vec![arm], shares(percents, advance))
    }

    /// An arm that gets ever more tenants, e.g. 1, 3 and 12. Each wave holds those before it, named again or not.
    pub fn waves(name: &str, arm: ArmSpec, waves: &[Vec<String>], advance: &Advance) -> ExperimentSpec {
        let mut all: Vec<String> = Vec::new();
        let stages = waves.iter().map(|wave| {
            for tenant in wave {
                if !all.contains(tenant) {
                    all.push(tenant.clone());
                }
            }
            Stage { exposure: Exposure::Tenants { tenants: all.clone() }, advance: advance.clone() }
        });
        let stages = stages.collect();
        ExperimentSpec::of(name, vec![arm], stages)
    }

    /// Several arms at once, that divide a share of the accounts by their weights; the rest is the control.
    pub fn ab(name: &str, arms: Vec<ArmSpec>, percent: f64, advance: Advance) -> ExperimentSpec {
        ExperimentSpec::of(name, arms, vec![Stage { exposure: Exposure::Percent { percent }, advance }])
    }

    /// A new version on its way: first beside the verdicts, then to a growing share of the accounts, then champion.
    pub fn rollout(name: &str, arm: ArmSpec, shadow: Enough, percents: &[f64], each: Enough) -> ExperimentSpec {
        let mut stages = vec![Stage { exposure: Exposure::Shadow, advance: Advance::After(shadow) }];
        stages.extend(shares(percents, &Advance::After(each)));
        ExperimentSpec { then: Then::Promote, ..ExperimentSpec::of(name, vec![arm], stages) }
    }

    fn of(name: &str, arms: Vec<ArmSpec>, stages: Vec<Stage>) -> ExperimentSpec {
        ExperimentSpec {
            name: name.to_owned(),
            description: String::new(),
            arms,
            stages,
            guard_rails: GuardRails::default(),
            decision: None,
            then: Then::Hold,
        }
    }
}

fn shares(percents: &[f64], advance: &Advance) -> Vec<Stage> {
    percents
        .iter()
        .map(|percent| Stage { exposure: Exposure::Percent { percent: *percent }, advance: advance.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::testing::arm;

    #[test]
    fn every_recipe_can_be_run() {
        let waves = [vec!["a".to_owned()], vec!["b".to_owned(), "a".to_owned()], vec!["c".to_owned()]];
        let enough = Enough { payments: 100, ..Enough::default() };
        let specs = [
            ExperimentSpec::shadow("s", arm("new"), Advance::Manual),
            ExperimentSpec::canary("c", arm("new"), &[1.0, 5.0, 25.0], &Advance::After(enough)),
            ExperimentSpec::waves("w", arm("new"), &waves, &Advance::Manual),
            ExperimentSpec::ab("ab", vec![arm("a"), arm("b")], 66.0, Advance::Manual),
            ExperimentSpec::rollout("r", arm("new"), enough, &[5.0, 50.0], enough),
        ];
        for spec in &specs {
            assert_eq!(spec.faults(), [], "{}", spec.name);
        }
        let Exposure::Tenants { tenants } = &specs[2].stages[2].exposure else { panic!("waves name tenants") };
        assert_eq!(tenants, &["a", "b", "c"]);
        assert_eq!((specs[4].stages.len(), specs[4].then), (3, Then::Promote));
    }
}
