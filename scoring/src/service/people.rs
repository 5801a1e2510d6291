//! People: a payment's identifiers become pseudonyms before anything else sees it, where [`crate::privacy`] is on.
//!
//! Reading order: [`open`] (at the start: which vault, and who has to leave it) → [`Service::name`] (payments) and [`Service::resolve`] (whatever
//! else names somebody) → `erasure` (people leave, and are told of).
//!
//! Cost: a microsecond for a payment of known people; of somebody new, a sync of the vault's disk that all who wait share. Nothing where it
//! is off.

use super::{Inner, RETRY_AFTER_S, Service, ServiceError, log_error};
use crate::control::{self, Change, ControlEvent};
use crate::log::{EventLog, Record, TransactionKey, VerdictPlace};
use crate::privacy::{
    Identifier, MAX_ERASED, MAX_NAMED, PersonKind, PrivacyChange, PrivacyConfig, PrivacyState, Pseudonym, Vault,
    VaultError, World,
};
use crate::wire::WireError;
use crate::{clock, ids};
use anyhow::{Context, anyhow, bail};
use arc_swap::ArcSwapOption;
use fraudnet_graph::{Body, Event, Kind, Payment};
use std::borrow::Cow;
use std::sync::{Arc, mpsc};
use std::time::Instant;
use tokio::sync::oneshot;

/// Name under which the service acts itself.
const ACTOR: &str = "fraudnet";
/// Entries read at a time while it is looked for payments.
const CHUNK: usize = 1_024;
const DAY_MS: i64 = 86_400_000;

/// The open vault; none once the service ends.
pub(super) struct People(ArcSwapOption<Vault>);

/// Why a payment's people were not named. Nothing of it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unnamed {
    /// A field holds what cannot be an identifier here.
    Field(WireError),
    /// The service could not.
    Service(ServiceError),
}

impl From<ServiceError> for Unnamed {
    fn from(error: ServiceError) -> Unnamed {
        Unnamed::Service(error)
    }
}

/// Opens the vault that the log was written with, or makes the first one and writes that down before the log's first payment. Everybody whom
/// the log says to be erased is: an order may have been cut off by a crash, or an older copy of the vault put back.
pub(super) fn open(
    config: Option<&PrivacyConfig>,
    log: &EventLog,
    state: &PrivacyState,
) -> anyhow::Result<Option<People>> {
    let Some(config) = config else {
        if state.vault_id().is_some() {
            bail!(
                "the log in `{}` holds pseudonyms: set privacy.pseudonyms = true with the vault and the key that it was written with, or begin a new log",
                log.path().display()
            );
        }
        return Ok(None);
    };
    if state.vault_id().is_none() && is_begun(log)? {
        bail!(
            "privacy.pseudonyms: the log in `{}` holds payments, lists or policies from before, in clear and for good; begin a new log (log.folder) or leave pseudonyms off",
            log.path().display()
        );
    }
    let vault = Vault::open(&config.vault(state.vault_id()), World::system())?;
    let opened = vault.opened();
    tracing::info!(vault = %opened.vault_id, people = opened.people, new = opened.is_new, "the privacy vault is open");
    if opened.cut_bytes > 0 {
        let bytes = opened.cut_bytes;
        tracing::warn!(
            bytes,
            "a crash left an unfinished write in the privacy vault; it was cut off, nobody was told of anything in it"
        );
    }
    if state.vault_id().is_none() {
        append(log, PrivacyChange::Began { vault_id: opened.vault_id })?;
    }
    erase_again(&vault, log, state)?;
    let people = People(ArcSwapOption::from_pointee(vault));
    people.meter();
    Ok(Some(people))
}

/// Whether identifiers may stand in the log already: in payments, on lists, in rules.
fn is_begun(log: &EventLog) -> anyhow::Result<bool> {
    let mut next = 0;
    loop {
        let entries = log.read_from(next, CHUNK)?;
        let Some(last) = entries.last() else { return Ok(false) };
        next = last.position + 1;
        for entry in &entries {
            let holds_some = match entry.record()? {
                Record::Payment { .. } | Record::History { .. } | Record::Streamed { .. } => true,
                Record::Control { event } => {
                    let event = ControlEvent::decode(event).map_err(anyhow::Error::msg)?;
                    matches!(event.change, Change::List(_) | Change::Policy(_))
                }
                _ => false,
            };
            if holds_some {
                return Ok(true);
            }
        }
    }
}

