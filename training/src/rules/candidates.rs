//! What a rule may look at.
//!
//! Counts, sums and distinct counterparts by entity, amounts against habit, first times, mismatches, and reports on the
//! payment's own entities (a negative list): what payment teams write rules on. Nothing that reads a neighbourhood. Codes
//! are stable: they stand in verdicts.

/// A payment feature a rule may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the payment feature.
    pub feature: &'static str,
    /// Reason code.
    pub code: &'static str,
    /// Sentence for people.
    pub text: &'static str,
    /// Whether small values are the suspicious ones.
    pub below: bool,
}

const fn above(feature: &'static str, code: &'static str, text: &'static str) -> Candidate {
    Candidate { feature, code, text, below: false }
}

const fn below(feature: &'static str, code: &'static str, text: &'static str) -> Candidate {
    Candidate { feature, code, text, below: true }
}

/// Every candidate, in order of preference among equals.
pub const CANDIDATES: &[Candidate] = &[
    above("account_payments_1m", "ACCOUNT_VELOCITY_1M", "The account pays unusually often within a minute."),
    above("account_payments_1h", "ACCOUNT_VELOCITY_1H", "The account pays unusually often within an hour."),
    above("account_payments_1d", "ACCOUNT_VELOCITY_1D", "The account pays unusually often within a day."),
    above("account_amount_1h", "ACCOUNT_AMOUNT_1H", "The account spends unusually much within an hour."),
    above("account_amount_1d", "ACCOUNT_AMOUNT_1D", "The account spends unusually much within a day."),
    above("account_burst_1h", "ACCOUNT_BURST_1H", "The account pays far more often this hour than it usually does."),
    above("account_burst_1d", "ACCOUNT_BURST_1D", "The account pays far more often today than it usually does."),
    above("account_devices_1d", "ACCOUNT_DEVICES_1D", "The account is used from several devices within a day."),
    above("account_ips_1d", "ACCOUNT_IPS_1D", "The account is used from several IP addresses within a day."),
    above("account_merchants_1h", "ACCOUNT_MERCHANTS_1H", "The account pays several merchants within an hour."),
    above("account_received_1d", "ACCOUNT_RECEIVED_1D", "The account receives unusually many transfers within a day."),
    above("account_passed_on_1d", "ACCOUNT_PASSED_ON_1D", "The account passes on most of what it received today."),
    above("device_payments_1m", "DEVICE_VELOCITY_1M", "The device pays unusually often within a minute."),
    above("device_payments_1h", "DEVICE_VELOCITY_1H", "The device pays unusually often within an hour."),
    above("device_payments_1d", "DEVICE_VELOCITY_1D", "The device pays unusually often within a day."),
    above("device_accounts_1h", "DEVICE_ACCOUNTS_1H", "Several accounts pay from the device within an hour."),
    above("device_accounts_1d", "DEVICE_ACCOUNTS_1D", "Several accounts pay from the device within a day."),
    above("device_accounts_30d", "DEVICE_ACCOUNTS_30D", "Many accounts paid from the device within 30 days."),
    above("ip_payments_1h", "IP_VELOCITY_1H", "The IP address pays unusually often within an hour."),
    above("ip_payments_1d", "IP_VELOCITY_1D", "The IP address pays unusually often within a day."),
    above("ip_burst_1h", "IP_BURST_1H", "The IP address pays far more often this hour than it usually does."),
    above("ip_accounts_1d", "IP_ACCOUNTS_1D", "Many accounts pay from the IP address within a day."),
    above("merchant_burst_1h", "MERCHANT_BURST_1H", "The merchant is paid far more often this hour than usual."),
    above("merchant_payments_1h", "MERCHANT_VELOCITY_1H", "The merchant is paid unusually often within an hour."),
    above(
        "counterparty_received_1h",
        "RECEIVER_VELOCITY_1H",
        "The receiving account gets unusually many transfers within an hour.",
    ),
    above(
        "counterparty_received_1d",
        "RECEIVER_VELOCITY_1D",
        "The receiving account gets unusually many transfers within a day.",
    ),
    above(
        "counterparty_partners_1d",
        "RECEIVER_PARTNERS_1D",
        "The receiving account exchanges money with many accounts within a day.",
    ),
    above("amount_to_account_mean", "AMOUNT_ABOVE_HABIT", "The amount is far above what the account usually pays."),
    above("account_amount_surprise", "AMOUNT_UNUSUAL", "The amount is unusual for the account."),
    above(
        "amount_to_merchant_mean",
        "AMOUNT_ABOVE_MERCHANT",
        "The amount is far above what the merchant usually takes.",
    ),
    above("device_new", "NEW_DEVICE", "The account pays from this device for the first time."),
    above("ip_new", "NEW_IP", "The account pays from this IP address for the first time."),
    above("merchant_new", "NEW_MERCHANT", "The account pays this merchant for the first time."),
    above("counterparty_new", "NEW_RECEIVER", "The account sends money to this receiver for the first time."),
    above("country_unusual", "UNUSUAL_COUNTRY", "The payment goes to a country the account does not usually pay in."),
    above("currency_unusual", "UNUSUAL_CURRENCY", "The currency is not the account's usual one."),
    above("ip_country_differs", "IP_COUNTRY_DIFFERS", "The IP address is in another country than the account."),
    above(
        "merchant_country_differs",
        "MERCHANT_COUNTRY_DIFFERS",
        "The merchant is in another country than the account.",
    ),
    above(
        "account_reported_30d",
        "ACCOUNT_REPORTED_30D",
        "Payments of the account were reported as fraud within 30 days.",
    ),
    above(
        "device_reported_30d",
        "DEVICE_REPORTED_30D",
        "Payments from the device were reported as fraud within 30 days.",
    ),
    above("ip_reported_30d", "IP_REPORTED_30D", "Payments from the IP address were reported as fraud within 30 days."),
    above(
        "merchant_reported_30d",
        "MERCHANT_REPORTED_30D",
        "Payments to the merchant were reported as fraud within 30 days.",
    ),
    above(
        "counterparty_reported_30d",
        "RECEIVER_REPORTED_30D",
        "Transfers of the receiving account were reported as fraud within 30 days.",
    ),
    below("account_age_s", "YOUNG_ACCOUNT", "The account was first seen only recently."),
    below("device_age_s", "YOUNG_DEVICE", "The device was first seen only recently."),
    below("merchant_age_s", "YOUNG_MERCHANT", "The merchant was first seen only recently."),
    below("hour_habit_share", "UNUSUAL_HOUR", "The account does not usually pay at this time of day."),
    below("channel_habit_share", "UNUSUAL_CHANNEL", "The account does not usually pay over this channel."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_features::schema::payment_feature_index;
    use std::collections::BTreeSet;

    #[test]
    fn every_candidate_reads_a_feature_there_is_under_its_own_code() {
        let codes: BTreeSet<&str> = CANDIDATES.iter().map(|candidate| candidate.code).collect();
        assert_eq!(codes.len(), CANDIDATES.len());
        for candidate in CANDIDATES {
            assert!(payment_feature_index(candidate.feature).is_some(), "{} is no payment feature", candidate.feature);
            assert!(candidate.text.ends_with('.'));
        }
    }
}
