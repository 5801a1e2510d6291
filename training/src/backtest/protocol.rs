//! What a backtest does, as a TOML file: which days are fitted on, how long labels take, which days are tested, what is removed.
//!
//! Two steps: as typed (unknown keys refused) → [`Protocol`] (checked). The examples in `deploy/protocols` are built in by name.

use anyhow::{Context, Result, bail, ensure};
use fraudnet_scoring::wire::parse_timestamp;
use serde::Deserialize;
use std::path::Path;

/// Protocols built in: name and text.
const BUILT_IN: [(&str, &str); 4] = [
    ("handbook-week", include_str!("../../../deploy/protocols/handbook-week.toml")),
    ("handbook-history", include_str!("../../../deploy/protocols/handbook-history.toml")),
    ("handbook-later", include_str!("../../../deploy/protocols/handbook-later.toml")),
    ("prequential-example", include_str!("../../../deploy/protocols/prequential-example.toml")),
];

/// Longest window, in days: whatever is above is a slip of the pen.
const MOST_DAYS: u32 = 3_650;
/// Most periods.
const MOST_PERIODS: u32 = 100;
/// Most examples a seed list or figure list may ask for.
const MOST_FIGURES: usize = 20;

/// What is done, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Its name; also that of the folder its results are written to.
    pub name: String,
    /// One sentence for the report.
    pub about: String,
    /// What is fitted on.
    pub fit: FitPlan,
    /// What is tested.
    pub test: TestPlan,
    /// Periods, each a fit and a test of its own.
    pub periods: u32,
    /// Days from the test of one period to the next.
    pub step_days: u32,
    /// Accounts looked at a day, ascending; 100 is always among them.
    pub card_k: Vec<u32>,
    /// Shares of payments alerted, ascending.
    pub alert_rates: Vec<f64>,
    /// Seeds of the fits.
    pub seeds: Vec<u64>,
}

/// What is fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct FitPlan {
    /// Where the window begins; it ends where the label delay before the test begins.
    pub span: FitSpan,
    /// Days at its end that choose rounds, epochs, form of hybrid and calibration before the fit on all of it.
    pub validation_days: u32,
    /// Share (0–1] of payments not known to be fraud that the network learns from; each takes 10–20 kB of memory.
    pub network_share: f64,
    /// Share (0–1] of such payments that trees learn from; each takes 1 kB.
    pub row_share: f64,
    /// Most passes of the network over its examples.
    pub network_epochs: usize,
    /// Where payments of accounts known to be compromised are left out as they are in the test.
    pub leave_out: LeaveOut,
    /// Days after which a payment counts half in the fit: long histories change. `None`: all count alike.
    pub half_life_days: Option<u32>,
}

/// Where the fit window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FitSpan {
    /// So many days before its end.
    Days(u32),
    /// So many days after the first of the history: later periods learn from more.
    AllAfterDays(u32),
}

/// Where payments of accounts known to be compromised are left out of the fit window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaveOut {
    /// Nowhere: they are learnt from like any other.
    Nowhere,
    /// In the validation days, so that these look like the test.
    Validation,
    /// In the whole fit window.
    Everywhere,
}

/// What is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct TestPlan {
    /// Where the first test begins.
    pub start: TestStart,
    /// Days of a test.
    pub days: u32,
    /// Days between fit window and test: by then the labels of the fit window are in.
    pub delay_days: u32,
    /// Removal of accounts known to be compromised: those with a payment made at most so many days before the test began, known to
    /// be fraud when the test day began. `None` removes nothing.
    pub removed_since_days: Option<u32>,
}

/// Where the first test begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStart {
    /// At midnight UTC of a date, in milliseconds since the epoch.
    At(i64),
    /// So many days after midnight of the history's first day.
    AfterDays(u32),
}

