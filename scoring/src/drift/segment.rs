//! Segments of payments that are compared by themselves.

use fraudnet_graph::Channel;

/// All payments, or those of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// All payments.
    All,
    /// Those of one channel.
    Channel(Channel),
}

impl Segment {
    /// Every segment, all payments first; a channel stands at its number plus one.
    pub const ALL: [Segment; 6] = [
        Segment::All,
        Segment::Channel(Channel::Ecommerce),
        Segment::Channel(Channel::CardPresent),
        Segment::Channel(Channel::Transfer),
        Segment::Channel(Channel::Wallet),
        Segment::Channel(Channel::Atm),
    ];

    /// Its name in metrics, events and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Segment::All => "all",
            Segment::Channel(Channel::Ecommerce) => "ecommerce",
            Segment::Channel(Channel::CardPresent) => "card_present",
            Segment::Channel(Channel::Transfer) => "transfer",
            Segment::Channel(Channel::Wallet) => "wallet",
            Segment::Channel(Channel::Atm) => "atm",
        }
    }

    /// Whether a payment of the channel of that number belongs to it.
    pub const fn holds(self, channel: u8) -> bool {
        match self {
            Segment::All => true,
            Segment::Channel(own) => own as u8 == channel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_stands_at_its_number_plus_one() {
        for (place, segment) in Segment::ALL.into_iter().enumerate().skip(1) {
            assert!(segment.holds(place as u8 - 1) && !segment.holds(place as u8) && Segment::All.holds(place as u8));
        }
    }
}
