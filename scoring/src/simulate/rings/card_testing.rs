//! Card testing: stolen cards tried in small amounts at merchants that book small amounts anyway; the good ones used days later.

use super::campaign::Campaign;
use super::gang::online_merchant;
use crate::simulate::life::small_authorisation;

pub(crate) fn run(campaign: &mut Campaign) {
    let cards = campaign.size(7.0, 3, 28);
    // Half of the testers give every card a device of its own.
    let spoofed = campaign.dice.chance(0.5);
    let devices: Vec<u32> = (0..campaign.dice.whole(1, 3)).map(|_| campaign.device()).collect();
    let first = campaign.victim();
    let ips: Vec<u32> = (0..campaign.dice.whole(1, 4)).map(|_| campaign.ip_for(first)).collect();
    let merchants: Vec<u32> = (0..campaign.dice.whole(1, 3)).map(|_| small_merchant(campaign)).collect();
    let pace_hours = campaign.dice.log_between(0.03, 4.0);
    let mut at_ms = campaign.moment(first, 0.0);
    for _ in 0..cards {
        let card = campaign.victim();
        let report = campaign.report();
        let device = if spoofed { campaign.world.new_device() } else { campaign.dice.pick(&devices).unwrap_or(0) };
        let ip = campaign.dice.pick(&ips).unwrap_or(0);
        let merchant = campaign.dice.pick(&merchants).unwrap_or(0);
        for _ in 0..campaign.dice.whole(1, 2) {
            at_ms = campaign.after(at_ms, pace_hours);
            let mut draft = campaign.purchase(card, merchant, device, ip, at_ms, 1.0);
            draft.euros = small_authorisation(campaign.dice);
            campaign.book(draft, report);
        }
        if campaign.dice.chance(0.4) {
            let days = campaign.dice.log_between(0.1, 6.0);
            let later_ms = campaign.after(at_ms, days * 24.0);
            let device = if campaign.dice.chance(0.5) { device } else { campaign.device() };
            let ip = if campaign.dice.chance(0.4) { ip } else { campaign.ip_for(card) };
            let outlet = campaign.outlet();
            let factor = campaign.dice.log_normal(1.2, 0.4);
            let draft = campaign.purchase(card, outlet, device, ip, later_ms, factor);
            campaign.book(draft, report);
        }
    }
}

fn small_merchant(campaign: &mut Campaign) -> u32 {
    let mut merchant = online_merchant(campaign.world, campaign.gang.country, campaign.day, campaign.dice);
    for _ in 0..12 {
        if campaign.world.merchants[merchant as usize].category.small_first {
            break;
        }
        merchant = online_merchant(campaign.world, campaign.gang.country, campaign.day, campaign.dice);
    }
    merchant
}
