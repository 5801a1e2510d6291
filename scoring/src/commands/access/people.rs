//! `fraudnet access people`.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::super::OutputFormat;
use super::super::remote::Remote;
use super::{Granted, granted};
use fraudnet_scoring::access::Who;
use fraudnet_scoring::client::segment;
use hyper::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

const PATH: &str = "/v1/access/people";

/// Roles of people who sign in with a provider (`oidc` in the configuration).
#[derive(Debug, clap::Subcommand)]
pub enum People {
    /// Gives them roles.
    Add {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        granted: Granted,
        /// The provider; the configured one where absent.
        #[arg(long)]
        issuer: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists who has which.
    List {
        #[command(flatten)]
        remote: Remote,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// Takes them, at once.
    Remove {
        /// Id of the rule, as `list` shows it.
        rule_id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Whom a rule is for.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Whom {
    /// The one with that address, which the provider has verified.
    #[arg(long)]
    email: Option<String>,
    /// The one whom the provider calls so.
    #[arg(long)]
    subject: Option<String>,
    /// All of that group.
    #[arg(long)]
    group: Option<String>,
}

impl People {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            People::Add { whom: Whom { email, subject, group }, granted, issuer, remote } => {
                let who = email.map(Who::Email).or(subject.map(Who::Subject)).or(group.map(Who::Group));
                let mut body = granted.fields()?;
                body.insert("who".to_owned(), json!(who));
                if let Some(issuer) = issuer {
                    body.insert("issuer".to_owned(), json!(issuer));
                }
                let answer = remote.change(Method::POST, PATH, Some(&Value::Object(body)))?;
                println!("{}", answer["rule_id"].as_str().unwrap_or_default());
            }
            People::List { remote, format } => {
                let answer = remote.get(PATH)?;
                match format {
                    OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
                    OutputFormat::Text => answer["people"].as_array().into_iter().flatten().for_each(print),
                }
            }
            People::Remove { rule_id, remote } => {
                remote.change(Method::DELETE, &format!("{PATH}/{}", segment(&rule_id)), None)?;
                println!("{rule_id} is gone");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(rule: &Value) {
    let who = rule["who"].as_object().and_then(|who| who.iter().next());
    let who = who.map_or_else(String::new, |(kind, name)| format!("{kind} {}", name.as_str().unwrap_or_default()));
    println!("{}  {who:<40} {}", rule["rule_id"].as_str().unwrap_or_default(), granted(rule));
}
