//! `fraudnet dead-letters`: what could not be taken, and the way back into the stream.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::{OutputFormat, topics};
use anyhow::{Context, bail};
use fraudnet_scoring::clock;
use fraudnet_scoring::cluster::kafka::dead_letter::{self, Reason};
use fraudnet_scoring::cluster::kafka::{Incoming, KafkaConfig, Reader, Sender, Topic, Wanted, check_topics, headers};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long the brokers may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// Shows dead letters: messages of transactions and labels that could not be taken, with their origin and the reason.
#[derive(Debug, clap::Args)]
pub struct DeadLetters {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the newest dead letters, and counts all of them by reason.
    List {
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// Only those with this reason: malformed, too_large, unsupported_version, wrong_type or conflicting_body.
        #[arg(long, value_name = "REASON", value_parser = reason)]
        reason: Option<Reason>,
        #[command(flatten)]
        common: Common,
    },
    /// Sends dead letters once more to where they came from: key, value and headers as they were.
    ///
    /// Meant for messages that a newer release can read, or that met a fault of ours. What still cannot be taken comes back as a new dead
    /// letter. A payment that was taken in the meantime is known by its id and is not decided again, so the command can be repeated; letters
    /// with the same content are sent once. Dead letters stay in their topic. One that was too large to be kept whole cannot be sent.
    Redrive {
        #[command(flatten)]
        which: Which,
        /// Only say what would be sent.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The one at this offset of the dead-letters topic.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    offset: Option<i64>,
    /// Those with this reason.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Option<Reason>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Configuration file (TOML).
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

fn reason(code: &str) -> Result<Reason, String> {
    Reason::parse(code).ok_or_else(|| format!("must be one of {}", Reason::ALL.map(Reason::code).join(", ")))
}

#[derive(Debug, Serialize)]
struct Listed {
    offset: i64,
    at: String,
    origin: String,
    reason: String,
    reason_text: String,
    key: String,
    bytes: usize,
    value_begins: String,
}

#[derive(Debug, Serialize)]
struct Listing {
    letters: u64,
    by_reason: BTreeMap<String, u64>,
    newest: Vec<Listed>,
}

#[derive(Debug, Default, Serialize)]
struct Redriven {
    dry_run: bool,
    /// Letters that were chosen.
    chosen: u64,
    /// Sent, and acknowledged.
    sent: u64,
    /// Same topic, key and value as one before.
    repeated: u64,
    /// Offset and reason of those that cannot be sent.
    unsendable: Vec<(i64, String)>,
}

impl DeadLetters {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List { limit, reason, common } => list(limit, reason, &common),
            Action::Redrive { which, dry_run, common } => redrive(&which, dry_run, &common),
        }
    }
}

fn list(limit: usize, reason: Option<Reason>, common: &Common) -> anyhow::Result<ExitCode> {
    let kafka = topics::kafka(common.config.as_deref())?;
    let mut listing = Listing { letters: 0, by_reason: BTreeMap::new(), newest: Vec::new() };
    let mut newest = VecDeque::new();
    read(&kafka, Reader::EARLIEST, |letter| {
        let code = letter.header_text(dead_letter::REASON).unwrap_or("?").to_owned();
        if reason.is_none_or(|reason| reason.code() == code) {
            listing.letters += 1;
            newest.push_back(Listed::of(&letter, code.clone()));
            if newest.len() > limit {
                newest.pop_front();
            }
            *listing.by_reason.entry(code).or_default() += 1;
        }
        Ok(true)
    })?;
    listing.newest = newest.into();
    match common.format {
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&listing)?),
        OutputFormat::Text => listing.print(),
    }
    Ok(ExitCode::SUCCESS)
}

