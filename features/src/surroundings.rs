//! The sampled nodes as feature code sees them, and what the payment's own columns take from them.
//!
//! Cost: one graph record and one pulse a node (two cache misses each where cold, asked for together), then one pass over
//! the links; 2–4 µs for 128 nodes and 400 links.

use crate::columns::share;
use crate::entity_facts::EntityFactsBook;
use crate::pulse::Pulse;
use fraudnet_graph::{Graph, Kind, Link, MAX_NODES, RELATION_COUNT, Relation, Subgraph, UNSEEN};

/// An entity counts as young until it is a week old.
pub(crate) const YOUNG_S: f32 = 604_800.0;

/// What a node's rows are computed from.
#[derive(Clone, Copy, Default)]
pub(crate) struct Met<'a> {
    pub(crate) seen: bool,
    pub(crate) age_s: f32,
    pub(crate) idle_s: f32,
    pub(crate) payments: f32,
    pub(crate) reported: f32,
    /// Standing reports known within 7 and 30 days.
    pub(crate) reports: [f32; 2],
    pub(crate) degree: [f32; RELATION_COUNT],
    pub(crate) neighbours: f32,
    pub(crate) pulse: Option<&'a Pulse>,
    pub(crate) linked: Linked,
}

/// What a linked node adds to the other's sums.
#[derive(Clone, Copy)]
struct Neighbour {
    age_s: f32,
    reported: f32,
    neighbours: f32,
}

impl Met<'_> {
    fn as_neighbour(&self) -> Neighbour {
        Neighbour { age_s: self.age_s, reported: self.reported, neighbours: self.neighbours }
    }
}

/// What a node is linked to: over the links of its row or, at hop 3, over the links that reach it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Linked {
    pub(crate) links: f32,
    pub(crate) payments: f32,
    pub(crate) edge_reported: f32,
    pub(crate) reported: f32,
    pub(crate) young: f32,
    pub(crate) reporters: f32,
    pub(crate) youngest_age_s: f32,
    pub(crate) largest_degree: f32,
    pub(crate) newest_idle_s: f32,
}

/// Nodes of the payment's own entities; the account is node 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Own {
    pub(crate) device: Option<usize>,
    pub(crate) ip: Option<usize>,
    pub(crate) merchant: Option<usize>,
    pub(crate) counterparty: Option<usize>,
}

/// Sums over the sample.
#[derive(Default)]
pub(crate) struct Surroundings {
    pub(crate) own: Own,
    /// Nodes by hop.
    pub(crate) nodes: [f32; 4],
    /// Reported payments of the nodes by hop.
    pub(crate) reported: [f32; 4],
    /// Reports that became known within 7 and 30 days on the nodes by hop.
    pub(crate) reports: [[f32; 2]; 4],
    /// Most of those of 30 days on one node, by hop.
    pub(crate) most_reports_30d: [f32; 4],
    /// Shares of hop 1's merchants.
    pub(crate) hop_1_merchants: Company,
    /// Shares of hop 2's accounts.
    pub(crate) hop_2: Company,
    /// Shares of the other accounts linked to the payment's device, IP, merchant and counterparty.
    pub(crate) device: Company,
    pub(crate) ip: Company,
    pub(crate) merchant: Company,
    pub(crate) counterparty: Company,
    /// The payment's own device, IP and counterparty, as far as another recent account is linked to them.
    pub(crate) shared_entities: f32,
    /// Other accounts linked to two or more of the payment's own entities.
    pub(crate) accounts_sharing_two: f32,
    /// Links a node.
    pub(crate) links_per_node: f32,
    pub(crate) truncated: f32,
}

/// Accounts (or, where it says so, merchants) in some company.
#[derive(Clone, Copy, Default)]
pub(crate) struct Company {
    /// Share of them less than a week old.
    pub(crate) young_share: f32,
    /// Share of them with a reported payment.
    pub(crate) reported_share: f32,
    /// Share of them with a report that became known within 30 days.
    pub(crate) reported_30d_share: f32,
    /// How many they are.
    members: f32,
}

/// Reads graph and pulse of every node, then the links.
pub(crate) fn meet<'a>(
    graph: &Graph,
    book: &'a EntityFactsBook,
    subgraph: &Subgraph,
    now_s: u32,
) -> [Met<'a>; MAX_NODES] {
    let mut met = [Met::default(); MAX_NODES];
    for node in &subgraph.nodes {
        book.prefetch_pulse(node.entity);
        if node.own {
            book.prefetch_ledger(node.entity);
        }
    }
    for (met, node) in met.iter_mut().zip(&subgraph.nodes) {
        if node.entity == UNSEEN {
            continue;
        }
        let facts = graph.entity(node.entity);
        met.seen = true;
        met.age_s = now_s.saturating_sub(facts.first_s) as f32;
        met.idle_s = now_s.saturating_sub(facts.last_s) as f32;
        met.payments = facts.payments as f32;
        met.reported = facts.reported as f32;
        met.degree = facts.degree.map(|degree| degree as f32);
        met.neighbours = met.degree.iter().sum();
        met.pulse = book.pulse(node.entity, facts.generation);
        // Few entities carry reports, so that the wide record is rarely touched.
        if facts.reported > 0
            && let Some(ledger) = book.ledger(node.entity, facts.generation)
        {
            let reports = ledger.reports(now_s);
            met.reports = [reports[crate::times::D7] as f32, reports[crate::times::D30] as f32];
        }
    }
    // The payment's columns read on from these ledgers once the links are summed up.
    for node in subgraph.nodes.iter().filter(|node| node.own && node.entity != UNSEEN) {
        if let Some(ledger) = book.ledger(node.entity, graph.entity(node.entity).generation) {
            ledger.prefetch();
            ledger.prefetch_marks();
        }
    }
    for row in 0..subgraph.row_ends.len() {
        for link in subgraph.row(row) {
            let other = usize::from(link.node);
            let (from_row, from_other) = (met[other].as_neighbour(), met[row].as_neighbour());
            add(&mut met[row].linked, link, from_row, now_s);
            if subgraph.nodes[other].hop == 3 {
                add(&mut met[other].linked, link, from_other, now_s);
            }
        }
    }
    met
}

