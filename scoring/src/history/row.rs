//! A row of somebody's file as a payment, the truth about it, and the label that will tell it. About 0.5 µs, mostly copying names.
//!
//! Every value passes the bounds of the wire, so that whatever is read can be logged.

use super::Truth;
use super::cell::Cell;
use super::error::{Fault, kind};
use super::mapping::{Column, Known, LabelRule, Mapping, Optional, words};
use super::table::Table;
use crate::wire::{ChannelName, bounds, currency_exponent, holds_card_number};
use fraudnet_graph::{Body, Channel, Event, Label, LabelSource, Payment, SCHEMA_VERSION};
use std::collections::HashMap;
use std::sync::Arc;

/// Most values the scenario column may have.
const MAX_GROUPS: usize = 1_000;
/// `Event::source` of everything read from a file by a mapping.
const SOURCE: &str = "history";

/// What a row says.
pub(super) struct Row {
    pub(super) at_ms: i64,
    pub(super) payment: Payment,
    pub(super) truth: Option<Truth>,
    /// When and what the label tells, where there is one.
    pub(super) label: Option<(i64, bool)>,
}

/// Reads rows by one mapping.
pub(super) struct RowReader<'a> {
    pub(super) mapping: &'a Mapping,
    /// Names of groups seen, so that rows of one group share one text.
    pub(super) groups: &'a mut HashMap<String, Arc<str>>,
}

impl RowReader<'_> {
    /// Reads the table's current row.
    pub(super) fn read(&mut self, table: &Table) -> Result<Row, Fault> {
        let mapping = self.mapping;
        let at = |column: Column| table.cell(column);
        let blame = |column: Column| move |fault: Fault| fault.of(column, at(column).spelled());
        let looked_for = &mapping.card_numbers;
        let at_ms =
            required(at(mapping.time)).and_then(|cell| mapping.time_form.read(cell)).map_err(blame(mapping.time))?;
        let transaction_id = match mapping.transaction_id {
            None => format!("{}{}", mapping.row_prefix, table.row()),
            // As on the wire: a transaction id is the caller's own and often all digits.
            Some(column) => required(at(column)).and_then(|cell| name(cell, false)).map_err(blame(column))?,
        };
        let account = required(at(mapping.account)).and_then(|cell| name(cell, looked_for.account));
        let account = account.map_err(blame(mapping.account))?;
        let party = |column: Option<Column>, card_number_check: bool| {
            let Some(column) = column.filter(|&column| at(column) != Cell::Null) else { return Ok(None) };
            name(at(column), card_number_check).map(Some).map_err(blame(column))
        };
        let (currency, exponent) = code(table, &mapping.currency, "the currency", |text| {
            let code = bounds::currency(text)?;
            Ok((code, currency_exponent(code).unwrap_or(2)))
        })?
        .ok_or_else(|| absent(mapping.currency.column, "defaults.currency"))?;
        let amount = required(at(mapping.amount))
            .and_then(|cell| if mapping.amount_is_minor { cell.minor_amount() } else { cell.major_amount(exponent) });
        let channel = code(table, &mapping.channel, "the channel", |text| self.channel(text))?
            .ok_or_else(|| absent(mapping.channel.column, "defaults.channel"))?;
        let country = |optional| code(table, optional, "the country", bounds::country);
        let payment = Payment {
            transaction_id,
            account,
            device: party(mapping.device, looked_for.device)?,
            ip: party(mapping.ip, looked_for.ip)?,
            merchant: party(mapping.merchant, looked_for.merchant)?,
            counterparty: party(mapping.counterparty, looked_for.counterparty)?,
            amount_minor: amount.map_err(blame(mapping.amount))?,
            currency,
            channel,
            // Tables that keep codes as numbers lose the zeros in front.
            merchant_category: code(table, &mapping.merchant_category, "the category", |text| {
                bounds::merchant_category(&format!("{text:0>4}"))
            })?,
            account_country: country(&mapping.account_country)?,
            ip_country: country(&mapping.ip_country)?,
            merchant_country: country(&mapping.merchant_country)?,
        };
        let Some(rule) = &mapping.label else { return Ok(Row { at_ms, payment, truth: None, label: None }) };
        let told = verdict(rule, at(rule.column)).map_err(blame(rule.column))?;
        let label = match told {
            Some(fraud) if fraud || rule.legitimate => {
                known_at(mapping, rule, table, at_ms, fraud)?.map(|known_ms| (known_ms, fraud))
            }
            _ => None,
        };
        // No report is the sign of a legitimate payment.
        let truth = Some(Truth { fraud: told.unwrap_or(false), group: self.group(table)? });
        Ok(Row { at_ms, payment, truth, label })
    }

    fn channel(&self, text: &str) -> Result<Channel, bounds::Reason> {
        let found = self.mapping.channels.get(text).copied().or_else(|| ChannelName::value_of(text));
        found.ok_or_else(|| {
            let ours = words(ChannelName::WORDS);
            format!("is no channel that is known: give its meaning under [channels] in the mapping, one of {ours}")
                .into()
        })
    }

    fn group(&mut self, table: &Table) -> Result<Option<Arc<str>>, Fault> {
        let Some(rule) = &self.mapping.group else { return Ok(None) };
        let cell = table.cell(rule.column);
        let blame = |fault: Fault| fault.of(rule.column, cell.spelled());
        let Some(name) = cell.name().map_err(blame)? else { return Ok(None) };
        if let Some(known) = self.groups.get(name.as_ref()) {
            return Ok(Some(Arc::clone(known)));
        }
        if rule.none.iter().any(|none| *none == name) {
            return Ok(None);
        }
        bounds::identifier(&name).map_err(|reason| blame(Fault::new(kind::BAD_NAME, reason)))?;
        if self.groups.len() >= MAX_GROUPS {
            let reason =
                "is one more of over 1000 different scenarios: name a column with few values as report.scenario";
            return Err(blame(Fault::new(kind::UNKNOWN_WORD, reason)));
        }
        let group: Arc<str> = Arc::from(name.as_ref());
        self.groups.insert(name.into_owned(), Arc::clone(&group));
        Ok(Some(group))
    }
}

