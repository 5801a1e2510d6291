//! A batch into the store, in one transaction: examples, labels, classes, the buffer's bounds, counters, the cursor.
//!
//! Cost: reading an example's tensor (0.4 ms) to be sure that it can be read later; the rest is some 20 µs an item, and one sync.

use super::{EXAMPLES, INDEX, Kept, LABELS, MEMBERS, PROGRESS, PROGRESS_KEY, Progress, Store, WAITING, key};
use crate::online::buffer::{BufferConfig, draw};
use crate::online::class::{Class, Rules, Standing, classify};
use crate::online::feed::{Batch, Item};
use anyhow::Result;
use fraudnet_graph::LabelSource;
use fraudnet_scoring::{example, failpoint};
use redb::{ReadableTable, Table, WriteTransaction};

/// Purpose of the draw that decides who stays.
const PLACE: u64 = 0x0b0f_fe50;

impl Store {
    /// Takes a batch, wholly or not at all.
    ///
    /// # Errors
    /// A disk that does not take it; nothing is changed then, and the same batch may come again.
    pub fn ingest(&mut self, batch: &Batch) -> Result<()> {
        let transaction = self.database.begin_write()?;
        let mut progress = self.progress.clone();
        progress.seen.unreadable += batch.unreadable;
        progress.cursor = batch.next;
        {
            let mut work =
                Work { tables: Tables::open(&transaction)?, progress, buffer: self.buffer, rules: self.rules };
            for told in &batch.told {
                match &told.item {
                    Item::Example(bytes) => work.example(bytes, told.at_ms)?,
                    Item::Label { tenant, transaction_id, fraud, source } => {
                        work.label(&key(tenant, transaction_id), *fraud, *source, told.at_ms)?;
                    }
                    Item::Control(json) => work.control(json),
                }
            }
            work.mature()?;
            work.hold_bounds()?;
            progress = work.progress;
        }
        transaction.open_table(PROGRESS)?.insert(PROGRESS_KEY, &serde_json::to_vec(&progress)?[..])?;
        failpoint::hit("trainer_before_commit");
        transaction.commit()?;
        failpoint::hit("trainer_after_commit");
        self.progress = progress;
        Ok(())
    }
}

struct Tables<'t> {
    examples: Table<'t, &'static str, &'static [u8]>,
    index: Table<'t, &'static str, &'static [u8]>,
    labels: Table<'t, &'static str, &'static [u8]>,
    members: Table<'t, (u8, i64, u64, &'static str), ()>,
    waiting: Table<'t, (i64, &'static str), ()>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Tables<'t>> {
        Ok(Tables {
            examples: transaction.open_table(EXAMPLES)?,
            index: transaction.open_table(INDEX)?,
            labels: transaction.open_table(LABELS)?,
            members: transaction.open_table(MEMBERS)?,
            waiting: transaction.open_table(WAITING)?,
        })
    }

    fn standing(&self, key: &str) -> Result<Option<Standing>> {
        Ok(match self.labels.get(key)? {
            Some(row) => Some(serde_json::from_slice(row.value())?),
            None => None,
        })
    }

    fn kept(&self, key: &str) -> Result<Option<Kept>> {
        Ok(match self.index.get(key)? {
            Some(row) => Some(serde_json::from_slice(row.value())?),
            None => None,
        })
    }
}

struct Work<'t> {
    tables: Tables<'t>,
    progress: Progress,
    buffer: BufferConfig,
    rules: Rules,
}

