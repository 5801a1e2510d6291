//! `fraudnet audit`: proof of what the log holds, and whether it is still what was signed.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use super::remote::Remote;
use anyhow::{Context, ensure};
use fraudnet_models::Trust;
use fraudnet_scoring::http::ProofsReply;
use fraudnet_scoring::log::LogReader;
use fraudnet_scoring::provenance::verify::{Verification, verify};
use fraudnet_scoring::provenance::{self, witness};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Proves what was decided, and shows whether the log was changed since.
#[derive(Debug, clap::Args)]
pub struct AuditCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Hold a whole log against the heads that were signed over it; status 1 where anything does not hold.
    ///
    /// The service must not run on the folder, or give a copy of it. Heads are taken from the log's own notes, from the file beside its
    /// tree, and from every --witness. A log that was cut off or replaced together with the files beside it looks whole by itself: keep
    /// heads and the public key elsewhere, and give them here.
    Verify(Verify),
    /// Print proofs that a payment and its verdict, or the entry at a position, are in the log of a running service.
    Proof(Proof),
    /// Check a proof that was printed before, without any service.
    Check(Check),
    /// Print the newest signed head of a running service.
    Head(Head),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// Data folder of the service.
    #[arg(value_name = "FOLDER")]
    data: PathBuf,
    /// File of heads that a witness kept; may be given more than once.
    #[arg(long, value_name = "FILE")]
    witness: Vec<PathBuf>,
    /// Folder of the public keys that may sign heads; the one in the data folder unless said otherwise.
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Debug, clap::Args)]
struct Proof {
    #[command(flatten)]
    remote: Remote,
    /// The payment's id.
    #[arg(required_unless_present = "position")]
    transaction_id: Option<String>,
    /// Position of an entry instead, such as the source of an edge.
    #[arg(long, conflicts_with = "transaction_id")]
    position: Option<u64>,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// File with what `fraudnet audit proof` printed.
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// Folder of the public keys that may sign heads.
    #[arg(long, value_name = "FOLDER")]
    keys: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Head {
    #[command(flatten)]
    remote: Remote,
}

impl AuditCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Verify(verify) => verify.run(),
            Action::Proof(proof) => proof.run(),
            Action::Check(check) => check.run(),
            Action::Head(head) => {
                println!("{}", serde_json::to_string_pretty(&head.remote.get("/v1/audit/head")?)?);
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<ExitCode> {
        let folder = self.data.join(provenance::FOLDER);
        let keys = self.keys.clone().unwrap_or_else(|| folder.clone());
        let trust = trusted(&keys)?;
        let log = LogReader::open(&self.data)?;
        let mut heads = Vec::new();
        let beside = Some(folder.join(provenance::HEADS_FILE)).filter(|file| file.exists());
        for file in beside.iter().chain(&self.witness) {
            heads.extend(witness::read(file).map_err(anyhow::Error::msg)?);
        }
        let log_id: String = log.identity().iter().map(|byte| format!("{byte:02x}")).collect();
        let read = |from, limit| log.read_from(from, limit).map_err(|error| error.to_string());
        let found = verify(&log_id, read, heads, |signer, message, signature| trust.verify(signer, message, signature))
            .map_err(anyhow::Error::msg)?;
        match self.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&found)?),
            OutputFormat::Text => print(&found, self.witness.is_empty(), self.keys.is_none()),
        }
        Ok(if found.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(found: &Verification, alone: bool, own_keys: bool) {
    let Verification { log_id, entries, covered, heads_in_log, heads_of_witnesses, problems } = found;
    println!("log        {log_id}, {entries} entries");
    println!("heads      {heads_in_log} in the log, {heads_of_witnesses} kept beside it or by witnesses");
    if problems.is_empty() {
        println!(
            "verified   the first {covered} entries are what was signed, {} are newer than the last head",
            entries - covered
        );
    } else {
        println!("NOT VERIFIED");
        for problem in problems {
            println!("  - {problem}");
        }
    }
    if alone {
        println!("note       no --witness: a log cut off or replaced together with the files beside it looks whole");
    }
    if own_keys {
        println!(
            "note       no --keys: the public key is the one in the data folder, which whoever changed the log could have changed too"
        );
    }
}

impl Proof {
    fn run(self) -> anyhow::Result<ExitCode> {
        let path = match (&self.transaction_id, self.position) {
            (Some(id), _) => format!("/v1/audit/proof/{}", fraudnet_scoring::client::segment(id)),
            (None, position) => format!("/v1/audit/proof?position={}", position.unwrap_or_default()),
        };
        println!("{}", serde_json::to_string_pretty(&self.remote.get(&path)?)?);
        Ok(ExitCode::SUCCESS)
    }
}

impl Check {
    fn run(self) -> anyhow::Result<ExitCode> {
        let told =
            || format!("{} holds no proof; give a file that `fraudnet audit proof` printed", self.proof.display());
        let bytes = std::fs::read(&self.proof).with_context(told)?;
        let reply: ProofsReply = serde_json::from_slice(&bytes).with_context(told)?;
        ensure!(!reply.proofs.is_empty(), told());
        let trust = trusted(&self.keys)?;
        for proof in &reply.proofs {
            proof.verify(|signer, message, signature| trust.verify(signer, message, signature))?;
            let (kind, text) = proof.told()?;
            let head = &proof.head;
            let at = fraudnet_scoring::wire::format_timestamp(head.head.at_ms);
            println!(
                "holds      {kind} at position {} of log {}, among {} entries signed by {} at {at}",
                proof.position, head.head.log_id, head.head.tree_size, head.signer
            );
            println!("{text}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn trusted(folder: &Path) -> anyhow::Result<Trust> {
    let trust = Trust::read(folder, true)?;
    ensure!(
        !trust.keys.is_empty(),
        "{} holds no public key (NAME.pub); give the folder of those who sign heads with --keys",
        folder.display()
    );
    Ok(trust)
}
