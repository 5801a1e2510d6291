//! Edges by number. What stands under a free number is written and read like the rest and never looked at again.

use super::MOST_REPORTS;
use super::order::Order;
use crate::edges::Edges;
use crate::parts::{PartReader, PartWriter, parts};
use crate::{ColumnReader, ColumnWriter, EdgeFacts, RestoreError};

pub(super) fn save<W: ColumnWriter>(edges: &Edges, writer: &mut W) -> Result<(), W::Error> {
    for (number, part) in parts(edges.numbers()) {
        let mut out = PartWriter::new(writer, number);
        out.words("edges.a", part.clone().map(|number| edges.ends(number).a))?;
        out.words("edges.b", part.clone().map(|number| edges.ends(number).b))?;
        let facts = part.map(|number| edges.facts(number));
        out.words("edges.first_s", facts.clone().map(|facts| facts.first_s))?;
        out.words("edges.last_s", facts.clone().map(|facts| facts.last_s))?;
        out.words("edges.count", facts.clone().map(|facts| facts.count))?;
        out.words("edges.reported", facts.clone().map(|facts| facts.reported))?;
        out.longs("edges.amount", facts.clone().map(|facts| facts.amount))?;
        out.longs("edges.source", facts.map(|facts| facts.source))?;
    }
    Ok(())
}

/// The edges, each between two entities that are alive; of which kinds these are is for `links` to see.
pub(super) fn restore<R: ColumnReader>(
    reader: &mut R,
    order: &Order,
    entities_alive: &[bool],
    now_s: u32,
) -> Result<Edges, RestoreError> {
    let mut edges = Edges::new();
    for (number, part) in parts(order.numbers()) {
        let alive = &order.alive[part.start as usize..part.end as usize];
        restore_part(&mut PartReader::new(reader, number), alive, entities_alive, now_s, &mut edges)?;
    }
    order.check_activity("edges.last_s", |number| edges.facts(number).last_s)?;
    edges
        .link_saved(&order.live, &order.free, &order.alive)
        .map_err(|number| RestoreError::damaged("edges.a", format_args!("edge {number} is there twice")))?;
    Ok(edges)
}

fn restore_part<R: ColumnReader>(
    part: &mut PartReader<'_, R>,
    alive: &[bool],
    entities_alive: &[bool],
    now_s: u32,
    edges: &mut Edges,
) -> Result<(), RestoreError> {
    let rows = alive.len();
    let (a, b) = (part.words("edges.a", rows)?, part.words("edges.b", rows)?);
    let (first_s, last_s) = (part.words("edges.first_s", rows)?, part.words("edges.last_s", rows)?);
    let (count, reported) = (part.words("edges.count", rows)?, part.words("edges.reported", rows)?);
    let (amount, source) = (part.longs("edges.amount", rows)?, part.longs("edges.source", rows)?);
    let is_alive = |entity: u32| entities_alive.get(entity as usize) == Some(&true);
    for row in 0..rows {
        let wrong = |column: &str, what: &str| part.damaged(column, format_args!("{what} in row {row}"));
        let facts = EdgeFacts {
            first_s: first_s[row],
            last_s: last_s[row],
            count: count[row],
            reported: reported[row],
            amount: amount[row],
            source: source[row],
        };
        if alive[row] {
            if a[row] == b[row] || !is_alive(a[row]) || !is_alive(b[row]) {
                return Err(wrong("edges.b", "an edge does not join two entities"));
            }
            if facts.first_s > facts.last_s || facts.last_s > now_s {
                return Err(wrong("edges.last_s", "it was active before it came or after the clock"));
            }
            if facts.reported > facts.count || facts.reported > MOST_REPORTS {
                return Err(wrong("edges.reported", "more reports than payments"));
            }
        }
        edges.push_saved(a[row], b[row], facts);
    }
    Ok(())
}
