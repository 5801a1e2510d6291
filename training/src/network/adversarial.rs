//! Payments moved a little so that the network takes them for fraud: hard negatives to learn from.
//!
//! Projected gradient ascent on the logit (Madry et al. 2018; its single step is the fast gradient sign method of Goodfellow,
//! Shlens & Szegedy 2015), in standardised units, within a box of `epsilon` around the payment in the largest norm. What comes
//! of it is a tensor as observing could have given it, as far as a column by itself can tell: only columns of times, amounts,
//! shares, ratios and deviations move, and only within the range of their unit; counts and flags stay whole; what was not
//! known (a value at its column's default) stays unknown; neighbours and links stay. Columns that follow from one another
//! are not held together: the point lies beside the data, which is what makes it worth learning.
//!
//! Cost: five forward and backward passes a payment, of which the backward pass leaves the weights out.

use super::forward::{Network, values};
use super::input::NetworkInput;
use super::train::Example;
use super::weights::{Weights, unit};
use burn::tensor::{Device, Tensor as DeviceTensor};
use fraudnet_features::schema::{Feature, edge_features, node_features, payment_features};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, Tensor};
use fraudnet_graph::{MAX_LINKS, MAX_NODES, MAX_ROWS};
use fraudnet_models::{Batch, HOP_OFFSET};
use half::f16;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Steps of the ascent.
const STEPS: usize = 5;
/// Length of a step, of the box: together they reach every corner from anywhere.
const STEP: f32 = 0.45;
/// Payments at once.
const CHUNK: usize = 16;

/// Moves every payment within `epsilon` standard deviations a column towards a higher fraud logit of `weights`; labels and
/// weights stay. Of all points on the way the one with the highest logit is given, which may be the payment itself.
/// Same arguments, same bits.
///
/// # Panics
/// `epsilon` is negative or not finite, or an example is not as wide as the network reads.
pub fn perturb(weights: &Weights, examples: &[&Example], epsilon: f32, seed: u64) -> Vec<Example> {
    assert!(epsilon.is_finite() && epsilon >= 0.0, "a box has a size");
    let boxes = Boxes {
        nodes: columns(node_features(), weights, "node", epsilon),
        links: columns(edge_features(), weights, "link", epsilon),
        payments: columns(payment_features(), weights, "payment", epsilon),
    };
    let network = Network::new(weights, &Device::flex());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut moved = Vec::with_capacity(examples.len());
    for chunk in examples.chunks(CHUNK) {
        let origins: Vec<&Tensor> = chunk.iter().map(|example| &example.tensor).collect();
        for (tensor, example) in ascend(&network, weights, &boxes, &origins, &mut rng).into_iter().zip(chunk) {
            moved.push(Example { tensor, ..(*example).clone() });
        }
    }
    moved
}

/// How far a column may go, in raw units.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// Furthest from where it was; 0 where it does not move.
    reach: f32,
    /// Least and most it can be.
    range: (f32, f32),
    /// What it is where it is not known.
    unknown: f32,
}

struct Boxes {
    nodes: Vec<Column>,
    links: Vec<Column>,
    payments: Vec<Column>,
}

fn columns(features: &[Feature], weights: &Weights, table: &str, epsilon: f32) -> Vec<Column> {
    let scales = &weights.array(&format!("{table}.scale")).values;
    assert_eq!(features.len(), scales.len(), "the network reads the columns of this build");
    let column = |(feature, scale): (&Feature, &f32)| match range(feature) {
        Some(range) => Column { reach: epsilon / scale, range, unknown: feature.default },
        None => Column { reach: 0.0, range: (0.0, 0.0), unknown: feature.default },
    };
    features.iter().zip(scales).map(column).collect()
}

/// Range of a column that takes any value between two others; none for counts, flags and angles.
fn range(feature: &Feature) -> Option<(f32, f32)> {
    match feature.unit {
        "log2(1+s)" | "log2(1+major units)" | "log2(1+ratio)" => Some((0.0, f32::MAX)),
        "share 0..1" => Some((0.0, 1.0)),
        "log2 ratio" | "standard deviations" => Some((f32::MIN, f32::MAX)),
        _ => None,
    }
}

