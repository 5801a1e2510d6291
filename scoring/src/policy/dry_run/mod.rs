//! Dry runs: what a rule or a policy would have done in the past, before it goes live.
//!
//! In reading order: [`DryRun`] below (what is asked) → `trial` (payments, verdicts, labels → what would have been done) → [`report`]
//! (told in numbers) → `read` (the log, and where features are read a second graph) → [`DryRuns`] (one at a time, on a thread of its own).
//!
//! Never knows: HTTP; the engine, which goes on meanwhile.

mod read;
pub mod report;
mod trial;

pub use report::{DayTally, DecisionTally, DryRunReport, DryRunTally, RuleTally, SampledPayment};

use super::compile::CompiledPolicy;
use super::document::{DocumentError, PolicyDocument, PolicyRule};
use crate::clock;
use crate::log::EventLog;
use crate::snapshot::SnapshotStore;
use crate::wire::{WireError, format_timestamp, parse_timestamp};
use fraudnet_graph::Limits;
use read::{Past, Progress};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;
use trial::Trial;

/// Most payments a dry run looks at.
const MAX_PAYMENTS: usize = 2_000_000;
/// Most payments told one by one.
const MAX_SAMPLES: usize = 200;
/// Payments told one by one unless said otherwise.
const SAMPLES: usize = 20;
/// How far back it looks unless said otherwise, milliseconds: 30 days.
const WINDOW_MS: i64 = 30 * 86_400_000;

/// A dry run as asked for: one rule, or a whole policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest {
    /// A rule, tried on top of what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<PolicyRule>,
    /// A policy, tried in place of the one that was active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<PolicyDocument>,
    /// Beginning of the window, RFC 3339; 30 days before its end where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// End of the window, exclusive; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Payments told one by one, at most 200; 20 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 200)]
    pub sample: Option<usize>,
    /// How long the answer waits for the result, milliseconds; as long as the caller where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// A dry run that can be made.
pub struct DryRun {
    trial: Trial,
    from_ms: i64,
}

impl DryRun {
    /// Checks what is asked for.
    ///
    /// # Errors
    /// Every fault with its place.
    pub fn check(request: &DryRunRequest, now_ms: i64) -> Result<DryRun, DocumentError> {
        DryRun::bounded(request, now_ms, MAX_PAYMENTS)
    }

    fn bounded(request: &DryRunRequest, now_ms: i64, most: usize) -> Result<DryRun, DocumentError> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, reason: &str| {
            faults.push(WireError { field: field.to_owned(), reason: reason.to_owned() });
        };
        let mut time = |field: &str, text: &Option<String>, default: i64| match text {
            Some(text) => parse_timestamp(text).unwrap_or_else(|| {
                fault(field, "must be a time such as 2026-11-22T10:00:00Z");
                default
            }),
            None => default,
        };
        let to_ms = time("to", &request.to, now_ms);
        let from_ms = time("from", &request.from, to_ms.saturating_sub(WINDOW_MS));
        if from_ms >= to_ms {
            fault("from", "must be before `to`");
        }
        let samples = request.sample.unwrap_or(SAMPLES);
        if samples > MAX_SAMPLES {
            fault("sample", "must not be more than 200");
        }
        let (document, rule_alone) = match (&request.rule, &request.document) {
            (Some(rule), None) => {
                let rules = vec![rule.clone()];
                (PolicyDocument { version: "dry-run".to_owned(), rules, ..PolicyDocument::none() }, true)
            }
            (None, Some(document)) => (document.clone(), false),
            _ => {
                fault("rule", "give one of `rule` and `document`");
                (PolicyDocument { version: "dry-run".to_owned(), ..PolicyDocument::none() }, true)
            }
        };
        match CompiledPolicy::unmetered(&document) {
            Ok(policy) if faults.is_empty() => {
                let trial = Trial::new(policy, rule_alone, (from_ms, to_ms), most, samples);
                Ok(DryRun { trial, from_ms })
            }
            Ok(_) => Err(DocumentError(faults)),
            Err(DocumentError(more)) => {
                let within = |error: WireError| match (rule_alone, error.field.strip_prefix("rules[0].")) {
                    (true, Some(field)) => WireError { field: format!("rule.{field}"), ..error },
                    _ => WireError { field: format!("document.{}", error.field), ..error },
                };
                faults.extend(more.into_iter().map(within));
                Err(DocumentError(faults))
            }
        }
    }
}

