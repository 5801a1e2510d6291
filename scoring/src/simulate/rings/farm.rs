//! Device farm: accounts opened over a handful of devices and rotating addresses. They live ordinary lives for days or weeks, by the
//! same code as everyone (those payments are honest and labelled so), then run up what they can.

use super::campaign::Campaign;
use super::gang::some_ip;
use crate::simulate::life::transfer_amount;

pub(crate) fn run(campaign: &mut Campaign) {
    let accounts = campaign.size(7.0, 3, 26);
    let country = campaign.gang.country;
    let devices: Vec<u32> = (0..1 + accounts / campaign.dice.whole(2, 5)).map(|_| campaign.device()).collect();
    let ips: Vec<u32> =
        (0..campaign.dice.whole(3, 12)).map(|_| some_ip(campaign.world, country, campaign.dice)).collect();
    let ageing_days = campaign.dice.whole(6, 24) as i32;
    let span_days = campaign.dice.log_between(0.5, 6.0);
    for _ in 0..accounts {
        let household = campaign.world.new_household(country, campaign.dice);
        let lines = (0..campaign.dice.whole(1, 4)).filter_map(|_| campaign.dice.pick(&ips)).collect();
        campaign.world.households[household as usize].ips = lines;
        let joined_day = campaign.day + campaign.dice.below(1 + ageing_days as usize / 2) as i32;
        let account = campaign.world.open_account(household, joined_day, campaign.dice);
        let used: Vec<u32> = (0..campaign.dice.whole(1, 2)).filter_map(|_| campaign.dice.pick(&devices)).collect();
        let bust_days = f64::from(ageing_days) + campaign.dice.unit() * span_days;
        let member = &mut campaign.world.accounts[account as usize];
        member.devices.clone_from(&used);
        member.left_day = campaign.day + bust_days as i32 + campaign.dice.whole(1, 10) as i32;
        // Some are never used, or caught before.
        if campaign.dice.chance(0.12) {
            continue;
        }
        let report = campaign.report();
        let mut at_ms = campaign.moment(account, bust_days);
        let pace_hours = campaign.dice.log_between(0.1, 20.0);
        for _ in 0..campaign.dice.whole(1, 3) {
            let device = campaign.dice.pick(&used).unwrap_or(0);
            let ip = campaign.dice.pick(&ips).unwrap_or(0);
            let factor = campaign.dice.log_normal(1.25, 0.4);
            let draft = if campaign.dice.chance(0.2) {
                let mule = campaign.mule();
                let euros = transfer_amount(1.0, campaign.dice) * factor;
                campaign.transfer(account, mule, device, ip, at_ms, euros)
            } else {
                let outlet = campaign.outlet();
                campaign.purchase(account, outlet, device, ip, at_ms, factor)
            };
            campaign.book(draft, report);
            at_ms = campaign.after(at_ms, pace_hours);
        }
    }
}
