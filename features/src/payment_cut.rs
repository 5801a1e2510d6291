//! Everything the payment's own columns are computed from, gathered once at the cut.

use crate::entity_facts::EntityFactsBook;
use crate::ledger::Ledger;
use crate::math::{log2_1p, major};
use crate::pulse::Pulse;
use crate::surroundings::Surroundings;
use crate::times::{REACH_S, Span};
use crate::windows::Totals;
use fraudnet_graph::{
    EdgeFacts, Event, Graph, Kind, Node, Payment, RELATION_COUNT, Relation, Subgraph, UNSEEN, hundredths,
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Hour of the day, UTC.
pub(crate) fn hour_of(occurred_at_ms: i64) -> usize {
    (occurred_at_ms.rem_euclid(DAY_MS) / HOUR_MS) as usize
}

/// A payment at its cut.
pub(crate) struct PaymentCut<'a> {
    pub(crate) payment: &'a Payment,
    pub(crate) hour: usize,
    /// Share of the day that has passed, by the payment's own time.
    pub(crate) day_turns: f32,
    /// Share of the week that had passed at midnight, Monday first.
    pub(crate) week_turns: f32,
    /// Hundredths of the major unit.
    pub(crate) cents: u64,
    /// Major units.
    pub(crate) amount: f32,
    /// `log2(1 + major units)`.
    pub(crate) log_amount: f32,
    pub(crate) account: Party<'a>,
    pub(crate) device: Party<'a>,
    pub(crate) ip: Party<'a>,
    pub(crate) merchant: Party<'a>,
    pub(crate) counterparty: Party<'a>,
    pub(crate) account_device: Bond,
    pub(crate) account_ip: Bond,
    pub(crate) account_merchant: Bond,
    pub(crate) account_counterparty: Bond,
    pub(crate) device_ip: Bond,
    pub(crate) surroundings: &'a Surroundings,
}

/// One of the payment's own entities; all zero where it is not given or was never seen.
#[derive(Default)]
pub(crate) struct Party<'a> {
    pub(crate) given: bool,
    pub(crate) age_s: f32,
    pub(crate) idle_s: f32,
    pub(crate) payments: f32,
    pub(crate) reported: f32,
    pub(crate) degree: [u32; RELATION_COUNT],
    pub(crate) paid: Totals,
    pub(crate) received: Totals,
    reports: [u32; 4],
    reports_span: Option<Span>,
    large: [u32; 4],
    large_span: Option<Span>,
    pub(crate) pulse: Pulse,
    pub(crate) ledger: Option<&'a Ledger>,
    is_account: bool,
    now_s: u32,
}

/// The edge between two of the payment's own entities; all zero where the pair is new.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bond {
    pub(crate) given: bool,
    pub(crate) count: f32,
    pub(crate) age_s: f32,
    pub(crate) idle_s: f32,
}

impl<'a> PaymentCut<'a> {
    /// Reads what is known at the cut; `subgraph` was sampled for this payment, `now_s` is the clock with it.
    pub(crate) fn read(
        graph: &Graph,
        book: &'a EntityFactsBook,
        subgraph: &Subgraph,
        surroundings: &'a Surroundings,
        now_s: u32,
        event: &Event,
        payment: &'a Payment,
    ) -> Self {
        let party = |node: Option<usize>| {
            node.map_or_else(Party::default, |node| Party::read(graph, book, &subgraph.nodes[node], now_s))
        };
        let own = surroundings.own;
        let bond =
            |from: usize, to: Option<usize>| to.map_or_else(Bond::default, |to| Bond::read(subgraph, from, to, now_s));
        let cents = hundredths(payment.amount_minor, payment.currency);
        let amount = major(cents);
        let occurred_at_ms = event.occurred_at_ms;
        PaymentCut {
            payment,
            hour: hour_of(occurred_at_ms),
            day_turns: (occurred_at_ms.rem_euclid(DAY_MS) / 1_000) as f32 * (1.0 / 86_400.0),
            // The epoch was a Thursday.
            week_turns: (occurred_at_ms.div_euclid(DAY_MS) + 3).rem_euclid(7) as f32 * (1.0 / 7.0),
            cents,
            amount,
            log_amount: log2_1p(amount),
            account: party(Some(0)),
            device: party(own.device),
            ip: party(own.ip),
            merchant: party(own.merchant),
            counterparty: party(own.counterparty),
            account_device: bond(0, own.device),
            account_ip: bond(0, own.ip),
            account_merchant: bond(0, own.merchant),
            account_counterparty: bond(0, own.counterparty),
            device_ip: own.device.map_or_else(Bond::default, |device| bond(device, own.ip)),
            surroundings,
        }
    }
}

