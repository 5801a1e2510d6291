//! A payment before it has names: numbers of entities, euros, and the truth.

use std::collections::BTreeMap;

use fraudnet_graph::Channel;

use super::config::DAY_MS;
use super::labels::Report;
use super::oracle::Typology;

/// A payment as planned.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) at_ms: i64,
    pub(crate) account: u32,
    pub(crate) device: Option<u32>,
    pub(crate) ip: Option<u32>,
    pub(crate) merchant: Option<u32>,
    pub(crate) counterparty: Option<u32>,
    pub(crate) euros: f64,
    /// Whether the euros are a price already, not to be rounded to one.
    pub(crate) exact: bool,
    pub(crate) channel: Channel,
    pub(crate) fraud: Option<Typology>,
    /// How the fraud will come to light, if it will.
    pub(crate) report: Option<Report>,
    /// Odd enough that an analyst may look at it although it is honest.
    pub(crate) odd: bool,
}

impl Draft {
    /// An honest payment of that account with nothing else known.
    pub(crate) fn of(account: u32, at_ms: i64, euros: f64, channel: Channel) -> Draft {
        Draft {
            at_ms,
            account,
            device: None,
            ip: None,
            merchant: None,
            counterparty: None,
            euros,
            exact: false,
            channel,
            fraud: None,
            report: None,
            odd: false,
        }
    }
}

/// Payments planned ahead, by day. Holds days to come only.
pub(crate) struct Agenda {
    pub(crate) start_ms: i64,
    days: BTreeMap<i32, Vec<Draft>>,
}

impl Agenda {
    pub(crate) fn new(start_ms: i64) -> Agenda {
        Agenda { start_ms, days: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, draft: Draft) {
        let day = (draft.at_ms - self.start_ms).div_euclid(DAY_MS) as i32;
        self.days.entry(day).or_default().push(draft);
    }

    /// Takes what is planned for that day, and forgets days before it.
    pub(crate) fn take(&mut self, day: i32) -> Vec<Draft> {
        let mut later = self.days.split_off(&day);
        let today = later.remove(&day).unwrap_or_default();
        self.days = later;
        today
    }
}
