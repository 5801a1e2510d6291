//! The 16 columns of a link row: five stored as `log2(1+x)`, then eleven as they are.

use crate::columns::{COUNT, FLAG, MAJOR, SECONDS, SHARE, columns, flag, reported_share, share};
use crate::math::{log2_1p_each, major};

use crate::tensor::EDGE_WIDTH;
use fraudnet_graph::{Link, Relation};

/// Columns stored as `log2(1+x)`.
const LOGS: usize = 5;
const _: () = assert!(LOG_COLUMNS.len() == LOGS && LOG_COLUMNS.len() + PLAIN_COLUMNS.len() == EDGE_WIDTH);

/// One link of a row.
pub(crate) struct LinkCut<'a> {
    link: &'a Link,
    idle_s: f32,
    age_s: f32,
    /// Hop of the linked node minus hop of the row's node: -1, 0 or 1.
    outward: i8,
}

/// Fills the row of one link.
pub(crate) fn fill(link: &Link, now_s: u32, outward: i8, row: &mut [f32; EDGE_WIDTH]) {
    let known = link.facts.count > 0;
    let since = |then_s: u32| if known { now_s.saturating_sub(then_s) as f32 } else { 0.0 };
    let cut = LinkCut { link, idle_s: since(link.facts.last_s), age_s: since(link.facts.first_s), outward };
    let (logs, plain) = row.split_at_mut(LOGS);
    fill_logs(&cut, logs);
    log2_1p_each(logs);
    fill_plain(&cut, plain);
}

columns! { LOG_COLUMNS, fill_logs, Graph, |c: &LinkCut<'_>|
    edge_idle_s [SECONDS, "edge", ""] "time since the two were last active together" => c.idle_s;
    edge_age_s [SECONDS, "edge", ""] "time since they were first active together" => c.age_s;
    edge_payments [COUNT, "edge", ""] "payments over the edge" => c.link.facts.count as f32;
    edge_mean_amount [MAJOR, "edge", ""] "mean amount of them" => share(major(c.link.facts.amount), c.link.facts.count as f32);
    edge_reported [COUNT, "edge", ""] "of them, standing fraud reports" => c.link.facts.reported as f32;
}

columns! { PLAIN_COLUMNS, fill_plain, Graph, |c: &LinkCut<'_>|
    edge_reported_share [SHARE, "edge", ""] "smoothed share of its payments reported" => reported_share(c.link.facts.reported as f32, c.link.facts.count as f32);
    edge_own [FLAG, "edge", ""] "made by the payment itself" => flag(c.link.own);
    edge_is_account_device [FLAG, "edge", ""] "account and device" => flag(c.link.relation == Relation::AccountDevice);
    edge_is_account_ip [FLAG, "edge", ""] "account and IP address" => flag(c.link.relation == Relation::AccountIp);
    edge_is_account_merchant [FLAG, "edge", ""] "account and merchant" => flag(c.link.relation == Relation::AccountMerchant);
    edge_is_device_ip [FLAG, "edge", ""] "device and IP address" => flag(c.link.relation == Relation::DeviceIp);
    edge_is_account_account [FLAG, "edge", ""] "two accounts" => flag(c.link.relation == Relation::AccountAccount);
    edge_never_seen [FLAG, "edge", ""] "the payment is the first over it" => flag(c.link.facts.count == 0);
    edge_outward [FLAG, "edge", ""] "leads away from the paying account" => flag(c.outward > 0);
    edge_back [FLAG, "edge", ""] "leads back towards the paying account" => flag(c.outward < 0);
    edge_idle_share [SHARE, "edge", ""] "idle time among its age" => share(c.idle_s, c.age_s + 1.0);
}
