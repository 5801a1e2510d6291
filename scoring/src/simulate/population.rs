//! Who lives in the simulated world, and where: accounts, households, merchants, shared places.
//!
//! Cost: about 400 bytes an account. Nothing here knows of fraud; rings open accounts through the same door as everyone.

use super::config::{DAY_MS, SimulationConfig};
use super::geography::{CASH, CATEGORIES, COUNTRIES, Category};
use super::sampling::{Dice, Weights, zipf};

/// An account and its habits.
pub(crate) struct Account {
    pub(crate) country: u8,
    /// Factor on every amount: income.
    pub(crate) scale: f64,
    /// Relative number of payments.
    pub(crate) weight: f64,
    /// Index into [`World::rhythms`].
    pub(crate) rhythm: usize,
    pub(crate) household: u32,
    /// Own devices, the daily one first.
    pub(crate) devices: Vec<u32>,
    pub(crate) workplace: Option<u32>,
    /// Exit address it browses through, and how often.
    pub(crate) vpn: Option<(u32, f64)>,
    pub(crate) favourites: Vec<u32>,
    pub(crate) friends: Vec<u32>,
    pub(crate) landlord: Option<u32>,
    pub(crate) employer: Option<u32>,
    /// Merchant, euros, day of the month.
    pub(crate) subscriptions: Vec<(u32, f64, u8)>,
    pub(crate) joined_day: i32,
    pub(crate) left_day: i32,
    pub(crate) trip: Option<Trip>,
}

/// A stay abroad.
#[derive(Clone, Copy)]
pub(crate) struct Trip {
    pub(crate) until_day: i32,
    pub(crate) country: u8,
    pub(crate) ip: u32,
}

/// Accounts that live together.
pub(crate) struct Household {
    pub(crate) country: u8,
    /// Addresses it is seen under: one line at home, for most.
    pub(crate) ips: Vec<u32>,
    /// Devices anyone there uses.
    pub(crate) devices: Vec<u32>,
}

/// A merchant.
pub(crate) struct Merchant {
    pub(crate) country: u8,
    pub(crate) category: &'static Category,
    /// Typical amount in euros.
    pub(crate) level: f64,
    pub(crate) online: bool,
    pub(crate) opened_day: i32,
}

/// A device that many use: library, repair shop, shop tablet.
#[derive(Clone, Copy)]
pub(crate) struct PublicDevice {
    pub(crate) country: u8,
    pub(crate) device: u32,
    pub(crate) ip: u32,
}

/// Everything that lives.
pub(crate) struct World {
    pub(crate) accounts: Vec<Account>,
    pub(crate) households: Vec<Household>,
    pub(crate) merchants: Vec<Merchant>,
    /// Country of every address.
    pub(crate) ips: Vec<u8>,
    pub(crate) devices: u32,
    /// Employers and landlords: ordinary accounts that many others deal with.
    pub(crate) landlords: Vec<u32>,
    pub(crate) public_devices: Vec<PublicDevice>,
    /// Mobile carriers' shared addresses, cafés and VPN exits, by country.
    pub(crate) carriers: Vec<Vec<u32>>,
    pub(crate) cafes: Vec<Vec<u32>>,
    pub(crate) exits: Vec<u32>,
    /// Operators of cash machines, by country: merchants that nobody shops at.
    pub(crate) cash_machines: Vec<Vec<u32>>,
    /// Devices given up by their owners and for sale.
    pub(crate) second_hand: Vec<u32>,
    /// Addresses given back by their households.
    pub(crate) released_ips: Vec<Vec<u32>>,
    pub(crate) rhythms: Vec<Weights>,
    popularity: Weights,
    popularity_by_country: Vec<(Vec<u32>, Weights)>,
    residents: Weights,
}

/// Never leaves.
pub(crate) const STAYS: i32 = i32::MAX;

impl World {
    pub(crate) fn new(config: &SimulationConfig, dice: &mut Dice) -> World {
        let people = config.accounts as usize;
        let mut world = World {
            accounts: Vec::with_capacity(people + people / 8),
            households: Vec::new(),
            merchants: Vec::new(),
            ips: Vec::new(),
            devices: 0,
            landlords: Vec::new(),
            public_devices: Vec::new(),
            carriers: vec![Vec::new(); COUNTRIES.len()],
            cafes: vec![Vec::new(); COUNTRIES.len()],
            exits: Vec::new(),
            cash_machines: vec![Vec::new(); COUNTRIES.len()],
            second_hand: Vec::new(),
            released_ips: vec![Vec::new(); COUNTRIES.len()],
            rhythms: rhythms(),
            popularity: Weights::default(),
            popularity_by_country: Vec::new(),
            residents: Weights::new(COUNTRIES.iter().map(|country| country.share)),
        };
        world.open_merchants(people, config.days as i32, dice);
        world.open_places(people, dice);
        world.settle(people, config.days as i32, dice);
        world.befriend(people, dice);
        world
    }

