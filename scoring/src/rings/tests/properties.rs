//! Whatever happens, the rings are those that come of the window's payments from scratch; equal events give equal rings.

use crate::rings::testing::{DAY_S, START_S, Story, payment};
use crate::rings::tie::{FEWEST_ACCOUNTS, NEW_FOR_S, Risk, Sharing};
use fraudnet_graph::{Kind, Payment};
use petgraph::graph::UnGraph;
use petgraph::visit::Dfs;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// An account, a kind and an identifier that it used.
type Link = (String, u8, String);
/// A ring from scratch: accounts, ties, payments, reported.
type Plain = (BTreeSet<String>, BTreeSet<(u8, String)>, usize, usize);

struct Paid {
    payment: Payment,
    at_s: u32,
    held: bool,
    fraud: Option<bool>,
}

/// One tenant's payments, and nothing else kept but since when links stand.
#[derive(Default)]
struct Scratch {
    payments: Vec<Paid>,
    first: BTreeMap<Link, (u32, bool)>,
}

fn links(payment: &Payment) -> Vec<Link> {
    let receiver = payment.counterparty.clone().filter(|other| *other != payment.account);
    let shared = [(0, payment.device.clone()), (1, payment.ip.clone()), (2, receiver)];
    shared.into_iter().filter_map(|(kind, id)| Some((payment.account.clone(), kind, id?))).collect()
}

impl Paid {
    fn risk(&self) -> Risk {
        match self.fraud {
            Some(true) => Risk::Reported,
            None if self.held => Risk::Held,
            _ => Risk::Nothing,
        }
    }
}

impl Scratch {
    fn forget(&mut self, now_s: u32) {
        self.payments.retain(|paid| paid.at_s + 30 * DAY_S > now_s);
        let alive: BTreeSet<Link> = self.payments.iter().flat_map(|paid| links(&paid.payment)).collect();
        self.first.retain(|link, _| alive.contains(link));
    }

    fn rings(&self) -> Vec<Plain> {
        let mut risks: BTreeMap<Link, Risk> = BTreeMap::new();
        for paid in &self.payments {
            for link in links(&paid.payment) {
                let risk = risks.entry(link).or_insert(Risk::Nothing);
                *risk = (*risk).max(paid.risk());
            }
        }
        let mut sharing: BTreeMap<(u8, &String), Sharing> = BTreeMap::new();
        for (link, &risk) in &risks {
            let sharing = sharing.entry((link.1, &link.2)).or_default();
            sharing.accounts += 1;
            sharing.new += u32::from(self.first[link].1);
            sharing.count(risk, true);
        }
        let joins = |link: &Link| sharing[&(link.1, &link.2)].tie().joins(risks[link]);
        let mut graph: UnGraph<(u8, String), ()> = UnGraph::default();
        let mut places = BTreeMap::new();
        for paid in &self.payments {
            let ties: Vec<_> = links(&paid.payment).into_iter().filter(joins).map(|link| (link.1, link.2)).collect();
            let mut nodes = Vec::new();
            for tie in ties {
                nodes.push(*places.entry(tie.clone()).or_insert_with(|| graph.add_node(tie)));
            }
            for pair in nodes.windows(2) {
                graph.add_edge(pair[0], pair[1], ());
            }
        }
        let mut rings = Vec::new();
        let mut met = BTreeSet::new();
        for start in graph.node_indices() {
            let mut walk = Dfs::new(&graph, start);
            let mut ties = BTreeSet::new();
            while let Some(node) = walk.next(&graph) {
                if met.insert(node) {
                    ties.insert(graph[node].clone());
                }
            }
            let is_mine = |link: &Link| joins(link) && ties.contains(&(link.1, link.2.clone()));
            let mut accounts: BTreeSet<String> =
                ties.iter().filter(|tie| tie.0 == 2).map(|tie| tie.1.clone()).collect();
            accounts.extend(risks.keys().filter(|link| is_mine(link)).map(|link| link.0.clone()));
            let mine = self.payments.iter().filter(|paid| links(&paid.payment).iter().any(is_mine));
            let (payments, reported) =
                mine.fold((0, 0), |(all, bad), paid| (all + 1, bad + usize::from(paid.risk() == Risk::Reported)));
            if accounts.len() >= FEWEST_ACCOUNTS {
                rings.push((accounts, ties, payments, reported));
            }
        }
        rings.sort();
        rings
    }
}

