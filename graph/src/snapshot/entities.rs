//! Entities by number. Of a free number the record is kept as well: it carries the generation, and who still asks for it gets the
//! answer it got before.

use super::MOST_REPORTS;
use super::order::Order;
use crate::entities::{Entities, Entity};
use crate::entity::SLOTS;
use crate::key::entity_key;
use crate::parts::{PartReader, PartWriter, parts};
use crate::rings::EMPTY;
use crate::{ColumnReader, ColumnWriter, Kind, RestoreError};

pub(super) fn save<W: ColumnWriter>(entities: &Entities, writer: &mut W) -> Result<(), W::Error> {
    for (number, part) in parts(entities.numbers()) {
        let mut out = PartWriter::new(writer, number);
        let records = part.clone().map(|number| entities.get(number));
        out.bytes("entities.kind", records.clone().map(|record| record.kind as u8))?;
        out.longs("entities.key", records.clone().map(|record| record.key))?;
        out.words("entities.generation", records.clone().map(|record| record.generation))?;
        out.words("entities.first_s", records.clone().map(|record| record.first_s))?;
        out.words("entities.last_s", records.clone().map(|record| record.last_s))?;
        out.words("entities.payments", records.clone().map(|record| record.payments))?;
        out.words("entities.reported", records.map(|record| record.reported))?;
        let names = part.map(|number| entities.name(number));
        out.words("entities.tenant_len", names.clone().map(|(_, tenant_len)| tenant_len))?;
        out.words("entities.name_len", names.clone().map(|(name, _)| name.len() as u32))?;
        let mut text = Vec::new();
        names.for_each(|(name, _)| text.extend_from_slice(name));
        out.bytes("entities.name", text)?;
    }
    Ok(())
}

pub(super) fn restore<R: ColumnReader>(reader: &mut R, order: &Order, now_s: u32) -> Result<Entities, RestoreError> {
    let mut entities = Entities::new();
    for (number, part) in parts(order.numbers()) {
        restore_part(
            &mut PartReader::new(reader, number),
            &order.alive[part.start as usize..part.end as usize],
            now_s,
            &mut entities,
        )?;
    }
    order.check_activity("entities.last_s", |number| entities.get(number).last_s)?;
    entities
        .link_saved(&order.live, &order.free)
        .map_err(|number| RestoreError::damaged("entities.name", format_args!("entity {number} is there twice")))?;
    Ok(entities)
}

fn restore_part<R: ColumnReader>(
    part: &mut PartReader<'_, R>,
    alive: &[bool],
    now_s: u32,
    entities: &mut Entities,
) -> Result<(), RestoreError> {
    let rows = alive.len();
    let kinds = part.bytes("entities.kind", rows)?;
    let keys = part.longs("entities.key", rows)?;
    let generations = part.words("entities.generation", rows)?;
    let first_s = part.words("entities.first_s", rows)?;
    let last_s = part.words("entities.last_s", rows)?;
    let payments = part.words("entities.payments", rows)?;
    let reported = part.words("entities.reported", rows)?;
    let tenant_lens = part.words("entities.tenant_len", rows)?;
    let name_lens = part.words("entities.name_len", rows)?;
    let text_len = name_lens.iter().map(|&len| len as usize).sum();
    let text = part.bytes("entities.name", text_len)?;

    let mut rest = &text[..];
    for row in 0..rows {
        let wrong = |column: &str, what: &str| part.damaged(column, format_args!("{what} in row {row}"));
        let kind = kind(kinds[row]).ok_or_else(|| wrong("entities.kind", "there is no such kind"))?;
        if first_s[row] > last_s[row] || last_s[row] > now_s {
            return Err(wrong("entities.last_s", "it was active before it came or after the clock"));
        }
        if reported[row] > payments[row] || reported[row] > MOST_REPORTS {
            return Err(wrong("entities.reported", "more reports than payments"));
        }
        let (name, behind) = rest.split_at(name_lens[row] as usize);
        rest = behind;
        let (tenant, identifier) = name
            .split_at_checked(tenant_lens[row] as usize)
            .and_then(|(tenant, identifier)| Some((str::from_utf8(tenant).ok()?, str::from_utf8(identifier).ok()?)))
            .ok_or_else(|| wrong("entities.name", "no name"))?;
        if alive[row] && entity_key(tenant, kind, identifier) != keys[row] {
            return Err(wrong("entities.key", "the key is of another name"));
        }
        if !alive[row] && !name.is_empty() {
            return Err(wrong("entities.name", "a free number has a name"));
        }
        let record = Entity {
            key: keys[row],
            degree: [0; SLOTS],
            ring: [EMPTY; SLOTS],
            generation: generations[row],
            first_s: first_s[row],
            last_s: last_s[row],
            payments: payments[row],
            reported: reported[row],
            kind,
            alive: alive[row],
        };
        entities.push_saved(record, tenant, identifier);
    }
    Ok(())
}

fn kind(code: u8) -> Option<Kind> {
    Kind::ALL.into_iter().find(|&kind| kind as u8 == code)
}
