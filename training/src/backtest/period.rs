//! Where a protocol's windows lie in one history.
//!
//! ```text
//! first day                                    fit end = test − delay     test              end
//! |      graph only      |      fit      |  validation  |     delay     |  day 0 | … | day n  |
//! ```

use super::protocol::{FitSpan, LeaveOut, Protocol, TestStart};
use crate::data::split::{DAY_MS, Windows};
use anyhow::{Result, ensure};
use fraudnet_scoring::wire::format_timestamp;

/// One fit and test. UTC milliseconds; each window begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The fit window begins.
    pub fit_ms: i64,
    /// Its validation days begin.
    pub validation_ms: i64,
    /// The fit window ends.
    pub fit_end_ms: i64,
    /// The cut: the test begins.
    pub test_ms: i64,
    /// The test ends.
    pub end_ms: i64,
}

impl Period {
    /// The same as the windows examples are gathered by: validation is both early stop and calibration, the delay is the gap.
    pub fn windows(&self, first_ms: i64, last_ms: i64) -> Windows {
        Windows {
            first_ms,
            fit_ms: self.fit_ms,
            stop_ms: self.validation_ms,
            calibrate_ms: self.fit_end_ms,
            gap_ms: self.fit_end_ms,
            cut_ms: self.test_ms,
            last_ms,
            end_ms: self.end_ms,
        }
    }

    /// Days of the test.
    pub fn test_days(&self) -> usize {
        ((self.end_ms - self.test_ms) / DAY_MS) as usize
    }

    /// Number of the test day at `at_ms`; negative before the test.
    pub fn day(&self, at_ms: i64) -> i64 {
        (at_ms - self.test_ms).div_euclid(DAY_MS)
    }

    /// Beginning of the day of that number.
    pub fn day_ms(&self, day: i64) -> i64 {
        self.test_ms + day * DAY_MS
    }
}

impl Protocol {
    /// Its periods in a history that extends from `first_ms` to `last_ms`.
    ///
    /// # Errors
    /// Windows that lie outside the history: where they lie, where it lies, and what to do.
    pub fn periods(&self, first_ms: i64, last_ms: i64) -> Result<Vec<Period>> {
        let first_day = first_ms.div_euclid(DAY_MS) * DAY_MS;
        let end_of_history = (last_ms.div_euclid(DAY_MS) + 1) * DAY_MS;
        let days = |days: u32| i64::from(days) * DAY_MS;
        let start = match self.test.start {
            TestStart::At(at_ms) => at_ms,
            TestStart::AfterDays(after) => first_day + days(after),
        };
        (0..self.periods)
            .map(|number| {
                let test_ms = start + i64::from(number) * days(self.step_days);
                let fit_end_ms = test_ms - days(self.test.delay_days);
                let fit_ms = match self.fit.span {
                    FitSpan::Days(long) => fit_end_ms - days(long),
                    FitSpan::AllAfterDays(after) => first_day + days(after),
                };
                let validation_ms = fit_end_ms - days(self.fit.validation_days);
                let end_ms = test_ms + days(self.test.days);
                ensure!(
                    fit_ms >= first_day && fit_ms < validation_ms && end_ms <= end_of_history,
                    "period {} of protocol {} fits from {} to {} and tests from {} to {} (ends exclusive), but the history extends from \
                     {} to {}; use a history that covers it, or a protocol of your own (--protocol FILE)",
                    number + 1,
                    self.name,
                    date(fit_ms),
                    date(fit_end_ms),
                    date(test_ms),
                    date(end_ms),
                    format_timestamp(first_ms),
                    format_timestamp(last_ms)
                );
                Ok(Period { fit_ms, validation_ms, fit_end_ms, test_ms, end_ms })
            })
            .collect()
    }

