//! Reported fraud, as far as the reports were known at the cut and still stand.

use crate::columns::{COUNT, NEVER_WITHIN_30D, SECONDS, SHARE, columns, reported_rate, reported_share};
use crate::payment_cut::{Party, PaymentCut};
use crate::times::{D1, D7, D30};
use crate::windows;

columns! { LOG_COLUMNS, fill_logs, Reports, |c: &PaymentCut<'_>|
    account_reported [COUNT, "account", ""] "payments reported as fraud" => c.account.reported;
    device_reported [COUNT, "device", ""] "payments reported as fraud" => c.device.reported;
    ip_reported [COUNT, "ip", ""] "payments reported as fraud" => c.ip.reported;
    merchant_reported [COUNT, "merchant", ""] "payments reported as fraud" => c.merchant.reported;
    counterparty_reported [COUNT, "counterparty", ""] "payments reported as fraud" => c.counterparty.reported;
    account_reported_30d [COUNT, "account", "30d"] "reports that became known" => c.account.reports_in(D30);
    device_reported_7d [COUNT, "device", "7d"] "reports that became known" => c.device.reports_in(D7);
    device_reported_30d [COUNT, "device", "30d"] "reports that became known" => c.device.reports_in(D30);
    ip_reported_7d [COUNT, "ip", "7d"] "reports that became known" => c.ip.reports_in(D7);
    ip_reported_30d [COUNT, "ip", "30d"] "reports that became known" => c.ip.reports_in(D30);
    merchant_reported_7d [COUNT, "merchant", "7d"] "reports that became known" => c.merchant.reports_in(D7);
    merchant_reported_30d [COUNT, "merchant", "30d"] "reports that became known" => c.merchant.reports_in(D30);
    counterparty_reported_30d [COUNT, "counterparty", "30d"] "reports that became known" => c.counterparty.reports_in(D30);
    account_reported_1d [COUNT, "account", "1d"] "reports that became known" => c.account.reports_in(D1);
    device_reported_1d [COUNT, "device", "1d"] "reports that became known" => c.device.reports_in(D1);
    ip_reported_1d [COUNT, "ip", "1d"] "reports that became known" => c.ip.reports_in(D1);
    merchant_reported_1d [COUNT, "merchant", "1d"] "reports that became known" => c.merchant.reports_in(D1);
    account_reported_7d [COUNT, "account", "7d"] "reports that became known" => c.account.reports_in(D7);
    counterparty_reported_7d [COUNT, "counterparty", "7d"] "reports that became known" => c.counterparty.reports_in(D7);
    account_report_first_30d_s [SECONDS, "account", "30d"] "time since the first of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.account.report_first_s();
    device_report_first_30d_s [SECONDS, "device", "30d"] "time since the first of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.device.report_first_s();
    ip_report_first_30d_s [SECONDS, "ip", "30d"] "time since the first of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.ip.report_first_s();
    merchant_report_first_30d_s [SECONDS, "merchant", "30d"] "time since the first of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.merchant.report_first_s();
    account_report_last_s [SECONDS, "account", "30d"] "time since the last of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.account.report_last_s();
    device_report_last_s [SECONDS, "device", "30d"] "time since the last of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.device.report_last_s();
    ip_report_last_s [SECONDS, "ip", "30d"] "time since the last of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.ip.report_last_s();
    merchant_report_last_s [SECONDS, "merchant", "30d"] "time since the last of the reports in the window became known, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.merchant.report_last_s();
}

columns! { PLAIN_COLUMNS, fill_plain, Reports, |c: &PaymentCut<'_>|
    account_reported_share [SHARE, "account", ""] "smoothed share of its payments reported" => reported(&c.account);
    device_reported_share [SHARE, "device", ""] "smoothed share of its payments reported" => reported(&c.device);
    ip_reported_share [SHARE, "ip", ""] "smoothed share of its payments reported" => reported(&c.ip);
    merchant_reported_share [SHARE, "merchant", ""] "smoothed share of its payments reported" => reported(&c.merchant);
    counterparty_reported_share [SHARE, "counterparty", ""] "smoothed share of its payments reported" => reported(&c.counterparty);
    account_reported_rate_7d [SHARE, "account", "7d"] "smoothed rate of reports that became known among its payments" => rate(&c.account, D7, windows::D7);
    merchant_reported_rate_7d [SHARE, "merchant", "7d"] "smoothed rate of reports that became known among its payments" => rate(&c.merchant, D7, windows::D7);
    account_reported_rate_30d [SHARE, "account", "30d"] "smoothed rate of reports that became known among its payments" => rate(&c.account, D30, windows::D30);
    device_reported_rate_30d [SHARE, "device", "30d"] "smoothed rate of reports that became known among its payments" => rate(&c.device, D30, windows::D30);
    ip_reported_rate_30d [SHARE, "ip", "30d"] "smoothed rate of reports that became known among its payments" => rate(&c.ip, D30, windows::D30);
    merchant_reported_rate_30d [SHARE, "merchant", "30d"] "smoothed rate of reports that became known among its payments" => rate(&c.merchant, D30, windows::D30);
}

fn reported(party: &Party<'_>) -> f32 {
    reported_share(party.reported, party.payments)
}

fn rate(party: &Party<'_>, reports_window: usize, payments_window: usize) -> f32 {
    reported_rate(party.reports_in(reports_window), party.payments_in(payments_window))
}
