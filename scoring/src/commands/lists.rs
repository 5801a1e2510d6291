//! `fraudnet lists`: entities that are always allowed, always blocked, always looked at.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::OutputFormat;
use super::remote::Remote;
use anyhow::Context;
use fraudnet_scoring::client::segment;
use fraudnet_scoring::http::{ListChangedReply, ListRequest, ListsReply};
use fraudnet_scoring::policy::{ListName, ListedKind};
use hyper::Method;
use serde::Serialize;
use serde_json::Value;
use std::process::ExitCode;

/// Puts entities on the allow, block and watch lists, and takes them off.
///
/// block declines every payment of which something is listed, whatever else holds; allow approves it whatever score and rules say; watch holds
/// it for an analyst. An account that is blocked or watched is so as the receiving side of a transfer too. A change counts from the
/// answer on, at every replica, and stays.
#[derive(Debug, clap::Args)]
pub struct Lists {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Puts an entity on a list, or changes what is said of it there.
    Add {
        #[command(flatten)]
        entry: Entry,
        /// Why; it stands in verdicts.
        #[arg(long)]
        reason: String,
        /// Until when, judged by the time of the payment: 2026-12-31T00:00:00Z; for good where absent.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        service: Service,
    },
    /// Takes an entity off a list.
    Remove {
        #[command(flatten)]
        entry: Entry,
        #[command(flatten)]
        service: Service,
    },
    /// Shows what is listed.
    Show {
        /// allow, block or watch; all where absent.
        #[arg(value_parser = list_name)]
        list: Option<ListName>,
        /// account, device, ip or merchant alone.
        #[arg(long, value_parser = kind_name)]
        kind: Option<ListedKind>,
        /// Most entries.
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
        #[command(flatten)]
        service: Service,
    },
}

#[derive(Debug, clap::Args)]
struct Entry {
    /// allow, block or watch.
    #[arg(value_parser = list_name)]
    list: ListName,
    /// account, device, ip or merchant.
    #[arg(value_parser = kind_name)]
    kind: ListedKind,
    /// Identifier, as payments give it.
    id: String,
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

fn list_name(text: &str) -> Result<ListName, String> {
    ListName::from_name(text).ok_or_else(|| "there are these lists: allow, block, watch".to_owned())
}

fn kind_name(text: &str) -> Result<ListedKind, String> {
    ListedKind::from_name(text).ok_or_else(|| "there are these kinds: account, device, ip, merchant".to_owned())
}

impl Lists {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Add { entry, reason, until, service } => {
                let body = serde_json::to_value(ListRequest { reason, expires_at: until })?;
                service.change(Method::PUT, &entry, Some(&body), "is on")
            }
            Action::Remove { entry, service } => service.change(Method::DELETE, &entry, None, "is off"),
            Action::Show { list, kind, limit, service } => service.show(list, kind, limit),
        }
    }
}

impl Service {
    fn change(&self, method: Method, entry: &Entry, body: Option<&Value>, told: &str) -> anyhow::Result<ExitCode> {
        let Entry { list, kind, id } = entry;
        let tenant = self.tenant.as_deref().map_or(String::new(), |tenant| format!("?tenant={}", segment(tenant)));
        let path = format!("/v1/lists/{}/{}/{}{tenant}", list.name(), kind.name(), segment(id));
        let reply: ListChangedReply = read(self.remote.change(method, &path, body)?)?;
        self.print(&reply, || {
            println!("{} {id} {told} the {} list (log position {})", kind.name(), list.name(), reply.position);
        })
    }

    fn show(&self, list: Option<ListName>, kind: Option<ListedKind>, limit: usize) -> anyhow::Result<ExitCode> {
        let mut entries = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = format!("limit={}", (limit - entries.len().min(limit)).clamp(1, 1_000));
            let parts = [
                ("tenant", self.tenant.as_deref()),
                ("list", list.map(ListName::name)),
                ("kind", kind.map(ListedKind::name)),
                ("after", next.as_deref()),
            ];
            for (name, value) in parts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                query.push_str(&format!("&{name}={}", segment(value)));
            }
            let page: ListsReply = read(self.remote.get(&format!("/v1/lists?{query}"))?)?;
            entries.extend(page.entries);
            next = page.next;
            if next.is_none() || entries.len() >= limit {
                break;
            }
        }
        let reply = ListsReply { entries, next };
        self.print(&reply, || {
            for entry in &reply.entries {
                let until = entry.expires_at.as_ref().map_or(String::new(), |end| format!(", until {end}"));
                println!(
                    "{:<6} {:<9} {:<32} {} (by {} at {}{until})",
                    entry.list, entry.kind, entry.id, entry.reason, entry.actor, entry.at
                );
            }
            let more = if reply.next.is_some() { "; there are more, see --limit" } else { "" };
            println!("listed: {}{more}", reply.entries.len());
        })
    }

    fn print<T: Serialize>(&self, value: &T, text: impl FnOnce()) -> anyhow::Result<ExitCode> {
        match self.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(value)?),
            OutputFormat::Text => text(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read<T: serde::de::DeserializeOwned>(reply: Value) -> anyhow::Result<T> {
    serde_json::from_value(reply).context("the service answered in a form this build does not know; use its own build")
}
