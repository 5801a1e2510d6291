//! Collusive merchant: a merchant with honest trade also books payments of accounts the gang controls or has the keys of, at its
//! usual prices and hours, over weeks.

use fraudnet_graph::Channel;

use super::campaign::Campaign;
use crate::simulate::life::{place, within_hours};

pub(crate) fn run(campaign: &mut Campaign) {
    let shop = shop_of(campaign);
    let payers = campaign.size(7.0, 4, 22);
    let span_days = campaign.dice.log_between(4.0, 28.0);
    let till = campaign.dice.chance(0.35);
    for _ in 0..payers {
        let controlled = campaign.dice.chance(0.45);
        let payer = if controlled { campaign.mule() } else { campaign.victim() };
        let report = campaign.report();
        for _ in 0..campaign.dice.whole(1, 3) {
            let days = campaign.dice.unit() * span_days;
            let at_ms = campaign.moment(payer, days);
            let day = campaign.day_of(at_ms);
            let (device, ip) = match campaign.dice.unit() {
                // Controlled accounts pay from where they always do; others from the gang's machines or made-up ones.
                u if u < 0.3 => place(campaign.world, payer, at_ms, day, campaign.dice),
                u if u < 0.7 => (campaign.device(), campaign.ip_for(payer)),
                _ => (campaign.world.new_device(), campaign.ip_for(payer)),
            };
            let factor = campaign.dice.log_normal(1.1, 0.35);
            let mut draft = campaign.purchase(payer, shop, device, ip, at_ms, factor);
            if till || !campaign.world.merchants[shop as usize].online {
                draft.at_ms = within_hours(campaign.world, shop, at_ms, campaign.dice);
                if campaign.dice.chance(0.7) {
                    draft.channel = Channel::CardPresent;
                    draft.device = None;
                    draft.ip = None;
                }
            }
            campaign.book(draft, report);
        }
    }
}

/// A merchant in the gang's pay: known, or an ordinary one of middling trade won over now.
fn shop_of(campaign: &mut Campaign) -> u32 {
    if campaign.dice.chance(0.55)
        && let Some(known) = campaign.dice.pick(&campaign.gang.shops)
    {
        return known;
    }
    let count = campaign.world.merchants.len();
    let mut shop = 0;
    for _ in 0..30 {
        shop = campaign.dice.whole(count / 20, count / 2) as u32;
        let merchant = &campaign.world.merchants[shop as usize];
        if merchant.opened_day <= campaign.day && (15.0..250.0).contains(&merchant.level) {
            break;
        }
    }
    campaign.gang.shops.push(shop);
    shop
}
