//! The few figures of a manifest that people compare versions by.

use crate::Manifest;
use serde_json::Value;
use std::collections::BTreeMap;

/// Figures looked for, as evaluators name them.
const FIGURES: [&str; 5] =
    ["average_precision", "roc_auc", "calibration_error", "precision_at_half_percent", "recall_at_half_percent"];
/// How deep they are looked for; metrics are free-form, but nobody buries their best figures.
const DEPTH: usize = 4;

impl Manifest {
    /// Average precision and what stands beside it in the metrics: of the row that names this model's tier where there are several rows,
    /// else of the first. Empty where the evaluator wrote no average precision.
    pub fn headline(&self) -> BTreeMap<String, f64> {
        let mut rows = Vec::new();
        collect(&self.metrics, DEPTH, &mut rows);
        let tier = self.scorer.tier_name();
        let own = rows.iter().find(|row| row.get("tier").and_then(Value::as_str) == Some(tier));
        let Some(row) = own.or(rows.first()) else { return BTreeMap::new() };
        FIGURES.iter().filter_map(|&figure| Some((figure.to_owned(), number(row.get(figure)?)?))).collect()
    }
}

fn collect<'a>(value: &'a Value, depth: usize, rows: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(fields) => {
            if fields.get(FIGURES[0]).is_some_and(|figure| number(figure).is_some()) {
                rows.push(fields);
            }
            if depth > 0 {
                fields.values().for_each(|value| collect(value, depth - 1, rows));
            }
        }
        Value::Array(values) if depth > 0 => values.iter().for_each(|value| collect(value, depth - 1, rows)),
        _ => {}
    }
}

/// A figure, or the middle of one that comes with its interval.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.get("value")?.as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Calibration, OperatingPoints, RuleSet, Scorer, TierSettings};
    use serde_json::json;

    fn headline(metrics: Value) -> BTreeMap<String, f64> {
        let tier = || TierSettings {
            calibration: Calibration::new(vec![(-1.0, -1.0), (1.0, 1.0)]).unwrap(),
            operating_points: OperatingPoints { challenge: 0.1, review: 0.2, decline: 0.3 },
        };
        Manifest {
            manifest_version: 2,
            name: "m".to_owned(),
            version: "1".to_owned(),
            parent_version: None,
            feature_fingerprint: String::new(),
            seed: 1,
            data: Value::Null,
            metrics,
            scorer: Scorer::Network,
            settings: tier(),
            rules: tier(),
            rule_set: RuleSet { bias: 0.0, rules: Vec::new() },
            files: BTreeMap::new(),
        }
        .headline()
    }

    #[test]
    fn the_row_of_its_own_tier_comes_first() {
        let metrics = json!({ "against_labels": [
            { "tier": "rules", "average_precision": { "value": 0.2, "low": 0.1, "high": 0.3 } },
            { "tier": "hybrid", "average_precision": { "value": 0.7 }, "roc_auc": 0.98, "points": [] },
        ]});
        let expected = [("average_precision".to_owned(), 0.7), ("roc_auc".to_owned(), 0.98)];
        assert_eq!(headline(metrics), BTreeMap::from(expected));
    }

    #[test]
    fn any_other_form_gives_what_it_has() {
        assert_eq!(headline(json!({ "average_precision": 0.5 }))["average_precision"], 0.5);
        for nothing in [json!(null), json!([]), json!({ "average_precision": "good" }), json!({ "recall": 1.0 })] {
            assert!(headline(nothing).is_empty());
        }
    }
}