fn erase_again(vault: &Vault, log: &EventLog, state: &PrivacyState) -> anyhow::Result<()> {
    let ordered: Vec<Pseudonym> = state.orders().flat_map(|order| order.pseudonyms.iter().copied()).collect();
    let mut erased = 0;
    for piece in ordered.chunks(MAX_ERASED) {
        let left = vault.erase_pseudonyms(piece).context("people whom the log says to be erased are not")?;
        erased += left.iter().flatten().count();
    }
    let open: Vec<_> = state.orders().filter(|order| order.done_at_ms.is_none()).collect();
    if erased > 0 {
        tracing::warn!(
            identifiers = erased,
            orders = open.len(),
            "erased at the start: orders that were cut off, or an older vault that was put back"
        );
    }
    for order in open {
        append(log, PrivacyChange::Erased { erasure_id: order.erasure_id.clone() })?;
    }
    Ok(())
}

/// Before anybody follows the log; durable when it returns.
fn append(log: &EventLog, change: PrivacyChange) -> anyhow::Result<()> {
    let (control_id, at_ms, actor) = (control::control_id(), clock::now_ms(), ACTOR.to_owned());
    let event = ControlEvent { control_id, at_ms, actor, change: Change::Privacy(change) };
    let (sender, durable) = mpsc::channel();
    let done = Box::new(move |outcome: Result<(), Arc<str>>| drop(sender.send(outcome)));
    // A refusal reaches `durable` through `done`.
    let _ = log.append_control(&event.encode(), done);
    durable.recv().map_err(|_| anyhow!("the log's writer ended"))?.map_err(|reason| anyhow!("the log: {reason}"))
}

impl People {
    pub(super) fn vault(&self) -> Result<Arc<Vault>, ServiceError> {
        self.0.load_full().ok_or(ServiceError::NotReady { state: "shutting down", retry_after_s: RETRY_AFTER_S })
    }

    /// Closes the vault once nobody asks it any more.
    pub(super) fn close(&self) {
        self.0.store(None);
    }

    /// Why it takes no change any more, if so.
    pub(super) fn stopped(&self) -> Option<Arc<str>> {
        self.0.load().as_ref().and_then(|vault| vault.stopped())
    }

    /// For whoever reads metrics.
    pub(super) fn meter(&self) {
        if let Some(vault) = self.0.load().as_ref() {
            metrics::gauge!("fraudnet_vault_people").set(vault.people() as f64);
            metrics::gauge!("fraudnet_vault_stopped").set(f64::from(u8::from(vault.stopped().is_some())));
        }
    }

    /// Names the payments among these, in pieces. Blocks.
    pub(super) fn name_history<'a>(&self, events: impl Iterator<Item = &'a mut Event>) -> Result<(), ServiceError> {
        let vault = self.vault()?;
        let mut piece: Vec<(String, &mut Payment)> = Vec::new();
        let flush = |piece: &mut Vec<(String, &mut Payment)>| {
            let who = piece.iter().flat_map(|(tenant, payment)| identifiers(tenant, payment));
            let who: Vec<Identifier<'_>> = who.map(|(_, identifier)| identifier).collect();
            let named = vault.pseudonyms(&who, today()).map_err(vault_error)?;
            let mut named = named.into_iter();
            for (_, payment) in piece.drain(..) {
                put(payment, &mut named);
            }
            Ok(())
        };
        for event in events {
            let Body::Payment(payment) = &mut event.body else { continue };
            piece.push((event.tenant.clone(), payment));
            if (piece.len() + 1) * MOST_A_PAYMENT > MAX_NAMED {
                flush(&mut piece)?;
            }
        }
        flush(&mut piece)
    }
}

/// Identifiers of people that one payment can hold.
const MOST_A_PAYMENT: usize = 4;

/// A payment's identifiers of people, with the names of their fields, in the order in which [`put`] takes their pseudonyms.
fn identifiers<'a>(tenant: &'a str, payment: &'a Payment) -> impl Iterator<Item = (&'static str, Identifier<'a>)> {
    let fields = [
        ("account", PersonKind::Account, Some(payment.account.as_str())),
        ("counterparty_account", PersonKind::Account, payment.counterparty.as_deref()),
        ("device", PersonKind::Device, payment.device.as_deref()),
        ("ip", PersonKind::Ip, payment.ip.as_deref()),
    ];
    fields.into_iter().filter_map(move |(field, kind, id)| Some((field, Identifier { tenant, kind, id: id? })))
}

