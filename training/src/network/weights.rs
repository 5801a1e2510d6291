//! Every number of a network as plain named arrays: what training changes, export writes, tests compare and averaging mixes.
//!
//! All arrays are matrices, row-major; a bias is a matrix of one row. The order is fixed, so that the trained values of two
//! networks of one shape, and a gradient, are one flat vector each.

use super::shape::{FREQUENCIES, LAYERS, LINK_INPUT, WIDTH};
use super::standardise::Standardisation;
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH};
use fraudnet_models::onnx::OnnxError;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One named matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Name, e.g. `layer1.query`.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Values, row after row.
    pub values: Vec<f32>,
    /// False for constants taken from the training set, which no step changes.
    pub trained: bool,
}

/// Why arrays do not make a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// Another number of arrays, or one of another name, shape or size.
    #[error("array {position} should be {expected}, found {found}; use weights written by this build")]
    Layout {
        /// Its position.
        position: usize,
        /// Name and shape it should have.
        expected: String,
        /// Name and shape it has.
        found: String,
    },
    /// A value is not finite.
    #[error("array {0} holds a value that is not a number; the fit diverged, train again with a lower learning rate")]
    NotFinite(String),
    /// A file that is not a network.
    #[error("the network file cannot be read: {0}")]
    File(#[from] OnnxError),
    /// A network of another make.
    #[error(
        "the file holds another network than this build's trainer writes; take the `model.onnx` of a model fitted with this build"
    )]
    OtherNetwork,
}

/// The numbers of one network.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    arrays: Vec<Array>,
}

/// How an array starts.
enum Start {
    Constant(Vec<f32>),
    Zero,
    /// Uniform with the variance that keeps activations of a ReLU layer at their size (He et al. 2015).
    Relu,
    /// Uniform with the variance that keeps a linear map at its size (Glorot & Bengio 2010).
    Linear,
    /// Angular speeds over `log2(1 + seconds)`, geometric from one turn over the whole range (about 25) to one turn in 2.5.
    Frequencies,
    /// Angles, uniform over a turn.
    Phases,
}

impl Weights {
    /// A fresh network for payments of `payment_width` columns, drawn from `seed`.
    pub fn initial(payment_width: usize, standardisation: &Standardisation, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let arrays = layout(payment_width, standardisation)
            .into_iter()
            .map(|(name, rows, columns, start)| {
                let trained = !matches!(start, Start::Constant(_));
                let values = start.draw(rows, columns, &mut rng);
                assert_eq!(values.len(), rows * columns, "constants fill their array");
                Array { name, rows, columns, values, trained }
            })
            .collect();
        Weights { arrays }
    }

    /// A network out of its arrays, in the order of [`Weights::arrays`].
    ///
    /// # Errors
    /// An array is missing, extra, misnamed, of another shape, or not finite.
    pub fn from_arrays(arrays: Vec<Array>) -> Result<Self, WeightsError> {
        let payment_width = arrays.iter().find(|array| array.name == "payment.mean").map_or(0, |array| array.columns);
        let expected = layout(payment_width, &Standardisation::neutral(payment_width));
        for position in 0..expected.len().max(arrays.len()) {
            let wanted = expected.get(position).map(|(name, rows, columns, start)| {
                (name.as_str(), *rows, *columns, *rows * *columns, !matches!(start, Start::Constant(_)))
            });
            let given = arrays
                .get(position)
                .map(|array| (array.name.as_str(), array.rows, array.columns, array.values.len(), array.trained));
            if wanted != given {
                return Err(WeightsError::Layout {
                    position,
                    expected: format!("{wanted:?}"),
                    found: format!("{given:?}"),
                });
            }
        }
        match arrays.iter().find(|array| array.values.iter().any(|value| !value.is_finite())) {
            Some(array) => Err(WeightsError::NotFinite(array.name.clone())),
            None => Ok(Weights { arrays }),
        }
    }

    /// The arrays, in their fixed order.
    pub fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    /// The array of a name.
    ///
    /// # Panics
    /// There is none of that name: the caller and the layout disagree.
    pub fn array(&self, name: &str) -> &Array {
        self.arrays.iter().find(|array| array.name == name).unwrap_or_else(|| panic!("no array is named {name}"))
    }

    /// Columns of the payment features it reads.
    pub fn payment_width(&self) -> usize {
        self.array("payment.mean").columns
    }

    /// Number of trained values.
    pub fn trained_count(&self) -> usize {
        self.trained().map(|array| array.values.len()).sum()
    }

    /// The trained arrays, in order.
    pub fn trained(&self) -> impl Iterator<Item = &Array> {
        self.arrays.iter().filter(|array| array.trained)
    }

    /// All trained values as one vector.
    pub fn trained_values(&self) -> Vec<f32> {
        self.trained().flat_map(|array| array.values.iter().copied()).collect()
    }

