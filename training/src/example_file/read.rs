//! Reading a file of examples, a batch of rows at a time.

use super::layout::{SCHEMA_KEY, VERSION, VERSION_KEY, file_schema};
use super::{LabelledExample, StandingLabel};
use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, TimestampMillisecondType, UInt8Type, UInt16Type, UInt64Type};
use fraudnet_features::Tensor;
use fraudnet_features::schema::{fingerprint, payment_features};
use fraudnet_models::check_tensor;
use fraudnet_scoring::example::{Example, ExampleHead};
use fraudnet_scoring::verdict::{Decision, Tier};
use fraudnet_scoring::wire::LabelSourceName;
use half::f16;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::path::Path;

/// The rows of a file, in its order.
pub struct ExampleReader {
    batches: ParquetRecordBatchReader,
    /// Rows told before those that wait.
    told: u64,
    waiting: std::vec::IntoIter<LabelledExample>,
}

impl ExampleReader {
    /// Opens a file.
    ///
    /// # Errors
    /// It is no Parquet file, not one of examples, or its columns mean something else than this build's.
    pub fn open(path: &Path) -> Result<ExampleReader> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)
            .with_context(|| format!("{name} is no parquet file; write it with `fraudnet-train export`"))?;
        let metadata = builder.schema().metadata();
        let about = |key: &str| {
            metadata.get(key).ok_or_else(|| anyhow!("{name} holds no examples; write it with `fraudnet-train export`"))
        };
        let (version, schema) = (about(VERSION_KEY)?, about(SCHEMA_KEY)?);
        ensure!(
            version == VERSION,
            "{name} has layout {version} of examples, this build reads {VERSION}; export again with this build"
        );
        ensure!(
            schema == fingerprint(),
            "{name} holds the columns of feature schema {schema}, this build's is {}; export again with this build",
            fingerprint()
        );
        ensure!(
            builder.schema().fields() == file_schema().fields(),
            "{name} has other columns than training/EXAMPLES.md tells; export again with this build"
        );
        Ok(ExampleReader { batches: builder.build()?, told: 0, waiting: Vec::new().into_iter() })
    }

    fn next_row(&mut self) -> Result<Option<LabelledExample>> {
        loop {
            if let Some(row) = self.waiting.next() {
                self.told += 1;
                return Ok(Some(row));
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.with_context(|| format!("the rows after {} cannot be read", self.told))?;
            self.waiting = rows(&batch).with_context(|| format!("after row {}", self.told))?.into_iter();
        }
    }
}

