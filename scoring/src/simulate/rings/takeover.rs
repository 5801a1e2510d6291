//! Account takeover: honest accounts used from the gang's devices and addresses, towards its mules and outlets, at amounts near habit.

use super::campaign::Campaign;
use super::gang::some_device;
use crate::simulate::life::transfer_amount;

pub(crate) fn run(campaign: &mut Campaign) {
    let victims = campaign.size(4.0, 1, 14);
    let span_days = campaign.dice.log_between(0.5, 12.0);
    let fresh = campaign.dice.chance(0.4);
    let mut device = campaign.device();
    for _ in 0..victims {
        let victim = campaign.victim();
        let report = campaign.report();
        // A careful gang takes a fresh device every other victim.
        if fresh && campaign.dice.chance(0.5) {
            device = some_device(campaign.world, campaign.dice);
        } else if campaign.dice.chance(0.4) {
            device = campaign.device();
        }
        let ip = campaign.ip_for(victim);
        let days = campaign.dice.unit() * span_days;
        let mut at_ms = campaign.moment(victim, days);
        let pace_hours = campaign.dice.log_between(0.05, 14.0);
        for _ in 0..campaign.dice.whole(1, 4) {
            let factor = campaign.dice.log_normal(1.15, 0.4);
            let draft = if campaign.dice.chance(0.35) {
                let mule = campaign.mule();
                let euros =
                    transfer_amount(campaign.world.accounts[victim as usize].scale, campaign.dice) * 1.5 * factor;
                campaign.transfer(victim, mule, device, ip, at_ms, euros)
            } else {
                let outlet = campaign.outlet();
                campaign.purchase(victim, outlet, device, ip, at_ms, factor)
            };
            campaign.book(draft, report);
            at_ms = campaign.after(at_ms, pace_hours);
        }
    }
}
