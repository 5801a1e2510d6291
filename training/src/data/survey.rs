//! First look at a history: its extent, its digest, and every label, so that later passes know which label stood when.

use super::labels::{LabelBook, ReportDelays};
use super::source::Source;
use super::split::Windows;
use crate::progress::Progress;
use anyhow::{Result, ensure};
use fraudnet_graph::Body;
use fraudnet_scoring::history::Skipped;
use fraudnet_scoring::wire::encode_event;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What a first pass over a history found. What is kept grows with the labelled payments, not with all (while it is taken, the
/// ids of all payments are held: some 100 bytes each).
#[derive(Debug, Clone)]
pub struct Survey {
    /// Acceptance of the first payment, UTC milliseconds.
    pub first_ms: i64,
    /// Acceptance of the last payment.
    pub last_ms: i64,
    /// Events of all kinds.
    pub events: u64,
    /// Payments.
    pub payments: u64,
    /// Of them, with truth beside them.
    pub with_truth: u64,
    /// Of them, fraud by that truth.
    pub frauds: u64,
    /// Every label.
    pub labels: LabelBook,
    /// Hex sha256 over the JSON form of every event, a newline after each.
    pub sha256: String,
    /// Rows of the file that were left out, where bad rows are skipped.
    pub skipped: Skipped,
    /// Acceptance of every payment ever reported, and of its first report.
    reported: Vec<(i64, i64)>,
}

impl Survey {
    /// Reads the whole history once.
    ///
    /// # Errors
    /// What reading gives, events out of order of acceptance, or a history without payments.
    pub fn take(source: &Source, progress: &mut Progress) -> Result<Survey> {
        let mut survey = Survey {
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            events: 0,
            payments: 0,
            with_truth: 0,
            frauds: 0,
            labels: LabelBook::default(),
            sha256: String::new(),
            skipped: Skipped::default(),
            reported: Vec::new(),
        };
        let mut digest = Sha256::new();
        // Which payments will be reported is not known yet, so the time of every one is held until the end.
        let mut accepted: HashMap<String, i64> = HashMap::new();
        let mut previous_ms = i64::MIN;
        let mut events = source.events()?;
        for event in events.by_ref() {
            let event = event?;
            let (tenant, at_ms) = (&event.event.tenant, event.event.ingested_at_ms);
            ensure!(
                at_ms >= previous_ms,
                "history {}: event {} (`{}`) was accepted before the one above it; sort the file by ingested_at",
                source.name(),
                survey.events + 1,
                event.event.event_id
            );
            previous_ms = at_ms;
            digest.update(encode_event(&event.event));
            digest.update(b"\n");
            survey.events += 1;
            match &event.event.body {
                Body::Payment(payment) => {
                    survey.payments += 1;
                    survey.first_ms = survey.first_ms.min(at_ms);
                    survey.last_ms = survey.last_ms.max(at_ms);
                    if let Some(truth) = &event.truth {
                        survey.with_truth += 1;
                        survey.frauds += u64::from(truth.fraud);
                    }
                    accepted.insert(format!("{tenant}\0{}", payment.transaction_id), at_ms);
                }
                Body::Label(label) => {
                    let first_report =
                        label.fraud && survey.labels.first_report_ms(tenant, &label.transaction_id).is_none();
                    if first_report && let Some(&paid_ms) = accepted.get(&format!("{tenant}\0{}", label.transaction_id))
                    {
                        survey.reported.push((paid_ms, at_ms));
                    }
                    survey.labels.add(tenant, &label.transaction_id, at_ms, label.fraud, label.source);
                }
                Body::Outcome(_) => {}
            }
            progress.advance(survey.events);
        }
        survey.skipped = events.skipped();
        ensure!(
            survey.payments > 0,
            "history {} has no payments that can be taken; see which rows are left out and why, or write one with `fraudnet simulate`",
            source.name()
        );
        for (kind, rows) in &survey.skipped.by_kind {
            progress.note(&format!("left out: {rows} rows, {kind}"));
        }
        for bad in &survey.skipped.first {
            progress.note(&bad.to_string());
        }
        survey.sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(survey)
    }

    /// Delays between payment and first report, as known at the cut, of payments before the fit window ends: they are
    /// old enough at the cut for all but the slowest reports to be in.
    pub fn report_delays(&self, windows: &Windows) -> ReportDelays {
        let known = self.reported.iter().filter(|(paid, told)| *paid < windows.stop_ms && *told < windows.cut_ms);
        ReportDelays::new(known.map(|(paid, told)| told - paid).collect())
    }
}
