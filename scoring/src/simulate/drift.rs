//! What changes in ordinary life from day to day: devices, addresses at home, trips, habits.

use super::geography::COUNTRIES;
use super::population::{Trip, World};
use super::sampling::Dice;

/// Lives one day on. Cost: a few draws an account.
pub(crate) fn live_on(world: &mut World, day: i32, dice: &mut Dice) {
    for household in 0..world.households.len() {
        if dice.chance(1.0 / 35.0) {
            renew_line(world, household, dice);
        }
    }
    for number in 0..world.accounts.len() {
        if !world.is_customer(number as u32, day) {
            continue;
        }
        if dice.chance(1.0 / 260.0) {
            replace_device(world, number, dice);
        }
        let country = world.accounts[number].country;
        if dice.chance(1.0 / 220.0) && world.accounts[number].trip.is_none_or(|trip| trip.until_day < day) {
            let mut abroad = dice.below(COUNTRIES.len()) as u8;
            if abroad == country {
                abroad = (abroad + 1) % COUNTRIES.len() as u8;
            }
            // The hotel's address: shared with its other guests, and with cafés.
            let known = dice.pick(&world.cafes[abroad as usize]);
            let ip = known.filter(|_| dice.chance(0.6)).unwrap_or_else(|| world.new_ip(abroad));
            world.accounts[number].trip = Some(Trip { until_day: day + dice.whole(2, 14) as i32, country: abroad, ip });
        }
        if dice.chance(1.0 / 90.0) {
            let merchant = world.merchant_for(country, dice);
            if let Some(oldest) = world.accounts[number].favourites.first_mut() {
                *oldest = merchant;
            }
        }
    }
}

/// The provider gives the household another address, often one that another household had before.
fn renew_line(world: &mut World, household: usize, dice: &mut Dice) {
    let country = world.households[household].country;
    let reused = if dice.chance(0.6) { dice.take(&mut world.released_ips[country as usize]) } else { None };
    let fresh = reused.unwrap_or_else(|| world.new_ip(country));
    if let Some(line) = world.households[household].ips.first_mut() {
        let old = std::mem::replace(line, fresh);
        world.released_ips[country as usize].push(old);
    }
}

/// A new device, sometimes a used one; the old one is sometimes sold.
fn replace_device(world: &mut World, number: usize, dice: &mut Dice) {
    let used = if dice.chance(0.3) { dice.take(&mut world.second_hand) } else { None };
    let fresh = used.unwrap_or_else(|| world.new_device());
    let devices = &mut world.accounts[number].devices;
    let which = dice.below(devices.len());
    if let Some(slot) = devices.get_mut(which) {
        let old = std::mem::replace(slot, fresh);
        if dice.chance(0.5) {
            world.second_hand.push(old);
        }
    }
}
