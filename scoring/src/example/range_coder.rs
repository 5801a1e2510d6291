//! An adaptive binary range coder: bits in, bytes out, a bit of probability p costs `-log2 p`.
//!
//! The arithmetic is that of LZMA (G. N. N. Martin, "Range encoding", 1979; carry handling as in Igor Pavlov's public-domain
//! `LzmaEnc.c`), the probabilities are estimated with a rate of `1 / (n + 2)` that stops falling at 1/36: an example has a hundred rows,
//! so a model has to learn from its first few.
//!
//! One trait, two directions: whoever describes a layout in terms of [`Coder`] has described its writer and its reader at once, and the two
//! cannot disagree. About 4 ns a bit.

/// Probabilities are of 2^16.
const ONE: u32 = 1 << 16;
/// Below this the range takes another byte.
const LOW_RANGE: u32 = 1 << 24;
/// Raw bits told at once: what a range of at least 2^24 has room for.
const RAW_BITS: u32 = 16;
/// Seen this often, a model learns no slower.
const SLOWEST: u8 = 34;

/// `2^16 / (n + 2)`: how far a model moves after its n-th bit.
const RATES: [u32; SLOWEST as usize + 1] = {
    let mut rates = [0; SLOWEST as usize + 1];
    let mut seen = 0;
    while seen < rates.len() {
        rates[seen] = ONE / (seen as u32 + 2);
        seen += 1;
    }
    rates
};

/// What is known of one kind of bit: how likely it is to be false, and how often it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitModel {
    zero: u16,
    seen: u8,
}

impl BitModel {
    /// Nothing is known yet.
    pub(super) const NEW: BitModel = BitModel { zero: 1 << 15, seen: 0 };

    /// The part of `range` that stands for false: never none, never all.
    fn split(self, range: u32) -> u32 {
        (range >> 16) * u32::from(self.zero)
    }

    fn learn(&mut self, bit: bool) {
        let rate = RATES[usize::from(self.seen)];
        let zero = u32::from(self.zero);
        let moved = if bit { zero - ((zero * (rate >> 4)) >> 12) } else { zero + (((ONE - zero) * (rate >> 4)) >> 12) };
        // Bounds keep the split within the range, and a wrong guess affordable: 10 bits.
        self.zero = moved.clamp(48, ONE - 48) as u16;
        self.seen = (self.seen + 1).min(SLOWEST);
    }
}

/// Writes bits, or reads them. A value handed in is what is written; a value that comes back is what was written or read, and the only
/// one to go on with.
pub(super) trait Coder {
    /// One bit, told with `model`, which learns from it.
    fn bit(&mut self, model: &mut BitModel, given: bool) -> bool;

    /// The lowest `bits` bits (at most 32) as they are, highest first.
    fn raw(&mut self, bits: u32, given: u32) -> u32;

    /// A number below `models.len()`, which is a power of two: a bit at a time from the highest, each in the light of those before.
    fn number(&mut self, models: &mut [BitModel], given: usize) -> usize {
        let bits = models.len().trailing_zeros();
        let mut node = 1;
        for at in (0..bits).rev() {
            let bit = self.bit(&mut models[node], given >> at & 1 == 1);
            node = node << 1 | usize::from(bit);
        }
        node - models.len()
    }
}

/// The writing half.
pub(super) struct Encoder {
    low: u64,
    range: u32,
    /// The byte that a carry may still raise, and how many 0xFF wait behind it.
    cache: u8,
    waiting: usize,
    /// The first byte is always zero and left out.
    begun: bool,
    bytes: Vec<u8>,
}

impl Encoder {
    /// Goes on writing after what `bytes` holds.
    pub(super) fn after(bytes: Vec<u8>) -> Encoder {
        Encoder { low: 0, range: u32::MAX, cache: 0, waiting: 0, begun: false, bytes }
    }

