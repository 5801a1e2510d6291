//! Golden vectors: inputs and the outputs expected of them, run before a model is trusted with a payment.
//!
//! `golden.arrow` is an Arrow IPC file, one row a payment: the compact tensor as list columns, the logit and the embedding.
//! The trainer writes it from its own forward pass, so that it also holds the two implementations together.

use crate::batch::{EMBEDDING_WIDTH, check_tensor};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, ListBuilder, PrimitiveArray, PrimitiveBuilder, RecordBatch,
};
use arrow::datatypes::{Float16Type, Float32Type, UInt8Type, UInt16Type};
use arrow::error::ArrowError;
use arrow::ipc::{reader::FileReader, writer::FileWriter};
use fraudnet_features::Tensor;
use std::{io::Cursor, sync::Arc};

/// A payment and what the whole model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenVector {
    /// The payment.
    pub tensor: Tensor,
    /// Raw logit expected of the whole: of trees, of the network, or of their blend.
    pub logit: f32,
    /// Embedding expected, 64 values; zeros, and held against nothing, where the model has no network.
    pub embedding: Vec<f32>,
}

/// All golden vectors of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Golden {
    /// The vectors, at least one.
    pub vectors: Vec<GoldenVector>,
}

/// Why golden vectors could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// Not an Arrow file, or one that cannot be read.
    #[error("the golden vectors are no readable arrow file ({0}); write them again")]
    Arrow(#[from] ArrowError),
    /// A column is missing, of another type, or holds nulls.
    #[error("the golden vectors have no column `{0}` of the expected type; write them again")]
    Column(&'static str),
    /// There is none.
    #[error("there are no golden vectors; write at least one")]
    Empty,
    /// One of them is not usable.
    #[error("golden vector {index} is not usable: {reason}")]
    Vector {
        /// Which.
        index: usize,
        /// Why.
        reason: String,
    },
}

const HOP_COUNTS: &str = "hop_counts";
const NODES: &str = "nodes";
const ROW_ENDS: &str = "row_ends";
const NEIGHBOURS: &str = "neighbours";
const EDGES: &str = "edges";
const PAYMENT: &str = "payment";
const LOGIT: &str = "logit";
const EMBEDDING: &str = "embedding";

impl Golden {
    /// The vectors as the bytes of an Arrow IPC file. The same vectors give the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GoldenError> {
        self.check()?;
        let vectors = &self.vectors;
        let logits = PrimitiveArray::<Float32Type>::from_iter_values(vectors.iter().map(|vector| vector.logit));
        let batch = RecordBatch::try_from_iter([
            (HOP_COUNTS, lists::<UInt16Type>(vectors.iter().map(|vector| &vector.tensor.hop_counts[..]))),
            (NODES, lists::<Float16Type>(vectors.iter().map(|vector| &vector.tensor.nodes[..]))),
            (ROW_ENDS, lists::<UInt16Type>(vectors.iter().map(|vector| &vector.tensor.row_ends[..]))),
            (NEIGHBOURS, lists::<UInt8Type>(vectors.iter().map(|vector| &vector.tensor.neighbours[..]))),
            (EDGES, lists::<Float16Type>(vectors.iter().map(|vector| &vector.tensor.edges[..]))),
            (PAYMENT, lists::<Float32Type>(vectors.iter().map(|vector| &vector.tensor.payment[..]))),
            (LOGIT, Arc::new(logits) as ArrayRef),
            (EMBEDDING, lists::<Float32Type>(vectors.iter().map(|vector| &vector.embedding[..]))),
        ])?;
        let mut writer = FileWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(&batch)?;
        Ok(writer.into_inner()?)
    }

    /// Reads what [`Golden::to_bytes`] wrote, and checks that every vector can be run.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GoldenError> {
        let mut golden = Golden::default();
        for batch in FileReader::try_new(Cursor::new(bytes), None)? {
            golden.read(&batch?)?;
        }
        golden.check()?;
        Ok(golden)
    }

    fn read(&mut self, batch: &RecordBatch) -> Result<(), GoldenError> {
        let hop_counts = read_lists::<UInt16Type>(batch, HOP_COUNTS)?;
        let nodes = read_lists::<Float16Type>(batch, NODES)?;
        let row_ends = read_lists::<UInt16Type>(batch, ROW_ENDS)?;
        let neighbours = read_lists::<UInt8Type>(batch, NEIGHBOURS)?;
        let edges = read_lists::<Float16Type>(batch, EDGES)?;
        let payment = read_lists::<Float32Type>(batch, PAYMENT)?;
        let embedding = read_lists::<Float32Type>(batch, EMBEDDING)?;
        let logits = batch
            .column_by_name(LOGIT)
            .and_then(|column| column.as_primitive_opt::<Float32Type>())
            .filter(|column| column.null_count() == 0)
            .ok_or(GoldenError::Column(LOGIT))?;
        let columns =
            nodes.into_iter().zip(row_ends).zip(neighbours).zip(edges).zip(payment).zip(embedding).zip(hop_counts);
        for (((((((nodes, row_ends), neighbours), edges), payment), embedding), hop_counts), &logit) in
            columns.zip(logits.values())
        {
            let hop_counts = hop_counts.try_into().map_err(|_| GoldenError::Column(HOP_COUNTS))?;
            let tensor = Tensor { hop_counts, nodes, row_ends, neighbours, edges, payment };
            self.vectors.push(GoldenVector { tensor, logit, embedding });
        }
        Ok(())
    }

    fn check(&self) -> Result<(), GoldenError> {
        if self.vectors.is_empty() {
            return Err(GoldenError::Empty);
        }
        for (index, vector) in self.vectors.iter().enumerate() {
            let refuse = |reason: String| Err(GoldenError::Vector { index, reason });
            if let Err(error) = check_tensor(&vector.tensor) {
                return refuse(error.to_string());
            }
            if vector.embedding.len() != EMBEDDING_WIDTH {
                return refuse(format!(
                    "its embedding has {} values instead of {EMBEDDING_WIDTH}",
                    vector.embedding.len()
                ));
            }
            if !vector.logit.is_finite() || vector.embedding.iter().any(|value| !value.is_finite()) {
                return refuse("an expected output is not a finite number".to_owned());
            }
        }
        Ok(())
    }
}

fn lists<'a, T: ArrowPrimitiveType>(rows: impl Iterator<Item = &'a [T::Native]>) -> ArrayRef {
    let mut builder = ListBuilder::new(PrimitiveBuilder::<T>::new());
    for row in rows {
        builder.values().append_slice(row);
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn read_lists<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &'static str,
) -> Result<Vec<Vec<T::Native>>, GoldenError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_list_opt::<i32>());
    let column = column.filter(|column| column.null_count() == 0).ok_or(GoldenError::Column(name))?;
    (0..column.len())
        .map(|row| {
            let values = column.value(row);
            let values = values.as_primitive_opt::<T>().filter(|values| values.null_count() == 0);
            values.map(|values| values.values().to_vec()).ok_or(GoldenError::Column(name))
        })
        .collect()
}