    fn open_merchants(&mut self, people: usize, days: i32, dice: &mut Dice) {
        let shares = Weights::new(CATEGORIES.iter().map(|category| category.share));
        let count = (people / 12).max(120);
        let mut popularity = Vec::with_capacity(count);
        for rank in 0..count {
            let category = &CATEGORIES[shares.draw(dice)];
            // A twentieth opens while we watch; the most popular were always there.
            let opened_day = if rank > 20 && dice.chance(0.05) { dice.below(days as usize) as i32 } else { i32::MIN };
            self.merchants.push(Merchant {
                country: self.residents.draw(dice) as u8,
                category,
                level: dice.log_normal(category.level, 0.45),
                online: dice.chance(category.online),
                opened_day,
            });
            popularity.push(zipf(rank, 0.85));
        }
        self.popularity = Weights::new(popularity.iter().copied());
        self.popularity_by_country = (0..COUNTRIES.len())
            .map(|country| {
                let here: Vec<u32> =
                    (0..count as u32).filter(|&m| self.merchants[m as usize].country as usize == country).collect();
                let weights = Weights::new(here.iter().map(|&m| popularity[m as usize]));
                (here, weights)
            })
            .collect();
    }

    fn open_places(&mut self, people: usize, dice: &mut Dice) {
        for country in 0..COUNTRIES.len() as u8 {
            let here = people as f64 * COUNTRIES[country as usize].share;
            for _ in 0..2 + (here / 120.0) as usize {
                let ip = self.new_ip(country);
                self.carriers[country as usize].push(ip);
            }
            for _ in 0..2 + (here / 300.0) as usize {
                self.cash_machines[country as usize].push(self.merchants.len() as u32);
                let machine =
                    Merchant { country, category: &CASH, level: CASH.level, online: false, opened_day: i32::MIN };
                self.merchants.push(machine);
            }
            for _ in 0..1 + (here / 90.0) as usize {
                let ip = self.new_ip(country);
                self.cafes[country as usize].push(ip);
            }
            for _ in 0..(here / 250.0).ceil() as usize {
                let (device, ip) = (self.new_device(), self.new_ip(country));
                self.public_devices.push(PublicDevice { country, device, ip });
            }
        }
        // VPN exits stand where hosting is, not where people live.
        for _ in 0..6 + people / 300 {
            let country = dice.below(COUNTRIES.len()) as u8;
            let ip = self.new_ip(country);
            self.exits.push(ip);
        }
    }

    fn settle(&mut self, people: usize, days: i32, dice: &mut Dice) {
        let mut workplaces: Vec<Vec<u32>> = vec![Vec::new(); COUNTRIES.len()];
        for (country, here) in workplaces.iter_mut().enumerate() {
            let count = 1 + (people as f64 * COUNTRIES[country].share / 60.0) as usize;
            *here = (0..count).map(|_| self.new_ip(country as u8)).collect();
        }
        while self.accounts.len() < people {
            let country = self.residents.draw(dice) as u8;
            let household = self.new_household(country, dice);
            let members = [1, 1, 1, 2, 2, 2, 3, 4][dice.below(8)];
            // Most members of a household join together or long before.
            let joined =
                if dice.chance(0.25) { dice.below(days as usize) as i32 } else { -(dice.whole(1, 900) as i32) };
            for _ in 0..members {
                let joined_day =
                    if dice.chance(0.8) { joined } else { joined.saturating_add(dice.whole(0, 40) as i32) };
                let number = self.open_account(household, joined_day, dice);
                // A few offices hold hundreds, most a dozen.
                let offices = &workplaces[country as usize];
                let office = ((dice.unit().powi(2)) * offices.len() as f64) as usize;
                let workplace = dice.chance(0.5).then(|| offices[office]);
                let vpn =
                    dice.chance(0.06).then(|| (self.exits[dice.below(self.exits.len())], dice.between(0.05, 0.9)));
                let account = &mut self.accounts[number as usize];
                account.workplace = workplace;
                account.vpn = vpn;
            }
        }
    }

    fn befriend(&mut self, people: usize, dice: &mut Dice) {
        let employers: Vec<u32> = (0..1 + people / 150).map(|_| dice.below(people) as u32).collect();
        self.landlords = (0..1 + people / 120).map(|_| dice.below(people) as u32).collect();
        let known = self.accounts.len();
        for number in 0..known {
            let mut friends = Vec::new();
            for _ in 0..dice.whole(1, 6) {
                // Half of one's friends live close by in the numbering: families and neighbours know each other.
                let friend = if dice.chance(0.5) {
                    (number as i64 + dice.whole(0, 20) as i64 - 10).clamp(0, known as i64 - 1) as u32
                } else {
                    dice.below(known) as u32
                };
                if friend as usize != number {
                    friends.push(friend);
                }
            }
            let landlord = if dice.chance(0.07) { dice.pick(&self.landlords) } else { None };
            let employer = if dice.chance(0.06) { dice.pick(&employers) } else { None };
            let account = &mut self.accounts[number];
            account.friends = friends;
            account.landlord = landlord.filter(|&other| other as usize != number);
            account.employer = employer.filter(|&other| other as usize != number);
        }
    }

