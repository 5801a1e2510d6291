//! What a gang owns: devices, addresses, proxies, mules, outlets, merchants in its pay. All of it ages and is replaced bit by bit
//! over weeks, so that today's campaign shares something with last week's.

use crate::simulate::population::World;
use crate::simulate::sampling::Dice;

pub(crate) struct Gang {
    /// Where most of its victims live.
    pub(crate) country: u8,
    pub(crate) devices: Vec<u32>,
    pub(crate) ips: Vec<u32>,
    pub(crate) proxies: Vec<u32>,
    pub(crate) mules: Vec<u32>,
    /// Merchants whose goods it sells on.
    pub(crate) outlets: Vec<u32>,
    /// Merchants in its pay.
    pub(crate) shops: Vec<u32>,
    /// Accounts it holds the keys of.
    pub(crate) victims: Vec<u32>,
}

impl Gang {
    pub(crate) fn form(world: &mut World, day: i32, dice: &mut Dice) -> Gang {
        let mut gang = Gang {
            country: world.some_country(dice),
            devices: Vec::new(),
            ips: Vec::new(),
            proxies: Vec::new(),
            mules: Vec::new(),
            outlets: Vec::new(),
            shops: Vec::new(),
            victims: Vec::new(),
        };
        for _ in 0..dice.whole(4, 10) {
            let device = some_device(world, dice);
            gang.devices.push(device);
        }
        for _ in 0..dice.whole(5, 12) {
            let ip = some_ip(world, gang.country, dice);
            gang.ips.push(ip);
        }
        for _ in 0..dice.whole(6, 14) {
            let ip = some_proxy(world, gang.country, dice);
            gang.proxies.push(ip);
        }
        for _ in 0..dice.whole(4, 7) {
            let outlet = resale_outlet(world, gang.country, day, dice);
            gang.outlets.push(outlet);
        }
        gang
    }

    /// One day on: each thing is replaced or given up with a small probability.
    pub(crate) fn live_on(&mut self, world: &mut World, day: i32, dice: &mut Dice) {
        for index in 0..self.devices.len() {
            if dice.chance(1.0 / 18.0) {
                let old = std::mem::replace(&mut self.devices[index], some_device(world, dice));
                // Burnt devices are sold to honest people.
                if dice.chance(0.5) {
                    world.second_hand.push(old);
                }
            }
        }
        for index in 0..self.ips.len() {
            if dice.chance(1.0 / 12.0) {
                self.ips[index] = some_ip(world, self.country, dice);
            }
        }
        for index in 0..self.proxies.len() {
            if dice.chance(1.0 / 15.0) {
                self.proxies[index] = some_proxy(world, self.country, dice);
            }
        }
        for index in 0..self.outlets.len() {
            if dice.chance(1.0 / 25.0) {
                self.outlets[index] = resale_outlet(world, self.country, day, dice);
            }
        }
        if dice.chance(1.0 / 8.0) {
            dice.take(&mut self.mules);
        }
        if dice.chance(1.0 / 40.0) {
            dice.take(&mut self.shops);
        }
        if dice.chance(1.0 / 120.0) {
            self.country = world.some_country(dice);
        }
        while self.victims.len() > 40 {
            dice.take(&mut self.victims);
        }
    }

    /// A device of the gang, now and then one just bought.
    pub(crate) fn device(&mut self, world: &mut World, dice: &mut Dice) -> u32 {
        if dice.chance(0.25) {
            return some_device(world, dice);
        }
        dice.pick(&self.devices).unwrap_or_else(|| world.new_device())
    }

    /// An address of the gang, mostly one that looks at home in that country.
    pub(crate) fn ip_near(&mut self, country: u8, world: &mut World, dice: &mut Dice) -> u32 {
        let near = dice.chance(0.7);
        let known: Vec<u32> =
            self.ips.iter().copied().filter(|&ip| !near || world.ips[ip as usize] == country).collect();
        if let Some(ip) = dice.pick(&known) {
            return ip;
        }
        let ip = some_ip(world, country, dice);
        match self.ips.first_mut() {
            Some(slot) => *slot = ip,
            None => self.ips.push(ip),
        }
        ip
    }