fn required(cell: Cell<'_>) -> Result<Cell<'_>, Fault> {
    match cell {
        Cell::Null => {
            Err(Fault::new(kind::MISSING, "is empty, and every payment needs it: fill it in or leave the row out"))
        }
        cell => Ok(cell),
    }
}

fn absent(column: Option<Column>, key: &str) -> Fault {
    let reason = format!("is empty: fill it in, leave the row out, or give {key} in the mapping");
    Fault { column, ..Fault::new(kind::MISSING, reason) }
}

/// An identifier; refused where it holds what looks like a card number and they are looked for.
fn name(cell: Cell<'_>, card_number_check: bool) -> Result<String, Fault> {
    let name = cell.name()?.unwrap_or_default();
    bounds::identifier(&name).map_err(|reason| Fault::new(kind::BAD_NAME, reason))?;
    if card_number_check && holds_card_number(&name) {
        return Err(Fault::new(
            kind::CARD_NUMBER,
            "holds what looks like a payment card number: put a token or a keyed hash in its place, or list the field under \
             card_number_exempt in the mapping",
        ));
    }
    Ok(name.into_owned())
}

/// A value of a closed set, or what stands in for it.
fn code<T: Copy>(
    table: &Table,
    optional: &Optional<T>,
    what: &str,
    check: impl FnOnce(&str) -> Result<T, bounds::Reason>,
) -> Result<Option<T>, Fault> {
    let Some(column) = optional.column else { return Ok(optional.default) };
    let cell = table.cell(column);
    let blame = |fault: Fault| fault.of(column, cell.spelled());
    match cell.name().map_err(blame)? {
        None => Ok(optional.default),
        Some(text) => check(&text).map(Some).map_err(|reason| {
            let reason = if reason.starts_with("must") { format!("{what} {reason}").into() } else { reason };
            blame(Fault::new(kind::UNKNOWN_WORD, reason))
        }),
    }
}

/// Fraud or not; `None` where nothing is told.
fn verdict(rule: &LabelRule, cell: Cell<'_>) -> Result<Option<bool>, Fault> {
    match (cell, &rule.frauds) {
        (Cell::Null, _) => Ok(None),
        (cell, Some(frauds)) => {
            let text = cell.name()?;
            Ok(text.map(|text| frauds.iter().any(|fraud| *fraud == text)))
        }
        (cell, None) => cell.verdict().map(Some).ok_or_else(|| {
            Fault::new(
                kind::NOT_A_LABEL,
                "must be 1 or 0, true or false, yes or no: mend it, or list the words for fraud as label.fraud_values in the mapping",
            )
        }),
    }
}

/// When a label becomes known. A fraud must have a time; a legitimate payment nobody spoke of has no label.
fn known_at(mapping: &Mapping, rule: &LabelRule, table: &Table, at_ms: i64, fraud: bool) -> Result<Option<i64>, Fault> {
    let column = match rule.known {
        Known::After(delay_ms) => return Ok(Some(at_ms + delay_ms)),
        Known::At(column) => column,
    };
    let cell = table.cell(column);
    let blame = |fault: Fault| fault.of(column, cell.spelled());
    match cell {
        Cell::Null if !fraud => Ok(None),
        Cell::Null => Err(blame(Fault::new(
            kind::MISSING,
            "is empty although the payment is fraud: say when that became known, or use label.known_after_days",
        ))),
        cell => {
            let known_ms = mapping.time_form.read(cell).map_err(blame)?;
            if known_ms < at_ms {
                return Err(blame(Fault::new(
                    kind::LABEL_TOO_EARLY,
                    "lies before the payment itself: a label becomes known with its payment at the earliest; mend one of the two times",
                )));
            }
            Ok(Some(known_ms))
        }
    }
}

/// The payment as an event of the log.
pub(super) fn payment_event(tenant: &str, at_ms: i64, payment: Payment) -> Event {
    let event_id = event_id("payment:", &payment.transaction_id);
    event(tenant, at_ms, event_id, Body::Payment(payment))
}

/// The label as an event of the log.
pub(super) fn label_event(
    tenant: &str,
    known_ms: i64,
    transaction_id: String,
    fraud: bool,
    source: LabelSource,
) -> Event {
    let event_id = event_id("label:", &transaction_id);
    event(tenant, known_ms, event_id, Body::Label(Label { transaction_id, fraud, source }))
}

fn event(tenant: &str, at_ms: i64, event_id: String, body: Body) -> Event {
    Event {
        event_id,
        tenant: tenant.to_owned(),
        schema_version: SCHEMA_VERSION,
        occurred_at_ms: at_ms,
        ingested_at_ms: at_ms,
        source: SOURCE.to_owned(),
        actor: String::new(),
        body,
    }
}

/// Follows from the payment's id alone, so that a file written anew with other rows gives the same events.
fn event_id(kind: &str, transaction_id: &str) -> String {
    if kind.len() + transaction_id.len() <= bounds::MAX_ID_BYTES {
        return format!("{kind}{transaction_id}");
    }
    format!("{kind}{}", blake3::hash(transaction_id.as_bytes()).to_hex())
}