impl Iterator for ExampleReader {
    type Item = Result<LabelledExample>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

/// The rows of a batch whose columns are those of the layout.
fn rows(batch: &RecordBatch) -> Result<Vec<LabelledExample>> {
    let column = |name: &str| batch.column_by_name(name).expect("the file's schema was compared");
    let text = |name: &str, row: usize| {
        let column = column(name).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let number = |name: &str, row: usize| optional::<Float32Type>(column(name), row);
    let time = |name: &str, row: usize| optional::<TimestampMillisecondType>(column(name), row);
    let truth = |name: &str, row: usize| {
        let column = column(name).as_boolean();
        column.is_valid(row).then(|| column.value(row))
    };
    let features: Vec<&[f32]> = payment_features()
        .iter()
        .map(|feature| &column(feature.name).as_primitive::<Float32Type>().values()[..])
        .collect();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let id = text("transaction_id", row).unwrap_or_default();
        let example = || format!("example of payment `{id}`");
        let decision = text("decision", row).unwrap_or_default();
        let tier = text("tier", row).unwrap_or_default();
        let head = ExampleHead {
            tenant: text("tenant", row).unwrap_or_default(),
            transaction_id: id.clone(),
            account: text("account", row),
            occurred_at_ms: time("occurred_at", row).unwrap_or_default(),
            position: optional::<UInt64Type>(column("position"), row).unwrap_or_default(),
            cut: None,
            decision: *Decision::ALL.iter().find(|known| known.name() == decision).with_context(example)?,
            fraud_probability: number("fraud_probability", row).unwrap_or_default(),
            logit: number("logit", row),
            model: text("model", row).unwrap_or_default(),
            model_version: text("model_version", row).unwrap_or_default(),
            tier: *Tier::ALL.iter().find(|known| known.name() == tier).with_context(example)?,
            inclusion_probability: number("inclusion_probability", row).unwrap_or_default(),
            control_group: truth("control_group", row).unwrap_or_default(),
            propensity: number("propensity", row).unwrap_or_default(),
            subgraph_digest: text("subgraph_digest", row).unwrap_or_default(),
        };
        let weighs = |probability: f32| probability > 0.0 && probability <= 1.0;
        ensure!(
            weighs(head.inclusion_probability) && weighs(head.propensity),
            "{}: a probability of being kept or let through must lie above 0 and at most 1",
            example()
        );
        let tensor = Tensor {
            hop_counts: list::<UInt16Type>(column("hop_counts"), row)
                .try_into()
                .map_err(|counts: Vec<u16>| anyhow!("{}: {} hops where 4 are expected", example(), counts.len()))?,
            nodes: halves(column("nodes"), row),
            row_ends: list::<UInt16Type>(column("row_ends"), row),
            neighbours: list::<UInt8Type>(column("neighbours"), row),
            edges: halves(column("edges"), row),
            payment: features.iter().map(|feature| feature[row]).collect(),
        };
        check_tensor(&tensor).with_context(example)?;
        let label = match (truth("fraud", row), text("label_source", row), time("label_known_at", row)) {
            (None, ..) => None,
            (Some(fraud), Some(source), Some(known_at_ms)) => {
                let source = LabelSourceName::value_of(&source).with_context(example)?;
                Some(StandingLabel { fraud, source, known_at_ms })
            }
            _ => bail!("{}: a label without its source and time", example()),
        };
        rows.push(LabelledExample { example: Example { head, tensor }, label });
    }
    Ok(rows)
}

fn optional<T: ArrowPrimitiveType>(column: &dyn Array, row: usize) -> Option<T::Native> {
    let column = column.as_primitive::<T>();
    column.is_valid(row).then(|| column.value(row))
}

fn list<T: ArrowPrimitiveType>(column: &dyn Array, row: usize) -> Vec<T::Native> {
    column.as_list::<i32>().value(row).as_primitive::<T>().values().to_vec()
}

fn halves(column: &dyn Array, row: usize) -> Vec<f16> {
    list::<Float32Type>(column, row).into_iter().map(f16::from_f32).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::write::ExampleWriter;
    use super::*;
    use fraudnet_features::State;
    use fraudnet_graph::{Body, LabelSource, Limits};
    use fraudnet_scoring::simulate::{SimulationConfig, simulate};
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fraudnet-example-file-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Examples of a simulated stream, of every kind of head and label.
    pub(in super::super) fn examples() -> Vec<LabelledExample> {
        let config = SimulationConfig {
            days: 12,
            payments_per_day: 200,
            accounts: 200,
            ..SimulationConfig::demo(3, 1_767_571_200_000)
        };
        let limits =
            Limits { max_entities: 100_000, max_edges: 400_000, max_transactions: 100_000, max_age_s: 90 * 86_400 };
        let (mut state, mut tensor, mut found) = (State::new(limits), Tensor::default(), Vec::new());
        for (position, simulated) in (0..).zip(simulate(&config)) {
            state.observe(position, &simulated.event, &mut tensor);
            let Body::Payment(payment) = &simulated.event.body else { continue };
            let at = found.len();
            let head = ExampleHead {
                tenant: simulated.event.tenant.clone(),
                transaction_id: payment.transaction_id.clone(),
                account: (at % 2 == 0).then(|| "acc".to_owned()),
                occurred_at_ms: simulated.event.occurred_at_ms,
                position,
                cut: None,
                decision: Decision::ALL[at % 4],
                fraud_probability: 0.25,
                logit: (at % 3 == 0).then_some(-1.5),
                model: "hybrid".to_owned(),
                model_version: "1".to_owned(),
                tier: Tier::ALL[at % Tier::ALL.len()],
                inclusion_probability: 0.05,
                control_group: at % 7 == 0,
                propensity: 0.5,
                subgraph_digest: format!("{at:032x}"),
            };
            let source = [LabelSource::CustomerReport, LabelSource::Analyst, LabelSource::Chargeback][at % 3];
            let label = StandingLabel { fraud: at % 2 == 0, source, known_at_ms: head.occurred_at_ms + 7 };
            found.push(LabelledExample {
                example: Example { head, tensor: tensor.clone() },
                label: (at % 5 != 0).then_some(label),
            });
        }
        found
    }

    #[test]
    fn examples_come_back_bit_for_bit() {
        let folder = folder("back");
        let (path, examples) = (folder.join("examples.parquet"), examples());
        assert!(examples.len() > 1_500, "more than a batch: {}", examples.len());
        let mut writer = ExampleWriter::create(&path).unwrap();
        examples.iter().for_each(|row| writer.add(row.clone()).unwrap());
        assert!(!path.exists(), "nothing stands there before it is whole");
        assert_eq!(writer.finish().unwrap(), examples.len() as u64);
        let read: Vec<LabelledExample> = ExampleReader::open(&path).unwrap().map(Result::unwrap).collect();
        assert!(read == examples);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        let bytes = std::fs::metadata(&path).unwrap().len() / examples.len() as u64;
        assert!(bytes < 12_000, "{bytes} bytes a row");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_unfinished_file_leaves_nothing_and_other_files_are_refused() {
        let folder = folder("refused");
        let path = folder.join("examples.parquet");
        let mut writer = ExampleWriter::create(&path).unwrap();
        writer.add(examples().swap_remove(0)).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let refused = |path: &Path| format!("{:#}", ExampleReader::open(path).err().unwrap());
        assert!(refused(&path).contains("cannot be read"));
        std::fs::write(&path, b"transaction_id\n1\n").unwrap();
        assert!(refused(&path).contains("no parquet file"));
        let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new(
            "x",
            arrow::datatypes::DataType::Utf8,
            true,
        )]);
        let file = File::create(&path).unwrap();
        parquet::arrow::ArrowWriter::try_new(file, schema.into(), None).unwrap().close().unwrap();
        assert!(refused(&path).contains("holds no examples"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
