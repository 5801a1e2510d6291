//! Loading and publishing: what is right comes back as written, everything else is refused with a sentence that names it.

use crate::common::{Folder, TestNetwork, artifact, blend_artifact, manifest, tensor, trees, trees_artifact};
use fraudnet_features::{FeatureSet, schema};
use fraudnet_models::artifact::{
    FILE_LIMIT_BYTES, GOLDEN_FILE, HALF_NETWORK_FILE, MANIFEST_FILE, NETWORK_FILE, TREES_FILE, required_files,
};
use fraudnet_models::onnx::{
    self, DimensionProto, DimensionValue, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TypeValue,
    element,
};
use fraudnet_models::{
    Artifact, ArtifactBuilder, ArtifactError, Golden, GoldenVector, NetworkOutput, Precision, Scorer,
};
use prost::Message;
use std::fs;

fn network_files() -> Vec<&'static str> {
    required_files(Scorer::Network)
}

#[test]
fn what_is_written_is_what_is_loaded() {
    let folder = Folder::new();
    let network = TestNetwork::new();
    let written = artifact(&network).write(&folder.join("1")).unwrap();
    let loaded = Artifact::load(&folder.join("1")).unwrap();
    assert_eq!(loaded.manifest, written.manifest);
    assert_eq!(loaded.manifest, fraudnet_models::Manifest { files: loaded.manifest.files.clone(), ..manifest() });
    assert_eq!(
        loaded.manifest.files.keys().map(String::as_str).collect::<Vec<_>>(),
        ["README.md", "golden.arrow", "model.fp16.onnx", "model.onnx"]
    );
    assert_eq!(loaded.golden(), &network.golden(0..4));
    assert_eq!(folder.names(), ["1"], "nothing else is left behind");
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        artifact(&TestNetwork::new()).write(&folder.join(name)).unwrap();
    }
    for file in network_files().iter().chain(&[MANIFEST_FILE]) {
        assert_eq!(
            fs::read(folder.join("a").join(file)).unwrap(),
            fs::read(folder.join("b").join(file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn a_published_version_is_not_overwritten_unless_asked() {
    let folder = Folder::new();
    let path = folder.join("1");
    artifact(&TestNetwork::new()).write(&path).unwrap();
    assert!(matches!(artifact(&TestNetwork::new()).write(&path), Err(ArtifactError::Exists(_))));
    let other = TestNetwork { bias: 1.0, ..TestNetwork::new() };
    artifact(&other).replace(&path).unwrap();
    assert_eq!(Artifact::load(&path).unwrap().golden(), &other.golden(0..4));
    let refused = artifact(&other).file(NETWORK_FILE, b"no network".to_vec()).replace(&path);
    assert!(matches!(refused, Err(ArtifactError::Onnx { .. })));
    assert_eq!(Artifact::load(&path).unwrap().golden(), &other.golden(0..4), "the old one stays");
    assert_eq!(folder.names(), ["1"]);
}

/// Writes a good artifact, lets `change` spoil it, and gives back why it is refused.
fn refusal(change: impl FnOnce(&Folder)) -> ArtifactError {
    let parent = Folder::new();
    let folder = Folder::new();
    artifact(&TestNetwork::new()).write(&parent.join("1")).unwrap();
    for file in network_files().iter().chain(&[MANIFEST_FILE]) {
        fs::copy(parent.join("1").join(file), folder.join(file)).unwrap();
    }
    let path = folder.join("");
    Artifact::load(&path).unwrap();
    change(&folder);
    Artifact::load(&path).unwrap_err()
}

#[test]
fn any_changed_byte_of_any_file_is_refused() {
    for file in network_files() {
        for place in [0.0, 0.5, 0.999] {
            let error = refusal(|folder| {
                let mut bytes = fs::read(folder.join(file)).unwrap();
                let index = (bytes.len() as f64 * place) as usize;
                bytes[index] ^= 1;
                fs::write(folder.join(file), bytes).unwrap();
            });
            assert!(matches!(&error, ArtifactError::Hash { file: named, .. } if named == file), "{file}: {error}");
        }
        let error = refusal(|folder| {
            let bytes = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), &bytes[..bytes.len() - 1]).unwrap();
        });
        assert!(matches!(&error, ArtifactError::Size { file: named, .. } if named == file), "{file}: {error}");
        let error = refusal(|folder| fs::remove_file(folder.join(file)).unwrap());
        assert!(matches!(&error, ArtifactError::Missing(named) if named == file), "{file}: {error}");
    }
}

#[test]
fn files_nobody_vouched_for_are_refused() {
    let error = refusal(|folder| fs::write(folder.join("weights.bin"), b"x").unwrap());
    assert!(matches!(&error, ArtifactError::Unlisted(name) if name == "weights.bin"), "{error}");
    let error = refusal(|folder| fs::create_dir(folder.join("more")).unwrap());
    assert!(matches!(&error, ArtifactError::Unlisted(name) if name == "more"), "{error}");
    let error = refusal(|folder| {
        fs::File::options().write(true).open(folder.join(GOLDEN_FILE)).unwrap().set_len(FILE_LIMIT_BYTES + 1).unwrap()
    });
    assert!(matches!(&error, ArtifactError::TooLarge { file, .. } if file == GOLDEN_FILE), "{error}");
    let error = refusal(|folder| fs::remove_file(folder.join(MANIFEST_FILE)).unwrap());
    assert!(matches!(&error, ArtifactError::Missing(name) if name == MANIFEST_FILE), "{error}");
    assert!(matches!(Artifact::load(&Folder::new().join("gone")), Err(ArtifactError::Missing(_))));
}

#[test]
fn manifests_that_say_something_wrong_are_refused() {
    fn blend(trees: f64) -> serde_json::Value {
        serde_json::json!({ "kind": "blend", "features": "v2", "network_weight": 0.0, "trees_weight": trees })
    }
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, Change); 25] = [
        ("unknown field `colour`", |m| m["colour"] = "red".into()),
        ("unknown field `extra`", |m| m["settings"]["operating_points"]["extra"] = 1.into()),
        ("unknown field `extra`", |m| m["rules"]["calibration"]["extra"] = 1.into()),
        ("missing field `seed`", |m| drop(m.as_object_mut().unwrap().remove("seed"))),
        ("layout 1, this build reads layout 2", |m| m["manifest_version"] = 1.into()),
        ("unknown feature set `v9`", |m| m["scorer"] = serde_json::json!({ "kind": "trees", "features": "v9" })),
        ("unknown variant `oracle`", |m| m["scorer"]["kind"] = "oracle".into()),
        ("trees alone cannot read feature set v3", |m| {
            m["scorer"] = serde_json::json!({ "kind": "trees", "features": "v3" })
        }),
        ("the model has no file `trees.onnx`", |m| {
            m["scorer"] = serde_json::json!({ "kind": "trees", "features": "v1" })
        }),
        ("the blend weighs the network 0 and the trees 0", |m| m["scorer"] = blend(0.0)),
        ("the blend weighs the network 0 and the trees -1", |m| m["scorer"] = blend(-1.0)),
        ("retrain the model with this build", |m| m["feature_fingerprint"] = "abc".into()),
        ("the model's version `../1`", |m| m["version"] = "../1".into()),
        ("the model's name ``", |m| m["name"] = "".into()),
        ("they must ascend within 0 to 1", |m| m["settings"]["operating_points"]["challenge"] = 0.5.into()),
        ("they must ascend within 0 to 1", |m| m["rules"]["operating_points"]["decline"] = 1.5.into()),
        ("they must ascend within 0 to 1", |m| m["rules"]["operating_points"]["challenge"] = (-0.1).into()),
        ("knot 1 of the calibration does not ascend", |m| m["settings"]["calibration"]["knots"][1][0] = (-9.0).into()),
        ("knot 0 of the calibration is not a finite number", |m| {
            m["rules"]["calibration"]["knots"][0][1] = 1e39.into()
        }),
        ("reads payment feature `nonsense`", |m| m["rule_set"]["rules"][0]["feature"] = "nonsense".into()),
        ("threshold or weight of `TEST_RULE` of the rules is not a finite number", |m| {
            m["rule_set"]["rules"][0]["weight"] = 1e39.into()
        }),
        ("the manifest lists `../model.onnx`", |m| m["files"]["../model.onnx"] = m["files"]["model.onnx"].clone()),
        ("the manifest lists `/etc/passwd`", |m| m["files"]["/etc/passwd"] = m["files"]["model.onnx"].clone()),
        ("the model has no file `model.fp16.onnx`", |m| {
            drop(m["files"].as_object_mut().unwrap().remove("model.fp16.onnx"))
        }),
        ("the manifest says 00", |m| m["files"]["model.onnx"]["sha256"] = "00".into()),
    ];
    for (expected, change) in cases {
        let message = refusal(|folder| {
            let path = folder.join(MANIFEST_FILE);
            let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            change(&mut value);
            fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
        });
        assert!(message.to_string().contains(expected), "expected `{expected}` in `{message}`");
    }
    let message = refusal(|folder| fs::write(folder.join(MANIFEST_FILE), b"{").unwrap()).to_string();
    assert!(message.starts_with("`manifest.json` cannot be read"), "{message}");
}

