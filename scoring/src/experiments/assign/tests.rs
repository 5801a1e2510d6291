use super::*;
use crate::experiments::spec::{ArmSpec, Stage};
use crate::experiments::state::ExperimentChange;
use crate::experiments::testing::{arm, created, meta, percent, shadow, spec};

const ACCOUNTS: usize = 20_000;

fn accounts() -> impl Iterator<Item = String> {
    (0..ACCOUNTS).map(|number| format!("account-{number}"))
}

fn arms(assigner: &Assigner, tenant: &str) -> Vec<Vec<Assignment>> {
    accounts().map(|account| assigner.assign(tenant, &account)).collect()
}

fn points(name: &str) -> ArmSpec {
    let points = OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.3 };
    ArmSpec { model: None, operating_points: Some(points), ..arm(name) }
}

/// Share and its binomial 99.9 % interval: 3.29 standard errors.
fn assert_share(count: usize, of: usize, share: f64, what: &str) {
    let observed = count as f64 / of as f64;
    let bound = 3.29 * (share * (1.0 - share) / of as f64).sqrt();
    assert!((observed - share).abs() <= bound, "{what}: {observed} is not {share} ± {bound}");
}

#[test]
fn shares_are_as_asked_and_independent() {
    let weighted = |name: &str, weight| ArmSpec { weight, ..arm(name) };
    for (share, weights) in
        [(1.0, vec![1.0]), (5.0, vec![1.0]), (50.0, vec![1.0, 1.0]), (90.0, vec![1.0, 2.0, 6.0]), (99.0, vec![1.0])]
    {
        let named: Vec<ArmSpec> =
            weights.iter().enumerate().map(|(index, weight)| weighted(&format!("arm-{index}"), *weight)).collect();
        let name = format!("shares-{share}");
        let assigner = Assigner::new(&created(&[spec(&name, named, vec![percent(share)])]));
        let told = arms(&assigner, "bank");
        let count = |arm: &str| told.iter().filter(|told| told[0].arm == arm).count();
        let total: f64 = weights.iter().sum();
        assert_share(count(CONTROL), ACCOUNTS, 1.0 - share / 100.0, &format!("{name}: control"));
        for (index, weight) in weights.iter().enumerate() {
            let arm = format!("arm-{index}");
            assert_share(count(&arm), ACCOUNTS, share / 100.0 * weight / total, &format!("{name}: {arm}"));
        }
    }
    // Two experiments that share no kind of thing cut across each other.
    let specs = [
        spec("models", vec![arm("new")], vec![percent(50.0)]),
        spec("points", vec![points("strict")], vec![percent(50.0)]),
    ];
    let told = arms(&Assigner::new(&created(&specs)), "bank");
    let both = told.iter().filter(|told| told[0].arm == "new" && told[1].arm == "strict").count();
    assert_share(both, ACCOUNTS, 0.25, "both");
}

