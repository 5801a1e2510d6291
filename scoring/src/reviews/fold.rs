//! Case events of the log in their order, and the labels that are still to be told.

use super::intake;
use crate::cases::{CaseChange, CaseEvent, Cases, Effects, LabelEffect, Refusal};
use crate::log::{EventLog, Kind, Record};
use fraudnet_graph::{Body, Event, SCHEMA_VERSION};
use std::collections::VecDeque;

/// Events read at a time.
const CHUNK: usize = 256;
/// What labels of ours name as their source.
const SOURCE: &str = "review";

/// Labels of one case event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Untold {
    /// Id of the event.
    pub(super) by: String,
    /// The labels, ready for the log.
    pub(super) labels: Vec<Event>,
}

/// The fold.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) cases: Cases,
    /// Labels that are not known to be told, oldest first.
    pub(super) untold: VecDeque<Untold>,
    next: u64,
}

impl Fold {
    /// The next durable events with their positions; none where there are no more.
    pub(super) fn read(&self, log: &EventLog) -> Result<Option<Vec<(u64, CaseEvent)>>, String> {
        let entries = log.of_kind_from(Kind::Case, self.next, CHUNK).map_err(|error| error.to_string())?;
        let mut events = Vec::with_capacity(entries.len());
        for entry in &entries {
            let position = entry.position;
            let Record::Case { event } = entry.record().map_err(|error| error.to_string())? else {
                return Err(format!("log position {position} should hold a case event"));
            };
            let event =
                intake::decode(event).map_err(|error| format!("the case event at log position {position}: {error}"))?;
            events.push((position, event));
        }
        Ok((!events.is_empty()).then_some(events))
    }

    /// Whether a change of settings or labels that were told stands.
    pub(super) fn holds(&self, change: &CaseChange) -> bool {
        match change {
            CaseChange::Configured { settings } => self.cases.settings() == settings,
            CaseChange::Labelled { by } => self.untold.iter().all(|untold| untold.by != *by),
            _ => false,
        }
    }

    /// Applies the event at a position.
    pub(super) fn apply(&mut self, position: u64, event: &CaseEvent) -> Result<Effects, Refusal> {
        self.next = position + 1;
        if let CaseChange::Labelled { by } = &event.change {
            self.untold.retain(|untold| untold.by != *by);
        }
        let effects = self.cases.apply(position, event)?;
        let labels: Vec<Event> = effects.labels.iter().filter_map(|effect| label(event, effect)).collect();
        if !labels.is_empty() {
            self.untold.push_back(Untold { by: event.event_id.clone(), labels });
        }
        Ok(effects)
    }
}

/// The label that an effect of a case event is told as; none where a label cannot say it. The same event gives the same label, whichever
/// replica tells it.
fn label(event: &CaseEvent, effect: &LabelEffect) -> Option<Event> {
    let label = effect.label()?;
    let mut digest = blake3::Hasher::new();
    digest.update(event.event_id.as_bytes()).update(b"\0").update(effect.transaction_id.as_bytes());
    Some(Event {
        event_id: format!("lbl_{}", &digest.finalize().to_hex()[..24]),
        tenant: effect.tenant.clone(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: effect.known_at_ms,
        ingested_at_ms: effect.known_at_ms,
        source: SOURCE.to_owned(),
        actor: event.actor.clone(),
        body: Body::Label(label),
    })
}
