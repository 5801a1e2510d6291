//! `fraudnet access`: who may ask the service what.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

mod link;
mod people;
mod tokens;

use anyhow::bail;
use fraudnet_scoring::access::{Grant, Reach, Role, matrix};
use fraudnet_scoring::wire::format_timestamp;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Gives access to the API and the console, and takes it.
///
/// The first admin comes in by the link that `fraudnet serve` prints while nobody has access, or by `fraudnet access link` on the service's
/// machine. A token says who asks: programs send it as `Authorization: Bearer fn_…`, people sign in with it at /console/. These commands send
/// the one in FRAUDNET_TOKEN.
#[derive(Debug, clap::Args)]
pub struct Access {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Link(link::Link),
    #[command(subcommand)]
    Token(tokens::Tokens),
    #[command(subcommand)]
    People(people::People),
    /// Prints which role may use which route, as Markdown.
    Matrix,
}

impl Access {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Link(link) => link.run(),
            Action::Token(tokens) => tokens.run(),
            Action::People(people) => people.run(),
            Action::Matrix => {
                println!("{}\n{}", matrix::roles_markdown().trim_end(), matrix::markdown().trim_end());
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// What somebody is to get.
#[derive(Debug, clap::Args)]
struct Granted {
    /// What they are here for: scorer, analyst, lead, data-scientist, admin or auditor; several times for several.
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// Tenant at which that holds.
    #[arg(long)]
    tenant: Option<String>,
    /// It holds at every tenant, and for what is the whole service's: models, policies, drift.
    #[arg(long, conflicts_with = "tenant")]
    all_tenants: bool,
}

impl Granted {
    fn grant(&self) -> anyhow::Result<Grant> {
        let reach = match (&self.tenant, self.all_tenants) {
            (Some(tenant), false) => Reach::Tenant(tenant.clone()),
            (None, true) => Reach::AllTenants,
            _ => bail!("say where the roles hold: --tenant NAME or --all-tenants"),
        };
        Ok(Grant { roles: self.roles.iter().copied().collect(), reach })
    }

    /// The fields of a request.
    fn fields(&self) -> anyhow::Result<Map<String, Value>> {
        let Grant { roles, reach } = self.grant()?;
        let mut fields = Map::from_iter([("roles".to_owned(), json!(roles))]);
        match reach {
            Reach::Tenant(tenant) => fields.insert("tenant".to_owned(), json!(tenant)),
            Reach::AllTenants => fields.insert("all_tenants".to_owned(), json!(true)),
        };
        Ok(fields)
    }
}

fn role(text: &str) -> Result<Role, String> {
    let names = || Role::ALL.map(Role::name).join(", ");
    Role::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| format!("there are these roles: {}", names()))
}

/// Roles and where they hold, as lists show them.
fn granted(entry: &Value) -> String {
    let roles: Vec<&str> = entry["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let at = entry["reach"]["tenant"].as_str().map_or("all tenants".to_owned(), |tenant| format!("tenant {tenant}"));
    format!("{} at {at}", roles.join(", "))
}

fn time(value: &Value) -> Option<String> {
    value.as_i64().map(format_timestamp)
}
