//! `fraudnet snapshot`: what is kept, whether it is whole, and what stands in it. It reads files only, so it may run beside the service.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use anyhow::{Context, bail};
use fraudnet_scoring::snapshot::{Header, Location, Snapshot, SnapshotName, SnapshotStore};
use fraudnet_scoring::{clock, config};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Columns that `inspect` names one by one.
const BIGGEST: usize = 12;

/// Shows the snapshots of graph and windows, and proves them whole.
///
/// A start reads the newest good one and the log's tail instead of the whole log. The service makes them by itself, see `snapshot` in
/// the configuration. A damaged one costs nothing but time: the next older one is taken, or the whole log is replayed.
#[derive(Debug, clap::Args)]
pub struct SnapshotCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists them, newest first, and checks the seal of each; `verify` reads them whole.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Reads one, or all, whole: every checksum, the state restored, its hash compared. Exits with 1 where any is bad.
    Verify {
        /// File name, as `list` shows it; all where absent.
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Shows what stands in one: log positions, bounds, counts, the biggest columns.
    Inspect {
        /// File name, as `list` shows it; the newest where absent.
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Configuration file (TOML), for snapshot.location.
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder or URL instead of the configured one.
    #[arg(long, value_name = "FOLDER|URL")]
    location: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

/// The snapshots of the place asked about.
struct Kept {
    location: String,
    store: SnapshotStore,
}

impl Place {
    fn open(&self) -> anyhow::Result<Kept> {
        let location = match &self.location {
            Some(text) => {
                let location = Location::parse(text, &PathBuf::new()).map_err(|reason| {
                    anyhow::anyhow!("--location: {}", reason.strip_prefix("snapshot.location: ").unwrap_or(&reason))
                })?;
                if let Location::Folder { path, .. } = &location
                    && !path.is_dir()
                {
                    bail!("--location: {} is no folder; give the one that holds snapshot-*.arrow", path.display());
                }
                location
            }
            None => config::load(self.config.as_deref())?.service.snapshot.location,
        };
        let store = SnapshotStore::open_to_read(&location)?
            .context("snapshot.location is \"off\": none are made; --location shows those of another place")?;
        Ok(Kept { location: location.to_string(), store })
    }

    fn print<T: Serialize>(&self, value: &T, text: impl FnOnce()) -> anyhow::Result<()> {
        match self.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(value)?),
            OutputFormat::Text => text(),
        }
        Ok(())
    }
}

impl Kept {
    /// The one of that name, or the newest.
    fn find(&self, name: Option<&str>) -> anyhow::Result<SnapshotName> {
        let listed = self.store.list()?;
        match name {
            None => Ok(listed.first().with_context(|| format!("there is no snapshot in {}", self.location))?.name),
            Some(name) => {
                let found = listed.iter().find(|listed| listed.name.to_string() == name);
                Ok(found
                    .with_context(|| {
                        format!("there is no snapshot {name} in {}; fraudnet snapshot list shows them", self.location)
                    })?
                    .name)
            }
        }
    }
}

impl SnapshotCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List { place } => list(&place),
            Action::Verify { name, place } => verify(&place, name.as_deref()),
            Action::Inspect { name, place } => inspect(&place, name.as_deref()),
        }
    }
}

#[derive(Debug, Serialize)]
struct Listing {
    location: String,
    snapshots: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    journal: String,
    position: u64,
    bytes: u64,
    taken_at_ms: i64,
    age_s: i64,
    /// Whether its seal is right.
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<u32>,
}

