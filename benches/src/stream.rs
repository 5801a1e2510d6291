//! The stream of payments that sampling and observing are measured on, as columns.
//!
//! 28 bytes a payment; events, which are ten times that, are made from it a few at a time, outside whatever is measured.

use anyhow::{Context, ensure};
use fraudnet_graph::{Body, Channel, Event, Limits, Payment, SCHEMA_VERSION};
use std::ops::Range;
use std::path::Path;

/// Payments of an event chunk: few enough to stay in the second-level cache's neighbourhood, so that making them disturbs little.
const CHUNK: usize = 2_000;

/// Payments in order of time. Entities are numbered through: accounts, then devices, addresses, merchants.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Milliseconds since the epoch, strictly rising.
    pub time_ms: Vec<i64>,
    /// Paying account.
    pub account: Vec<u32>,
    /// Device.
    pub device: Vec<u32>,
    /// IP address.
    pub ip: Vec<u32>,
    /// Merchant.
    pub merchant: Vec<u32>,
    /// Amount in major units.
    pub amount: Vec<f32>,
    /// Payments that are sampled before they are applied, rising; all lie in the tail.
    pub queries: Vec<u32>,
    /// How many accounts, devices, addresses and merchants there are.
    pub entities: [u32; 4],
    /// Payments of the tail, during which is measured; what lies before it fills the graph.
    pub tail: usize,
}

impl Stream {
    /// Reads the columns `ts account device ip merchant amount queries` (raw little-endian `.bin` files) and `meta.txt` (accounts, devices,
    /// addresses, merchants, payments, queries, tail) from a folder.
    ///
    /// # Errors
    /// A file that is missing or does not fit the others.
    pub fn read(folder: &Path) -> anyhow::Result<Stream> {
        let meta = std::fs::read_to_string(folder.join("meta.txt"))
            .with_context(|| format!("{} holds no stream", folder.display()))?;
        let meta: Vec<u32> = meta
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .context("meta.txt holds something else than numbers")?;
        let [accounts, devices, ips, merchants, payments, queries, tail] = meta[..] else {
            anyhow::bail!("meta.txt has {} numbers instead of 7: generate the stream again", meta.len());
        };
        let numbers = |name: &str| column(folder, name, u32::from_le_bytes);
        let stream = Stream {
            time_ms: column(folder, "ts", i64::from_le_bytes)?,
            account: numbers("account")?,
            device: numbers("device")?,
            ip: numbers("ip")?,
            merchant: numbers("merchant")?,
            amount: column(folder, "amount", f32::from_le_bytes)?,
            queries: numbers("queries")?,
            entities: [accounts, devices, ips, merchants],
            tail: tail as usize,
        };
        let lengths = [&stream.account, &stream.device, &stream.ip, &stream.merchant].map(Vec::len);
        let fits = lengths.iter().all(|&length| length == payments as usize)
            && stream.len() == payments as usize
            && stream.amount.len() == stream.len();
        ensure!(
            fits && stream.queries.len() == queries as usize && stream.tail <= stream.len(),
            "the columns do not fit meta.txt: generate the stream again"
        );
        let ids = [&stream.account, &stream.device, &stream.ip, &stream.merchant].into_iter().flatten();
        ensure!(
            ids.copied().max().is_none_or(|highest| highest < stream.entity_count()),
            "an entity's number is beyond those of meta.txt: generate the stream again"
        );
        Ok(stream)
    }

    /// Payments.
    pub fn len(&self) -> usize {
        self.time_ms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.time_ms.is_empty()
    }

    /// Entities of all kinds.
    pub fn entity_count(&self) -> u32 {
        self.entities.iter().sum()
    }

    /// The payments before the tail.
    pub fn before_tail(&self) -> Range<usize> {
        0..self.len() - self.tail
    }

    /// The tail.
    pub fn tail(&self) -> Range<usize> {
        self.len() - self.tail..self.len()
    }

