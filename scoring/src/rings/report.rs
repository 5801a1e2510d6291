//! What people ask: rings by rank, one ring, the ring of an account. Asked of one tenant at a time.

use super::cases::OpenCase;
use super::drawing::RingGraph;
use super::figures::Figures;
use super::state::Rings;
use fraudnet_graph::Kind;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most rings of a list.
pub const MAX_LISTED: usize = 1_000;
/// Most members told of one ring, the most important first.
pub const MAX_MEMBERS: usize = 500;
/// Days of growth told.
pub const GROWTH_DAYS: usize = 30;

/// A ring in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RingSummary {
    /// Its id.
    pub ring_id: String,
    /// Its place among the tenant's rings by expected loss, from 1.
    pub rank: usize,
    /// Accounts, receiving ones included.
    pub accounts: usize,
    /// Devices that tie them.
    pub devices: usize,
    /// Addresses that tie them.
    pub ips: usize,
    /// Merchants that were paid.
    pub merchants: usize,
    /// Payments that members made over what ties them, within the window.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// Of them, held or declined, and not reported or cleared since.
    pub held: u32,
    /// Their amounts, in hundredths of the major unit.
    pub amount_hundredths: u64,
    /// Expected loss, by which rings are ranked.
    pub expected_loss_hundredths: u64,
    /// How sure it is, 0–1: share of accounts at risk.
    pub score: f64,
    /// Members with an open case.
    pub open_cases: usize,
    /// First of these payments, UTC milliseconds.
    pub first_at_ms: i64,
    /// Last of these payments, UTC milliseconds.
    pub last_at_ms: i64,
    /// Accounts that came to it on the last seven days (UTC, today included).
    pub growth_accounts_7d: u32,
    /// False where it has more payments than are read: what is counted is of some of them then.
    pub is_whole: bool,
}

/// One ring.
#[derive(Debug, Clone)]
pub struct Ring {
    /// In numbers.
    pub summary: RingSummary,
    /// Members, the most important first; [`MAX_MEMBERS`] at most.
    pub members: Vec<RingMember>,
    /// Members that were left out.
    pub members_left_out: usize,
    /// The last [`GROWTH_DAYS`] days, UTC, oldest first, today last.
    pub growth: Vec<GrowthDay>,
    /// For drawing.
    pub graph: RingGraph,
}

/// A member of a ring: an account, or what ties accounts together.
#[derive(Debug, Clone, PartialEq)]
pub struct RingMember {
    /// Its kind.
    pub kind: Kind,
    /// Its identifier.
    pub id: String,
    /// Payments of the ring that it made, carried or received.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// Since when it is tied to others, UTC milliseconds.
    pub since_ms: i64,
    /// The account's open case.
    pub open_case: Option<OpenCase>,
}

/// A day of a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GrowthDay {
    /// Its beginning, UTC milliseconds.
    pub at_ms: i64,
    /// Accounts that came to the ring on it.
    pub accounts: u32,
    /// Amounts of the ring's payments on it.
    pub amount_hundredths: u64,
}

impl Rings {
    /// The tenant's rings by rank, `limit` at most and [`MAX_LISTED`] at most.
    pub fn list(&self, tenant: &str, limit: usize) -> Vec<RingSummary> {
        let ranked = self.ranked(tenant);
        ranked.into_iter().take(limit.min(MAX_LISTED)).map(|(_, _, summary)| summary).collect()
    }

    /// The tenant's ring of that id; none where there is none (any more).
    pub fn ring(&self, tenant: &str, ring_id: &str) -> Option<Ring> {
        let mut ranked = self.ranked(tenant);
        let place = ranked.iter().position(|(_, _, summary)| summary.ring_id == ring_id)?;
        let (_, mut figures, summary) = ranked.swap_remove(place);
        figures.members.sort_by_key(|member| {
            let node = &self.nodes[member.node];
            (Reverse(member.risk), node.kind, Reverse((member.ties, member.payments)), &node.name)
        });
        let members = figures.members.iter().take(MAX_MEMBERS).map(|member| {
            let node = &self.nodes[member.node];
            RingMember {
                kind: node.kind,
                id: node.name.to_string(),
                payments: member.payments,
                reported: member.reported,
                since_ms: milliseconds(member.since_s),
                open_case: self.open_case_of(member.node).cloned(),
            }
        });
        Some(Ring {
            summary,
            members: members.collect(),
            members_left_out: figures.members.len().saturating_sub(MAX_MEMBERS),
            graph: self.draw(&figures),
            growth: figures.growth,
        })
    }

