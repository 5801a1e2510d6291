//! What the simulator knows and nobody else does: which payments are fraud, and of which kind.

use fraudnet_graph::Event;

/// Truth about a payment. Stands beside the event, never inside it: no feature sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oracle {
    /// Whether it is fraud.
    pub fraud: bool,
    /// How the fraud works; `None` for honest payments.
    pub typology: Option<Typology>,
}

/// An event of a simulated history.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedEvent {
    /// The event as a real system would send it.
    pub event: Event,
    /// Truth, for payments only.
    pub oracle: Option<Oracle>,
}

/// How a fraud works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Typology {
    /// Stolen cards tried in small amounts, the good ones used later.
    CardTesting = 0,
    /// Somebody else pays from an honest account.
    AccountTakeover = 1,
    /// Many accounts opened over a handful of devices, aged, then run dry.
    DeviceFarm = 2,
    /// A merchant with honest trade that also books payments of stolen and controlled accounts.
    CollusiveMerchant = 3,
    /// Victims' money gathered on mule accounts and passed on quickly.
    MuleNetwork = 4,
    /// Stolen accounts used through a shared set of proxy addresses.
    ProxyCluster = 5,
}

impl Typology {
    /// Every typology, in numeric order.
    pub const ALL: [Typology; 6] = [
        Typology::CardTesting,
        Typology::AccountTakeover,
        Typology::DeviceFarm,
        Typology::CollusiveMerchant,
        Typology::MuleNetwork,
        Typology::ProxyCluster,
    ];

    /// Name in files and reports, e.g. `device_farm`.
    pub const fn name(self) -> &'static str {
        match self {
            Typology::CardTesting => "card_testing",
            Typology::AccountTakeover => "account_takeover",
            Typology::DeviceFarm => "device_farm",
            Typology::CollusiveMerchant => "collusive_merchant",
            Typology::MuleNetwork => "mule_network",
            Typology::ProxyCluster => "proxy_cluster",
        }
    }

    /// The typology of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Typology> {
        Typology::ALL.into_iter().find(|typology| typology.name() == name)
    }
}
