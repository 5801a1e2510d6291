//! Every bound of every field, in one place: what the core relies on, whether a payment comes over HTTP, from a file or from the log.
//!
//! A check gives the value or the reason it is refused. A reason says what is allowed and never repeats the value, since that may be a
//! card number.

use super::currency::currency_exponent;
use std::borrow::Cow;

/// Most bytes of an identifier.
pub const MAX_ID_BYTES: usize = 128;
/// Most bytes of a tenant's name.
pub const MAX_TENANT_BYTES: usize = 64;
/// Largest amount: 2^53, to which every JSON reader counts exactly.
pub const MAX_AMOUNT_MINOR: u64 = 1 << 53;
/// Earliest time of a payment: 2000-01-01T00:00:00Z.
pub const EARLIEST_MS: i64 = 946_684_800_000;
/// How far a clock at the other end may be ahead of ours.
pub const MAX_AHEAD_MS: i64 = 5 * 60 * 1000;

/// Why a value was refused: what is allowed.
pub(crate) type Reason = Cow<'static, str>;

pub(crate) fn identifier(value: &str) -> Result<(), Reason> {
    if value.is_empty() || value.len() > MAX_ID_BYTES {
        return Err("must be 1 to 128 bytes long".into());
    }
    if value.chars().any(char::is_control) {
        return Err("must not contain control characters".into());
    }
    Ok(())
}

/// Names of tenants travel in headers, file names and metrics: letters, digits, dot, dash and underscore.
pub fn tenant(value: &str) -> Result<(), Cow<'static, str>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if value.is_empty() || value.len() > MAX_TENANT_BYTES || !value.bytes().all(allowed) {
        return Err("must be 1 to 64 letters, digits, dots, dashes or underscores".into());
    }
    Ok(())
}

/// An identifier that may be empty.
pub(super) fn remark(value: &str) -> Result<(), Reason> {
    if value.is_empty() { Ok(()) } else { identifier(value) }
}

pub(crate) fn amount(value: u64) -> Result<u64, Reason> {
    if value > MAX_AMOUNT_MINOR {
        return Err("must be a whole number of minor units from 0 to 9007199254740992".into());
    }
    Ok(value)
}

pub(crate) fn currency(value: &str) -> Result<[u8; 3], Reason> {
    let code: Option<[u8; 3]> = value.as_bytes().try_into().ok();
    code.filter(|code| currency_exponent(*code).is_some())
        .ok_or_else(|| "must be a current ISO 4217 code in upper case, such as \"EUR\"".into())
}

pub(crate) fn country(value: &str) -> Result<[u8; 2], Reason> {
    let code: Option<[u8; 2]> = value.as_bytes().try_into().ok();
    code.filter(|code| code.iter().all(u8::is_ascii_uppercase))
        .ok_or_else(|| "must be an ISO 3166-1 alpha-2 code: two upper-case letters".into())
}

pub(crate) fn merchant_category(value: &str) -> Result<u16, Reason> {
    if value.len() != 4 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("must be a merchant category code: four digits in quotes, such as \"5411\"".into());
    }
    Ok(value.bytes().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
}

/// A time told by somebody else, against our clock `now_ms` and the oldest age taken.
pub(super) fn told_time(at_ms: i64, now_ms: i64, max_age_ms: i64) -> Result<i64, Reason> {
    if at_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
        return Err("must not be more than 5 minutes ahead of the service's clock".into());
    }
    if at_ms < EARLIEST_MS {
        return Err("must not be before 2000-01-01T00:00:00Z".into());
    }
    if at_ms < now_ms.saturating_sub(max_age_ms) {
        return Err(format!("must not be more than {} days ago", max_age_ms / 86_400_000).into());
    }
    Ok(at_ms)
}

/// Asked of who wants a verdict; a past payment may have a payee nobody wrote down.
pub(super) const NO_PAYEE: &str = "a payment names a merchant, a counterparty_account or both";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        assert!(identifier("a").is_ok() && identifier("ünï ☃ 1").is_ok() && identifier(&"x".repeat(128)).is_ok());
        for bad in ["", "a\nb", "a\0", "\u{7f}", "\u{85}", &"x".repeat(129), &"é".repeat(65)] {
            assert!(identifier(bad).is_err(), "{bad:?}");
        }
        assert!(tenant("bank-7.eu_x").is_ok());
        for bad in ["", "a b", "a/b", "ä", &"t".repeat(65)] {
            assert!(tenant(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn codes() {
        assert_eq!(currency("EUR"), Ok(*b"EUR"));
        assert_eq!(country("DE"), Ok(*b"DE"));
        assert_eq!(merchant_category("0742"), Ok(742));
        for bad in ["eur", "EURO", "ZZZ", "", "€"] {
            assert!(currency(bad).is_err(), "{bad:?}");
        }
        for bad in ["de", "D", "DEU", "D1", "Ä"] {
            assert!(country(bad).is_err(), "{bad:?}");
        }
        for bad in ["742", "07422", "07a2", "", "٠٧٤٢"] {
            assert!(merchant_category(bad).is_err(), "{bad:?}");
        }
        assert!(amount(MAX_AMOUNT_MINOR).is_ok() && amount(MAX_AMOUNT_MINOR + 1).is_err());
    }

    #[test]
    fn times() {
        let now = 1_800_000_000_000;
        let year = 365 * 86_400_000;
        assert!(told_time(now + MAX_AHEAD_MS, now, year).is_ok());
        assert!(told_time(now + MAX_AHEAD_MS + 1, now, year).is_err());
        assert!(told_time(now - year, now, year).is_ok());
        assert_eq!(told_time(now - year - 1, now, year).unwrap_err(), "must not be more than 365 days ago");
        assert!(told_time(EARLIEST_MS - 1, now, i64::MAX).is_err());
        assert!(told_time(i64::MIN, i64::MIN, i64::MAX).is_err());
    }
}
