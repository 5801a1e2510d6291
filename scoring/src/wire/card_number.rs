//! Finds payment card numbers where none belong, so that they never reach the log, a span or a reply.
//!
//! A find is 13 to 16 digits (spaces or dashes may stand between groups of them) which begin like a known issuer's and pass the Luhn
//! check of ISO/IEC 7812-1. A run of more than 16 digits is some other number. One in ten random digit strings passes Luhn, so long
//! hexadecimal identifiers (UUIDs, digests) are passed over: a UUID would else be refused once in about 30,000.

/// Issuer prefixes: lowest and highest leading digits, and how long such numbers are, within 13 to 16 digits.
const ISSUERS: [(u32, u32, std::ops::RangeInclusive<usize>); 24] = [
    (4, 4, 13..=16),       // Visa
    (51, 55, 16..=16),     // Mastercard
    (2221, 2720, 16..=16), // Mastercard
    (34, 34, 15..=15),     // American Express
    (37, 37, 15..=15),     // American Express
    (6011, 6011, 16..=16), // Discover
    (644, 649, 16..=16),   // Discover
    (65, 65, 16..=16),     // Discover
    (3528, 3589, 15..=16), // JCB
    (1800, 1800, 15..=15), // JCB
    (2131, 2131, 15..=15), // JCB
    (300, 305, 14..=16),   // Diners Club
    (3095, 3095, 14..=16), // Diners Club
    (36, 36, 14..=16),     // Diners Club
    (38, 39, 14..=16),     // Diners Club
    (62, 62, 16..=16),     // UnionPay
    (81, 82, 16..=16),     // UnionPay, RuPay
    (2200, 2204, 16..=16), // Mir
    (50, 50, 13..=16),     // Maestro, RuPay
    (56, 58, 13..=16),     // Maestro
    (60, 60, 16..=16),     // RuPay
    (6304, 6304, 13..=16), // Maestro
    (6759, 6759, 13..=16), // Maestro
    (6761, 6763, 13..=16), // Maestro
];

/// Hexadecimal tokens with letters are identifiers from this many digits on.
const HEX_TOKEN: usize = 24;
/// Most separators in a row inside one number.
const MAX_GAP: usize = 3;

/// Whether the text holds what looks like a card number.
pub fn holds_card_number(text: &str) -> bool {
    // Nearly every identifier leaves here: 13 digits are needed.
    if text.bytes().filter(u8::is_ascii_digit).count() < 13 {
        return false;
    }
    let text: Vec<char> = text.chars().collect();
    let groups = digit_groups(&text);
    (0..groups.len()).any(|first| {
        let mut digits: Vec<u32> = Vec::with_capacity(16);
        for group in first..groups.len() {
            let (start, end) = groups[group];
            if group > first && !separated(&text[groups[group - 1].1..start]) {
                break;
            }
            digits.extend(text[start..end].iter().filter_map(|digit| digit.to_digit(10)));
            if digits.len() > 16 {
                break;
            }
            if digits.len() >= 13
                && of_known_issuer(&digits)
                && passes_luhn(&digits)
                && !in_hex_token(&text, groups[first].0, end)
            {
                return true;
            }
        }
        false
    })
}

/// Start and end of every run of digits.
fn digit_groups(text: &[char]) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        while at < text.len() && text[at].is_ascii_digit() {
            at += 1;
        }
        if at > start {
            groups.push((start, at));
        } else {
            at += 1;
        }
    }
    groups
}

fn separated(gap: &[char]) -> bool {
    let separator =
        |mark: &char| matches!(mark, ' ' | '-' | '\u{a0}' | '\u{2010}'..='\u{2015}' | '\u{2009}' | '\u{202f}');
    gap.len() <= MAX_GAP && gap.iter().all(separator)
}

fn of_known_issuer(digits: &[u32]) -> bool {
    ISSUERS.iter().any(|(low, high, lengths)| {
        let prefix_digits = low.ilog10() as usize + 1;
        let prefix = digits[..prefix_digits].iter().fold(0, |prefix, digit| prefix * 10 + digit);
        (*low..=*high).contains(&prefix) && lengths.contains(&digits.len())
    })
}

fn passes_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|&digit| digit != 0)
}

/// Whether the digits are part of a UUID, a digest or the like.
fn in_hex_token(text: &[char], start: usize, end: usize) -> bool {
    let in_token = |mark: &&char| mark.is_ascii_hexdigit() || **mark == '-';
    let before = text[..start].iter().rev().take_while(in_token);
    let token = before.chain(text[start..].iter().take_while(in_token));
    debug_assert!(end <= text.len());
    let (mut digits, mut letters) = (0, 0);
    for mark in token.filter(|mark| **mark != '-') {
        digits += 1;
        letters += usize::from(mark.is_ascii_alphabetic());
    }
    digits >= HEX_TOKEN && letters > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_found() {
        // The card schemes' published test numbers.
        for number in [
            "4111111111111111",
            "4012888888881881",
            "4222222222222",
            "5555555555554444",
            "5105105105105100",
            "2223003122003222",
            "378282246310005",
            "371449635398431",
            "6011111111111117",
            "6011000990139424",
            "3530111333300000",
            "3566002020360505",
            "30569309025904",
            "38520000023237",
            "36227206271667",
            "6200000000000005",
            "6759649826438453",
        ] {
            assert!(holds_card_number(number), "{number}");
            let middle = number.len() / 2;
            let (left, right) = number.split_at(middle);
            for wrapped in [
                format!("{left} {right}"),
                format!("{left} - {right}"),
                format!("{left}\u{a0}{right}"),
                format!("card{number}"),
                format!("12-{number}"),
                format!("pan={number};"),
                format!("é{number}☃"),
            ] {
                assert!(holds_card_number(&wrapped), "{wrapped}");
            }
        }
        assert!(holds_card_number("4111-1111-1111-1111"));
        assert!(holds_card_number("order 7 of 4111 1111 1111 1111, 3 items"));
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "",
            "4111111111111112",  // fails Luhn
            "411111111111",      // 12 digits
            "41111111111111111", // 17 digits
            "1234567812345670",  // passes Luhn, no issuer begins so
            "0000000000000000",
            "4111.1111.1111.1111",  // dots: an address or a version
            "4111    111111111111", // four blanks: two numbers
            "192.168.100.200",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "DE89370400440532013000", // IBAN: 20 digits in a row
            "2026-11-22T08:34:02.123Z",
            "account-0042",
            "550e8400-e29b-41d4-a716-446655440000",
            "a4111111111111111bcdef0123456789", // digest that happens to hold one
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
