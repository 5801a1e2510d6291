//! Proxy cluster: stolen accounts used through a few proxies, each behind a made-up device, at merchants and amounts of habit. Only the
//! shared addresses tie them together, and honest people use some of those too.

use super::campaign::Campaign;
use super::gang::some_proxy;
use crate::simulate::life::transfer_amount;

pub(crate) fn run(campaign: &mut Campaign) {
    let victims = campaign.size(7.0, 3, 26);
    let country = campaign.gang.country;
    let mut proxies = Vec::new();
    for _ in 0..1 + victims / campaign.dice.whole(3, 6) {
        let proxy = match campaign.dice.pick(&campaign.gang.proxies) {
            Some(known) if campaign.dice.chance(0.75) => known,
            _ => some_proxy(campaign.world, country, campaign.dice),
        };
        proxies.push(proxy);
    }
    let span_days = campaign.dice.log_between(0.3, 10.0);
    for _ in 0..victims {
        let victim = campaign.victim();
        let report = campaign.report();
        let device = if campaign.dice.chance(0.12) { campaign.device() } else { campaign.world.new_device() };
        let mut ip = campaign.dice.pick(&proxies).unwrap_or(0);
        let days = campaign.dice.unit() * span_days;
        let mut at_ms = campaign.moment(victim, days);
        let pace_hours = campaign.dice.log_between(0.05, 24.0);
        for _ in 0..campaign.dice.whole(1, 3) {
            let factor = campaign.dice.log_normal(1.05, 0.35);
            let draft = if campaign.dice.chance(0.15) {
                let mule = campaign.mule();
                let euros = transfer_amount(campaign.world.accounts[victim as usize].scale, campaign.dice) * factor;
                campaign.transfer(victim, mule, device, ip, at_ms, euros)
            } else {
                let outlet = campaign.outlet();
                campaign.purchase(victim, outlet, device, ip, at_ms, factor)
            };
            campaign.book(draft, report);
            at_ms = campaign.after(at_ms, pace_hours);
            if campaign.dice.chance(0.3) {
                ip = campaign.dice.pick(&proxies).unwrap_or(ip);
            }
        }
    }
}