/// How a dry run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DryRunReply {
    /// `running`, `finished` or `failed`.
    pub state: String,
    /// When it was started, RFC 3339.
    pub started_at: String,
    /// Who started it.
    pub actor: String,
    /// Share of the log that was read, 0–1.
    pub progress: f64,
    /// What came of it, once it is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<DryRunReport>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

type Ending = Option<Arc<Result<DryRunReport, String>>>;

/// Dry runs of a service, one at a time; cheap to clone.
#[derive(Clone)]
pub struct DryRuns {
    shared: Arc<Shared>,
}

struct Shared {
    past: Arc<Past>,
    latest: Mutex<Option<Arc<Run>>>,
}

/// A dry run that was started.
pub struct Run {
    actor: String,
    started_at_ms: i64,
    progress: Arc<Progress>,
    ended: watch::Receiver<Ending>,
}

impl DryRuns {
    /// Dry runs over this log.
    pub fn new(log: EventLog, limits: Limits, snapshots: Option<SnapshotStore>) -> DryRuns {
        let past = Arc::new(Past { log, limits, snapshots });
        DryRuns { shared: Arc::new(Shared { past, latest: Mutex::default() }) }
    }

    /// Starts one.
    ///
    /// # Errors
    /// Where one is running, or the system gives no thread.
    pub fn start(&self, dry_run: DryRun, actor: &str) -> Result<Arc<Run>, String> {
        let mut latest = self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_some_and(|run| run.ended.borrow().is_none() && run.ended.has_changed().is_ok()) {
            return Err(
                "a dry run is under way, and there is one at a time; wait for it, or end it with DELETE".to_owned()
            );
        }
        let (sender, ended) = watch::channel(None);
        let progress = Arc::new(Progress::default());
        let run = Arc::new(Run {
            actor: actor.to_owned(),
            started_at_ms: clock::now_ms(),
            progress: Arc::clone(&progress),
            ended,
        });
        let past = Arc::clone(&self.shared.past);
        std::thread::Builder::new()
            .name("dry-run".to_owned())
            .spawn(move || {
                let ending = read::run(&past, dry_run.trial, dry_run.from_ms, &progress);
                // Nobody may be left to hear it.
                let _ = sender.send(Some(Arc::new(ending)));
            })
            .map_err(|error| format!("the dry run's thread did not start: {error}"))?;
        *latest = Some(Arc::clone(&run));
        Ok(run)
    }

    /// The one that was started last.
    pub fn latest(&self) -> Option<Arc<Run>> {
        self.shared.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let latest = self.latest.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = latest {
            run.stop();
        }
    }
}

impl Run {
    /// How it stands once it has ended, or at the deadline.
    pub async fn wait(&self, deadline: Instant) -> DryRunReply {
        let mut ended = self.ended.clone();
        // Late or gone: it is told as it stands.
        let _ = tokio::time::timeout_at(deadline.into(), ended.wait_for(Option::is_some)).await;
        self.reply()
    }

    /// How it stands.
    pub fn reply(&self) -> DryRunReply {
        let ending = self.ended.borrow().clone();
        let (position, end) =
            (self.progress.position.load(Ordering::Relaxed), self.progress.end.load(Ordering::Relaxed));
        let (state, report, error) = match ending.as_deref() {
            Some(Ok(report)) => ("finished", Some(report.clone()), None),
            Some(Err(reason)) => ("failed", None, Some(reason.clone())),
            None if self.ended.has_changed().is_err() => {
                ("failed", None, Some("it ended on a broken invariant".to_owned()))
            }
            None => ("running", None, None),
        };
        DryRunReply {
            state: state.to_owned(),
            started_at: format_timestamp(self.started_at_ms),
            actor: self.actor.clone(),
            progress: if state == "finished" { 1.0 } else { position as f64 / end.max(1) as f64 },
            report,
            error,
        }
    }

    /// Breaks it off.
    pub fn stop(&self) {
        self.progress.stop.store(true, Ordering::Relaxed);
    }
}
