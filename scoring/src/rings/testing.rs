//! Stories for tests: payments in a few words.

use super::*;
use fraudnet_graph::{Channel, Kind, Payment};

pub(super) const DAY_S: u32 = 86_400;
/// A Monday at midnight, UTC.
pub(super) const START_S: u32 = 1_704_067_200;

/// What happens, told to the rings as it would stand in the log.
#[derive(Clone)]
pub(super) struct Story {
    pub(super) rings: Rings,
    pub(super) tenant: String,
    pub(super) at_s: u32,
    /// Since when accounts that pay are known.
    pub(super) known_since_s: u32,
    pub(super) position: u64,
}

/// A case in its first version.
pub(super) fn open_case(case_id: &str) -> OpenCase {
    OpenCase { case_id: case_id.to_owned(), version: 1 }
}

impl Story {
    pub(super) fn new() -> Story {
        let rings = Rings::new(RingSettings::default());
        Story { rings, tenant: "bank".to_owned(), at_s: START_S, known_since_s: 0, position: 0 }
    }

    /// Somebody pays: `account device ip`, `-` for none, then `>receiver`, `@merchant`, an amount in whole units. Its transaction id.
    pub(super) fn pay(&mut self, words: &str) -> String {
        let transaction_id = format!("t{}", self.position);
        let payment = payment(&transaction_id, words);
        let told =
            RingPayment { tenant: &self.tenant, at_s: self.at_s, known_since_s: self.known_since_s, payment: &payment };
        self.rings.payment(self.position, told);
        self.position += 1;
        transaction_id
    }

    /// Somebody pays, and it is reported at once.
    pub(super) fn fraud(&mut self, words: &str) -> String {
        let transaction_id = self.pay(words);
        self.label(&transaction_id, true);
        transaction_id
    }

    pub(super) fn label(&mut self, transaction_id: &str, fraud: bool) {
        self.rings.label(self.position, &self.tenant, transaction_id, fraud, self.at_s);
        self.position += 1;
    }

    pub(super) fn verdict(&mut self, transaction_id: &str, fraud_probability: f64, is_held: bool) {
        let told = RingVerdict { tenant: &self.tenant, transaction_id, fraud_probability, is_held };
        self.rings.verdict(self.position, told);
        self.position += 1;
    }

    pub(super) fn days_pass(&mut self, days: u32) {
        self.at_s += days * DAY_S;
    }

    /// Members of each ring by rank: accounts, then what ties them.
    pub(super) fn told(&self) -> Vec<String> {
        let rings = self.rings.list(&self.tenant, usize::MAX);
        rings.iter().map(|ring| self.members(&ring.ring_id)).collect()
    }

    /// Id of the ring that the account is in.
    pub(super) fn id(&self, account: &str) -> String {
        self.rings.rings_of(&self.tenant, account).first().map_or(String::new(), |id| (*id).to_owned())
    }

    pub(super) fn members(&self, ring_id: &str) -> String {
        let Some(ring) = self.rings.ring(&self.tenant, ring_id) else { return "none".to_owned() };
        let mut members: Vec<_> =
            ring.members.iter().map(|member| (member.kind != Kind::Account, &member.id)).collect();
        members.sort_unstable();
        members.into_iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>().join(" ")
    }
}

pub(super) fn payment(transaction_id: &str, words: &str) -> Payment {
    let mut places = [None, None, None];
    let (mut count, mut counterparty, mut merchant, mut amount_minor) = (0, None, None, 10_000);
    for word in words.split_whitespace() {
        if let Some(receiver) = word.strip_prefix('>') {
            counterparty = Some(receiver.to_owned());
        } else if let Some(shop) = word.strip_prefix('@') {
            merchant = Some(shop.to_owned());
        } else if count == 3 {
            amount_minor = word.parse::<u64>().unwrap() * 100;
        } else {
            places[count] = Some(word.to_owned()).filter(|word| word != "-");
            count += 1;
        }
    }
    let [account, device, ip] = places;
    Payment {
        transaction_id: transaction_id.to_owned(),
        account: account.unwrap(),
        device,
        ip,
        merchant,
        counterparty,
        amount_minor,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: None,
        account_country: None,
        ip_country: None,
        merchant_country: None,
    }
}
