//! Amounts of different currencies on one scale.

/// Currencies without minor unit, by ISO 4217.
const NO_MINOR: [&[u8; 3]; 17] = [
    b"BIF", b"CLP", b"DJF", b"GNF", b"ISK", b"JPY", b"KMF", b"KRW", b"PYG", b"RWF", b"UGX", b"UYI", b"VND", b"VUV",
    b"XAF", b"XOF", b"XPF",
];
/// Currencies with three decimals, by ISO 4217.
const THREE_DECIMALS: [&[u8; 3]; 7] = [b"BHD", b"IQD", b"JOD", b"KWD", b"LYD", b"OMR", b"TND"];
/// Currencies with four decimals, by ISO 4217 (units of account).
const FOUR_DECIMALS: [&[u8; 3]; 2] = [b"CLF", b"UYW"];

/// An amount in minor units of `currency` as hundredths of its major unit, rounded down, saturating. Any other code has two decimals.
pub fn hundredths(amount_minor: u64, currency: [u8; 3]) -> u64 {
    if NO_MINOR.contains(&&currency) {
        amount_minor.saturating_mul(100)
    } else if THREE_DECIMALS.contains(&&currency) {
        amount_minor / 10
    } else if FOUR_DECIMALS.contains(&&currency) {
        amount_minor / 100
    } else {
        amount_minor
    }
}

#[cfg(test)]
mod tests {
    use super::hundredths;

    #[test]
    fn every_exponent_comes_to_hundredths() {
        let cases = [
            (1234, b"EUR", 1234),
            (1234, b"JPY", 123_400),
            (1234, b"KWD", 123),
            (1234, b"CLF", 12),
            (u64::MAX, b"KRW", u64::MAX),
        ];
        for (minor, currency, expected) in cases {
            assert_eq!(hundredths(minor, *currency), expected);
        }
    }
}
