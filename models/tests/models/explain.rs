//! Explanations of small models whose answers are known: contributions add up, exact where they can be, and nothing is said that the model
//! does not do.

use crate::common::{
    Folder, Numbers, TestNetwork, artifact, blend_artifact, row, runtime, tensor, trees, trees_artifact,
};
use fraudnet_features::schema::{Group, edge_features, payment_features};
use fraudnet_features::{EDGE_WIDTH, FeatureSet, NODE_WIDTH, Tensor};
use fraudnet_models::explain::{
    Attribution, Budget, Evidence, ExplainError, Explainer, LeftOut, Most, NEIGHBOURHOOD, Party,
};
use fraudnet_models::{Artifact, ArtifactBuilder, EMBEDDING_WIDTH, Scorer};
use half::f16;
use std::cell::Cell;
use std::time::Duration;

const ALL: Most = Most { features: usize::MAX, entities: usize::MAX, without: usize::MAX };

fn published(builder: ArtifactBuilder) -> Artifact {
    builder.write(&Folder::new().join("1")).unwrap()
}

fn explained(explainer: &mut Explainer, tensor: &Tensor, most: Most) -> Attribution {
    explainer.explain(tensor, most, &Budget { limit: Duration::MAX, spent: &|| Duration::ZERO }).unwrap()
}

/// Base, figures and what is not listed are the logit; everything is in order and within bounds.
fn check(found: &Attribution, tensor: &Tensor, most: Most) {
    let features: f32 = found.features.iter().map(|feature| feature.contribution).sum();
    let whole = found.base_logit + features + found.unlisted;
    assert!((whole - found.logit).abs() < 1e-4, "{whole} is not {}", found.logit);
    assert!(found.features.len() <= most.features && found.entities.len() <= most.entities);
    assert!(found.without.len() <= most.without);
    assert!(found.features.is_sorted_by(|a, b| a.contribution.abs() >= b.contribution.abs()));
    assert!(found.entities.is_sorted_by(|a, b| a.contribution.abs() >= b.contribution.abs()));
    let change = |logit: f32| (logit - found.logit).abs();
    assert!(found.without.is_sorted_by(|a, b| change(a.logit) >= change(b.logit)));
    let near = usize::from(tensor.hop_counts[0] + tensor.hop_counts[1]);
    assert!(found.entities.iter().all(|entity| entity.node < near));
    assert!((0.0..=1.0).contains(&found.probability) && (0.0..=1.0).contains(&found.base_probability));
}

fn scorers() -> Vec<(Artifact, bool)> {
    let network = TestNetwork::new();
    let blend = |features, network_weight, trees_weight| Scorer::Blend { features, network_weight, trees_weight };
    let mut artifacts = vec![(published(artifact(&network)), true)];
    for set in [FeatureSet::V1, FeatureSet::V2] {
        artifacts.push((published(trees_artifact(set, &trees(3, set.width(), 12))), false));
    }
    for scorer in [
        blend(FeatureSet::V2, 0.6, 0.4),
        blend(FeatureSet::V3, 0.5, 0.5),
        blend(FeatureSet::V3, 0.0, 1.0),
        blend(FeatureSet::V1, 1.0, 0.0),
    ] {
        let columns = scorer.trees().unwrap().width();
        artifacts.push((published(blend_artifact(&network, &trees(5, columns, 30), scorer)), true));
    }
    artifacts
}

#[test]
fn contributions_add_up_to_the_logit_whatever_the_scorer() {
    for (artifact, has_network) in scorers() {
        let scorer = artifact.manifest.scorer;
        let mut explainer = Explainer::open(&artifact, &runtime()).unwrap();
        for seed in 100..112 {
            let tensor = tensor(seed);
            for most in [ALL, Most { features: 3, entities: 2, without: 1 }] {
                let found = explained(&mut explainer, &tensor, most);
                check(&found, &tensor, most);
                assert_eq!(found.left_out, [], "there was all the time of the world");
                assert_eq!(explained(&mut explainer, &tensor, most), found, "{scorer:?}: the same twice");
            }
            let all = explained(&mut explainer, &tensor, ALL);
            assert!(all.unlisted.abs() < 1e-4, "{scorer:?}: {} is not told", all.unlisted);
            assert_eq!(all.attention.len(), if has_network { usize::from(tensor.row_ends[0]) } else { 0 });
        }
    }
}

