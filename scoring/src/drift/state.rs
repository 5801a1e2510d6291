//! Drift alarms as control events: the same on every replica, there after a restart, and what the trainer listens to.

use super::watch::Measure;
use crate::control::Meta;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Alarms kept for people after they were cleared.
const KEPT: usize = 100;

/// What an alarm was read off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Kolmogorov–Smirnov of a column against the reference.
    Ks,
    /// Population stability index of a column against the reference.
    Psi,
    /// AUC on matured outcomes, watched by ADWIN.
    Auc,
    /// Share of matured frauds that were caught, watched by ADWIN.
    Recall,
    /// What calibrated probabilities let expect without labels.
    Estimate,
}

impl Signal {
    /// As events and metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Ks => "ks",
            Signal::Psi => "psi",
            Signal::Auc => "auc",
            Signal::Recall => "recall",
            Signal::Estimate => "estimate",
        }
    }

    /// Whether it speaks of matured labels.
    const fn is_of_outcomes(self) -> bool {
        matches!(self, Signal::Auc | Signal::Recall)
    }
}

impl From<Measure> for Signal {
    fn from(measure: Measure) -> Signal {
        match measure {
            Measure::Auc => Signal::Auc,
            Measure::Recall => Signal::Recall,
        }
    }
}

/// An alarm as raised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alarm {
    /// What it was read off.
    pub signal: Signal,
    /// Which payments: `all`, or a channel.
    pub segment: String,
    /// The column furthest beyond its bound; none for AUC, recall and estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The statistic; for the estimate by how much the AUC is expected to have fallen; for AUC and recall what it is now.
    pub value: f64,
    /// What it may be at most. For AUC and recall what it was before, over the window that ADWIN gave up.
    pub bound: f64,
    /// The champion it speaks of, `name/version`.
    pub model: String,
    /// Matured frauds of that champion so far, for AUC and recall: a replay of the log raises the same alarm again, which is refused.
    #[serde(default)]
    pub matured_frauds: u64,
    /// In words.
    pub detail: String,
}

/// A change of the alarms that stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DriftChange {
    /// An alarm begins.
    Alarm(Alarm),
    /// An alarm ends.
    Cleared {
        /// What it was read off.
        signal: Signal,
        /// Which payments.
        segment: String,
        /// Why.
        reason: String,
    },
}

/// An alarm with when it was raised and, where it no longer stands, cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RaisedAlarm {
    /// The alarm.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// Log position of its event.
    pub position: u64,
    /// When it was raised, UTC milliseconds since the epoch.
    pub raised_at_ms: i64,
    /// When it was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at_ms: Option<i64>,
    /// Why it was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_because: Option<String>,
}

/// What all drift events come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DriftState {
    /// Alarms that stand, by signal and segment (`ks/all`).
    pub standing: BTreeMap<String, RaisedAlarm>,
    /// The latest alarms that were cleared, newest last.
    pub cleared: VecDeque<RaisedAlarm>,
    /// Alarms raised so far.
    pub raised: u64,
    /// Matured frauds at the latest alarm on outcomes, by signal and version (`auc/hybrid/3`).
    pub raised_at: BTreeMap<String, u64>,
}

impl DriftState {
    /// Where an alarm of that kind stands; with a model instead of a segment, where it was raised last.
    pub fn key(signal: Signal, of: &str) -> String {
        format!("{}/{of}", signal.name())
    }

    /// Whether an alarm would be refused, and why.
    pub fn refuses(&self, alarm: &Alarm) -> Option<String> {
        let key = DriftState::key(alarm.signal, &alarm.segment);
        if self.standing.contains_key(&key) {
            return Some(format!("the drift alarm {key} stands already; it is cleared before it is raised again"));
        }
        let known = self.raised_at.get(&DriftState::key(alarm.signal, &alarm.model)).copied();
        known.is_some_and(|known| alarm.matured_frauds <= known).then(|| {
            let (signal, model, frauds) = (alarm.signal.name(), &alarm.model, alarm.matured_frauds);
            format!("the {signal} alarm of {model} at {frauds} matured frauds was raised before")
        })
    }

    /// Applies a change.
    ///
    /// # Errors
    /// Where the alarm stands already or was raised before, or one that is to be cleared does not stand.
    pub fn apply(&mut self, meta: &Meta, change: &DriftChange) -> Result<(), String> {
        match change {
            DriftChange::Alarm(alarm) => {
                if let Some(reason) = self.refuses(alarm) {
                    return Err(reason);
                }
                if alarm.signal.is_of_outcomes() {
                    self.raised_at.insert(DriftState::key(alarm.signal, &alarm.model), alarm.matured_frauds);
                }
                self.raised += 1;
                let raised = RaisedAlarm {
                    alarm: alarm.clone(),
                    position: meta.position,
                    raised_at_ms: meta.at_ms,
                    cleared_at_ms: None,
                    cleared_because: None,
                };
                self.standing.insert(DriftState::key(alarm.signal, &alarm.segment), raised);
            }
            DriftChange::Cleared { signal, segment, reason } => {
                let key = DriftState::key(*signal, segment);
                let mut cleared = self.standing.remove(&key).ok_or_else(|| format!("no drift alarm {key} stands"))?;
                cleared.cleared_at_ms = Some(meta.at_ms);
                cleared.cleared_because = Some(reason.clone());
                if self.cleared.len() == KEPT {
                    self.cleared.pop_front();
                }
                self.cleared.push_back(cleared);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(signal: Signal, matured_frauds: u64) -> DriftChange {
        DriftChange::Alarm(Alarm {
            signal,
            segment: "all".into(),
            column: None,
            value: 0.4,
            bound: 0.25,
            model: "hybrid/1".into(),
            matured_frauds,
            detail: String::new(),
        })
    }

    fn meta(position: u64) -> Meta {
        Meta { position, at_ms: position as i64 * 10, actor: "fraudnet".into() }
    }

    #[test]
    fn a_repeat_is_refused_and_what_is_cleared_may_come_again() {
        let mut state = DriftState::default();
        state.apply(&meta(1), &alarm(Signal::Ks, 0)).unwrap();
        assert!(state.apply(&meta(2), &alarm(Signal::Ks, 0)).unwrap_err().contains("ks/all stands already"));
        state.apply(&meta(3), &alarm(Signal::Auc, 200)).unwrap();
        let clear = |signal| DriftChange::Cleared { signal, segment: "all".into(), reason: "calm".into() };
        state.apply(&meta(4), &clear(Signal::Ks)).unwrap();
        assert!(state.apply(&meta(5), &clear(Signal::Ks)).unwrap_err().contains("no drift alarm ks/all"));
        state.apply(&meta(6), &alarm(Signal::Ks, 0)).unwrap();
        state.apply(&meta(7), &clear(Signal::Auc)).unwrap();
        assert!(state.apply(&meta(8), &alarm(Signal::Auc, 200)).unwrap_err().contains("raised before"));
        state.apply(&meta(9), &alarm(Signal::Auc, 201)).unwrap();
        assert_eq!((state.raised, state.standing.len(), state.cleared.len()), (4, 2, 2));
        assert_eq!(state.cleared[0].cleared_at_ms, Some(40));
    }

    #[test]
    fn events_have_a_form_that_is_read_back() {
        let json = serde_json::to_value(alarm(Signal::Auc, 3)).unwrap();
        assert_eq!((json["change"].as_str(), json["signal"].as_str()), (Some("alarm"), Some("auc")));
        assert_eq!(serde_json::from_value::<DriftChange>(json).unwrap(), alarm(Signal::Auc, 3));
    }
}
