//! The 64 columns of a node row: 40 that are stored as `log2(1+x)`, then 24 as they are. All lie within ±64, which f16 holds.
//!
//! Cost: about 80 ns a node; the logarithms and the conversion to f16 run over slices and vectorise.

use crate::columns::{COUNT, DEVIATIONS, DOUBLINGS, FLAG, MAJOR, SECONDS, SHARE, columns, flag, reported_share, share};
use crate::math::{exp2_neg, log2_1p_each};
use crate::pulse::{Pulse, remaining};
use crate::surroundings::Met;
use crate::tensor::NODE_WIDTH;
use fraudnet_graph::{Kind, Node};

/// Columns stored as `log2(1+x)`.
const LOGS: usize = 40;
const _: () = assert!(LOG_COLUMNS.len() == LOGS && LOG_COLUMNS.len() + PLAIN_COLUMNS.len() == NODE_WIDTH);

/// One node with its decayed sums brought to the cut.
pub(crate) struct NodeCut<'a> {
    node: &'a Node,
    met: &'a Met<'a>,
    pulse: &'a Pulse,
    paid: [f32; 4],
    paid_amount: [f32; 4],
    received: [f32; 4],
    received_amount: [f32; 4],
    now_s: u32,
    /// `log2(1 + major units)` of the payment.
    log_amount: f32,
}

const NO_PULSE: Pulse = Pulse {
    stamp: 0,
    decayed_s: 0,
    paid_last_s: 0,
    gap_s: 0,
    received_last_s: 0,
    paid_count: 0,
    amount_mean: 0.0,
    amount_variance: 0.0,
    paid: [0.0; 4],
    paid_amount: [0.0; 4],
    received: [0.0; 4],
    received_amount: [0.0; 4],
};

/// Fills the row of one node.
pub(crate) fn fill(node: &Node, met: &Met<'_>, now_s: u32, log_amount: f32, row: &mut [f32; NODE_WIDTH]) {
    let pulse = met.pulse.unwrap_or(&NO_PULSE);
    let left = remaining(now_s.saturating_sub(pulse.decayed_s));
    let at_cut = |sums: [f32; 4]| [sums[0] * left[0], sums[1] * left[1], sums[2] * left[2], sums[3] * left[3]];
    let cut = NodeCut {
        node,
        met,
        pulse,
        paid: at_cut(pulse.paid),
        paid_amount: at_cut(pulse.paid_amount),
        received: at_cut(pulse.received),
        received_amount: at_cut(pulse.received_amount),
        now_s,
        log_amount,
    };
    let (logs, plain) = row.split_at_mut(LOGS);
    fill_logs(&cut, logs);
    log2_1p_each(logs);
    fill_plain(&cut, plain);
}

/// Seconds since an event that may never have happened.
fn since(now_s: u32, then_s: u32) -> f32 {
    if then_s == 0 { 0.0 } else { now_s.saturating_sub(then_s) as f32 }
}

columns! { LOG_COLUMNS, fill_logs, Graph, |c: &NodeCut<'_>|
    node_age_s [SECONDS, "node", ""] "time since the entity was first seen" => c.met.age_s;
    node_idle_s [SECONDS, "node", ""] "time since the entity was last active" => c.met.idle_s;
    node_payments [COUNT, "node", ""] "payments the entity took part in" => c.met.payments;
    node_reported [COUNT, "node", ""] "of them, standing fraud reports" => c.met.reported;
    node_reported_7d [COUNT, "node", "7d"] "reports that became known" => c.met.reports[0];
    node_reported_30d [COUNT, "node", "30d"] "reports that became known" => c.met.reports[1];
    node_degree_account_device [COUNT, "node", ""] "distinct account-device neighbours" => c.met.degree[0];
    node_degree_account_ip [COUNT, "node", ""] "distinct account-ip neighbours" => c.met.degree[1];
    node_degree_account_merchant [COUNT, "node", ""] "distinct account-merchant neighbours" => c.met.degree[2];
    node_degree_device_ip [COUNT, "node", ""] "distinct device-ip neighbours" => c.met.degree[3];
    node_degree_account_account [COUNT, "node", ""] "distinct accounts it exchanged money with" => c.met.degree[4];
    node_paid_1h [COUNT, "node", "1h half-life"] "decayed payments made, or made through it" => c.paid[0];
    node_paid_1d [COUNT, "node", "1d half-life"] "decayed payments made, or made through it" => c.paid[1];
    node_paid_7d [COUNT, "node", "7d half-life"] "decayed payments made, or made through it" => c.paid[2];
    node_paid_30d [COUNT, "node", "30d half-life"] "decayed payments made, or made through it" => c.paid[3];
    node_paid_amount_1h [MAJOR, "node", "1h half-life"] "decayed amounts of them" => c.paid_amount[0];
    node_paid_amount_1d [MAJOR, "node", "1d half-life"] "decayed amounts of them" => c.paid_amount[1];
    node_paid_amount_7d [MAJOR, "node", "7d half-life"] "decayed amounts of them" => c.paid_amount[2];
    node_paid_amount_30d [MAJOR, "node", "30d half-life"] "decayed amounts of them" => c.paid_amount[3];
    node_received_1h [COUNT, "node", "1h half-life"] "decayed payments received" => c.received[0];
    node_received_1d [COUNT, "node", "1d half-life"] "decayed payments received" => c.received[1];
    node_received_7d [COUNT, "node", "7d half-life"] "decayed payments received" => c.received[2];
    node_received_30d [COUNT, "node", "30d half-life"] "decayed payments received" => c.received[3];
    node_received_amount_1h [MAJOR, "node", "1h half-life"] "decayed amounts received" => c.received_amount[0];
    node_received_amount_1d [MAJOR, "node", "1d half-life"] "decayed amounts received" => c.received_amount[1];
    node_received_amount_7d [MAJOR, "node", "7d half-life"] "decayed amounts received" => c.received_amount[2];
    node_received_amount_30d [MAJOR, "node", "30d half-life"] "decayed amounts received" => c.received_amount[3];
    node_mean_paid_30d [MAJOR, "node", "30d half-life"] "decayed mean amount paid" => share(c.paid_amount[3], c.paid[3]);
    node_mean_received_30d [MAJOR, "node", "30d half-life"] "decayed mean amount received" => share(c.received_amount[3], c.received[3]);
    node_gap_s [SECONDS, "node", ""] "time between its last two payments" => c.pulse.gap_s as f32;
    node_paid_idle_s [SECONDS, "node", ""] "time since it last paid" => since(c.now_s, c.pulse.paid_last_s);
    node_received_idle_s [SECONDS, "node", ""] "time since it last received" => since(c.now_s, c.pulse.received_last_s);
    node_payments_per_day [COUNT, "node", ""] "payments per day of its life" => c.met.payments * 86_400.0 / (c.met.age_s + 86_400.0);
    linked_nodes [COUNT, "node", ""] "links of its row or, at hop 3, links that reach it" => c.met.linked.links;
    linked_payments [COUNT, "node", ""] "payments over these links" => c.met.linked.payments;
    linked_edge_reported [COUNT, "node", ""] "reported payments over these links" => c.met.linked.edge_reported;
    linked_reported [COUNT, "node", ""] "reported payments of the linked entities" => c.met.linked.reported;
    linked_youngest_age_s [SECONDS, "node", ""] "age of the youngest linked entity" => c.met.linked.youngest_age_s;
    linked_newest_idle_s [SECONDS, "node", ""] "time since the latest of these links was active" => c.met.linked.newest_idle_s;
    linked_largest_degree [COUNT, "node", ""] "neighbours of the linked entity that has most" => c.met.linked.largest_degree;
}