#[test]
fn the_shares_of_a_sum_are_exact() {
    let network = TestNetwork::new();
    let artifact = published(artifact(&network));
    let settings = &artifact.manifest.settings;
    let ordinary: Vec<&Tensor> = (artifact.golden().vectors.iter())
        .filter(|vector| settings.calibration.probability(vector.logit) < settings.operating_points.challenge)
        .map(|vector| &vector.tensor)
        .filter(|tensor| tensor.node_count() > 1)
        .collect();
    assert!(!ordinary.is_empty(), "the test is about them");
    let mean =
        |of: &dyn Fn(&Tensor) -> f32| ordinary.iter().map(|tensor| of(tensor)).sum::<f32>() / ordinary.len() as f32;
    let mut explainer = Explainer::open(&artifact, &runtime()).unwrap();
    for seed in 200..210 {
        let tensor = tensor(seed);
        let found = explained(&mut explainer, &tensor, ALL);
        assert!((found.logit - network.answer(&tensor).logit).abs() < 1e-4);
        assert!((found.base_logit - mean(&|tensor| network.answer(tensor).logit)).abs() < 1e-4);
        for (column, feature) in payment_features().iter().enumerate() {
            let Some(told) = found.features.iter().find(|told| told.name == feature.name) else { continue };
            let against = tensor.payment[column] - mean(&|tensor| tensor.payment[column]);
            let expected = network.payment_weights[column] * against;
            assert!(
                (told.contribution - expected).abs() < 1e-4,
                "{}: {} is not {expected}",
                told.name,
                told.contribution
            );
        }
        let around = |tensor: &Tensor| {
            let from_payment: f32 = tensor.payment.iter().zip(&network.payment_weights).map(|(x, w)| x * w).sum();
            network.answer(tensor).logit - from_payment
        };
        let told = found.features.iter().find(|told| told.name == NEIGHBOURHOOD).unwrap().contribution;
        let expected = around(&tensor) - mean(&around);
        assert!((told - expected).abs() < 1e-4, "the neighbourhood: {told} is not {expected}");
    }
}

#[test]
fn without_a_group_the_model_says_what_it_would() {
    let network = TestNetwork::new();
    let scorer = Scorer::Blend { features: FeatureSet::V3, network_weight: 0.5, trees_weight: 0.5 };
    let ensemble = trees(5, FeatureSet::V3.width(), 30);
    let artifact = published(blend_artifact(&network, &ensemble, scorer));
    let mut explainer = Explainer::open(&artifact, &runtime()).unwrap();
    for seed in 300..306 {
        let whole = tensor(seed);
        let found = explained(&mut explainer, &whole, ALL);
        let mut groups = 0;
        for without in &found.without {
            let Evidence::Group(group) = without.evidence else { continue };
            let mut left = whole.clone();
            for (value, feature) in left.payment.iter_mut().zip(payment_features()) {
                if feature.group == group {
                    *value = feature.default;
                }
            }
            let said = network.answer(&left);
            let expected = scorer.combine(said.logit, ensemble.logit(&row(FeatureSet::V3, &left, &said.embedding)));
            assert!((without.logit - expected).abs() < 1e-3, "without {group:?}: {} is not {expected}", without.logit);
            assert_eq!(without.probability, artifact.manifest.settings.calibration.probability(without.logit));
            groups += 1;
        }
        assert_eq!(groups, 6, "payment, velocity, history, windows, reports, graph");
    }
}

