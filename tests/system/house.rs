//! The house rules that a machine can check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace folder").to_path_buf()
}

/// What each crate may depend on inside the workspace: one direction, `graph <- features <- models <- scoring <- training`.
const MAY_DEPEND_ON: [(&str, &[&str]); 7] = [
    ("graph", &[]),
    ("features", &["graph"]),
    ("models", &["features"]),
    ("scoring", &["graph", "features", "models"]),
    ("training", &["graph", "features", "models", "scoring"]),
    ("tests", &["graph", "features", "models", "scoring", "training"]),
    ("benches", &["graph", "features", "models", "scoring", "training", "tests"]),
];

/// Crates that a core crate must never name: no clock, network, files or async below the rim.
const NEVER_IN_THE_CORE: [&str; 8] = ["tokio", "axum", "hyper", "rdkafka", "redis", "redb", "rand", "time"];

fn dependencies(folder: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("every crate has a manifest");
    let manifest: BTreeMap<String, toml::Value> = toml::from_str(&text).expect("manifests are TOML");
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    for (folder, allowed) in MAY_DEPEND_ON {
        for dependency in dependencies(folder) {
            if let Some(name) = dependency.strip_prefix("fraudnet-") {
                assert!(
                    allowed.contains(&name),
                    "{folder} must not depend on {name}: see the crate table in README.md"
                );
            }
        }
    }
}

#[test]
fn the_core_stays_pure() {
    for folder in ["graph", "features"] {
        let found: Vec<_> =
            dependencies(folder).into_iter().filter(|name| NEVER_IN_THE_CORE.contains(&name.as_str())).collect();
        assert!(found.is_empty(), "{folder} must stay synchronous and pure, but its manifest names {found:?}");
    }
}

#[test]
fn the_top_level_is_the_agreed_one() {
    let allowed = [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "benches",
        "deploy",
        "features",
        "graph",
        "models",
        "scoring",
        "target",
        "tests",
        "training",
    ];
    for entry in std::fs::read_dir(root()).expect("the workspace folder can be read") {
        let name = entry.expect("an entry").file_name().into_string().expect("a UTF-8 name");
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name} does not belong on the top level");
    }
}

/// A planted fault that no longer fits the code tests nothing. `make mutants` plants them all and runs the tests that must catch them.
#[test]
fn every_mutant_still_applies_and_names_its_tests() {
    let folder = root().join("tests/mutants");
    let entries = std::fs::read_dir(&folder).expect("the mutants' folder can be read");
    let patches: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "patch"))
        .collect();
    assert!(patches.len() >= 4, "future edge, lost dedupe, skipped sync and wrong window at least");
    for patch in patches {
        let text = std::fs::read_to_string(&patch).expect("patches are text");
        for line in ["Fault: ", "Caught by: "] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{} has no line `{line}`", patch.display());
        }
        let check =
            std::process::Command::new("git").args(["apply", "--check"]).arg(&patch).current_dir(root()).output();
        let check = check.expect("git is there, since the repository was cloned with it");
        assert!(
            check.status.success(),
            "{} no longer applies: {}",
            patch.display(),
            String::from_utf8_lossy(&check.stderr)
        );
    }
}
