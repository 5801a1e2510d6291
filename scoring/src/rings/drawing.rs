//! A ring as people look at it: a petgraph value of its most important entities.
//!
//! First what ties the most accounts, then the accounts on that, those at risk first, then the merchants that most of them paid. Whatever
//! place one of the three does not need, the next has. Each pair of nodes is joined at most once.

use super::cases::OpenCase;
use super::figures::{Figures, MemberFigures, Traffic};
use super::report::milliseconds;
use super::state::Rings;
use fraudnet_graph::{Kind, Relation};
use petgraph::graph::{NodeIndex, UnGraph};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most nodes drawn.
pub const MAX_DRAWN: usize = 128;
/// Of them devices, addresses and receivers at first.
const TIES_DRAWN: usize = 40;
/// Of them merchants.
const MERCHANTS_DRAWN: usize = 12;

/// A ring for drawing.
pub type RingGraph = UnGraph<RingNode, RingLink>;

/// A node drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingNode {
    /// Kind of the entity.
    pub kind: Kind,
    /// Its identifier.
    pub id: String,
    /// Payments of the ring that it made, carried or received.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// The account's open case.
    pub open_case: Option<OpenCase>,
}

/// A link drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLink {
    /// What it says.
    pub relation: Relation,
    /// Payments of the window over it.
    pub payments: u32,
    /// Of them, reported as fraud.
    pub reported: u32,
    /// Their amounts, in hundredths of the major unit.
    pub amount_hundredths: u64,
    /// First of them, UTC milliseconds.
    pub first_at_ms: i64,
    /// Last of them, UTC milliseconds.
    pub last_at_ms: i64,
}

/// Payments read for the links of one drawing at most.
const MAX_READ: usize = 200_000;

impl Rings {
    /// The ring of those figures.
    pub(super) fn draw(&self, figures: &Figures) -> RingGraph {
        let mut graph = RingGraph::default();
        let mut places = BTreeMap::new();
        let (mut accounts, mut ties): (Vec<&MemberFigures>, Vec<&MemberFigures>) =
            figures.members.iter().partition(|member| self.nodes[member.node].kind == Kind::Account);
        ties.sort_by_key(|tie| (Reverse((tie.ties, tie.payments)), &self.nodes[tie.node].name));
        let by_importance = |account: &&MemberFigures| {
            (Reverse((account.risk, account.ties, account.payments)), &self.nodes[account.node].name)
        };
        accounts.sort_by(|left, right| by_importance(left).cmp(&by_importance(right)));
        let merchants = self.merchants(figures);
        let merchants = &merchants[..merchants.len().min(MERCHANTS_DRAWN)];
        let room = MAX_DRAWN - merchants.len();
        let tied = ties.len().min(TIES_DRAWN.max(room.saturating_sub(accounts.len())));
        for member in ties.iter().take(tied).chain(accounts.iter().take(room - tied)) {
            let node = self.drawn(member.node, member.payments, member.reported);
            places.insert(member.node, graph.add_node(node));
        }
        for &(merchant, payments, reported) in merchants {
            let node = self.drawn(merchant, payments, reported);
            places.insert(merchant, graph.add_node(node));
        }
        self.join(figures, &places, &mut graph);
        graph
    }

    fn join(&self, figures: &Figures, places: &BTreeMap<u32, NodeIndex>, graph: &mut RingGraph) {
        let mut left = MAX_READ;
        for (&account, &from) in places.iter().filter(|&(&node, _)| self.nodes[node].kind == Kind::Account) {
            for link in self.links.joined_of(&self.nodes, account) {
                let Some(&to) = places.get(&self.links[link].shared) else { continue };
                let mut traffic = Traffic::default();
                self.each(link, &mut left, |paid| traffic.add(paid));
                self.add_link(graph, from, to, traffic);
            }
        }
        for (&(account, merchant), &traffic) in &figures.merchants {
            if let (Some(&from), Some(&to)) = (places.get(&account), places.get(&merchant)) {
                self.add_link(graph, from, to, traffic);
            }
        }
    }

    fn add_link(&self, graph: &mut RingGraph, from: NodeIndex, to: NodeIndex, traffic: Traffic) {
        // Two accounts that sent each other money are joined once.
        let Some(relation) = Relation::between(graph[from].kind, graph[to].kind) else { return };
        if let Some(edge) = graph.find_edge(from, to) {
            let link = &mut graph[edge];
            link.payments += traffic.payments;
            link.reported += traffic.reported;
            link.amount_hundredths = link.amount_hundredths.saturating_add(traffic.amount_hundredths);
            link.first_at_ms = link.first_at_ms.min(milliseconds(traffic.first_s));
            link.last_at_ms = link.last_at_ms.max(milliseconds(traffic.last_s));
            return;
        }
        let Traffic { payments, reported, amount_hundredths, first_s, last_s } = traffic;
        let (first_at_ms, last_at_ms) = (milliseconds(first_s), milliseconds(last_s));
        graph.add_edge(from, to, RingLink { relation, payments, reported, amount_hundredths, first_at_ms, last_at_ms });
    }

    /// Merchants with payments and reports, those first that most accounts paid.
    fn merchants(&self, figures: &Figures) -> Vec<(u32, u32, u32)> {
        let mut paid: BTreeMap<u32, (u32, u32, u32)> = BTreeMap::new();
        for (&(_, merchant), traffic) in &figures.merchants {
            let (accounts, payments, reported) = paid.entry(merchant).or_default();
            *accounts += 1;
            *payments += traffic.payments;
            *reported += traffic.reported;
        }
        let mut merchants: Vec<_> = paid.into_iter().collect();
        merchants.sort_by_key(|&(merchant, counts)| (Reverse(counts), &self.nodes[merchant].name));
        merchants.into_iter().map(|(merchant, (_, payments, reported))| (merchant, payments, reported)).collect()
    }

    fn drawn(&self, node: u32, payments: u32, reported: u32) -> RingNode {
        let open_case = self.open_case_of(node).cloned();
        RingNode { kind: self.nodes[node].kind, id: self.nodes[node].name.to_string(), payments, reported, open_case }
    }
}
