//! What a simulation is asked for.

use super::oracle::Typology;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// What to simulate. Two equal configurations give the same history, byte for byte.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationConfig {
    /// Seed of everything.
    pub seed: u64,
    /// First moment of the history, UTC milliseconds since the epoch; taken down to the start of its day.
    pub start_ms: i64,
    /// Length in days, 1–3,650.
    pub days: u32,
    /// Honest accounts at the end (three quarters exist at the start), 100–5,000,000. Fraud rings open some more.
    pub accounts: u32,
    /// Payments an average day, fraud included, 100–50,000,000. Days differ by weekday, season and growth.
    pub payments_per_day: u32,
    /// Tenant of every event, 1–128 bytes.
    pub tenant: String,
    /// Share of payments that are fraud, 0–0.05; life is 0.003–0.01. Typologies share it about equally.
    pub fraud_share: f64,
    /// Whether labels that become known after the last day are still told. Without them the history ends like a real one:
    /// its latest frauds not yet reported.
    pub label_tail: bool,
    /// Typologies that were not always there. Empty: all of them were, and the history is the same as without this setting.
    pub newcomers: Vec<Newcomer>,
}

/// A typology whose campaigns begin late; the others go on as if it did not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newcomer {
    /// Which.
    pub typology: Typology,
    /// Day of the history, from 0, on which it appears.
    pub from_day: u32,
    /// Its frauds a day, in multiples of what it has otherwise, 0–10: they come on top of `fraud_share` where it is above 1.
    pub times: f64,
}

/// A configuration outside its bounds.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("simulation setting `{field}` is {value}: give a value {bounds}")]
pub struct ConfigError {
    /// Setting at fault.
    pub field: &'static str,
    /// What it was.
    pub value: String,
    /// What it may be.
    pub bounds: &'static str,
}

impl SimulationConfig {
    /// Default scale of demos: 4,000 accounts, 30 days, 2,500 payments a day; 0.5 % fraud.
    pub fn demo(seed: u64, start_ms: i64) -> SimulationConfig {
        SimulationConfig {
            seed,
            start_ms,
            days: 30,
            accounts: 4_000,
            payments_per_day: 2_500,
            tenant: "default".to_owned(),
            fraud_share: 0.005,
            label_tail: false,
            newcomers: Vec::new(),
        }
    }

    /// Default scale of training: 20,000 accounts, 120 days, 3,500 payments a day; 0.5 % fraud.
    pub fn training(seed: u64, start_ms: i64) -> SimulationConfig {
        SimulationConfig {
            days: 120,
            accounts: 20_000,
            payments_per_day: 3_500,
            ..SimulationConfig::demo(seed, start_ms)
        }
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first setting outside its bounds. [`super::simulate`] draws such a setting to the nearest bound instead.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fail = |field, value: String, bounds| Err(ConfigError { field, value, bounds });
        if self.start_ms.unsigned_abs() > MAX_START_MS {
            return fail("start_ms", self.start_ms.to_string(), "within 8,000 years of 1970");
        }
        if !DAYS.contains(&self.days) {
            return fail("days", self.days.to_string(), "from 1 to 3650");
        }
        if !ACCOUNTS.contains(&self.accounts) {
            return fail("accounts", self.accounts.to_string(), "from 100 to 5000000");
        }
        if !PAYMENTS.contains(&self.payments_per_day) {
            return fail("payments_per_day", self.payments_per_day.to_string(), "from 100 to 50000000");
        }
        if self.tenant.is_empty() || self.tenant.len() > 128 {
            return fail("tenant", format!("{} bytes long", self.tenant.len()), "of 1 to 128 bytes");
        }
        if !(0.0..=MAX_FRAUD_SHARE).contains(&self.fraud_share) {
            return fail("fraud_share", self.fraud_share.to_string(), "from 0 to 0.05");
        }
        if let Some(wrong) = self.newcomers.iter().find(|newcomer| !TIMES.contains(&newcomer.times)) {
            return fail("newcomers.times", wrong.times.to_string(), "from 0 to 10");
        }
        Ok(())
    }

    /// The configuration with every number inside its bounds and the start at midnight UTC.
    pub(crate) fn bounded(&self) -> SimulationConfig {
        let start_ms = self.start_ms.clamp(-(MAX_START_MS as i64), MAX_START_MS as i64);
        SimulationConfig {
            start_ms: start_ms - start_ms.rem_euclid(DAY_MS),
            days: self.days.clamp(*DAYS.start(), *DAYS.end()),
            accounts: self.accounts.clamp(*ACCOUNTS.start(), *ACCOUNTS.end()),
            payments_per_day: self.payments_per_day.clamp(*PAYMENTS.start(), *PAYMENTS.end()),
            // A share that is not a number becomes none at all.
            fraud_share: if self.fraud_share.is_nan() { 0.0 } else { self.fraud_share.clamp(0.0, MAX_FRAUD_SHARE) },
            newcomers: self
                .newcomers
                .iter()
                .filter(|newcomer| !newcomer.times.is_nan())
                .map(|newcomer| Newcomer { times: newcomer.times.clamp(*TIMES.start(), *TIMES.end()), ..*newcomer })
                .collect(),
            ..self.clone()
        }
    }
}

const MAX_START_MS: u64 = 250_000_000_000_000;
const DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;
const ACCOUNTS: std::ops::RangeInclusive<u32> = 100..=5_000_000;
const PAYMENTS: std::ops::RangeInclusive<u32> = 100..=50_000_000;
const MAX_FRAUD_SHARE: f64 = 0.05;
const TIMES: std::ops::RangeInclusive<f64> = 0.0..=10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_and_each_bound_names_its_setting() {
        let good = SimulationConfig::training(1, 1_700_000_000_000);
        assert_eq!(good.check(), Ok(()));
        let field = |config: SimulationConfig| config.check().unwrap_err().field;
        assert_eq!(field(SimulationConfig { days: 0, ..good.clone() }), "days");
        assert_eq!(field(SimulationConfig { accounts: 3, ..good.clone() }), "accounts");
        assert_eq!(field(SimulationConfig { payments_per_day: 0, ..good.clone() }), "payments_per_day");
        assert_eq!(field(SimulationConfig { tenant: String::new(), ..good.clone() }), "tenant");
        assert_eq!(field(SimulationConfig { fraud_share: f64::NAN, ..good.clone() }), "fraud_share");
        assert_eq!(field(SimulationConfig { start_ms: i64::MIN, ..good.clone() }), "start_ms");
        let newcomer = Newcomer { typology: Typology::DeviceFarm, from_day: 3, times: 11.0 };
        assert_eq!(field(SimulationConfig { newcomers: vec![newcomer], ..good.clone() }), "newcomers.times");
        let bounded = SimulationConfig { days: 0, fraud_share: f64::NAN, start_ms: i64::MAX, ..good }.bounded();
        assert_eq!(bounded.check(), Ok(()));
        assert_eq!(bounded.start_ms % DAY_MS, 0);
    }
}
