//! The registry: what it lists, what it proves, and that a version comes in whole or not at all.

use crate::common::{Folder, TestNetwork, artifact, manifest, runtime, trees, trees_artifact};
use fraudnet_features::FeatureSet;
use fraudnet_models::artifact::{GOLDEN_FILE, MANIFEST_FILE, NETWORK_FILE};
use fraudnet_models::{ArtifactError, ModelRef, Registry, SIGNATURE_FILE, SecretKey, Signer, Trust, name_champion};
use std::fs;
use std::path::PathBuf;

fn model(text: &str) -> ModelRef {
    text.parse().unwrap()
}

fn registry(folder: &Folder) -> Registry {
    Registry::open(&folder.join("")).unwrap()
}

/// A version `test/2026.11.22-1` outside of any registry.
fn version(folder: &Folder) -> PathBuf {
    let path = folder.join("made");
    artifact(&TestNetwork::new()).write(&path).unwrap();
    path
}

#[test]
fn versions_are_listed_with_what_their_manifests_say() {
    let folder = Folder::new();
    let key = SecretKey::from_seed("alice", [3; 32]).unwrap();
    assert!(registry(&folder).list().unwrap().is_empty());
    artifact(&TestNetwork::new()).signed_by(&key).write(&folder.join("test/2026.11.22-1")).unwrap();
    trees_artifact(FeatureSet::V1, &trees(1, FeatureSet::V1.width(), 3))
        .write(&folder.join("test/2026.11.22-2"))
        .unwrap();
    // A version under another's name, a broken one, and what is no version at all.
    artifact(&TestNetwork::new()).write(&folder.join("stolen/1")).unwrap();
    fs::create_dir_all(folder.join("broken/1")).unwrap();
    fs::write(folder.join("broken/1").join(MANIFEST_FILE), "{").unwrap();
    fs::create_dir_all(folder.join("src/onnx")).unwrap();
    fs::create_dir_all(folder.join("test/.2026.partial-7")).unwrap();
    fs::write(folder.join("README.md"), "x").unwrap();
    let registry = registry(&folder);
    let named = |names: &[&str]| names.iter().map(|name| model(name)).collect::<Vec<_>>();
    let listed = registry.list().unwrap();
    let models: Vec<ModelRef> = listed.iter().map(|listed| listed.model.clone()).collect();
    assert_eq!(models, named(&["broken/1", "stolen/1", "test/2026.11.22-1", "test/2026.11.22-2"]));
    assert!(matches!(listed[0].manifest, Err(ArtifactError::ManifestSyntax(_))));
    assert!(matches!(&listed[1].manifest, Err(ArtifactError::Misplaced { found, .. }) if *found == models[2]));
    assert_eq!(listed[2].manifest.as_ref().unwrap().data, manifest().data);
    assert_eq!((listed[2].signed_by.as_deref(), listed[3].signed_by.as_deref()), (Some("alice"), None));
    // `2026.11.22-2` calls itself `-1`: it lies where another belongs.
    let error = registry.verify(&models[3], &Trust::none()).unwrap_err();
    assert!(error.to_string().contains("the folder of test/2026.11.22-2 holds test/2026.11.22-1"), "{error}");

    assert_eq!(registry.champion_of("test"), None);
    name_champion(&folder.join("test"), "2026.11.22-1").unwrap();
    assert_eq!(registry.champion_of("test"), Some(models[2].clone()));
    assert!(registry.list().unwrap()[2].champion && registry.read(&models[2]).unwrap().champion);
    name_champion(&folder.join("test"), "gone").unwrap();
    for family in ["test", "..", "nothing"] {
        assert_eq!(registry.champion_of(family), None, "{family}");
    }
    assert!(matches!(Registry::open(&folder.join("README.md")), Err(ArtifactError::NoRegistry(_))));
}

