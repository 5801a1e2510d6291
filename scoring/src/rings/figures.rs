//! A ring in numbers.
//!
//! A ring's payments are those that members made over what ties them: a victim's ordinary life at home is not among them. Each counts once.
//!
//! **Score**: share of its accounts that are at risk, `(reported + ½ held) / (accounts + 1)`, from 0 to 1; the one more stands for what is
//! not known yet, so that three accounts never look surer than thirty.
//!
//! **Expected loss**: the sum over its payments of `amount × q`, where q is 1 if the payment was reported, 0 if somebody said it was
//! legitimate, and else the model's probability or the ring's score, whichever is higher: who pays over what frauds were paid over is
//! likely a fraud as well. In hundredths, currencies as they are (as everywhere in the graph). Rings are ranked by it.
//!
//! Cost: about 50 ns a payment of the ring.

use super::links::Link;
use super::report::{GROWTH_DAYS, GrowthDay};
use super::slab::NONE;
use super::state::Rings;
use super::tie::Risk;
use super::window::Paid;
use fraudnet_graph::Kind;
use std::collections::BTreeMap;

/// Payments of one ring that are read at most; its figures are of those then, and say so.
const MAX_READ: usize = 200_000;
/// Seconds of a day.
const DAY_S: u32 = 86_400;

/// What is counted of a ring.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    pub(super) payments: u32,
    pub(super) reported: u32,
    pub(super) held: u32,
    pub(super) amount_hundredths: u64,
    pub(super) loss_hundredths: u64,
    /// Score in ten-thousandths.
    pub(super) score: u64,
    pub(super) first_s: u32,
    pub(super) last_s: u32,
    /// Whether every payment was read.
    pub(super) is_whole: bool,
    pub(super) members: Vec<MemberFigures>,
    pub(super) growth: Vec<GrowthDay>,
    /// Payments by account and merchant.
    pub(super) merchants: BTreeMap<(u32, u32), Traffic>,
}

/// What went over one link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) payments: u32,
    pub(super) reported: u32,
    pub(super) amount_hundredths: u64,
    pub(super) first_s: u32,
    pub(super) last_s: u32,
}

/// What is counted of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemberFigures {
    pub(super) node: u32,
    pub(super) payments: u32,
    pub(super) reported: u32,
    pub(super) since_s: u32,
    pub(super) risk: Risk,
    /// Links that tie it to others in the ring.
    pub(super) ties: u32,
}

impl MemberFigures {
    fn of(node: u32) -> MemberFigures {
        MemberFigures { node, payments: 0, reported: 0, since_s: u32::MAX, risk: Risk::Nothing, ties: 0 }
    }

    /// One link more that ties it to others.
    fn tied(&mut self, link: &Link) {
        self.since_s = self.since_s.min(link.first_s);
        self.risk = self.risk.max(link.risk());
        self.ties += 1;
    }

    fn merge(&mut self, other: MemberFigures) {
        self.payments += other.payments;
        self.reported += other.reported;
        self.since_s = self.since_s.min(other.since_s);
        self.risk = self.risk.max(other.risk);
        self.ties += other.ties;
    }
}

impl Traffic {
    /// One payment more.
    pub(super) fn add(&mut self, paid: &Paid) {
        self.first_s = if self.payments == 0 { paid.at_s } else { self.first_s.min(paid.at_s) };
        self.last_s = self.last_s.max(paid.at_s);
        self.payments += 1;
        self.reported += u32::from(paid.risk() == Risk::Reported);
        self.amount_hundredths = self.amount_hundredths.saturating_add(paid.amount_hundredths);
    }
}

