use super::*;
use fraudnet_features::FeatureSet;
use fraudnet_models::{Calibration, MANIFEST_VERSION, Rule, Scorer};
use std::collections::BTreeMap;

fn manifest() -> Manifest {
    let tier = |challenge, review, decline| TierSettings {
        calibration: Calibration { knots: vec![(-20.0, -20.0), (20.0, 20.0)] },
        operating_points: OperatingPoints { challenge, review, decline },
    };
    let rule = |code: &str, feature: &str, threshold, weight| Rule {
        code: code.to_owned(),
        text: format!("text of {code}"),
        feature: feature.to_owned(),
        threshold,
        below: false,
        weight,
    };
    Manifest {
        manifest_version: MANIFEST_VERSION,
        name: "hybrid".to_owned(),
        version: "1".to_owned(),
        parent_version: None,
        feature_fingerprint: schema::fingerprint().to_owned(),
        seed: 1,
        data: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
        scorer: Scorer::Network,
        settings: tier(0.2, 0.5, 0.8),
        rules: tier(0.3, 0.6, 0.95),
        rule_set: RuleSet {
            bias: -3.0,
            rules: vec![
                rule("ACCOUNT_VELOCITY_1H", "account_payments_1h", 3.0, 2.5),
                rule("DEVICE_REPORTED", "device_reported", 1.0, 3.0),
                rule("OLD_FRIEND", "account_merchant_payments", 2.0, -1.0),
            ],
        },
        files: BTreeMap::new(),
    }
}

/// Payment features with these set and all else zero.
fn payment(set: &[(&str, f32)]) -> Vec<f32> {
    let mut features = vec![0.0; schema::payment_features().len()];
    for (name, value) in set {
        features[schema::payment_feature_index(name).unwrap()] = *value;
    }
    features
}

fn codes(ruling: &Ruling) -> Vec<&str> {
    ruling.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

const QUEUE: Outcome = Outcome::Rules { cause: TierCause::InferenceQueueFull };

#[test]
fn probability_meets_the_operating_points_of_the_tier_that_answered() {
    let policy = Policy::new(&manifest()).unwrap();
    let quiet = payment(&[]);
    let expected = [
        (-4.0, Decision::Approve),
        (-1.3, Decision::Challenge),
        (0.1, Decision::Review),
        (1.5, Decision::Decline),
        (9.0, Decision::Decline),
    ];
    for (logit, decision) in expected {
        let ruling = policy.rule(Outcome::Model { logit }, &quiet);
        assert_eq!((ruling.decision, ruling.tier, ruling.tier_cause), (decision, Tier::Hybrid, None), "logit {logit}");
        assert_eq!(codes(&ruling).contains(&"NETWORK_SCORE"), decision > Decision::Approve, "logit {logit}");
    }
    // -3 + 2.5 + 3 = 2.5 in log-odds is 0.924: under the rules tier's point for declining, over the model's.
    let busy = payment(&[("account_payments_1h", 3.0), ("device_reported", 1.0)]);
    let ruling = policy.rule(QUEUE, &busy);
    assert_eq!(
        (ruling.decision, ruling.tier, ruling.tier_cause),
        (Decision::Review, Tier::Rules, Some(TierCause::InferenceQueueFull))
    );
    assert!((ruling.probability - 0.924).abs() < 0.001, "{}", ruling.probability);
    assert!(!codes(&ruling).contains(&"NETWORK_SCORE"));
}

#[test]
fn a_model_answers_as_its_family_and_says_which_kind_it_is() {
    let blend = Scorer::Blend { features: FeatureSet::V3, network_weight: 0.0, trees_weight: 1.0 };
    let trees = |features| Scorer::Trees { features };
    for (scorer, tier, code) in [
        (Scorer::Network, Tier::Hybrid, "NETWORK_SCORE"),
        (blend, Tier::Hybrid, "NETWORK_SCORE"),
        (trees(FeatureSet::V2), Tier::TreesV2, "TREES_SCORE"),
        (trees(FeatureSet::V1), Tier::TreesV1, "TREES_SCORE"),
    ] {
        let policy = Policy::new(&Manifest { scorer, ..manifest() }).unwrap();
        let ruling = policy.rule(Outcome::Model { logit: 1.5 }, &payment(&[]));
        assert_eq!((ruling.decision, ruling.tier, codes(&ruling)), (Decision::Decline, tier, vec![code]));
        assert_eq!(serde_json::to_value(tier).unwrap(), tier.name(), "verdicts and metrics say the same");
        assert_eq!(policy.rule(QUEUE, &payment(&[])).tier, Tier::Rules);
    }
}

#[test]
fn reasons_come_weightiest_first_without_repeats_and_without_excuses() {
    let policy = Policy::new(&manifest()).unwrap();
    let features = payment(&[
        ("account_payments_1h", 3.5),
        ("device_reported", 1.6),
        ("account_merchant_payments", 4.0),
        ("device_accounts_30d", 3.2),
        ("device_new", 1.0),
    ]);
    let ruling = policy.rule(Outcome::Model { logit: 3.0 }, &features);
    assert_eq!(
        codes(&ruling),
        ["NETWORK_SCORE", "DEVICE_REPORTED", "ACCOUNT_VELOCITY_1H", "DEVICE_MANY_ACCOUNTS", "DEVICE_NEW"]
    );
    assert_eq!(ruling.reasons[1].text, "text of DEVICE_REPORTED", "the artifact's words win over the table's");
    let all: Vec<_> = EVIDENCE.iter().map(|reason| (reason.feature, 64.0)).collect();
    let ruling = policy.rule(Outcome::Model { logit: 3.0 }, &payment(&all));
    assert_eq!(ruling.reasons.len(), MAX_REASONS);
    assert_eq!(policy.rule(QUEUE, &payment(&[])).reasons, []);
}

#[test]
fn the_table_is_sorted_its_codes_are_unique_and_its_features_exist() {
    assert!(EVIDENCE.is_sorted_by(|a, b| a.weight >= b.weight));
    for (index, reason) in EVIDENCE.iter().enumerate() {
        assert!(schema::payment_feature_index(reason.feature).is_some(), "{}", reason.feature);
        assert!(EVIDENCE[..index].iter().all(|earlier| earlier.code != reason.code), "{}", reason.code);
    }
}

#[test]
fn the_version_follows_whatever_decides() {
    let version = |manifest: &Manifest| Policy::new(manifest).unwrap().version().to_owned();
    let original = manifest();
    assert_eq!(version(&original), version(&original.clone()));
    let mut points = original.clone();
    points.settings.operating_points.review = 0.51;
    let mut rules = original.clone();
    rules.rule_set.rules[0].weight = 2.6;
    let mut unrelated = original.clone();
    unrelated.seed = 2;
    assert_ne!(version(&points), version(&original));
    assert_ne!(version(&rules), version(&original));
    assert_eq!(version(&unrelated), version(&original));
}

#[test]
fn a_rule_of_an_unknown_feature_is_refused_by_name() {
    let mut manifest = manifest();
    manifest.rule_set.rules[0].feature = "shoe_size".to_owned();
    let refusal = Policy::new(&manifest).err().unwrap().to_string();
    assert!(refusal.contains("shoe_size"), "{refusal}");
}
