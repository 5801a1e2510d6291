//! One ring, shown as it is caught. The simulator's oracle says whom to watch; what is printed of them comes from replies alone.

use super::Client;
use super::tally::Tally;
use super::world::LivePayment;
use crate::client::segment;
use crate::http::SubgraphReply;
use crate::simulate::Typology;
use crate::verdict::{Decision, Verdict};
use crate::wire::{ScoreRequest, currency_exponent};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Fewest accounts that make a ring worth showing.
const FEWEST_ACCOUNTS: usize = 3;
/// Payments shown one by one.
const LINES: usize = 12;
/// Neighbours drawn.
const NEIGHBOURS: usize = 12;
/// Reason codes shown on a line.
const REASONS: usize = 3;

/// Payments of one campaign that hang together.
pub(super) struct Ring {
    typology: Typology,
    /// Numbers of its payments, in order.
    pub(super) members: Vec<usize>,
    payments: Vec<ScoreRequest>,
    /// What most of its payments share: kind (of the API) and identifier.
    hub: (&'static str, String),
}

impl Ring {
    /// The ring with the most accounts among the payments: a device farm, else a proxy cluster.
    pub(super) fn find(payments: &[LivePayment]) -> Option<Ring> {
        [Typology::DeviceFarm, Typology::ProxyCluster].into_iter().find_map(|typology| {
            let rings = connected(payments, typology).into_iter().map(|members| Ring::new(payments, typology, members));
            rings
                .flatten()
                .filter(|ring| ring.accounts().len() >= FEWEST_ACCOUNTS)
                .max_by_key(|ring| ring.accounts().len())
        })
    }

    fn new(payments: &[LivePayment], typology: Typology, members: Vec<usize>) -> Option<Ring> {
        let payments: Vec<ScoreRequest> = members.iter().map(|&number| payments[number].request.clone()).collect();
        let kind = if typology == Typology::DeviceFarm { "device" } else { "ip" };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for payment in &payments {
            let shared = if kind == "device" { &payment.device } else { &payment.ip };
            *counts.entry(shared.as_deref()?).or_default() += 1;
        }
        let (hub, _) = counts.into_iter().max_by_key(|&(_, count)| count)?;
        let hub = (kind, hub.to_owned());
        Some(Ring { typology, members, payments, hub })
    }

    fn accounts(&self) -> BTreeSet<&str> {
        self.payments.iter().map(|payment| payment.account.as_str()).collect()
    }

    /// Who is watched.
    pub(super) fn introduction(&self) -> String {
        let distinct = |field: fn(&ScoreRequest) -> Option<&str>| {
            self.payments.iter().filter_map(field).collect::<BTreeSet<_>>().len()
        };
        format!(
            "\n      watching a {}: {} payments of {} accounts over {} devices and {} addresses (the simulator knows; the service does not)\n      {:>3}  {:<14} {:<14} {:>12}  {:<9} {:>5}  {:<15} reasons",
            self.typology.name().replace('_', " "),
            self.payments.len(),
            self.accounts().len(),
            distinct(|payment| payment.device.as_deref()),
            distinct(|payment| payment.ip.as_deref()),
            "#",
            "account",
            self.hub.0,
            "amount",
            "decision",
            "p",
            "nodes by hop",
        )
    }

    /// The line of its payment `place`.
    pub(super) fn line(&self, place: usize, verdict: &Verdict) -> Option<String> {
        let payment = self.payments.get(place).filter(|_| place < LINES)?;
        let shared = if self.hub.0 == "device" { &payment.device } else { &payment.ip };
        let hops = verdict.subgraph.hops.map(|count| count.to_string()).join("+");
        let reasons = verdict.reason_codes.iter().take(REASONS).map(String::as_str).collect::<Vec<_>>().join(" ");
        Some(format!(
            "      {:>3}  {:<14} {:<14} {:>12}  {:<9} {:>5.3}  {hops:<15} {reasons}",
            place + 1,
            short(&payment.account),
            short(shared.as_deref().unwrap_or("-")),
            amount(payment),
            word(verdict.decision),
            verdict.fraud_probability,
        ))
    }

