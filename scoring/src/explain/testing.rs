//! Subgraphs out of one line of text, for tests.

use super::scene::Reports;
use fraudnet_graph::{Channel, EdgeFacts, Kind, Link, Node, Payment, Relation, Subgraph};

/// Entities and links between them, in the order they are named.
#[derive(Default)]
pub(crate) struct Drawing {
    nodes: Vec<(Kind, String, Reports)>,
    links: Vec<(usize, usize, Link)>,
}

impl Drawing {
    /// `kind id [reported/payments] > kind id [reported/payments] [own] [new] [@first_s]; …`. The first entity is the centre.
    pub(crate) fn new(text: &str) -> Drawing {
        let mut drawing = Drawing::default();
        for line in text.split(';') {
            let mut facts = EdgeFacts { first_s: 1, last_s: 1, count: 1, ..EdgeFacts::default() };
            let (mut ends, mut own) = (Vec::new(), false);
            for side in line.split(" > ") {
                let words: Vec<&str> = side.split_whitespace().collect();
                ends.push(drawing.node(words[0], words[1]));
                for word in &words[2..] {
                    match word.split_once('/') {
                        Some((reported, payments)) => {
                            drawing.nodes[ends[ends.len() - 1]].2 =
                                Reports { reported: reported.parse().unwrap(), payments: payments.parse().unwrap() };
                        }
                        None if *word == "own" => own = true,
                        None if *word == "new" => (own, facts) = (true, EdgeFacts::default()),
                        None => facts.first_s = word.strip_prefix('@').unwrap().parse().unwrap(),
                    }
                }
            }
            if let [from, to] = ends[..] {
                drawing.link(from, to, own, facts);
            }
        }
        drawing
    }

    /// Accounts 0 to 8 with these links; the bits of `reported` say of whom a payment was.
    pub(crate) fn of_links(links: &[(u8, u8)], reported: u32) -> Drawing {
        let mut drawing = Drawing::default();
        for node in 0..9 {
            drawing.node("account", &node.to_string());
            drawing.nodes[node].2 = Reports { payments: 2, reported: reported >> node & 1 };
        }
        for &(from, to) in links {
            drawing.link(from.into(), to.into(), false, EdgeFacts { count: 1, ..EdgeFacts::default() });
        }
        drawing
    }

    /// The sample, the names and the reports.
    pub(crate) fn parts(&self) -> (Subgraph, Vec<String>, Vec<Reports>) {
        let mut subgraph = Subgraph { hop_counts: [1, self.nodes.len() as u16 - 1, 0, 0], ..Subgraph::default() };
        for (at, (kind, ..)) in self.nodes.iter().enumerate() {
            subgraph.nodes.push(Node {
                entity: at as u32,
                key: at as u64,
                kind: *kind,
                hop: u8::from(at > 0),
                own: false,
            });
            subgraph.links.extend(self.links.iter().filter(|(from, ..)| *from == at).map(|(_, _, link)| *link));
            subgraph.row_ends.push(subgraph.links.len() as u16);
        }
        let names = self.nodes.iter().map(|(_, name, _)| name.clone()).collect();
        (subgraph, names, self.nodes.iter().map(|node| node.2).collect())
    }

    fn node(&mut self, kind: &str, name: &str) -> usize {
        let kind = Kind::from_name(kind).unwrap();
        let known = self.nodes.iter().position(|node| node.0 == kind && node.1 == name);
        known.unwrap_or_else(|| {
            self.nodes.push((kind, name.to_owned(), Reports::default()));
            self.nodes.len() - 1
        })
    }

    fn link(&mut self, from: usize, to: usize, own: bool, facts: EdgeFacts) {
        let relation = Relation::between(self.nodes[from].0, self.nodes[to].0).unwrap();
        self.links.push((from, to, Link { node: to as u8, relation, own, facts }));
    }
}

/// A payment of an account.
pub(crate) fn payment(account: &str, device: Option<&str>) -> Payment {
    Payment {
        transaction_id: "t1".to_owned(),
        account: account.to_owned(),
        device: device.map(str::to_owned),
        ip: None,
        merchant: None,
        counterparty: None,
        amount_minor: 100,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: None,
        account_country: None,
        ip_country: None,
        merchant_country: None,
    }
}
