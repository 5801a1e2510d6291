//! An ordinary day: where people are, what they buy, whom they send money to.
//!
//! Cost: about 1 µs a payment.

use fraudnet_graph::Channel;

use super::config::DAY_MS;
use super::draft::Draft;
use super::geography::{COUNTRIES, weekday};
use super::population::World;
use super::sampling::{Dice, Weights};

/// Customers of a day by how much they pay.
pub(crate) struct Customers {
    numbers: Vec<u32>,
    weights: Weights,
}

impl Customers {
    pub(crate) fn of_day(world: &World, day: i32) -> Customers {
        let numbers: Vec<u32> =
            (0..world.accounts.len() as u32).filter(|&account| world.is_customer(account, day)).collect();
        let weights = Weights::new(numbers.iter().map(|&account| world.accounts[account as usize].weight));
        Customers { numbers, weights }
    }

    /// One of them; `None` where nobody is there yet.
    pub(crate) fn draw(&self, dice: &mut Dice) -> Option<u32> {
        self.numbers.get(self.weights.draw(dice)).copied()
    }
}

/// About `count` ordinary payments of that day.
pub(crate) fn ordinary_day(
    world: &World,
    customers: &Customers,
    start_ms: i64,
    day: i32,
    count: usize,
    dice: &mut Dice,
    out: &mut Vec<Draft>,
) {
    let end = out.len() + count;
    while out.len() < end {
        let Some(account) = customers.draw(dice) else { return };
        let at_ms = world.moment(account, start_ms, day, dice);
        let draft = match dice.unit() {
            u if u < 0.10 => transfer(world, account, at_ms, day, dice),
            u if u < 0.125 => {
                let euros = 20.0 * dice.whole(1, 12) as f64;
                cash(world, account, at_ms, day, euros, dice)
            }
            _ => purchase(world, account, at_ms, day, dice),
        };
        // Somebody who buys tickets, tries again or fills a basket twice pays several times within minutes.
        if draft.channel != Channel::Atm && dice.chance(0.03) {
            let mut again = draft.clone();
            for _ in 0..dice.whole(1, 4) {
                again.at_ms += (dice.exponential(180.0) * 1_000.0) as i64 + 4_000;
                if dice.chance(0.6) {
                    again.euros *= dice.log_normal(1.0, 0.4);
                }
                out.push(again.clone());
            }
        }
        out.push(draft);
    }
}

/// Somebody buys something somewhere.
pub(crate) fn purchase(world: &World, account: u32, at_ms: i64, day: i32, dice: &mut Dice) -> Draft {
    let buyer = &world.accounts[account as usize];
    let place = buyer.trip.filter(|trip| day <= trip.until_day).map_or(buyer.country, |trip| trip.country);
    let mut merchant = match dice.pick(&buyer.favourites) {
        Some(favourite) if place == buyer.country && dice.chance(0.62) => favourite,
        _ => world.merchant_for(place, dice),
    };
    if world.merchants[merchant as usize].opened_day > day {
        merchant = world.merchant_for(place, dice);
    }
    purchase_at(world, account, merchant, at_ms, day, dice)
}

/// That account buys at that merchant: online from where it is, or at the till.
pub(crate) fn purchase_at(world: &World, account: u32, merchant: u32, at_ms: i64, day: i32, dice: &mut Dice) -> Draft {
    let shop = &world.merchants[merchant as usize];
    let mut draft = Draft::of(account, at_ms, price(world, account, merchant, dice), Channel::CardPresent);
    draft.merchant = Some(merchant);
    if shop.online {
        let (device, ip) = place(world, account, at_ms, day, dice);
        draft.channel = if dice.chance(0.25) { Channel::Wallet } else { Channel::Ecommerce };
        draft.device = Some(device);
        draft.ip = Some(ip);
        return draft;
    }
    draft.at_ms = within_hours(world, merchant, at_ms, dice);
    if dice.chance(0.22) {
        // A telephone held to the till: its device is known and its mobile address.
        let country = shop.country as usize;
        draft.channel = Channel::Wallet;
        draft.device = world.accounts[account as usize].devices.first().copied();
        draft.ip = dice.pick(&world.carriers[country]);
    }
    draft
}

/// Cash out of a machine where the account's owner is.
pub(crate) fn cash(world: &World, account: u32, at_ms: i64, day: i32, euros: f64, dice: &mut Dice) -> Draft {
    let owner = &world.accounts[account as usize];
    let country = owner.trip.filter(|trip| day <= trip.until_day).map_or(owner.country, |trip| trip.country);
    let mut draft = Draft::of(account, at_ms, euros, Channel::Atm);
    draft.merchant = dice.pick(&world.cash_machines[country as usize]);
    draft
}

