//! Identifiers of entities and events.
//!
//! Entities are numbered in order of creation inside the simulator; what is written out is a bijective mix of the number, so
//! that neither order nor form of an identifier tells an honest entity from one that a ring made. Letters and 2–7 only: no
//! identifier can be taken for a card number.

const BITS: u32 = 60;
const MASK: u64 = (1 << BITS) - 1;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Spells identifiers of one simulation.
pub(crate) struct Speller {
    salt: u64,
}

impl Speller {
    pub(crate) fn new(seed: u64) -> Speller {
        Speller { salt: mix(seed & MASK, 0x5151) ^ (seed >> 4) & MASK }
    }

    /// `prefix` and twelve characters. Different numbers never share a spelling under one prefix.
    pub(crate) fn spell(&self, prefix: &str, number: u64) -> String {
        let mut mixed = mix(number & MASK, self.salt ^ u64::from(prefix.as_bytes()[0]));
        let mut text = String::with_capacity(prefix.len() + 12);
        text.push_str(prefix);
        for _ in 0..12 {
            text.push(char::from(ALPHABET[(mixed & 31) as usize]));
            mixed >>= 5;
        }
        text
    }

    /// IPv4 address number `number` of a network whose first bytes are `blocks`; the last three bytes are unique over all networks.
    pub(crate) fn ip(&self, number: u32, blocks: &[u8]) -> String {
        let mut low = (number ^ self.salt as u32) & 0xFF_FFFF;
        for multiplier in [0x9E_3779u32, 0x85_EBCB] {
            low ^= low >> 13;
            low = low.wrapping_mul(multiplier) & 0xFF_FFFF;
        }
        low ^= low >> 11;
        let first = blocks[low as usize % blocks.len()];
        format!("{first}.{}.{}.{}", low >> 16, (low >> 8) & 255, low & 255)
    }
}

/// Bijection on 60 bits: xor-shifts and odd multiplications, as in splitmix64.
fn mix(number: u64, salt: u64) -> u64 {
    let mut x = (number ^ salt) & MASK;
    for multiplier in [0xBF5_8476_D1CE_4E5B_u64, 0x4D0_49BB_1331_11EB] {
        x ^= x >> 31;
        x = x.wrapping_mul(multiplier) & MASK;
    }
    x ^ (x >> 29)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn spellings_are_unique_even_in_length_and_out_of_order() {
        let speller = Speller::new(11);
        let names: Vec<String> = (0..20_000).map(|n| speller.spell("acc_", n)).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.len() == 16));
        let rising = names.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((9_000..11_000).contains(&rising), "{rising} of 20,000 neighbours in order");
        assert_ne!(Speller::new(12).spell("acc_", 0), names[0]);
    }

    #[test]
    fn addresses_are_unique() {
        let speller = Speller::new(11);
        let addresses: HashSet<String> = (0..50_000).map(|n| speller.ip(n, &[79, 84])).collect();
        assert_eq!(addresses.len(), 50_000);
    }
}
