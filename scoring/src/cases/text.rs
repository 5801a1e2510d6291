//! What people may write. Whatever passes is text and nothing else: it is kept as it came, and whoever shows it escapes it.

/// Most characters of a reason.
const MAX_REASON_CHARS: usize = 300;

/// One line that says why.
pub(super) fn reason(text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.chars().count() > MAX_REASON_CHARS || text.chars().any(char::is_control) {
        return Err(format!("the reason must be one line of 1 to {MAX_REASON_CHARS} characters that says it in words"));
    }
    Ok(())
}

/// A note: several lines, if need be.
pub(super) fn note(text: &str, most_chars: usize) -> Result<(), String> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.trim().is_empty() || text.chars().count() > most_chars || text.chars().any(is_odd) {
        return Err(format!(
            "the note must be 1 to {most_chars} characters, without control characters but line breaks"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_written() {
        for good in ["called the customer", "<script>alert(1)</script>", "ünï ☃", &"x".repeat(300)] {
            assert_eq!((reason(good), note(good, 300)), (Ok(()), Ok(())), "{good:?}");
        }
        for bad in ["", "  ", "\n", "a\0b", "a\u{85}b", "a\rb", &"x".repeat(301)] {
            assert!(reason(bad).is_err() && note(bad, 300).is_err(), "{bad:?}");
        }
        assert!(note("first\n\tsecond", 300).is_ok() && reason("first\nsecond").is_err());
    }
}