    /// Replaces all trained values; the inverse of [`Weights::trained_values`].
    pub fn set_trained_values(&mut self, values: &[f32]) {
        assert_eq!(values.len(), self.trained_count(), "one value for every trained one");
        let mut rest = values;
        for array in self.arrays.iter_mut().filter(|array| array.trained) {
            let (head, tail) = rest.split_at(array.values.len());
            array.values.copy_from_slice(head);
            rest = tail;
        }
    }

    /// Moves every logit by `shift`: undoes a class weight or a sampling rate after the fit.
    pub fn shift_logit(&mut self, shift: f32) {
        let bias =
            self.arrays.iter_mut().find(|array| array.name == "logit.bias").expect("every network has a logit bias");
        bias.values[0] += shift;
    }
}

fn layout(payment_width: usize, constants: &Standardisation) -> Vec<(String, usize, usize, Start)> {
    let mut list = Vec::new();
    let mut add =
        |name: &str, rows: usize, columns: usize, start: Start| list.push((name.to_owned(), rows, columns, start));
    add("node.mean", 1, NODE_WIDTH, Start::Constant(constants.nodes.mean.clone()));
    add("node.scale", 1, NODE_WIDTH, Start::Constant(constants.nodes.scale.clone()));
    add("link.mean", 1, EDGE_WIDTH, Start::Constant(constants.links.mean.clone()));
    add("link.scale", 1, EDGE_WIDTH, Start::Constant(constants.links.scale.clone()));
    add("payment.mean", 1, payment_width, Start::Constant(constants.payments.mean.clone()));
    add("payment.scale", 1, payment_width, Start::Constant(constants.payments.scale.clone()));
    add("time.frequency", 1, FREQUENCIES, Start::Frequencies);
    add("time.phase", 1, FREQUENCIES, Start::Phases);
    add("input.weight", NODE_WIDTH, WIDTH, Start::Relu);
    add("input.bias", 1, WIDTH, Start::Zero);
    for layer in 1..=LAYERS {
        let mut add = |part: &str, rows: usize, start: Start| add(&format!("layer{layer}.{part}"), rows, WIDTH, start);
        add("query", WIDTH, Start::Linear);
        add("key", WIDTH, Start::Linear);
        add("value", WIDTH, Start::Linear);
        add("edge", LINK_INPUT, Start::Linear);
        add("own", WIDTH, Start::Linear);
        add("mix", WIDTH, Start::Linear);
        add("bias", 1, Start::Zero);
    }
    add("payment.weight", payment_width, WIDTH, Start::Relu);
    add("payment.bias", 1, WIDTH, Start::Zero);
    add("head.weight", 2 * WIDTH, WIDTH, Start::Relu);
    add("head.bias", 1, WIDTH, Start::Zero);
    add("logit.weight", WIDTH, 1, Start::Linear);
    add("logit.bias", 1, 1, Start::Zero);
    list
}

impl Start {
    fn draw(self, rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let count = rows * columns;
        let mut uniform = |limit: f32| (0..count).map(|_| limit * (2.0 * unit(rng) - 1.0)).collect();
        match self {
            Start::Constant(values) => values,
            Start::Zero => vec![0.0; count],
            Start::Relu => uniform((6.0 / rows as f32).sqrt()),
            Start::Linear => uniform((6.0 / (rows + columns) as f32).sqrt()),
            Start::Frequencies => (0..count).map(|i| 0.25 * 10f32.powf(i as f32 / (count - 1) as f32)).collect(),
            Start::Phases => (0..count).map(|_| std::f32::consts::TAU * unit(rng)).collect(),
        }
    }
}

/// A number in [0, 1) of 24 random bits: the same on every platform and in every version of the distribution crates.
pub(super) fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(seed: u64) -> Weights {
        Weights::initial(20, &Standardisation::neutral(20), seed)
    }

    #[test]
    fn the_seed_decides_every_value() {
        assert_eq!(fresh(7), fresh(7));
        assert_ne!(fresh(7), fresh(8));
    }

    #[test]
    fn trained_values_go_out_and_in() {
        let mut weights = fresh(1);
        let doubled: Vec<f32> = weights.trained_values().iter().map(|value| 2.0 * value).collect();
        weights.set_trained_values(&doubled);
        assert_eq!(weights.trained_values(), doubled);
        assert_eq!(weights.array("node.scale").values, vec![1.0; NODE_WIDTH], "constants stay");
        assert_eq!(weights.trained_count(), doubled.len());
    }

    #[test]
    fn arrays_of_another_layout_are_refused() {
        let arrays = fresh(1).arrays().to_vec();
        assert_eq!(Weights::from_arrays(arrays.clone()).unwrap(), fresh(1));

        let mut missing = arrays.clone();
        missing.remove(9);
        assert!(matches!(Weights::from_arrays(missing), Err(WeightsError::Layout { position: 9, .. })));
        assert!(matches!(Weights::from_arrays(Vec::new()), Err(WeightsError::Layout { position: 0, .. })));

        let mut spoiled = arrays;
        spoiled[12].values[3] = f32::NAN;
        assert_eq!(Weights::from_arrays(spoiled), Err(WeightsError::NotFinite("layer1.value".to_owned())));
    }
}
