//! Transactions, oldest first. Nobody outside sees their numbers, so they are numbered anew, without gaps.

use std::ops::Range;

use crate::parties::{PAIRS, ROLE_COUNT, ROLES};
use crate::parts::{PartReader, PartWriter, parts};
use crate::transactions::{Standing, Transaction, Transactions};
use crate::{ColumnReader, ColumnWriter, EntityRef, Graph, LabelSource, PART_ROWS, RestoreError, UNSEEN};

/// Label code of a transaction without one; others are the source's number.
const NO_LABEL: u8 = 0;
const SOURCES: [LabelSource; 4] =
    [LabelSource::CustomerReport, LabelSource::EarlyFraudWarning, LabelSource::Analyst, LabelSource::Chargeback];
/// Transactions whose entities are asked for together.
const BATCH: usize = 32;

pub(super) fn save<W: ColumnWriter>(transactions: &Transactions, writer: &mut W) -> Result<(), W::Error> {
    PartWriter::new(writer, 0).words("transactions.len", [transactions.live()])?;
    let mut all = transactions.oldest_first();
    for (number, _) in parts(transactions.live()) {
        let part: Vec<&Transaction> = all.by_ref().take(PART_ROWS).collect();
        let (mut out, part) = (PartWriter::new(writer, number), part.iter());
        let parties = part.clone().flat_map(|transaction| transaction.parties);
        let labels = part.clone().map(|transaction| transaction.label);
        out.longs("transactions.key", part.clone().flat_map(|transaction| transaction.key))?;
        out.longs("transactions.position", part.clone().map(|transaction| transaction.position))?;
        out.longs("transactions.amount", part.clone().map(|transaction| transaction.amount))?;
        out.words("transactions.at_s", part.map(|transaction| transaction.at_s))?;
        out.words("transactions.party", parties.clone().map(|party| party.map_or(UNSEEN, |party| party.number)))?;
        out.words("transactions.party_generation", parties.map(|party| party.map_or(0, |party| party.generation)))?;
        out.bytes(
            "transactions.label",
            labels.clone().map(|label| label.map_or(NO_LABEL, |label| label.source as u8)),
        )?;
        out.bytes("transactions.fraud", labels.clone().map(|label| label.is_some_and(|label| label.fraud).into()))?;
        out.words("transactions.label_since_s", labels.map(|label| label.map_or(0, |label| label.since_s)))?;
    }
    Ok(())
}

/// The transactions of a graph that has its entities and edges already.
pub(super) fn restore<R: ColumnReader>(reader: &mut R, graph: &Graph) -> Result<Transactions, RestoreError> {
    let len = PartReader::new(reader, 0).words("transactions.len", 1)?[0];
    if len > graph.limits.max_transactions {
        return Err(RestoreError::damaged("transactions.len", format_args!("{len} are more than the limit allows")));
    }
    let (mut transactions, mut reports) = (Transactions::new(), Reports::default());
    let mut last = (0, 0);
    for (number, part) in parts(len) {
        let mut part_reader = PartReader::new(reader, number);
        let rows = Rows::read(&mut part_reader, part.len())?;
        for first in (0..part.len()).step_by(BATCH) {
            let batch = first..part.len().min(first + BATCH);
            rows.prefetch(batch.clone(), graph);
            for row in batch {
                let transaction = rows
                    .transaction(row, graph)
                    .map_err(|(column, what)| part_reader.damaged(column, format_args!("{what} in row {row}")))?;
                let place = (transaction.at_s, transaction.position);
                if place < last {
                    return Err(part_reader.damaged("transactions.at_s", format_args!("out of order in row {row}")));
                }
                last = place;
                reports.count(&transaction, graph);
                transactions.push_saved(transaction);
            }
        }
    }
    transactions.link_saved().map_err(|number| {
        RestoreError::damaged("transactions.key", format_args!("transaction {number} is there twice"))
    })?;
    reports.check(graph)?;
    Ok(transactions)
}

/// The columns of a part.
struct Rows {
    keys: Vec<u64>,
    positions: Vec<u64>,
    amounts: Vec<u64>,
    at_s: Vec<u32>,
    parties: Vec<u32>,
    generations: Vec<u32>,
    labels: Vec<u8>,
    fraud: Vec<u8>,
    since_s: Vec<u32>,
}

/// A column and what is wrong with it.
type Wrong = (&'static str, &'static str);