fn list(place: &Place) -> anyhow::Result<ExitCode> {
    let Kept { location, store } = place.open()?;
    let now_ms = clock::now_ms();
    let snapshots = store.list()?.into_iter().map(|listed| {
        let opened = Snapshot::open(&store, &listed.name);
        let header = opened.as_ref().ok().map(Snapshot::header);
        Row {
            name: listed.name.to_string(),
            journal: hex(&listed.name.journal),
            position: listed.name.position,
            bytes: listed.bytes,
            taken_at_ms: listed.name.taken_at_ms,
            age_s: (now_ms - listed.name.taken_at_ms) / 1_000,
            ok: opened.is_ok(),
            entities: header.map(|header| header.entities),
            edges: header.map(|header| header.edges),
            error: opened.as_ref().err().map(ToString::to_string),
        }
    });
    let listing = Listing { location, snapshots: snapshots.collect() };
    place.print(&listing, || {
        println!("location  {}", listing.location);
        if listing.snapshots.is_empty() {
            println!("no snapshot yet: the service makes one every snapshot.every_events log entries");
            return;
        }
        println!(
            "{:<66} {:>12} {:>10} {:>10} {:>11} {:>8}  seal",
            "name", "position", "entities", "edges", "size", "age"
        );
        for row in &listing.snapshots {
            let count = |count: Option<u32>| count.map_or("-".to_owned(), |count| count.to_string());
            let seal = row.error.as_deref().map_or("right", |error| after_name(error, &row.name));
            println!(
                "{:<66} {:>12} {:>10} {:>10} {:>11} {:>8}  {seal}",
                row.name,
                row.position,
                count(row.entities),
                count(row.edges),
                size(row.bytes),
                age(row.age_s)
            );
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Verification {
    location: String,
    good: usize,
    bad: usize,
    snapshots: Vec<Verified>,
}

#[derive(Debug, Serialize)]
struct Verified {
    name: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_hash: Option<String>,
    seconds: f64,
}

fn verify(place: &Place, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let kept = place.open()?;
    let names: Vec<SnapshotName> = match name {
        Some(_) => vec![kept.find(name)?],
        None => kept.store.list()?.iter().map(|listed| listed.name).collect(),
    };
    let snapshots: Vec<Verified> = names
        .iter()
        .map(|name| {
            let begun = clock::monotonic();
            let read = Snapshot::open(&kept.store, name)
                .and_then(|snapshot| snapshot.verify().map(|_| snapshot.header().state_hash.clone()));
            Verified {
                name: name.to_string(),
                ok: read.is_ok(),
                error: read.as_ref().err().map(ToString::to_string),
                position: read.is_ok().then_some(name.position),
                state_hash: read.ok(),
                seconds: clock::monotonic().saturating_duration_since(begun).as_secs_f64(),
            }
        })
        .collect();
    let bad = snapshots.iter().filter(|verified| !verified.ok).count();
    let verification = Verification { location: kept.location, good: snapshots.len() - bad, bad, snapshots };
    place.print(&verification, || {
        for Verified { name, error, state_hash, seconds, .. } in &verification.snapshots {
            match (error, state_hash) {
                (Some(error), _) => println!("bad   {name}\n      {}", after_name(error, name)),
                (None, hash) => println!("good  {name}  state {}  {seconds:.2} s", hash.as_deref().unwrap_or_default()),
            }
        }
        println!("{} of {} good", verification.good, verification.snapshots.len());
        if bad > 0 {
            println!("a start passes over a bad one; delete it once nobody wants to look at it");
        }
    })?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Serialize)]
struct Inspected {
    name: String,
    bytes: u64,
    header: Header,
    columns: usize,
    /// Columns by name, parts together, biggest first.
    biggest: Vec<ColumnSize>,
}

#[derive(Debug, Serialize)]
struct ColumnSize {
    name: String,
    kind: String,
    values: u64,
    parts: usize,
    bytes: u64,
}

fn inspect(place: &Place, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let kept = place.open()?;
    let name = kept.find(name)?;
    let snapshot = Snapshot::open(&kept.store, &name)?;
    let inspected = Inspected {
        name: name.to_string(),
        bytes: snapshot.bytes(),
        header: snapshot.header().clone(),
        columns: snapshot.columns().len(),
        biggest: by_size(&snapshot),
    };
    place.print(&inspected, || {
        let Inspected { header, .. } = &inspected;
        println!("name          {}", inspected.name);
        println!("format        {} (written by fraudnet {})", header.format, header.build);
        println!("log           {}, everything below position {}", header.journal, header.position);
        for (topic, offset) in &header.offsets {
            println!("  {topic:<13} offset {offset}");
        }
        println!("taken         {} ago", age((clock::now_ms() - header.taken_at_ms) / 1_000));
        println!(
            "graph         {} entities, {} edges, {} transactions",
            header.entities, header.edges, header.transactions
        );
        println!(
            "bounds        {} entities, {} edges, {} transactions, {} days",
            header.max_entities,
            header.max_edges,
            header.max_transactions,
            header.max_age_s / 86_400
        );
        println!("features      code version {}, schema {}", header.feature_code_version, header.feature_fingerprint);
        println!("state hash    {}", header.state_hash);
        println!("size          {} in {} columns, the biggest", size(inspected.bytes), inspected.columns);
        for column in inspected.biggest.iter().take(BIGGEST) {
            println!("  {:>11}  {:<40} {} × {}", size(column.bytes), column.name, column.values, column.kind);
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn by_size(snapshot: &Snapshot) -> Vec<ColumnSize> {
    let mut sizes: BTreeMap<&str, ColumnSize> = BTreeMap::new();
    for column in snapshot.columns() {
        let name = whole(&column.name);
        let size = sizes.entry(name).or_insert_with(|| ColumnSize {
            name: name.to_owned(),
            kind: column.kind.clone(),
            values: 0,
            parts: 0,
            bytes: 0,
        });
        size.values += column.values;
        size.parts += 1;
        size.bytes += column.bytes;
    }
    let mut sizes: Vec<ColumnSize> = sizes.into_values().collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.bytes));
    sizes
}

/// The name without the number of the part.
fn whole(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((whole, part)) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => name,
    }
}

/// An error without the name that stands beside it anyway.
fn after_name<'a>(error: &'a str, name: &str) -> &'a str {
    error.strip_prefix("snapshot ").and_then(|rest| rest.strip_prefix(name)).map_or(error, str::trim_start)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
