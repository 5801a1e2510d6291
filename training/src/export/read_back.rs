//! Reading the weights of a network file that this trainer wrote, so that a fit can go on from a published model.
//!
//! Names and shapes alone would not tell another network with arrays of the same names: the weights are written again, and the
//! graph must come out as it was.

use super::layers;
use crate::network::{Array, Standardisation, Weights, WeightsError};
use fraudnet_models::Precision;
use fraudnet_models::onnx::{TensorProto, element, inspect};

impl Weights {
    /// The weights in a single-precision network file (`model.onnx`) of this trainer, to the last bit.
    ///
    /// # Errors
    /// The file is damaged or refused, or holds another network than this build writes.
    pub fn from_onnx(bytes: &[u8]) -> Result<Weights, WeightsError> {
        let model = inspect(bytes)?;
        let graph = model.graph.ok_or(WeightsError::OtherNetwork)?;
        let tensor = |name: &str| graph.initializer.iter().find(|tensor| tensor.name == name);
        let width = tensor("payment.mean").map_or(0, |tensor| tensor.raw_data.len() / size_of::<f32>());
        let shapes = Weights::initial(width, &Standardisation::neutral(width), 0);
        let arrays = shapes.arrays().iter().map(|array| {
            let values = tensor(&array.name).and_then(floats).ok_or(WeightsError::OtherNetwork)?;
            Ok(Array { values, ..array.clone() })
        });
        let weights = Weights::from_arrays(arrays.collect::<Result<_, WeightsError>>()?)?;
        let written = layers::network(&weights, Precision::Single).graph;
        if written.as_ref() == Some(&graph) { Ok(weights) } else { Err(WeightsError::OtherNetwork) }
    }
}

/// Values of a tensor as this trainer writes them.
fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let (chunks, rest) = tensor.raw_data.as_chunks::<4>();
    (tensor.data_type == element::FLOAT && rest.is_empty())
        .then(|| chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::onnx_bytes;
    use prost::Message;

    fn fresh() -> Weights {
        let width = fraudnet_features::schema::payment_features().len();
        Weights::initial(width, &Standardisation::neutral(width), 3)
    }

    #[test]
    fn what_was_written_is_read_to_the_last_bit() {
        assert_eq!(Weights::from_onnx(&onnx_bytes(&fresh(), Precision::Single)), Ok(fresh()));
    }

    #[test]
    fn another_network_is_refused() {
        assert_eq!(
            Weights::from_onnx(&onnx_bytes(&fresh(), Precision::Half)),
            Err(WeightsError::OtherNetwork),
            "half precision has lost the weights"
        );
        let change = |edit: &dyn Fn(&mut fraudnet_models::onnx::GraphProto)| {
            let mut model = layers::network(&fresh(), Precision::Single);
            edit(model.graph.as_mut().unwrap());
            Weights::from_onnx(&model.encode_to_vec())
        };
        let relu = change(&|graph| {
            graph.node.iter_mut().find(|node| node.op_type == "Relu").unwrap().op_type = "Sigmoid".to_owned();
        });
        assert_eq!(relu, Err(WeightsError::OtherNetwork));
        let missing = change(&|graph| graph.initializer.retain(|tensor| tensor.name != "layer2.mix"));
        assert_eq!(missing, Err(WeightsError::OtherNetwork));
        let infinite = change(&|graph| {
            let bias = graph.initializer.iter_mut().find(|tensor| tensor.name == "head.bias").unwrap();
            bias.raw_data[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        });
        assert_eq!(infinite, Err(WeightsError::NotFinite("head.bias".to_owned())));
        assert!(matches!(Weights::from_onnx(b"PK"), Err(WeightsError::File(_))));
    }
}