    /// What is done, in words, for the report.
    pub fn in_words(&self, periods: &[Period]) -> String {
        let first = periods[0];
        let span = match self.fit.span {
            FitSpan::Days(days) => format!("{days} days ({} to {})", date(first.fit_ms), last_date(first.fit_end_ms)),
            FitSpan::AllAfterDays(_) => {
                format!("everything from {} to {}", date(first.fit_ms), last_date(first.fit_end_ms))
            }
        };
        let mut text = format!(
            "Fitted on {span}, with the labels known when the test begins. The last {} of these days choose rounds, epochs, form of hybrid \
             and calibration; then every model is fitted again on all of them. {} days later the test begins: {} to {}, all payments.",
            self.fit.validation_days,
            self.test.delay_days,
            date(first.test_ms),
            last_date(first.end_ms)
        );
        if let Some(days) = self.fit.half_life_days {
            text += &format!(" In the fit a payment counts half for every {days} days of its age.");
        }
        if let Some(days) = self.test.removed_since_days {
            text += &format!(
                " On each test day the payments of accounts already known to be compromised are removed: those with a payment made since {} \
                 and known to be fraud when that day begins.",
                date(first.test_ms - i64::from(days) * DAY_MS)
            );
            text += match self.fit.leave_out {
                LeaveOut::Nowhere => "",
                LeaveOut::Validation => " The same rule is applied to the validation days.",
                LeaveOut::Everywhere => " The same rule is applied to the fit window.",
            };
        }
        if periods.len() > 1 {
            text += &format!(
                " Then the same {} more times, each {} days later; the last test ends with {}.",
                periods.len() - 1,
                self.step_days,
                last_date(periods[periods.len() - 1].end_ms)
            );
        }
        text
    }
}

/// The date of an instant, `2018-08-08`.
pub fn date(at_ms: i64) -> String {
    format_timestamp(at_ms)[..10].to_owned()
}

/// The last date before an exclusive end.
fn last_date(end_ms: i64) -> String {
    date(end_ms - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> i64 {
        fraudnet_scoring::wire::parse_timestamp(&format!("{date}T00:00:00Z")).unwrap()
    }

    #[test]
    fn the_windows_of_the_book() {
        let (first, last) = (at("2018-04-01") + 31_000, at("2018-10-01") - 3_000);
        let week = Protocol::load("handbook-week").unwrap();
        let periods = week.periods(first, last).unwrap();
        let book = Period {
            fit_ms: at("2018-07-25"),
            validation_ms: at("2018-07-30"),
            fit_end_ms: at("2018-08-01"),
            test_ms: at("2018-08-08"),
            end_ms: at("2018-08-15"),
        };
        assert_eq!(periods, [book]);
        assert_eq!((book.test_days(), book.day(at("2018-08-14") + 5), book.day(book.test_ms - 1)), (7, 6, -1));
        let words = week.in_words(&periods);
        for part in ["7 days (2018-07-25 to 2018-07-31)", "2018-08-08 to 2018-08-14", "since 2018-07-25"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        let history = Protocol::load("handbook-history").unwrap().periods(first, last).unwrap()[0];
        assert_eq!((history.fit_ms, history.test_ms), (at("2018-05-26"), book.test_ms));
        let prequential = Protocol::load("prequential-example").unwrap();
        let periods = prequential.periods(first, last).unwrap();
        assert_eq!(periods.len(), 4);
        assert_eq!(periods[3].test_ms, at("2018-04-01") + (56 + 21) * DAY_MS);
        assert_eq!(periods[0].windows(first, last).cut_ms, periods[0].test_ms);
    }

    #[test]
    fn windows_outside_say_where_the_history_lies() {
        let week = Protocol::load("handbook-week").unwrap();
        let error = week.periods(at("2018-07-28"), at("2018-09-01")).unwrap_err().to_string();
        assert!(error.contains("from 2018-07-25") && error.contains("2018-07-28T00:00:00.000Z"), "{error}");
        assert!(week.periods(at("2018-04-01"), at("2018-08-13")).is_err());
        assert!(week.periods(at("2018-04-01"), at("2018-08-14")).is_ok());
    }
}