    /// What the service's graph shows around what the ring shares.
    pub(super) async fn drawing(&self, client: &Client, tally: &Tally) -> String {
        let caught = {
            let answers = tally.lock();
            let caught = |&&number: &&usize| {
                answers.answers[number].as_ref().is_some_and(|answer| answer.verdict.decision >= Decision::Review)
            };
            self.members.iter().filter(caught).count()
        };
        let mut text = format!(
            "\n      the ring: {caught} of {} payments held or declined; around what they share the graph shows\n",
            self.members.len()
        );
        let (kind, id) = &self.hub;
        let path = format!("/v1/entities/{kind}/{}/subgraph", segment(id));
        let subgraph = match client.get(&path).await {
            Ok(reply) if reply.status == 200 => reply.json::<SubgraphReply>().map_err(|error| error.to_string()),
            Ok(reply) => Err(reply.detail()),
            Err(error) => Err(error.to_string()),
        };
        match subgraph {
            Ok(subgraph) => self.draw(&subgraph, &mut text),
            Err(reason) => text.push_str(&format!("      (nothing: {reason})")),
        }
        text
    }

    fn draw(&self, subgraph: &SubgraphReply, text: &mut String) {
        let accounts = self.accounts();
        let mut neighbours: Vec<_> = subgraph.links.iter().filter(|link| link.from == 0 || link.to == 0).collect();
        neighbours.sort_by(|left, right| left.first_at.cmp(&right.first_at));
        let _ = writeln!(text, "      {} {}", self.hub.0, self.hub.1);
        let shown = neighbours.len().min(NEIGHBOURS);
        for (place, link) in neighbours.iter().take(NEIGHBOURS).enumerate() {
            let node = &subgraph.nodes[if link.from == 0 { link.to } else { link.from }];
            let branch = if place + 1 == shown { "└──" } else { "├──" };
            let mark = if accounts.contains(node.id.as_str()) { "  ◄ ring" } else { "" };
            let _ = writeln!(
                text,
                "        {branch} {:<8} {:<16} since {}  {} payments, {} reported{mark}",
                node.kind,
                short(&node.id),
                &link.first_at[..10.min(link.first_at.len())],
                link.payments,
                link.reported
            );
        }
        let hops = subgraph.hops.map(|count| count.to_string()).join("+");
        let more = neighbours.len() - shown;
        let _ = write!(
            text,
            "      {more} more beside it; {hops} nodes within three hops, {} left out",
            subgraph.truncated
        );
    }
}

/// Frauds of that typology in groups that share an account, a device or an address; each group in order.
fn connected(payments: &[LivePayment], typology: Typology) -> Vec<Vec<usize>> {
    let parties = |number: usize| -> [Option<&str>; 3] {
        let request: &ScoreRequest = &payments[number].request;
        [Some(request.account.as_str()), request.device.as_deref(), request.ip.as_deref()]
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, payment) in payments.iter().enumerate() {
        if payment.oracle.typology != Some(typology) {
            continue;
        }
        let mine = parties(number);
        let touches = |group: &Vec<usize>| {
            group
                .iter()
                .any(|&other| mine.iter().zip(parties(other)).any(|(mine, theirs)| mine.is_some() && *mine == theirs))
        };
        let (touched, mut others): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
        let mut joined: Vec<usize> = touched.into_iter().flatten().collect();
        joined.push(number);
        joined.sort_unstable();
        others.push(joined);
        groups = others;
    }
    groups
}

/// The amount with its currency, as people write it.
fn amount(payment: &ScoreRequest) -> String {
    let code: Option<[u8; 3]> = payment.currency.as_bytes().try_into().ok();
    let exponent = code.and_then(currency_exponent).unwrap_or(0);
    let major = payment.amount_minor as f64 / 10_f64.powi(exponent.into());
    format!("{major:.*} {}", usize::from(exponent), payment.currency)
}

fn short(identifier: &str) -> &str {
    identifier.char_indices().nth(14).map_or(identifier, |(end, _)| &identifier[..end])
}

/// The decision as the API spells it.
pub(super) fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "approve",
        Decision::Challenge => "challenge",
        Decision::Review => "review",
        Decision::Decline => "decline",
    }
}
