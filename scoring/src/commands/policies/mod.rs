//! `fraudnet policies`: rules as data — published, tried on the past, brought into force.
//!
//! In reading order: the arguments below, `dry_run` (what a rule would have done).
#![expect(clippy::disallowed_macros, reason = "output of a command")]

mod dry_run;

use super::OutputFormat;
use super::remote::Remote;
use anyhow::{Context, bail};
use fraudnet_features::schema;
use fraudnet_scoring::http::{ActiveReply, PoliciesReply, PolicyReply, PublishedReply};
use fraudnet_scoring::policy::{CompiledPolicy, PolicyDocument, VARIABLES};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXAMPLE: &str = r#"A policy (TOML or JSON); deploy/policies/example.toml is a whole one:

  version = "2026-11-22"
  [[rules]]
  id = "new-device-abroad"
  code = "NEW_DEVICE_ABROAD"
  text = "a large payment from a new device in another country"
  when = 'amount >= 500.0 && feature.device_new > 0.5 && ip_country != account_country'
  then = "review"

  fraudnet policies check policy.toml
  fraudnet policies dry-run --policy policy.toml --since 30d
  fraudnet policies publish policy.toml
  fraudnet policies activate 2026-11-22 --reason "the wave of last week""#;

/// Publishes policies, tries them on the past, and brings them into force.
///
/// A policy is a version of rules on top of the model's score. A rule is an expression in CEL over the payment (amount, ip_country, …), its
/// score (probability, decision, …) and its features (feature.NAME); where it holds, the decision is at least as severe as the rule says, or
/// with `override` an approval. `variables` lists all names. check and variables work without a service.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLE)]
pub struct Policies {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists versions, which one is in force, and what was before.
    List {
        #[command(flatten)]
        service: Service,
    },
    /// Shows the rules of a version.
    Show {
        /// Version, or `active`.
        #[arg(value_name = "VERSION", default_value = "active")]
        policy: String,
        #[command(flatten)]
        service: Service,
    },
    /// Checks a policy without publishing it.
    Check {
        /// TOML or JSON.
        file: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// Publishes a version. It decides nothing until it is activated or an experiment names it.
    Publish {
        /// TOML or JSON.
        file: PathBuf,
        #[command(flatten)]
        service: Service,
    },
    /// Brings a version into force; `none` leaves the decision to model and lists.
    Activate {
        /// Version, as `list` shows it.
        #[arg(value_name = "VERSION")]
        policy: String,
        /// Why; it stays with the change.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        service: Service,
    },
    /// Tells what a rule or a whole policy would have done in the past.
    DryRun(dry_run::DryRunArgs),
    /// Lists every name that expressions may use.
    Variables {
        /// Only names and meanings that hold this word.
        word: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
}

/// The service that is asked.
#[derive(Debug, clap::Args)]
struct Service {
    #[command(flatten)]
    remote: Remote,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl Policies {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List { service } => list(&service),
            Action::Show { policy, service } => show(&policy, &service),
            Action::Check { file, format } => check(&file, format),
            Action::Publish { file, service } => publish(&file, &service),
            Action::Activate { policy, reason, service } => activate(&policy, &reason, &service),
            Action::DryRun(arguments) => arguments.run(),
            Action::Variables { word, format } => variables(word.as_deref(), format),
        }
    }
}

fn list(service: &Service) -> anyhow::Result<ExitCode> {
    let reply: PoliciesReply = read(service.remote.get("/v1/policies")?)?;
    service.print(&reply, || {
        println!("active    {}", reply.active);
        for policy in &reply.policies {
            let group = policy.control_group.map_or(String::new(), |group| {
                format!(", control group {} % up to {}", 100.0 * group.share, group.max_amount)
            });
            println!(
                "{} {:<20} rules: {}{group}, by {} at {}  {}",
                if policy.active { "*" } else { " " },
                policy.version,
                policy.rules,
                policy.published_by,
                policy.published_at,
                policy.description
            );
        }
        for activation in reply.history.iter().take(10) {
            println!("{}  {} by {}: {}", activation.at, activation.version, activation.actor, activation.reason);
        }
    })
}

fn show(version: &str, service: &Service) -> anyhow::Result<ExitCode> {
    let reply: PolicyReply = read(service.remote.get(&format!("/v1/policies/{version}"))?)?;
    service.print(&reply, || {
        let state = if reply.active { "in force" } else { "not in force" };
        println!("# {state}; digest {}, published by {} at {}", reply.digest, reply.published_by, reply.published_at);
        match toml::to_string_pretty(&reply.document) {
            Ok(text) => println!("{text}"),
            Err(error) => println!("# it has no TOML form: {error}; --format json shows it"),
        }
    })
}

fn check(file: &Path, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let document: PolicyDocument = read_file(file)?;
    let digest = CompiledPolicy::check(&document)?;
    let told = json!({ "version": document.version, "digest": digest, "rules": document.rules.len() });
    print(format, &told, || {
        println!("policy {} can be published (rules: {}, digest {digest})", document.version, document.rules.len());
    })
}

fn publish(file: &Path, service: &Service) -> anyhow::Result<ExitCode> {
    let document: PolicyDocument = read_file(file)?;
    // Here first: the places are told one by one.
    CompiledPolicy::check(&document)?;
    let body = serde_json::to_value(&document)?;
    let reply: PublishedReply = read(service.remote.change(Method::POST, "/v1/policies", Some(&body))?)?;
    service.print(&reply, || {
        println!("published {} (digest {}, log position {})", reply.version, reply.digest, reply.position);
        println!("it decides nothing yet: fraudnet policies activate {} --reason …", reply.version);
    })
}

fn activate(version: &str, reason: &str, service: &Service) -> anyhow::Result<ExitCode> {
    let body = json!({ "version": version, "reason": reason });
    let reply: ActiveReply = read(service.remote.change(Method::PUT, "/v1/policies/active", Some(&body))?)?;
    service.print(&reply, || {
        println!("active {} (before: {}, log position {})", reply.version, reply.previous, reply.position);
    })
}

fn variables(word: Option<&str>, format: OutputFormat) -> anyhow::Result<ExitCode> {
    #[derive(Serialize)]
    struct Name {
        name: String,
        kind: &'static str,
        optional: bool,
        meaning: String,
    }
    let plain = VARIABLES.iter().map(|variable| Name {
        name: variable.name.to_owned(),
        kind: variable.kind,
        optional: variable.optional,
        meaning: variable.meaning.to_owned(),
    });
    let features = schema::payment_features().iter().map(|feature| Name {
        name: format!("feature.{}", feature.name),
        kind: "double",
        optional: false,
        meaning: format!("{} ({})", feature.meaning, feature.unit),
    });
    let wanted = |name: &Name| word.is_none_or(|word| name.name.contains(word) || name.meaning.contains(word));
    let names: Vec<Name> = plain.chain(features).filter(wanted).collect();
    print(format, &names, || {
        for Name { name, kind, optional, meaning } in &names {
            let kind = if *optional { format!("{kind}?") } else { (*kind).to_owned() };
            println!("{name:<48} {kind:<8} {meaning}");
        }
        println!("{} names; those with ? are null where the payment does not have them", names.len());
    })
}

impl Service {
    fn print<T: Serialize>(&self, value: &T, text: impl FnOnce()) -> anyhow::Result<ExitCode> {
        print(self.format, value, text)
    }
}

fn print<T: Serialize>(format: OutputFormat, value: &T, text: impl FnOnce()) -> anyhow::Result<ExitCode> {
    match format {
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(value)?),
        OutputFormat::Text => text(),
    }
    Ok(ExitCode::SUCCESS)
}

fn read<T: DeserializeOwned>(reply: Value) -> anyhow::Result<T> {
    serde_json::from_value(reply).context("the service answered in a form this build does not know; use its own build")
}

/// A file of that form, in TOML or JSON by its ending.
fn read_file<T: DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let wrong = || format!("{} does not hold what it should", file.display());
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => serde_json::from_str(&text).with_context(wrong),
        Some("toml") => toml::from_str(&text).with_context(wrong),
        _ => bail!("{} must end in .toml or .json, so that it is known how to read it", file.display()),
    }
}
