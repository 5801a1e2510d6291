//! The underworld: a few gangs run campaign after campaign, of every typology, and share out infrastructure between them.
//!
//! Reading order: `gang` (what a gang owns and how it ages), `campaign` (booking a fraud), then one file a typology.
//! A ledger per typology says how many frauds are owed so far; a campaign starts when its typology is behind, so that the
//! typologies share prevalence about equally whatever their campaigns' sizes.

mod campaign;
mod card_testing;
mod collusion;
mod farm;
mod gang;
mod mules;
mod proxies;
mod takeover;

use super::config::Newcomer;
use super::draft::Agenda;
use super::oracle::Typology;
use super::population::World;
use super::sampling::Dice;
use campaign::Campaign;
use gang::Gang;

/// Days before the history in which campaigns already run, so that its first day is a day like any other.
pub(crate) const PRELUDE_DAYS: i32 = 40;

/// All gangs and what they still owe.
pub(crate) struct Underworld {
    gangs: Vec<Gang>,
    owed: [f64; Typology::ALL.len()],
    /// Frauds of each typology a day.
    per_day: [f64; Typology::ALL.len()],
    /// Day on which each typology's campaigns begin.
    from: [i32; Typology::ALL.len()],
}

impl Underworld {
    /// Gangs that book about `frauds_per_day` over all typologies.
    pub(crate) fn new(world: &mut World, frauds_per_day: f64, newcomers: &[Newcomer], dice: &mut Dice) -> Underworld {
        let count = (world.accounts.len() / 2_500).clamp(3, 12);
        let gangs = (0..count).map(|_| Gang::form(world, -PRELUDE_DAYS, dice)).collect();
        let mut per_day = [frauds_per_day / Typology::ALL.len() as f64; Typology::ALL.len()];
        let mut from = [i32::MIN; Typology::ALL.len()];
        for newcomer in newcomers {
            let which = newcomer.typology as usize;
            from[which] = i32::try_from(newcomer.from_day).unwrap_or(i32::MAX);
            per_day[which] *= newcomer.times;
        }
        Underworld { gangs, owed: [0.0; Typology::ALL.len()], per_day, from }
    }

    /// Lives one day on: gangs age, and campaigns begin where frauds are owed.
    pub(crate) fn live_on(&mut self, world: &mut World, day: i32, dice: &mut Dice, agenda: &mut Agenda) {
        for gang in &mut self.gangs {
            gang.live_on(world, day, dice);
        }
        for typology in Typology::ALL {
            if day < self.from[typology as usize] {
                continue;
            }
            let owed = &mut self.owed[typology as usize];
            *owed += self.per_day[typology as usize];
            while *owed > 0.0 {
                let gang = dice.below(self.gangs.len());
                let mut campaign = Campaign::new(world, &mut self.gangs[gang], agenda, dice, day, typology);
                match typology {
                    Typology::CardTesting => card_testing::run(&mut campaign),
                    Typology::AccountTakeover => takeover::run(&mut campaign),
                    Typology::DeviceFarm => farm::run(&mut campaign),
                    Typology::CollusiveMerchant => collusion::run(&mut campaign),
                    Typology::MuleNetwork => mules::run(&mut campaign),
                    Typology::ProxyCluster => proxies::run(&mut campaign),
                }
                // A campaign always books something; counting at least one keeps the loop finite whatever a typology does.
                *owed -= campaign.booked().max(1) as f64;
            }
        }
    }
}
