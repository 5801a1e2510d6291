//! What an explanation says, in terms of the tensor: nodes by number, nothing by identifier.

use super::party::Party;
use fraudnet_features::schema::Group;

/// Why a payment has its probability. Contributions are in raw log-odds, before calibration, against the mean of ordinary payments.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Raw logit, computed again.
    pub logit: f32,
    /// Its calibrated probability.
    pub probability: f32,
    /// Mean raw logit of the ordinary payments.
    pub base_logit: f32,
    /// Its calibrated probability.
    pub base_probability: f32,
    /// Figures, largest contribution (either way) first. With [`Attribution::unlisted`] they add up to `logit - base_logit`.
    pub features: Vec<FeatureShare>,
    /// What the figures that are not listed come to, and what no time was left to tell apart.
    pub unlisted: f32,
    /// Entities, largest contribution (either way) first: a second view of the same, which does not add up.
    pub entities: Vec<EntityShare>,
    /// The probability without a piece of evidence, largest change first.
    pub without: Vec<Without>,
    /// Attention of the network over the account's links, in the order of the links; empty where there is no network.
    pub attention: Vec<NodeAttention>,
    /// What was not tried for want of time.
    pub left_out: Vec<LeftOut>,
}

/// What a figure adds.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureShare {
    /// The schema's name.
    pub name: String,
    /// What it means.
    pub text: String,
    /// Its value with its unit.
    pub value: String,
    /// Addition to the raw log-odds.
    pub contribution: f32,
}

/// What an entity adds: what the columns that speak of it add, and what is lost where the network does not see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EntityShare {
    /// Its node.
    pub node: usize,
    /// Which of the payment's own entities it is, if any.
    pub party: Option<Party>,
    /// Addition to the raw log-odds.
    pub contribution: f32,
}

/// A piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// An entity one step away, with whatever is reached only through it and every column that speaks of it.
    Entity {
        /// Its node.
        node: usize,
    },
    /// A group of columns.
    Group(Group),
}

/// What the model would say without a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Without {
    /// The evidence.
    pub evidence: Evidence,
    /// Raw logit without it.
    pub logit: f32,
    /// Calibrated probability without it.
    pub probability: f32,
}

/// Attention to one node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeAttention {
    /// The node.
    pub node: usize,
    /// Share of the attention, mean over heads.
    pub weight: f32,
}

/// What was not tried for want of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// Taking an entity away.
    Entity {
        /// Its node.
        node: usize,
    },
    /// Comparing with some of the ordinary payments.
    Background {
        /// With how many it was compared.
        done: usize,
        /// Of how many.
        of: usize,
    },
}

/// How much is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Figures.
    pub features: usize,
    /// Entities.
    pub entities: usize,
    /// Pieces of evidence taken away.
    pub without: usize,
}

impl Default for Most {
    fn default() -> Self {
        Most { features: 12, entities: 10, without: 12 }
    }
}

/// Sorts by size, the largest first, and keeps the first few; equal ones stay in their order. Gives back those left out.
pub(super) fn largest<T>(items: &mut Vec<T>, most: usize, size: impl Fn(&T) -> f32) -> Vec<T> {
    items.sort_by(|a, b| size(b).abs().total_cmp(&size(a).abs()));
    items.split_off(most.min(items.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_either_way_come_first() {
        let mut items = vec![1.0, -3.0, 2.0, -1.0, 0.0];
        assert_eq!(largest(&mut items, 3, |&item| item), [-1.0, 0.0]);
        assert_eq!(items, [-3.0, 2.0, 1.0]);
        assert!(largest(&mut items, 9, |&item| item).is_empty());
    }
}
