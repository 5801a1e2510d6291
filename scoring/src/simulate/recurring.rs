//! What comes every month: wages (one sender, many receivers), rent (many senders, one receiver), subscriptions.

use fraudnet_graph::Channel;

use super::draft::Draft;
use super::geography::day_and_month;
use super::life::{Customers, address};
use super::population::World;
use super::sampling::Dice;

/// What falls due that day. At most `most` payments, so that a small simulation keeps its daily count.
pub(crate) fn due(
    world: &World,
    customers: &Customers,
    start_ms: i64,
    day: i32,
    most: usize,
    dice: &mut Dice,
    out: &mut Vec<Draft>,
) {
    let epoch_day = start_ms.div_euclid(super::config::DAY_MS) + i64::from(day);
    let (month_day, _) = day_and_month(epoch_day);
    let mut due = Vec::new();
    for number in 0..world.accounts.len() as u32 {
        if !world.is_customer(number, day) {
            continue;
        }
        let account = &world.accounts[number as usize];
        for &(merchant, euros, on) in &account.subscriptions {
            if on == month_day && world.merchants[merchant as usize].opened_day <= day {
                let mut draft = Draft::of(number, world.moment(number, start_ms, day, dice), euros, Channel::Ecommerce);
                draft.merchant = Some(merchant);
                draft.exact = true;
                due.push(draft);
            }
        }
        // Rent falls in the first five days, everyone on their own day; wages in the last third.
        if let Some(landlord) = account.landlord
            && month_day == 1 + (number % 5) as u8
        {
            let at_ms = world.moment(number, start_ms, day, dice);
            let mut draft = Draft::of(number, at_ms, (520.0 * account.scale / 10.0).round() * 10.0, Channel::Transfer);
            draft.device = account.devices.first().copied();
            draft.ip = Some(address(world, number, at_ms, day, dice));
            draft.counterparty = Some(landlord);
            draft.exact = true;
            due.push(draft);
        }
        if let Some(employer) = account.employer
            && month_day == 25 + (employer % 4) as u8
        {
            let boss = &world.accounts[employer as usize];
            let at_ms = world.moment(employer, start_ms, day, dice);
            let mut draft =
                Draft::of(employer, at_ms, 1_650.0 * account.scale * dice.log_normal(1.0, 0.05), Channel::Transfer);
            draft.device = boss.devices.first().copied();
            draft.ip = boss.workplace.or(world.households[boss.household as usize].ips.first().copied());
            draft.counterparty = Some(number);
            draft.exact = true;
            due.push(draft);
        }
    }
    while due.len() > most {
        dice.take(&mut due);
    }
    out.append(&mut due);
    // Sellers on market places: one account receives from many strangers in a day, every day.
    if let Some(seller) = customers.draw(dice) {
        for _ in 0..dice.poisson(most as f64 * 0.008).min(30) {
            let Some(buyer) = customers.draw(dice) else { break };
            let at_ms = world.moment(buyer, start_ms, day, dice);
            let mut draft = super::life::transfer(world, buyer, at_ms, day, dice);
            draft.counterparty = Some(seller).filter(|&other| other != buyer);
            out.push(draft);
        }
    }
}
