//! From a contribution of each column to what is shown: figures that belong together as one, in words, and what each entity has of them.

use super::attribution::FeatureShare;
use super::party::{Party, parties_by_column};
use super::wording::{text, turn, value};
use fraudnet_features::FeatureSet;
use fraudnet_features::schema::{Feature, Group};

/// Name of what the neighbourhood as a whole adds beyond the columns.
pub const NEIGHBOURHOOD: &str = "neighbourhood";

/// Contributions of one payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// Of each column of v3 that the model reads.
    pub columns: Vec<f64>,
    /// Of the neighbourhood beyond the columns; none where the model does not read it.
    pub neighbourhood: Option<f64>,
}

impl Shares {
    /// All of them together.
    pub fn sum(&self) -> f64 {
        self.columns.iter().sum::<f64>() + self.neighbourhood.unwrap_or(0.0)
    }

    /// What the columns that speak of a party add; one that speaks of two counts half for each.
    pub fn of_party(&self, party: Party) -> f64 {
        let speaks = self.columns.iter().zip(parties_by_column()).filter(|(_, parties)| parties.contains(&party));
        speaks.map(|(share, parties)| share / parties.len() as f64).sum()
    }

    /// Figures in words, in the order of the columns; those that add nothing are left out. `row` holds the values.
    pub fn in_words(&self, row: &[f32], nodes: usize) -> Vec<FeatureShare> {
        let schema = FeatureSet::V3.features();
        let mut told = Vec::new();
        let mut embedding = 0.0;
        let mut at = 0;
        while let (Some(&share), Some(feature), Some(&stored)) = (self.columns.get(at), schema.get(at), row.get(at)) {
            at += 1;
            if feature.group == Group::Embedding {
                embedding += share;
            } else if let Some((stem, next)) = turn_with(feature, schema.get(at)) {
                let cosine = row.get(at).copied().unwrap_or(f32::NAN);
                let share = share + self.columns.get(at).copied().unwrap_or(0.0);
                at += 1;
                push(&mut told, stem, text(next), turn(stem, stored, cosine), share);
            } else {
                push(&mut told, feature.name, text(feature), value(feature, stored), share);
            }
        }
        let numbers = format!("{} numbers", fraudnet_features::EMBEDDING_WIDTH);
        let meaning = "what the network makes of the payment in its neighbourhood, as the trees read it";
        push(&mut told, Group::Embedding.name(), meaning.to_owned(), numbers, embedding);
        let around = format!("{} entities", nodes.saturating_sub(1));
        let meaning = "what the network reads off the neighbourhood beyond the figures";
        push(&mut told, NEIGHBOURHOOD, meaning.to_owned(), around, self.neighbourhood.unwrap_or(0.0));
        told
    }
}

/// Sine and cosine of one thing: `hour_sin` followed by `hour_cos` are `hour`.
fn turn_with<'f>(feature: &Feature, next: Option<&'f Feature>) -> Option<(&'static str, &'f Feature)> {
    let (stem, next) = (feature.name.strip_suffix("_sin")?, next?);
    (feature.unit == "sine" && next.name.strip_suffix("_cos") == Some(stem)).then_some((stem, next))
}

fn push(told: &mut Vec<FeatureShare>, name: &str, text: String, value: String, share: f64) {
    if share != 0.0 {
        told.push(FeatureShare { name: name.to_owned(), text, value, contribution: share as f32 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_features::schema::payment_feature_index;

    fn shares(width: usize, given: &[(&str, f64)]) -> Shares {
        let mut columns = vec![0.0; width];
        for (name, share) in given {
            columns[FeatureSet::V3.features().iter().position(|feature| feature.name == *name).unwrap()] = *share;
        }
        Shares { columns, neighbourhood: Some(0.5) }
    }

    #[test]
    fn figures_that_belong_together_are_one() {
        let width = FeatureSet::V3.width();
        let given =
            [("hour_sin", 0.25), ("hour_cos", 0.5), ("device_new", -1.0), ("embedding_00", 1.0), ("embedding_63", 2.0)];
        let shares = shares(width, &given);
        let mut row = vec![0.0; width];
        row[payment_feature_index("hour_cos").unwrap()] = 1.0;
        let told = shares.in_words(&row, 128);
        let lines: Vec<(&str, &str, f32)> =
            told.iter().map(|share| (&share.name[..], &share.value[..], share.contribution)).collect();
        assert_eq!(
            lines,
            [
                ("hour", "00:00 UTC", 0.75),
                ("device_new", "no", -1.0),
                ("embedding", "64 numbers", 3.0),
                ("neighbourhood", "127 entities", 0.5)
            ]
        );
        let sum: f64 = told.iter().map(|share| f64::from(share.contribution)).sum();
        assert!((sum - shares.sum()).abs() < 1e-6);
    }

    #[test]
    fn a_column_of_two_counts_half_for_each() {
        let given = [
            ("device_new", 1.0),
            ("device_ip_new", 0.5),
            ("ip_reported", 2.0),
            ("amount", 9.0),
            ("account_age_s", -1.0),
        ];
        let shares = shares(FeatureSet::V2.width(), &given);
        let expected = [(Party::Account, -1.0), (Party::Device, 1.25), (Party::Ip, 2.25), (Party::Merchant, 0.0)];
        for (party, share) in expected {
            assert_eq!(shares.of_party(party), share, "{party:?}");
        }
        assert_eq!(shares.sum(), 12.0);
    }
}