/// A centre and three entities around it, the second of them the payment's own device; without `gone`, where that is not 0.
fn around(seed: u64, gone: usize) -> Tensor {
    let mut numbers = Numbers::new(seed);
    let rows: Vec<Vec<f16>> = (0..4).map(|_| numbers.halves(NODE_WIDTH)).collect();
    let mut links: Vec<Vec<f16>> = (0..6).map(|_| numbers.halves(EDGE_WIDTH)).collect();
    for (at, link) in links.iter_mut().enumerate() {
        for (value, feature) in link.iter_mut().zip(edge_features()) {
            match feature.name {
                "edge_own" | "edge_is_account_device" => *value = f16::from_f32(f32::from(u8::from(at == 1))),
                name if name.starts_with("edge_is_") => *value = f16::ZERO,
                _ => {}
            }
        }
    }
    let kept: Vec<usize> = (0..4).filter(|&node| node == 0 || node != gone).collect();
    let near = &kept[1..];
    let count = near.len();
    Tensor {
        hop_counts: [1, count as u16, 0, 0],
        nodes: kept.iter().flat_map(|&node| rows[node].clone()).collect(),
        row_ends: (0..=count).map(|row| (count + row) as u16).collect(),
        neighbours: (1..=count as u8).chain(vec![0; count]).collect(),
        edges: near
            .iter()
            .map(|node| node - 1)
            .chain(near.iter().map(|node| node + 2))
            .flat_map(|link| links[link].clone())
            .collect(),
        payment: (0..payment_features().len()).map(|_| numbers.value()).collect(),
    }
}

#[test]
fn without_an_entity_the_model_says_what_it_would() {
    let network = TestNetwork::new();
    for set in [FeatureSet::V2, FeatureSet::V3] {
        let scorer = Scorer::Blend { features: set, network_weight: 0.5, trees_weight: 0.5 };
        let ensemble = trees(6, set.width(), 30);
        let said = |tensor: &Tensor| {
            let said = network.answer(tensor);
            scorer.combine(said.logit, ensemble.logit(&row(set, tensor, &said.embedding)))
        };
        let artifact = published(blend_artifact(&network, &ensemble, scorer));
        let mut explainer = Explainer::open(&artifact, &runtime()).unwrap();
        for seed in 700..706 {
            let whole = around(seed, 0);
            let found = explained(&mut explainer, &whole, ALL);
            for node in 1..4 {
                let mut left = around(seed, node);
                let unseen = said(&left);
                let speaks_of_device = |name: &str| name.split('_').any(|word| word == "device");
                for (value, feature) in left.payment.iter_mut().zip(payment_features()) {
                    if node == 2 && speaks_of_device(feature.name) {
                        *value = feature.default;
                    }
                }
                let evidence = Evidence::Entity { node };
                let without = found.without.iter().find(|without| without.evidence == evidence).unwrap();
                assert!((without.logit - said(&left)).abs() < 1e-3, "{set:?}, seed {seed}, without node {node}");
                // Of an entity that is none of the payment's own, no column speaks.
                if let Some(entity) = found.entities.iter().find(|entity| entity.node == node && node != 2) {
                    assert!((entity.contribution - (said(&whole) - unseen)).abs() < 1e-3);
                    assert_eq!(entity.party, None);
                }
            }
            let device = found.entities.iter().find(|entity| entity.node == 2).unwrap();
            assert_eq!(device.party, Some(Party::Device));
        }
    }
}

#[test]
fn trees_that_read_one_group_are_explained_by_it_alone() {
    let set = FeatureSet::V1;
    let mut ensemble = trees(8, 23, 12);
    ensemble.columns = set.width();
    let mut explainer = Explainer::open(&published(trees_artifact(set, &ensemble)), &runtime()).unwrap();
    for seed in 400..410 {
        let tensor = tensor(seed);
        let found = explained(&mut explainer, &tensor, ALL);
        let group_of =
            |name: &str| payment_features().iter().find(|feature| feature.name == name).map(|feature| feature.group);
        for feature in &found.features {
            let turn = feature.name == "hour" || feature.name == "weekday";
            assert!(turn || group_of(&feature.name) == Some(Group::Payment), "{}", feature.name);
        }
        for without in &found.without {
            match without.evidence {
                Evidence::Group(Group::Velocity | Group::History) => assert_eq!(without.logit, found.logit),
                Evidence::Group(group) => assert_eq!(group, Group::Payment, "trees on v1 read no further group"),
                Evidence::Entity { .. } => {}
            }
        }
        assert!(found.entities.iter().all(|entity| entity.party.is_some() && entity.party != Some(Party::Account)));
    }
}

