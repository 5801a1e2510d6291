//! The sampled subgraph in single figures: how connected, how young and how much reported the neighbourhood is.

use crate::columns::{COUNT, RATIO, SHARE, columns};
use crate::payment_cut::PaymentCut;

columns! { LOG_COLUMNS, fill_logs, Graph, |c: &PaymentCut<'_>|
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
    merchant_degree [COUNT, "merchant", ""] "distinct neighbours retained" => c.merchant.neighbours();
    counterparty_degree [COUNT, "counterparty", ""] "distinct neighbours retained" => c.counterparty.neighbours();
    hop_1_reported_7d [COUNT, "account", "7d"] "reports that became known on entities one step away" => c.surroundings.reports[1][0];
    hop_1_reported_30d [COUNT, "account", "30d"] "reports that became known on entities one step away" => c.surroundings.reports[1][1];
    hop_2_reported_7d [COUNT, "account", "7d"] "reports that became known on entities two steps away" => c.surroundings.reports[2][0];
    hop_2_reported_30d [COUNT, "account", "30d"] "reports that became known on entities two steps away" => c.surroundings.reports[2][1];
    hop_1_reported_30d_max [COUNT, "account", "30d"] "reports that became known on the entity one step away that has most" => c.surroundings.most_reports_30d[1];
    hop_2_reported_30d_max [COUNT, "account", "30d"] "reports that became known on the entity two steps away that has most" => c.surroundings.most_reports_30d[2];
    accounts_sharing_two [COUNT, "account", ""] "other recent accounts linked to two or more of the payment's device, IP, merchant and counterparty" => c.surroundings.accounts_sharing_two;
    links_per_node [RATIO, "account", ""] "links a sampled entity" => c.surroundings.links_per_node;
}

columns! { PLAIN_COLUMNS, fill_plain, Graph, |c: &PaymentCut<'_>|
    hop_2_young_share [SHARE, "account", "7d"] "share of accounts two steps away less than a week old" => c.surroundings.hop_2.young_share;
    hop_2_reported_share [SHARE, "account", ""] "share of accounts two steps away with a reported payment" => c.surroundings.hop_2.reported_share;
    device_young_share [SHARE, "device", "7d"] "share of its other recent accounts less than a week old" => c.surroundings.device.young_share;
    device_accounts_reported_share [SHARE, "device", ""] "share of its other recent accounts with a reported payment" => c.surroundings.device.reported_share;
    ip_young_share [SHARE, "ip", "7d"] "share of its other recent accounts less than a week old" => c.surroundings.ip.young_share;
    ip_accounts_reported_share [SHARE, "ip", ""] "share of its other recent accounts with a reported payment" => c.surroundings.ip.reported_share;
    merchant_young_share [SHARE, "merchant", "7d"] "share of its other recent accounts less than a week old" => c.surroundings.merchant.young_share;
    merchant_accounts_reported_share [SHARE, "merchant", ""] "share of its other recent accounts with a reported payment" => c.surroundings.merchant.reported_share;
    counterparty_accounts_reported_share [SHARE, "counterparty", ""] "share of its other recent partners with a reported payment" => c.surroundings.counterparty.reported_share;
    device_accounts_reported_30d_share [SHARE, "device", "30d"] "share of its other recent accounts with a report that became known" => c.surroundings.device.reported_30d_share;
    ip_accounts_reported_30d_share [SHARE, "ip", "30d"] "share of its other recent accounts with a report that became known" => c.surroundings.ip.reported_30d_share;
    merchant_accounts_reported_30d_share [SHARE, "merchant", "30d"] "share of its other recent accounts with a report that became known" => c.surroundings.merchant.reported_30d_share;
    counterparty_accounts_reported_30d_share [SHARE, "counterparty", "30d"] "share of its other recent partners with a report that became known" => c.surroundings.counterparty.reported_30d_share;
    hop_1_merchants_reported_30d_share [SHARE, "merchant", "30d"] "share of merchants one step away with a report that became known" => c.surroundings.hop_1_merchants.reported_30d_share;
    hop_2_accounts_reported_30d_share [SHARE, "account", "30d"] "share of accounts two steps away with a report that became known" => c.surroundings.hop_2.reported_30d_share;
    shared_entities ["number 0..3", "account", ""] "the payment's device, IP and counterparty, as far as another recent account is linked to them" => c.surroundings.shared_entities;
}