    /// Account, device, address and merchant of a payment.
    pub fn parties(&self, payment: usize) -> [u32; 4] {
        [self.account[payment], self.device[payment], self.ip[payment], self.merchant[payment]]
    }

    /// Events of a range of payments, in chunks: the number of the first payment, and the events.
    pub fn chunks(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Vec<Event>)> {
        let end = range.end;
        range
            .step_by(CHUNK)
            .map(move |first| (first, (first..end.min(first + CHUNK)).map(|payment| self.event(payment)).collect()))
    }

    /// A payment as the event it would come in as.
    pub fn event(&self, payment: usize) -> Event {
        let [account, device, ip, merchant] = self.parties(payment);
        let ip = ip.to_be_bytes();
        let time_ms = self.time_ms[payment];
        Event {
            event_id: format!("event-{payment}"),
            tenant: "default".to_owned(),
            schema_version: SCHEMA_VERSION,
            occurred_at_ms: time_ms,
            ingested_at_ms: time_ms,
            source: "http".to_owned(),
            actor: String::new(),
            body: Body::Payment(Payment {
                transaction_id: format!("payment-{payment}"),
                account: format!("account-{account}"),
                device: Some(format!("device-{device}")),
                ip: Some(format!("10.{}.{}.{}", ip[1], ip[2], ip[3])),
                merchant: Some(format!("merchant-{merchant}")),
                counterparty: None,
                amount_minor: (f64::from(self.amount[payment]) * 100.0).round() as u64,
                currency: *b"EUR",
                channel: Channel::Ecommerce,
                merchant_category: Some(5000 + (merchant % 900) as u16),
                account_country: Some(*b"DE"),
                ip_country: Some(*b"DE"),
                merchant_country: Some(*b"DE"),
            }),
        }
    }
}

/// The service's own bounds by default.
pub const LIMITS: Limits =
    Limits { max_entities: 2_000_000, max_edges: 8_000_000, max_transactions: 4_000_000, max_age_s: 90 * 86_400 };

fn column<const BYTES: usize, T>(
    folder: &Path,
    name: &str,
    number: impl Fn([u8; BYTES]) -> T,
) -> anyhow::Result<Vec<T>> {
    let path = folder.join(format!("{name}.bin"));
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (numbers, rest) = bytes.as_chunks::<BYTES>();
    ensure!(rest.is_empty(), "{} ends within a number: generate the stream again", path.display());
    Ok(numbers.iter().map(|bytes| number(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{SMALL, generate};

    #[test]
    fn columns_are_read_as_they_were_written() {
        let stream = generate(&SMALL);
        let folder = std::env::temp_dir().join(format!("fraudnet-stream-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
        write("ts", stream.time_ms.iter().flat_map(|number| number.to_le_bytes()).collect());
        write("amount", stream.amount.iter().flat_map(|number| number.to_le_bytes()).collect());
        for (name, column) in [
            ("account", &stream.account),
            ("device", &stream.device),
            ("ip", &stream.ip),
            ("merchant", &stream.merchant),
            ("queries", &stream.queries),
        ] {
            write(name, column.iter().flat_map(|number| number.to_le_bytes()).collect());
        }
        let [a, d, i, m] = stream.entities;
        std::fs::write(
            folder.join("meta.txt"),
            format!("{a} {d} {i} {m} {} {} {}\n", stream.len(), stream.queries.len(), stream.tail),
        )
        .unwrap();
        assert!(Stream::read(&folder).unwrap() == stream);

        write("device", vec![0; 4]);
        assert!(Stream::read(&folder).unwrap_err().to_string().contains("generate the stream again"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn chunks_give_every_payment_once() {
        let stream = generate(&SMALL);
        let range = 10..10 + 2 * CHUNK + 5;
        let mut expected = range.start;
        for (first, events) in stream.chunks(range.clone()) {
            assert_eq!(first, expected);
            assert!(events.iter().zip(first..).all(|(event, payment)| *event == stream.event(payment)));
            expected += events.len();
        }
        assert_eq!(expected, range.end);
    }
}
