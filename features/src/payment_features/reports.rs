//! Reported fraud, as far as the reports were known at the cut and still stand.

use crate::columns::{COUNT, SHARE, columns, reported_share};
use crate::payment_cut::{Party, PaymentCut};
use crate::times::{D7, D30};

columns! { LOG_COLUMNS, fill_logs, |c: &PaymentCut<'_>|
    account_reported [COUNT, "account", ""] "payments reported as fraud" => c.account.reported;
    device_reported [COUNT, "device", ""] "payments reported as fraud" => c.device.reported;
    ip_reported [COUNT, "ip", ""] "payments reported as fraud" => c.ip.reported;
    merchant_reported [COUNT, "merchant", ""] "payments reported as fraud" => c.merchant.reported;
    counterparty_reported [COUNT, "counterparty", ""] "payments reported as fraud" => c.counterparty.reported;
    account_reported_30d [COUNT, "account", "30d"] "reports that became known" => c.account.reports[D30] as f32;
    device_reported_7d [COUNT, "device", "7d"] "reports that became known" => c.device.reports[D7] as f32;
    device_reported_30d [COUNT, "device", "30d"] "reports that became known" => c.device.reports[D30] as f32;
    ip_reported_7d [COUNT, "ip", "7d"] "reports that became known" => c.ip.reports[D7] as f32;
    ip_reported_30d [COUNT, "ip", "30d"] "reports that became known" => c.ip.reports[D30] as f32;
    merchant_reported_7d [COUNT, "merchant", "7d"] "reports that became known" => c.merchant.reports[D7] as f32;
    merchant_reported_30d [COUNT, "merchant", "30d"] "reports that became known" => c.merchant.reports[D30] as f32;
    counterparty_reported_30d [COUNT, "counterparty", "30d"] "reports that became known" => c.counterparty.reports[D30] as f32;
}

columns! { PLAIN_COLUMNS, fill_plain, |c: &PaymentCut<'_>|
    account_reported_share [SHARE, "account", ""] "smoothed share of its payments reported" => reported(&c.account);
    device_reported_share [SHARE, "device", ""] "smoothed share of its payments reported" => reported(&c.device);
    ip_reported_share [SHARE, "ip", ""] "smoothed share of its payments reported" => reported(&c.ip);
    merchant_reported_share [SHARE, "merchant", ""] "smoothed share of its payments reported" => reported(&c.merchant);
    counterparty_reported_share [SHARE, "counterparty", ""] "smoothed share of its payments reported" => reported(&c.counterparty);
}

fn reported(party: &Party<'_>) -> f32 {
    reported_share(party.reported, party.payments)
}