fn redrive(which: &Which, dry_run: bool, common: &Common) -> anyhow::Result<ExitCode> {
    let kafka = topics::kafka(common.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("the runtime did not start")?;
    let sender = Sender::open(&kafka)?;
    let mut seen = HashSet::new();
    let mut done = Redriven { dry_run, ..Redriven::default() };
    // Up to the end as it is now: what comes back must not be sent again in the same run, which would never end.
    read(&kafka, which.offset.unwrap_or(Reader::EARLIEST), |letter| {
        if which.offset.is_some_and(|offset| offset != letter.offset) {
            return Ok(false);
        }
        let code = letter.header_text(dead_letter::REASON);
        if which.reason.is_some_and(|reason| code != Some(reason.code())) {
            return Ok(true);
        }
        done.chosen += 1;
        match dead_letter::original(&letter, &kafka.topic_prefix) {
            Err(reason) => done.unsendable.push((letter.offset, reason)),
            Ok(original) => {
                let mut content = blake3::Hasher::new();
                content.update(original.topic.name().as_bytes());
                content.update(&(original.key.len() as u64).to_le_bytes());
                content.update(&original.key);
                content.update(&original.payload);
                if !seen.insert(*content.finalize().as_bytes()) {
                    done.repeated += 1;
                } else {
                    // One after the other: they keep their order, and the first failure ends the run.
                    if !dry_run {
                        runtime.block_on(sender.send(original)).with_context(|| {
                            format!("dead letter {} was not sent, nor were later ones", letter.offset)
                        })?;
                    }
                    done.sent += 1;
                }
            }
        }
        Ok(which.offset.is_none())
    })?;
    if which.offset.is_some() && done.chosen == 0 {
        bail!("--offset: there is no dead letter at that offset");
    }
    match common.format {
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&done)?),
        OutputFormat::Text => done.print(),
    }
    Ok(if done.unsendable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Gives every dead letter from an offset on to the end of the topic as it was at the start, until `each` says that it has enough.
fn read(kafka: &KafkaConfig, from: i64, mut each: impl FnMut(Incoming) -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let states = check_topics(kafka, TIMEOUT)?;
    let state = states.iter().find(|state| state.topic == Topic::DeadLetters);
    if let Some(problem) = state.and_then(|state| state.problems.first()) {
        bail!("{problem}");
    }
    let begun = clock::now_ms();
    let mut reader = Reader::start(kafka, &[(Topic::DeadLetters, from)])?;
    let mut heard = clock::monotonic();
    loop {
        match reader.next(Duration::from_millis(200), Wanted::ALL) {
            Ok(Some(letter)) => {
                heard = clock::monotonic();
                if letter.timestamp_ms > begun || !each(letter)? {
                    return Ok(());
                }
            }
            Ok(None) if reader.at_end(Topic::DeadLetters) => return Ok(()),
            Ok(None) if heard.elapsed() < TIMEOUT => {}
            Ok(None) => bail!(
                "the dead letters could not be read to their end: {}",
                reader.unreachable().unwrap_or_else(|| "the broker sends nothing".to_owned())
            ),
            // An offset that was asked for and is not there.
            Err(_) if from > 0 => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Listed {
    fn of(letter: &Incoming, reason: String) -> Listed {
        let text = |name| letter.header_text(name).unwrap_or("?");
        let place =
            (text(dead_letter::ORIGIN_TOPIC), text(dead_letter::ORIGIN_PARTITION), text(dead_letter::ORIGIN_OFFSET));
        Listed {
            offset: letter.offset,
            at: headers::rfc3339(letter.timestamp_ms),
            origin: format!("{}/{}/{}", place.0, place.1, place.2),
            reason,
            reason_text: legible(text(dead_letter::REASON_TEXT).as_bytes(), usize::MAX),
            key: legible(letter.key.as_deref().unwrap_or_default(), SHOWN),
            bytes: letter.payload.len(),
            value_begins: legible(&letter.payload, SHOWN),
        }
    }
}

/// The first characters as a terminal can show them: what anybody sent must not control it.
fn legible(bytes: &[u8], most: usize) -> String {
    let begin = &bytes[..bytes.len().min(most.saturating_mul(4))];
    String::from_utf8_lossy(begin)
        .chars()
        .take(most)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

impl Listing {
    fn print(&self) {
        for letter in &self.newest {
            println!("{:>8}  {}  {:20}  {}", letter.offset, letter.at, letter.reason, letter.origin);
            println!("          {}", letter.reason_text);
            println!("          key {}  {} bytes: {}", letter.key, letter.bytes, letter.value_begins);
        }
        let counts: Vec<String> = self.by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        println!("{} dead letters{counts}, {} shown", self.letters, self.newest.len());
    }
}

impl Redriven {
    fn print(&self) {
        for (offset, reason) in &self.unsendable {
            println!("dead letter {offset} cannot be sent: {reason}");
        }
        let done = if self.dry_run { "would be sent" } else { "sent" };
        println!(
            "{} chosen, {} {done}, {} repeated, {} cannot be sent",
            self.chosen,
            self.sent,
            self.repeated,
            self.unsendable.len()
        );
        if self.sent > 0 && !self.dry_run {
            println!("those that still cannot be taken come back as new dead letters");
        }
    }
}