/// Moves a moment into the opening hours of a till, within the same day.
pub(crate) fn within_hours(world: &World, merchant: u32, at_ms: i64, dice: &mut Dice) -> i64 {
    let shop = &world.merchants[merchant as usize];
    let ahead = COUNTRIES[shop.country as usize].ahead;
    let (open, close) = shop.category.open;
    let day_ms = at_ms.div_euclid(DAY_MS) * DAY_MS;
    let local = (at_ms.rem_euclid(DAY_MS) / 3_600_000 + ahead).rem_euclid(24);
    if (open..close).contains(&local) {
        return at_ms;
    }
    let hour = (open + dice.below((close - open).max(1) as usize) as i64 - ahead).rem_euclid(24);
    day_ms + hour * 3_600_000 + dice.below(3_600_000) as i64
}

/// What that account would pay at that merchant.
pub(crate) fn price(world: &World, account: u32, merchant: u32, dice: &mut Dice) -> f64 {
    let shop = &world.merchants[merchant as usize];
    if shop.category.small_first && dice.chance(0.14) {
        return small_authorisation(dice);
    }
    shop.level * dice.log_normal(1.0, 0.6) * world.accounts[account as usize].scale.powf(0.6)
}

/// A first booking of a ride, an app, a deposit: honest or not, they look the same.
pub(crate) fn small_authorisation(dice: &mut Dice) -> f64 {
    dice.log_normal(1.7, 0.75).clamp(0.1, 9.0)
}

/// Somebody sends money: to a friend, to a stranger who sells something, to a new acquaintance.
pub(crate) fn transfer(world: &World, account: u32, at_ms: i64, day: i32, dice: &mut Dice) -> Draft {
    let sender = &world.accounts[account as usize];
    let receiver = match dice.pick(&sender.friends) {
        Some(friend) if dice.chance(0.68) => friend,
        _ => world.some_customer(day, dice),
    };
    let receiver = if receiver == account { world.some_customer(day, dice) } else { receiver };
    let mut draft = Draft::of(account, at_ms, transfer_amount(sender.scale, dice), Channel::Transfer);
    let (device, ip) = place(world, account, at_ms, day, dice);
    draft.device = Some(device);
    draft.ip = Some(ip);
    draft.counterparty = Some(receiver).filter(|&other| other != account);
    draft
}

/// What somebody of that income sends.
pub(crate) fn transfer_amount(scale: f64, dice: &mut Dice) -> f64 {
    dice.log_normal(60.0, 1.05).min(8_000.0) * scale
}

/// Device and address an account uses at a moment.
pub(crate) fn place(world: &World, account: u32, at_ms: i64, day: i32, dice: &mut Dice) -> (u32, u32) {
    let user = &world.accounts[account as usize];
    let household = &world.households[user.household as usize];
    if dice.chance(0.008) {
        // A library computer, a friend's telephone, the tablet in a shop.
        let shared: Vec<_> =
            world.public_devices.iter().filter(|public| public.country == user.country).copied().collect();
        if let Some(public) = dice.pick(&shared) {
            return (public.device, public.ip);
        }
    }
    let device = match dice.unit() {
        u if u < 0.14 => dice.pick(&household.devices),
        u if u < 0.32 => dice.pick(&user.devices),
        _ => None,
    };
    let device = device.or(user.devices.first().copied()).unwrap_or(0);
    (device, address(world, account, at_ms, day, dice))
}

/// Address an account is seen under at a moment.
pub(crate) fn address(world: &World, account: u32, at_ms: i64, day: i32, dice: &mut Dice) -> u32 {
    let user = &world.accounts[account as usize];
    let household = &world.households[user.household as usize];
    if let Some((exit, share)) = user.vpn
        && dice.chance(share)
    {
        // A VPN hands out whichever exit is free; mostly the same.
        return if dice.chance(0.75) { exit } else { dice.pick(&world.exits).unwrap_or(exit) };
    }
    if let Some(trip) = user.trip
        && day <= trip.until_day
    {
        let roaming = &world.carriers[trip.country as usize];
        return if dice.chance(0.4) { dice.pick(roaming).unwrap_or(trip.ip) } else { trip.ip };
    }
    let country = &COUNTRIES[user.country as usize];
    let local_hour = (at_ms.rem_euclid(DAY_MS) / 3_600_000 + country.ahead).rem_euclid(24);
    let working = weekday(at_ms.div_euclid(DAY_MS)) < 5 && (8..18).contains(&local_hour);
    if let Some(office) = user.workplace
        && working
        && dice.chance(0.45)
    {
        return office;
    }
    let (carriers, cafes) = (&world.carriers[user.country as usize], &world.cafes[user.country as usize]);
    let elsewhere = match dice.unit() {
        u if u < 0.30 => dice.pick(carriers),
        u if u < 0.34 => dice.pick(cafes),
        _ => None,
    };
    elsewhere.or(dice.pick(&household.ips)).unwrap_or(0)
}