impl Protocol {
    /// The protocol of that name, or of that file.
    ///
    /// # Errors
    /// Neither, or a file that is no protocol: what is wrong and what to do.
    pub fn load(name_or_file: &str) -> Result<Protocol> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_file) {
            return Protocol::parse(text).with_context(|| format!("built-in protocol {name_or_file}"));
        }
        let path = Path::new(name_or_file);
        ensure!(
            path.is_file(),
            "there is no protocol `{name_or_file}`: use {} or the path of a TOML file of your own",
            Protocol::built_in_names().join(", ")
        );
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the protocol {name_or_file}"))?;
        Protocol::parse(&text).with_context(|| format!("protocol {name_or_file}"))
    }

    /// Names of the protocols built in.
    pub fn built_in_names() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    /// A protocol from its text.
    ///
    /// # Errors
    /// Not TOML, unknown keys, or values out of range.
    pub fn parse(text: &str) -> Result<Protocol> {
        let typed: Typed = toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.to_string().trim_end()))?;
        typed.check()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    name: String,
    #[serde(default)]
    about: String,
    fit: TypedFit,
    test: TypedTest,
    #[serde(default)]
    periods: TypedPeriods,
    #[serde(default)]
    figures: TypedFigures,
    #[serde(default)]
    seeds: TypedSeeds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedFit {
    days: Option<u32>,
    all_after_days: Option<u32>,
    validation_days: u32,
    #[serde(default = "whole")]
    network_share: f64,
    #[serde(default = "whole")]
    row_share: f64,
    #[serde(default = "usual_epochs")]
    network_epochs: usize,
    #[serde(default = "validation")]
    leave_out_known_compromised: LeaveOut,
    half_life_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedTest {
    from: Option<String>,
    after_days: Option<u32>,
    days: u32,
    delay_days: u32,
    remove_known_compromised: bool,
    compromised_since_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedPeriods {
    count: u32,
    step_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedFigures {
    card_k: Vec<u32>,
    alert_rates: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedSeeds {
    fits: Vec<u64>,
}

fn whole() -> f64 {
    1.0
}

fn usual_epochs() -> usize {
    10
}

fn validation() -> LeaveOut {
    LeaveOut::Validation
}

impl Default for TypedPeriods {
    fn default() -> Self {
        TypedPeriods { count: 1, step_days: 7 }
    }
}

impl Default for TypedFigures {
    fn default() -> Self {
        TypedFigures { card_k: vec![50, 100, 200], alert_rates: vec![0.001, 0.005, 0.01, 0.02] }
    }
}

impl Default for TypedSeeds {
    fn default() -> Self {
        TypedSeeds { fits: vec![1, 2, 3] }
    }
}

impl Typed {
    fn check(self) -> Result<Protocol> {
        let Typed { name, about, fit, test, periods, figures, seeds } = self;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        ensure!(
            !name.is_empty() && name.len() <= 64 && name.chars().all(plain) && !name.starts_with('.'),
            "name must be 1 to 64 letters, digits, `-`, `_` or `.`: results are written to a folder of that name"
        );
        for (key, days) in [
            ("fit.days", fit.days),
            ("fit.all_after_days", fit.all_after_days.map(|days| days.max(1))),
            ("fit.validation_days", Some(fit.validation_days)),
            ("fit.half_life_days", fit.half_life_days),
            ("test.days", Some(test.days)),
            ("test.delay_days", Some(test.delay_days.max(1))),
            ("test.after_days", test.after_days),
            ("test.compromised_since_days", test.compromised_since_days),
            ("periods.step_days", Some(periods.step_days)),
        ] {
            if let Some(days) = days {
                ensure!((1..=MOST_DAYS).contains(&days), "{key} must be 1 to {MOST_DAYS} days, not {days}");
            }
        }
        ensure!(
            (1..=MOST_PERIODS).contains(&periods.count),
            "periods.count must be 1 to {MOST_PERIODS}, not {}",
            periods.count
        );
        for (key, share) in [("fit.network_share", fit.network_share), ("fit.row_share", fit.row_share)] {
            ensure!(share > 0.0 && share <= 1.0, "{key} must lie above 0 and at most 1, not {share}");
        }
        ensure!(
            (1..=1_000).contains(&fit.network_epochs),
            "fit.network_epochs must be 1 to 1000, not {}",
            fit.network_epochs
        );
        let span = match (fit.days, fit.all_after_days) {
            (Some(days), None) => {
                ensure!(
                    fit.validation_days < days,
                    "fit.validation_days ({}) must be fewer than fit.days ({days}): the rest is learnt from",
                    fit.validation_days
                );
                FitSpan::Days(days)
            }
            (None, Some(days)) => FitSpan::AllAfterDays(days),
            _ => bail!("[fit] needs either days or all_after_days, and not both"),
        };
        let start = match (&test.from, test.after_days) {
            (Some(date), None) => TestStart::At(
                parse_timestamp(&format!("{date}T00:00:00Z"))
                    .with_context(|| format!("test.from must be a date such as \"2026-01-31\", not \"{date}\""))?,
            ),
            (None, Some(days)) => TestStart::AfterDays(days),
            _ => bail!("[test] needs either from or after_days, and not both"),
        };
        let removed_since_days = match (test.remove_known_compromised, test.compromised_since_days, span) {
            (false, None, _) => None,
            (false, Some(_), _) => bail!("test.compromised_since_days needs test.remove_known_compromised = true"),
            (true, Some(days), _) => Some(days),
            // The book: accounts with a fraud in the fit window, or since.
            (true, None, FitSpan::Days(days)) => Some(days + test.delay_days),
            (true, None, FitSpan::AllAfterDays(_)) => {
                bail!(
                    "with fit.all_after_days say test.compromised_since_days: over a long window nearly every account was compromised once"
                )
            }
        };
        let TypedFigures { mut card_k, mut alert_rates } = figures;
        card_k.push(100);
        card_k.sort_unstable();
        card_k.dedup();
        alert_rates.sort_by(f64::total_cmp);
        alert_rates.dedup();
        ensure!(
            card_k[0] > 0 && card_k.len() <= MOST_FIGURES,
            "figures.card_k must be up to {MOST_FIGURES} numbers above 0"
        );
        ensure!(
            !alert_rates.is_empty()
                && alert_rates.len() <= MOST_FIGURES
                && alert_rates.iter().all(|rate| *rate > 0.0 && *rate < 1.0),
            "figures.alert_rates must be 1 to {MOST_FIGURES} shares between 0 and 1"
        );
        check_seeds(&seeds.fits)?;
        Ok(Protocol {
            name,
            about,
            fit: FitPlan {
                span,
                validation_days: fit.validation_days,
                network_share: fit.network_share,
                row_share: fit.row_share,
                network_epochs: fit.network_epochs,
                leave_out: fit.leave_out_known_compromised,
                half_life_days: fit.half_life_days,
            },
            test: TestPlan { start, days: test.days, delay_days: test.delay_days, removed_since_days },
            periods: periods.count,
            step_days: periods.step_days,
            card_k,
            alert_rates,
            seeds: seeds.fits,
        })
    }
}

/// Checks a list of seeds, from a file or the command line.
///
/// # Errors
/// None, too many, or one twice.
pub fn check_seeds(seeds: &[u64]) -> Result<()> {
    let mut sorted = seeds.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    ensure!(
        !seeds.is_empty() && seeds.len() <= MOST_FIGURES && sorted.len() == seeds.len(),
        "seeds must be 1 to {MOST_FIGURES} different numbers"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_protocols_are_what_their_names_say() {
        let week = Protocol::load("handbook-week").unwrap();
        assert_eq!((week.name.as_str(), week.fit.span, week.test.days), ("handbook-week", FitSpan::Days(7), 7));
        assert_eq!((week.test.removed_since_days, week.card_k.as_slice()), (Some(14), &[50, 100, 200][..]));
        assert_eq!(week.test.start, TestStart::At(1_533_686_400_000));
        for name in Protocol::built_in_names() {
            assert_eq!(Protocol::load(name).unwrap().name, name);
        }
        let history = Protocol::load("handbook-history").unwrap();
        assert_eq!((week.seeds.as_slice(), history.seeds.as_slice()), (&[1, 2, 3][..], &[1, 2, 3][..]));
        assert_eq!((history.test.start, history.test.removed_since_days), (week.test.start, Some(14)), "the same test");
    }

    #[test]
    fn what_is_no_protocol_is_told() {
        let whole = "name = 'x'\n[fit]\ndays = 7\nvalidation_days = 2\n[test]\nfrom = '2026-01-31'\ndays = 7\ndelay_days = 7\nremove_known_compromised = true\n";
        assert!(Protocol::parse(whole).is_ok());
        for (from, to, expected) in [
            ("days = 7\nvalidation", "day = 7\nvalidation", "unknown field `day`"),
            ("[fit]\ndays = 7\n", "[fit]\n", "either days or all_after_days"),
            ("[fit]\ndays = 7\n", "[fit]\nall_after_days = 10\n", "say test.compromised_since_days"),
            ("validation_days = 2", "validation_days = 7", "must be fewer than fit.days (7)"),
            ("from = '2026-01-31'", "from = '2026-02-31'", "must be a date such as"),
            ("from = '2026-01-31'\n", "", "either from or after_days"),
            ("delay_days = 7\n", "", "missing field `delay_days`"),
            ("from = '2026-01-31'\ndays = 7", "from = '2026-01-31'\ndays = 0", "test.days must be 1 to"),
            ("name = 'x'", "name = '../x'", "folder of that name"),
            ("name = 'x'", "name = 'x'\nseeds = { fits = [1, 1] }", "different numbers"),
            ("name = 'x'", "name = 'x'\nfigures = { alert_rates = [2.0] }", "between 0 and 1"),
            ("name = 'x'", "name = 'x'\nperiods = { count = 0 }", "periods.count"),
            ("validation_days = 2", "validation_days = 2\nnetwork_share = 0.0", "fit.network_share"),
        ] {
            assert!(whole.contains(from), "{from}");
            let error = format!("{:#}", Protocol::parse(&whole.replacen(from, to, 1)).unwrap_err());
            assert!(error.contains(expected), "{to}: {error}");
        }
        let unknown = Protocol::load("handbook-year").unwrap_err().to_string();
        assert!(unknown.contains("handbook-week, handbook-history"), "{unknown}");
    }
}
