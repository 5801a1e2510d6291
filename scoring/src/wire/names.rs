//! The words of the wire for the closed sets of the domain, and the way between both.

use fraudnet_graph as domain;
use serde::{Deserialize, Serialize};

/// A closed set of words that stand for the values of a domain type.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident for $domain:ty { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// Every word, in the order of the domain.
            pub const WORDS: &[(&str, $domain)] = &[$(($word, <$domain>::$variant)),+];

            /// The word of that value.
            pub fn word_of(value: $domain) -> &'static str {
                match value { $(<$domain>::$variant => $word),+ }
            }

            /// The domain's value of that word.
            pub fn value_of(word: &str) -> Option<$domain> {
                Self::WORDS.iter().find(|(name, _)| *name == word).map(|&(_, value)| value)
            }
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => $name::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => <$domain>::$variant),+ }
            }
        }
    };
}

words! {
    /// How a payment was made.
    ChannelName for domain::Channel {
        /// Card used on a web page or in an app.
        Ecommerce = "ecommerce",
        /// Card present at a till.
        CardPresent = "card_present",
        /// Account to account.
        Transfer = "transfer",
        /// Wallet balance or wallet token.
        Wallet = "wallet",
        /// Cash withdrawal.
        Atm = "atm",
    }
}

words! {
    /// Who says whether a payment was fraud.
    LabelSourceName for domain::LabelSource {
        /// The customer called.
        CustomerReport = "customer_report",
        /// The card scheme warned.
        EarlyFraudWarning = "early_fraud_warning",
        /// An analyst decided a case.
        Analyst = "analyst",
        /// The bank took the money back.
        Chargeback = "chargeback",
    }
}

words! {
    /// Final state of a payment.
    OutcomeName for domain::OutcomeStatus {
        /// Went through.
        Authorised = "authorised",
        /// Was refused.
        Refused = "refused",
        /// Was undone before settlement.
        Reversed = "reversed",
        /// Was paid back after settlement.
        Refunded = "refunded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_serde_speak_the_same_words() {
        for &(word, value) in ChannelName::WORDS {
            assert_eq!(serde_json::to_value(ChannelName::from(value)).unwrap(), word);
            assert_eq!(ChannelName::value_of(word), Some(value));
        }
        for &(word, value) in LabelSourceName::WORDS {
            assert_eq!(serde_json::to_value(LabelSourceName::from(value)).unwrap(), word);
        }
        for &(word, value) in OutcomeName::WORDS {
            assert_eq!(serde_json::to_value(OutcomeName::from(value)).unwrap(), word);
        }
        assert_eq!(ChannelName::value_of("cheque"), None);
    }
}
