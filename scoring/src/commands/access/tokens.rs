//! `fraudnet access token`.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::super::OutputFormat;
use super::super::remote::Remote;
use super::{Granted, granted, time};
use fraudnet_scoring::access::Permission;
use fraudnet_scoring::client::segment;
use fraudnet_scoring::http::TokenIssued;
use hyper::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

const PATH: &str = "/v1/access/tokens";

/// Tokens for programs and people.
#[derive(Debug, clap::Subcommand)]
pub enum Tokens {
    /// Makes a token and prints it: the only time it is seen.
    Create {
        /// The name that stands on everything done with it: a person's or a program's.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        granted: Granted,
        /// Of what the roles may do, only this, such as read-metrics; several times for several.
        #[arg(long = "scope", value_name = "PERMISSION", value_parser = permission)]
        scopes: Vec<Permission>,
        /// Until when it holds: 2027-01-31T00:00:00Z; for good where absent.
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists tokens, without their secrets.
    List {
        #[command(flatten)]
        remote: Remote,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// Revokes a token, and with it the sessions that were begun with it.
    Revoke {
        /// Its id, as `list` shows it.
        token_id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Tokens {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Tokens::Create { name, granted, scopes, expires_at, remote } => {
                let mut body = granted.fields()?;
                body.insert("name".to_owned(), json!(name));
                if !scopes.is_empty() {
                    body.insert("scopes".to_owned(), json!(scopes));
                }
                if let Some(expires_at) = expires_at {
                    body.insert("expires_at".to_owned(), json!(expires_at));
                }
                let answer = remote.change(Method::POST, PATH, Some(&Value::Object(body)))?;
                let issued: TokenIssued = serde_json::from_value(answer)?;
                println!("{}", issued.token);
                eprintln!("token {} of {name}; it is not shown again", issued.token_id);
            }
            Tokens::List { remote, format } => {
                let answer = remote.get(PATH)?;
                match format {
                    OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
                    OutputFormat::Text => answer["tokens"].as_array().into_iter().flatten().for_each(print),
                }
            }
            Tokens::Revoke { token_id, remote } => {
                remote.change(Method::DELETE, &format!("{PATH}/{}", segment(&token_id)), None)?;
                println!("{token_id} holds no more");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(token: &Value) {
    let ended = match (time(&token["revoked_at_ms"]), time(&token["expires_at_ms"])) {
        (Some(revoked), _) => format!("revoked {revoked} by {}", token["revoked_by"].as_str().unwrap_or("?")),
        (None, Some(expires)) => format!("until {expires}"),
        (None, None) => "for good".to_owned(),
    };
    let text = |key: &str| token[key].as_str().unwrap_or_default().to_owned();
    println!("{}  {:<24} {:<40} {ended}", text("token_id"), text("name"), granted(token));
}

fn permission(text: &str) -> Result<Permission, String> {
    let names = || Permission::ALL.map(Permission::name).join(", ");
    let found = Permission::ALL.into_iter().find(|permission| permission.name() == text);
    found.ok_or_else(|| format!("there are these permissions: {}", names()))
}