impl Work<'_> {
    fn example(&mut self, bytes: &[u8], at_ms: i64) -> Result<()> {
        let head = match example::decode(bytes) {
            Ok(example) => example.head,
            Err(error) => {
                self.progress.seen.unreadable += 1;
                tracing::warn!(%error, "an example is left out");
                return Ok(());
            }
        };
        let key = key(&head.tenant, &head.transaction_id);
        if self.tables.index.get(&*key)?.is_some() {
            self.progress.seen.repeated += 1;
            return Ok(());
        }
        self.progress.seen.examples += 1;
        // A payment dated ahead must not make the others old.
        let made_ms = head.occurred_at_ms.min(at_ms);
        if self.progress.clock_ms == i64::MIN {
            self.progress.retrained_ms = made_ms;
        }
        self.progress.clock_ms = self.progress.clock_ms.max(made_ms);
        let drawn = draw(PLACE, &head.tenant, &head.transaction_id);
        let mut kept = Kept::of(&head, Class::Immature, drawn);
        kept.occurred_ms = made_ms;
        let standing = self.tables.standing(&key)?;
        let Some(class) = classify(standing, kept.circumstances(self.progress.clock_ms), self.rules) else {
            self.progress.seen.unobserved += 1;
            return Ok(());
        };
        kept.class = class;
        self.tables.examples.insert(&*key, bytes)?;
        self.enter(&key, &kept)
    }

    fn label(&mut self, key: &str, fraud: bool, source: LabelSource, known_ms: i64) -> Result<()> {
        self.progress.seen.labels += 1;
        let held = self.tables.standing(key)?;
        let standing = Standing::after(held, fraud, source, known_ms);
        if held == Some(standing) {
            return Ok(());
        }
        self.tables.labels.insert(key, &serde_json::to_vec(&standing)?[..])?;
        match self.tables.kept(key)? {
            Some(kept) => self.reclassify(key, kept, Some(standing)),
            None => Ok(()),
        }
    }

    fn control(&mut self, json: &str) {
        self.progress.seen.control += 1;
        // Only alarms matter here; what serves is asked of the service when it matters.
        let Ok(event) = serde_json::from_str::<serde_json::Value>(json) else { return };
        let change = &event["change"];
        if change["kind"] != "drift" {
            return;
        }
        let text = |name: &str| change[name].as_str().unwrap_or("unknown");
        let alarm = format!("{} of {}", text("signal"), text("segment"));
        match text("change") {
            "alarm" => {
                self.progress.seen.alarms += 1;
                self.progress.alarms.insert(alarm);
            }
            "cleared" => {
                self.progress.alarms.remove(&alarm);
            }
            _ => {}
        }
    }

    /// Payments that were silent for long enough.
    fn mature(&mut self) -> Result<()> {
        let until_ms = self.progress.clock_ms.saturating_sub(self.rules.maturity_ms);
        loop {
            let next = match self.tables.waiting.first()? {
                Some((row, _)) if row.value().0 <= until_ms => row.value().1.to_owned(),
                _ => return Ok(()),
            };
            let kept = self.tables.kept(&next)?.expect("who waits has its row");
            let standing = self.tables.standing(&next)?;
            self.reclassify(&next, kept, standing)?;
        }
    }

    /// Puts an example into the class it belongs to now.
    fn reclassify(&mut self, key: &str, mut kept: Kept, standing: Option<Standing>) -> Result<()> {
        let class = classify(standing, kept.circumstances(self.progress.clock_ms), self.rules);
        if class == Some(kept.class) {
            return Ok(());
        }
        let factor = self.leave(key, &kept)?;
        match class {
            Some(class) => {
                kept.class = class;
                kept.carried *= factor;
                self.enter(key, &kept)
            }
            None => {
                self.progress.seen.unobserved += 1;
                self.tables.examples.remove(key)?;
                self.tables.index.remove(key)?;
                Ok(())
            }
        }
    }

    fn enter(&mut self, key: &str, kept: &Kept) -> Result<()> {
        let stratum = self.buffer.stratum(kept.occurred_ms);
        self.tables.index.insert(key, &serde_json::to_vec(kept)?[..])?;
        self.tables.members.insert((kept.class as u8, stratum, kept.draw, key), ())?;
        self.progress.strata.enter(kept.class, stratum);
        match kept.class {
            Class::Immature => {
                self.tables.waiting.insert((kept.occurred_ms, key), ())?;
            }
            Class::Positive => self.progress.seen.frauds += 1,
            Class::Negative | Class::HardNegative => {}
        }
        Ok(())
    }

    /// Takes an example out of its class; how many it stood for there.
    fn leave(&mut self, key: &str, kept: &Kept) -> Result<f64> {
        let stratum = self.buffer.stratum(kept.occurred_ms);
        self.tables.members.remove((kept.class as u8, stratum, kept.draw, key))?;
        match kept.class {
            Class::Immature => {
                self.tables.waiting.remove((kept.occurred_ms, key))?;
            }
            // Taken back: it never was one.
            Class::Positive => self.progress.seen.frauds = self.progress.seen.frauds.saturating_sub(1),
            Class::Negative | Class::HardNegative => {}
        }
        Ok(self.progress.strata.leave(kept.class, stratum))
    }

    fn hold_bounds(&mut self) -> Result<()> {
        for class in Class::ALL {
            while self.progress.strata.kept(class) > self.buffer.bound(class) {
                let Some(stratum) = self.progress.strata.largest(class) else { break };
                let number = class as u8;
                let highest = {
                    let range = (number, stratum, 0, "")..(number, stratum + 1, 0, "");
                    let mut members = self.tables.members.range(range)?;
                    members.next_back().transpose()?.map(|(row, _)| {
                        let (_, _, draw, key) = row.value();
                        (draw, key.to_owned())
                    })
                };
                let Some((draw, key)) = highest else { break };
                self.tables.members.remove((number, stratum, draw, &*key))?;
                if class == Class::Immature
                    && let Some(kept) = self.tables.kept(&key)?
                {
                    self.tables.waiting.remove((kept.occurred_ms, &*key))?;
                }
                self.tables.examples.remove(&*key)?;
                self.tables.index.remove(&*key)?;
                self.progress.strata.evict(class, stratum);
                self.progress.seen.evicted += 1;
            }
        }
        Ok(())
    }
}
