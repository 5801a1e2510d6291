//! The layout of a tensor: one function that both writes and reads it, by which [`Coder`] it is given.

use super::columns::{self, bits_of, key_of};
use super::range_coder::{BitModel, Coder};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor, schema};
use fraudnet_graph::{HOP_BUDGET, MAX_LINKS};
use half::f16;

/// Why a tensor does not have the shape that the sampler gives.
pub(super) struct WrongShape;

/// Writes `tensor`, or reads one (and then what is handed in is [`Tensor::default`]).
///
/// In this order: nodes a hop (a byte each, 4 bytes), links a row (a number below 16 each, told by hop), the node every link points at (the
/// next one nobody pointed at yet, or its number), node rows, link rows, payment columns.
pub(super) fn tensor<C: Coder>(coder: &mut C, given: &Tensor) -> Result<Tensor, WrongShape> {
    let mut hop_counts = given.hop_counts;
    for (count, budget) in hop_counts.iter_mut().zip(HOP_BUDGET) {
        *count = coder.raw(8, u32::from(*count)) as u16;
        if usize::from(*count) > budget {
            return Err(WrongShape);
        }
    }
    let nodes: usize = hop_counts.iter().map(|&count| usize::from(count)).sum();
    let row_ends = row_ends(coder, &hop_counts, &given.row_ends)?;
    let links = usize::from(row_ends.last().copied().unwrap_or(0));
    let neighbours = neighbours(coder, nodes, links, &given.neighbours)?;
    let node_rows = rows(coder, nodes, NODE_WIDTH, &given.nodes);
    let link_rows = rows(coder, links, EDGE_WIDTH, &given.edges);
    let mut payment = vec![0; schema::payment_features().len()];
    for (bits, value) in payment.iter_mut().zip(&given.payment) {
        *bits = value.to_bits();
    }
    columns::row(coder, &mut payment);
    let payment = payment.into_iter().map(f32::from_bits).collect();
    Ok(Tensor { hop_counts, nodes: node_rows, row_ends, neighbours, edges: link_rows, payment })
}

fn row_ends<C: Coder>(coder: &mut C, hop_counts: &[u16; 4], given: &[u16]) -> Result<Vec<u16>, WrongShape> {
    let mut models = [[BitModel::NEW; 16]; 3];
    let mut ends = Vec::with_capacity(given.len());
    let (mut end, mut given_end) = (0, 0);
    for hop in 0..3 {
        for _ in 0..hop_counts[hop] {
            let next = given.get(ends.len()).copied().unwrap_or(given_end);
            let links = coder.number(&mut models[hop], usize::from(next - given_end));
            given_end = next;
            if links > MAX_LINKS {
                return Err(WrongShape);
            }
            end += links as u16;
            ends.push(end);
        }
    }
    Ok(ends)
}

fn neighbours<C: Coder>(coder: &mut C, nodes: usize, links: usize, given: &[u8]) -> Result<Vec<u8>, WrongShape> {
    let mut is_new = [BitModel::NEW; 2];
    let mut which = [BitModel::NEW; 128];
    let mut known = 0_u8;
    let mut after_new = 0;
    let mut read = Vec::with_capacity(links);
    for at in 0..links {
        let given = given.get(at).copied().unwrap_or(0);
        let new = coder.bit(&mut is_new[after_new], given == known);
        let node = if new { known } else { coder.number(&mut which, usize::from(given)) as u8 };
        if usize::from(node) >= nodes {
            return Err(WrongShape);
        }
        after_new = usize::from(new);
        known = known.max(node.saturating_add(1));
        read.push(node);
    }
    Ok(read)
}

fn rows<C: Coder>(coder: &mut C, rows: usize, width: usize, given: &[f16]) -> Vec<f16> {
    let mut keys = vec![0; rows * width];
    for (row, values) in given.chunks_exact(width).enumerate() {
        for (column, value) in values.iter().enumerate() {
            keys[column * rows + row] = key_of(value.to_bits());
        }
    }
    columns::table(coder, &mut keys, rows);
    let mut values = Vec::with_capacity(rows * width);
    for row in 0..rows {
        values.extend((0..width).map(|column| f16::from_bits(bits_of(keys[column * rows + row]))));
    }
    values
}
