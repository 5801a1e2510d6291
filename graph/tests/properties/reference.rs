//! The graph and the sampling rule once more, in the plainest way: names instead of numbers, maps, sorting. Nothing ever leaves it.

use std::collections::HashMap;

use fraudnet_graph::{
    Body, EdgeFacts, Event, HOP_BUDGET, Kind, LabelSource, MAX_LINKS, Payment, Relation, Subgraph, UNSEEN, entity_key,
    hundredths,
};

/// Tenant, kind and identifier.
pub type Name = (String, Kind, String);

type Transaction = (Vec<(Name, Name)>, Option<(LabelSource, bool)>);

#[derive(Default)]
pub struct Reference {
    now_s: u32,
    /// Facts of each pair and when it was last active, by order of application. Both directions.
    edges: HashMap<(Name, Name), (EdgeFacts, usize)>,
    entities: HashMap<Name, ()>,
    /// By tenant and id: the pairs it linked, and the label that stands.
    transactions: HashMap<(String, String), Transaction>,
}

/// A sample by names.
#[derive(Debug, PartialEq)]
pub struct Sample {
    /// Key, kind, hop, own, seen.
    pub nodes: Vec<(u64, Kind, u8, bool, bool)>,
    /// Rows of (node, relation, own, facts).
    pub rows: Vec<Vec<(usize, Relation, bool, EdgeFacts)>>,
    pub hop_counts: [u16; 4],
    pub truncated: u32,
    pub now_s: u32,
}

impl Sample {
    pub fn of(sample: &Subgraph) -> Self {
        Sample {
            nodes: sample.nodes.iter().map(|n| (n.key, n.kind, n.hop, n.own, n.entity != UNSEEN)).collect(),
            rows: (0..sample.row_ends.len())
                .map(|row| {
                    sample
                        .row(row)
                        .iter()
                        .map(|link| (link.node as usize, link.relation, link.own, link.facts))
                        .collect()
                })
                .collect(),
            hop_counts: sample.hop_counts,
            truncated: sample.truncated,
            now_s: sample.now_s,
        }
    }
}

fn relation(a: &Name, b: &Name) -> Relation {
    use Kind::{Account, Device, Ip, Merchant};
    match (a.1.min(b.1), a.1.max(b.1)) {
        (Account, Account) => Relation::AccountAccount,
        (Account, Device) => Relation::AccountDevice,
        (Account, Ip) => Relation::AccountIp,
        (Account, Merchant) => Relation::AccountMerchant,
        (Device, Ip) => Relation::DeviceIp,
        pair => panic!("no relation between {pair:?}"),
    }
}

fn plan(kind: Kind) -> Vec<Relation> {
    use Relation::{AccountAccount, AccountDevice, AccountIp, AccountMerchant, DeviceIp};
    match kind {
        Kind::Account => vec![
            AccountDevice,
            AccountIp,
            AccountAccount,
            AccountMerchant,
            AccountDevice,
            AccountIp,
            AccountAccount,
            AccountMerchant,
            AccountAccount,
        ],
        Kind::Device => [AccountDevice, DeviceIp, AccountDevice].repeat(3),
        Kind::Ip => [AccountIp, DeviceIp, AccountIp].repeat(3),
        Kind::Merchant => vec![AccountMerchant; 8],
    }
}

/// Account, then device, IP, merchant, counterparty as far as there are.
fn parties(tenant: &str, payment: &Payment) -> Vec<Name> {
    let name = |kind, id: &String| (tenant.to_owned(), kind, id.clone());
    let mut parties = vec![name(Kind::Account, &payment.account)];
    parties.extend(payment.device.as_ref().map(|id| name(Kind::Device, id)));
    parties.extend(payment.ip.as_ref().map(|id| name(Kind::Ip, id)));
    parties.extend(payment.merchant.as_ref().map(|id| name(Kind::Merchant, id)));
    parties
        .extend(payment.counterparty.as_ref().filter(|id| **id != payment.account).map(|id| name(Kind::Account, id)));
    parties
}

/// The account with each other party, and device with IP.
fn pairs(parties: &[Name]) -> Vec<(Name, Name)> {
    let mut pairs: Vec<_> = parties[1..].iter().map(|other| (parties[0].clone(), other.clone())).collect();
    let find = |kind| parties.iter().find(|party| party.1 == kind).cloned();
    pairs.extend(find(Kind::Device).zip(find(Kind::Ip)));
    pairs
}

impl Reference {
    pub fn apply(&mut self, position: usize, event: &Event) {
        match &event.body {
            Body::Outcome(_) => {}
            Body::Payment(payment) => {
                let id = (event.tenant.clone(), payment.transaction_id.clone());
                if self.transactions.contains_key(&id) {
                    return;
                }
                self.advance(event);
                let now_s = self.now_s;
                let parties = parties(&event.tenant, payment);
                for party in &parties {
                    self.entities.insert(party.clone(), ());
                }
                for (a, b) in pairs(&parties) {
                    for pair in [(a.clone(), b.clone()), (b, a)] {
                        let new = EdgeFacts { first_s: now_s, source: position as u64, ..EdgeFacts::default() };
                        let (facts, active) = self.edges.entry(pair).or_insert((new, 0));
                        facts.last_s = now_s;
                        facts.count += 1;
                        facts.amount += hundredths(payment.amount_minor, payment.currency);
                        *active = position;
                    }
                }
                self.transactions.insert(id, (pairs(&parties), None));
            }
            Body::Label(label) => {
                self.advance(event);
                let Some((pairs, standing)) =
                    self.transactions.get_mut(&(event.tenant.clone(), label.transaction_id.clone()))
                else {
                    return;
                };
                if standing.is_some_and(|(source, _)| source > label.source) {
                    return;
                }
                let delta = i64::from(label.fraud) - i64::from(standing.is_some_and(|(_, fraud)| fraud));
                *standing = Some((label.source, label.fraud));
                for (a, b) in pairs {
                    for pair in [(a.clone(), b.clone()), (b.clone(), a.clone())] {
                        let facts = &mut self.edges.get_mut(&pair).unwrap().0;
                        facts.reported = u32::try_from(i64::from(facts.reported) + delta).unwrap();
                    }
                }
            }
        }
    }

