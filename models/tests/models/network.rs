//! Sessions on the real runtime: right answers, whatever the batch; refusals that say what to do.

use crate::common::{Folder, TestNetwork, artifact, artifact_of, runtime, tensor};
use fraudnet_models::{
    Artifact, ArtifactError, ModelSession, NetworkOutput, NetworkSession, Precision, Provider, RuntimeConfig,
    RuntimeError, initialise_runtime,
};
use std::sync::{Arc, Mutex};

fn published(network: &TestNetwork) -> Artifact {
    artifact(network).write(&Folder::new().join("1")).unwrap()
}

fn assert_close(found: &NetworkOutput, expected: &NetworkOutput, tolerance: f32) {
    let pairs = std::iter::once((found.logit, expected.logit))
        .chain(found.embedding.iter().copied().zip(expected.embedding.iter().copied()))
        .chain(found.attention.iter().copied().zip(expected.attention.iter().copied()));
    assert_eq!((found.embedding.len(), found.attention.len()), (64, 10));
    for (found, expected) in pairs {
        assert!((found - expected).abs() <= tolerance, "{found} is not within {tolerance} of {expected}");
    }
}

#[test]
fn answers_as_the_plain_computation_does() {
    let network = TestNetwork::new();
    let mut session = NetworkSession::new(&published(&network), &runtime()).unwrap();
    assert_eq!((session.provider(), session.precision()), (Provider::Cpu, Precision::Single));
    for seed in 100..140 {
        let tensor = tensor(seed);
        let output = session.run(&[&tensor]).unwrap();
        assert_eq!(output.len(), 1);
        assert_close(&output[0], &network.answer(&tensor), 1e-4);
    }
    assert_eq!(session.run(&[]).unwrap(), []);
}

#[test]
fn a_batch_answers_as_its_payments_one_by_one() {
    let mut session = NetworkSession::new(&published(&TestNetwork::new()), &runtime()).unwrap();
    let tensors: Vec<_> = (0..20).map(tensor).collect();
    let all: Vec<_> = tensors.iter().collect();
    let singles: Vec<_> = all.iter().flat_map(|tensor| session.run(&[tensor]).unwrap()).collect();
    for size in [8, 3, 20] {
        let together: Vec<_> = all.chunks(size).flat_map(|tensors| session.run(tensors).unwrap()).collect();
        assert_eq!(together.len(), singles.len());
        together.iter().zip(&singles).for_each(|(together, single)| assert_close(together, single, 1e-5));
    }
}

#[test]
fn golden_vectors_hold_in_both_precisions() {
    let artifact = published(&TestNetwork::new());
    let mut single = ModelSession::new(&artifact, &runtime()).unwrap();
    let report = artifact.verify_golden(&mut single).unwrap();
    assert_eq!(report.vectors, 4);
    assert!(report.logit_difference <= 1e-4 && report.embedding_difference <= 1e-4, "{report:?}");

    let mut half = ModelSession::with_precision(&artifact, &runtime(), Precision::Half).unwrap();
    assert_eq!(half.precision(), Precision::Half);
    let report = artifact.verify_golden(&mut half).unwrap();
    assert!(
        report.logit_difference > 0.0 && report.logit_difference <= 2e-2,
        "the f16 file is really the one that runs: {report:?}"
    );
}

#[test]
fn a_network_that_is_not_its_golden_vectors_is_refused() {
    let network = TestNetwork::new();
    let mut golden = network.golden(0..4);
    golden.vectors[2].logit += 3e-4;
    let artifact = artifact_of(&network, golden).write(&Folder::new().join("1")).unwrap();
    let error = artifact.verify_golden(&mut ModelSession::new(&artifact, &runtime()).unwrap()).unwrap_err();
    assert!(matches!(&error, ArtifactError::GoldenMismatch { vector: 2, output, .. } if output == "logit"), "{error}");

    let mut golden = network.golden(0..4);
    golden.vectors[1].embedding[7] += 0.05;
    let artifact = artifact_of(&network, golden).write(&Folder::new().join("1")).unwrap();
    for precision in [Precision::Single, Precision::Half] {
        let mut session = ModelSession::with_precision(&artifact, &runtime(), precision).unwrap();
        let error = artifact.verify_golden(&mut session).unwrap_err();
        assert!(
            matches!(&error, ArtifactError::GoldenMismatch { vector: 1, output, .. } if output == "embedding[7]"),
            "{error}"
        );
    }
}

