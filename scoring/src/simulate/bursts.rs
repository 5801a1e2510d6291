//! Honest life that looks like fraud: sales where everyone pays one merchant at once, money pots that gather and pass on, doors
//! where one tablet books small amounts of many cards, clubs that sign up their members on one device.

use fraudnet_graph::Channel;

use super::config::DAY_MS;
use super::draft::{Agenda, Draft};
use super::life::{Customers, place, purchase_at, small_authorisation, transfer_amount};
use super::population::{PublicDevice, World};
use super::sampling::Dice;

/// Plans the bursts that begin that day. `volume` is payments a day in thousands.
pub(crate) fn plan(
    world: &mut World,
    customers: &Customers,
    day: i32,
    volume: f64,
    dice: &mut Dice,
    agenda: &mut Agenda,
) {
    for _ in 0..dice.poisson(0.12 * volume.sqrt()) {
        flash_sale(world, customers, day, volume, dice, agenda);
    }
    for _ in 0..dice.poisson(0.22 * volume) {
        money_pot(world, customers, day, dice, agenda);
    }
    for _ in 0..dice.poisson(0.09 * volume) {
        door(world, day, dice, agenda);
    }
    for _ in 0..dice.poisson(0.03 * volume) {
        sign_up(world, day, dice);
    }
}

/// Tickets go on sale, or a discount ends: one merchant, a few hours, much the same price.
fn flash_sale(world: &World, customers: &Customers, day: i32, volume: f64, dice: &mut Dice, agenda: &mut Agenda) {
    let country = world.some_country(dice);
    let merchant = world.merchant_for(country, dice);
    if !world.merchants[merchant as usize].online || world.merchants[merchant as usize].opened_day > day {
        return;
    }
    let begins = agenda.start_ms + i64::from(day) * DAY_MS + dice.whole(7, 19) as i64 * 3_600_000;
    let usual = world.merchants[merchant as usize].level * dice.between(0.5, 1.6);
    for _ in 0..dice.whole(12, 45 + (volume * 10.0) as usize) {
        let Some(buyer) = customers.draw(dice) else { return };
        let at_ms = begins + (dice.exponential(50.0) * 60_000.0) as i64;
        let mut draft = purchase_at(world, buyer, merchant, at_ms, day, dice);
        draft.euros = usual * dice.whole(1, 3) as f64;
        agenda.add(draft);
    }
}

/// A present, a holiday, a charity: many send to one account, which pays on.
fn money_pot(world: &World, customers: &Customers, day: i32, dice: &mut Dice, agenda: &mut Agenda) {
    let holder = world.some_customer(day, dice);
    let begins = world.moment(holder, agenda.start_ms, day, dice);
    let spread_h = dice.log_between(3.0, 70.0);
    let stake = transfer_amount(1.0, dice).clamp(10.0, 400.0);
    let friends = world.accounts[holder as usize].friends.clone();
    let (mut total, mut last) = (0.0, begins);
    for _ in 0..dice.whole(4, 16) {
        let giver = match dice.pick(&friends) {
            Some(friend) if dice.chance(0.35) && world.is_customer(friend, day) => friend,
            _ => customers.draw(dice).unwrap_or(holder),
        };
        if giver == holder {
            continue;
        }
        let at_ms = begins + (dice.unit() * spread_h * 3_600_000.0) as i64;
        let mut draft = Draft::of(giver, at_ms, stake * dice.log_normal(1.0, 0.3), Channel::Transfer);
        let (device, ip) = place(world, giver, at_ms, day, dice);
        draft.device = Some(device);
        draft.ip = Some(ip);
        draft.counterparty = Some(holder);
        draft.odd = true;
        (total, last) = (total + draft.euros, last.max(at_ms));
        agenda.add(draft);
    }
    if dice.chance(0.75) {
        let at_ms = last + (dice.log_between(0.3, 48.0) * 3_600_000.0) as i64;
        let (device, ip) = place(world, holder, at_ms, day, dice);
        let mut draft = Draft::of(holder, at_ms, total * dice.between(0.6, 1.0), Channel::Transfer);
        draft.device = Some(device);
        draft.ip = Some(ip);
        if dice.chance(0.5) {
            draft.counterparty = Some(world.some_customer(day, dice)).filter(|&other| other != holder);
        } else {
            let merchant = world.merchant_for(world.accounts[holder as usize].country, dice);
            draft.merchant = Some(merchant);
            draft.channel = Channel::Ecommerce;
        }
        draft.odd = true;
        agenda.add(draft);
    }
}

/// A club's door, a fair's stand, a rental desk: one device and address, many cards, small amounts.
fn door(world: &mut World, day: i32, dice: &mut Dice, agenda: &mut Agenda) {
    let country = world.some_country(dice);
    let mut merchant = world.merchant_for(country, dice);
    for _ in 0..20 {
        let shop = &world.merchants[merchant as usize];
        if shop.category.small_first && shop.opened_day <= day {
            break;
        }
        merchant = world.merchant_for(country, dice);
    }
    let ip = match dice.pick(&world.carriers[country as usize]) {
        Some(carrier) if dice.chance(0.5) => carrier,
        _ => world.new_ip(country),
    };
    let device = dice.take(&mut world.second_hand).unwrap_or_else(|| world.new_device());
    let begins = agenda.start_ms + i64::from(day) * DAY_MS + dice.whole(8, 20) as i64 * 3_600_000;
    let spread_h = dice.log_between(0.5, 30.0);
    for _ in 0..dice.whole(6, 22) {
        let visitor = world.some_customer(day, dice);
        let at_ms = begins + (dice.unit() * spread_h * 3_600_000.0) as i64;
        let euros = if dice.chance(0.7) { small_authorisation(dice) } else { dice.log_normal(18.0, 0.7) };
        let mut draft = Draft::of(visitor, at_ms, euros, Channel::Ecommerce);
        draft.merchant = Some(merchant);
        draft.device = Some(device);
        draft.ip = Some(ip);
        draft.odd = true;
        agenda.add(draft);
    }
}

/// A school, a club or a shop signs up new customers on its own device; they keep using it for a while.
fn sign_up(world: &mut World, day: i32, dice: &mut Dice) {
    let country = world.some_country(dice);
    let (device, ip) = (world.new_device(), world.new_ip(country));
    world.public_devices.push(PublicDevice { country, device, ip });
    for _ in 0..dice.whole(4, 16) {
        let household = world.new_household(country, dice);
        let joined_day = day + dice.whole(0, 6) as i32;
        let account = world.open_account(household, joined_day, dice);
        let devices = &mut world.accounts[account as usize].devices;
        if dice.chance(0.6) {
            devices.insert(usize::from(dice.chance(0.5)), device);
        }
        if dice.chance(0.4) {
            world.households[household as usize].ips.push(ip);
        }
    }
}
