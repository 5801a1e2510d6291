//! Histories in every form, good and bad. Parquet has its own tests beside these.

mod bad;
mod forms;
mod native;
mod parquet_files;

use super::{BadRows, HistoryEvent, HistoryFile, Skipped};
use fraudnet_graph::{Body, Payment};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("fraudnet-history-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Columns `id, at, who, shop, sum, fraud, told`, of which labels use the last two.
const MAPPING: &str = r#"
tenant = "bank"
[columns]
transaction_id = "id"
time = "at"
account = "who"
merchant = "shop"
amount = "sum"
[label]
column = "fraud"
known_at = "told"
[defaults]
currency = "EUR"
channel = "ecommerce"
"#;

/// Columns `at, who, sum` alone.
const LEAST: &str = r#"
[columns]
time = "at"
account = "who"
amount = "sum"
[defaults]
currency = "EUR"
channel = "ecommerce"
"#;

fn open(path: &Path, mapping: &str, bad_rows: BadRows) -> Result<HistoryFile, String> {
    let mapping_path = path.with_extension("mapping");
    std::fs::write(&mapping_path, mapping).unwrap();
    HistoryFile::open(path, Some(&mapping_path), bad_rows).map_err(|error| error.to_string())
}

/// Everything the file gives, or its first message.
fn read(path: &Path, mapping: &str) -> Result<Vec<HistoryEvent>, String> {
    open(path, mapping, BadRows::Refuse)?.events().map(|event| event.map_err(|error| error.to_string())).collect()
}

fn read_skipping(path: &Path, mapping: &str) -> (Vec<HistoryEvent>, Skipped) {
    let file = open(path, mapping, BadRows::Skip).unwrap();
    let events = file.events().collect::<Result<_, _>>().unwrap();
    (events, file.skipped())
}

fn payment(event: &HistoryEvent) -> &Payment {
    match &event.event.body {
        Body::Payment(payment) => payment,
        other => panic!("no payment: {other:?}"),
    }
}

/// Events in short: `p:<id>` and `l:<id>`, with `+` for a fraud label and `-` for a legitimate one.
fn in_short(events: &[HistoryEvent]) -> String {
    let words = events.iter().map(|event| match &event.event.body {
        Body::Payment(payment) => format!("p:{}", payment.transaction_id),
        Body::Label(label) => format!("l:{}{}", label.transaction_id, if label.fraud { '+' } else { '-' }),
        Body::Outcome(_) => "outcome".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