    /// Everything written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..5 {
            self.shift();
        }
        self.bytes
    }

    fn shift(&mut self) {
        if self.low < 0xFF00_0000 || self.low > u64::from(u32::MAX) {
            let carry = (self.low >> 32) as u8;
            if self.begun {
                self.bytes.push(self.cache.wrapping_add(carry));
            }
            self.begun = true;
            self.bytes.extend(std::iter::repeat_n(0xFF_u8.wrapping_add(carry), self.waiting));
            self.waiting = 0;
            self.cache = (self.low >> 24) as u8;
        } else {
            self.waiting += 1;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    fn normalise(&mut self) {
        while self.range < LOW_RANGE {
            self.range <<= 8;
            self.shift();
        }
    }
}

impl Coder for Encoder {
    fn bit(&mut self, model: &mut BitModel, given: bool) -> bool {
        let split = model.split(self.range);
        if given {
            self.low += u64::from(split);
            self.range -= split;
        } else {
            self.range = split;
        }
        model.learn(given);
        self.normalise();
        given
    }

    fn raw(&mut self, bits: u32, given: u32) -> u32 {
        let mut left = bits;
        while left > 0 {
            let now = left.min(RAW_BITS);
            left -= now;
            self.range >>= now;
            self.low += u64::from(self.range) * u64::from(given >> left & ((1 << now) - 1));
            self.normalise();
        }
        given
    }
}

/// The reading half. Behind the end of its bytes it reads zeros, so that damaged bytes give wrong values and never a fault.
pub(super) struct Decoder<'a> {
    code: u32,
    range: u32,
    rest: std::slice::Iter<'a, u8>,
}

impl<'a> Decoder<'a> {
    /// Reads what [`Encoder`] wrote.
    pub(super) fn new(bytes: &'a [u8]) -> Decoder<'a> {
        let mut decoder = Decoder { code: 0, range: u32::MAX, rest: bytes.iter() };
        for _ in 0..4 {
            decoder.shift();
        }
        decoder
    }

    fn shift(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or(0));
    }

    fn normalise(&mut self) {
        while self.range < LOW_RANGE {
            self.range <<= 8;
            self.shift();
        }
    }
}

impl Coder for Decoder<'_> {
    fn bit(&mut self, model: &mut BitModel, _: bool) -> bool {
        let split = model.split(self.range);
        let bit = self.code >= split;
        if bit {
            self.code -= split;
            self.range -= split;
        } else {
            self.range = split;
        }
        model.learn(bit);
        self.normalise();
        bit
    }

    fn raw(&mut self, bits: u32, _: u32) -> u32 {
        let (mut value, mut left) = (0, bits);
        while left > 0 {
            let now = left.min(RAW_BITS);
            left -= now;
            self.range >>= now;
            // More than the mask only where the bytes are damaged.
            let read = (self.code / self.range).min((1 << now) - 1);
            self.code -= read * self.range;
            value = value << now | read;
            self.normalise();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A layout that uses all there is: some bits told by a lopsided model, some raw, some numbers.
    fn pass<C: Coder>(coder: &mut C, steps: &[(bool, u32, usize)]) -> Vec<(bool, u32, usize)> {
        let mut model = BitModel::NEW;
        let mut tree = [BitModel::NEW; 16];
        steps
            .iter()
            .map(|&(bit, raw, number)| {
                (coder.bit(&mut model, bit), coder.raw(raw % 33, raw & mask(raw % 33)), coder.number(&mut tree, number))
            })
            .collect()
    }

    fn mask(bits: u32) -> u32 {
        u32::MAX.checked_shr(32 - bits).unwrap_or(0)
    }

    proptest! {
        #[test]
        fn bits_come_back(steps in prop::collection::vec((prop::bool::weighted(0.03), 0..33_u32, 0..16_usize), 0..400)) {
            // The number of raw bits is known to both sides here; the value is what travels.
            let mut encoder = Encoder::after(Vec::new());
            let written = pass(&mut encoder, &steps);
            let bytes = encoder.finish();
            let lengths: Vec<_> = steps.iter().map(|&(_, raw, _)| (true, raw, 7)).collect();
            prop_assert_eq!(pass(&mut Decoder::new(&bytes), &lengths), written);
        }
    }

    #[test]
    fn carries_run_through_bytes_that_wait() {
        for ones in [1, 7, 8, 9, 40, 4_000] {
            let mut encoder = Encoder::after(vec![9]);
            let mut model = BitModel::NEW;
            for at in 0..ones {
                encoder.raw(32, u32::MAX);
                encoder.bit(&mut model, at % 2 == 0);
            }
            let bytes = encoder.finish();
            assert_eq!(bytes[0], 9);
            let (mut decoder, mut model) = (Decoder::new(&bytes[1..]), BitModel::NEW);
            for at in 0..ones {
                assert_eq!(decoder.raw(32, 0), u32::MAX);
                assert_eq!(decoder.bit(&mut model, false), at % 2 == 0);
            }
        }
    }

    #[test]
    fn a_bit_that_is_nearly_always_the_same_costs_little() {
        let mut encoder = Encoder::after(Vec::new());
        let mut model = BitModel::NEW;
        for at in 0..8_000 {
            encoder.bit(&mut model, at % 200 == 0);
        }
        let bytes = encoder.finish();
        // 40 surprises at about 8 bits and 7,960 trifles.
        assert!(bytes.len() < 130, "{} bytes", bytes.len());
    }
}
