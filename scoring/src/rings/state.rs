//! The fold. Equal calls in equal order give equal rings.

use super::cases::{OpenCase, OpenCases};
use super::identity::RingRow;
use super::input::{RingPayment, RingVerdict};
use super::links::{Link, Links};
use super::nodes::Nodes;
use super::settings::RingSettings;
use super::slab::{NONE, Slab};
use super::tie::NEW_FOR_S;
use super::window::{Paid, SHARED, Window};
use fraudnet_graph::{Kind, entity_key, hundredths};
use std::collections::HashMap;

/// All rings of all tenants.
#[derive(Debug, Clone)]
pub struct Rings {
    pub(super) settings: RingSettings,
    /// The latest payment's or label's effective time.
    pub(super) now_s: u32,
    /// The first payment's.
    began_s: Option<u32>,
    /// The next position of the log.
    pub(super) position: u64,
    pub(super) window: Window,
    pub(super) nodes: Nodes,
    pub(super) links: Links,
    pub(super) rings: Slab<RingRow>,
    pub(super) cases: OpenCases,
    /// Entities around which accounts may hang together differently since rings were last settled.
    pub(super) changed: Vec<u32>,
    /// Entities that lost a payment since then; those without any leave.
    pub(super) idle: Vec<u32>,
    /// The walk under way.
    pub(super) walk: u32,
    shortened: u64,
    not_followed: u64,
}

/// Counts and sizes for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingStats {
    /// Payments in the window: those with a device, an address or a receiver.
    pub payments: usize,
    /// Entities they name.
    pub entities: usize,
    /// Accounts with what they used.
    pub links: usize,
    /// Rings now.
    pub rings: usize,
    /// Accounts of the largest one.
    pub largest: usize,
    /// Since when the window reaches, seconds since the epoch.
    pub since_s: u32,
    /// Payments that left early because there were too many.
    pub shortened: u64,
    /// Payments not followed because there were too many tenants.
    pub not_followed: u64,
    /// Bytes held.
    pub bytes: u64,
}

impl Rings {
    /// No rings yet. Settings out of bounds count as the nearest bound.
    pub fn new(settings: RingSettings) -> Rings {
        Rings {
            settings: settings.bounded(),
            now_s: 0,
            began_s: None,
            position: 0,
            window: Window::new(),
            nodes: Nodes::new(),
            links: Links::new(),
            rings: Slab::new(),
            cases: OpenCases::default(),
            changed: Vec::new(),
            idle: Vec::new(),
            walk: 0,
            shortened: 0,
            not_followed: 0,
        }
    }

    /// A new payment. One without device, address and receiver ties nobody and is left out.
    pub fn payment(&mut self, position: u64, told: RingPayment<'_>) {
        self.advance(position, told.at_s);
        self.follow(told);
        self.settle();
    }

    /// What stands now of a payment; one that is not in the window is left alone.
    pub fn label(&mut self, position: u64, tenant: &str, transaction_id: &str, fraud: bool, at_s: u32) {
        self.advance(position, at_s);
        self.revise(tenant, transaction_id, |paid| paid.fraud = Some(fraud));
        self.settle();
    }

    /// The verdict of a payment; one that is not in the window is left alone. Moves no clock.
    pub fn verdict(&mut self, position: u64, told: RingVerdict<'_>) {
        self.advance(position, self.now_s);
        self.revise(told.tenant, told.transaction_id, |paid| {
            paid.probability = (told.fraud_probability.clamp(0.0, 1.0) * 10_000.0).round() as u16;
            paid.is_held = told.is_held;
        });
        self.settle();
    }

    /// The open cases that the tenant's accounts have from now on, by account: shown with their rings, and nothing else comes of them.
    pub fn open_cases(&mut self, tenant: &str, cases: HashMap<String, OpenCase>) {
        if let Some(tenant) = self.nodes.known_tenant(tenant) {
            self.cases.replace(tenant, cases);
        }
    }

    /// The position of the log after the last entry that was taken in.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Counts and sizes.
    pub fn stats(&self) -> RingStats {
        RingStats {
            payments: self.window.len(),
            entities: self.nodes.len(),
            links: self.links.len(),
            rings: self.living().count(),
            largest: self.living().map(|(_, ring)| ring.accounts).max().unwrap_or(0),
            since_s: self.window.oldest().map_or(self.now_s, |paid| paid.at_s),
            shortened: self.shortened,
            not_followed: self.not_followed,
            bytes: self.window.bytes() + self.nodes.bytes() + self.links.bytes() + self.rings.bytes(),
        }
    }

    /// Rings that something ties now.
    pub(super) fn living(&self) -> impl Iterator<Item = (u32, &RingRow)> {
        self.rings.iter().filter(|(_, ring)| !ring.ties.is_empty())
    }

    fn advance(&mut self, position: u64, at_s: u32) {
        self.position = self.position.max(position.saturating_add(1));
        self.now_s = self.now_s.max(at_s);
        let Some(until_s) = self.now_s.checked_sub(self.settings.window_s()) else { return };
        while self.window.oldest().is_some_and(|paid| paid.at_s <= until_s) {
            self.leave();
        }
    }

