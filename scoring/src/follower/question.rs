//! What the follower is asked.

use super::recent::Known;
use crate::rings::{OpenCase, Ring, RingSummary};
use crate::service::{Neighbourhood, ServiceError};
use fraudnet_graph::Kind;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, ServiceError>>;

/// A question, and where its answer goes.
pub(super) enum Question {
    /// A neighbourhood.
    Neighbourhood { tenant: String, about: About, reply: Reply<Option<Arc<Neighbourhood>>> },
    /// The newest payments of an entity.
    Recent { tenant: String, kind: Kind, id: String, limit: usize, reply: Reply<Vec<Known>> },
    /// Rings by rank, and the log position they are as of.
    Rings { tenant: String, limit: usize, open: HashMap<String, OpenCase>, reply: Reply<(u64, Vec<RingSummary>)> },
    /// One ring.
    Ring { tenant: String, ring_id: String, open: HashMap<String, OpenCase>, reply: Reply<Option<Box<Ring>>> },
}

/// Whose neighbourhood.
pub(super) enum About {
    /// That of an entity now.
    Entity { kind: Kind, id: String },
    /// That of the payment at a log position, as its verdict saw it.
    Payment { position: u64 },
}

impl Question {
    /// Answers that there is no answer. Whoever asked may have gone.
    pub(super) fn refuse(self, error: ServiceError) {
        match self {
            Question::Neighbourhood { reply, .. } => drop(reply.send(Err(error))),
            Question::Recent { reply, .. } => drop(reply.send(Err(error))),
            Question::Rings { reply, .. } => drop(reply.send(Err(error))),
            Question::Ring { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}
