//! Means and scales of the training set, which bring every column to a common scale before the network reads it.
//!
//! They are taken over what is there (node rows and links in use, not padding) and become constants of the model.

use super::shape::CLIP;
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor};

/// Columns that vary less than this are only centred: dividing by a tiny deviation would blow rounding up into signal.
const SMALLEST_DEVIATION: f64 = 1e-3;

/// `(value - mean) · scale` of each column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Mean of each column.
    pub mean: Vec<f32>,
    /// One over the standard deviation of each column; 1 where a column hardly varies.
    pub scale: Vec<f32>,
}

/// The constants of a model's three tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardisation {
    /// Of node rows.
    pub nodes: Columns,
    /// Of links.
    pub links: Columns,
    /// Of payment features.
    pub payments: Columns,
}

impl Standardisation {
    /// Constants that change nothing (but the cut-off), for payments of this many columns.
    pub fn neutral(payment_width: usize) -> Self {
        let columns = |width| Columns { mean: vec![0.0; width], scale: vec![1.0; width] };
        Standardisation { nodes: columns(NODE_WIDTH), links: columns(EDGE_WIDTH), payments: columns(payment_width) }
    }

    /// Constants of these payments, all of `payment_width` columns.
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a Tensor>, payment_width: usize) -> Self {
        let mut nodes = Moments::new(NODE_WIDTH);
        let mut links = Moments::new(EDGE_WIDTH);
        let mut payments = Moments::new(payment_width);
        for tensor in tensors {
            tensor.nodes.chunks_exact(NODE_WIDTH).for_each(|row| nodes.add(row.iter().map(|value| value.to_f64())));
            tensor.edges.chunks_exact(EDGE_WIDTH).for_each(|row| links.add(row.iter().map(|value| value.to_f64())));
            payments.add(tensor.payment.iter().map(|&value| f64::from(value)));
        }
        Standardisation { nodes: nodes.columns(), links: links.columns(), payments: payments.columns() }
    }
}

/// Standardises a table in place, row after row, and cuts it off at [`CLIP`] deviations. The export writes the same three
/// steps in the same order, so that both round alike.
pub fn standardise(table: &mut [f32], mean: &[f32], scale: &[f32]) {
    for row in table.chunks_exact_mut(mean.len()) {
        for ((value, mean), scale) in row.iter_mut().zip(mean).zip(scale) {
            *value = ((*value - mean) * scale).clamp(-CLIP, CLIP);
        }
    }
}

/// Running mean and squared deviation of each column (Welford 1962: stable in one pass).
struct Moments {
    count: f64,
    mean: Vec<f64>,
    squared: Vec<f64>,
}

impl Moments {
    fn new(width: usize) -> Self {
        Moments { count: 0.0, mean: vec![0.0; width], squared: vec![0.0; width] }
    }

    fn add(&mut self, row: impl Iterator<Item = f64>) {
        self.count += 1.0;
        for ((value, mean), squared) in row.zip(&mut self.mean).zip(&mut self.squared) {
            let before = value - *mean;
            *mean += before / self.count;
            *squared += before * (value - *mean);
        }
    }

    fn columns(self) -> Columns {
        let scale = self.squared.iter().map(|squared| {
            let deviation = (squared / self.count.max(1.0)).sqrt();
            if deviation < SMALLEST_DEVIATION { 1.0 } else { (1.0 / deviation) as f32 }
        });
        Columns { scale: scale.collect(), mean: self.mean.iter().map(|&mean| mean as f32).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_mean_zero_and_deviation_one_and_constants_only_move() {
        let tensors: Vec<Tensor> =
            [1.0, 3.0, 5.0, 7.0].map(|value| Tensor { payment: vec![value, 4.0], ..Default::default() }).into();
        let constants = Standardisation::of(&tensors, 2).payments;
        assert_eq!(constants.mean, vec![4.0, 4.0]);
        // Deviation of 1, 3, 5, 7 is sqrt(5).
        assert!((constants.scale[0] - 1.0 / 5f32.sqrt()).abs() < 1e-6);
        assert_eq!(constants.scale[1], 1.0);

        let mut table = vec![7.0, 4.5, 1000.0, -1000.0];
        standardise(&mut table, &constants.mean, &constants.scale);
        assert!((table[0] - 3.0 / 5f32.sqrt()).abs() < 1e-6);
        assert_eq!(table[1..], [0.5, CLIP, -CLIP]);
    }
}