fn put(payment: &mut Payment, pseudonyms: &mut impl Iterator<Item = Pseudonym>) {
    let fields =
        [Some(&mut payment.account), payment.counterparty.as_mut(), payment.device.as_mut(), payment.ip.as_mut()];
    for field in fields.into_iter().flatten() {
        *field = pseudonyms.next().expect("as many pseudonyms as identifiers").text();
    }
}

/// Whether a payment may be logged where pseudonyms are on.
pub(super) fn is_named(payment: &Payment) -> bool {
    identifiers("", payment).all(|(_, identifier)| Pseudonym::parse(identifier.id).is_some())
}

fn today() -> u32 {
    u32::try_from(clock::now_ms() / DAY_MS).unwrap_or_default()
}

/// An id of an erasure that no other has.
pub(super) fn erasure_id() -> String {
    format!("ers_{:016x}", ids::next_u64())
}

/// What callers hear of the vault.
pub(super) fn vault_error(error: VaultError) -> ServiceError {
    match error {
        VaultError::Busy => ServiceError::Overloaded { queue: "vault", retry_after_s: RETRY_AFTER_S },
        VaultError::Full { .. } => {
            tracing::error!(%error, "a payment of somebody new was refused");
            ServiceError::VaultFull
        }
        error => ServiceError::Vault(error.to_string()),
    }
}

impl Inner {
    /// The pseudonyms of these, whoever is new among them named by then.
    async fn pseudonyms(
        &self,
        vault: &Vault,
        who: &[Identifier<'_>],
        deadline: Instant,
    ) -> Result<Vec<Pseudonym>, ServiceError> {
        let (sender, named) = oneshot::channel();
        // The caller may have given up.
        vault.pseudonyms_then(who, today(), move |named| drop(sender.send(named)));
        let named = match tokio::time::timeout_at(deadline.into(), named).await {
            Ok(Ok(named)) => named.map_err(vault_error),
            Ok(Err(_)) => Err(ServiceError::Vault("its thread ended; start the service again".to_owned())),
            Err(_) => Err(ServiceError::NotDurableInTime),
        };
        match &named {
            Err(ServiceError::NotDurableInTime) => self.desk.meters.not_durable.increment(1),
            Err(ServiceError::Overloaded { queue, .. }) => self.desk.meters.refused(queue),
            Err(ServiceError::Vault(reason)) => self.desk.health.degrade("privacy", Some(reason.clone())),
            _ => {}
        }
        named
    }
}

impl Service {
    /// Whether the log holds pseudonyms.
    pub fn has_pseudonyms(&self) -> bool {
        self.inner.people.is_some()
    }

    /// Puts pseudonyms in the place of a payment's account, counterparty, device and address; changes nothing where pseudonyms are off. To be
    /// done before the request's hash is reckoned: whoever has the log could else try identifiers until the hash fits.
    ///
    /// A payment whose id is known names nobody new: sent again after somebody was erased, it would put them back.
    ///
    /// # Errors
    /// Where a field holds a pseudonym, the service takes no traffic, or somebody new cannot be put on the disk in time.
    pub async fn name(&self, tenant: &str, payment: &mut Payment, deadline: Instant) -> Result<(), Unnamed> {
        let Some(people) = &self.inner.people else { return Ok(()) };
        let desk = &self.inner.desk;
        desk.health.gate()?;
        let vault = people.vault()?;
        let mut who = Vec::with_capacity(MOST_A_PAYMENT);
        for (field, identifier) in identifiers(tenant, payment) {
            if Pseudonym::parse(identifier.id).is_some() {
                return Err(looks_like_one(field));
            }
            who.push(identifier);
        }
        let named = match vault.known(&who).map_err(vault_error)? {
            Some(named) => named,
            None => {
                let key = TransactionKey::new(tenant, &payment.transaction_id);
                if let Some(row) = desk.log.transaction(&key).map_err(log_error)? {
                    let is_history = row.verdict == VerdictPlace::Never;
                    desk.meters.conflicts.increment(u64::from(!is_history));
                    let error = if is_history { ServiceError::KnownFromHistory } else { ServiceError::ConflictingBody };
                    return Err(error.into());
                }
                self.inner.pseudonyms(&vault, &who, deadline).await?
            }
        };
        put(payment, &mut named.into_iter());
        Ok(())
    }

