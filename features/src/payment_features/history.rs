//! History: how old everything is, how long ago it was active, and whether this payment fits the account's habits.

use crate::columns::{COUNT, FLAG, SECONDS, SHARE, columns, flag};
use crate::habit::Habit;
use crate::payment_cut::PaymentCut;

columns! { LOG_COLUMNS, fill_logs, History, |c: &PaymentCut<'_>|
    account_age_s [SECONDS, "account", ""] "time since first seen" => c.account.age_s;
    device_age_s [SECONDS, "device", ""] "time since first seen" => c.device.age_s;
    ip_age_s [SECONDS, "ip", ""] "time since first seen" => c.ip.age_s;
    merchant_age_s [SECONDS, "merchant", ""] "time since first seen" => c.merchant.age_s;
    counterparty_age_s [SECONDS, "counterparty", ""] "time since first seen" => c.counterparty.age_s;
    account_idle_s [SECONDS, "account", ""] "time since last active" => c.account.idle_s;
    device_idle_s [SECONDS, "device", ""] "time since last active" => c.device.idle_s;
    ip_idle_s [SECONDS, "ip", ""] "time since last active" => c.ip.idle_s;
    merchant_idle_s [SECONDS, "merchant", ""] "time since last active" => c.merchant.idle_s;
    counterparty_idle_s [SECONDS, "counterparty", ""] "time since last active" => c.counterparty.idle_s;
    account_gap_s [SECONDS, "account", ""] "time between its last two payments" => c.account.pulse.gap_s as f32;
    account_device_age_s [SECONDS, "account", ""] "time since it first used the device" => c.account_device.age_s;
    account_ip_age_s [SECONDS, "account", ""] "time since it first used the IP address" => c.account_ip.age_s;
    account_merchant_age_s [SECONDS, "account", ""] "time since it first paid the merchant" => c.account_merchant.age_s;
    account_counterparty_age_s [SECONDS, "account", ""] "time since it first exchanged money with the counterparty" => c.account_counterparty.age_s;
    device_ip_age_s [SECONDS, "device", ""] "time since it was first behind the IP address" => c.device_ip.age_s;
    account_device_idle_s [SECONDS, "account", ""] "time since it last used the device" => c.account_device.idle_s;
    account_ip_idle_s [SECONDS, "account", ""] "time since it last used the IP address" => c.account_ip.idle_s;
    account_merchant_idle_s [SECONDS, "account", ""] "time since it last paid the merchant" => c.account_merchant.idle_s;
    account_device_payments [COUNT, "account", ""] "payments from the device" => c.account_device.count;
    account_ip_payments [COUNT, "account", ""] "payments from the IP address" => c.account_ip.count;
    account_merchant_payments [COUNT, "account", ""] "payments to the merchant" => c.account_merchant.count;
    account_counterparty_payments [COUNT, "account", ""] "payments exchanged with the counterparty" => c.account_counterparty.count;
    device_ip_payments [COUNT, "device", ""] "payments from the device behind the IP address" => c.device_ip.count;
}

columns! { PLAIN_COLUMNS, fill_plain, History, |c: &PaymentCut<'_>|
    device_new [FLAG, "account", ""] "first payment of the account from the device" => flag(c.account_device.is_new());
    ip_new [FLAG, "account", ""] "first payment of the account from the IP address" => flag(c.account_ip.is_new());
    merchant_new [FLAG, "account", ""] "first payment of the account to the merchant" => flag(c.account_merchant.is_new());
    counterparty_new [FLAG, "account", ""] "first exchange of the account with the counterparty" => flag(c.account_counterparty.is_new());
    device_ip_new [FLAG, "device", ""] "device first seen behind the IP address" => flag(c.device_ip.is_new());
    hour_habit_share [SHARE, "account", "30d half-life"] "share of its payments in this sixth of the day" or 0.166_666_67 => habit(c).map_or(1.0 / 6.0, |habit| habit.hour_share(c.hour));
    channel_habit_share [SHARE, "account", "30d half-life"] "share of its payments over this channel" or 0.2 => habit(c).map_or(0.2, |habit| habit.channel_share(c.payment));
    currency_unusual [FLAG, "account", ""] "not the account's usual currency" => flag(habit(c).is_some_and(|habit| habit.currency_unusual(c.payment)));
    country_unusual [FLAG, "account", ""] "not the account's usual country of payment" => flag(habit(c).is_some_and(|habit| habit.country_unusual(c.payment)));
}

fn habit<'a>(c: &PaymentCut<'a>) -> Option<&'a Habit> {
    c.account.ledger?.account.as_deref().map(|account| &account.habit)
}