    fn advance(&mut self, event: &Event) {
        let bounded_s = event.occurred_at_ms.min(event.ingested_at_ms + 300_000).div_euclid(1000);
        self.now_s = self.now_s.max(u32::try_from(bounded_s.max(0)).unwrap());
    }

    /// Neighbours by relation, most recently active first, 16 at most: what a ring holds.
    pub fn ring(&self, of: &Name, wanted: Relation) -> Vec<Name> {
        let mut found: Vec<_> = self
            .edges
            .iter()
            .filter(|((a, b), _)| a == of && relation(a, b) == wanted)
            .map(|((_, b), (_, active))| (*active, b))
            .collect();
        found.sort_by_key(|(active, _)| std::cmp::Reverse(*active));
        found.into_iter().take(16).map(|(_, name)| name.clone()).collect()
    }

    /// How many entities are exactly three steps from the centre, walking rings and the payment's own links, with no budget.
    pub fn third_hop(&self, event: &Event) -> usize {
        let Body::Payment(payment) = &event.body else { panic!("not a payment") };
        let own = parties(&event.tenant, payment);
        let mut distance: HashMap<Name, usize> =
            own.iter().map(|name| (name.clone(), usize::from(*name != own[0]))).collect();
        for hop in 0..3 {
            let frontier: Vec<Name> =
                distance.iter().filter(|(_, at)| **at == hop).map(|(name, _)| name.clone()).collect();
            for name in frontier {
                for neighbour in
                    fraudnet_graph::RELATIONS.iter().flat_map(|(relation, _, _)| self.ring(&name, *relation))
                {
                    distance.entry(neighbour).or_insert(hop + 1);
                }
            }
        }
        distance.values().filter(|at| **at == 3).count()
    }

    pub fn sample(&self, event: &Event) -> Sample {
        let Body::Payment(payment) = &event.body else { panic!("not a payment") };
        let own = parties(&event.tenant, payment);
        let own_pairs = pairs(&own);
        let mut nodes: Vec<(Name, u8)> = vec![(own[0].clone(), 0)];
        let mut rows: Vec<Vec<(usize, Relation, bool, EdgeFacts)>> = Vec::new();
        let mut truncated = 0;
        for hop in 0..3u8 {
            let row_names: Vec<Name> =
                nodes.iter().filter(|(_, at)| *at == hop).map(|(name, _)| name.clone()).collect();
            let mut budget_left = HOP_BUDGET[hop as usize + 1];
            for (nth, name) in row_names.iter().enumerate() {
                let mut quota = budget_left.div_ceil(row_names.len() - nth);
                let mut row = Vec::new();
                let mut linked: Vec<Name> = Vec::new();
                // The payment's own links first, which always find a place.
                for (a, b) in &own_pairs {
                    let other = if a == name {
                        b
                    } else if b == name {
                        a
                    } else {
                        continue;
                    };
                    let node = nodes.iter().position(|(node, _)| node == other).unwrap_or_else(|| {
                        (quota, budget_left) = (quota - 1, budget_left - 1);
                        nodes.push((other.clone(), 1));
                        nodes.len() - 1
                    });
                    linked.push(other.clone());
                    row.push((node, relation(a, b), true, self.facts(name, other)));
                }
                // Then the recent neighbours, relations taking turns.
                let mut rings: HashMap<Relation, Vec<Name>> = HashMap::new();
                for relation in plan(name.1).into_iter().take([9, 9, 6][hop as usize]) {
                    let ring = rings.entry(relation).or_insert_with(|| {
                        self.ring(name, relation)
                            .into_iter()
                            .filter(|neighbour| !linked.contains(neighbour))
                            .rev()
                            .collect()
                    });
                    let Some(neighbour) = ring.pop() else { continue };
                    let known = nodes.iter().position(|(node, _)| *node == neighbour);
                    if row.len() == MAX_LINKS || (known.is_none() && quota == 0) {
                        truncated += 1;
                        continue;
                    }
                    let node = known.unwrap_or_else(|| {
                        (quota, budget_left) = (quota - 1, budget_left - 1);
                        nodes.push((neighbour.clone(), hop + 1));
                        nodes.len() - 1
                    });
                    row.push((node, relation, false, self.facts(name, &neighbour)));
                }
                rows.push(row);
            }
        }
        let hop_counts = [0u8, 1, 2, 3].map(|hop| nodes.iter().filter(|(_, at)| *at == hop).count() as u16);
        let nodes = nodes
            .into_iter()
            .map(|(name, hop)| {
                let seen = self.entities.contains_key(&name);
                (entity_key(&name.0, name.1, &name.2), name.1, hop, own.contains(&name), seen)
            })
            .collect();
        Sample { nodes, rows, hop_counts, truncated, now_s: self.now_s }
    }

    fn facts(&self, a: &Name, b: &Name) -> EdgeFacts {
        self.edges.get(&(a.clone(), b.clone())).map_or_else(EdgeFacts::default, |(facts, _)| *facts)
    }
}