#[test]
fn the_fingerprint_refusal_names_both_schemas() {
    let mut wrong = manifest();
    wrong.feature_fingerprint = "0123".to_owned();
    let folder = Folder::new();
    let message = ArtifactBuilder::new(wrong).write(&folder.join("family/1")).unwrap_err().to_string();
    assert!(message.contains("0123") && message.contains(schema::fingerprint()), "{message}");
    assert!(folder.names().is_empty(), "a refused artifact leaves nothing behind");
}

#[test]
fn networks_that_are_no_plain_graph_are_refused() {
    type Change = fn(&mut ModelProto);
    fn graph(model: &mut ModelProto) -> &mut onnx::GraphProto {
        model.graph.as_mut().unwrap()
    }
    fn shape(model: &mut ModelProto) -> &mut onnx::TensorTypeProto {
        let Some(TypeValue::Tensor(tensor)) = graph(model).input[0].r#type.as_mut().unwrap().value.as_mut() else {
            unreachable!()
        };
        tensor
    }
    let cases: [(&str, Change); 19] = [
        ("tensor `payment_weights` keeps its values in another file", |m| graph(m).initializer[0].data_location = 1),
        ("tensor `bias` keeps its values in another file", |m| {
            graph(m).initializer[1].external_data =
                vec![StringStringEntryProto { key: "location".to_owned(), value: "/etc/passwd".to_owned() }];
        }),
        ("node `loop` uses operator `Loop`", |m| graph(m).node.push(NodeProto::new("Loop", &[], &["loop"]))),
        ("operator domain `com.example`", |m| graph(m).node[0].domain = "com.example".to_owned()),
        ("operator domain `com.example`", |m| {
            m.opset_import.push(OperatorSetIdProto { domain: "com.example".to_owned(), version: 1 })
        }),
        ("operator domain `ai.onnx.ml`", |m| graph(m).node[0].domain = "ai.onnx.ml".to_owned()),
        ("a subgraph in node `pooled`", |m| graph(m).node[0].attribute[0].g = Some(Vec::new())),
        ("a subgraph in node `pooled`", |m| graph(m).node[0].attribute[0].graphs = vec![vec![0]]),
        ("functions of its own", |m| m.functions = vec![vec![]]),
        ("training data", |m| m.training_info = vec![vec![]]),
        ("sparse weights", |m| graph(m).sparse_initializer = vec![vec![]]),
        ("holds no graph", |m| m.graph = None),
        ("input `node_features`: expected f32[batch, 128, 64], found f16[batch, 128, 64]", |m| {
            shape(m).elem_type = element::FLOAT16
        }),
        ("input `node_features`: expected f32[batch, 128, 64], found f32[batch, 128]", |m| {
            drop(shape(m).shape.as_mut().unwrap().dim.pop())
        }),
        ("input `node_features`: expected f32[batch, 128, 64], found f32[1, 128, 64]", |m| {
            shape(m).shape.as_mut().unwrap().dim[0] = DimensionProto { value: Some(DimensionValue::Size(1)) };
        }),
        ("output `attention`: expected f32[batch, 10], found nothing", |m| drop(graph(m).output.pop())),
        ("input `more`: expected nothing of that name", |m| {
            let mut more = graph(m).input[0].clone();
            more.name = "more".to_owned();
            graph(m).input.push(more);
        }),
        ("tensor `bias` holds a value that is not a number", |m| {
            graph(m).initializer[1].raw_data = f32::NAN.to_le_bytes().to_vec()
        }),
        ("tensor `bias` does not hold as many values", |m| graph(m).initializer[1].raw_data.push(0)),
    ];
    let good = TestNetwork::new().model(false);
    assert_eq!(onnx::inspect(&good.encode_to_vec()).unwrap(), good);
    for (expected, change) in cases {
        let mut model = good.clone();
        change(&mut model);
        let message = onnx::inspect(&model.encode_to_vec()).expect_err(expected).to_string();
        assert!(message.contains(expected), "expected `{expected}` in `{message}`");
    }
    assert!(onnx::inspect(b"\xff\xff no protobuf").unwrap_err().to_string().contains("not a readable onnx file"));
}

