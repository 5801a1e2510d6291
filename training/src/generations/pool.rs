//! Examples as the fits see them: by reference, so that a window, a part of it, or two windows together cost no copy of a
//! tensor; and the rows of trees, which are flat copies (1 kB a row and feature set).

use crate::data::examples::{Examples, Origin};
use crate::network::Example;
use crate::rules::tune::RuleExamples;
use crate::trees::Table;
use fraudnet_features::{FeatureSet, Tensor};
use std::collections::HashMap;

/// An example and where it comes from.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub example: &'a Example,
    pub origin: &'a Origin,
}

impl Member<'_> {
    pub fn is_fraud(self) -> bool {
        self.example.label > 0.5
    }
}

/// A set of examples to fit on or to judge by.
#[derive(Clone, Default)]
pub(super) struct Pool<'a> {
    /// Those with their tensors.
    pub whole: Vec<Member<'a>>,
    /// Further negatives of which there is the payment row alone.
    pub rows: Vec<Member<'a>>,
}

impl<'a> Pool<'a> {
    /// The fit window.
    pub fn fit(examples: &'a Examples) -> Pool<'a> {
        Pool {
            whole: members(&examples.fit, &examples.fit_origins),
            rows: members(&examples.rows, &examples.row_origins),
        }
    }

    /// The early-stop window.
    pub fn stop(examples: &'a Examples) -> Pool<'a> {
        Pool { whole: members(&examples.stop, &examples.stop_origins), rows: Vec::new() }
    }

    /// Both pools together.
    pub fn and(&self, other: &Pool<'a>) -> Pool<'a> {
        Pool { whole: [&self.whole[..], &other.whole].concat(), rows: [&self.rows[..], &other.rows].concat() }
    }

    /// Those with tensors in the earlier `share` (0–1) of each history's extent in time, and those after it.
    pub fn split(&self, share: f64) -> (Pool<'a>, Pool<'a>) {
        let mut extents: HashMap<u32, (i64, i64)> = HashMap::new();
        for member in &self.whole {
            let at = member.origin.at_ms;
            let extent = extents.entry(member.origin.history).or_insert((at, at));
            *extent = (extent.0.min(at), extent.1.max(at));
        }
        let (earlier, later) = self.whole.iter().partition(|member| {
            let (first, last) = extents[&member.origin.history];
            ((member.origin.at_ms - first) as f64) < share * (last - first) as f64
        });
        (Pool { whole: earlier, rows: Vec::new() }, Pool { whole: later, rows: Vec::new() })
    }

    /// Frauds among them.
    pub fn frauds(&self) -> usize {
        self.whole.iter().filter(|member| member.is_fraud()).count()
    }

    /// What a network learns from.
    pub fn examples(&self) -> Vec<&'a Example> {
        self.whole.iter().map(|member| member.example).collect()
    }

    /// Their tensors.
    pub fn tensors(&self) -> Vec<&'a Tensor> {
        self.whole.iter().map(|member| &member.example.tensor).collect()
    }

    /// Whether each is fraud.
    pub fn positive(&self) -> Vec<bool> {
        self.whole.iter().map(|member| member.is_fraud()).collect()
    }

    /// Payments each stands for.
    pub fn weights(&self) -> Vec<f64> {
        self.whole.iter().map(|member| f64::from(member.example.weight)).collect()
    }

    /// Rows of v1 or v2 of all of them, those without tensors included.
    pub fn rows_of(&self, set: FeatureSet) -> Rows {
        let mut rows = Rows::of(set, self.whole.len() + self.rows.len());
        for member in self.whole.iter().chain(&self.rows) {
            rows.add(set, &member.example.tensor, &[], member.is_fraud(), member.origin.row_weight);
        }
        rows
    }

    /// Rows of `set` of those with tensors, each with its embedding.
    pub fn rows_with(&self, set: FeatureSet, embeddings: &[Vec<f32>]) -> Rows {
        let mut rows = Rows::of(set, self.whole.len());
        for (member, embedding) in self.whole.iter().zip(embeddings) {
            rows.add(set, &member.example.tensor, embedding, member.is_fraud(), member.example.weight);
        }
        rows
    }

    /// Payment features of those with tensors, as rules and logistic regression read them: many more would slow their solver
    /// down and teach it nothing.
    pub fn payments(&self) -> RuleExamples<'a> {
        RuleExamples {
            rows: self.whole.iter().map(|member| member.example.tensor.payment.as_slice()).collect(),
            weights: self.weights(),
            positive: self.positive(),
        }
    }
}

fn members<'a>(examples: &'a [Example], origins: &'a [Origin]) -> Vec<Member<'a>> {
    assert_eq!(examples.len(), origins.len(), "every example has its origin");
    examples.iter().zip(origins).map(|(example, origin)| Member { example, origin }).collect()
}

/// Rows as trees read them.
pub(super) struct Rows {
    columns: usize,
    values: Vec<f32>,
    positive: Vec<bool>,
    weights: Vec<f32>,
}

impl Rows {
    fn of(set: FeatureSet, count: usize) -> Rows {
        let columns = set.width();
        Rows { columns, values: Vec::with_capacity(columns * count), positive: Vec::new(), weights: Vec::new() }
    }

    fn add(&mut self, set: FeatureSet, tensor: &Tensor, embedding: &[f32], positive: bool, weight: f32) {
        set.append(tensor, embedding, &mut self.values);
        self.positive.push(positive);
        self.weights.push(weight);
    }

    /// As the trees' fit takes it.
    pub fn table(&self) -> Table<'_> {
        Table { columns: self.columns, values: &self.values, positive: &self.positive, weights: &self.weights }
    }

    /// Raw logits of these rows by plain trees.
    pub fn logits(&self, ensemble: &fraudnet_models::onnx::trees::TreeEnsemble) -> Vec<f32> {
        self.values.chunks_exact(self.columns).map(|row| ensemble.logit(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_by_time_within_each_history() {
        let example = || Example { tensor: Tensor::default(), label: 0.0, weight: 1.0 };
        let origin = |history, at_ms| Origin { history, at_ms, age_ms: 0, row_weight: 1.0 };
        let examples = Examples {
            fit: (0..20).map(|_| example()).collect(),
            fit_origins: (0..10).map(|at| origin(0, at)).chain((0..10).map(|at| origin(1, 1_000 + at))).collect(),
            ..Examples::default()
        };
        let (earlier, later) = Pool::fit(&examples).split(0.6);
        let times = |pool: &Pool<'_>| pool.whole.iter().map(|member| member.origin.at_ms).collect::<Vec<_>>();
        assert_eq!(times(&earlier), [0, 1, 2, 3, 4, 5, 1_000, 1_001, 1_002, 1_003, 1_004, 1_005]);
        assert_eq!(times(&later), [6, 7, 8, 9, 1_006, 1_007, 1_008, 1_009]);
    }
}