#[test]
fn who_is_in_which_arm_never_changes() {
    let spec = || spec("sticky", vec![arm("new")], vec![percent(1.0), percent(5.0), percent(25.0)]);
    let mut state = created(&[spec()]);
    let first = arms(&Assigner::new(&state), "bank");
    // As after a restart: folded again.
    assert_eq!(arms(&Assigner::new(&created(&[spec()])), "bank"), first);
    // The layout of the hash is a promise: another build must not reshuffle everybody.
    let exact = (draw(EXPOSED, "sticky", "bank", "account-7"), draw(ARM, "sticky", "bank", "account-7"));
    let hash = |domain: &str| {
        let text = format!("{domain}\0sticky\0bank\0account-7");
        let bytes = *blake3::hash(text.as_bytes()).as_bytes();
        (u64::from_be_bytes(bytes[..8].try_into().unwrap()) >> 11) as f64 / 9_007_199_254_740_992.0
    };
    assert_eq!(exact, (hash("fraudnet experiment"), hash("fraudnet experiment arm")));
    let mut exposed = first;
    for stage in 1..3 {
        let change = ExperimentChange::Advanced { experiment: "sticky".into(), to: stage };
        state.apply(&meta(10 + stage as u64), &change).unwrap();
        let now = arms(&Assigner::new(&state), "bank");
        assert!(
            exposed.iter().zip(&now).all(|(before, now)| before[0].arm == CONTROL || before == now),
            "whoever was exposed stays so"
        );
        exposed = now;
    }
    assert_share(exposed.iter().filter(|told| told[0].arm == "new").count(), ACCOUNTS, 0.25, "last stage");
    let elsewhere = arms(&Assigner::new(&state), "other-bank");
    assert_ne!(elsewhere, exposed, "another tenant's accounts are others");
    // Held it goes on exposing; ended nobody is told of it.
    let held = ExperimentChange::Held { experiment: "sticky".into(), reason: "a look".into() };
    state.apply(&meta(20), &held).unwrap();
    assert_eq!(arms(&Assigner::new(&state), "bank"), exposed);
    let stopped =
        ExperimentChange::Stopped { experiment: "sticky".into(), reason: "done".into(), outcome: String::new() };
    state.apply(&meta(21), &stopped).unwrap();
    assert!(Assigner::new(&state).is_empty());
    assert_eq!(Assigner::new(&state).assign("bank", "account-7"), []);
}

#[test]
fn of_two_that_name_the_same_kind_of_thing_the_older_wins() {
    let specs = [
        spec("older", vec![arm("a")], vec![percent(30.0)]),
        spec("younger", vec![arm("b")], vec![percent(50.0)]),
        spec("points", vec![points("strict")], vec![percent(50.0)]),
    ];
    let told = arms(&Assigner::new(&created(&specs)), "bank");
    let mut left = 0;
    let mut younger = 0;
    for told in &told {
        let names: Vec<&str> = told.iter().map(|told| told.experiment.as_str()).collect();
        assert_eq!(names, ["older", "younger", "points"]);
        // Whoever the older exposes is out of the younger, whichever arm it would have had there.
        assert_eq!(told[0].arm == "a", told[1].arm == EXCLUDED);
        assert!(told.iter().filter(|told| told.model.is_some()).count() <= 1, "one model scores");
        assert!(told[1].arm != EXCLUDED || told[1].model.is_none());
        assert_ne!(told[2].arm, EXCLUDED, "thresholds are another kind of thing");
        left += usize::from(told[1].arm != EXCLUDED);
        younger += usize::from(told[1].arm == "b");
    }
    assert_share(younger, left, 0.5, "what is left is divided as before");
}

#[test]
fn a_shadow_tells_every_arm_and_excludes_nobody() {
    let specs =
        [spec("quiet", vec![arm("a"), arm("b")], vec![shadow()]), spec("loud", vec![arm("c")], vec![percent(50.0)])];
    for told in arms(&Assigner::new(&created(&specs)), "bank") {
        assert_eq!(told.len(), 3);
        assert!(told[0].shadow && told[1].shadow && !told[2].shadow);
        assert_eq!((told[0].arm.as_str(), told[1].arm.as_str()), ("a", "b"));
        assert!(told[2].arm == CONTROL || told[2].arm == "c");
    }
}

#[test]
fn a_wave_holds_its_tenants_whole() {
    let tenants = vec!["north".to_owned(), "south".to_owned()];
    let stage = Stage { exposure: Exposure::Tenants { tenants }, ..shadow() };
    let assigner = Assigner::new(&created(&[spec("waves", vec![arm("new")], vec![stage])]));
    for account in accounts().take(100) {
        assert_eq!(assigner.assign("north", &account)[0].arm, "new");
        assert_eq!(assigner.assign("south", &account)[0].arm, "new");
        assert_eq!(assigner.assign("west", &account)[0].arm, CONTROL);
    }
}