fn place_of(kind: Kind) -> u8 {
    match kind {
        Kind::Device => 0,
        Kind::Ip => 1,
        Kind::Account | Kind::Merchant => 2,
    }
}

fn told(story: &Story, tenant: &str) -> Vec<(Plain, String)> {
    let mut rings = Vec::new();
    for summary in story.rings.list(tenant, usize::MAX) {
        let ring = story.rings.ring(tenant, &summary.ring_id).unwrap();
        assert_eq!(ring.summary, summary);
        let of = |kind| ring.members.iter().filter(move |member| member.kind == kind).map(|member| member.id.clone());
        // Receivers are told as accounts: which of them tie is read from inside.
        let (_, row) = story.rings.living().find(|(_, row)| row.id == summary.ring_id).unwrap();
        let nodes = row.ties.iter().map(|&tie| &story.rings.nodes[tie]);
        let ties: BTreeSet<(u8, String)> = nodes.map(|node| (place_of(node.kind), node.name.to_string())).collect();
        assert_eq!((of(Kind::Device).count(), of(Kind::Ip).count()), (summary.devices, summary.ips));
        let accounts: BTreeSet<String> = of(Kind::Account).collect();
        for account in &accounts {
            assert!(story.rings.rings_of(tenant, account).contains(&summary.ring_id.as_str()));
        }
        assert!(ring.growth.iter().map(|day| day.amount_hundredths).sum::<u64>() <= summary.amount_hundredths);
        let plain = (accounts, ties, summary.payments as usize, summary.reported as usize);
        rings.push((plain, summary.ring_id));
    }
    rings.sort();
    rings
}

#[derive(Debug, Clone)]
struct Draw {
    later_s: u32,
    what: u8,
    tenant: usize,
    account: u8,
    device: Option<u8>,
    ip: Option<u8>,
    receiver: Option<u8>,
    which: usize,
    is_new: bool,
    /// Whether the payment is reported at once.
    is_fraud: bool,
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let later_s = prop_oneof![60 => 0..DAY_S, 30 => 0..4 * DAY_S, 1 => 8 * DAY_S..33 * DAY_S];
    let some = |most: u8| prop_oneof![3 => (0..most).prop_map(Some), 1 => Just(None)];
    let parties = (0..10_u8, some(7), some(6), prop_oneof![1 => (0..10_u8).prop_map(Some), 4 => Just(None)]);
    let draw = (later_s, 0..12_u8, prop::bool::weighted(0.2), parties, 0..40_usize, (any::<bool>(), any::<bool>()));
    let draw = draw.prop_map(|(later_s, what, tenant, (account, device, ip, receiver), which, (is_new, is_fraud))| {
        Draw { later_s, what, tenant: usize::from(tenant), account, device, ip, receiver, which, is_new, is_fraud }
    });
    prop::collection::vec(draw, 1..200)
}

/// One draw an event: a payment that is reported at once is two.
fn each(draws: &[Draw]) -> Vec<Draw> {
    let reported = |draw: &Draw| Draw { what: REPORTED, which: 0, later_s: 0, ..draw.clone() };
    draws.iter().flat_map(|draw| [Some(draw.clone()), draw.is_fraud.then(|| reported(draw))]).flatten().collect()
}

const REPORTED: u8 = 6;
const TENANTS: [&str; 2] = ["bank", "shop"];

