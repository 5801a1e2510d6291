//! The released model explains its golden payments.

use fraudnet_models::explain::{Budget, Evidence, Explainer, Most};
use fraudnet_models::{Artifact, Provider, RuntimeConfig};
use std::path::Path;
use std::time::Duration;

#[test]
fn the_released_model_explains_its_golden_payments() {
    let family = Path::new(env!("CARGO_MANIFEST_DIR")).join("hybrid");
    let version = std::fs::read_to_string(family.join("champion")).unwrap();
    let artifact = Artifact::load(&family.join(version.trim())).unwrap();
    let config = RuntimeConfig {
        library: Default::default(),
        providers: vec![Provider::Cpu],
        require_gpu: false,
        max_batch: 16,
        engine_cache: None,
    };
    let mut explainer = Explainer::open(&artifact, &config).unwrap();
    let calibration = &artifact.manifest.settings.calibration;
    for golden in &artifact.golden().vectors {
        let budget = Budget { limit: Duration::MAX, spent: &|| Duration::ZERO };
        let found = explainer.explain(&golden.tensor, Most::default(), &budget).unwrap();
        assert!((found.logit - golden.logit).abs() < 1e-4);
        assert_eq!(found.probability, calibration.probability(found.logit));
        let listed: f32 = found.features.iter().map(|feature| feature.contribution).sum();
        assert!((found.base_logit + listed + found.unlisted - found.logit).abs() < 1e-4);
        assert_eq!(found.left_out, []);
        let attention: f32 = found.attention.iter().map(|attention| attention.weight).sum();
        assert!(found.attention.is_empty() || (attention - 1.0).abs() < 1e-3);
        assert!(found.base_probability < artifact.manifest.settings.operating_points.challenge);
        let near = usize::from(golden.tensor.hop_counts[1]);
        let all = Most { without: usize::MAX, ..Most::default() };
        let without = explainer.explain(&golden.tensor, all, &budget).unwrap().without;
        assert_eq!(without.iter().filter(|without| matches!(without.evidence, Evidence::Entity { .. })).count(), near);
    }
}
