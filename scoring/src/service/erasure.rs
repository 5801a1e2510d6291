//! People leave, and are told of: erasing whom a tenant names, and saying whose a pseudonym is to whoever may know.
//!
//! The order of an erasure: ordered in the log → dropped from the vault → erased in the log → answered. Whoever hangs up in between changes
//! nothing of it, and a crash is caught up with at the next start.

use super::people::{People, erasure_id, vault_error};
use super::{Inner, Service, ServiceError};
use crate::control::{Change, ControlError};
use crate::policy::{ListName, ListedKind};
use crate::privacy::{ErasureOrder, Identifier, PersonKind, PrivacyChange, Pseudonym, VaultId};
use crate::{clock, failpoint};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most identifiers of one order.
pub const MAX_WHOM: usize = 10_000;
/// How long a change may take to become durable, whoever still waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody, by an identifier or a pseudonym.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// What it names.
    pub kind: PersonKind,
    /// What the tenant calls it, or its pseudonym.
    pub id: String,
}

/// People to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// Whose customers.
    pub tenant: String,
    /// Who asks.
    pub actor: String,
    /// Whom.
    pub whom: Vec<Whom>,
    /// Why.
    pub reason: String,
    /// Also who is on a block or watch list or has an open case.
    pub even_if_listed: bool,
}

/// What became of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Its id.
    pub erasure_id: String,
    /// Log position of the order.
    pub position: u64,
    /// Identifiers that lead to nobody any more.
    pub erased: usize,
    /// Which of those named were not known, by their places.
    pub unknown: Vec<usize>,
}

/// Who a pseudonym is.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// What the identifier names.
    pub kind: PersonKind,
    /// What the tenant calls it.
    pub id: String,
    /// When it was first seen, UTC milliseconds since the epoch, to the day.
    pub first_seen_ms: i64,
}

/// How pseudonyms stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyStatus {
    /// The vault.
    pub vault_id: VaultId,
    /// Identifiers in it, of all tenants.
    pub people: usize,
    /// Why it takes no change any more, if so.
    pub stopped: Option<Arc<str>>,
    /// The tenant's erasures, newest first.
    pub erasures: Vec<Arc<ErasureOrder>>,
    /// How often somebody was told who a pseudonym of the tenant is.
    pub revealed: u64,
}

/// Why nobody was erased or told of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivacyError {
    /// Identifiers stand in the log in clear.
    #[error("privacy.pseudonyms is off: the log holds identifiers in clear, for good")]
    Off,
    /// Nobody is known by any of that.
    #[error("nobody is known here by that; identifiers count byte for byte, and who was erased is not known any more")]
    Unknown,
    /// They were known, and erased.
    #[error("whose pseudonym this was cannot be told any more: they were erased")]
    Gone,
    /// It would take somebody off what others rely on.
    #[error(
        "{0}: erased, they come back as strangers whom no list and no case knows; close the case and take them off the list, or say that it is meant (even_if_listed)"
    )]
    Listed(String),
    /// The change was refused or is not durable.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl From<ServiceError> for PrivacyError {
    fn from(error: ServiceError) -> PrivacyError {
        PrivacyError::Control(error.into())
    }
}

impl Service {
    fn people(&self) -> Result<&People, PrivacyError> {
        self.inner.people.as_ref().ok_or(PrivacyError::Off)
    }

    /// Erases people: from the answer on nobody can tell whose their pseudonyms were.
    ///
    /// # Errors
    /// See [`PrivacyError`]. After [`ServiceError::NotDurableInTime`] it goes on without the caller.
    pub async fn erase(&self, erase: Erase, deadline: Instant) -> Result<Erased, PrivacyError> {
        self.people()?;
        let inner = Arc::clone(&self.inner);
        // A task of its own: a caller that hangs up must not leave an order that nobody carries out.
        let task = tokio::spawn(async move { inner.erase(erase).await });
        match tokio::time::timeout_at(deadline.into(), task).await {
            Ok(Ok(erased)) => erased,
            Ok(Err(_)) => Err(ServiceError::Vault("the erasure broke off".to_owned()).into()),
            Err(_) => Err(ServiceError::NotDurableInTime.into()),
        }
    }

    /// Says who a pseudonym of the tenant is, once it is in the log that `actor` was told.
    ///
    /// # Errors
    /// See [`PrivacyError`].
    pub async fn reveal(
        &self,
        tenant: &str,
        actor: &str,
        pseudonym: Pseudonym,
        reason: String,
        deadline: Instant,
    ) -> Result<Person, PrivacyError> {
        let vault = self.people()?.vault()?;
        let of = tenant.to_owned();
        let read = tokio::task::spawn_blocking(move || vault.reveal(&of, &pseudonym)).await;
        let read = read.map_err(|_| ServiceError::Vault("reading it broke off".to_owned()))?;
        let Some(revealed) = read.map_err(vault_error)? else {
            let was_ordered = self.inner.control.state().privacy.was_ordered(tenant, &pseudonym);
            return Err(if was_ordered { PrivacyError::Gone } else { PrivacyError::Unknown });
        };
        let change = PrivacyChange::Revealed { tenant: tenant.to_owned(), pseudonym, reason };
        self.inner.control.submit(actor, Change::Privacy(change), deadline).await?;
        let identifier = revealed.identifier();
        Ok(Person {
            kind: identifier.kind,
            id: identifier.id.to_owned(),
            first_seen_ms: i64::from(revealed.first_seen_day()) * 86_400_000,
        })
    }

