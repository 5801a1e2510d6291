//! No column stands in a row for nothing.

use crate::common::{AMPLE, Stream};
use fraudnet_features::{Compaction, EDGE_WIDTH, EMBEDDING_WIDTH, FeatureSet, NODE_WIDTH, State, Tensor, schema};
use fraudnet_graph::Applied;

/// Columns as vectors over a lively stream: none is constant, none a copy of another up to scale and offset.
#[test]
fn no_column_is_constant_or_a_copy_of_another() {
    let events = Stream { seed: 11, events: 9_000, accounts: 400, gap_s: 900 }.draw();
    let mut state = State::new(AMPLE);
    let mut tensor = Tensor::default();
    let mut compaction = Compaction::default();
    // The embedding is the network's: there is none here.
    let columns = FeatureSet::V3.features();
    let columns = &columns[..columns.len() - EMBEDDING_WIDTH];
    let width = columns.len();
    let (mut rows, mut nodes, mut edges) = (Vec::new(), Vec::new(), Vec::new());
    let mut observations = 0;
    for (position, event) in events.iter().enumerate() {
        if matches!(state.observe(position as u64, event, &mut tensor).applied, Applied::Payment { .. }) {
            compaction.add(&tensor);
            observations += 1;
            FeatureSet::V3.append(&tensor, &[0.0; EMBEDDING_WIDTH], &mut rows);
            rows.truncate(observations * width);
            if observations % 40 == 0 {
                nodes.extend(tensor.nodes.iter().map(|x| x.to_f32()));
                edges.extend(tensor.edges.iter().map(|x| x.to_f32()));
            }
        }
    }
    assert!(observations >= 5_000, "{observations} payments");
    check_columns(columns, &rows);
    check_columns(schema::node_features(), &nodes);
    check_columns(schema::edge_features(), &edges);
    assert_eq!((nodes.len() % NODE_WIDTH, edges.len() % EDGE_WIDTH), (0, 0));
    assert!(compaction.bytes_saved() >= 0.5 && compaction.nodes_saved() > 0.0, "{compaction}");
}

fn check_columns(features: &[schema::Feature], rows: &[f32]) {
    let width = features.len();
    let count = (rows.len() / width) as f64;
    let mut faults = Vec::new();
    let mut standard: Vec<Vec<f32>> = Vec::new();
    for (index, feature) in features.iter().enumerate() {
        let column: Vec<f64> = rows.iter().skip(index).step_by(width).map(|x| f64::from(*x)).collect();
        let mean = column.iter().sum::<f64>() / count;
        let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        if deviation <= 1e-4 {
            faults.push(format!("{} is constant", feature.name));
        }
        standard.push(column.iter().map(|x| ((x - mean) / deviation) as f32).collect());
    }
    for a in 0..width {
        for b in a + 1..width {
            if [1.0, -1.0].into_iter().any(|sign| correlated(&standard[a], &standard[b], sign)) {
                faults.push(format!("{} is a copy of {}", features[b].name, features[a].name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Whether two standardised columns, one of them times `sign`, correlate by 0.9999 or more: their squared distance, which only
/// grows from row to row, then stays within two in ten thousand a row.
fn correlated(a: &[f32], b: &[f32], sign: f32) -> bool {
    let most = 2.0 * (1.0 - 0.9999) * a.len() as f64;
    let mut distance = 0.0;
    a.iter().zip(b).all(|(x, y)| {
        distance += f64::from(x - sign * y).powi(2);
        distance <= most
    })
}
