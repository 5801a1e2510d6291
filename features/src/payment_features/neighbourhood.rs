//! The sampled subgraph in single figures: how connected, how young and how much reported the neighbourhood is.

use crate::columns::{COUNT, SHARE, columns};
use crate::payment_cut::PaymentCut;

columns! { LOG_COLUMNS, fill_logs, |c: &PaymentCut<'_>|
    account_degree [COUNT, "account", ""] "distinct neighbours retained" => c.account.neighbours();
    device_degree [COUNT, "device", ""] "distinct neighbours retained" => c.device.neighbours();
    ip_degree [COUNT, "ip", ""] "distinct neighbours retained" => c.ip.neighbours();
    hop_1_nodes [COUNT, "account", ""] "entities sampled one step away" => c.surroundings.nodes[1];
    hop_2_nodes [COUNT, "account", ""] "entities sampled two steps away" => c.surroundings.nodes[2];
    hop_3_nodes [COUNT, "account", ""] "entities sampled three steps away" => c.surroundings.nodes[3];
    neighbours_left_out [COUNT, "account", ""] "neighbours that the sample's budget left out" => c.surroundings.truncated;
    hop_1_reported [COUNT, "account", ""] "reported payments of entities one step away" => c.surroundings.reported[1];
    hop_2_reported [COUNT, "account", ""] "reported payments of entities two steps away" => c.surroundings.reported[2];
    hop_3_reported [COUNT, "account", ""] "reported payments of entities three steps away" => c.surroundings.reported[3];
}

columns! { PLAIN_COLUMNS, fill_plain, |c: &PaymentCut<'_>|
    hop_2_young_share [SHARE, "account", "7d"] "share of accounts two steps away less than a week old" => c.surroundings.hop_2.young_share;
    hop_2_reported_share [SHARE, "account", ""] "share of accounts two steps away with a reported payment" => c.surroundings.hop_2.reported_share;
    device_young_share [SHARE, "device", "7d"] "share of its other recent accounts less than a week old" => c.surroundings.device.young_share;
    device_accounts_reported_share [SHARE, "device", ""] "share of its other recent accounts with a reported payment" => c.surroundings.device.reported_share;
    ip_young_share [SHARE, "ip", "7d"] "share of its other recent accounts less than a week old" => c.surroundings.ip.young_share;
    ip_accounts_reported_share [SHARE, "ip", ""] "share of its other recent accounts with a reported payment" => c.surroundings.ip.reported_share;
    merchant_young_share [SHARE, "merchant", "7d"] "share of its other recent accounts less than a week old" => c.surroundings.merchant.young_share;
    merchant_accounts_reported_share [SHARE, "merchant", ""] "share of its other recent accounts with a reported payment" => c.surroundings.merchant.reported_share;
    counterparty_accounts_reported_share [SHARE, "counterparty", ""] "share of its other recent partners with a reported payment" => c.surroundings.counterparty.reported_share;
}
