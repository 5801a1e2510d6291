//! Velocity: payments, amounts and distinct counterparts in exact windows, and how they compare with what is usual.

use crate::columns::{COUNT, DEVIATIONS, DOUBLINGS, MAJOR, RATIO, SHARE, columns, share};
use crate::payment_cut::{Party, PaymentCut};
use crate::times;
use crate::windows::{D1, D7, D30, H1, M1};
use fraudnet_graph::Relation::{AccountAccount, AccountDevice, AccountIp, AccountMerchant, DeviceIp};

columns! { LOG_COLUMNS, fill_logs, Velocity, |c: &PaymentCut<'_>|
    account_payments_1m [COUNT, "account", "1m"] "payments made" => c.account.payments_in(M1);
    account_payments_1h [COUNT, "account", "1h"] "payments made" => c.account.payments_in(H1);
    account_payments_1d [COUNT, "account", "1d"] "payments made" => c.account.payments_in(D1);
    account_payments_7d [COUNT, "account", "7d"] "payments made" => c.account.payments_in(D7);
    account_payments_30d [COUNT, "account", "30d"] "payments made" => c.account.payments_in(D30);
    account_amount_1h [MAJOR, "account", "1h"] "amount paid" => c.account.amount_in(H1);
    account_amount_1d [MAJOR, "account", "1d"] "amount paid" => c.account.amount_in(D1);
    account_amount_30d [MAJOR, "account", "30d"] "amount paid" => c.account.amount_in(D30);
    account_received_1d [COUNT, "account", "1d"] "payments received" => c.account.received_in(D1);
    account_received_30d [COUNT, "account", "30d"] "payments received" => c.account.received_in(D30);
    account_received_amount_1d [MAJOR, "account", "1d"] "amount received" => c.account.received_amount_in(D1);
    device_payments_1m [COUNT, "device", "1m"] "payments made from it" => c.device.payments_in(M1);
    device_payments_1h [COUNT, "device", "1h"] "payments made from it" => c.device.payments_in(H1);
    device_payments_1d [COUNT, "device", "1d"] "payments made from it" => c.device.payments_in(D1);
    device_payments_30d [COUNT, "device", "30d"] "payments made from it" => c.device.payments_in(D30);
    device_amount_1h [MAJOR, "device", "1h"] "amount paid from it" => c.device.amount_in(H1);
    device_amount_1d [MAJOR, "device", "1d"] "amount paid from it" => c.device.amount_in(D1);
    ip_payments_1m [COUNT, "ip", "1m"] "payments made from it" => c.ip.payments_in(M1);
    ip_payments_1h [COUNT, "ip", "1h"] "payments made from it" => c.ip.payments_in(H1);
    ip_payments_1d [COUNT, "ip", "1d"] "payments made from it" => c.ip.payments_in(D1);
    ip_payments_30d [COUNT, "ip", "30d"] "payments made from it" => c.ip.payments_in(D30);
    ip_amount_1d [MAJOR, "ip", "1d"] "amount paid from it" => c.ip.amount_in(D1);
    merchant_payments_1m [COUNT, "merchant", "1m"] "payments to it" => c.merchant.payments_in(M1);
    merchant_payments_1h [COUNT, "merchant", "1h"] "payments to it" => c.merchant.payments_in(H1);
    merchant_payments_1d [COUNT, "merchant", "1d"] "payments to it" => c.merchant.payments_in(D1);
    merchant_payments_30d [COUNT, "merchant", "30d"] "payments to it" => c.merchant.payments_in(D30);
    merchant_amount_1d [MAJOR, "merchant", "1d"] "amount paid to it" => c.merchant.amount_in(D1);
    counterparty_received_1h [COUNT, "counterparty", "1h"] "payments received" => c.counterparty.received_in(H1);
    counterparty_received_1d [COUNT, "counterparty", "1d"] "payments received" => c.counterparty.received_in(D1);
    counterparty_received_30d [COUNT, "counterparty", "30d"] "payments received" => c.counterparty.received_in(D30);
    counterparty_received_amount_1d [MAJOR, "counterparty", "1d"] "amount received" => c.counterparty.received_amount_in(D1);
    counterparty_payments_1d [COUNT, "counterparty", "1d"] "payments made" => c.counterparty.payments_in(D1);
    account_devices_1d [COUNT, "account", "1d"] "distinct devices" => c.account.distinct(AccountDevice, times::D1);
    account_devices_30d [COUNT, "account", "30d"] "distinct devices" => c.account.distinct(AccountDevice, times::D30);
    account_ips_1d [COUNT, "account", "1d"] "distinct IP addresses" => c.account.distinct(AccountIp, times::D1);
    account_ips_30d [COUNT, "account", "30d"] "distinct IP addresses" => c.account.distinct(AccountIp, times::D30);
    account_merchants_1h [COUNT, "account", "1h"] "distinct merchants" => c.account.distinct(AccountMerchant, times::H1);
    account_merchants_1d [COUNT, "account", "1d"] "distinct merchants" => c.account.distinct(AccountMerchant, times::D1);
    account_merchants_30d [COUNT, "account", "30d"] "distinct merchants" => c.account.distinct(AccountMerchant, times::D30);
    account_partners_7d [COUNT, "account", "7d"] "distinct accounts it exchanged money with" => c.account.distinct(AccountAccount, times::D7);
    device_accounts_1h [COUNT, "device", "1h"] "distinct accounts" => c.device.distinct(AccountDevice, times::H1);
    device_accounts_1d [COUNT, "device", "1d"] "distinct accounts" => c.device.distinct(AccountDevice, times::D1);
    device_accounts_30d [COUNT, "device", "30d"] "distinct accounts" => c.device.distinct(AccountDevice, times::D30);
    device_ips_7d [COUNT, "device", "7d"] "distinct IP addresses" => c.device.distinct(DeviceIp, times::D7);
    ip_accounts_1h [COUNT, "ip", "1h"] "distinct accounts" => c.ip.distinct(AccountIp, times::H1);
    ip_accounts_1d [COUNT, "ip", "1d"] "distinct accounts" => c.ip.distinct(AccountIp, times::D1);
    ip_accounts_30d [COUNT, "ip", "30d"] "distinct accounts" => c.ip.distinct(AccountIp, times::D30);
    ip_devices_1d [COUNT, "ip", "1d"] "distinct devices" => c.ip.distinct(DeviceIp, times::D1);
    merchant_accounts_1h [COUNT, "merchant", "1h"] "distinct accounts" => c.merchant.distinct(AccountMerchant, times::H1);
    merchant_accounts_1d [COUNT, "merchant", "1d"] "distinct accounts" => c.merchant.distinct(AccountMerchant, times::D1);
    merchant_accounts_30d [COUNT, "merchant", "30d"] "distinct accounts" => c.merchant.distinct(AccountMerchant, times::D30);
    counterparty_partners_1d [COUNT, "counterparty", "1d"] "distinct accounts it exchanged money with" => c.counterparty.distinct(AccountAccount, times::D1);
    counterparty_partners_30d [COUNT, "counterparty", "30d"] "distinct accounts it exchanged money with" => c.counterparty.distinct(AccountAccount, times::D30);
    account_burst_1h [RATIO, "account", "1h"] "payments in the last hour over those of an average hour" => burst(&c.account, H1, 720.0);
    account_burst_1d [RATIO, "account", "1d"] "payments in the last day over those of an average day" => burst(&c.account, D1, 30.0);
    device_burst_1h [RATIO, "device", "1h"] "payments in the last hour over those of an average hour" => burst(&c.device, H1, 720.0);
    ip_burst_1h [RATIO, "ip", "1h"] "payments in the last hour over those of an average hour" => burst(&c.ip, H1, 720.0);
    merchant_burst_1h [RATIO, "merchant", "1h"] "payments in the last hour over those of an average hour" => burst(&c.merchant, H1, 720.0);
}

