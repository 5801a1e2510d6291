//! The graph as columns, and back: what comes back hashes like what was put away and goes on like it, for ever.
//!
//! Map: `order` (who is alive, in order of activity, and which numbers are free), `entities`, `edges`, `transactions`, `links`.
//!
//! Saved is what cannot be derived: records by number, orders, free numbers. Degrees and rings follow from the edges in their order of
//! activity (a ring is the newest 16 of them), and hash indexes from the records, so `links` and `Shards::fill` make them anew: they
//! cannot disagree with what they are derived from, and reading them in with all checks would take as long. Whatever a restored graph
//! indexes with, counts down or asserts later is checked here.
//!
//! Cost: 44 bytes an edge, about 60 an entity, 82 a transaction.

mod edges;
mod entities;
mod links;
mod order;
mod transactions;

use crate::entity::SLOTS;
use crate::parties::ROLE_COUNT;
use crate::parts::{PartReader, PartWriter};
use crate::rings::RING;
use crate::{ColumnReader, ColumnWriter, Graph, Limits, RestoreError};
use order::Order;

/// Counts up whenever a column below comes to mean something else, or the same events would fold to another graph.
const LAYOUT: u32 = 1;

/// What has to be equal for a graph to be understood.
const SHAPE: [u32; 4] = [LAYOUT, SLOTS as u32, RING, ROLE_COUNT as u32];

/// No counter of a restored graph is near its end, so that counting on never overflows.
const MOST: u64 = 1 << 62;
/// The same for 32-bit counters that are not saturating.
const MOST_REPORTS: u32 = 1 << 31;

impl Graph {
    /// Writes the whole graph, column by column, large arrays in parts.
    pub fn save<W: ColumnWriter>(&self, writer: &mut W) -> Result<(), W::Error> {
        let mut head = PartWriter::new(writer, 0);
        head.words("graph.shape", SHAPE)?;
        head.words("graph.limits", words_of(&self.limits))?;
        head.words("graph.clock", [self.now_s])?;
        head.longs("graph.evicted", self.evicted().into_iter().flatten())?;
        order::save(
            writer,
            "entities",
            self.entities.oldest_first(),
            self.entities.free_numbers().map(|free| free.number),
        )?;
        entities::save(&self.entities, writer)?;
        order::save(writer, "edges", self.edges.oldest_first(), self.edges.free_numbers())?;
        edges::save(&self.edges, writer)?;
        transactions::save(&self.transactions, writer)
    }

    /// Brings a graph back. The limits must be those it was saved with. Everything read is checked: what is damaged is an error that
    /// names the column, never a panic.
    pub fn restore<R: ColumnReader>(limits: Limits, reader: &mut R) -> Result<Graph, RestoreError> {
        let mut graph = Graph::new(limits);
        let mut head = PartReader::new(reader, 0);
        let shape = head.words("graph.shape", SHAPE.len())?;
        if shape != SHAPE {
            let reason = format_args!("written as {shape:?}, this program reads {SHAPE:?}");
            return Err(head.incompatible("graph.shape", reason));
        }
        let (saved, wanted) = (head.words("graph.limits", 4)?, words_of(&graph.limits));
        if saved != wanted {
            let reason = format_args!(
                "entities, edges, transactions and age were limited to {saved:?} and are now to {wanted:?}"
            );
            return Err(head.incompatible("graph.limits", reason));
        }
        let now_s = head.words("graph.clock", 1)?[0];
        let evicted = head.longs("graph.evicted", 6)?;
        if evicted.iter().any(|&count| count >= MOST) {
            return Err(head.damaged("graph.evicted", "more left than can ever have come"));
        }
        graph.now_s = now_s;
        graph.set_evicted(std::array::from_fn(|row| [evicted[2 * row], evicted[2 * row + 1]]));

        let order = Order::read(reader, "entities", graph.limits.max_entities)?;
        graph.entities = entities::restore(reader, &order, now_s)?;
        let entities_alive = order.alive;
        let order = Order::read(reader, "edges", graph.limits.max_edges)?;
        graph.edges = edges::restore(reader, &order, &entities_alive, now_s)?;
        graph.rings = links::connect(&mut graph.entities, &graph.edges, &order)?;
        graph.transactions = transactions::restore(reader, &graph)?;
        Ok(graph)
    }
}

fn words_of(limits: &Limits) -> [u32; 4] {
    [limits.max_entities, limits.max_edges, limits.max_transactions, limits.max_age_s]
}
