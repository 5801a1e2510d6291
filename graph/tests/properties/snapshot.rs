//! A graph put away and brought back goes on as if nothing had happened.

use crate::stream::{events, steps};
use fraudnet_graph::{Body, Column, ColumnReader, ColumnWriter, Graph, Limits, RestoreError, Subgraph};
use proptest::prelude::*;
use std::convert::Infallible;

/// Columns in the order they were written; given back in that order.
#[derive(Default)]
struct Kept(std::collections::VecDeque<(String, Column)>);

impl ColumnWriter for Kept {
    type Error = Infallible;

    fn column(&mut self, name: &str, column: Column) -> Result<(), Infallible> {
        self.0.push_back((name.to_owned(), column));
        Ok(())
    }
}

impl ColumnReader for Kept {
    fn column(&mut self, name: &str) -> Result<Column, RestoreError> {
        match self.0.pop_front() {
            Some((kept, column)) if kept == name => Ok(column),
            _ => Err(RestoreError::unreadable(name, "it is not there")),
        }
    }
}

fn through_columns(graph: &Graph, limits: Limits) -> Graph {
    let mut kept = Kept::default();
    graph.save(&mut kept).unwrap_or_else(|never| match never {});
    Graph::restore(limits, &mut kept).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_comes_back_whatever_left_before(
        log in steps(1..160), cut in any::<prop::sample::Index>(),
        max_entities in 0u32..14, max_edges in 0u32..20, max_transactions in 0u32..20, max_age_s in 0u32..600,
    ) {
        let limits = Limits { max_entities, max_edges, max_transactions, max_age_s };
        let cut = cut.index(log.len());
        let (mut whole, mut back) = (Graph::new(limits), Graph::new(limits));
        let (mut sample, mut again) = (Subgraph::default(), Subgraph::default());
        for (position, event) in events(&log).iter().enumerate() {
            if position == cut {
                back = through_columns(&back, limits);
            }
            if matches!(event.body, Body::Payment(_)) {
                whole.sample(event, &mut sample);
                back.sample(event, &mut again);
                prop_assert_eq!(&sample, &again, "at {}", position);
            }
            prop_assert_eq!(whole.apply(position as u64, event), back.apply(position as u64, event), "at {}", position);
            if let Err(wrong) = back.check_invariants() {
                prop_assert!(false, "{} at {}", wrong, position);
            }
        }
        prop_assert_eq!(whole.state_hash(), back.state_hash());
    }
}
