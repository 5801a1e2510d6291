//! Degrees and rings, made anew from the edges in their order of activity.
//!
//! Cost: an edge reads its ends and two entities and writes into two rings, nearly all of it cold. So edges are taken in small batches, and
//! each batch asks for all of one kind before the first is read: about 0.1 µs an edge.

use super::order::Order;
use crate::edges::Edges;
use crate::entities::Entities;
use crate::entity::{SLOTS, slot};
use crate::rings::{Entry, RING, Rings};
use crate::{Relation, RestoreError};

/// Edges whose memory is asked for together.
const BATCH: usize = 32;

/// Gives every entity its degrees and its rings.
pub(super) fn connect(entities: &mut Entities, edges: &Edges, order: &Order) -> Result<Rings, RestoreError> {
    let live: Vec<u32> = (0..order.numbers()).filter(|&number| order.alive[number as usize]).collect();
    for batch in live.chunks(BATCH) {
        for &edge in batch {
            prefetch_ends(entities, edges, edge);
        }
        for &edge in batch {
            count_degrees(entities, edges, edge)?;
        }
    }
    let mut rings = Rings::new();
    for number in 0..entities.numbers() {
        let record = entities.get_mut(number);
        for slot in 0..SLOTS {
            record.ring[slot] = rings.room(record.degree[slot]);
        }
    }
    // How full each ring is so far; newest edges come first, and so they stand.
    let mut filled = vec![[0u8; SLOTS]; entities.numbers() as usize];
    for batch in order.live.rchunks(BATCH) {
        for &edge in batch {
            edges.prefetch_ends(edge);
        }
        for &edge in batch {
            prefetch_ends(entities, edges, edge);
        }
        for &edge in batch {
            for (this, _, slot) in sides(entities, edges, edge) {
                rings.prefetch(entities.get(this).ring[slot]);
            }
        }
        for &edge in batch.iter().rev() {
            for (this, neighbour, slot) in sides(entities, edges, edge) {
                let place = &mut filled[this as usize][slot];
                if u32::from(*place) < RING {
                    rings.put(entities.get(this).ring[slot], u32::from(*place), Entry { neighbour, edge });
                    *place += 1;
                }
            }
        }
    }
    Ok(rings)
}

fn prefetch_ends(entities: &Entities, edges: &Edges, edge: u32) {
    let ends = edges.ends(edge);
    entities.prefetch(ends.a);
    entities.prefetch(ends.b);
}

fn count_degrees(entities: &mut Entities, edges: &Edges, edge: u32) -> Result<(), RestoreError> {
    let (a, b) = (edges.ends(edge).a, edges.ends(edge).b);
    let (one, other) = (entities.get(a), entities.get(b));
    if Relation::between(one.kind, other.kind).is_none() {
        return Err(RestoreError::damaged("edges.b", format_args!("edge {edge} joins kinds without a relation")));
    }
    if edges.facts(edge).last_s > one.last_s.min(other.last_s) {
        return Err(RestoreError::damaged("edges.last_s", format_args!("edge {edge} was active after its ends")));
    }
    for (this, _, slot) in sides(entities, edges, edge) {
        entities.get_mut(this).degree[slot] += 1;
    }
    Ok(())
}

/// An edge as both its ends see it: the entity, its neighbour, and the slot in which it keeps it.
fn sides(entities: &Entities, edges: &Edges, edge: u32) -> [(u32, u32, usize); 2] {
    let (a, b) = (edges.ends(edge).a, edges.ends(edge).b);
    let (one, other) = (entities.get(a).kind, entities.get(b).kind);
    let relation = Relation::between(one, other).expect("degrees were counted, and every edge has a relation");
    [(a, b, slot(one, relation)), (b, a, slot(other, relation))]
}
