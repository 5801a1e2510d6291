//! Which entities a payment touches and which pairs of them it links: the one place that reads a [`Payment`]'s identifiers.
//!
//! A fifth kind of entity is a row in `Kind`, its rows in `RELATIONS`, and a role, a reader and the pairs here.

use crate::{EntityRef, Kind, Payment};

/// How many roles there are.
pub(crate) const ROLE_COUNT: usize = 5;
/// Kind of the entity in each role; role 0 is the paying account, the centre of the payment's sample.
pub(crate) const ROLES: [Kind; ROLE_COUNT] = [Kind::Account, Kind::Device, Kind::Ip, Kind::Merchant, Kind::Account];
/// Pairs of roles between which a payment makes an edge.
pub(crate) const PAIRS: [(usize, usize); 5] = [(0, 1), (0, 2), (0, 3), (1, 2), (0, 4)];

/// The identifier in each role. A transfer to oneself has no counterparty: it links nobody and the account takes part once.
pub(crate) fn identifiers(payment: &Payment) -> [Option<&str>; ROLE_COUNT] {
    [
        Some(payment.account.as_str()),
        payment.device.as_deref(),
        payment.ip.as_deref(),
        payment.merchant.as_deref(),
        payment.counterparty.as_deref().filter(|&other| other != payment.account),
    ]
}

/// The entities a payment touches. Those the graph has never seen are `None` before apply; so is the counterparty of a transfer to oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parties {
    /// Paying account.
    pub account: Option<EntityRef>,
    /// Device.
    pub device: Option<EntityRef>,
    /// IP address.
    pub ip: Option<EntityRef>,
    /// Merchant.
    pub merchant: Option<EntityRef>,
    /// Receiving account.
    pub counterparty: Option<EntityRef>,
}

impl Parties {
    /// By role.
    pub(crate) fn from_roles([account, device, ip, merchant, counterparty]: [Option<EntityRef>; ROLE_COUNT]) -> Self {
        Parties { account, device, ip, merchant, counterparty }
    }
}

/// When the pairs of a payment's entities were last active together before it, seconds since the epoch; `None` for a pair that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairTimes {
    /// Paying account and device.
    pub account_device: Option<u32>,
    /// Paying account and IP address.
    pub account_ip: Option<u32>,
    /// Paying account and merchant.
    pub account_merchant: Option<u32>,
    /// Device and IP address.
    pub device_ip: Option<u32>,
    /// Paying and receiving account.
    pub account_account: Option<u32>,
}

impl PairTimes {
    /// In the order of [`PAIRS`].
    pub(crate) fn from_pairs(times: [Option<u32>; PAIRS.len()]) -> Self {
        let [account_device, account_ip, account_merchant, device_ip, account_account] = times;
        PairTimes { account_device, account_ip, account_merchant, device_ip, account_account }
    }
}