    /// A household with a line and perhaps a common device.
    pub(crate) fn new_household(&mut self, country: u8, dice: &mut Dice) -> u32 {
        let ip = self.new_ip(country);
        let devices = if dice.chance(0.4) { vec![self.new_device()] } else { Vec::new() };
        self.households.push(Household { country, ips: vec![ip], devices });
        (self.households.len() - 1) as u32
    }

    /// An ordinary account in a household. It lives an ordinary life until it leaves.
    pub(crate) fn open_account(&mut self, household: u32, joined_day: i32, dice: &mut Dice) -> u32 {
        let country = self.households[household as usize].country;
        let mut devices = vec![self.new_device()];
        if dice.chance(0.25) {
            devices.push(self.new_device());
        }
        let mut favourites: Vec<u32> = (0..dice.whole(3, 12)).map(|_| self.merchant_for(country, dice)).collect();
        favourites.dedup();
        let subscriptions = (0..dice.poisson(0.2))
            .map(|_| {
                let merchant = self.merchant_for(country, dice);
                let euros = [4.99, 7.99, 9.99, 12.99, 17.99, 25.0, 49.9][dice.below(7)];
                (merchant, euros, dice.whole(1, 28) as u8)
            })
            .collect();
        let number = self.accounts.len() as u32;
        let friends = (0..dice.whole(0, 3))
            .map(|_| dice.below(number as usize + 1) as u32)
            .filter(|&other| other != number)
            .collect();
        self.accounts.push(Account {
            country,
            scale: dice.log_normal(1.0, 0.45),
            // Heavy tail: the busiest pay fifty times as often as the median.
            weight: dice.log_normal(1.0, 0.95).min(50.0),
            rhythm: dice.below(self.rhythms.len()),
            household,
            devices,
            workplace: None,
            vpn: None,
            favourites,
            friends,
            landlord: None,
            employer: None,
            subscriptions,
            joined_day,
            left_day: STAYS,
            trip: None,
        });
        number
    }

    pub(crate) fn new_device(&mut self) -> u32 {
        self.devices += 1;
        self.devices - 1
    }

    pub(crate) fn new_ip(&mut self, country: u8) -> u32 {
        self.ips.push(country);
        (self.ips.len() - 1) as u32
    }

    /// A country drawn like an account's.
    pub(crate) fn some_country(&self, dice: &mut Dice) -> u8 {
        self.residents.draw(dice) as u8
    }

    /// A merchant that somebody of that country would pay: mostly at home, by popularity.
    pub(crate) fn merchant_for(&self, country: u8, dice: &mut Dice) -> u32 {
        let (here, weights) = &self.popularity_by_country[country as usize];
        if here.is_empty() || dice.chance(0.25) {
            return self.popularity.draw(dice) as u32;
        }
        here[weights.draw(dice)]
    }

    /// Whether the account is a customer on that day.
    pub(crate) fn is_customer(&self, account: u32, day: i32) -> bool {
        let account = &self.accounts[account as usize];
        account.joined_day <= day && day < account.left_day
    }

    /// A customer of that day, each as likely as any; the first account where nobody was found.
    pub(crate) fn some_customer(&self, day: i32, dice: &mut Dice) -> u32 {
        for _ in 0..50 {
            let account = dice.below(self.accounts.len()) as u32;
            if self.is_customer(account, day) {
                return account;
            }
        }
        0
    }

    /// A moment of that day by the account's rhythm.
    pub(crate) fn moment(&self, account: u32, start_ms: i64, day: i32, dice: &mut Dice) -> i64 {
        let account = &self.accounts[account as usize];
        let hour = self.rhythms[account.rhythm].draw(dice) as i64;
        at_hour(start_ms, day, hour, COUNTRIES[account.country as usize].ahead, dice)
    }
}

/// A random moment within a local hour of a day (that day in UTC, so that the hour wraps around).
pub(crate) fn at_hour(start_ms: i64, day: i32, local_hour: i64, ahead: i64, dice: &mut Dice) -> i64 {
    let hour = (local_hour - ahead).rem_euclid(24);
    start_ms + i64::from(day) * DAY_MS + hour * 3_600_000 + dice.below(3_600_000) as i64
}

/// Hours of the day in which people pay: early birds, office workers, evening people, night owls.
fn rhythms() -> Vec<Weights> {
    let bell = |hour: f64, centre: f64, width: f64| {
        let distance = (hour - centre).abs().min(24.0 - (hour - centre).abs());
        (-(distance / width).powi(2) / 2.0).exp()
    };
    [(9.0, 16.0, 0.7), (12.5, 19.0, 0.8), (14.0, 20.5, 1.2), (17.0, 23.5, 1.5)]
        .into_iter()
        .map(|(first, second, share)| {
            Weights::new((0..24).map(move |hour| {
                let hour = f64::from(hour);
                0.04 + bell(hour, first, 2.5) + share * bell(hour, second, 2.6)
            }))
        })
        .collect()
}
