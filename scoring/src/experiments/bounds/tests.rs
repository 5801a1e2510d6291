use super::*;
use crate::experiments::spec::{DecisionSpec, Enough, GuardRails, Metric, MustBe, Stage};
use crate::experiments::testing::{arm, percent, shadow, spec};
use fraudnet_models::OperatingPoints;

fn faults(spec: &ExperimentSpec) -> Vec<String> {
    spec.faults().iter().map(ToString::to_string).collect()
}

/// The one fault of a spec that was changed.
fn fault(change: impl FnOnce(&mut ExperimentSpec)) -> String {
    let mut spec = spec("trial", vec![arm("new")], vec![percent(5.0)]);
    change(&mut spec);
    let faults = faults(&spec);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().unwrap()
}

fn tenants(names: &[&str]) -> Stage {
    let tenants = names.iter().map(|name| (*name).to_owned()).collect();
    Stage { exposure: Exposure::Tenants { tenants }, advance: Advance::Manual }
}

#[test]
fn the_example_in_the_page_on_specs_can_be_run() {
    let json = r#"{"name": "hybrid-2026-11", "description": "the nightly retrain",
      "arms": [{"name": "new", "model": "hybrid/2026.11.22-2"}],
      "stages": [{"exposure": {"kind": "shadow"}, "advance": {"after": {"payments": 5000}}},
                 {"exposure": {"kind": "percent", "percent": 5.0}, "advance": {"after": {"hours": 24.0, "matured_frauds": 30}}}],
      "decision": {"metric": "recall", "must_be": "not_worse", "margin": 0.05}, "then": "promote"}"#;
    let read: ExperimentSpec = serde_json::from_str(json).unwrap();
    assert_eq!(faults(&read), Vec::<String>::new());
    assert_eq!((read.then, read.arms[0].weight), (Then::Promote, 1.0));
    assert_eq!(read.guard_rails, GuardRails::default());
    assert_eq!(read.only_change().map(|arm| arm.name.as_str()), Some("new"));
    let again: ExperimentSpec = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
    // What is misspelt is named instead of being passed over.
    let misspelt = json.replace("\"margin\"", "\"margn\"");
    assert!(serde_json::from_str::<ExperimentSpec>(&misspelt).unwrap_err().to_string().contains("margn"));
    let null: GuardRails = serde_json::from_str(r#"{"alert_rate_ratio": null}"#).unwrap();
    assert_eq!((null.alert_rate_ratio, null.latency_ratio), (None, Some(2.0)));
}

#[test]
fn every_bound_has_its_sentence() {
    assert_eq!(
        fault(|spec| spec.name = "Trial 1".into()),
        "name must be 1 to 64 lower-case letters, digits, dots, dashes or underscores"
    );
    assert!(fault(|spec| spec.description = "x".repeat(501)).starts_with("description must be at most 500 bytes"));
    assert!(fault(|spec| spec.arms.clear()).starts_with("arms must be 1 to 8"));
    assert!(fault(|spec| spec.arms[0].name = "control".into()).contains("must not be \"control\""));
    assert!(fault(|spec| spec.arms.push(arm("new"))).contains("arms[1].name is the name of another arm too"));
    assert!(fault(|spec| spec.arms[0].weight = 0.0).contains("arms[0].weight must be above 0"));
    assert!(fault(|spec| spec.arms[0].weight = f64::NAN).contains("weight"));
    assert!(fault(|spec| spec.arms[0].model = None).contains("change nothing"));
    for points in [(0.5, 0.4, 0.9), (0.1, 0.2, 1.1), (f32::NAN, 0.2, 0.3), (-0.1, 0.2, 0.3)] {
        let told = fault(|spec| {
            let (challenge, review, decline) = points;
            spec.arms[0].operating_points = Some(OperatingPoints { challenge, review, decline });
        });
        assert!(told.contains("challenge ≤ review ≤ decline"), "{told}");
    }
    assert!(fault(|spec| spec.stages.clear()).starts_with("stages must be 1 to 16"));
    for share in [0.0, -1.0, 99.5, f64::NAN] {
        assert!(fault(|spec| spec.stages[0] = percent(share)).contains("above 0 and at most 99"));
    }
    assert!(fault(|spec| spec.stages.push(percent(5.0))).contains("stages[1].exposure.percent must be more than"));
    assert!(fault(|spec| spec.stages.push(shadow())).contains("must not be shadow once"));
    assert!(fault(|spec| spec.stages.push(tenants(&["a"]))).contains("must be a share like the stage before"));
    let waves = |second: &[&str]| {
        let stages = vec![tenants(&["a", "b"]), tenants(second)];
        fault(|spec| spec.stages = stages)
    };
    for second in [&["a", "c", "d"][..], &["a", "b"]] {
        assert!(waves(second).contains("must hold those of the stage before, and more"));
    }
    assert!(fault(|spec| spec.stages = vec![tenants(&["a", "a"])]).contains("must not hold one twice"));
    assert!(fault(|spec| spec.stages = vec![tenants(&["no/slash"])]).contains("letters, digits"));
    assert!(fault(|spec| spec.stages = vec![tenants(&[])]).contains("must be 1 to 500 names"));
    let after = |enough| Stage { advance: Advance::After(enough), ..percent(5.0) };
    assert!(fault(|spec| spec.stages = vec![after(Enough::default())]).contains("must wait for payments, hours"));
    assert!(
        fault(|spec| spec.stages = vec![after(Enough { hours: f64::INFINITY, ..Enough::default() })]).contains("hours")
    );
    assert!(fault(|spec| spec.guard_rails.latency_ratio = Some(0.5)).contains("guard_rails.latency_ratio must be"));
    assert!(fault(|spec| spec.guard_rails.error_rate = Some(2.0)).contains("guard_rails.error_rate"));
    assert!(fault(|spec| spec.guard_rails.min_payments = 3).contains("at least 20"));
    assert!(fault(|spec| spec.guard_rails.min_frauds = 1).contains("at least 5"));
    assert!(fault(|spec| spec.guard_rails.alpha = 0.0).contains("guard_rails.alpha"));
    let asked =
        DecisionSpec { metric: Metric::Recall, must_be: MustBe::Better, margin: 0.0, alpha: 0.05, give_up_after: None };
    let bad = DecisionSpec { margin: -1.0, ..asked.clone() };
    assert!(fault(|spec| spec.decision = Some(bad)).contains("decision.margin"));
    let bad = DecisionSpec { alpha: f64::NAN, ..asked };
    assert!(fault(|spec| spec.decision = Some(bad)).contains("decision.alpha"));
    let promote = |change: fn(&mut ExperimentSpec)| {
        fault(|spec| {
            spec.then = Then::Promote;
            change(spec);
        })
    };
    assert!(promote(|spec| spec.arms.push(arm("other"))).contains("exactly one arm changes something"));
    let told = promote(|spec| {
        spec.arms[0].operating_points = Some(OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.3 });
    });
    assert!(told.contains("operating points"), "{told}");
}

#[test]
fn experiments_conflict_where_both_name_the_same_kind_of_thing() {
    let points = ArmSpec {
        model: None,
        operating_points: Some(OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.3 }),
        ..arm("strict")
    };
    let of = |name, arms| spec(name, arms, vec![percent(10.0)]);
    let (models, thresholds) = (of("models", vec![arm("new")]), of("thresholds", vec![points.clone()]));
    assert!(models.conflicts_with(&models));
    assert!(!models.conflicts_with(&thresholds));
    assert!(of("both", vec![arm("new"), points]).conflicts_with(&thresholds));
}
