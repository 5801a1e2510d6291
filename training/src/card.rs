//! The model card: every number in it stands in the manifest beside it.

use crate::data::split::{DAY_MS, Windows};
use crate::facts::{FitFacts, NetworkFacts, TreeFacts};
use crate::report::Report;
use crate::tables::tables;
use fraudnet_features::{FeatureSet, schema::Group};
use fraudnet_models::{Manifest, Scorer};
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes the card of a model.
pub fn write(manifest: &Manifest, facts: &FitFacts, report: &Report) -> String {
    let mut card = String::new();
    let mut say = |text: &str| writeln!(card, "{text}").expect("a string takes any text");
    say(&format!("# {} {}\n", manifest.name, manifest.version));
    say(&format!(
        "{} It gives the probability that the payment is fraud. Velocity rules in the same folder answer when the model cannot. \
         `manifest.json` holds every number below.\n",
        nature(manifest.scorer)
    ));
    say(&format!(
        "Seed {}, parent version {}, feature schema `{}`.\n",
        manifest.seed,
        manifest.parent_version.as_deref().unwrap_or("none"),
        manifest.feature_fingerprint
    ));
    say("## What it reads\n");
    say(&format!("{}\n", reads(manifest.scorer)));

    say("## Limits\n");
    say(
        "- A model says what its history taught it. Where the table below names a simulator, everything is **simulated**: the figures then say that the \
         method finds what the simulator plants, and nothing about any real payment traffic. Fit and evaluate on your own history before a verdict counts.\n\
         - Frauds of another kind than the history holds are outside what was measured.\n\
         - Probabilities are calibrated at the prevalence and reporting habits of this history. Both drift; watch the calibration.\n\
         - Labels are learnt as they were known at the cut, wrong and missing ones included.\n",
    );

    say("## Data\n");
    say("| history | made with | payments | frauds | sha256 of its events |\n|---|---|---|---|---|");
    for source in &facts.sources {
        let frauds = source.frauds.map_or("–".to_owned(), |frauds| {
            format!("{frauds} ({:.2} %)", 100.0 * frauds as f64 / source.payments as f64)
        });
        say(&format!(
            "| {} | {} | {} | {frauds} | `{}` |",
            source.name,
            made(&source.made),
            source.payments,
            source.sha256
        ));
    }

    say("\n## Split\n");
    say(&format!(
        "By time, nothing at random. Everything before the test uses the labels that stood at the cut, and payments of the last {} days before it \
         are left out, since their labels are not in; an older payment without a label counts as legitimate. Each fraud of the calibration window \
         weighs as many as, by the delays of {} earlier reports, stand behind it unreported.\n",
        facts.split.maturity_days, facts.delay_reports
    ));
    say(
        "| history | warm-up (graph only) | fit | early stop | calibration, thresholds | left out | test |\n|---|---|---|---|---|---|---|",
    );
    for source in &facts.sources {
        say(&format!("| {} | {} |", source.name, extents(&source.windows).join(" | ")));
    }
    say(&format!(
        "\nFit: {} examples of {} payments: {} frauds (all known ones), {} others with their neighbourhood ({:.0} % were asked for); trees learn from {} \
         further payment rows ({:.0} % asked for). Every sampled payment is weighed by those it stands for, so that logits speak at true prevalence. \
         Early stop: {} examples of {} payments, {} frauds, weighed likewise. Calibration: all {} payments, {} frauds. Tensors are held compact, at {:.1} % of the bytes of \
         the same values padded as f32.\n",
        facts.fit_examples,
        facts.fit_payments,
        facts.fit_frauds,
        facts.fit_examples - facts.fit_frauds,
        100.0 * facts.shares.negative,
        facts.row_examples,
        100.0 * facts.shares.tabular,
        facts.stop_examples,
        facts.stop_payments,
        facts.stop_frauds,
        facts.calibration_payments,
        facts.calibration_frauds,
        100.0 * facts.compact_share
    ));

    say("## Fit\n");
    if let Some(network) = &facts.network {
        say(&network_fit(network));
    }
    if let Some(trees) = &facts.trees {
        say(&tree_fit(trees));
    }
    if !facts.trials.is_empty() {
        say(
            "Forms of hybrid tried, judged by average precision on the early-stop examples; of equals the cheaper is kept, and one that needs a second network must lead by more than the standard error of its lead over days. Trees read an embedding only of \
             payments its network was not fitted on.\n",
        );
        say("| form | early-stop average precision | |\n|---|---|---|");
        for trial in &facts.trials {
            let kept = if trial.kept { "kept" } else { "" };
            say(&format!("| {} | {:.4} | {kept} |", trial.name, trial.average_precision));
        }
        say("");
    }
    say(&format!(
        "{} golden vectors, by the trainer's own arithmetic, hold the exported files wherever they are loaded; largest difference to ONNX Runtime when \
         published: {:.6} in logit.",
        facts.golden.vectors, facts.golden.logit
    ));

    say("\n## Held-out time\n");
    say(
        "Every model of the same fit, scored through its exported file and the rules as they are served; all learnt from the same window with the same \
         labels, and all are calibrated, and their thresholds chosen, on the calibration window. Logistic regression reads the columns of trees-v2; \
         it and the network alone are for comparison.\n",
    );
    say(&tables(report));

    say("## Operating points\n");
    say(&format!(
        "Chosen on the calibration window: decline from the lowest probability with a precision of {:.0} % (1 where none reaches it), review the top \
         {:.1} % of payments, challenge the top {:.1} %.\n",
        100.0 * facts.goals.decline_precision,
        100.0 * facts.goals.review_rate,
        100.0 * facts.goals.challenge_rate
    ));
    say("| tier | calibration | knots | challenge | review | decline |\n|---|---|---|---|---|---|");
    for (tier, settings) in [(manifest.name.as_str(), &manifest.settings), ("rules", &manifest.rules)] {
        let form = facts.calibration_forms.iter().find(|(name, _)| name == tier).map_or("", |(_, form)| form.as_str());
        let points = &settings.operating_points;
        say(&format!(
            "| {tier} | {form} | {} | {:.4} | {:.4} | {:.4} |",
            settings.calibration.knots.len(),
            points.challenge,
            points.review,
            points.decline
        ));
    }

    say("\n## Rules\n");
    say(&format!("Log-odds {:.3} where none fires.\n", manifest.rule_set.bias));
    say("| code | fires where | adds to log-odds | in words |\n|---|---|---|---|");
    for rule in &manifest.rule_set.rules {
        let relation = if rule.below { "<" } else { "≥" };
        say(&format!(
            "| `{}` | `{}` {relation} {:.3} | {:.3} | {} |",
            rule.code, rule.feature, rule.threshold, rule.weight, rule.text
        ));
    }
    card
}