    fn follow(&mut self, told: RingPayment<'_>) {
        let payment = told.payment;
        let began_s = *self.began_s.get_or_insert(told.at_s);
        let receiver = payment.counterparty.as_deref().filter(|&other| other != payment.account);
        let shared =
            [(Kind::Device, payment.device.as_deref()), (Kind::Ip, payment.ip.as_deref()), (Kind::Account, receiver)];
        if shared.iter().all(|(_, name)| name.is_none()) {
            return;
        }
        let Some(tenant) = self.nodes.tenant(told.tenant) else {
            self.not_followed += 1;
            return;
        };
        let key = entity_key(told.tenant, Kind::Account, &payment.transaction_id);
        if self.window.find(key).is_some() {
            return;
        }
        while self.window.len() >= self.settings.max_payments as usize {
            self.leave();
            self.shortened += 1;
        }
        let at_s = self.now_s;
        // Whoever was there when the log began is not new, though seen for the first time.
        let is_new = told.known_since_s >= began_s.saturating_add(NEW_FOR_S)
            && at_s < told.known_since_s.saturating_add(NEW_FOR_S);
        let account = self.nodes.name(tenant, Kind::Account, &payment.account);
        let merchant = payment.merchant.as_ref().map_or(NONE, |name| self.nodes.name(tenant, Kind::Merchant, name));
        let number = self.window.next();
        let (mut links, mut previous) = ([NONE; SHARED], [NONE; SHARED]);
        for (place, (kind, name)) in shared.into_iter().enumerate() {
            let Some(name) = name else { continue };
            let entity = self.nodes.name(tenant, kind, name);
            let known = self.links.find(account, entity);
            let link = known.unwrap_or_else(|| self.links.insert(&mut self.nodes, account, entity, at_s, is_new));
            self.change(link, |link| {
                previous[place] = link.newest;
                link.newest = number;
                link.payments += 1;
            });
            if known.is_none() && self.links.joins(&self.nodes, link) {
                self.changed.push(entity);
            }
            links[place] = link;
        }
        let amount_hundredths = hundredths(payment.amount_minor, payment.currency);
        let (probability, is_held, fraud) = (0, false, None);
        self.window.push(Paid {
            key,
            amount_hundredths,
            at_s,
            account,
            merchant,
            links,
            previous,
            probability,
            is_held,
            fraud,
        });
        self.used_together(links, true);
    }

    /// The oldest payment leaves, and with it links that no other goes over.
    fn leave(&mut self) {
        let Some(paid) = self.window.pop() else { return };
        let risk = paid.risk();
        self.used_together(paid.links, false);
        for number in paid.links() {
            self.change(number, |link| {
                link.payments -= 1;
                count(link, risk, false);
            });
            let Link { shared, payments, .. } = self.links[number];
            if payments == 0 {
                if self.links.joins(&self.nodes, number) {
                    self.changed.push(shared);
                }
                self.links.remove(&mut self.nodes, number);
                self.retie(shared);
            }
            self.unname(shared);
        }
        self.unname(paid.account);
        if paid.merchant != NONE {
            self.unname(paid.merchant);
        }
    }

    fn unname(&mut self, node: u32) {
        if self.nodes.unname(node) {
            self.idle.push(node);
        }
    }

    /// Something new is known of a payment.
    fn revise(&mut self, tenant: &str, transaction_id: &str, revise: impl FnOnce(&mut Paid)) {
        let Some(number) = self.window.find(entity_key(tenant, Kind::Account, transaction_id)) else { return };
        let Some(paid) = self.window.get_mut(number) else { return };
        let before = paid.risk();
        revise(paid);
        let (after, links) = (paid.risk(), paid.links());
        if before == after {
            return;
        }
        for link in links {
            self.change(link, |link| {
                count(link, before, false);
                count(link, after, true);
            });
        }
    }

    /// Changes a link and what follows from it.
    fn change(&mut self, number: u32, change: impl FnOnce(&mut Link)) {
        let (joined, before) = (self.links.joins(&self.nodes, number), self.links[number].risk());
        let link = &mut self.links[number];
        change(link);
        let (shared, after) = (link.shared, link.risk());
        if before != after {
            let sharing = &mut self.nodes[shared].sharing;
            sharing.count(before, false);
            sharing.count(after, true);
        }
        self.retie(shared);
        if joined != self.links.joins(&self.nodes, number) {
            self.changed.push(shared);
        }
    }

    /// A payment that uses several ties makes them hang together, and no longer does once it left.
    fn used_together(&mut self, links: [u32; SHARED], is_new: bool) {
        let joined = links.into_iter().filter(|&link| link != NONE && self.links.joins(&self.nodes, link));
        let ties: Vec<u32> = joined.map(|link| self.links[link].shared).collect();
        let ring = |tie: u32| (self.nodes[tie].is_member, self.nodes[tie].ring);
        let is_known = is_new && ties.iter().all(|&tie| ring(tie) == ring(ties[0]) && ring(tie).0);
        if ties.len() > 1 && !is_known {
            self.changed.extend(ties);
        }
    }

    fn retie(&mut self, shared: u32) {
        let node = &mut self.nodes[shared];
        let tie = node.sharing.tie();
        if node.tie != tie {
            node.tie = tie;
            self.changed.push(shared);
        }
    }
}

fn count(link: &mut Link, risk: super::tie::Risk, more: bool) {
    use super::tie::Risk;
    let counter = match risk {
        Risk::Nothing => return,
        Risk::Held => &mut link.held,
        Risk::Reported => &mut link.reported,
    };
    *counter = if more { *counter + 1 } else { *counter - 1 };
}
