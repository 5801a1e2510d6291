//! Mule network: victims, talked into it or taken over, send money to mule accounts; within hours it goes on to the next account or
//! out as cash.

use super::campaign::Campaign;
use crate::simulate::life::{self, place, transfer_amount};

pub(crate) fn run(campaign: &mut Campaign) {
    let victims = campaign.size(6.0, 3, 20);
    let mules: Vec<u32> = (0..1 + victims / 6).map(|_| campaign.mule()).collect();
    let span_days = campaign.dice.log_between(0.3, 9.0);
    let mut received: Vec<(u32, i64, f64)> = Vec::new();
    for _ in 0..victims {
        let victim = campaign.victim();
        let mule = campaign.dice.pick(&mules).unwrap_or(0);
        let report = campaign.report();
        // Whoever is talked into it pays from the own device; nothing about the device is new.
        let talked = campaign.dice.chance(0.65);
        let days = campaign.dice.unit() * span_days;
        let mut at_ms = campaign.moment(victim, days);
        for _ in 0..campaign.dice.whole(1, 2) {
            let day = campaign.day_of(at_ms);
            let (device, ip) = if talked {
                place(campaign.world, victim, at_ms, day, campaign.dice)
            } else {
                (campaign.device(), campaign.ip_for(victim))
            };
            let factor = campaign.dice.log_normal(2.2, 0.5);
            let euros = transfer_amount(campaign.world.accounts[victim as usize].scale, campaign.dice) * factor;
            let draft = campaign.transfer(victim, mule, device, ip, at_ms, euros);
            received.push((mule, at_ms, euros));
            campaign.book(draft, report);
            at_ms = campaign.after(at_ms, 20.0);
        }
    }
    pass_on(campaign, received);
}

/// Each mule passes on what has gathered, every few receipts.
fn pass_on(campaign: &mut Campaign, mut received: Vec<(u32, i64, f64)>) {
    received.sort_by_key(|&(mule, at_ms, _)| (mule, at_ms));
    let operated = campaign.dice.chance(0.55);
    let mut gathered = 0.0;
    for index in 0..received.len() {
        let (mule, at_ms, euros) = received[index];
        gathered += euros;
        let last = received.get(index + 1).is_none_or(|next| next.0 != mule);
        if !last && campaign.dice.chance(0.6) {
            continue;
        }
        let at_ms = campaign.after(at_ms, 5.0);
        let report = campaign.report();
        let amount = gathered * campaign.dice.between(0.7, 0.98);
        gathered = 0.0;
        if campaign.dice.chance(0.2) {
            let cash = (amount / 20.0).round().clamp(1.0, 30.0) * 20.0;
            let day = campaign.day_of(at_ms);
            let draft = life::cash(campaign.world, mule, at_ms, day, cash, campaign.dice);
            campaign.book(draft, report);
            continue;
        }
        let day = campaign.day_of(at_ms);
        let (device, ip) = if operated {
            (campaign.device(), campaign.ip_for(mule))
        } else {
            place(campaign.world, mule, at_ms, day, campaign.dice)
        };
        let next = campaign.mule();
        let draft = campaign.transfer(mule, next, device, ip, at_ms, amount);
        campaign.book(draft, report);
    }
}