#[test]
fn what_no_time_is_left_for_is_named() {
    let artifact = published(artifact(&TestNetwork::new()));
    let mut explainer = Explainer::open(&artifact, &runtime()).unwrap();
    let tensor = (0..).map(tensor).find(|tensor| tensor.hop_counts[1] == 10).unwrap();
    let limit = Duration::from_millis(50);

    let late = explainer.explain(&tensor, ALL, &Budget { limit, spent: &|| limit }).unwrap();
    check(&late, &tensor, ALL);
    let entities = late.left_out.iter().filter(|left_out| matches!(left_out, LeftOut::Entity { .. })).count();
    assert_eq!((entities, late.left_out.len()), (10, 11));
    assert!(matches!(late.left_out[10], LeftOut::Background { done: 0, .. }));
    assert!((late.unlisted - (late.logit - late.base_logit)).abs() < 1e-4, "nothing was told apart");
    assert!(late.without.iter().all(|without| matches!(without.evidence, Evidence::Group(_))));

    // A clock that goes on by 2 ms whenever it is asked.
    let asked = Cell::new(0);
    let spent = || {
        asked.set(asked.get() + 1);
        Duration::from_millis(2 * asked.get())
    };
    let limit = Duration::from_millis(30);
    let mut fresh = Explainer::open(&artifact, &runtime()).unwrap();
    let some = fresh.explain(&tensor, ALL, &Budget { limit, spent: &spent }).unwrap();
    check(&some, &tensor, ALL);
    let entities = some.left_out.iter().filter(|left_out| matches!(left_out, LeftOut::Entity { .. })).count();
    assert!((1..10).contains(&entities), "{entities} entities were left out");
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let mut explainer = Explainer::open(&published(artifact(&TestNetwork::new())), &runtime()).unwrap();
    let budget = Budget { limit: Duration::MAX, spent: &|| Duration::ZERO };
    let mut numbers = Numbers::new(1);
    for seed in 500..540 {
        let mut broken = tensor(seed);
        match numbers.below(6) {
            0 => drop(broken.payment.pop()),
            1 => broken.hop_counts[1] += 1,
            2 => broken.neighbours.push(0),
            3 => broken.row_ends.push(9),
            4 => drop(broken.nodes.pop()),
            _ => broken = Tensor::default(),
        }
        assert!(matches!(explainer.explain(&broken, ALL, &budget), Err(ExplainError::Tensor(_))), "seed {seed}");
    }
    // The root of a negative number: some mixture has no logit.
    let root = TestNetwork { square_root: true, bias: 40.0, ..TestNetwork::new() };
    let mut explainer = Explainer::open(&published(artifact(&root)), &runtime()).unwrap();
    let mut wild = tensor(600);
    wild.payment.fill(-100.0);
    assert!(matches!(explainer.explain(&wild, ALL, &budget), Err(ExplainError::Runtime(_))));
}

#[test]
fn parts_that_say_something_else_than_the_whole_are_refused() {
    let network = TestNetwork::new();
    let mut golden = network.golden(0..4);
    golden.vectors[2].logit += 0.01;
    let refused = Explainer::open(&published(crate::common::artifact_of(&network, golden)), &runtime()).unwrap_err();
    assert!(matches!(refused, ExplainError::Golden { vector: 2, .. }), "{refused}");
    assert_eq!(EMBEDDING_WIDTH, 64);
}
