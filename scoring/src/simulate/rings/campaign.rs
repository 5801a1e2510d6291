//! One campaign of one gang: its clock, and the booking of its frauds.

use fraudnet_graph::Channel;

use super::gang::Gang;
use crate::simulate::config::DAY_MS;
use crate::simulate::draft::{Agenda, Draft};
use crate::simulate::labels::Report;
use crate::simulate::life::price;
use crate::simulate::oracle::Typology;
use crate::simulate::population::World;
use crate::simulate::sampling::Dice;

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: f64 = 3_600_000.0;

pub(crate) struct Campaign<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) gang: &'a mut Gang,
    pub(crate) dice: &'a mut Dice,
    pub(crate) day: i32,
    agenda: &'a mut Agenda,
    typology: Typology,
    booked: usize,
}

impl<'a> Campaign<'a> {
    pub(crate) fn new(
        world: &'a mut World,
        gang: &'a mut Gang,
        agenda: &'a mut Agenda,
        dice: &'a mut Dice,
        day: i32,
        typology: Typology,
    ) -> Campaign<'a> {
        Campaign { world, gang, dice, day, agenda, typology, booked: 0 }
    }

    /// Frauds booked so far.
    pub(crate) fn booked(&self) -> usize {
        self.booked
    }

    /// A size around `median`, heavy-tailed, within bounds.
    pub(crate) fn size(&mut self, median: f64, low: usize, high: usize) -> usize {
        (self.dice.log_normal(median, 0.55).round() as usize).clamp(low, high)
    }

    /// A moment `days` into the campaign, mostly at an hour when `account` would pay too.
    pub(crate) fn moment(&mut self, account: u32, days: f64) -> i64 {
        let day = self.day + days.max(0.0) as i32;
        if self.dice.chance(0.7) {
            return self.world.moment(account, self.agenda.start_ms, day, self.dice);
        }
        self.agenda.start_ms + i64::from(day) * DAY_MS + self.dice.below(DAY_MS as usize) as i64
    }

    /// `at_ms` and a wait with that mean.
    pub(crate) fn after(&mut self, at_ms: i64, mean_hours: f64) -> i64 {
        at_ms + (self.dice.exponential(mean_hours) * HOUR_MS) as i64 + 5_000
    }

    /// The day of a moment, as the world counts.
    pub(crate) fn day_of(&self, at_ms: i64) -> i32 {
        (at_ms - self.agenda.start_ms).div_euclid(DAY_MS) as i32
    }

    pub(crate) fn victim(&mut self) -> u32 {
        self.gang.victim(self.world, self.day, self.dice)
    }

    pub(crate) fn mule(&mut self) -> u32 {
        self.gang.mule(self.world, self.day, self.dice)
    }

    pub(crate) fn device(&mut self) -> u32 {
        self.gang.device(self.world, self.dice)
    }

    pub(crate) fn outlet(&mut self) -> u32 {
        self.gang.outlet(self.world, self.day, self.dice)
    }

    /// An address of the gang that suits the account.
    pub(crate) fn ip_for(&mut self, account: u32) -> u32 {
        let country = self.world.accounts[account as usize].country;
        self.gang.ip_near(country, self.world, self.dice)
    }

    pub(crate) fn report(&mut self) -> Option<Report> {
        Report::draw(self.dice)
    }

    /// A purchase that would be ordinary for this account and merchant, times `factor`.
    pub(crate) fn purchase(
        &mut self,
        account: u32,
        merchant: u32,
        device: u32,
        ip: u32,
        at_ms: i64,
        factor: f64,
    ) -> Draft {
        let channel = if self.dice.chance(0.25) { Channel::Wallet } else { Channel::Ecommerce };
        let euros = price(self.world, account, merchant, self.dice) * factor;
        let mut draft = Draft::of(account, at_ms, euros, channel);
        draft.merchant = Some(merchant);
        draft.device = Some(device);
        draft.ip = Some(ip);
        draft
    }

    /// Money sent to another account.
    pub(crate) fn transfer(&mut self, account: u32, to: u32, device: u32, ip: u32, at_ms: i64, euros: f64) -> Draft {
        let mut draft = Draft::of(account, at_ms, euros, Channel::Transfer);
        draft.counterparty = Some(to).filter(|&other| other != account);
        draft.device = Some(device);
        draft.ip = Some(ip);
        draft
    }

    /// Books a fraud.
    pub(crate) fn book(&mut self, mut draft: Draft, report: Option<Report>) {
        draft.fraud = Some(self.typology);
        draft.report = report;
        self.booked += 1;
        self.agenda.add(draft);
    }
}