#[test]
fn a_refused_network_is_named_by_file_and_never_published() {
    for file in [NETWORK_FILE, HALF_NETWORK_FILE] {
        let mut model = TestNetwork::new().model(false);
        model.graph.as_mut().unwrap().initializer[0].data_location = 1;
        let folder = Folder::new();
        let error =
            artifact(&TestNetwork::new()).file(file, model.encode_to_vec()).write(&folder.join("1")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{file}`: tensor `payment_weights` keeps its values in another file; export with all weights inside the file"
            )
        );
        assert!(folder.names().is_empty());
    }
    let folder = Folder::new();
    let error = artifact(&TestNetwork::new()).file("../escape", Vec::new()).write(&folder.join("1")).unwrap_err();
    assert!(matches!(error, ArtifactError::FileName(_)), "{error}");
}

#[test]
fn an_artifact_holds_the_files_of_its_scorer_and_no_more_are_asked_for() {
    let folder = Folder::new();
    let ensemble = trees(1, FeatureSet::V1.width(), 5);
    let alone = trees_artifact(FeatureSet::V1, &ensemble).write(&folder.join("trees")).unwrap();
    assert_eq!(
        alone.manifest.files.keys().map(String::as_str).collect::<Vec<_>>(),
        ["README.md", "golden.arrow", "trees.onnx"]
    );
    assert_eq!(alone.trees(), Some(&ensemble.to_onnx("test")[..]));
    assert_eq!((alone.network(Precision::Single), alone.network(Precision::Half)), (None, None));

    let scorer = Scorer::Blend { features: FeatureSet::V3, network_weight: 0.5, trees_weight: 0.5 };
    let ensemble = trees(2, FeatureSet::V3.width(), 5);
    let blend = || blend_artifact(&TestNetwork::new(), &ensemble, scorer);
    let both = blend().write(&folder.join("blend")).unwrap();
    assert_eq!(both.manifest.scorer, scorer);
    assert_eq!(
        both.manifest.files.keys().map(String::as_str).collect::<Vec<_>>(),
        ["README.md", "golden.arrow", "model.fp16.onnx", "model.onnx", "trees.onnx"]
    );
    assert!(both.network(Precision::Single).is_some() && both.trees().is_some());

    // Trees of another set do not fit the columns, trees are no network, and a network is no trees.
    let other = trees(2, FeatureSet::V1.width(), 5).to_onnx("test");
    let network = TestNetwork::new().model(false).encode_to_vec();
    for (file, bytes) in [(TREES_FILE, &other), (TREES_FILE, &network), (NETWORK_FILE, &other)] {
        let error = blend().file(file, bytes.clone()).write(&folder.join("wrong")).unwrap_err();
        assert!(matches!(&error, ArtifactError::Onnx { file: named, .. } if *named == file), "{error}");
    }
    assert_eq!(folder.names(), ["blend", "trees"]);
}

#[test]
fn golden_vectors_survive_the_file_and_bad_ones_are_refused() {
    let golden = TestNetwork::new().golden(0..5);
    let bytes = golden.to_bytes().unwrap();
    assert_eq!(Golden::from_bytes(&bytes).unwrap(), golden);
    for length in (0..bytes.len()).step_by(bytes.len() / 50) {
        assert!(Golden::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
    assert_eq!(
        Golden::default().to_bytes().unwrap_err().to_string(),
        "there are no golden vectors; write at least one"
    );

    let NetworkOutput { logit, embedding, .. } = TestNetwork::new().answer(&tensor(1));
    let whole = GoldenVector { tensor: tensor(1), logit, embedding };
    let mut short = whole.clone();
    short.embedding.pop();
    let mut infinite = whole.clone();
    infinite.logit = f32::INFINITY;
    let mut broken = whole;
    broken.tensor.nodes.pop();
    for vector in [short, infinite, broken] {
        let message = Golden { vectors: vec![vector] }.to_bytes().unwrap_err().to_string();
        assert!(message.starts_with("golden vector 0 is not usable"), "{message}");
    }
}
