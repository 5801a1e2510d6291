//! The steps of the loop as a small state machine that is written down before each of them.
//!
//! ```text
//! idle ──▶ building ──▶ published ──▶ announced ──▶ idle
//!              │ too few labels, or refused by the gate
//!              └──────────────────────────────────▶ idle
//! ```
//!
//! While a step is under way nothing is taken from the feed, so what it works on stays as it was. Cut off at any point, the process goes
//! on with the step that is written down: `building` begins again with the same version, seed and data, and gives the same artifact, or
//! finds it in the registry already; `published` announces again, which a service that knows it already takes for done.

use fraudnet_models::ModelRef;
use serde::{Deserialize, Serialize};

/// How a candidate is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From the champion's weights, on new and replayed examples.
    FineTune,
    /// From nothing, on all that is kept.
    Retrain,
}

impl Kind {
    /// Name in logs, and in versions.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::FineTune => "fine_tune",
            Kind::Retrain => "retrain",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Kind::FineTune => "ft",
            Kind::Retrain => "full",
        }
    }
}

/// What was decided when a step began; all that it depends on besides the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How the candidate is made.
    pub kind: Kind,
    /// Why now.
    pub reason: String,
    /// What serves, and what the candidate is held against.
    pub champion: ModelRef,
    /// What the candidate will be called.
    pub version: ModelRef,
    /// Seed of every draw.
    pub seed: u64,
    /// Known frauds when it began.
    pub frauds: u64,
}

impl Plan {
    /// Name of the `number`-th step's candidate: `hybrid/2026.11.22-ft3`.
    pub fn version_of(kind: Kind, number: u64, clock_ms: i64) -> ModelRef {
        let day = time::OffsetDateTime::from_unix_timestamp(clock_ms.div_euclid(1000)).map(time::OffsetDateTime::date);
        let day = day.map_or_else(
            |_| "undated".to_owned(),
            |day| format!("{:04}.{:02}.{:02}", day.year(), u8::from(day.month()), day.day()),
        );
        ModelRef { name: "hybrid".to_owned(), version: format!("{day}-{}{number}", kind.suffix()) }
    }
}

/// What is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Step {
    /// Nothing: items are taken from the feed.
    #[default]
    Idle,
    /// A candidate is made, judged and, if it passes, written to the registry.
    Building(Plan),
    /// It stands in the registry; the service is to hear of it.
    Published(Plan),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_their_day_kind_and_number() {
        let version = Plan::version_of(Kind::FineTune, 3, 1_795_305_600_000);
        assert_eq!(version.to_string(), "hybrid/2026.11.22-ft3");
        assert_eq!(Plan::version_of(Kind::Retrain, 12, i64::MIN).version, "undated-full12");
        let step = Step::Building(Plan {
            kind: Kind::Retrain,
            reason: "nightly".to_owned(),
            champion: version.clone(),
            version,
            seed: 1,
            frauds: 2,
        });
        let json = serde_json::to_string(&step).unwrap();
        assert_eq!(serde_json::from_str::<Step>(&json).unwrap(), step);
    }
}
