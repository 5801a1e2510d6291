//! The model card of a foreign model: every number in it stands in the manifest beside it.

use super::publish::{Figures, ForeignFacts, ForeignFigures};
use fraudnet_models::{Manifest, Scorer};
use fraudnet_scoring::wire::format_timestamp;
use std::fmt::Write as _;

/// Writes the card.
pub(super) fn card(manifest: &Manifest, facts: &ForeignFacts, figures: &ForeignFigures) -> String {
    let mut card = String::new();
    let mut say = |text: &str| writeln!(card, "{text}").expect("a string takes any text");
    say(&format!("# {} {}\n", manifest.name, manifest.version));
    let reads = match manifest.scorer {
        Scorer::Rows { features, output } => format!(
            "It reads feature set {} ({} columns of a payment) and gives a {}.",
            features.name(),
            features.width(),
            output.name()
        ),
        _ => "It reads the temporal neighbourhood of a payment and the payment's own features.".to_owned(),
    };
    say(&format!(
        "A model made with other tools ({}) and published as an ONNX file. {reads} How and on what it was fitted only its makers know; \
         everything below was measured here. Velocity rules in the same folder answer when the model cannot. `manifest.json` holds every \
         number below.\n",
        if facts.producer.is_empty() { "the file does not say which" } else { &facts.producer }
    ));
    say("## Limits\n");
    say(&format!(
        "- The figures are worth something only if the model was fitted on payments before {} and on nothing later. Nobody can check that here.\n\
         - Known labels are taken for the truth, and payments that nobody reported within {} days for legitimate.\n\
         - {}\n",
        format_timestamp(facts.cut_ms),
        facts.maturity_days,
        if facts.control_group {
            "Payments that were declined are represented by the control group."
        } else {
            "Declined payments count only where a label says what they were; there was no control group to stand for the others."
        }
    ));
    say("## Data\n");
    say(&format!(
        "{} examples from {} to {} (sha256 `{}`). Judged by mature payments from {} on: the earlier part ({} examples, {} of them known frauds) \
         gave the calibration ({}, {} knots) and the operating points, the later part the figures.\n",
        facts.examples,
        format_timestamp(facts.first_ms),
        format_timestamp(facts.last_ms),
        facts.examples_sha256,
        format_timestamp(facts.cut_ms),
        facts.calibration.0,
        facts.calibration.1,
        facts.calibration_form,
        manifest.settings.calibration.knots.len(),
    ));
    say("## Held-out time\n");
    say(&table(figures));
    say("## Operating points\n");
    let points = &manifest.settings.operating_points;
    say(&format!(
        "Decline from the lowest probability with a precision of {:.0} % (1 where none reaches it), review the top {:.1} % of payments, challenge \
         the top {:.1} %: challenge {:.4}, review {:.4}, decline {:.4}.\n",
        100.0 * facts.goals.decline_precision,
        100.0 * facts.goals.review_rate,
        100.0 * facts.goals.challenge_rate,
        points.challenge,
        points.review,
        points.decline
    ));
    say(&format!("{} golden vectors hold the file wherever it is loaded.", facts.golden_vectors));
    card
}

/// The figures as a table, for the card and the command.
pub(super) fn table(figures: &ForeignFigures) -> String {
    let mut table = format!(
        "{} examples that stand for {:.0} payments, {} known frauds; `served` is what decided them then.\n\n\
         | score | average precision | ROC AUC | calibration error | precision at 0.5 % | recall at 0.5 % |\n|---|---|---|---|---|---|\n",
        figures.examples, figures.payments, figures.frauds
    );
    for row in &figures.against_labels {
        let Figures { tier, average_precision, roc_auc, calibration_error, .. } = row;
        writeln!(
            table,
            "| {tier} | {average_precision:.4} | {roc_auc:.4} | {calibration_error:.4} | {:.4} | {:.4} |",
            row.precision_at_half_percent, row.recall_at_half_percent
        )
        .expect("a string takes any text");
    }
    table
}
