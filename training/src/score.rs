//! Scoring a history as it will be served: through the exported ONNX file and the resolved rules.
//!
//! Cost: the network takes 0.3–0.6 ms a payment and thread, the replay a twentieth of that; payments are gathered in
//! chunks, and a chunk's micro-batches are divided evenly among the sessions. Which payments share a micro-batch depends
//! on neither the number of threads nor their speed, so the numbers do not either.

use crate::data::replay::{Seen, replay};
use crate::data::source::Source;
use crate::data::split::{DAY_MS, Window, Windows};
use crate::data::survey::Survey;
use crate::logistic::Logistic;
use crate::progress::Progress;
use anyhow::{Context, Result, ensure};
use fraudnet_features::Tensor;
use fraudnet_models::{Artifact, NetworkSession, Precision, RuntimeConfig};
use fraudnet_scoring::simulate::{Oracle, Typology};

/// Payments of a micro-batch.
pub const MICRO_BATCH: usize = 8;
/// Payments gathered before they are scored.
const CHUNK: usize = 64 * MICRO_BATCH;

/// Everything that scores a payment.
pub struct Scorer<'a> {
    sessions: Vec<NetworkSession>,
    artifact: &'a Artifact,
    logistic: Option<&'a Logistic>,
}

/// One scored payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The window it lies in.
    pub window: Window,
    /// Which history.
    pub history: u32,
    /// Day of acceptance since that history's first payment.
    pub day: u32,
    /// Age at the cut in milliseconds; negative in the test window.
    pub age_ms: i64,
    /// Truth, where the history tells it.
    pub oracle: Option<Oracle>,
    /// Whether the label standing when the window is judged is fraud: at the cut for windows before it, at the end of
    /// the history for the test. A payment without a label counts as legitimate.
    pub labelled_fraud: bool,
    /// Raw logit of the network.
    pub hybrid: f32,
    /// Raw logit of the rules.
    pub rules: f32,
    /// Log-odds of the logistic regression; zero where there is none.
    pub logistic: f32,
}

impl Row {
    /// How the fraud works, for frauds.
    pub fn typology(&self) -> Option<Typology> {
        self.oracle.and_then(|oracle| oracle.typology)
    }
}

impl<'a> Scorer<'a> {
    /// Opens `threads` sessions of the artifact's network, of the precision its provider is served with.
    ///
    /// # Errors
    /// No runtime, or a network that does not run.
    pub fn new(
        artifact: &'a Artifact,
        logistic: Option<&'a Logistic>,
        runtime: &RuntimeConfig,
        threads: usize,
    ) -> Result<Scorer<'a>> {
        Scorer::build(artifact, logistic, threads, || Ok(NetworkSession::new(artifact, runtime)?))
    }

    /// The same with one precision, whatever the provider.
    ///
    /// # Errors
    /// As [`Scorer::new`].
    pub fn with_precision(
        artifact: &'a Artifact,
        runtime: &RuntimeConfig,
        threads: usize,
        precision: Precision,
    ) -> Result<Scorer<'a>> {
        Scorer::build(artifact, None, threads, || Ok(NetworkSession::with_precision(artifact, runtime, precision)?))
    }

    fn build(
        artifact: &'a Artifact,
        logistic: Option<&'a Logistic>,
        threads: usize,
        open: impl Fn() -> Result<NetworkSession>,
    ) -> Result<Scorer<'a>> {
        ensure!(threads > 0, "scoring needs at least one thread");
        let sessions = (0..threads).map(|_| open()).collect::<Result<Vec<NetworkSession>>>()?;
        Ok(Scorer { sessions, artifact, logistic })
    }

    /// The first session, for the golden vectors.
    pub fn session(&mut self) -> &mut NetworkSession {
        &mut self.sessions[0]
    }

    /// Logits of the network, in order.
    ///
    /// # Errors
    /// What the runtime says, e.g. a logit that is not finite.
    pub fn logits(&mut self, tensors: &[&Tensor]) -> Result<Vec<f32>> {
        let batches: Vec<&[&Tensor]> = tensors.chunks(MICRO_BATCH).collect();
        let each = batches.len().div_ceil(self.sessions.len()).max(1);
        let parts: Vec<Result<Vec<f32>>> = std::thread::scope(|scope| {
            let running: Vec<_> = self
                .sessions
                .iter_mut()
                .zip(batches.chunks(each))
                .map(|(session, part)| {
                    scope.spawn(move || {
                        let mut logits = Vec::new();
                        for batch in part {
                            logits.extend(session.run(batch)?.into_iter().map(|output| output.logit));
                        }
                        Ok(logits)
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("a session reports errors, it does not panic"))
                .collect()
        });
        let mut logits = Vec::with_capacity(tensors.len());
        for part in parts {
            logits.extend(part?);
        }
        Ok(logits)
    }

    /// Scores every payment of one history that lies in one of `windows_wanted`; `keep` may hold on to a tensor it is
    /// shown, before it is scored, together with its row's number in the result.
    ///
    /// # Errors
    /// What reading the history or scoring gives.
    #[expect(clippy::too_many_arguments, reason = "one call site a command; a struct would only rename them")]
    pub fn history(
        &mut self,
        number: u32,
        source: &Source,
        survey: &Survey,
        windows: &Windows,
        windows_wanted: &[Window],
        rows: &mut Vec<Row>,
        progress: &mut Progress,
        mut keep: impl FnMut(usize, &Row, &Seen<'_>),
    ) -> Result<()> {
        let mut pending: Vec<Tensor> = Vec::with_capacity(CHUNK);
        let mut spare: Vec<Tensor> = Vec::new();
        let mut scored = rows.len();
        let rules = self.artifact.rules();
        let logistic = self.logistic;
        replay(
            source,
            progress,
            |event, _| windows_wanted.contains(&windows.of(event.ingested_at_ms)),
            |seen| {
                let at_ms = seen.event.ingested_at_ms;
                let window = windows.of(at_ms);
                let judged_ms = if window == Window::Test { i64::MAX } else { windows.cut_ms };
                let labelled = survey.labels.standing(&seen.event.tenant, &seen.payment.transaction_id, judged_ms);
                let row = Row {
                    window,
                    history: number,
                    day: ((at_ms - windows.first_ms) / DAY_MS) as u32,
                    age_ms: windows.cut_ms - at_ms,
                    oracle: seen.oracle,
                    labelled_fraud: labelled.unwrap_or(false),
                    hybrid: 0.0,
                    rules: rules.evaluate(&seen.tensor.payment).logit,
                    logistic: logistic.map_or(0.0, |model| model.logit(&seen.tensor.payment)),
                };
                keep(rows.len(), &row, &seen);
                rows.push(row);
                // Buffers go round: the replay fills the spare one while this one waits to be scored.
                pending.push(std::mem::replace(seen.tensor, spare.pop().unwrap_or_default()));
                if pending.len() == CHUNK {
                    self.settle(&mut pending, &mut rows[scored..])?;
                    scored = rows.len();
                    spare.append(&mut pending);
                }
                Ok(())
            },
        )
        .with_context(|| format!("while scoring {}", source.name()))?;
        self.settle(&mut pending, &mut rows[scored..])
    }

    fn settle(&mut self, pending: &mut [Tensor], rows: &mut [Row]) -> Result<()> {
        let tensors: Vec<&Tensor> = pending.iter().collect();
        for (row, logit) in rows.iter_mut().zip(self.logits(&tensors)?) {
            row.hybrid = logit;
        }
        Ok(())
    }
}