#[test]
fn what_is_published_is_proven_and_there_all_at_once() {
    let (folder, outside) = (Folder::new(), Folder::new());
    let registry = registry(&folder);
    let from = version(&outside);
    let alice = SecretKey::from_seed("alice", [3; 32]).unwrap();
    let trust = Trust { keys: [("alice".to_owned(), alice.verifying_key())].into(), required: true };
    let error = registry.publish(&from, &trust, None, &runtime()).unwrap_err();
    assert!(error.to_string().contains("the model is not signed"), "{error}");
    let published = registry.publish(&from, &trust, Some(&alice), &runtime()).unwrap();
    assert_eq!((published.model.clone(), published.author.as_deref()), (model("test/2026.11.22-1"), Some("alice")));
    assert!(published.golden.is_some_and(|golden| golden.vectors == 4), "golden vectors were run");
    assert!(!from.join(SIGNATURE_FILE).exists(), "the source stays as it was");
    let again = registry.publish(&from, &trust, Some(&alice), &runtime()).unwrap_err();
    assert!(matches!(again, ArtifactError::Exists(_)), "{again}");
    let verified = registry.verify_run(&published.model, &trust, &runtime()).unwrap();
    assert_eq!(verified.signer, Signer::Trusted("alice".to_owned()));
    let names: Vec<String> = fs::read_dir(folder.join("test"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["2026.11.22-1"], "nothing hidden stays");
    let error = registry.verify(&model("test/9"), &trust).unwrap_err();
    assert!(error.to_string().contains("there is no model test/9 in"), "{error}");
}

#[test]
fn of_what_is_refused_nothing_stays() {
    type Change = fn(&PathBuf);
    let cases: [(&str, Change); 5] = [
        ("has sha256", |from| {
            let network = from.join(NETWORK_FILE);
            let mut bytes = fs::read(&network).unwrap();
            bytes[7] ^= 1;
            fs::write(network, bytes).unwrap();
        }),
        ("but the manifest does not list it", |from| fs::write(from.join("weights.bin"), b"x").unwrap()),
        ("the model has no file `golden.arrow`", |from| fs::remove_file(from.join(GOLDEN_FILE)).unwrap()),
        ("the model's name `..`", |from| {
            let path = from.join(MANIFEST_FILE);
            let text = fs::read_to_string(&path).unwrap().replace(r#""name": "test""#, r#""name": "..""#);
            fs::write(path, text).unwrap();
        }),
        ("`manifest.sig` cannot be read", |from| fs::write(from.join(SIGNATURE_FILE), b"x").unwrap()),
    ];
    for (expected, change) in cases {
        let (folder, outside) = (Folder::new(), Folder::new());
        let from = version(&outside);
        change(&from);
        let error = registry(&folder).publish(&from, &Trust::none(), None, &runtime()).unwrap_err().to_string();
        assert!(error.contains(expected), "expected `{expected}` in `{error}`");
        let left = fs::read_dir(folder.join("test")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{expected}");
    }
    // A model that is off its golden vectors is whole but not what it says.
    let (folder, outside) = (Folder::new(), Folder::new());
    let (network, other) = (TestNetwork::new(), TestNetwork { bias: 1.0, ..TestNetwork::new() });
    let from = outside.join("made");
    crate::common::artifact_of(&network, other.golden(0..2)).write(&from).unwrap();
    let error = registry(&folder).publish(&from, &Trust::none(), None, &runtime()).unwrap_err();
    assert!(matches!(error, ArtifactError::GoldenMismatch { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.join("test")).map_or(0, Iterator::count), 0);
}

#[test]
fn a_version_outside_is_found_where_it_lies() {
    let (folder, outside) = (Folder::new(), Folder::new());
    let from = version(&outside);
    let name = model("test/2026.11.22-1");
    let registry = registry(&folder).with(name.clone(), &from);
    assert_eq!(registry.folder(&name), from);
    assert_eq!(registry.verify(&name, &Trust::none()).unwrap().model, name);
    assert_eq!(registry.list().unwrap().len(), 1);
}
