//! The table of all columns: what each means, which feature set it came with, and what the released trees make of it.
//!
//! `fraudnet-train features` prints it; `make model` writes it beside the crate that computes the columns.

use crate::contender::Contender;
use anyhow::{Context, Result};
use fraudnet_features::{FeatureSet, schema};
use fraudnet_models::artifact::MANIFEST_FILE;
use fraudnet_models::{Manifest, resolve_version};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Stable name.
    pub name: &'static str,
    /// First feature set it belongs to; the later ones hold it too.
    pub since: &'static str,
    /// What it is computed from.
    pub group: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Unit of the value as stored.
    pub unit: &'static str,
    /// Entity it is read from.
    pub entity: &'static str,
    /// Window; empty where it has none.
    pub window: &'static str,
    /// Share of all gain in the champion of trees v1, of trees v2 and of the hybrid's trees; none where that champion does not
    /// read it, or where there is none for this build's features.
    pub importance: [Option<f64>; 3],
}

/// All columns in the order of v3, with importance from the champions in `models`.
///
/// # Errors
/// A champion whose manifest cannot be read.
pub fn columns(models: &Path) -> Result<Vec<Column>> {
    let mut importance: Vec<HashMap<String, f64>> = Vec::new();
    for family in Contender::FAMILIES {
        importance.push(champion_importance(&models.join(family.name()))?);
    }
    let (v1, v2) = (FeatureSet::V1.width(), FeatureSet::V2.width());
    let column = |(number, feature): (usize, &schema::Feature)| Column {
        name: feature.name,
        since: match number {
            _ if number < v1 => FeatureSet::V1.name(),
            _ if number < v2 => FeatureSet::V2.name(),
            _ => FeatureSet::V3.name(),
        },
        group: feature.group.name(),
        meaning: feature.meaning,
        unit: feature.unit,
        entity: feature.entity,
        window: feature.window,
        importance: std::array::from_fn(|family| importance[family].get(feature.name).copied()),
    };
    Ok(FeatureSet::V3.features().iter().enumerate().map(column).collect())
}

/// Share of gain by column in the champion's trees; empty where there is no champion, or one of other features.
fn champion_importance(family: &Path) -> Result<HashMap<String, f64>> {
    let Ok(folder) = resolve_version(family) else { return Ok(HashMap::new()) };
    let path = folder.join(MANIFEST_FILE);
    let bytes = std::fs::read(&path)
        .with_context(|| format!("cannot read {}; name another folder with --models", path.display()))?;
    // A champion of an older build tells nothing of this build's columns.
    let Ok(manifest) = Manifest::parse(&bytes) else { return Ok(HashMap::new()) };
    if manifest.feature_fingerprint != schema::fingerprint() {
        return Ok(HashMap::new());
    }
    let listed = manifest.data.pointer("/trees/importance").cloned().unwrap_or_default();
    let shares: Vec<(String, f64)> = match listed {
        serde_json::Value::Null => Vec::new(),
        listed => serde_json::from_value(listed).with_context(|| format!("the importance in {}", path.display()))?,
    };
    Ok(shares.into_iter().collect())
}

/// The table in Markdown, with what one needs to read it.
pub fn markdown(columns: &[Column]) -> String {
    let mut text = String::from(
        "# Columns\n\nWritten by `fraudnet-train features`; do not edit. Every column comes out of the one path that also serves (`State::observe`).\n\n",
    );
    let mut say = |line: &str| writeln!(text, "{line}").expect("a string takes any line");
    for (set, what) in [
        (FeatureSet::V1, "the payment, velocity and history: no label, no graph"),
        (
            FeatureSet::V2,
            "v1, and windows of its entities, reports known by now and the graph: all a payment row holds",
        ),
        (FeatureSet::V3, "v2, and the sampled nodes pooled by hop and kind, and the network's embedding"),
    ] {
        say(&format!("- **{}**, {} columns: {what}", set.name(), set.width()));
    }
    say(
        "\nA set holds every column of those before it. Importance is the share of all gain in the released trees v1, trees v2 and the hybrid's trees; – where \
         they do not read it.\n",
    );
    say(
        "| column | meaning | unit | entity | window | group | since | trees v1 | trees v2 | hybrid |\n|---|---|---|---|---|---|---|---|---|---|",
    );
    for column in columns {
        let shares =
            column.importance.map(|share| share.map_or("–".to_owned(), |share| format!("{:.2} %", 100.0 * share)));
        say(&format!(
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
            column.name,
            column.meaning,
            column.unit,
            column.entity,
            column.window,
            column.group,
            column.since,
            shares.join(" | ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_column_says_what_it_is_once() {
        let columns = columns(Path::new("no such folder")).unwrap();
        assert_eq!(columns.len(), FeatureSet::V3.width());
        let names: std::collections::HashSet<&str> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), columns.len());
        for column in &columns {
            let words = [column.meaning, column.unit, column.entity, column.group];
            assert!(words.iter().all(|word| !word.is_empty() && !word.contains('|')), "{column:?}");
            assert_eq!(column.importance, [None; 3]);
        }
        let since = |set: FeatureSet| columns.iter().filter(|column| column.since == set.name()).count();
        assert_eq!(since(FeatureSet::V1), FeatureSet::V1.width());
        assert_eq!(since(FeatureSet::V1) + since(FeatureSet::V2), FeatureSet::V2.width());
    }

    /// Names, meanings and counts; the importance is the released models', which are refitted apart from the code.
    #[test]
    fn the_written_table_is_in_step_with_the_schema() {
        let written = std::fs::read_to_string(repository().join("features/FEATURES.md"))
            .expect("features/FEATURES.md is there; write it with `fraudnet-train features --format markdown`");
        let told =
            |table: &str| -> Vec<String> {
                table
                    .lines()
                    .map(|line| {
                        if line.starts_with("| `") { line.splitn(9, " | ").take(7).collect() } else { line.to_owned() }
                    })
                    .collect()
            };
        let now = markdown(&columns(&repository().join("models")).unwrap());
        assert_eq!(told(&written), told(&now), "write it again with `fraudnet-train features --format markdown`");
    }
}
