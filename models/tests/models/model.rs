//! Whole models: trees, a network, a blend, each answering as its parts do.

use crate::common::{Folder, TestNetwork, artifact, blend_artifact, row, runtime, tensor, trees, trees_artifact};
use fraudnet_features::FeatureSet;
use fraudnet_models::onnx::TreeEnsemble;
use fraudnet_models::{
    Artifact, ArtifactBuilder, ArtifactError, ModelSession, NetworkSession, Precision, Provider, RuntimeConfig,
    RuntimeError, Scorer, TreeSession,
};

fn published(builder: ArtifactBuilder) -> Artifact {
    builder.write(&Folder::new().join("1")).unwrap()
}

fn forest(set: FeatureSet) -> TreeEnsemble {
    trees(11, set.width(), 40)
}

fn assert_near(found: f32, expected: f32) {
    assert!((found - expected).abs() <= 1e-4, "{found} is not {expected}");
}

#[test]
fn trees_alone_answer_from_the_payments_row() {
    for set in [FeatureSet::V1, FeatureSet::V2] {
        let ensemble = forest(set);
        let artifact = published(trees_artifact(set, &ensemble));
        let mut session = ModelSession::new(&artifact, &runtime()).unwrap();
        assert_eq!((session.provider(), session.precision()), (Provider::Cpu, Precision::Single));
        let report = artifact.verify_golden(&mut session).unwrap();
        assert!(report.vectors == 4 && report.logit_difference <= 1e-5, "{report:?}");
        let tensors: Vec<_> = (50..70).map(tensor).collect();
        let logits = session.run(&tensors.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(logits.len(), 20);
        for (tensor, logit) in tensors.iter().zip(logits) {
            assert_near(logit, ensemble.logit(&row(set, tensor, &[])));
        }
        assert_eq!(session.run(&[]).unwrap(), Vec::<f32>::new());
        let refused = NetworkSession::new(&artifact, &runtime()).unwrap_err();
        assert!(matches!(refused, RuntimeError::NoNetwork), "{refused}");
    }
}

#[test]
fn a_network_answers_as_its_session_does() {
    let artifact = published(artifact(&TestNetwork::new()));
    let mut model = ModelSession::new(&artifact, &runtime()).unwrap();
    let mut network = NetworkSession::new(&artifact, &runtime()).unwrap();
    let onnx = artifact.network(Precision::Half).unwrap();
    let mut half = NetworkSession::from_bytes(onnx, Precision::Half, &runtime()).unwrap();
    assert_eq!(half.precision(), Precision::Half);
    for seed in 0..10 {
        let tensor = tensor(seed);
        let alone = network.run(&[&tensor]).unwrap().remove(0);
        let whole = model.outputs(&[&tensor]).unwrap().remove(0);
        assert_eq!((whole.logit, whole.embedding), (alone.logit, alone.embedding));
        assert!((half.run(&[&tensor]).unwrap()[0].logit - alone.logit).abs() < 2e-2);
    }
}

#[test]
fn a_blend_is_the_weighted_sum_of_its_parts() {
    let network = TestNetwork::new();
    for (features, network_weight, trees_weight) in [
        (FeatureSet::V1, 0.25, 0.75),
        (FeatureSet::V2, 0.5, 0.5),
        (FeatureSet::V3, 0.0, 1.0),
        (FeatureSet::V3, 0.75, 0.25),
        (FeatureSet::V2, 1.0, 0.0),
    ] {
        let scorer = Scorer::Blend { features, network_weight, trees_weight };
        let ensemble = forest(features);
        let artifact = published(blend_artifact(&network, &ensemble, scorer));
        let mut model = ModelSession::new(&artifact, &runtime()).unwrap();
        let mut alone = NetworkSession::new(&artifact, &runtime()).unwrap();
        let mut leaves = TreeSession::from_bytes(artifact.trees().unwrap(), features, &runtime()).unwrap();
        artifact.verify_golden(&mut model).unwrap();
        // More than a micro-batch: the trees' rows must stay with their payments.
        let tensors: Vec<_> = (200..220).map(tensor).collect();
        let logits = model.run(&tensors.iter().collect::<Vec<_>>()).unwrap();
        for (tensor, logit) in tensors.iter().zip(logits) {
            let said = alone.run(&[tensor]).unwrap().remove(0);
            let from_trees = leaves.run(&row(features, tensor, &said.embedding)).unwrap()[0];
            assert_near(logit, network_weight * said.logit + trees_weight * from_trees);
        }
    }
}

#[test]
fn trees_read_the_embedding_of_their_own_network() {
    let features = FeatureSet::V3;
    let scorer = Scorer::Blend { features, network_weight: 0.0, trees_weight: 1.0 };
    let ensemble = forest(features);
    let artifact = published(blend_artifact(&TestNetwork::new(), &ensemble, scorer));
    let mut model = ModelSession::new(&artifact, &runtime()).unwrap();
    let tensors: Vec<_> = (0..40).map(tensor).collect();
    let outputs = model.outputs(&tensors.iter().collect::<Vec<_>>()).unwrap();
    let blind = tensors.iter().zip(&outputs).filter(|(tensor, output)| {
        assert_near(output.logit, ensemble.logit(&row(features, tensor, &output.embedding)));
        (output.logit - ensemble.logit(&row(features, tensor, &[0.0; 64]))).abs() > 1e-3
    });
    assert!(blind.count() > 0, "the embedding changes what the trees say");
    artifact.verify_golden(&mut model).unwrap();
    // Rounded to f16 the embedding may cross a threshold: such a session is held to the embeddings alone.
    let mut half = ModelSession::with_precision(&artifact, &runtime(), Precision::Half).unwrap();
    let report = artifact.verify_golden(&mut half).unwrap();
    assert!(report.embedding_difference <= 2e-2, "{report:?}");
}

#[test]
fn a_whole_model_that_is_not_its_golden_vectors_is_refused() {
    let scorer = Scorer::Blend { features: FeatureSet::V2, network_weight: 0.5, trees_weight: 0.5 };
    let ensemble = forest(FeatureSet::V2);
    let mut other = ensemble.clone();
    other.bias += 1e-3;
    let good = blend_artifact(&TestNetwork::new(), &ensemble, scorer);
    let artifact = published(good.file(fraudnet_models::artifact::TREES_FILE, other.to_onnx("test")));
    let error = artifact.verify_golden(&mut ModelSession::new(&artifact, &runtime()).unwrap()).unwrap_err();
    assert!(matches!(&error, ArtifactError::GoldenMismatch { vector: 0, output, .. } if output == "logit"), "{error}");
}

#[test]
fn what_a_session_cannot_be_made_of_or_run_is_refused() {
    let set = FeatureSet::V2;
    let artifact = published(trees_artifact(set, &forest(set)));
    let gpu = RuntimeConfig { require_gpu: true, ..runtime() };
    let message = ModelSession::new(&artifact, &gpu).unwrap_err().to_string();
    assert!(message.contains("boosted trees, which run on the processor"), "{message}");
    let zero = RuntimeConfig { max_batch: 0, ..runtime() };
    assert!(matches!(ModelSession::new(&artifact, &zero), Err(RuntimeError::MaxBatch)));
    let mut broken = tensor(3);
    broken.payment.pop();
    let error = ModelSession::new(&artifact, &runtime()).unwrap().run(&[&tensor(2), &broken]).unwrap_err();
    assert!(matches!(error, RuntimeError::Tensor { payment: 1, .. }), "{error}");
}
