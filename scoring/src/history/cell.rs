//! A value as a file holds it, and what it says as an identifier, an amount, a word or a verdict on fraud.
//!
//! What the same value says does not depend on the form of the file: `57.16`, `"57.16"` and a decimal 57.16 are one amount.

use super::error::{Fault, kind};
use crate::wire::bounds;
use std::borrow::Cow;

/// One value of a row, borrowed from the file's current row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing: null, absent, or no characters.
    Null,
    /// Text that is not empty, without blanks at its ends.
    Text(&'a str),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// An instant, UTC milliseconds since the epoch.
    Time(i64),
}

/// Whole numbers up to here have no neighbour in an `f64` (2^53).
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'a> Cell<'a> {
    /// Text as a cell: blanks at the ends do not count, and no characters are no value.
    pub(super) fn text(text: &'a str) -> Cell<'a> {
        match text.trim() {
            "" => Cell::Null,
            text => Cell::Text(text),
        }
    }

    /// As a message shows it.
    pub(super) fn spelled(self) -> Option<Cow<'a, str>> {
        match self {
            Cell::Null => None,
            Cell::Text(text) => Some(text.into()),
            Cell::Whole(value) => Some(value.to_string().into()),
            Cell::Number(value) => Some(value.to_string().into()),
            Cell::Bool(value) => Some(value.to_string().into()),
            Cell::Time(at_ms) => Some(crate::wire::format_timestamp(at_ms).into()),
        }
    }

    /// As a name: text as it is, whole numbers in digits (also where a table keeps them as floats because some are missing).
    pub(super) fn name(self) -> Result<Option<Cow<'a, str>>, Fault> {
        match self {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.into())),
            Cell::Whole(value) => Ok(Some(value.to_string().into())),
            Cell::Number(value) if value.fract() == 0.0 && value.abs() < EXACT => {
                Ok(Some((value as i64).to_string().into()))
            }
            Cell::Bool(value) => Ok(Some(if value { "true" } else { "false" }.into())),
            Cell::Number(_) | Cell::Time(_) => {
                Err(Fault::new(kind::BAD_NAME, "must be text or a whole number: name the column that holds the names"))
            }
        }
    }

    /// As an amount in minor units of a currency with `exponent` decimals, told in major units; half a minor unit counts as a whole one.
    pub(super) fn major_amount(self, exponent: u8) -> Result<u64, Fault> {
        let scale = 10_u64.pow(u32::from(exponent));
        if let Some(whole) = self.whole() {
            let major = u64::try_from(whole).map_err(|_| negative())?;
            return limited(major.saturating_mul(scale));
        }
        let major = self.number().ok_or_else(no_amount)?;
        if !major.is_finite() {
            return Err(no_amount());
        }
        if major < 0.0 {
            return Err(negative());
        }
        // A float beyond the range becomes the largest integer, which is refused as well.
        limited((major * scale as f64).round() as u64)
    }

    /// As an amount told in minor units.
    pub(super) fn minor_amount(self) -> Result<u64, Fault> {
        let whole = self.whole().or_else(|| {
            let value = self.number().filter(|value| value.fract() == 0.0 && value.abs() < EXACT)?;
            Some(value as i64)
        });
        match whole {
            Some(whole) => limited(u64::try_from(whole).map_err(|_| negative())?),
            None => Err(Fault::new(
                kind::NOT_AN_AMOUNT,
                "must be a whole number of minor units (cents); where the column holds major units, map it as `amount`",
            )),
        }
    }

    /// As fraud or not by the usual words. `None` where it is none of them.
    pub(super) fn verdict(self) -> Option<bool> {
        match self {
            Cell::Bool(fraud) => Some(fraud),
            Cell::Whole(value) => [(0, false), (1, true)].iter().find(|known| known.0 == value).map(|known| known.1),
            Cell::Number(value) => {
                [(0.0, false), (1.0, true)].iter().find(|known| known.0 == value).map(|known| known.1)
            }
            Cell::Text(text) => {
                let says = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
                match (says(["1", "true", "yes"]), says(["0", "false", "no"])) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    _ => None,
                }
            }
            Cell::Null | Cell::Time(_) => None,
        }
    }

    fn whole(self) -> Option<i64> {
        match self {
            Cell::Whole(value) => Some(value),
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// As a number; text that spells one counts, `inf` and `nan` are numbers here and refused by who asks.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Cell::Whole(value) => Some(value as f64),
            Cell::Number(value) => Some(value),
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

fn limited(amount_minor: u64) -> Result<u64, Fault> {
    bounds::amount(amount_minor).map_err(|_| {
        Fault::new(
            kind::NOT_AN_AMOUNT,
            "must be at most 9007199254740992 minor units (cents): mend it or leave the row out",
        )
    })
}

fn negative() -> Fault {
    Fault::new(kind::NEGATIVE_AMOUNT, "must not be negative: leave refunds and reversals out of the history")
}

fn no_amount() -> Fault {
    Fault::new(
        kind::NOT_AN_AMOUNT,
        "must be a number with a decimal point and nothing else, such as 12.34: take currency signs and thousands separators away",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_in_every_spelling() {
        for (cell, exponent, expected) in [
            (Cell::Number(57.16), 2, Some(5716)),
            (Cell::Text("57.16"), 2, Some(5716)),
            (Cell::Text("1e2"), 2, Some(10_000)),
            (Cell::Whole(57), 2, Some(5700)),
            (Cell::Text("57"), 0, Some(57)),
            (Cell::Number(0.125), 2, Some(13)),
            (Cell::Number(1.0005), 3, Some(1001)),
            (Cell::Text("90071992547409.92"), 2, Some(1 << 53)),
            (Cell::Number(1e300), 2, None),
            (Cell::Whole(i64::MAX), 4, None),
            (Cell::Number(f64::NAN), 2, None),
            (Cell::Text("inf"), 2, None),
            (Cell::Text("1,99"), 2, None),
            (Cell::Text("-0.01"), 2, None),
            (Cell::Whole(-1), 2, None),
            (Cell::Bool(true), 2, None),
        ] {
            assert_eq!(cell.major_amount(exponent).ok(), expected, "{cell:?}");
        }
        assert_eq!(Cell::Number(1999.0).minor_amount().ok(), Some(1999));
        assert_eq!(Cell::Text("1999").minor_amount().ok(), Some(1999));
        assert!(Cell::Text("19.99").minor_amount().is_err() && Cell::Whole(-1).minor_amount().is_err());
    }

    #[test]
    fn names_and_verdicts() {
        let name = |cell: Cell<'_>| cell.name().ok().flatten().map(Cow::into_owned);
        assert_eq!(name(Cell::Number(12.0)).as_deref(), Some("12"));
        assert_eq!(name(Cell::text("  a b ")).as_deref(), Some("a b"));
        assert_eq!((name(Cell::text("  ")), name(Cell::Number(1.5))), (None, None));
        for (cell, expected) in [
            (Cell::Text("YES"), Some(true)),
            (Cell::Text("0"), Some(false)),
            (Cell::Number(1.0), Some(true)),
            (Cell::Whole(2), None),
            (Cell::Text("maybe"), None),
            (Cell::Null, None),
        ] {
            assert_eq!(cell.verdict(), expected, "{cell:?}");
        }
    }
}