columns! { PLAIN_COLUMNS, fill_plain, Graph, |c: &NodeCut<'_>|
    node_is_account [FLAG, "node", ""] "the entity is an account" => flag(c.node.kind == Kind::Account);
    node_is_device [FLAG, "node", ""] "the entity is a device" => flag(c.node.kind == Kind::Device);
    node_is_ip [FLAG, "node", ""] "the entity is an IP address" => flag(c.node.kind == Kind::Ip);
    node_is_merchant [FLAG, "node", ""] "the entity is a merchant" => flag(c.node.kind == Kind::Merchant);
    node_hop_0 [FLAG, "node", ""] "the paying account" => flag(c.node.hop == 0);
    node_hop_1 [FLAG, "node", ""] "one step from the paying account" => flag(c.node.hop == 1);
    node_hop_2 [FLAG, "node", ""] "two steps from the paying account" => flag(c.node.hop == 2);
    node_hop_3 [FLAG, "node", ""] "three steps from the paying account" => flag(c.node.hop == 3);
    node_own [FLAG, "node", ""] "one of the payment's own entities" => flag(c.node.own);
    node_seen [FLAG, "node", ""] "known before this payment" => flag(c.met.seen);
    node_burst_1h_1d [SHARE, "node", ""] "1h over 1d decayed payments" => share(c.paid[0], c.paid[1]).min(1.0);
    node_burst_1d_7d [SHARE, "node", ""] "1d over 7d decayed payments" => share(c.paid[1], c.paid[2]).min(1.0);
    node_burst_7d_30d [SHARE, "node", ""] "7d over 30d decayed payments" => share(c.paid[2], c.paid[3]).min(1.0);
    node_burst_amount_1d_30d [SHARE, "node", ""] "1d over 30d decayed amounts" => share(c.paid_amount[1], c.paid_amount[3]).min(1.0);
    node_amount_mean [MAJOR, "node", ""] "running mean of log2(1+amount) paid" => c.pulse.amount_mean;
    node_amount_deviation [DOUBLINGS, "node", ""] "running standard deviation of log2(1+amount) paid" => c.pulse.amount_deviation();
    node_reported_share [SHARE, "node", ""] "smoothed share of its payments reported" => reported_share(c.met.reported, c.met.payments);
    node_youth_1d [SHARE, "node", "1d half-life"] "1 when first seen now, halving every day" => youth(c, 86_400.0);
    node_youth_7d [SHARE, "node", "7d half-life"] "1 when first seen now, halving every week" => youth(c, 604_800.0);
    linked_young_share [SHARE, "node", ""] "share of linked entities less than a week old" => share(c.met.linked.young, c.met.linked.links);
    linked_reported_share [SHARE, "node", ""] "share of linked entities with a reported payment" => share(c.met.linked.reporters, c.met.linked.links);
    node_received_share_1d [SHARE, "node", "1d half-life"] "received among received and paid amounts" => share(c.received_amount[1], c.received_amount[1] + c.paid_amount[1]);
    node_received_share_30d [SHARE, "node", "30d half-life"] "received among received and paid amounts" => share(c.received_amount[3], c.received_amount[3] + c.paid_amount[3]);
    node_amount_surprise [DEVIATIONS, "node", ""] "how far this payment's amount lies from the entity's habit" => c.pulse.surprise(c.log_amount);
}

fn youth(cut: &NodeCut<'_>, half_life_s: f32) -> f32 {
    if cut.met.seen { exp2_neg(cut.met.age_s / half_life_s) } else { 0.0 }
}