#[test]
fn no_verdict_comes_from_what_is_not_a_number() {
    let network = TestNetwork { square_root: true, bias: 0.0, ..TestNetwork::new() };
    let mut golden = network.golden(0..40);
    golden.vectors.retain(|vector| vector.logit.is_finite());
    let artifact = artifact_of(&network, golden).write(&Folder::new().join("1")).unwrap();
    let mut session = NetworkSession::new(&artifact, &RuntimeConfig { max_batch: 2, ..runtime() }).unwrap();
    let fine = (0..).map(tensor).find(|tensor| network.answer(tensor).logit > 0.1).unwrap();
    let negative = (0..).map(tensor).find(|tensor| network.answer(tensor).logit.is_nan()).unwrap();
    assert_eq!(session.run(&[&fine, &fine]).unwrap().len(), 2);
    let error = session.run(&[&fine, &fine, &fine, &negative]).unwrap_err();
    assert!(matches!(error, RuntimeError::NotFinite { payment: 3, output: "fraud_logit" }), "{error}");
    assert_eq!(session.run(&[&fine]).unwrap().len(), 1, "the session goes on");
}

#[test]
fn an_inconsistent_tensor_is_refused_not_run() {
    let mut session = NetworkSession::new(&published(&TestNetwork::new()), &runtime()).unwrap();
    let mut broken = tensor(3);
    broken.payment.pop();
    let error = session.run(&[&tensor(2), &broken]).unwrap_err();
    assert!(matches!(error, RuntimeError::Tensor { payment: 1, .. }), "{error}");
    let zero = RuntimeConfig { max_batch: 0, ..runtime() };
    assert!(matches!(NetworkSession::new(&published(&TestNetwork::new()), &zero), Err(RuntimeError::MaxBatch)));
}

#[test]
fn a_required_gpu_that_is_not_there_stops_the_start() {
    initialise_runtime(&runtime()).unwrap();
    let artifact = published(&TestNetwork::new());
    let without = |providers: &[Provider]| {
        let config = RuntimeConfig { providers: providers.to_vec(), require_gpu: true, ..runtime() };
        NetworkSession::new(&artifact, &config).map(|session| session.provider())
    };
    match without(&[Provider::TensorRt, Provider::Cuda, Provider::Cpu]) {
        // On a machine with a GPU and the GPU build the same setting is simply met.
        Ok(provider) => assert_ne!(provider, Provider::Cpu),
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("require_gpu is set but no gpu provider can be used: tensorrt ("), "{message}");
            assert!(message.contains("), cuda (") && message.ends_with("or set require_gpu = false"), "{message}");
        }
    }
    let message = without(&[Provider::Cpu]).unwrap_err().to_string();
    assert!(message.contains("no gpu provider can be used: none is configured;"), "{message}");
}

#[test]
fn a_missing_provider_falls_back_with_one_line() {
    let artifact = published(&TestNetwork::new());
    let lines = Lines::default();
    // An order that no other test uses, since the line is said once per process.
    let config = RuntimeConfig { providers: vec![Provider::Cuda, Provider::TensorRt], ..runtime() };
    let sessions: Vec<NetworkSession> = tracing::subscriber::with_default(lines.clone(), || {
        (0..3).map(|_| NetworkSession::new(&artifact, &config).unwrap()).collect()
    });
    let said = lines.0.lock().unwrap().clone();
    if sessions[0].provider() == Provider::Cuda {
        return assert_eq!(said, Vec::<String>::new());
    }
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("cuda (") && said[0].contains(&format!("provider={}", sessions[0].provider())),
        "{said:?}"
    );
}

/// Collects warnings and errors, field by field.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{}={value:?} ", field.name());
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
