//! Further windows of the payment's own entities: the week, payments large for their payer, and how high amounts have lately been.
//!
//! A payment is large when it is at least three times what its account pays on average (older payments counting less), judged
//! before it is taken into that mean, once the account is known by five payments. A stolen card shows as a row of them; a merchant whose terminal is misused collects
//! them from many accounts, days before the first report arrives.

use crate::columns::{COUNT, DOUBLINGS, MAJOR, NEVER_WITHIN_30D, RATIO, SECONDS, SHARE, columns, share};
use crate::math::log2_1p;
use crate::payment_cut::{Party, PaymentCut};
use crate::times;
use crate::windows::{D1, D7, D30};
use fraudnet_graph::Relation::{AccountAccount, AccountDevice, AccountIp, AccountMerchant};

columns! { LOG_COLUMNS, fill_logs, Windows, |c: &PaymentCut<'_>|
    account_amount_7d [MAJOR, "account", "7d"] "amount paid" => c.account.amount_in(D7);
    device_payments_7d [COUNT, "device", "7d"] "payments made from it" => c.device.payments_in(D7);
    ip_payments_7d [COUNT, "ip", "7d"] "payments made from it" => c.ip.payments_in(D7);
    merchant_payments_7d [COUNT, "merchant", "7d"] "payments to it" => c.merchant.payments_in(D7);
    merchant_amount_7d [MAJOR, "merchant", "7d"] "amount paid to it" => c.merchant.amount_in(D7);
    counterparty_received_7d [COUNT, "counterparty", "7d"] "payments received" => c.counterparty.received_in(D7);
    account_merchants_7d [COUNT, "account", "7d"] "distinct merchants" => c.account.distinct(AccountMerchant, times::D7);
    device_accounts_7d [COUNT, "device", "7d"] "distinct accounts" => c.device.distinct(AccountDevice, times::D7);
    ip_accounts_7d [COUNT, "ip", "7d"] "distinct accounts" => c.ip.distinct(AccountIp, times::D7);
    merchant_accounts_7d [COUNT, "merchant", "7d"] "distinct accounts" => c.merchant.distinct(AccountMerchant, times::D7);
    counterparty_partners_7d [COUNT, "counterparty", "7d"] "distinct accounts it exchanged money with" => c.counterparty.distinct(AccountAccount, times::D7);
    device_burst_1d [RATIO, "device", "1d"] "payments in the last day over those of an average day" => burst_1d(&c.device);
    merchant_burst_1d [RATIO, "merchant", "1d"] "payments in the last day over those of an average day" => burst_1d(&c.merchant);
    account_large_1d [COUNT, "account", "1d"] "payments made at least three times what it pays on average" => c.account.large_in(times::D1);
    account_large_7d [COUNT, "account", "7d"] "payments made at least three times what it pays on average" => c.account.large_in(times::D7);
    account_large_30d [COUNT, "account", "30d"] "payments made at least three times what it pays on average" => c.account.large_in(times::D30);
    device_large_7d [COUNT, "device", "7d"] "payments from it at least three times what their payer pays on average" => c.device.large_in(times::D7);
    ip_large_7d [COUNT, "ip", "7d"] "payments from it at least three times what their payer pays on average" => c.ip.large_in(times::D7);
    merchant_large_1d [COUNT, "merchant", "1d"] "payments to it at least three times what their payer pays on average" => c.merchant.large_in(times::D1);
    merchant_large_7d [COUNT, "merchant", "7d"] "payments to it at least three times what their payer pays on average" => c.merchant.large_in(times::D7);
    merchant_large_30d [COUNT, "merchant", "30d"] "payments to it at least three times what their payer pays on average" => c.merchant.large_in(times::D30);
    account_large_idle_s [SECONDS, "account", "30d"] "time since its last payment at least three times what it pays on average, to a sixtieth; 30 days where there is none" or NEVER_WITHIN_30D => c.account.large_idle_s();
    amount_over_account_mean [RATIO, "account", "30d half-life"] "amount over what the account pays on average, at most a million times" => c.account.pulse.over_mean(c.amount);
    account_peak_7d [RATIO, "account", "7d"] "its largest payment over what it pays on average, at most a million times" => c.account.peak_over_mean(times::D7);
    account_peak_30d [RATIO, "account", "30d"] "its largest payment over what it pays on average, at most a million times" => c.account.peak_over_mean(times::D30);
}

columns! { PLAIN_COLUMNS, fill_plain, Windows, |c: &PaymentCut<'_>|
    account_large_share_7d [SHARE, "account", "7d"] "share of its payments that were at least three times what it pays on average" => large_share_7d(&c.account);
    merchant_large_share_7d [SHARE, "merchant", "7d"] "share of payments to it that were at least three times what their payer pays on average" => large_share_7d(&c.merchant);
    account_level_1d [DOUBLINGS, "account", "1d"] "mean amount paid in the window against its running mean" => level(&c.account, D1);
    account_level_7d [DOUBLINGS, "account", "7d"] "mean amount paid in the window against its running mean" => level(&c.account, D7);
    merchant_level_7d [DOUBLINGS, "merchant", "7d"] "mean amount paid to it in the window against its running mean" => level(&c.merchant, D7);
    amount_to_account_7d [DOUBLINGS, "account", "7d"] "amount against the mean amount the account paid in the window" => to_mean_7d(&c.account, c.log_amount);
    amount_to_merchant_7d [DOUBLINGS, "merchant", "7d"] "amount against the mean amount the merchant was paid in the window" => to_mean_7d(&c.merchant, c.log_amount);
}

/// Rate of the last day over the 30-day rate, with one payment added to the long run so that newcomers stay moderate.
fn burst_1d(party: &Party<'_>) -> f32 {
    party.payments_in(D1) * 30.0 / (party.payments_in(D30) + 1.0)
}

fn large_share_7d(party: &Party<'_>) -> f32 {
    share(party.large_in(times::D7), party.payments_in(D7))
}

/// `log2(1 + mean amount)` of a window, where there was a payment in it.
fn mean_in(party: &Party<'_>, window: usize) -> Option<f32> {
    let payments = party.payments_in(window);
    (payments > 0.0).then(|| log2_1p(party.amount_in(window) / payments))
}

fn level(party: &Party<'_>, window: usize) -> f32 {
    mean_in(party, window).map_or(0.0, |mean| mean - party.pulse.amount_mean)
}

fn to_mean_7d(party: &Party<'_>, log_amount: f32) -> f32 {
    mean_in(party, D7).map_or(0.0, |mean| log_amount - mean)
}
