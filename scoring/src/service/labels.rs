//! Labels and outcomes on their way into the log, whoever tells them: a caller, or a case that was decided.

use super::decide::Desk;
use super::{LabelReceipt, ServiceError, hand_to_engine, log_error};
use crate::cluster::Cluster;
use crate::engine::{Command, Handoff};
use crate::log::TransactionKey;
use crate::{trace_context, wire};
use crossbeam_channel::Sender;
use fraudnet_graph::{Body, Event};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Takes labels and outcomes; cheap to clone.
#[derive(Clone)]
pub(super) struct Labels {
    pub(super) desk: Arc<Desk>,
    pub(super) engine: Sender<Command>,
    pub(super) cluster: Option<Arc<Cluster>>,
}

impl Labels {
    /// Logs one; returns once it is durable.
    pub(super) async fn log(&self, event: Event, deadline: Instant) -> Result<LabelReceipt, ServiceError> {
        let desk = &self.desk;
        desk.health.gate()?;
        let transaction_id = match &event.body {
            Body::Label(label) => Some(label.transaction_id.as_str()),
            Body::Outcome(outcome) => Some(outcome.transaction_id.as_str()),
            Body::Payment(_) => None,
        };
        let key = TransactionKey::new(&event.tenant, transaction_id.expect("payments are scored, not labelled"));
        let transaction_known = desk.claims.holds(&key)
            || self.cluster.as_ref().is_some_and(|cluster| cluster.holds(&key))
            || desk.log.transaction(&key).map_err(log_error)?.is_some();
        let logged = async {
            match &self.cluster {
                Some(cluster) => cluster.append(&event, trace_context::current()).await,
                None => self.append(event).await,
            }
        };
        let position =
            tokio::time::timeout_at(deadline.into(), logged).await.unwrap_or(Err(ServiceError::NotDurableInTime))?;
        desk.meters.labels.increment(1);
        Ok(LabelReceipt { position, transaction_known })
    }

    /// Logs several at once; returns once all of them are durable, or one is not.
    pub(super) async fn log_all(&self, events: &[Event], deadline: Instant) -> Result<(), ServiceError> {
        let mut logged = JoinSet::new();
        for event in events {
            let (labels, event) = (self.clone(), event.clone());
            logged.spawn(async move { labels.log(event, deadline).await.map(drop) });
        }
        logged.join_all().await.into_iter().collect()
    }

    async fn append(&self, event: Event) -> Result<u64, ServiceError> {
        let desk = &self.desk;
        let (sender, durable) = oneshot::channel();
        let json = wire::encode_event(&event);
        let done = Box::new(move |outcome| drop(sender.send(outcome)));
        let admit = |position| hand_to_engine(&self.engine, position, event, Handoff::Nobody);
        let position = desk.log.append_event(&json, done, admit).map_err(|refusal| desk.refused(refusal))?;
        match durable.await {
            Ok(Ok(())) => Ok(position),
            Ok(Err(reason)) => {
                let reason: Arc<str> = reason;
                desk.health.fail(&reason);
                Err(ServiceError::Log(reason.to_string()))
            }
            Err(_) => Err(ServiceError::Log("its writer thread ended".to_owned())),
        }
    }
}