    /// How pseudonyms stand, with the tenant's newest erasures, so many at most.
    ///
    /// # Errors
    /// Where they are off, or the service ends.
    pub fn privacy_status(&self, tenant: &str, limit: usize) -> Result<PrivacyStatus, PrivacyError> {
        let vault = self.people()?.vault()?;
        let state = self.inner.control.state();
        let erasures =
            state.privacy.orders().rev().filter(|order| order.tenant == tenant).take(limit).cloned().collect();
        Ok(PrivacyStatus {
            vault_id: vault.opened().vault_id,
            people: vault.people(),
            stopped: vault.stopped(),
            erasures,
            revealed: state.privacy.revealed(tenant),
        })
    }
}

impl Inner {
    async fn erase(&self, erase: Erase) -> Result<Erased, PrivacyError> {
        let vault = self.people.as_ref().ok_or(PrivacyError::Off)?.vault()?;
        self.desk.health.gate()?;
        let Erase { tenant, actor, whom, reason, even_if_listed } = erase;
        let (looking, of) = (Arc::clone(&vault), tenant.clone());
        let found = tokio::task::spawn_blocking(move || -> Result<Vec<_>, ServiceError> {
            let find = |Whom { kind, id }: Whom| match Pseudonym::parse(&id) {
                // Another tenant's is nobody's here.
                Some(pseudonym) => {
                    let revealed = looking.reveal(&of, &pseudonym).map_err(vault_error)?;
                    let is_meant = revealed.is_some_and(|revealed| revealed.identifier().kind == kind);
                    Ok((kind, is_meant.then_some(pseudonym)))
                }
                None => Ok((kind, looking.lookup(&Identifier { tenant: &of, kind, id: &id }))),
            };
            whom.into_iter().map(find).collect()
        });
        let found = found.await.map_err(|_| ServiceError::Vault("looking people up broke off".to_owned()))??;
        let unknown: Vec<usize> =
            found.iter().enumerate().filter_map(|(place, (_, found))| found.is_none().then_some(place)).collect();
        if unknown.len() == found.len() {
            return Err(PrivacyError::Unknown);
        }
        if !even_if_listed {
            self.refuse_listed(&tenant, &found)?;
        }
        let pseudonyms: BTreeSet<Pseudonym> = found.iter().filter_map(|(_, pseudonym)| *pseudonym).collect();
        let pseudonyms: Vec<Pseudonym> = pseudonyms.into_iter().collect();
        let erasure_id = erasure_id();
        let ordered = PrivacyChange::ErasureOrdered {
            erasure_id: erasure_id.clone(),
            tenant,
            pseudonyms: pseudonyms.clone(),
            reason,
        };
        let until = clock::monotonic() + PATIENCE;
        let applied = self.control.submit(&actor, Change::Privacy(ordered), until).await?;
        failpoint::hit("erasure_ordered");
        let erasing = tokio::task::spawn_blocking(move || vault.erase_pseudonyms(&pseudonyms));
        let erased = erasing.await.map_err(|_| ServiceError::Vault("erasing broke off".to_owned()))?;
        let erased = erased.map_err(|error| {
            let reason = format!(
                "the erasure {erasure_id} is in the log and not carried out, which the next start does: {error}"
            );
            self.desk.health.degrade("privacy", Some(reason));
            vault_error(error)
        })?;
        failpoint::hit("erasure_dropped");
        let done = PrivacyChange::Erased { erasure_id: erasure_id.clone() };
        let until = clock::monotonic() + PATIENCE;
        if let Err(error) = self.control.submit(&actor, Change::Privacy(done), until).await {
            // They are erased; the next start writes it down.
            tracing::warn!(erasure_id, %error, "people were erased, and the log does not say so yet");
        }
        Ok(Erased { erasure_id, position: applied.position, erased: erased.iter().flatten().count(), unknown })
    }

    fn refuse_listed(&self, tenant: &str, found: &[(PersonKind, Option<Pseudonym>)]) -> Result<(), PrivacyError> {
        let in_cases: HashSet<String> =
            self.reviews.look(|cases| cases.open_cases(tenant).map(|case| case.account.clone()).collect());
        let state = self.control.state();
        for (place, (kind, pseudonym)) in found.iter().enumerate() {
            let Some(text) = pseudonym.map(|pseudonym| pseudonym.text()) else { continue };
            let entity = ListedKind::from_name(kind.name());
            let is_on =
                |list: &ListName| entity.is_some_and(|entity| state.lists.find(*list, tenant, entity, &text).is_some());
            if let Some(list) = [ListName::Block, ListName::Watch].iter().find(|list| is_on(list)) {
                return Err(PrivacyError::Listed(format!("people[{place}] is on the {} list", list.name())));
            }
            if *kind == PersonKind::Account && in_cases.contains(&text) {
                return Err(PrivacyError::Listed(format!("people[{place}] has an open case")));
            }
        }
        Ok(())
    }
}