impl Rows {
    fn read<R: ColumnReader>(part: &mut PartReader<'_, R>, rows: usize) -> Result<Rows, RestoreError> {
        Ok(Rows {
            keys: part.longs("transactions.key", 2 * rows)?,
            positions: part.longs("transactions.position", rows)?,
            amounts: part.longs("transactions.amount", rows)?,
            at_s: part.words("transactions.at_s", rows)?,
            parties: part.words("transactions.party", ROLE_COUNT * rows)?,
            generations: part.words("transactions.party_generation", ROLE_COUNT * rows)?,
            labels: part.bytes("transactions.label", rows)?,
            fraud: part.bytes("transactions.fraud", rows)?,
            since_s: part.words("transactions.label_since_s", rows)?,
        })
    }

    /// Asks for the entities of some transactions.
    fn prefetch(&self, rows: Range<usize>, graph: &Graph) {
        let parties = &self.parties[ROLE_COUNT * rows.start..ROLE_COUNT * rows.end];
        for &number in parties.iter().filter(|&&number| number < graph.entities.numbers()) {
            graph.entities.prefetch(number);
        }
    }

    fn transaction(&self, row: usize, graph: &Graph) -> Result<Transaction, Wrong> {
        if self.at_s[row] > graph.now_s || self.since_s[row] > graph.now_s {
            return Err(("transactions.at_s", "a time after the clock"));
        }
        let mut parties = [None; ROLE_COUNT];
        for (role, kind) in ROLES.into_iter().enumerate() {
            let place = ROLE_COUNT * row + role;
            let party = EntityRef { number: self.parties[place], generation: self.generations[place] };
            if party.number == UNSEEN {
                if party.generation != 0 || role == 0 {
                    return Err(("transactions.party", "a generation of nobody or no account"));
                }
                continue;
            }
            if graph.entities.is_current(party) && graph.entities.get(party.number).kind != kind {
                return Err(("transactions.party", "an entity of another kind"));
            }
            parties[role] = Some(party);
        }
        let (key, position) = ([self.keys[2 * row], self.keys[2 * row + 1]], self.positions[row]);
        let mut transaction = Transaction::new(key, position, self.amounts[row], parties, self.at_s[row]);
        transaction.label = self.label(row)?;
        Ok(transaction)
    }

    fn label(&self, row: usize) -> Result<Option<Standing>, Wrong> {
        let (code, fraud, since_s) = (self.labels[row], self.fraud[row], self.since_s[row]);
        match SOURCES.into_iter().find(|&source| source as u8 == code) {
            Some(source) if fraud <= 1 => Ok(Some(Standing { source, fraud: fraud == 1, since_s })),
            None if code == NO_LABEL && fraud == 0 && since_s == 0 => Ok(None),
            _ => Err(("transactions.label", "there is no such label")),
        }
    }
}

/// Reports that may still be taken back: whoever they are counted in must have counted at least as many.
#[derive(Default)]
struct Reports {
    entities: Vec<u32>,
    edges: Vec<u32>,
}

impl Reports {
    fn count(&mut self, transaction: &Transaction, graph: &Graph) {
        if !transaction.label.is_some_and(|label| label.fraud) {
            return;
        }
        let parties = transaction.parties.map(|party| party.filter(|&party| graph.entities.is_current(party)));
        self.entities.extend(parties.iter().flatten().map(|party| party.number));
        for (a, b) in PAIRS {
            let (Some(a), Some(b)) = (parties[a], parties[b]) else { continue };
            let edge = graph.edges.find(a.number, b.number);
            self.edges.extend(edge.filter(|&edge| graph.edges.facts(edge).source <= transaction.position));
        }
    }

    fn check(mut self, graph: &Graph) -> Result<(), RestoreError> {
        self.entities.sort_unstable();
        self.edges.sort_unstable();
        let short = |numbers: &[u32], counted: &dyn Fn(u32) -> u32| {
            numbers.chunk_by(|a, b| a == b).find(|same| same.len() > counted(same[0]) as usize).map(|same| same[0])
        };
        if let Some(number) = short(&self.entities, &|number| graph.entities.get(number).reported) {
            let reason = format_args!("entity {number} has fewer reports than labels that stand");
            return Err(RestoreError::damaged("entities.reported", reason));
        }
        if let Some(number) = short(&self.edges, &|number| graph.edges.facts(number).reported) {
            let reason = format_args!("edge {number} has fewer reports than labels that stand");
            return Err(RestoreError::damaged("edges.reported", reason));
        }
        Ok(())
    }
}
