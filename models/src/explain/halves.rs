//! Body and head of a network as sessions that run.
//!
//! Both run the f32 file on the processor, whatever serves: an explanation tells what the weights say, and a graphics card gains nothing
//! from one payment.

use super::session::{self, failed};
use super::split::{SplitError, SplitNetwork, split};
use crate::{Batch, RuntimeConfig, RuntimeError, input};
use fraudnet_features::schema::payment_features;
use fraudnet_features::{EDGE_WIDTH, EMBEDDING_WIDTH, MAX_LINKS, MAX_NODES, MAX_ROWS, NODE_WIDTH, Tensor};
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use std::borrow::Cow;

/// A network taken apart, ready to run.
#[derive(Debug)]
pub struct Halves {
    body: Session,
    head: Session,
    border: Vec<Border>,
    embeds_in_body: bool,
    batch: Batch,
}

/// A value that goes over the border: a payment has `rows` of these dimensions, one payment after the other.
#[derive(Debug)]
struct Border {
    name: String,
    rows: usize,
    rest: Vec<usize>,
}

/// What the body makes of a neighbourhood.
#[derive(Debug, Clone, PartialEq)]
pub struct Hidden {
    /// Attention of the centre over its links, at most 10 values.
    pub attention: Vec<f32>,
    /// The embedding; empty where it comes out of the head.
    embedding: Vec<f32>,
    border: Vec<Vec<f32>>,
}

/// What the head says of payments, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeadOutput {
    /// Raw logits of the network.
    pub logits: Vec<f32>,
    /// Embeddings, 64 values each.
    pub embeddings: Vec<f32>,
}

/// Why a network cannot be run in two parts.
#[derive(Debug, thiserror::Error)]
pub enum HalvesError {
    /// It cannot be taken apart.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A part does not run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl Halves {
    /// Takes the network file apart and opens both parts.
    ///
    /// # Errors
    /// A network that cannot be taken apart, or that the runtime refuses.
    pub fn open(onnx: &[u8], config: &RuntimeConfig) -> Result<Halves, HalvesError> {
        let SplitNetwork { body, head, border, embeds_in_body } = split(onnx)?;
        let open = |part: &[u8]| session::open(part, config);
        let border = border.into_iter().map(|name| Border { name, rows: 0, rest: Vec::new() }).collect();
        let (body, head) = (open(&body)?, open(&head)?);
        let mut halves = Halves { body, head, border, embeds_in_body, batch: Batch::default() };
        halves.measure()?;
        Ok(halves)
    }

    /// Runs an empty payment to learn the shapes of what goes over the border.
    fn measure(&mut self) -> Result<(), RuntimeError> {
        self.batch.fill(&[&nobody()]);
        let said = self.run_body()?;
        for (border, (dims, _)) in self.border.iter_mut().zip(said.border) {
            let [rows, rest @ ..] = &dims[..] else { return Err(no_payments(&border.name)) };
            (border.rows, border.rest) = (*rows, rest.to_vec());
        }
        Ok(())
    }

    /// What the body makes of the neighbourhoods of these payments, in one run. They must pass [`crate::check_tensor`].
    ///
    /// # Errors
    /// A failed run.
    pub fn hidden(&mut self, tensors: &[&Tensor]) -> Result<Vec<Hidden>, RuntimeError> {
        if tensors.is_empty() {
            return Ok(Vec::new());
        }
        self.batch.fill(tensors);
        let said = self.run_body()?;
        for (border, (_, values)) in self.border.iter().zip(&said.border) {
            if values.len() != tensors.len() * border.width() {
                return Err(no_payments(&border.name));
            }
        }
        let of = |values: &[f32], payment: usize| {
            let width = values.len() / tensors.len();
            values[payment * width..(payment + 1) * width].to_vec()
        };
        let hidden = |payment| Hidden {
            attention: of(&said.attention, payment),
            embedding: of(&said.embeddings, payment),
            border: said.border.iter().map(|(_, values)| of(values, payment)).collect(),
        };
        Ok((0..tensors.len()).map(hidden).collect())
    }

