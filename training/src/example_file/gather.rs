//! From a feed to a file: the examples that are there, each with the label that stands when the feed has been read.
//!
//! The feed is read twice, since a label comes after its example and all examples would be too many to hold: once for the
//! labels, once for the examples. Memory: some 150 bytes a label.

use super::write::ExampleWriter;
use super::{LabelledExample, StandingLabel};
use crate::online::feed::{Batch, Cursor, Feed, Item};
use crate::progress::Progress;
use anyhow::{Context, Result};
use fraudnet_scoring::example;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// How long a cluster may take to give its first message; the service's stream answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gathered {
    /// Rows written.
    pub examples: u64,
    /// Of them, with a label.
    pub labelled: u64,
    /// Of them, known frauds.
    pub frauds: u64,
    /// Examples left out: damaged, or of another feature schema.
    pub left_out: u64,
}

/// Writes every example of the feed to `path`.
///
/// # Errors
/// The feed gives nothing any more, or the file cannot be written.
pub fn gather(feed: &mut dyn Feed, path: &Path, progress: &mut Progress) -> Result<Gathered> {
    let (mut labels, mut examples) = (HashMap::<String, StandingLabel>::new(), 0u64);
    walk(feed, |batch| {
        for told in batch.told {
            match told.item {
                Item::Label { tenant, transaction_id, fraud, source } => {
                    let label = StandingLabel { fraud, source, known_at_ms: told.at_ms };
                    // A weaker source does not take back what a stronger one said, as the live graph has it.
                    let stands = labels.entry(key(&tenant, &transaction_id)).or_insert(label);
                    if label.source >= stands.source {
                        *stands = label;
                    }
                }
                Item::Example(_) => examples += 1,
                Item::Control(_) => {}
            }
        }
        Ok(true)
    })?;

    let mut writer = ExampleWriter::create(path)?;
    let (mut gathered, mut seen) = (Gathered::default(), 0);
    walk(feed, |batch| {
        for told in batch.told {
            let Item::Example(bytes) = told.item else { continue };
            // What came while the labels were read has none to be joined with.
            if seen == examples {
                return Ok(false);
            }
            seen += 1;
            progress.advance(seen);
            let Ok(example) = example::decode(&bytes) else {
                gathered.left_out += 1;
                continue;
            };
            let label = labels.get(&key(&example.head.tenant, &example.head.transaction_id)).copied();
            gathered.examples += 1;
            gathered.labelled += u64::from(label.is_some());
            gathered.frauds += u64::from(label.is_some_and(|label| label.fraud));
            writer.add(LabelledExample { example, label })?;
        }
        Ok(seen < examples)
    })?;
    writer.finish()?;
    Ok(gathered)
}

/// Reads a feed from its beginning until it gives no more, or nobody wants more.
fn walk(feed: &mut dyn Feed, mut take: impl FnMut(Batch) -> Result<bool>) -> Result<()> {
    let mut cursor = feed.beginning();
    loop {
        let wait = if matches!(cursor, Cursor::Position(_)) { Duration::ZERO } else { PATIENCE };
        let batch = feed.next(cursor, wait).context("reading the examples")?;
        let ended = batch.told.is_empty() && batch.next == cursor;
        cursor = batch.next;
        if ended || !take(batch)? {
            return Ok(());
        }
    }
}

/// A tenant holds no NUL (the door refuses control characters), so the joined key is unambiguous.
fn key(tenant: &str, transaction_id: &str) -> String {
    format!("{tenant}\0{transaction_id}")
}

#[cfg(test)]
mod tests {
    use super::super::read::{self, ExampleReader};
    use super::*;
    use crate::online::feed::{FeedError, Told as Row};
    use crate::progress::Told;
    use fraudnet_graph::LabelSource;
    use fraudnet_graph::LabelSource::{Analyst, CustomerReport};

    /// Gives two rows at a time.
    struct Rows(Vec<Row>);

    impl Feed for Rows {
        fn beginning(&self) -> Cursor {
            Cursor::Position(0)
        }

        fn next(&mut self, cursor: Cursor, _: Duration) -> Result<Batch, FeedError> {
            let Cursor::Position(from) = cursor else { return Err(FeedError::Lost("offsets".to_owned())) };
            let from = from as usize;
            let end = (from + 2).min(self.0.len());
            Ok(Batch { told: self.0[from..end].to_vec(), next: Cursor::Position(end as u64), unreadable: 0 })
        }
    }

    fn row(item: Item) -> Row {
        Row { at_ms: 77, item }
    }

    fn label(id: &str, fraud: bool, source: LabelSource) -> Row {
        row(Item::Label { tenant: "default".to_owned(), transaction_id: id.to_owned(), fraud, source })
    }

    #[test]
    fn each_example_gets_the_label_that_stands_wherever_it_came() {
        let mut examples = read::tests::examples();
        examples.truncate(3);
        for (at, labelled) in examples.iter_mut().enumerate() {
            labelled.example.head.tenant = "default".to_owned();
            labelled.example.head.transaction_id = format!("t{at}");
            labelled.label = None;
        }
        let told =
            |at: usize| row(Item::Example(example::encode(&examples[at].example.head, &examples[at].example.tensor)));
        let mut feed = Rows(vec![
            label("t0", true, CustomerReport),
            told(0),
            told(1),
            row(Item::Example(b"FNEX and nothing more".to_vec())),
            label("t1", false, Analyst),
            row(Item::Control("{}".to_owned())),
            label("t1", true, CustomerReport),
            told(2),
            label("t0", false, Analyst),
        ]);
        let path = std::env::temp_dir().join(format!("fraudnet-gather-{}.parquet", std::process::id()));
        let mut quiet = Progress::start(Told::Quietly, "", "", None);
        let gathered = gather(&mut feed, &path, &mut quiet).unwrap();
        assert_eq!(gathered, Gathered { examples: 3, labelled: 2, frauds: 0, left_out: 1 });
        let analyst = Some(StandingLabel { fraud: false, source: Analyst, known_at_ms: 77 });
        let read: Vec<_> = ExampleReader::open(&path).unwrap().map(|row| row.unwrap()).collect();
        assert_eq!(read.iter().map(|row| row.label).collect::<Vec<_>>(), [analyst, analyst, None]);
        assert_eq!(read[2].example, examples[2].example);
        std::fs::remove_file(path).unwrap();
    }
}