columns! { PLAIN_COLUMNS, fill_plain, Velocity, |c: &PaymentCut<'_>|
    amount_to_account_mean [DOUBLINGS, "account", ""] "amount against the account's own mean" => to_mean(&c.account, c.log_amount);
    amount_to_device_mean [DOUBLINGS, "device", ""] "amount against the device's mean" => to_mean(&c.device, c.log_amount);
    amount_to_merchant_mean [DOUBLINGS, "merchant", ""] "amount against the merchant's mean" => to_mean(&c.merchant, c.log_amount);
    account_amount_surprise [DEVIATIONS, "account", ""] "amount against the account's own spread" => c.account.pulse.surprise(c.log_amount);
    merchant_amount_surprise [DEVIATIONS, "merchant", ""] "amount against the merchant's spread" => c.merchant.pulse.surprise(c.log_amount);
    amount_share_30d [SHARE, "account", "30d"] "amount among all the account paid, this payment included" or 1.0 => amount_share(c);
    account_passed_on_1d [SHARE, "account", "1d"] "received among received and paid, this payment included" => passed_on(c);
}

/// Rate of the last window over the 30-day rate, with one payment added to the long run so that newcomers stay moderate.
fn burst(party: &Party<'_>, window: usize, windows_in_30d: f32) -> f32 {
    party.payments_in(window) * windows_in_30d / (party.payments_in(D30) + 1.0)
}

fn to_mean(party: &Party<'_>, log_amount: f32) -> f32 {
    if party.pulse.paid_count == 0 { 0.0 } else { log_amount - party.pulse.amount_mean }
}

fn amount_share(c: &PaymentCut<'_>) -> f32 {
    let earlier = c.account.amount_in(D30);
    if earlier > 0.0 { c.amount / (c.amount + earlier) } else { 1.0 }
}

fn passed_on(c: &PaymentCut<'_>) -> f32 {
    let received = c.account.received_amount_in(D1);
    share(received, received + c.account.amount_in(D1) + c.amount)
}