/// Tells the same to a story and to one that starts from scratch at every step.
fn tell(draw: &Draw, story: &mut Story, scratch: &mut [Scratch; 2]) {
    story.tenant = TENANTS[draw.tenant].to_owned();
    let recent = scratch[draw.tenant].payments.len().checked_sub(1 + draw.which);
    let recent = recent.map(|place| scratch[draw.tenant].payments[place].payment.transaction_id.clone());
    let paid = |scratch: &mut [Scratch; 2], id: &str, change: &dyn Fn(&mut Paid)| {
        let mine = &mut scratch[draw.tenant].payments;
        mine.iter_mut().filter(|paid| paid.payment.transaction_id == id).for_each(change);
    };
    match (draw.what, recent) {
        (REPORTED | 7, Some(id)) => {
            story.at_s += draw.later_s;
            story.label(&id, draw.what == REPORTED);
            paid(scratch, &id, &|paid| paid.fraud = Some(draw.what == REPORTED));
        }
        (8 | 9, Some(id)) => {
            story.verdict(&id, 0.5, draw.what == 8);
            paid(scratch, &id, &|paid| paid.held = draw.what == 8);
        }
        _ => {
            story.at_s += draw.later_s;
            let word = |letter: &str, number: Option<u8>| number.map_or("-".to_owned(), |n| format!("{letter}{n}"));
            let to = draw.receiver.map_or(String::new(), |number| format!(">a{number}"));
            let words = format!("a{} {} {} {to}", draw.account, word("d", draw.device), word("i", draw.ip));
            story.known_since_s = if draw.is_new { story.at_s - DAY_S } else { 0 };
            let is_new = draw.is_new && story.at_s - DAY_S >= START_S + NEW_FOR_S;
            let id = story.pay(&words);
            let payment = payment(&id, &words);
            // What is past leaves before this one comes.
            scratch.iter_mut().for_each(|tenant| tenant.forget(story.at_s));
            for link in links(&payment) {
                scratch[draw.tenant].first.entry(link).or_insert((story.at_s, is_new));
            }
            scratch[draw.tenant].payments.push(Paid { payment, at_s: story.at_s, held: false, fraud: None });
        }
    }
    scratch.iter_mut().for_each(|tenant| tenant.forget(story.at_s));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn incremental_is_from_scratch(draws in draws()) {
        let (mut story, mut again) = (Story::new(), Story::new());
        // The first payment says when the log began.
        story.pay("z z z");
        again.pay("z z z");
        let mut scratch = [Scratch::default(), Scratch::default()];
        let mut before: [Vec<(Plain, String)>; 2] = [Vec::new(), Vec::new()];
        for draw in &each(&draws) {
            tell(draw, &mut story, &mut scratch);
            for (place, tenant) in TENANTS.into_iter().enumerate() {
                let now = told(&story, tenant);
                let plain = scratch[place].rings();
                prop_assert_eq!(now.iter().map(|ring| &ring.0).collect::<Vec<_>>(), plain.iter().collect::<Vec<_>>());
                let ids: BTreeSet<&String> = now.iter().map(|ring| &ring.1).collect();
                prop_assert_eq!(ids.len(), now.len(), "an id is of one ring");
                for (ring, id) in &before[place] {
                    let same = now.iter().find(|(other, _)| (&other.0, &other.1) == (&ring.0, &ring.1));
                    prop_assert!(same.is_none_or(|(_, other)| other == id), "the same members, the same id");
                }
                before[place] = now;
            }
        }
        // Told again, asked nothing in between.
        let mut other = [Scratch::default(), Scratch::default()];
        each(&draws).iter().for_each(|draw| tell(draw, &mut again, &mut other));
        for tenant in TENANTS {
            prop_assert_eq!(told(&again, tenant), told(&story, tenant));
        }
        // All past, nothing is kept.
        story.days_pass(31);
        story.label("none", true);
        let stats = story.rings.stats();
        prop_assert_eq!((stats.payments, stats.entities, stats.links, stats.rings), (0, 0, 0, 0));
    }
}
