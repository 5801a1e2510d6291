//! Pulses by entity number, each field a column; sums of the four half-lives stand together. A record of stamp 0 was never used.

use super::cursor::are_sums;
use crate::pulse::Pulse;
use crate::slab::Slab;
use fraudnet_graph::{ColumnReader, ColumnWriter, Graph, PartReader, PartWriter, RestoreError, parts};

pub(super) fn save<W: ColumnWriter>(pulses: &Slab<Pulse>, numbers: u32, writer: &mut W) -> Result<(), W::Error> {
    for (number, part) in parts(numbers) {
        let mut out = PartWriter::new(writer, number);
        let all =
            part.map(|number| pulses.get(number).expect("an entity comes with a payment, which gives it a pulse"));
        out.words("pulses.stamp", all.clone().map(|pulse| pulse.stamp))?;
        out.words("pulses.decayed_s", all.clone().map(|pulse| pulse.decayed_s))?;
        out.words("pulses.paid_last_s", all.clone().map(|pulse| pulse.paid_last_s))?;
        out.words("pulses.gap_s", all.clone().map(|pulse| pulse.gap_s))?;
        out.words("pulses.received_last_s", all.clone().map(|pulse| pulse.received_last_s))?;
        out.words("pulses.paid_count", all.clone().map(|pulse| pulse.paid_count))?;
        out.floats("pulses.amount_mean", all.clone().map(|pulse| pulse.amount_mean))?;
        out.floats("pulses.amount_variance", all.clone().map(|pulse| pulse.amount_variance))?;
        let sums: [fn(&Pulse) -> &[f32; 4]; 4] =
            [|pulse| &pulse.paid, |pulse| &pulse.paid_amount, |pulse| &pulse.received, |pulse| &pulse.received_amount];
        for (name, sums) in SUMS.into_iter().zip(sums) {
            let mut column = Vec::with_capacity(4 * all.len());
            all.clone().for_each(|pulse| column.extend_from_slice(sums(pulse)));
            out.floats(name, column)?;
        }
    }
    Ok(())
}

const SUMS: [&str; 4] = ["pulses.paid", "pulses.paid_amount", "pulses.received", "pulses.received_amount"];

pub(super) fn restore<R: ColumnReader>(reader: &mut R, graph: &Graph) -> Result<Slab<Pulse>, RestoreError> {
    let mut pulses = Slab::default();
    for (number, part) in parts(graph.entity_numbers()) {
        restore_part(&mut PartReader::new(reader, number), part.start, part.len(), graph.now_s(), &mut pulses)?;
    }
    Ok(pulses)
}

fn restore_part<R: ColumnReader>(
    part: &mut PartReader<'_, R>,
    first: u32,
    rows: usize,
    now_s: u32,
    pulses: &mut Slab<Pulse>,
) -> Result<(), RestoreError> {
    let stamp = part.words("pulses.stamp", rows)?;
    let decayed_s = part.words("pulses.decayed_s", rows)?;
    let paid_last_s = part.words("pulses.paid_last_s", rows)?;
    let gap_s = part.words("pulses.gap_s", rows)?;
    let received_last_s = part.words("pulses.received_last_s", rows)?;
    let paid_count = part.words("pulses.paid_count", rows)?;
    let amount_mean = part.floats("pulses.amount_mean", rows)?;
    let amount_variance = part.floats("pulses.amount_variance", rows)?;
    let mut sums: [Vec<f32>; 4] = Default::default();
    for (name, sums) in SUMS.into_iter().zip(&mut sums) {
        *sums = part.floats(name, 4 * rows)?;
        if !are_sums(sums) {
            return Err(part.damaged(name, "a sum is negative or not finite"));
        }
    }
    let [paid, paid_amount, received, received_amount] = sums.each_ref().map(|sums| sums.as_chunks::<4>().0);
    for row in 0..rows {
        let pulse = Pulse {
            stamp: stamp[row],
            decayed_s: decayed_s[row],
            paid_last_s: paid_last_s[row],
            gap_s: gap_s[row],
            received_last_s: received_last_s[row],
            paid_count: paid_count[row],
            amount_mean: amount_mean[row],
            amount_variance: amount_variance[row],
            paid: paid[row],
            paid_amount: paid_amount[row],
            received: received[row],
            received_amount: received_amount[row],
        };
        let last_s = [pulse.decayed_s, pulse.paid_last_s, pulse.gap_s, pulse.received_last_s];
        if last_s.into_iter().any(|time_s| time_s > now_s) {
            return Err(part.damaged("pulses.decayed_s", format_args!("a time after the clock in row {row}")));
        }
        if !pulse.amount_mean.is_finite() || !pulse.amount_variance.is_finite() {
            return Err(part.damaged("pulses.amount_mean", format_args!("not finite in row {row}")));
        }
        if pulse.stamp == 0 {
            if pulse != Pulse::default() {
                return Err(part.damaged("pulses.stamp", format_args!("a record of nobody in row {row}")));
            }
            continue;
        }
        *pulses.at(first + row as u32) = pulse;
    }
    Ok(())
}
