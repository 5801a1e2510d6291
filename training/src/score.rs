//! Scoring a history as it will be served: through exported files and resolved rules.
//!
//! Cost: the network takes 0.3–0.6 ms a payment and thread, the replay a twentieth of that; payments are gathered in chunks
//! and scored a chunk at a time, on as many threads as the scorer has. A row takes some 80 bytes.

use crate::contender::Contender;
use crate::data::replay::{Seen, replay};
use crate::data::source::Source;
use crate::data::split::{DAY_MS, Window, Windows};
use crate::data::survey::Survey;
use crate::generations::in_lanes;
use crate::progress::Progress;
use anyhow::{Context, Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_models::{Artifact, ModelSession, ResolvedRules, RuntimeConfig};
use fraudnet_scoring::history::Truth;
use std::collections::HashMap;

/// Payments of a micro-batch.
pub const MICRO_BATCH: usize = 8;
/// Payments gathered before they are scored.
const CHUNK: usize = 64 * MICRO_BATCH;

/// Raw logits of payments, by [`Contender::index`], in their order.
pub type ScorePayments<'a> = dyn FnMut(&[&Tensor]) -> Result<Vec<[f32; Contender::COUNT]>> + 'a;

/// One scored payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The window it lies in.
    pub window: Window,
    /// Which history.
    pub history: u32,
    /// Day of acceptance since that history's first payment.
    pub day: u32,
    /// Acceptance, UTC milliseconds.
    pub at_ms: i64,
    /// Age at the cut in milliseconds; negative in the test window.
    pub age_ms: i64,
    /// The paying account, numbered by first appearance among all rows.
    pub account: u32,
    /// Amount in major units of its currency.
    pub amount: f32,
    /// Truth, where the history tells it.
    pub truth: Option<Truth>,
    /// Whether the label standing when the window is judged is fraud: at the cut for windows before it, at the end of
    /// the history for the test. A payment without a label counts as legitimate.
    pub labelled_fraud: bool,
    /// Raw logits by [`Contender::index`]; zero where a contender does not score.
    pub logits: [f32; Contender::COUNT],
}

impl Row {
    /// How the fraud works (scenario or typology), for frauds of which the history tells it.
    pub fn group(&self) -> Option<&str> {
        self.truth.as_ref().filter(|truth| truth.fraud)?.group.as_deref()
    }

    /// Its raw logit by one contender.
    pub fn logit(&self, contender: Contender) -> f32 {
        self.logits[contender.index()]
    }
}

/// A published model, ready to score: its own contender and its rules.
pub struct ModelScorer<'a> {
    rules: &'a ResolvedRules,
    contender: Contender,
    sessions: Vec<ModelSession>,
}

impl<'a> ModelScorer<'a> {
    /// Opens `threads` sessions of the artifact, the first held to its golden vectors.
    ///
    /// # Errors
    /// No threads, no runtime, or a model that does not say what it said when it was published.
    pub fn new(artifact: &'a Artifact, runtime: &RuntimeConfig, threads: usize) -> Result<ModelScorer<'a>> {
        ensure!(threads > 0, "scoring needs at least one thread");
        let mut sessions =
            (0..threads).map(|_| Ok(ModelSession::new(artifact, runtime)?)).collect::<Result<Vec<ModelSession>>>()?;
        artifact.verify_golden(&mut sessions[0])?;
        Ok(ModelScorer { rules: artifact.rules(), contender: Contender::of(artifact.manifest.scorer), sessions })
    }

    /// Which contender the model is.
    pub fn contender(&self) -> Contender {
        self.contender
    }

    /// Raw logits of the model and its rules, by [`Contender::index`]; the others are zero.
    ///
    /// # Errors
    /// What the runtime says.
    pub fn logits(&mut self, tensors: &[&Tensor]) -> Result<Vec<[f32; Contender::COUNT]>> {
        let (rules, contender) = (self.rules, self.contender);
        in_lanes(&mut self.sessions, tensors, |session, batch| {
            let logits = session.run(batch)?;
            let rows = batch.iter().zip(logits).map(|(tensor, logit)| {
                let mut row = [0.0; Contender::COUNT];
                row[Contender::Rules.index()] = rules.evaluate(&tensor.payment).logit;
                row[contender.index()] = logit;
                row
            });
            Ok(rows.collect())
        })
    }
}

/// What of a history to score.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Number of the history.
    pub history: u32,
    /// The history.
    pub source: &'a Source,
    /// What the survey found in it.
    pub survey: &'a Survey,
    /// Its windows.
    pub windows: &'a Windows,
    /// Those whose payments are scored.
    pub scored: &'a [Window],
}

/// Scored payments of any number of histories.
#[derive(Default)]
pub struct Scored {
    /// The payments, in the order they were accepted, history after history.
    pub rows: Vec<Row>,
    accounts: HashMap<String, u32>,
}

impl Scored {
    /// Scores the payments wanted of one history by `score` (raw logits by [`Contender::index`]). `keep` may hold on to a
    /// tensor it is shown, before it is scored, together with its row's number.
    ///
    /// # Errors
    /// What reading the history or scoring gives.
    pub fn history(
        &mut self,
        wanted: Wanted<'_>,
        progress: &mut Progress,
        score: &mut ScorePayments<'_>,
        mut keep: impl FnMut(usize, &Row, &Seen<'_>),
    ) -> Result<()> {
        let Wanted { history, source, survey, windows, scored } = wanted;
        let mut pending: Vec<Tensor> = Vec::with_capacity(CHUNK);
        let mut spare: Vec<Tensor> = Vec::new();
        let mut settled = self.rows.len();
        replay(
            source,
            windows.end_ms,
            progress,
            |event, _| scored.contains(&windows.of(event.ingested_at_ms)),
            |seen| {
                let at_ms = seen.event.ingested_at_ms;
                let window = windows.of(at_ms);
                let judged_ms = if window == Window::Test { i64::MAX } else { windows.cut_ms };
                let labelled = survey.labels.standing(&seen.event.tenant, &seen.payment.transaction_id, judged_ms);
                let next = self.accounts.len() as u32;
                let account = format!("{history}\0{}\0{}", seen.event.tenant, seen.payment.account);
                let row = Row {
                    window,
                    history,
                    day: ((at_ms - windows.first_ms) / DAY_MS) as u32,
                    at_ms,
                    age_ms: windows.cut_ms - at_ms,
                    account: *self.accounts.entry(account).or_insert(next),
                    amount: (fraudnet_graph::hundredths(seen.payment.amount_minor, seen.payment.currency) as f64
                        / 100.0) as f32,
                    truth: seen.truth.clone(),
                    labelled_fraud: labelled.unwrap_or(false),
                    logits: [0.0; Contender::COUNT],
                };
                keep(self.rows.len(), &row, &seen);
                self.rows.push(row);
                // Buffers go round: the replay fills the spare one while this one waits to be scored.
                pending.push(std::mem::replace(seen.tensor, spare.pop().unwrap_or_default()));
                if pending.len() == CHUNK {
                    settle(&pending, &mut self.rows[settled..], score)?;
                    settled = self.rows.len();
                    spare.append(&mut pending);
                }
                Ok(())
            },
        )
        .with_context(|| format!("while scoring {}", source.name()))?;
        settle(&pending, &mut self.rows[settled..], score)
    }
}

fn settle(pending: &[Tensor], rows: &mut [Row], score: &mut ScorePayments<'_>) -> Result<()> {
    let tensors: Vec<&Tensor> = pending.iter().collect();
    for (row, logits) in rows.iter_mut().zip(score(&tensors)?) {
        row.logits = logits;
    }
    Ok(())
}