impl Rings {
    /// All about one ring.
    pub(super) fn figures(&self, ring: u32) -> Figures {
        let ties = &self.rings[ring].ties;
        let mut figures = Figures { first_s: u32::MAX, is_whole: true, growth: self.days(), ..Figures::default() };
        let mut accounts: BTreeMap<u32, MemberFigures> = BTreeMap::new();
        for &tie in ties {
            let mut member = MemberFigures::of(tie);
            for link in self.links.joined_on(&self.nodes, tie).map(|link| &self.links[link]) {
                accounts.entry(link.account).or_insert(MemberFigures::of(link.account)).tied(link);
                member.tied(link);
                member.payments += link.payments;
                member.reported += link.reported;
            }
            if self.nodes[tie].kind == Kind::Account {
                accounts.entry(tie).or_insert(MemberFigures::of(tie)).merge(member);
            } else {
                figures.members.push(member);
            }
        }
        let at_risk = accounts.values().map(|account| account.risk as u64).sum::<u64>();
        figures.score = at_risk * 5_000 / (accounts.len() as u64 + 1);
        let (mut left, mut loss) = (MAX_READ, 0);
        for link in ties.iter().flat_map(|&tie| self.links.joined_on(&self.nodes, tie)) {
            figures.is_whole &= self.each(link, &mut left, |paid| {
                if paid.links().find(|&other| self.links.joins(&self.nodes, other)) == Some(link) {
                    loss += count_payment(&mut figures, paid);
                    if let Some(account) = accounts.get_mut(&paid.account) {
                        account.payments += 1;
                        account.reported += u32::from(paid.risk() == Risk::Reported);
                    }
                }
            });
        }
        for account in accounts.values() {
            if let Some(day) = day_of(&mut figures.growth, account.since_s) {
                day.accounts += 1;
            }
        }
        figures.members.extend(accounts.into_values());
        figures.first_s = figures.first_s.min(figures.last_s);
        figures.loss_hundredths = u64::try_from(loss / 10_000).unwrap_or(u64::MAX);
        figures
    }

    /// Reads the payments over a link, newest first; false where the bound was reached.
    pub(super) fn each(&self, link: u32, left: &mut usize, mut read: impl FnMut(&Paid)) -> bool {
        let mut number = self.links[link].newest;
        while let Some(paid) = self.window.get(number) {
            let Some(place) = paid.links.iter().position(|&other| other == link) else { return true };
            if *left == 0 {
                return false;
            }
            *left -= 1;
            read(paid);
            number = paid.previous[place];
            if number == NONE {
                return true;
            }
        }
        true
    }

    /// The last days up to today, UTC, nothing counted.
    fn days(&self) -> Vec<GrowthDay> {
        let today_s = self.now_s - self.now_s % DAY_S;
        let days = (0..GROWTH_DAYS as u32).rev();
        let starts = days.map(|ago| i64::from(today_s) - i64::from(ago) * i64::from(DAY_S));
        starts.map(|at_s| GrowthDay { at_ms: at_s * 1_000, accounts: 0, amount_hundredths: 0 }).collect()
    }
}

/// Counts a payment; its part of the expected loss, in ten-thousandths of a hundredth.
fn count_payment(figures: &mut Figures, paid: &Paid) -> u128 {
    figures.payments += 1;
    figures.amount_hundredths = figures.amount_hundredths.saturating_add(paid.amount_hundredths);
    figures.first_s = figures.first_s.min(paid.at_s);
    figures.last_s = figures.last_s.max(paid.at_s);
    if let Some(day) = day_of(&mut figures.growth, paid.at_s) {
        day.amount_hundredths = day.amount_hundredths.saturating_add(paid.amount_hundredths);
    }
    if paid.merchant != NONE {
        figures.merchants.entry((paid.account, paid.merchant)).or_default().add(paid);
    }
    let probability = match paid.fraud {
        Some(true) => 10_000,
        Some(false) => 0,
        None => figures.score.max(u64::from(paid.probability)),
    };
    match paid.risk() {
        Risk::Reported => figures.reported += 1,
        Risk::Held => figures.held += 1,
        Risk::Nothing => {}
    }
    u128::from(paid.amount_hundredths) * u128::from(probability)
}

fn day_of(growth: &mut [GrowthDay], at_s: u32) -> Option<&mut GrowthDay> {
    let first_ms = growth.first()?.at_ms;
    let day = (i64::from(at_s) * 1_000 - first_ms).div_euclid(i64::from(DAY_S) * 1_000);
    growth.get_mut(usize::try_from(day).ok()?)
}