    /// Ids of the rings that an account is in, that with most of its payments first. Mostly one at most; a stolen card may be in two.
    pub fn rings_of(&self, tenant: &str, account: &str) -> Vec<&str> {
        let found = self.nodes.known_tenant(tenant).and_then(|tenant| self.nodes.find(tenant, Kind::Account, account));
        let Some(node) = found else { return Vec::new() };
        let mut payments: BTreeMap<u32, u32> = BTreeMap::new();
        if self.nodes[node].is_member {
            payments.insert(self.nodes[node].ring, 0);
        }
        for link in self.links.joined_of(&self.nodes, node).map(|link| &self.links[link]) {
            let tie = &self.nodes[link.shared];
            if tie.is_member {
                *payments.entry(tie.ring).or_default() += link.payments;
            }
        }
        let mut rings: Vec<_> =
            payments.into_iter().map(|(ring, payments)| (Reverse(payments), self.rings[ring].id.as_str())).collect();
        rings.sort_unstable();
        rings.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn open_case_of(&self, node: u32) -> Option<&OpenCase> {
        let node = &self.nodes[node];
        if node.kind == Kind::Account { self.cases.get(node.tenant, &node.name) } else { None }
    }

    /// All rings of a tenant, the largest expected loss first.
    fn ranked(&self, tenant: &str) -> Vec<(u32, Figures, RingSummary)> {
        let Some(tenant) = self.nodes.known_tenant(tenant) else { return Vec::new() };
        let mine = self.living().filter(|(_, ring)| ring.tenant == tenant).map(|(number, _)| number);
        let mut ranked: Vec<_> = mine
            .map(|ring| {
                let figures = self.figures(ring);
                let summary = self.summary(ring, &figures);
                (ring, figures, summary)
            })
            .collect();
        ranked.sort_by(|(_, _, left), (_, _, right)| {
            let by = |ring: &RingSummary| Reverse((ring.expected_loss_hundredths, ring.reported, ring.accounts));
            by(left).cmp(&by(right)).then_with(|| left.ring_id.cmp(&right.ring_id))
        });
        for (place, (_, _, summary)) in ranked.iter_mut().enumerate() {
            summary.rank = place + 1;
        }
        ranked
    }

    fn summary(&self, ring: u32, figures: &Figures) -> RingSummary {
        let of = |kind| figures.members.iter().filter(|member| self.nodes[member.node].kind == kind).count();
        let mut merchants: Vec<u32> = figures.merchants.keys().map(|&(_, merchant)| merchant).collect();
        merchants.sort_unstable();
        merchants.dedup();
        let week = figures.growth.iter().rev().take(7);
        RingSummary {
            ring_id: self.rings[ring].id.clone(),
            rank: 0,
            accounts: of(Kind::Account),
            devices: of(Kind::Device),
            ips: of(Kind::Ip),
            merchants: merchants.len(),
            payments: figures.payments,
            reported: figures.reported,
            held: figures.held,
            amount_hundredths: figures.amount_hundredths,
            expected_loss_hundredths: figures.loss_hundredths,
            score: figures.score as f64 / 10_000.0,
            open_cases: figures.members.iter().filter(|member| self.open_case_of(member.node).is_some()).count(),
            first_at_ms: milliseconds(figures.first_s),
            last_at_ms: milliseconds(figures.last_s),
            growth_accounts_7d: week.map(|day| day.accounts).sum(),
            is_whole: figures.is_whole,
        }
    }
}

pub(super) fn milliseconds(at_s: u32) -> i64 {
    i64::from(at_s) * 1_000
}
