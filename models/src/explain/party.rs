//! Which of the payment's own entities a column speaks of, and which node each of them is.

use super::mask::row;
use fraudnet_features::schema::{Feature, Group, edge_features, payment_features};
use fraudnet_features::{EDGE_WIDTH, Tensor};
use std::sync::LazyLock;

/// One of the payment's own entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The paying account, the centre.
    Account,
    /// The device.
    Device,
    /// The IP address.
    Ip,
    /// The merchant.
    Merchant,
    /// The receiving account of a transfer.
    Counterparty,
}

impl Party {
    /// Every one of them.
    pub const ALL: [Party; 5] = [Party::Account, Party::Device, Party::Ip, Party::Merchant, Party::Counterparty];

    /// As the schema names it.
    pub const fn name(self) -> &'static str {
        match self {
            Party::Account => "account",
            Party::Device => "device",
            Party::Ip => "ip",
            Party::Merchant => "merchant",
            Party::Counterparty => "counterparty",
        }
    }

    /// Link column that is 1 on a link from the centre to such an entity.
    const fn relation(self) -> Option<&'static str> {
        match self {
            Party::Account => None,
            Party::Device => Some("edge_is_account_device"),
            Party::Ip => Some("edge_is_account_ip"),
            Party::Merchant => Some("edge_is_account_merchant"),
            Party::Counterparty => Some("edge_is_account_account"),
        }
    }
}

/// Whom each payment column speaks of, in order.
static PARTIES: LazyLock<Vec<Vec<Party>>> = LazyLock::new(|| payment_features().iter().map(parties).collect());

/// Whom a column speaks of. A column of two (`account_device_age_s`) speaks of the others than the account: without the device there is no
/// such age, while the account is always there. Figures of a whole neighbourhood (`hop_2_reported`) speak of nobody.
pub fn parties(feature: &Feature) -> Vec<Party> {
    let others = &Party::ALL[1..];
    let named: Vec<Party> =
        others.iter().copied().filter(|party| feature.name.split('_').any(|word| word == party.name())).collect();
    let of_account = feature.entity == Party::Account.name() && feature.group != Group::Graph;
    if named.is_empty() && of_account { vec![Party::Account] } else { named }
}

/// Whom each payment column speaks of, by column; see [`parties`].
pub fn parties_by_column() -> &'static [Vec<Party>] {
    &PARTIES
}

/// Payment columns that speak of a party.
pub fn columns_of(party: Party) -> impl Iterator<Item = usize> {
    PARTIES.iter().enumerate().filter(move |(_, parties)| parties.contains(&party)).map(|(column, _)| column)
}

/// The node of one of the payment's own entities; none where the payment names none. The tensor must pass
/// [`crate::check_tensor`].
pub fn own_node(tensor: &Tensor, party: Party) -> Option<usize> {
    let Some(relation) = party.relation() else { return (tensor.node_count() > 0).then_some(0) };
    let (own, relation) = (edge_column("edge_own")?, edge_column(relation)?);
    let is = |link: usize, column: usize| tensor.edges[link * EDGE_WIDTH + column].to_f32() > 0.5;
    let link = row(tensor, 0).find(|&link| is(link, own) && is(link, relation))?;
    Some(usize::from(tensor.neighbours[link]))
}

fn edge_column(name: &str) -> Option<usize> {
    edge_features().iter().position(|feature| feature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::testing::tensor;
    use fraudnet_features::schema::payment_feature_index;

    #[test]
    fn columns_speak_of_whom_they_name() {
        let expected = [
            ("amount", &[][..]),
            ("account_age_s", &[Party::Account]),
            ("account_devices_1d", &[Party::Account]),
            ("amount_to_account_mean", &[Party::Account]),
            ("amount_to_merchant_mean", &[Party::Merchant]),
            ("account_device_age_s", &[Party::Device]),
            ("device_ip_age_s", &[Party::Device, Party::Ip]),
            ("ip_merchant_country_differs", &[Party::Ip, Party::Merchant]),
            ("counterparty_reported", &[Party::Counterparty]),
            ("hop_2_reported", &[]),
            ("hop_1_merchants_reported_30d_share", &[]),
            ("shared_entities", &[]),
        ];
        for (name, parties) in expected {
            assert_eq!(parties_by_column()[payment_feature_index(name).unwrap()], parties, "{name}");
        }
    }

    #[test]
    fn every_column_of_an_entity_speaks_of_it() {
        for (feature, parties) in payment_features().iter().zip(parties_by_column()) {
            let Some(party) = Party::ALL[1..].iter().find(|party| party.name() == feature.entity) else { continue };
            assert!(parties.contains(party) || feature.name.starts_with("hop_"), "{}", feature.name);
        }
        for party in Party::ALL {
            assert!(columns_of(party).count() > 10, "{party:?}");
        }
    }

    #[test]
    fn own_entities_are_found_by_their_links() {
        let drawing =
            tensor(["a", "daim", "", ""], &[&[(1, true), (2, true), (3, false), (4, true)], &[], &[], &[], &[]]);
        let found = Party::ALL.map(|party| own_node(&drawing, party));
        assert_eq!(found, [Some(0), Some(1), None, Some(4), Some(2)], "the IP address is only a former one");
        assert_eq!(own_node(&Tensor::default(), Party::Account), None);
    }
}
