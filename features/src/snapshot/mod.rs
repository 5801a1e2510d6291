//! The whole state as columns, and back: what comes back hashes like what was put away and goes on like it, for ever.
//!
//! Map: `pulses` and `ledgers` by entity number; what ledgers are made of, one value after the other: `windows`, `times`, `habits`
//! (and peaks); `cursor`, how such columns are read. The graph saves itself.
//!
//! Everything read is checked: lengths against the columns that state them, times against the graph's clock, lists for their order.
//! Sums that follow from their parts (ring totals) are not saved. Cost: 96 bytes a pulse, about 300 a ledger.
//! With 5 million edges, 0.4 million entities and 1.8 million transactions (565 MB) 1.0 s to save and 1.6 s to restore, and up to 2 s more
//! where the memory is taken from the system for the first time.

mod cursor;
mod habits;
mod ledgers;
mod pulses;
mod times;
mod windows;

use crate::State;
use crate::entity_facts::EntityFactsBook;
use crate::pulse::HALF_LIVES_S;
use crate::rings::{BUCKET_S, BUCKETS};
use crate::schema::FEATURE_CODE_VERSION;
use fraudnet_graph::{ColumnReader, ColumnWriter, Graph, Limits, PartReader, PartWriter, RestoreError};

/// Counts up whenever a column below comes to mean something else.
const LAYOUT: u32 = 1;
/// Words of [`shape`].
const SHAPE_WORDS: usize = 3 + BUCKET_S.len() + HALF_LIVES_S.len();

impl State {
    /// Writes the whole state, column by column; large arrays in parts, so that little memory is needed besides the state: some
    /// 64 MiB and 4 bytes an edge.
    pub fn save<W: ColumnWriter>(&self, writer: &mut W) -> Result<(), W::Error> {
        PartWriter::new(writer, 0).words("features.shape", shape())?;
        let (graph, book) = (self.graph(), self.book());
        graph.save(writer)?;
        pulses::save(&book.pulses, graph.entity_numbers(), writer)?;
        ledgers::save(&book.ledgers, graph.entity_numbers(), writer)
    }

    /// Brings a state back that hashes alike and goes on alike. The limits must be those it was saved with. Everything read is
    /// checked: a damaged column is an error that names it, never a panic, and no memory is taken for what a column only claims.
    pub fn restore<R: ColumnReader>(limits: Limits, reader: &mut R) -> Result<State, RestoreError> {
        let mut head = PartReader::new(reader, 0);
        let saved = head.words("features.shape", SHAPE_WORDS)?;
        if saved != shape() {
            let reason =
                format_args!("layout, feature code and windows were {saved:?}, this program's are {:?}", shape());
            return Err(head.incompatible("features.shape", reason));
        }
        let graph = Graph::restore(limits, reader)?;
        let pulses = pulses::restore(reader, &graph)?;
        let ledgers = ledgers::restore(reader, &graph)?;
        Ok(State::from_parts(graph, EntityFactsBook { pulses, ledgers }))
    }
}

/// What has to be equal for records to be understood, and to be what this program would have made of the same events.
fn shape() -> [u32; SHAPE_WORDS] {
    let mut shape = [LAYOUT, FEATURE_CODE_VERSION, BUCKETS, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    shape[3..8].copy_from_slice(&BUCKET_S);
    shape[8..].copy_from_slice(&HALF_LIVES_S.map(f32::to_bits));
    shape
}