    /// An honest account it holds the keys of; sometimes one it used before.
    pub(crate) fn victim(&mut self, world: &World, day: i32, dice: &mut Dice) -> u32 {
        if dice.chance(0.12)
            && let Some(known) = dice.pick(&self.victims)
            && world.is_customer(known, day)
        {
            return known;
        }
        let mut found = world.some_customer(day, dice);
        for _ in 0..8 {
            if world.accounts[found as usize].country == self.country || dice.chance(0.12) {
                break;
            }
            found = world.some_customer(day, dice);
        }
        self.victims.push(found);
        found
    }

    /// An account that takes money in and passes it on: recruited, or opened for it some weeks ago.
    pub(crate) fn mule(&mut self, world: &mut World, day: i32, dice: &mut Dice) -> u32 {
        if dice.chance(0.65)
            && let Some(known) = dice.pick(&self.mules)
            && world.is_customer(known, day)
        {
            return known;
        }
        let mule = if dice.chance(0.5) {
            world.some_customer(day, dice)
        } else {
            let household = world.new_household(self.country, dice);
            let mule = world.open_account(household, day - dice.whole(3, 40) as i32, dice);
            if dice.chance(0.6) {
                let device = self.device(world, dice);
                world.accounts[mule as usize].devices[0] = device;
            }
            mule
        };
        self.mules.push(mule);
        mule
    }

    /// Where it turns keys into goods: an outlet it knows, or any merchant.
    pub(crate) fn outlet(&mut self, world: &World, day: i32, dice: &mut Dice) -> u32 {
        match dice.pick(&self.outlets) {
            Some(outlet) if dice.chance(0.55) => outlet,
            _ => online_merchant(world, self.country, day, dice),
        }
    }
}

/// A device: bought used, or a new number (new or spoofed).
pub(crate) fn some_device(world: &mut World, dice: &mut Dice) -> u32 {
    let used = if dice.chance(0.3) { dice.take(&mut world.second_hand) } else { None };
    used.unwrap_or_else(|| world.new_device())
}

/// An address in that country: mobile, café, somebody's home, given back by somebody, or rented for the purpose.
pub(crate) fn some_ip(world: &mut World, country: u8, dice: &mut Dice) -> u32 {
    let c = country as usize;
    let shared = match dice.unit() {
        u if u < 0.30 => dice.pick(&world.carriers[c]),
        u if u < 0.42 => dice.pick(&world.cafes[c]),
        u if u < 0.58 => infected_home(world, country, dice),
        u if u < 0.72 => dice.pick(&world.released_ips[c]),
        _ => None,
    };
    shared.unwrap_or_else(|| world.new_ip(country))
}

/// A proxy: a VPN's exit, an infected home, or a rented address; mostly where the victims are.
pub(crate) fn some_proxy(world: &mut World, country: u8, dice: &mut Dice) -> u32 {
    let near = if dice.chance(0.6) { country } else { world.some_country(dice) };
    let shared = match dice.unit() {
        u if u < 0.3 => dice.pick(&world.exits),
        u if u < 0.65 => infected_home(world, near, dice),
        _ => None,
    };
    shared.unwrap_or_else(|| world.new_ip(near))
}

fn infected_home(world: &World, country: u8, dice: &mut Dice) -> Option<u32> {
    for _ in 0..20 {
        let household = &world.households[dice.below(world.households.len())];
        if household.country == country {
            return household.ips.first().copied();
        }
    }
    None
}

/// A merchant that sells online and was open on that day.
pub(crate) fn online_merchant(world: &World, country: u8, day: i32, dice: &mut Dice) -> u32 {
    let mut merchant = world.merchant_for(country, dice);
    for _ in 0..12 {
        let shop = &world.merchants[merchant as usize];
        if shop.online && shop.opened_day <= day {
            break;
        }
        merchant = world.merchant_for(country, dice);
    }
    merchant
}

/// An online merchant, the likelier the better its goods sell on.
fn resale_outlet(world: &World, country: u8, day: i32, dice: &mut Dice) -> u32 {
    let mut merchant = online_merchant(world, country, day, dice);
    for _ in 0..6 {
        if dice.chance(world.merchants[merchant as usize].category.resale / 3.0) {
            break;
        }
        merchant = online_merchant(world, country, day, dice);
    }
    merchant
}
