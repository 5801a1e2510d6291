//! Kinds of entities and the relations between them.

/// Kind of an entity. A fifth kind is a row here, its relations in [`RELATIONS`], and its reader in `parties`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Account that pays or receives.
    Account = 0,
    /// Device a payment was made from.
    Device = 1,
    /// IP address a payment came from.
    Ip = 2,
    /// Merchant that is paid.
    Merchant = 3,
}

impl Kind {
    /// Every kind, in numeric order.
    pub const ALL: [Kind; 4] = [Kind::Account, Kind::Device, Kind::Ip, Kind::Merchant];

    /// Name at the rim: `account`, `device`, `ip`, `merchant`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Account => "account",
            Kind::Device => "device",
            Kind::Ip => "ip",
            Kind::Merchant => "merchant",
        }
    }

    /// The kind of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Relation between two entities: an unordered pair of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Relation {
    /// The account was used from the device.
    AccountDevice = 0,
    /// The account was used from the IP address.
    AccountIp = 1,
    /// The account paid the merchant.
    AccountMerchant = 2,
    /// The device was seen behind the IP address.
    DeviceIp = 3,
    /// One account sent money to the other.
    AccountAccount = 4,
}

/// How many relations there are.
pub const RELATION_COUNT: usize = 5;

/// Every relation with its two kinds.
pub const RELATIONS: [(Relation, Kind, Kind); RELATION_COUNT] = [
    (Relation::AccountDevice, Kind::Account, Kind::Device),
    (Relation::AccountIp, Kind::Account, Kind::Ip),
    (Relation::AccountMerchant, Kind::Account, Kind::Merchant),
    (Relation::DeviceIp, Kind::Device, Kind::Ip),
    (Relation::AccountAccount, Kind::Account, Kind::Account),
];

impl Relation {
    /// Name at the rim, e.g. `account-device`.
    pub const fn name(self) -> &'static str {
        match self {
            Relation::AccountDevice => "account-device",
            Relation::AccountIp => "account-ip",
            Relation::AccountMerchant => "account-merchant",
            Relation::DeviceIp => "device-ip",
            Relation::AccountAccount => "account-account",
        }
    }

    /// The relation between entities of these kinds, in either order, if there is one.
    pub const fn between(a: Kind, b: Kind) -> Option<Relation> {
        BETWEEN[a as usize][b as usize]
    }
}

/// Most relations that one kind takes part in: rings and degrees of an entity are kept in that many slots.
pub(crate) const SLOTS: usize = 4;

const NO_SLOT: u8 = u8::MAX;
const BETWEEN: [[Option<Relation>; Kind::ALL.len()]; Kind::ALL.len()] = between();
const SLOT: [[u8; RELATION_COUNT]; Kind::ALL.len()] = slots();

/// Relation and the neighbour's kind in each slot of each kind.
pub(crate) const SLOT_RELATION: [[Option<(Relation, Kind)>; SLOTS]; Kind::ALL.len()] = slot_relations();

/// The slot in which an entity of that kind keeps that relation; the kind must take part in it.
#[inline(always)]
pub(crate) const fn slot(kind: Kind, relation: Relation) -> usize {
    let slot = SLOT[kind as usize][relation as usize];
    debug_assert!(slot != NO_SLOT);
    slot as usize
}

const fn between() -> [[Option<Relation>; Kind::ALL.len()]; Kind::ALL.len()] {
    let mut table = [[None; Kind::ALL.len()]; Kind::ALL.len()];
    let mut row = 0;
    while row < RELATION_COUNT {
        let (relation, a, b) = RELATIONS[row];
        assert!(relation as usize == row && table[a as usize][b as usize].is_none());
        table[a as usize][b as usize] = Some(relation);
        table[b as usize][a as usize] = Some(relation);
        row += 1;
    }
    table
}

const fn slots() -> [[u8; RELATION_COUNT]; Kind::ALL.len()] {
    let mut table = [[NO_SLOT; RELATION_COUNT]; Kind::ALL.len()];
    let mut kind = 0;
    while kind < Kind::ALL.len() {
        let (mut row, mut next) = (0, 0);
        while row < RELATION_COUNT {
            if RELATIONS[row].1 as usize == kind || RELATIONS[row].2 as usize == kind {
                assert!((next as usize) < SLOTS, "a kind takes part in more relations than there are slots");
                table[kind][row] = next;
                next += 1;
            }
            row += 1;
        }
        kind += 1;
    }
    table
}

const fn slot_relations() -> [[Option<(Relation, Kind)>; SLOTS]; Kind::ALL.len()] {
    let mut table = [[None; SLOTS]; Kind::ALL.len()];
    let mut kind = 0;
    while kind < Kind::ALL.len() {
        let mut row = 0;
        while row < RELATION_COUNT {
            let (relation, a, b) = RELATIONS[row];
            let slot = SLOT[kind][row];
            if slot != NO_SLOT {
                table[kind][slot as usize] = Some((relation, if a as usize == kind { b } else { a }));
            }
            row += 1;
        }
        kind += 1;
    }
    table
}
