//! What is known of an entity where it takes part in a payment itself: exact windows, distinct counterparts, reports, habits.

use crate::habit::Habit;
use crate::latest::Latest;
use crate::memory::prefetch;
use crate::peaks::Peaks;
use crate::times::{Span, Times};
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
    pub(crate) counterparts: [Times; 2],
    /// When payments were lately made by it, through it or to it that were large for their payer.
    pub(crate) large: Latest,
    /// Fraud reports on its payments, and large payments before those. Most entities have none.
    pub(crate) marks: Option<Box<Marks>>,
    /// What only accounts have.
    pub(crate) account: Option<Box<AccountLedger>>,
}

const _: () = assert!(size_of::<Ledger>() == 128);

/// When payments of an entity stood out.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Marks {
    /// When the standing fraud reports on its payments became known.
    pub(crate) reports: Times,
    /// When payments large for their payer were made before those of [`Ledger::large`].
    pub(crate) large: Times,
}

/// What only accounts have.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct AccountLedger {
    /// Payments received from other accounts.
    pub(crate) received: Windows,
    /// Habits of paying.
    pub(crate) habit: Habit,
    /// Amounts paid, major units.
    pub(crate) peaks: Peaks,
    /// Merchants paid.
    pub(crate) merchants: Times,
    /// Accounts money was exchanged with, either way.
    pub(crate) partners: Times,
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

    /// Asks the memory for the marks, which few payments touch.
    pub(crate) fn prefetch_marks(&self) {
        if let Some(marks) = &self.marks {
            prefetch(&**marks);
        }
    }

    /// A payment of the entity was reported as fraud.
    pub(crate) fn report(&mut self, known_s: u32, now_s: u32) {
        self.marks.get_or_insert_default().reports.add(known_s, now_s);
    }

    /// A report that counted from `known_s` no longer stands.
    pub(crate) fn take_back(&mut self, known_s: u32) {
        if let Some(marks) = &mut self.marks {
            marks.reports.remove(known_s);
        }
    }

    /// Asks the memory for what the marks point at where earlier large payments are kept.
    pub(crate) fn prefetch_earlier_large(&self) {
        if let Some(marks) = &self.marks {
            marks.large.prefetch();
        }
    }

    /// A payment of the entity was large for its payer.
    pub(crate) fn pay_large(&mut self, now_s: u32) {
        if let Some(earlier_s) = self.large.push(now_s) {
            self.marks.get_or_insert_default().large.add(earlier_s, now_s);
        }
    }

    /// Standing reports that became known within each window of [`crate::times`].
    pub(crate) fn reports(&self, now_s: u32) -> [u32; 4] {
        self.marks.as_ref().map_or([0; 4], |marks| marks.reports.counts(now_s))
    }

    /// When the first and the last of the standing reports within 30 days became known.
    pub(crate) fn reports_span(&self, now_s: u32) -> Option<Span> {
        self.marks.as_ref().and_then(|marks| marks.reports.span(now_s))
    }

    /// Payments large for their payer within each window of [`crate::times`].
    pub(crate) fn large(&self, now_s: u32) -> [u32; 4] {
        self.large.counts(self.earlier_large(), now_s)
    }

    /// When the first and the last of them within 30 days were made.
    pub(crate) fn large_span(&self, now_s: u32) -> Option<Span> {
        self.large.span(self.earlier_large(), now_s)
    }

    fn earlier_large(&self) -> Option<&Times> {
        self.marks.as_ref().map(|marks| &marks.large)
    }

    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.stamp.to_le_bytes());
        self.paid.hash(hasher);
        self.counterparts.iter().for_each(|times| times.hash(hasher));
        self.large.hash(hasher);
        hasher.update(&[u8::from(self.marks.is_some()), u8::from(self.account.is_some())]);
        if let Some(marks) = &self.marks {
            marks.reports.hash(hasher);
            marks.large.hash(hasher);
        }
        if let Some(account) = &self.account {
            account.received.hash(hasher);
            account.habit.hash(hasher);
            account.peaks.hash(hasher);
            account.merchants.hash(hasher);
            account.partners.hash(hasher);
        }
    }
}