    /// The name under which the log may hold an entity, making one where there is none: somebody may be listed before their first payment. A
    /// pseudonym is its own.
    ///
    /// # Errors
    /// As [`Service::name`].
    pub async fn name_one(&self, tenant: &str, kind: Kind, id: String, deadline: Instant) -> Result<String, Unnamed> {
        let (Some(people), Some(kind)) = (&self.inner.people, PersonKind::from_name(kind.name())) else {
            return Ok(id);
        };
        if Pseudonym::parse(&id).is_some() {
            return Ok(id);
        }
        let who = Identifier { tenant, kind, id: &id };
        who.check().map_err(|error| Unnamed::Field(WireError { field: "id".to_owned(), reason: error.to_string() }))?;
        let named = self.inner.pseudonyms(&*people.vault()?, &[who], deadline).await?;
        Ok(named[0].text())
    }

    /// The name under which the log holds an entity: the id itself where pseudonyms are off, of merchants, and where it is a pseudonym; none
    /// where nobody is known by it.
    pub fn resolve<'a>(&self, tenant: &str, kind: Kind, id: &'a str) -> Option<Cow<'a, str>> {
        let (Some(people), Some(kind)) = (&self.inner.people, PersonKind::from_name(kind.name())) else {
            return Some(Cow::Borrowed(id));
        };
        if Pseudonym::parse(id).is_some() {
            return Some(Cow::Borrowed(id));
        }
        let vault = people.vault().ok()?;
        vault.lookup(&Identifier { tenant, kind, id }).map(|pseudonym| Cow::Owned(pseudonym.text()))
    }
}

fn looks_like_one(field: &str) -> Unnamed {
    let reason = "has the form of a pseudonym of this service (p_ and 26 letters and digits); send the identifier that it stands for";
    Unnamed::Field(WireError { field: field.to_owned(), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_graph::Channel;

    fn payment(counterparty: Option<&str>, ip: Option<&str>) -> Payment {
        Payment {
            transaction_id: "tx".into(),
            account: "acct-1".into(),
            counterparty: counterparty.map(str::to_owned),
            device: Some("dev-1".into()),
            ip: ip.map(str::to_owned),
            merchant: Some("shop".into()),
            amount_minor: 1,
            currency: *b"EUR",
            channel: Channel::Ecommerce,
            merchant_category: None,
            account_country: None,
            ip_country: None,
            merchant_country: None,
        }
    }

    #[test]
    fn every_identifier_gets_its_own_pseudonym_and_merchants_stay() {
        for (counterparty, ip) in
            [(None, None), (Some("acct-2"), None), (None, Some("ip")), (Some("acct-2"), Some("ip"))]
        {
            let mut payment = payment(counterparty, ip);
            let before: Vec<(&str, String)> =
                identifiers("bank", &payment).map(|(field, one)| (field, one.id.to_owned())).collect();
            assert_eq!(before.len(), 2 + usize::from(counterparty.is_some()) + usize::from(ip.is_some()));
            assert!(!is_named(&payment));
            // Told apart by what they end in.
            let text = |place: usize| format!("p_aaaaaaaaaaaaaaaaaaaaaaaa{}a", b"abcd"[place] as char);
            let pseudonyms: Vec<Pseudonym> =
                (0..before.len()).map(|place| Pseudonym::parse(&text(place)).unwrap()).collect();
            put(&mut payment, &mut pseudonyms.into_iter());
            assert!(is_named(&payment) && payment.merchant.as_deref() == Some("shop"));
            let after: Vec<(&str, String)> =
                identifiers("bank", &payment).map(|(field, one)| (field, one.id.to_owned())).collect();
            let fields = before.iter().enumerate().map(|(place, (field, _))| (*field, text(place)));
            assert_eq!(after, fields.collect::<Vec<_>>());
        }
    }

    #[test]
    fn callers_hear_nothing_of_paths() {
        assert_eq!(vault_error(VaultError::Full { most: 3 }), ServiceError::VaultFull);
        assert!(matches!(vault_error(VaultError::Busy), ServiceError::Overloaded { queue: "vault", .. }));
        let stopped = vault_error(VaultError::Stopped("no space left on /secret/place".into()));
        assert!(matches!(stopped, ServiceError::Vault(_)));
    }
}
