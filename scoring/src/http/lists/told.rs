//! What is asked and told of lists.

use crate::control::Applied;
use crate::policy::{ListEntry, Listed};
use crate::wire::format_timestamp;
use serde::{Deserialize, Serialize};

/// Why an entity is listed, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Why; one line of at most 300 characters. It stands in verdicts.
    #[schema(example = "stolen, case 812")]
    pub reason: String,
    /// Until when, RFC 3339, judged by the time of the payment; for good where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ListedReply {
    /// Tenant.
    pub tenant: String,
    /// Which list.
    pub list: String,
    /// Kind of the entity.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// Why it is listed.
    pub reason: String,
    /// Who put it there.
    pub actor: String,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// Until when, RFC 3339; absent where for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Log position of the change.
    pub position: u64,
}

/// Entries in the order of kind and identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ListsReply {
    /// The entries; expired ones stay until they are taken off.
    pub entries: Vec<ListedReply>,
    /// What to ask with as `after` for more; absent where there is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// That a list was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ListChangedReply {
    /// Log position of the change.
    pub position: u64,
    /// Revision of what scores after it.
    pub revision: u64,
}

impl ListedReply {
    pub(super) fn of(listed: &Listed<'_>) -> ListedReply {
        let ListEntry { reason, actor, at_ms, expires_at_ms, position } = listed.entry;
        ListedReply {
            tenant: listed.tenant.to_owned(),
            list: listed.list.to_owned(),
            kind: listed.entity.to_owned(),
            id: listed.id.to_owned(),
            reason: reason.clone(),
            actor: actor.clone(),
            at: format_timestamp(*at_ms),
            expires_at: expires_at_ms.map(format_timestamp),
            position: *position,
        }
    }
}

impl From<Applied> for ListChangedReply {
    fn from(applied: Applied) -> ListChangedReply {
        ListChangedReply { position: applied.position, revision: applied.revision }
    }
}
