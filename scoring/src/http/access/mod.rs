//! Giving and taking access: `tokens` for programs and people, `people` who sign in with a provider.

pub(super) mod people;
pub(super) mod tokens;

pub use people::{PeopleReply, RuleReply, RuleRequest};
pub use tokens::{TokenIssued, TokenRequest, TokensReply};

use super::App;
use super::actor::{Authorised, by_person};
use super::door::caller;
use super::problem::{Problem, ProblemKind};
use super::request::MAX_BODY_BYTES;
use crate::access::{AccessChange, AccessEvent, Grant, Reach, Role};
use crate::control::{Applied, Change};
use axum::extract::Request;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::time::Instant;

/// Somebody who manages access, and what they sent.
struct Manager {
    actor: String,
    within: Reach,
    body: axum::body::Bytes,
    deadline: Instant,
}

impl Manager {
    async fn of(app: &App, request: Request) -> Result<Manager, Problem> {
        let within = caller(request.extensions())?.0.reach.clone();
        let Authorised { actor, body, deadline, .. } = by_person(app, request, MAX_BODY_BYTES).await?;
        Ok(Manager { actor, within, body, deadline })
    }

    fn read<T: DeserializeOwned>(&self, form: &str) -> Result<T, Problem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::new(ProblemKind::Malformed, format!("the body must be {form}: {error}")))
    }

    async fn submit(self, app: &App, change: AccessChange) -> Result<Applied, Problem> {
        let event = AccessEvent { within: self.within, change };
        Ok(app.service.control().submit(&self.actor, Change::Access(event), self.deadline).await?)
    }
}

/// What somebody is to get. Where it holds is said, never guessed.
fn grant(roles: BTreeSet<Role>, tenant: Option<String>, all_tenants: bool) -> Result<Grant, Problem> {
    let reach = match (tenant, all_tenants) {
        (Some(tenant), false) => Reach::Tenant(tenant),
        (None, true) => Reach::AllTenants,
        _ => {
            let detail = "say where the roles hold: either \"tenant\": \"…\" or \"all_tenants\": true";
            return Err(Problem::new(ProblemKind::Malformed, detail));
        }
    };
    Ok(Grant { roles, reach })
}
