//! The reference: payments as they were when the champion began to score, and the same sorted for comparison.
//!
//! It is kept in a file, so that a restart goes on with it: one line of JSON, the rows as little-endian f32, the channels, the flags, and
//! a blake3 digest of all that. Written beside and moved into place. A file that is damaged, of other columns or another champion is passed
//! over and a new reference taken.
//!
//! Cost: 5,000 rows of 228 values are 4.6 MB, sorted for all payments and by channel 9 MB more; sorting takes some 100 ms once.

use super::columns::Column;
use super::estimate::{Estimate, estimate};
use super::psi::Bins;
use super::segment::Segment;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Bins of the stability index.
const BINS: usize = 10;
/// Bytes of the digest at the end of the file.
const DIGEST_BYTES: usize = 32;

/// What a reference is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Version of the champion whose payments these are, `name/version`.
    pub model: String,
    /// Fingerprint of the feature schema.
    pub features: String,
    /// When the graph's first event was, by its clock, seconds since the epoch: another graph has other payments.
    pub graph_begun_s: u32,
    /// Clock at the first payment, seconds since the epoch.
    pub begun_at_s: u32,
    /// Clock at the last payment.
    pub ended_at_s: u32,
    /// Columns that settle after so many days or fewer had settled.
    pub settled_days: u16,
    /// Values of a row: the payment row and the score.
    pub width: usize,
}

/// A payment as it is kept.
#[derive(Debug, Clone)]
pub struct Row {
    /// The payment row, then the calibrated probability: not a number where the champion did not answer.
    pub values: Vec<f32>,
    /// Its channel.
    pub channel: u8,
    /// Whether it was flagged (review or decline).
    pub flagged: bool,
}

/// Payments of the reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What it is of.
    pub origin: Origin,
    values: Vec<f32>,
    channels: Vec<u8>,
    flagged: Vec<bool>,
}

impl Reference {
    /// An empty one.
    pub fn new(origin: Origin) -> Reference {
        Reference { origin, values: Vec::new(), channels: Vec::new(), flagged: Vec::new() }
    }

    /// Payments so far.
    pub fn payments(&self) -> usize {
        self.channels.len()
    }

    /// Takes a payment, whose row has the origin's width.
    ///
    /// # Panics
    /// Where the row has another width.
    pub fn add(&mut self, row: &Row, at_s: u32) {
        assert_eq!(row.values.len(), self.origin.width, "a row is as wide as the others");
        self.origin.ended_at_s = at_s;
        self.values.extend_from_slice(&row.values);
        self.channels.push(row.channel);
        self.flagged.push(row.flagged);
    }

    /// Writes it beside `path` and moves it there.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(&self.origin).map_err(io::Error::other)?;
        bytes.push(b'\n');
        for value in &self.values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&self.channels);
        bytes.extend(self.flagged.iter().map(|&flagged| u8::from(flagged)));
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        let part = path.with_extension("part");
        std::fs::write(&part, &bytes)?;
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, path)
    }

    /// Reads one that was written.
    ///
    /// # Errors
    /// Why it cannot be used; `Ok(None)` where there is none.
    pub fn read(path: &Path) -> Result<Option<Reference>, String> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let cut = "it is cut short".to_owned();
        let (content, digest) = bytes.split_at_checked(bytes.len().wrapping_sub(DIGEST_BYTES)).ok_or(cut.clone())?;
        if blake3::hash(content).as_bytes() != digest {
            return Err("its digest is another one than that of its content".to_owned());
        }
        let line = content.iter().position(|&byte| byte == b'\n').ok_or(cut.clone())?;
        let origin: Origin = serde_json::from_slice(&content[..line]).map_err(|error| error.to_string())?;
        let rest = &content[line + 1..];
        let row_bytes = 4 * origin.width + 2;
        if origin.width == 0 || !rest.len().is_multiple_of(row_bytes) {
            return Err(cut);
        }
        let payments = rest.len() / row_bytes;
        let (values, rest) = rest.split_at(4 * origin.width * payments);
        let (channels, flagged) = rest.split_at(payments);
        let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(Some(Reference {
            values: values.chunks_exact(4).map(value).collect(),
            channels: channels.to_vec(),
            flagged: flagged.iter().map(|&byte| byte != 0).collect(),
            origin,
        }))
    }

    /// The values of a column in a segment, sorted; what is no number left out.
    fn sorted(&self, index: usize, segment: Segment) -> Vec<f32> {
        let rows = self.values.chunks_exact(self.origin.width).zip(&self.channels);
        let mut values: Vec<f32> = rows
            .filter(|(_, channel)| segment.holds(**channel))
            .map(|(row, _)| row[index])
            .filter(|value| !value.is_nan())
            .collect();
        values.sort_unstable_by(f32::total_cmp);
        values
    }

    /// Payments of a segment.
    fn count(&self, segment: Segment) -> usize {
        self.channels.iter().filter(|&&channel| segment.holds(channel)).count()
    }

    /// What is expected of its payments without labels.
    pub fn estimate(&self) -> Estimate {
        let probabilities = self.values.chunks_exact(self.origin.width).map(|row| row[self.origin.width - 1]);
        estimate(probabilities.zip(self.flagged.iter().copied()))
    }
}

