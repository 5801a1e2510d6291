//! The README holds exactly what the commands printed: every line of a marked block is a line of what is printed from the
//! recorded results or from the released models.
//!
//! A block: `<!-- printed: SOURCE -->`, lines, `<!-- /printed -->`. SOURCE is a recorded `backtest.json` of `training/evidence`, or a
//! model family of `models`. What the guards found stands in a table of its own, in their words.

use fraudnet_models::{Manifest, resolve_version};
use fraudnet_training::backtest::{results, text};
use fraudnet_training::report::Report;
use fraudnet_training::tables::tables;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_path_buf()
}

fn printed(source: &str) -> String {
    let path = root().join(source);
    let read = |path: &Path| std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.is_dir() {
        let manifest = Manifest::parse(&read(&resolve_version(&path).unwrap().join("manifest.json"))).unwrap();
        tables(&serde_json::from_value::<Report>(manifest.metrics).unwrap())
    } else {
        text::tables(&serde_json::from_slice::<results::Results>(&read(&path)).unwrap())
    }
}

#[test]
fn the_readme_holds_what_the_commands_print() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut sources = HashSet::new();
    for block in readme.split("<!-- printed: ").skip(1) {
        let (source, rest) = block.split_once(" -->\n").expect("a block names its source");
        let (lines, _) = rest.split_once("<!-- /printed -->").expect("a block ends");
        let text = printed(source);
        let said: HashSet<&str> = text.lines().collect();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            assert!(
                said.contains(line),
                "{source} does not print this line of the README:\n{line}\nit prints:\n{text}"
            );
        }
        sources.insert(source.to_owned());
    }
    let recorded = ["week", "history", "later"].map(|protocol| format!("training/evidence/handbook-{protocol}.json"));
    for source in recorded.iter().map(String::as_str).chain(["models/hybrid"]) {
        assert!(sources.contains(source), "the README shows nothing of {source}");
    }
}

#[test]
fn the_readme_says_what_the_guards_found() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for name in ["shuffled-labels", "shuffled-edges", "no-graph", "future-peek"] {
        let recorded = root().join(format!("training/evidence/handbook-week.guard-{name}.json"));
        let guard: results::GuardResult = serde_json::from_slice(&std::fs::read(recorded).unwrap()).unwrap();
        assert!(guard.passed, "{name} did not behave: say so in the README, then here");
        let row = format!("| `{name}` | {} | {} |", guard.expected, guard.found);
        assert!(readme.lines().any(|line| line == row), "the README lacks this row:\n{row}");
    }
}