impl<'a> Party<'a> {
    fn read(graph: &Graph, book: &'a EntityFactsBook, node: &Node, now_s: u32) -> Self {
        let is_account = node.kind == Kind::Account;
        if node.entity == UNSEEN {
            return Party { given: true, is_account, now_s, ..Party::default() };
        }
        let facts = graph.entity(node.entity);
        let ledger = book.ledger(node.entity, facts.generation);
        Party {
            given: true,
            age_s: now_s.saturating_sub(facts.first_s) as f32,
            idle_s: now_s.saturating_sub(facts.last_s) as f32,
            payments: facts.payments as f32,
            reported: facts.reported as f32,
            degree: facts.degree,
            paid: ledger.map_or_else(Totals::default, |ledger| ledger.paid.totals(now_s)),
            received: ledger
                .and_then(|ledger| ledger.account.as_ref())
                .map_or_else(Totals::default, |account| account.received.totals(now_s)),
            reports: ledger.map_or([0; 4], |ledger| ledger.reports(now_s)),
            reports_span: ledger.and_then(|ledger| ledger.reports_span(now_s)),
            large: ledger.map_or([0; 4], |ledger| ledger.large(now_s)),
            large_span: ledger.and_then(|ledger| ledger.large_span(now_s)),
            pulse: book.pulse(node.entity, facts.generation).copied().unwrap_or_default(),
            ledger,
            is_account,
            now_s,
        }
    }

    /// Distinct counterparts over a relation in one window of [`crate::times`].
    pub(crate) fn distinct(&self, relation: Relation, window: usize) -> f32 {
        self.ledger.map_or(0.0, |ledger| ledger.distinct(relation, self.is_account, self.now_s)[window] as f32)
    }

    /// Payments made in one window of [`crate::windows`].
    pub(crate) fn payments_in(&self, window: usize) -> f32 {
        self.paid.counts[window] as f32
    }

    /// Major units paid in one window.
    pub(crate) fn amount_in(&self, window: usize) -> f32 {
        major(self.paid.sums[window])
    }

    /// Payments received in one window.
    pub(crate) fn received_in(&self, window: usize) -> f32 {
        self.received.counts[window] as f32
    }

    /// Major units received in one window.
    pub(crate) fn received_amount_in(&self, window: usize) -> f32 {
        major(self.received.sums[window])
    }

    /// Reports that became known in one window of [`crate::times`].
    pub(crate) fn reports_in(&self, window: usize) -> f32 {
        self.reports[window] as f32
    }

    /// Seconds since the first of the reports within 30 days became known; [`REACH_S`] where there is none.
    pub(crate) fn report_first_s(&self) -> f32 {
        self.since(self.reports_span.map(|span| span.first_s))
    }

    /// Seconds since the last of the reports within 30 days became known; [`REACH_S`] where there is none.
    pub(crate) fn report_last_s(&self) -> f32 {
        self.since(self.reports_span.map(|span| span.last_s))
    }

    /// Payments large for their payer in one window of [`crate::times`].
    pub(crate) fn large_in(&self, window: usize) -> f32 {
        self.large[window] as f32
    }

    /// Largest payment made by the account in one window of [`crate::times`], over what it pays on average.
    pub(crate) fn peak_over_mean(&self, window: usize) -> f32 {
        let account = self.ledger.and_then(|ledger| ledger.account.as_deref());
        account.map_or(0.0, |account| self.pulse.over_mean(account.peaks.largest(window, self.now_s)))
    }

    /// Seconds since the last payment large for its payer; [`REACH_S`] where there was none within 30 days.
    pub(crate) fn large_idle_s(&self) -> f32 {
        self.since(self.large_span.map(|span| span.last_s))
    }

    /// What never was reads like what is just out of reach.
    fn since(&self, then_s: Option<u32>) -> f32 {
        then_s.map_or(REACH_S, |then_s| self.now_s.saturating_sub(then_s)) as f32
    }

    /// Distinct neighbours retained, all relations together.
    pub(crate) fn neighbours(&self) -> f32 {
        self.degree.iter().map(|degree| *degree as f32).sum()
    }
}

impl Bond {
    fn read(subgraph: &Subgraph, from: usize, to: usize, now_s: u32) -> Self {
        let facts = subgraph
            .row(from)
            .iter()
            .find(|link| link.own && usize::from(link.node) == to)
            .map_or_else(EdgeFacts::default, |link| link.facts);
        if facts.count == 0 {
            return Bond { given: true, ..Bond::default() };
        }
        Bond {
            given: true,
            count: facts.count as f32,
            age_s: now_s.saturating_sub(facts.first_s) as f32,
            idle_s: now_s.saturating_sub(facts.last_s) as f32,
        }
    }

    /// Whether the payment is the first to link the two.
    pub(crate) fn is_new(&self) -> bool {
        self.given && self.count == 0.0
    }
}