/// A column of a segment of the reference, ready to be compared with.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// Which column, as an index into the watched ones.
    pub column: usize,
    /// Its values, sorted.
    pub sorted: Vec<f32>,
    /// Its bins.
    pub bins: Bins,
}

/// The columns of `watched` that had settled, by segment; a segment or column of fewer than `least` payments is left out.
pub fn baselines(reference: &Reference, watched: &[Column], least: usize) -> [Vec<Baseline>; Segment::ALL.len()] {
    Segment::ALL.map(|segment| {
        if reference.count(segment) < least {
            return Vec::new();
        }
        let settled = |column: &Column| {
            column.settles_after_days <= reference.origin.settled_days && (segment == Segment::All || !column.shared)
        };
        let columns = watched.iter().enumerate().filter(|(_, column)| settled(column));
        columns
            .filter_map(|(place, column)| {
                let sorted = reference.sorted(column.index, segment);
                (sorted.len() >= least).then(|| Baseline {
                    column: place,
                    bins: Bins::of_equals(&sorted, BINS),
                    sorted,
                })
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        let origin = Origin {
            model: "hybrid/1".into(),
            features: "f".into(),
            graph_begun_s: 5,
            begun_at_s: 10,
            ended_at_s: 10,
            settled_days: 0,
            width: 3,
        };
        let mut reference = Reference::new(origin);
        for number in 0..20u8 {
            let score = if number < 4 { f32::NAN } else { f32::from(number) / 20.0 };
            let values = vec![f32::from(number), 19.0 - f32::from(number), score];
            reference.add(&Row { values, channel: number % 2, flagged: number > 17 }, 10 + u32::from(number));
        }
        reference
    }

    #[test]
    fn it_outlives_a_restart_and_damage_is_found() {
        let folder = std::env::temp_dir().join(format!("fraudnet-drift-reference-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("reference");
        assert_eq!(Reference::read(&path), Ok(None));
        let written = reference();
        written.write(&path).unwrap();
        let read = Reference::read(&path).unwrap().unwrap();
        assert_eq!(read.origin, written.origin);
        assert_eq!((read.payments(), &read.channels, &read.flagged), (20, &written.channels, &written.flagged));
        assert!(read.values.iter().zip(&written.values).all(|(a, b)| a.to_bits() == b.to_bits()));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[200] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Reference::read(&path).unwrap_err().contains("digest"));
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert!(Reference::read(&path).unwrap_err().contains("cut short"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn columns_are_sorted_by_segment() {
        let column = |name, index, days, shared| Column { name, index, settles_after_days: days, shared };
        let columns =
            [column("a", 0, 0, false), column("b", 1, 0, true), column("late", 1, 7, false), column("s", 2, 0, false)];
        let [all, first, second, third, ..] = baselines(&reference(), &columns, 8);
        let names = |lines: &[Baseline]| lines.iter().map(|line| columns[line.column].name).collect::<Vec<_>>();
        assert_eq!((names(&all), names(&first), names(&second)), (vec!["a", "b", "s"], vec!["a", "s"], vec!["a", "s"]));
        assert!(third.is_empty(), "a channel without payments");
        assert_eq!(first[0].sorted, (0..10).map(|number| f32::from(2 * number as u8)).collect::<Vec<f32>>());
        assert_eq!(all[2].sorted.len(), 16, "payments without a score are left out");
        let told = reference().estimate();
        assert_eq!(told.payments, 16);
        assert!(told.precision > 0.9 && told.recall < 0.3, "{told:?}");
    }
}
