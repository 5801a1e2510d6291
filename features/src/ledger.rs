//! What is known of an entity where it takes part in a payment itself: exact windows, distinct counterparts, reports, habits.

use crate::habit::Habit;
use crate::memory::prefetch;
use crate::times::Times;
use crate::windows::Windows;
use fraudnet_graph::Relation;

/// Record of one entity: 128 bytes, two cache lines, and what it points at.
#[derive(Debug, Default, PartialEq)]
#[repr(align(64))]
pub(crate) struct Ledger {
    /// Generation of the entity plus one; 0 where the record was never used.
    pub(crate) stamp: u32,
    /// Payments made by the account, or through the device, IP or merchant.
    pub(crate) paid: Windows,
    /// Distinct counterparts over two relations: account–device or device–IP, and account–IP or account–merchant.
    counterparts: [Times; 2],
    /// When the standing fraud reports on the entity's payments became known.
    reports: Option<Box<Times>>,
    /// What only accounts have.
    pub(crate) account: Option<Box<AccountLedger>>,
}

const _: () = assert!(size_of::<Ledger>() == 128);

/// What only accounts have.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct AccountLedger {
    /// Payments received from other accounts.
    pub(crate) received: Windows,
    /// Habits of paying.
    pub(crate) habit: Habit,
    /// Merchants paid.
    merchants: Times,
    /// Accounts money was exchanged with, either way.
    partners: Times,
}

/// Where an entity keeps its counterparts of a relation.
enum Place {
    Own(usize),
    Merchants,
    Partners,
}

/// An account has four relations, the other kinds at most two, which stand in the record itself.
fn place(relation: Relation, of_account: bool) -> Place {
    match (relation, of_account) {
        (Relation::AccountDevice, true) | (Relation::DeviceIp, _) => Place::Own(0),
        (Relation::AccountIp, true) => Place::Own(1),
        (Relation::AccountMerchant, true) => Place::Merchants,
        (Relation::AccountAccount, _) => Place::Partners,
        (Relation::AccountDevice | Relation::AccountIp | Relation::AccountMerchant, false) => Place::Own(1),
    }
}

impl Ledger {
    /// An empty record for the entity of that stamp.
    pub(crate) fn new(stamp: u32) -> Self {
        Ledger { stamp, ..Ledger::default() }
    }

    /// Asks the memory for what the record points at.
    pub(crate) fn prefetch(&self) {
        self.paid.prefetch();
        self.counterparts.iter().for_each(Times::prefetch);
        if let Some(account) = &self.account {
            prefetch(&**account);
        }
    }

    /// Account part, made where it is missing.
    pub(crate) fn of_account(&mut self) -> &mut AccountLedger {
        self.account.get_or_insert_default()
    }

    /// The entity was active with a counterpart with which it was last active at `previous_s`.
    pub(crate) fn meet(&mut self, relation: Relation, of_account: bool, previous_s: Option<u32>, now_s: u32) {
        let times = match place(relation, of_account) {
            Place::Own(slot) => &mut self.counterparts[slot],
            Place::Merchants => &mut self.of_account().merchants,
            Place::Partners => &mut self.of_account().partners,
        };
        times.renew(previous_s, now_s);
    }

    /// Distinct counterparts over a relation within each window of [`crate::times`].
    pub(crate) fn distinct(&self, relation: Relation, of_account: bool, now_s: u32) -> [u32; 4] {
        let account = self.account.as_deref();
        let times = match place(relation, of_account) {
            Place::Own(slot) => Some(&self.counterparts[slot]),
            Place::Merchants => account.map(|account| &account.merchants),
            Place::Partners => account.map(|account| &account.partners),
        };
        times.map_or([0; 4], |times| times.counts(now_s))
    }

    /// A payment of the entity was reported as fraud.
    pub(crate) fn report(&mut self, known_s: u32, now_s: u32) {
        self.reports.get_or_insert_default().add(known_s, now_s);
    }

    /// A report that counted from `known_s` no longer stands.
    pub(crate) fn take_back(&mut self, known_s: u32) {
        if let Some(reports) = &mut self.reports {
            reports.remove(known_s);
        }
    }

    /// Standing reports that became known within each window of [`crate::times`].
    pub(crate) fn reports(&self, now_s: u32) -> [u32; 4] {
        self.reports.as_ref().map_or([0; 4], |reports| reports.counts(now_s))
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.stamp.to_le_bytes());
        self.paid.hash(hasher);
        self.counterparts.iter().for_each(|times| times.hash(hasher));
        hasher.update(&[u8::from(self.reports.is_some()), u8::from(self.account.is_some())]);
        if let Some(reports) = &self.reports {
            reports.hash(hasher);
        }
        if let Some(account) = &self.account {
            account.received.hash(hasher);
            account.habit.hash(hasher);
            account.merchants.hash(hasher);
            account.partners.hash(hasher);
        }
    }
}
