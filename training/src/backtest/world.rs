//! First looks at a history: what is known of it before anything is fitted.

use super::compromised::{Removal, Reported};
use super::period::Period;
use super::protocol::Protocol;
use super::results::HistoryFacts;
use crate::data::source::Source;
use crate::data::survey::Survey;
use crate::progress::{Progress, Told};
use anyhow::Result;
use fraudnet_graph::Body;
use fraudnet_scoring::history::Skipped;
use fraudnet_scoring::wire::format_timestamp;
use std::collections::BTreeMap;

/// A history with what was found in it. Two passes without a graph: the survey (extent, digest, labels), and one for who was reported.
pub struct World {
    /// The history.
    pub source: Source,
    /// Extent and labels.
    pub survey: Survey,
    /// Payments ever reported, by account.
    pub reported: Reported,
    /// What the report says of the history.
    pub facts: HistoryFacts,
    /// Rows left out, with the first of them.
    pub skipped: Skipped,
}

impl World {
    /// Reads the history.
    ///
    /// # Errors
    /// What reading gives, or a history without payments.
    pub fn look(source: Source, told: Told) -> Result<World> {
        let mut progress = Progress::start(told, &format!("surveying {}", source.name()), "events", None);
        let survey = Survey::take(&source, &mut progress)?;
        progress.finish();
        let mut progress = Progress::start(told, "looking for reported accounts", "events", Some(survey.events));
        let (mut reported, mut groups, mut frauds) = (Reported::default(), BTreeMap::<String, u64>::new(), 0);
        let judged_by_truth = survey.with_truth == survey.payments;
        let mut events = source.events()?;
        let mut read = 0;
        for event in events.by_ref() {
            let event = event?;
            if let Body::Payment(payment) = &event.event.body {
                let (tenant, id) = (&event.event.tenant, &payment.transaction_id);
                if survey.labels.first_report_ms(tenant, id).is_some() {
                    reported.add(tenant, &payment.account, id, event.event.ingested_at_ms);
                }
                let fraud = match &event.truth {
                    Some(truth) if judged_by_truth => truth.fraud,
                    _ => survey.labels.standing(tenant, id, i64::MAX).unwrap_or(false),
                };
                frauds += u64::from(fraud);
                if let Some(group) = event.truth.filter(|_| fraud).and_then(|truth| truth.group) {
                    *groups.entry(group.to_string()).or_default() += 1;
                }
            }
            read += 1;
            progress.advance(read);
        }
        progress.finish();
        let skipped = events.skipped();
        let facts = HistoryFacts {
            name: source.name(),
            sha256: survey.sha256.clone(),
            payments: survey.payments,
            frauds,
            groups: groups.into_iter().collect(),
            first: format_timestamp(survey.first_ms),
            last: format_timestamp(survey.last_ms),
            skipped_rows: skipped.rows,
        };
        Ok(World { source, survey, reported, facts, skipped })
    }

    /// The removal rule of one period.
    pub fn removal(&self, protocol: &Protocol, period: Period) -> Removal<'_> {
        Removal {
            reported: &self.reported,
            labels: &self.survey.labels,
            period,
            since_days: protocol.test.removed_since_days,
        }
    }
}
