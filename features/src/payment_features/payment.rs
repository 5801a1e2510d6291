//! What the payment itself says: amount, time, channel, geography, kind of merchant.

use crate::columns::{FLAG, MAJOR, SHARE, columns, flag};
use crate::math::sin_cos_of_turns;
use crate::payment_cut::PaymentCut;
use fraudnet_graph::Channel;

columns! { LOG_COLUMNS, fill_logs, Payment, |c: &PaymentCut<'_>|
    amount [MAJOR, "payment", ""] "amount in the payment's currency" => c.amount;
}

columns! { PLAIN_COLUMNS, fill_plain, Payment, |c: &PaymentCut<'_>|
    hour_sin ["sine", "payment", ""] "time of day, UTC" => sin_cos_of_turns(c.day_turns).0;
    hour_cos ["cosine", "payment", ""] "time of day, UTC" => sin_cos_of_turns(c.day_turns).1;
    weekday_sin ["sine", "payment", ""] "day of the week, Monday first" => sin_cos_of_turns(c.week_turns).0;
    weekday_cos ["cosine", "payment", ""] "day of the week, Monday first" => sin_cos_of_turns(c.week_turns).1;
    channel_ecommerce [FLAG, "payment", ""] "card on a web page or in an app" => flag(c.payment.channel == Channel::Ecommerce);
    channel_card_present [FLAG, "payment", ""] "card at a till" => flag(c.payment.channel == Channel::CardPresent);
    channel_transfer [FLAG, "payment", ""] "account to account" => flag(c.payment.channel == Channel::Transfer);
    channel_wallet [FLAG, "payment", ""] "wallet" => flag(c.payment.channel == Channel::Wallet);
    channel_atm [FLAG, "payment", ""] "cash withdrawal" => flag(c.payment.channel == Channel::Atm);
    amount_whole [FLAG, "payment", ""] "amount without minor units" => flag(c.cents.is_multiple_of(100));
    amount_round_10 [FLAG, "payment", ""] "amount a multiple of ten major units" => flag(c.cents.is_multiple_of(1_000));
    ip_country_differs [FLAG, "payment", ""] "IP and account are in different countries" => differ(c.payment.ip_country, c.payment.account_country);
    merchant_country_differs [FLAG, "payment", ""] "merchant and account are in different countries" => differ(c.payment.merchant_country, c.payment.account_country);
    ip_merchant_country_differs [FLAG, "payment", ""] "IP and merchant are in different countries" => differ(c.payment.ip_country, c.payment.merchant_country);
    countries_known_share [SHARE, "payment", ""] "countries given, of three" => countries_known(c);
    has_device [FLAG, "payment", ""] "a device is given" => flag(c.device.given);
    has_ip [FLAG, "payment", ""] "an IP address is given" => flag(c.ip.given);
    category_everyday [FLAG, "payment", ""] "groceries, food, fuel, pharmacy, transport" => flag(category(c) == Some(Category::Everyday));
    category_travel [FLAG, "payment", ""] "airlines, hotels, car rental, travel agencies" => flag(category(c) == Some(Category::Travel));
    category_digital [FLAG, "payment", ""] "digital goods, subscriptions, telecom, games" => flag(category(c) == Some(Category::Digital));
    category_cash_like [FLAG, "payment", ""] "cash, quasi-cash, money transfer, gambling, jewellery" => flag(category(c) == Some(Category::CashLike));
    category_retail [FLAG, "payment", ""] "clothing, electronics, furniture, department and other shops" => flag(category(c) == Some(Category::Retail));
}

fn differ(a: Option<[u8; 2]>, b: Option<[u8; 2]>) -> f32 {
    flag(a.zip(b).is_some_and(|(a, b)| a != b))
}

fn countries_known(c: &PaymentCut<'_>) -> f32 {
    let given = [c.payment.account_country, c.payment.ip_country, c.payment.merchant_country].iter().flatten().count();
    given as f32 / 3.0
}

#[derive(PartialEq)]
enum Category {
    Everyday,
    Travel,
    Digital,
    CashLike,
    Retail,
}

/// Groups of ISO 18245 codes. Codes of no group (services, government, unknown) leave every flag at 0.
fn category(c: &PaymentCut<'_>) -> Option<Category> {
    Some(match c.payment.merchant_category? {
        4829 | 5094 | 5944 | 6010..=6012 | 6050 | 6051 | 6211 | 6540 | 7800..=7802 | 7995 => Category::CashLike,
        3000..=3999 | 4411 | 4511 | 4582 | 4722 | 7011 | 7012 | 7033 | 7512 | 7513 => Category::Travel,
        4812..=4816 | 4899 | 5734 | 5815..=5818 | 5967 | 5968 | 7372 | 7829 | 7832 | 7841 | 7994 => Category::Digital,
        4111..=4131
        | 4784
        | 4900
        | 5411
        | 5422
        | 5441
        | 5451
        | 5462
        | 5499
        | 5541
        | 5542
        | 5811..=5814
        | 5912
        | 7523 => Category::Everyday,
        4000..=5999 => Category::Retail,
        _ => return None,
    })
}
