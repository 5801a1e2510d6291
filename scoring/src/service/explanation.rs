//! Why a verdict is what it is: the stored verdict, the example that holds what the model saw, the neighbourhood at its cut, and the model.

use super::{Inner, Neighbourhood, ServiceError, log_error};
use crate::explain::{Explained, Explanation, Scene, explanation, reports};
use crate::log::{EventLog, Record, TransactionKey, VerdictPlace};
use crate::verdict::{Tier, Verdict};
use crate::{clock, example};
use fraudnet_features::Tensor;
use fraudnet_models::ModelRef;
use std::sync::Arc;
use std::time::Duration;

/// Entries behind a verdict that are looked at for its example, a few at first.
const STRETCHES: [usize; 4] = [16, 64, 512, 4_096];

/// How long it is waited for an example, and how often it is looked for.
const EXAMPLE_PATIENCE: Duration = Duration::from_secs(1);
const EXAMPLE_POLL: Duration = Duration::from_millis(5);

/// A verdict and the neighbourhood that it was read off.
#[derive(Debug, Clone)]
pub struct SeenVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The neighbourhood at its cut; none where it is not kept.
    pub seen: Option<Arc<Neighbourhood>>,
}

/// Why a verdict cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum Unexplained {
    /// No model had a part in it.
    #[error("no model had a part in this verdict (tier `{0}`): its reasons are all there is to tell")]
    NoModel(&'static str),
    /// What it was read off is not kept.
    #[error(
        "what this verdict was read off is not kept any more: it is for the newest payments that were not simply approved (reviews.evidence)"
    )]
    NotKept,
    /// The neighbourhood is not the one that the verdict names.
    #[error("the neighbourhood found is not the one that the verdict names; start the service again")]
    OtherDigest,
    /// The model is not there any more, or cannot be explained.
    #[error("{0} cannot be explained: {1}")]
    Model(ModelRef, String),
    /// The log or a queue.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl SeenVerdict {
    /// Digest of the neighbourhood found, hexadecimal; that of the verdict where it is the one that was seen.
    pub fn digest(&self) -> Option<String> {
        let digest = self.seen.as_ref()?.subgraph.digest();
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn is_what_was_seen(&self) -> bool {
        self.digest().is_some_and(|digest| digest == self.verdict.subgraph_digest)
    }
}

impl Inner {
    /// The verdict on a payment with its neighbourhood, and the verdict's log position; none where there is no verdict.
    pub(super) async fn seen(
        &self,
        tenant: &str,
        transaction_id: &str,
    ) -> Result<Option<(SeenVerdict, u64)>, ServiceError> {
        let log = &self.desk.log;
        let row = log.transaction(&TransactionKey::new(tenant, transaction_id)).map_err(log_error)?;
        let Some((payment, VerdictPlace::At(position))) = row.map(|row| (row.payment, row.verdict)) else {
            return Ok(None);
        };
        let body = log.verdict_body(position).map_err(log_error)?;
        let verdict = serde_json::from_slice(&body).map_err(|error| ServiceError::Log(error.to_string()))?;
        let seen = self.follower.seen(payment).await?;
        Ok(Some((SeenVerdict { verdict, seen }, position)))
    }

    /// What the model saw of a payment. Its example is logged right after its verdict, and nobody who hears the verdict waits for it: whoever
    /// asks at once waits here.
    async fn tensor(&self, payment: u64, verdict: u64) -> Result<Option<Tensor>, ServiceError> {
        let until = clock::monotonic() + EXAMPLE_PATIENCE;
        loop {
            let log = self.desk.log.clone();
            let read = tokio::task::spawn_blocking(move || tensor_of(&log, payment, verdict)).await;
            match read.map_err(|_| ServiceError::Log("reading the example broke off".to_owned()))?? {
                Found::Tensor(tensor) => return Ok(Some(*tensor)),
                Found::NothingYet if clock::monotonic() < until => tokio::time::sleep(EXAMPLE_POLL).await,
                Found::Nothing | Found::NothingYet => return Ok(None),
            }
        }
    }

    /// Why that verdict is what it is.
    pub(super) async fn explain(&self, found: &SeenVerdict, position: u64) -> Result<Explanation, Unexplained> {
        let SeenVerdict { verdict, seen } = found;
        if matches!(verdict.tier, Tier::Rules | Tier::Default) {
            return Err(Unexplained::NoModel(verdict.tier.name()));
        }
        let seen = seen.as_ref().ok_or(Unexplained::NotKept)?;
        if !found.is_what_was_seen() {
            return Err(Unexplained::OtherDigest);
        }
        if self.cluster.is_some() {
            return Err(ServiceError::ElsewhereInCluster.into());
        }
        let tensor = self.tensor(verdict.as_of.position, position).await?.ok_or(Unexplained::NotKept)?;
        let model = ModelRef { name: verdict.model.clone(), version: verdict.model_version.clone() };
        let refused = |reason: String| Unexplained::Model(model.clone(), reason);
        let loaded = self.desk.serving.load(&model).await.map_err(refused)?;
        let reports = reports(&tensor);
        let (attribution, spent) = self.explaining.ask(loaded, tensor).await?.map_err(refused)?;
        let at_ms = i64::from(seen.subgraph.now_s) * 1000;
        let scene =
            Scene::new(&seen.subgraph, &seen.identifiers, &reports, at_ms).map_err(|_| Unexplained::OtherDigest)?;
        let explained = Explained {
            transaction_id: &verdict.transaction_id,
            decision_id: &verdict.decision_id,
            fraud_probability: verdict.fraud_probability,
            spent_ms: spent.as_secs_f64() * 1000.0,
        };
        explanation(&explained, attribution, &scene).map_err(|_| Unexplained::OtherDigest)
    }
}

/// What was found behind a verdict.
enum Found {
    Tensor(Box<Tensor>),
    /// Nothing in all that was looked at.
    Nothing,
    /// Nothing up to the end of the log.
    NothingYet,
}

/// What the model saw of the payment at a position, whose verdict stands at another.
fn tensor_of(log: &EventLog, payment: u64, verdict: u64) -> Result<Found, ServiceError> {
    let mut next = verdict + 1;
    for stretch in STRETCHES {
        let entries = log.read_from(next, stretch).map_err(log_error)?;
        for entry in &entries {
            if let Record::Example { payment: of, bytes } = entry.record().map_err(log_error)?
                && of == payment
            {
                let example = example::decode(bytes).map_err(|error| ServiceError::Log(error.to_string()))?;
                return Ok(Found::Tensor(Box::new(example.tensor)));
            }
        }
        if entries.len() < stretch {
            return Ok(Found::NothingYet);
        }
        next += entries.len() as u64;
    }
    Ok(Found::Nothing)
}