/// What kind of model it is, in a sentence or two.
fn nature(scorer: Scorer) -> String {
    let network = "a graph attention network over the temporal neighbourhood of a payment (3 hops, at most 128 entities) joined with the payment's own features";
    match scorer {
        Scorer::Trees { features } => format!(
            "Gradient-boosted trees on feature set {} ({} columns of a payment).",
            features.name(),
            features.width()
        ),
        Scorer::Rows { features, output } => format!(
            "A model made elsewhere and brought in as an ONNX file, on feature set {} ({} columns of a payment); it gives a {}.",
            features.name(),
            features.width(),
            output.name()
        ),
        Scorer::Network => format!("Of the forms of hybrid tried, {network}; no trees beside it."),
        Scorer::Blend { features, network_weight, trees_weight } if network_weight > 0.0 => format!(
            "A blend, in logits: {network_weight:.4} times {network}, and {trees_weight:.4} times gradient-boosted trees on feature set {} ({} columns).",
            features.name(),
            features.width()
        ),
        Scorer::Blend { features, .. } => format!(
            "Gradient-boosted trees on feature set {} ({} columns), among them the embedding of {network}.",
            features.name(),
            features.width()
        ),
    }
}

/// Columns by group, and the neighbourhood.
fn reads(scorer: Scorer) -> String {
    // A network reads the payment row of v2 beside the neighbourhood.
    let set = scorer.trees().or(scorer.rows().map(|(set, _)| set)).unwrap_or(FeatureSet::V2);
    let mut groups: Vec<(Group, usize)> = Vec::new();
    for feature in set.features() {
        match groups.iter_mut().find(|(group, _)| *group == feature.group) {
            Some((_, count)) => *count += 1,
            None => groups.push((feature.group, 1)),
        }
    }
    let groups: Vec<String> = groups.iter().map(|(group, count)| format!("{} {count}", group.name())).collect();
    let beside =
        if scorer.has_network() { ", and the network the sampled neighbourhood beside the payment row" } else { "" };
    format!(
        "Feature set {}: {} columns ({}){beside}. `fraudnet-train features` lists them.",
        set.name(),
        set.width(),
        groups.join(", ")
    )
}