fn add(linked: &mut Linked, link: &Link, other: Neighbour, now_s: u32) {
    let idle_s = if link.facts.count > 0 { now_s.saturating_sub(link.facts.last_s) as f32 } else { 0.0 };
    if linked.links == 0.0 {
        (linked.youngest_age_s, linked.newest_idle_s) = (other.age_s, idle_s);
    }
    linked.links += 1.0;
    linked.payments += link.facts.count as f32;
    linked.edge_reported += link.facts.reported as f32;
    linked.reported += other.reported;
    linked.young += f32::from(u8::from(other.age_s < YOUNG_S));
    linked.reporters += f32::from(u8::from(other.reported > 0.0));
    linked.youngest_age_s = linked.youngest_age_s.min(other.age_s);
    linked.newest_idle_s = linked.newest_idle_s.min(idle_s);
    linked.largest_degree = linked.largest_degree.max(other.neighbours);
}

impl Surroundings {
    /// Sums up the sample.
    pub(crate) fn of(subgraph: &Subgraph, met: &[Met<'_>; MAX_NODES]) -> Self {
        let mut surroundings =
            Surroundings { own: Own::find(subgraph), truncated: subgraph.truncated as f32, ..Surroundings::default() };
        for (node, met) in subgraph.nodes.iter().zip(met) {
            let hop = usize::from(node.hop);
            surroundings.nodes[hop] += 1.0;
            surroundings.reported[hop] += met.reported;
            surroundings.reports[hop][0] += met.reports[0];
            surroundings.reports[hop][1] += met.reports[1];
            surroundings.most_reports_30d[hop] = surroundings.most_reports_30d[hop].max(met.reports[1]);
        }
        let accounts = |node: &usize| subgraph.nodes[*node].kind == Kind::Account;
        let merchants = |node: &usize| subgraph.nodes[*node].kind == Kind::Merchant;
        surroundings.hop_1_merchants =
            Company::of((0..subgraph.nodes.len()).filter(|node| subgraph.nodes[*node].hop == 1).filter(merchants), met);
        surroundings.hop_2 =
            Company::of((0..subgraph.nodes.len()).filter(|node| subgraph.nodes[*node].hop == 2).filter(accounts), met);
        let around = |node: Option<usize>| {
            let row = node.map_or(&[][..], |node| subgraph.row(node));
            Company::of(row.iter().map(|link| usize::from(link.node)).filter(|node| *node != 0).filter(accounts), met)
        };
        let own = surroundings.own;
        surroundings.device = around(own.device);
        surroundings.ip = around(own.ip);
        surroundings.merchant = around(own.merchant);
        surroundings.counterparty = around(own.counterparty);
        surroundings.shared_entities = [surroundings.device, surroundings.ip, surroundings.counterparty]
            .iter()
            .map(|company| company.members.min(1.0))
            .sum();
        surroundings.accounts_sharing_two = accounts_sharing_two(subgraph, &own);
        surroundings.links_per_node = share(subgraph.links.len() as f32, subgraph.nodes.len() as f32);
        surroundings
    }
}

/// Accounts other than the payer that are linked to two or more of its device, IP, merchant and counterparty.
fn accounts_sharing_two(subgraph: &Subgraph, own: &Own) -> f32 {
    let mut shared = [0u8; MAX_NODES];
    for entity in [own.device, own.ip, own.merchant, own.counterparty].into_iter().flatten() {
        // A relation links two nodes at most once, so that one row counts an account once.
        for link in subgraph.row(entity) {
            shared[usize::from(link.node)] += 1;
        }
    }
    let others = subgraph.nodes.iter().zip(shared).skip(1);
    others.filter(|(node, shared)| node.kind == Kind::Account && *shared >= 2).count() as f32
}

impl Own {
    /// The centre's own links say which nodes they are.
    fn find(subgraph: &Subgraph) -> Self {
        let of = |relation: Relation| {
            subgraph.row(0).iter().find(|link| link.own && link.relation == relation).map(|link| usize::from(link.node))
        };
        Own {
            device: of(Relation::AccountDevice),
            ip: of(Relation::AccountIp),
            merchant: of(Relation::AccountMerchant),
            counterparty: of(Relation::AccountAccount),
        }
    }
}

impl Company {
    fn of(nodes: impl Iterator<Item = usize>, met: &[Met<'_>; MAX_NODES]) -> Self {
        let (mut members, mut young, mut reported, mut reported_30d) = (0.0, 0.0, 0.0, 0.0);
        for node in nodes {
            members += 1.0;
            young += f32::from(u8::from(met[node].age_s < YOUNG_S));
            reported += f32::from(u8::from(met[node].reported > 0.0));
            reported_30d += f32::from(u8::from(met[node].reports[1] > 0.0));
        }
        Company {
            young_share: share(young, members),
            reported_share: share(reported, members),
            reported_30d_share: share(reported_30d, members),
            members,
        }
    }
}