/// The best point on the way from each of these payments.
fn ascend(
    network: &Network,
    weights: &Weights,
    boxes: &Boxes,
    origins: &[&Tensor],
    rng: &mut ChaCha8Rng,
) -> Vec<Tensor> {
    let mut best: Vec<(f32, Tensor)> = origins.iter().map(|&tensor| (f32::NEG_INFINITY, tensor.clone())).collect();
    let mut now: Vec<Tensor> = origins.iter().map(|&tensor| tensor.clone()).collect();
    for step in 0..=STEPS {
        let slopes = slopes(network, weights, &now);
        for (payment, tensor) in now.iter_mut().enumerate() {
            if slopes.logits[payment] > best[payment].0 {
                best[payment] = (slopes.logits[payment], tensor.clone());
            }
            if step < STEPS {
                // From the payment itself a draw decides where the slope is nought, so that flat places are left.
                let mut direction = |slope: f32| match slope {
                    slope if slope > 0.0 => STEP,
                    slope if slope < 0.0 => -STEP,
                    _ if step == 0 => STEP * (2.0 * unit(rng) - 1.0),
                    _ => 0.0,
                };
                climb(tensor, origins[payment], payment, boxes, &slopes, &mut direction);
            }
        }
    }
    best.into_iter().map(|(_, tensor)| tensor).collect()
}

/// Logits of payments and their derivatives by everything that is read, padded as a [`Batch`].
struct Slopes {
    logits: Vec<f32>,
    /// `[B·128, 64]`
    nodes: Vec<f32>,
    /// `[B·41·K, 16]`
    links: Vec<f32>,
    /// `[B, T]`
    payments: Vec<f32>,
}

fn slopes(network: &Network, weights: &Weights, tensors: &[Tensor]) -> Slopes {
    let mut batch = Batch::default();
    batch.fill(&tensors.iter().collect::<Vec<_>>());
    let mut input = NetworkInput::new(&batch, weights, &Device::flex());
    let follow = |tensor: DeviceTensor<2>| tensor.autodiff().require_grad();
    input.nodes = follow(input.nodes);
    input.links = follow(input.links);
    input.age = follow(input.age);
    input.payments = follow(input.payments);
    let logit = network.forward(&input).logit;
    let logits = values(logit.clone());
    let gradients = logit.sum().backward();
    let slope = |tensor: &DeviceTensor<2>| {
        tensor.grad(&gradients).map_or_else(|| vec![0.0; tensor.shape().num_elements()], values)
    };
    let mut links = slope(&input.links);
    // Column 0 is read twice: standardised, and as it is by the time encoding.
    let scale = weights.array("link.scale").values[0];
    for (link, age) in links.chunks_exact_mut(EDGE_WIDTH).zip(slope(&input.age)) {
        link[0] += age / scale;
    }
    Slopes { logits, nodes: slope(&input.nodes), links, payments: slope(&input.payments) }
}

