//! Histories as JSON lines: one event a line, the oracle beside it.
//!
//! `{"event":{…},"oracle":{"fraud":true,"typology":"device_farm"}}`; `event` has the form of the log and the wire, `oracle` stands with
//! payments only.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::oracle::{Oracle, SimulatedEvent, Typology};
use crate::wire::{decode_event, encode_event};

/// Longest line read, in bytes; an event is far below it.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// A line that can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LineError {
    /// Line at fault, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// Reading or writing failed.
    #[error("{0}; check the file and the free space of its disk")]
    Io(std::io::Error),
    /// It does not end within the bound.
    #[error("longer than {MAX_LINE_BYTES} bytes; put one event on a line")]
    TooLong,
    /// It is not an event with an oracle.
    #[error(
        "{0}; expected {{\"event\":{{…}},\"oracle\":{{\"fraud\":…,\"typology\":…}}}}, as `fraudnet simulate` writes it"
    )]
    Line(String),
    /// Its event is not valid: the field and what to do.
    #[error("event.{0}")]
    Event(crate::wire::WireError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OracleLine {
    fraud: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typology: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryLine<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(default)]
    oracle: Option<OracleLine>,
}

/// Writes events as JSON lines and returns how many. The caller buffers and syncs the writer.
///
/// # Errors
/// The first write that fails, with its line.
pub fn write_history(
    writer: &mut impl Write,
    events: impl IntoIterator<Item = SimulatedEvent>,
) -> Result<u64, LineError> {
    let mut lines = 0;
    for simulated in events {
        write_line(writer, &simulated).map_err(|error| LineError { line: lines + 1, fault: LineFault::Io(error) })?;
        lines += 1;
    }
    writer.flush().map_err(|error| LineError { line: lines, fault: LineFault::Io(error) })?;
    Ok(lines)
}

fn write_line(writer: &mut impl Write, simulated: &SimulatedEvent) -> std::io::Result<()> {
    writer.write_all(b"{\"event\":")?;
    writer.write_all(&encode_event(&simulated.event))?;
    if let Some(oracle) = simulated.oracle {
        let line =
            OracleLine { fraud: oracle.fraud, typology: oracle.typology.map(|typology| typology.name().to_owned()) };
        writer.write_all(b",\"oracle\":")?;
        serde_json::to_writer(&mut *writer, &line)?;
    }
    writer.write_all(b"}\n")
}

/// Reads events from JSON lines, one at a time; empty lines are skipped. After an error of reading the iterator ends; after a bad
/// line it goes on with the next.
pub fn read_history<R: BufRead>(reader: R) -> HistoryReader<R> {
    HistoryReader { reader, line: 0, text: Vec::new(), ended: false }
}

/// Iterator of [`read_history`].
pub struct HistoryReader<R> {
    reader: R,
    line: u64,
    text: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Iterator for HistoryReader<R> {
    type Item = Result<SimulatedEvent, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            self.line += 1;
            self.text.clear();
            let mut bounded = std::io::Read::take(&mut self.reader, MAX_LINE_BYTES as u64);
            match bounded.read_until(b'\n', &mut self.text) {
                Err(error) => {
                    self.ended = true;
                    return Some(Err(LineError { line: self.line, fault: LineFault::Io(error) }));
                }
                Ok(0) => self.ended = true,
                Ok(read) if read == MAX_LINE_BYTES && self.text.last() != Some(&b'\n') => {
                    self.ended = true;
                    return Some(Err(LineError { line: self.line, fault: LineFault::TooLong }));
                }
                Ok(_) if self.text.trim_ascii().is_empty() => {}
                Ok(_) => return Some(parse_line(&self.text, self.line)),
            }
        }
        None
    }
}

fn parse_line(text: &[u8], line: u64) -> Result<SimulatedEvent, LineError> {
    let fail = |reason: String| LineError { line, fault: LineFault::Line(reason) };
    let parsed: HistoryLine = serde_json::from_slice(text).map_err(|error| fail(error.to_string()))?;
    let event = decode_event(parsed.event.get().as_bytes())
        .map_err(|error| LineError { line, fault: LineFault::Event(error) })?;
    let is_payment = matches!(event.body, fraudnet_graph::Body::Payment(_));
    let oracle = match parsed.oracle {
        Some(_) if !is_payment => return Err(fail("an oracle stands with payments only: remove it".to_owned())),
        Some(oracle) => Some(parse_oracle(&oracle).map_err(fail)?),
        None => None,
    };
    Ok(SimulatedEvent { event, oracle })
}

fn parse_oracle(oracle: &OracleLine) -> Result<Oracle, String> {
    let typology = match &oracle.typology {
        None => None,
        Some(name) => {
            let known = || Typology::ALL.map(Typology::name).join(", ");
            Some(Typology::from_name(name).ok_or_else(|| format!("unknown typology: use one of {}", known()))?)
        }
    };
    if typology.is_some() && !oracle.fraud {
        return Err("a payment that is not fraud has no typology: remove it".to_owned());
    }
    Ok(Oracle { fraud: oracle.fraud, typology })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{SimulationConfig, simulate};

    #[test]
    fn a_history_reads_back_as_it_was_written() {
        let config = SimulationConfig {
            days: 3,
            accounts: 300,
            payments_per_day: 300,
            fraud_share: 0.02,
            ..SimulationConfig::demo(5, 1_767_225_600_000)
        };
        let events: Vec<SimulatedEvent> = simulate(&config).collect();
        let mut text = Vec::new();
        assert_eq!(write_history(&mut text, events.clone()).unwrap(), events.len() as u64);
        let read: Vec<SimulatedEvent> = read_history(text.as_slice()).collect::<Result<_, _>>().unwrap();
        assert_eq!(read, events);
    }

    #[test]
    fn bad_lines_name_themselves_and_reading_goes_on() {
        let config = SimulationConfig {
            days: 1,
            accounts: 100,
            payments_per_day: 100,
            ..SimulationConfig::demo(5, 1_767_225_600_000)
        };
        let mut good = Vec::new();
        write_history(&mut good, simulate(&config).take(1)).unwrap();
        let good = String::from_utf8(good).unwrap();
        let bad = good.replace("\"fraud\":", "\"fraud_\":");
        let odd = good.replace("\"oracle\":{", "\"oracle\":{\"typology\":\"theft\",");
        let text = format!("{good}\n{bad}{odd}{{\"event\":{{}}}}\n[1]\n{good}");
        let read: Vec<Result<SimulatedEvent, LineError>> = read_history(text.as_bytes()).collect();
        let errors: Vec<String> = read.iter().filter_map(|item| item.as_ref().err().map(ToString::to_string)).collect();
        assert_eq!((read.len(), errors.len()), (6, 4), "{errors:#?}");
        assert!(errors[0].starts_with("line 3: unknown field `fraud_`"), "{}", errors[0]);
        assert!(errors[1].starts_with("line 4: unknown typology: use one of card_testing"), "{}", errors[1]);
        assert!(errors[2].starts_with("line 5: event."), "{}", errors[2]);
        assert!(errors[3].starts_with("line 6: "), "{}", errors[3]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let text = vec![b'x'; MAX_LINE_BYTES + 10];
        let read: Vec<Result<SimulatedEvent, LineError>> = read_history(text.as_slice()).collect();
        assert_eq!(read.len(), 1);
        assert!(read[0].as_ref().unwrap_err().to_string().contains("longer than"));
    }
}