    /// What the head says of rows of payment columns, each in its neighbourhood.
    ///
    /// # Errors
    /// Values that fill no whole number of rows, a failed run, or a logit that is not finite.
    pub fn head(&mut self, rows: &[f32], hidden: &[&Hidden]) -> Result<HeadOutput, RuntimeError> {
        let (count, columns) = (hidden.len(), payment_features().len());
        if rows.len() != count * columns {
            return Err(RuntimeError::Rows { values: rows.len(), columns });
        }
        if count == 0 {
            return Ok(HeadOutput::default());
        }
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::with_capacity(self.border.len() + 1);
        for (at, border) in self.border.iter().enumerate() {
            let mut values = Vec::with_capacity(count * border.width());
            for hidden in hidden {
                values.extend_from_slice(hidden.border.get(at).map_or(&[][..], Vec::as_slice));
            }
            let dims: Vec<usize> = [count * border.rows].into_iter().chain(border.rest.iter().copied()).collect();
            let values = ort::value::Tensor::from_array((dims, values)).map_err(failed)?;
            inputs.push((border.name.as_str().into(), values.into()));
        }
        let rows = TensorRef::from_array_view(([count, columns], rows)).map_err(failed)?;
        inputs.push((input::TRANSACTION_FEATURES.into(), rows.into()));
        let outputs = self.head.run(inputs).map_err(failed)?;
        let logits = session::floats(&outputs, input::FRAUD_LOGIT)?.1.to_vec();
        let embeddings = match self.embeds_in_body {
            true => hidden.iter().flat_map(|hidden| hidden.embedding.iter().copied()).collect(),
            false => session::floats(&outputs, input::EMBEDDING)?.1.to_vec(),
        };
        if logits.len() != count || embeddings.len() != count * EMBEDDING_WIDTH {
            return Err(no_payments(input::FRAUD_LOGIT));
        }
        match logits.iter().position(|logit| !logit.is_finite()) {
            Some(payment) => Err(RuntimeError::NotFinite { payment, output: input::FRAUD_LOGIT }),
            None => Ok(HeadOutput { logits, embeddings }),
        }
    }

    /// Runs the body over the batch.
    fn run_body(&mut self) -> Result<BodyOutput, RuntimeError> {
        let batch = &self.batch;
        let b = batch.size;
        let outputs = self
            .body
            .run(ort::inputs! {
                input::NODE_FEATURES => TensorRef::from_array_view(([b, MAX_NODES, NODE_WIDTH], &batch.node_features[..])).map_err(failed)?,
                input::NEIGHBOUR_INDEX => TensorRef::from_array_view(([b, MAX_ROWS, MAX_LINKS], &batch.neighbour_index[..])).map_err(failed)?,
                input::EDGE_FEATURES => TensorRef::from_array_view(([b, MAX_ROWS, MAX_LINKS, EDGE_WIDTH], &batch.edge_features[..])).map_err(failed)?,
                input::NEIGHBOUR_MASK => TensorRef::from_array_view(([b, MAX_ROWS, MAX_LINKS], &batch.neighbour_mask[..])).map_err(failed)?,
            })
            .map_err(failed)?;
        let read = |name: &str, width: usize| {
            let values = session::floats(&outputs, name)?.1;
            if values.len() == b * width { Ok(values.to_vec()) } else { Err(no_payments(name)) }
        };
        let border = self.border.iter().map(|border| {
            let (dims, values) = session::floats(&outputs, &border.name)?;
            Ok((dims, values.to_vec()))
        });
        Ok(BodyOutput {
            attention: read(input::ATTENTION, MAX_LINKS)?,
            embeddings: if self.embeds_in_body { read(input::EMBEDDING, EMBEDDING_WIDTH)? } else { Vec::new() },
            border: border.collect::<Result<_, RuntimeError>>()?,
        })
    }
}

/// What the body says of a batch.
struct BodyOutput {
    attention: Vec<f32>,
    /// None where they come out of the head.
    embeddings: Vec<f32>,
    /// Shape and values of what goes over the border.
    border: Vec<(Vec<usize>, Vec<f32>)>,
}

impl Border {
    /// Values of one payment.
    fn width(&self) -> usize {
        self.rows * self.rest.iter().product::<usize>()
    }
}

/// A payment of nobody known, with nothing around.
pub(super) fn nobody() -> Tensor {
    Tensor {
        hop_counts: [1, 0, 0, 0],
        nodes: vec![Default::default(); NODE_WIDTH],
        row_ends: vec![0],
        payment: payment_features().iter().map(|feature| feature.default).collect(),
        ..Tensor::default()
    }
}

fn no_payments(name: &str) -> RuntimeError {
    RuntimeError::Run(format!("`{name}` has no part of its own for each payment of a batch"))
}
