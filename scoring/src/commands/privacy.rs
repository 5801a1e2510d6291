//! `fraudnet privacy`: erasing people, and saying who a pseudonym is.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use super::remote::Remote;
use anyhow::{Context, ensure};
use fraudnet_scoring::client::segment;
use fraudnet_scoring::config;
use fraudnet_scoring::http::{ErasureReply, ErasureRequest, PersonRequest, PrivacyReply, RevealReply, RevealRequest};
use fraudnet_scoring::privacy::{PersonKind, VAULT_FILE, World, rotate};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// Erases people from a log that never changes, and says who a pseudonym is.
///
/// With privacy.pseudonyms = true the log holds pseudonyms, and a vault beside it ties them to people. See scoring/docs/privacy.md.
#[derive(Debug, clap::Args)]
pub struct Privacy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Erases people: from the answer on nobody can tell whose their pseudonyms were.
    ///
    /// Give all that is theirs: the account and the devices and addresses only they use. The log stays what it is, and so does every proof.
    Erase(Erase),
    /// Says who a pseudonym is. That you asked stands in the log for good.
    Reveal(Reveal),
    /// Shows how pseudonyms stand, and what was erased.
    Status {
        #[command(flatten)]
        service: Service,
    },
    /// Gives the vault of a stopped service another master key, so that older copies of it tell nobody anything once the old key is gone.
    Rotate {
        /// Configuration file (TOML) of the service.
        #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Erase {
    /// Account, as payments give it, or its pseudonym; several times for several.
    #[arg(long = "account", value_name = "ID")]
    accounts: Vec<String>,
    /// Device.
    #[arg(long = "device", value_name = "ID")]
    devices: Vec<String>,
    /// IP address.
    #[arg(long = "ip", value_name = "ID")]
    ips: Vec<String>,
    /// Why; it stands in the log for good, so name nobody in it.
    #[arg(long)]
    reason: String,
    /// Also who is on a block or watch list or has an open case: they come back as strangers.
    #[arg(long)]
    even_if_listed: bool,
    #[command(flatten)]
    service: Service,
}

#[derive(Debug, clap::Args)]
struct Reveal {
    /// The pseudonym: p_ and 26 letters and digits.
    pseudonym: String,
    /// Why; it stands in the log for good.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    service: Service,
}

#[derive(Debug, clap::Args)]
struct Service {
    #[command(flatten)]
    remote: Remote,
    /// Tenant; the service's default where absent.
    #[arg(long)]
    tenant: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl Privacy {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Erase(erase) => erase.run(),
            Action::Reveal(reveal) => reveal.run(),
            Action::Status { service } => status(&service),
            Action::Rotate { config } => rotated(config),
        }
    }
}

impl Erase {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Erase { accounts, devices, ips, reason, even_if_listed, service } = self;
        let of = |kind: PersonKind, ids: Vec<String>| {
            ids.into_iter().map(move |id| PersonRequest { kind: kind.name().to_owned(), id })
        };
        let people: Vec<PersonRequest> = of(PersonKind::Account, accounts)
            .chain(of(PersonKind::Device, devices))
            .chain(of(PersonKind::Ip, ips))
            .collect();
        ensure!(!people.is_empty(), "say whom: --account ID, --device ID or --ip ID");
        let asked = people.clone();
        let request = ErasureRequest { people, reason, even_if_listed };
        let reply: ErasureReply = service.post("erasures", &request)?;
        service.print(&reply, || {
            println!("erased {} identifiers ({}, log position {})", reply.erased, reply.erasure_id, reply.position);
            for person in reply.unknown.iter().filter_map(|place| asked.get(*place)) {
                println!("not known here: {} {}", person.kind, person.id);
            }
        })
    }
}

impl Reveal {
    fn run(self) -> anyhow::Result<ExitCode> {
        let Reveal { pseudonym, reason, service } = self;
        let reply: RevealReply = service.post("reveal", &RevealRequest { pseudonym, reason })?;
        service.print(&reply, || {
            println!("{} {} (first seen {})", reply.kind, reply.id, reply.first_seen.get(..10).unwrap_or_default());
        })
    }
}

fn status(service: &Service) -> anyhow::Result<ExitCode> {
    let reply: PrivacyReply = read(service.remote.get(&service.path(""))?)?;
    service.print(&reply, || {
        if !reply.pseudonyms {
            return println!("off: the log holds identifiers in clear");
        }
        println!("vault       {}", reply.vault_id.as_deref().unwrap_or_default());
        if let Some(people) = reply.people {
            println!("identifiers {people}");
        }
        println!("revealed    {}", reply.revealed);
        if reply.stopped {
            println!("STOPPED     it takes no change any more; /readyz says why");
        }
        for erasure in &reply.erasures {
            let done = erasure.done_at.as_deref().unwrap_or("NOT YET: the next start does it");
            let (id, count, by) = (&erasure.erasure_id, erasure.identifiers, &erasure.actor);
            println!("{id}  {count} identifiers, {} (ordered by {by} at {}, done {done})", erasure.reason, erasure.at);
        }
    })
}

fn rotated(file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let privacy = config::load(file.as_deref())?.service.privacy;
    let privacy = privacy
        .context("privacy.pseudonyms is off: there is no vault; give the service's configuration with --config")?;
    let vault = privacy.folder.join(VAULT_FILE);
    ensure!(vault.is_file(), "there is no vault at {}; look at privacy.folder", vault.display());
    let people = rotate(&privacy.vault(None), World::system())?;
    println!(
        "another master key seals {people} identifiers; older copies of the vault open with the old one alone: destroy its copies"
    );
    Ok(ExitCode::SUCCESS)
}

impl Service {
    fn path(&self, what: &str) -> String {
        let tenant = self.tenant.as_deref().map_or(String::new(), |tenant| format!("?tenant={}", segment(tenant)));
        let what = if what.is_empty() { String::new() } else { format!("/{what}") };
        format!("/v1/privacy{what}{tenant}")
    }

    fn post<T: DeserializeOwned>(&self, what: &str, body: &impl Serialize) -> anyhow::Result<T> {
        read(self.remote.change(Method::POST, &self.path(what), Some(&serde_json::to_value(body)?))?)
    }

    fn print<T: Serialize>(&self, value: &T, text: impl FnOnce()) -> anyhow::Result<ExitCode> {
        match self.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(value)?),
            OutputFormat::Text => text(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read<T: DeserializeOwned>(reply: Value) -> anyhow::Result<T> {
    serde_json::from_value(reply).context("the service answered in a form this build does not know; use its own build")
}