/// One step of a payment from where it is, within the box around where it was.
fn climb(
    tensor: &mut Tensor,
    origin: &Tensor,
    payment: usize,
    boxes: &Boxes,
    slopes: &Slopes,
    direction: &mut dyn FnMut(f32) -> f32,
) {
    let mut half_row = |row: &mut [f16], before: &[f16], slopes: &[f32], columns: &[Column]| {
        for (((value, before), slope), column) in row.iter_mut().zip(before).zip(slopes).zip(columns) {
            let (from, home) = (value.to_f32(), before.to_f32());
            if let Some(to) = column.step(from, home, || direction(*slope)) {
                *value = within(*before, to, column.reach);
            }
        }
    };
    let slots =
        HOP_OFFSET.iter().zip(tensor.hop_counts).flat_map(|(&offset, count)| offset..offset + usize::from(count));
    let slots: Vec<usize> = slots.collect();
    let rows = tensor.nodes.chunks_exact_mut(NODE_WIDTH).zip(origin.nodes.chunks_exact(NODE_WIDTH));
    for ((row, before), slot) in rows.zip(&slots) {
        let at = (payment * MAX_NODES + slot) * NODE_WIDTH;
        half_row(row, before, &slopes.nodes[at..at + NODE_WIDTH], &boxes.nodes);
    }
    let mut start = 0;
    for (&end, slot) in tensor.row_ends.iter().zip(&slots) {
        for link in start..usize::from(end) {
            let at = ((payment * MAX_ROWS + slot) * MAX_LINKS + link - start) * EDGE_WIDTH;
            let here = link * EDGE_WIDTH..(link + 1) * EDGE_WIDTH;
            let (row, before) = (&mut tensor.edges[here.clone()], &origin.edges[here]);
            half_row(row, before, &slopes.links[at..at + EDGE_WIDTH], &boxes.links);
        }
        start = usize::from(end);
    }
    let width = tensor.payment.len();
    let slopes = &slopes.payments[payment * width..(payment + 1) * width];
    for (((value, &home), slope), column) in
        tensor.payment.iter_mut().zip(&origin.payment).zip(slopes).zip(&boxes.payments)
    {
        if let Some(to) = column.step(*value, home, || direction(*slope)) {
            *value = to;
        }
    }
}

impl Column {
    /// Where a step leads; none where the column stays.
    fn step(&self, from: f32, home: f32, direction: impl FnOnce() -> f32) -> Option<f32> {
        if self.reach == 0.0 || home == self.unknown || !home.is_finite() {
            return None;
        }
        let to = (from + self.reach * direction()).clamp(home - self.reach, home + self.reach);
        // A value outside its unit's range is not ours to mend.
        let (least, most) = (self.range.0.min(home), self.range.1.max(home));
        Some(to.clamp(least, most))
    }
}

/// The half-precision value nearest to `to` that lies within `reach` of `home`.
fn within(home: f16, to: f32, reach: f32) -> f16 {
    let rounded = f16::from_f32(to);
    if (rounded.to_f32() - home.to_f32()).abs() <= reach {
        return rounded;
    }
    // Rounding led out of the box: one place back, which is at worst home itself.
    let up = rounded < home;
    let bits = rounded.to_bits();
    match (rounded.to_f32() == 0.0, (rounded > f16::ZERO) == up) {
        (true, _) => f16::from_bits(if up { 1 } else { 0x8001 }),
        (false, true) => f16::from_bits(bits + 1),
        (false, false) => f16::from_bits(bits - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_stay_within_reach_whichever_way_they_round() {
        for home in [-3.0f32, -0.001, 0.0, 0.3, 1.0, 12.7] {
            let home = f16::from_f32(home);
            for tenths in -40..=40 {
                let to = home.to_f32() + 0.1 * tenths as f32 / 40.0;
                let found = within(home, to, 0.1).to_f32();
                assert!((found - home.to_f32()).abs() <= 0.1, "{home} to {to}: {found}");
                assert!((found - to).abs() <= 0.02, "{home} to {to}: {found}");
            }
        }
    }

    #[test]
    fn counts_flags_and_angles_have_no_range() {
        let moving = |features: &[Feature]| features.iter().filter(|feature| range(feature).is_some()).count();
        let (nodes, links, payments) = (moving(node_features()), moving(edge_features()), moving(payment_features()));
        assert!(nodes > 20 && links > 3 && payments > 60, "{nodes}, {links}, {payments}");
        for feature in payment_features().iter().chain(node_features()).chain(edge_features()) {
            let whole = ["log2(1+count)", "0 or 1", "sine", "cosine"].contains(&feature.unit)
                || feature.unit.starts_with("number");
            assert_eq!(range(feature).is_none(), whole, "{} in {}", feature.name, feature.unit);
        }
    }
}