fn network_fit(network: &NetworkFacts) -> String {
    let mut text = format!(
        "Network: {} trained numbers; AdamW, batches of {}, learning rate {} at its peak, weight decay {}, dropout {}, a fraud weighs {} (undone in the \
         logit). Kept: epoch {} of {}, the best average precision on the early-stop examples.\n\n| epoch | loss | early-stop average precision |\n|---|---|---|\n",
        network.parameters,
        network.batch,
        network.learning_rate,
        network.weight_decay,
        network.dropout,
        network.positive_weight,
        network.best_epoch,
        network.epochs.len()
    );
    for (number, epoch) in network.epochs.iter().enumerate() {
        writeln!(text, "| {} | {:.4} | {:.4} |", number + 1, epoch.loss, epoch.average_precision)
            .expect("a string takes any text");
    }
    text
}

/// Columns shown by importance.
const SHOWN_COLUMNS: usize = 20;

fn tree_fit(trees: &TreeFacts) -> String {
    let config = &trees.config;
    let mut text = format!(
        "Trees on {}: {} rounds of at most {} leaves ({} rows a leaf at least), learning rate {}, {:.0} % of the columns and {:.0} % of the rows a tree, \
         L2 {}; early-stop average precision {:.4}. {} of {} columns are read by a split; the first {} by share of all gain:\n\n| column | share of gain |\n|---|---|\n",
        trees.feature_set,
        trees.rounds,
        config.leaves,
        config.least_rows,
        config.learning_rate,
        100.0 * config.feature_share,
        100.0 * config.row_share,
        config.l2,
        trees.average_precision,
        trees.columns_read,
        trees.columns,
        SHOWN_COLUMNS.min(trees.importance.len())
    );
    for (column, share) in trees.importance.iter().take(SHOWN_COLUMNS) {
        writeln!(text, "| `{column}` | {:.1} % |", 100.0 * share).expect("a string takes any text");
    }
    text
}

fn made(made: &serde_json::Value) -> String {
    let part = |name: &str| {
        made.get(name).map(|value| format!("{} {}", name.replace('_', " "), value.to_string().trim_matches('"')))
    };
    let parts = ["file", "simulator_version", "seed", "days", "accounts", "payments_per_day"];
    parts.into_iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// Extent of every window as `date (days)`.
fn extents(windows: &Windows) -> Vec<String> {
    let bounds = [
        windows.first_ms,
        windows.fit_ms,
        windows.stop_ms,
        windows.calibrate_ms,
        windows.gap_ms,
        windows.cut_ms,
        windows.last_ms,
    ];
    bounds
        .windows(2)
        .map(|pair| format!("from {} ({:.1} d)", date(pair[0]), (pair[1] - pair[0]) as f64 / DAY_MS as f64))
        .collect()
}

fn date(at_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .map_or_else(|| format!("{at_ms} ms"), |text| text[..10].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_told_by_day_and_length() {
        let day = 86_400_000;
        let windows = Windows {
            first_ms: 0,
            fit_ms: 2 * day,
            stop_ms: 3 * day,
            calibrate_ms: 4 * day,
            gap_ms: 5 * day,
            cut_ms: 6 * day,
            last_ms: 10 * day,
            end_ms: 10 * day + 1,
        };
        let extents = extents(&windows);
        assert_eq!(extents[0], "from 1970-01-01 (2.0 d)");
        assert_eq!(extents[5], "from 1970-01-07 (4.0 d)");
        assert_eq!(date(i64::MIN), format!("{} ms", i64::MIN));
    }

    #[test]
    fn the_origin_names_version_and_seed() {
        let origin = serde_json::json!({ "simulator_version": "1", "seed": 7, "days": 30 });
        assert_eq!(made(&origin), "simulator version 1, seed 7, days 30");
    }
}
