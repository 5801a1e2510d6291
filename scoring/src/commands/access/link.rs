//! `fraudnet access link`.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::role;
use anyhow::{Context, ensure};
use fraudnet_scoring::access::{Grant, Reach, Role};
use fraudnet_scoring::config;
use fraudnet_scoring::invite::{self, Invitation};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes a link by which somebody signs in once, without a token: run it on the service's machine, as the service's user.
///
/// It is left as a wish in the folder of the service's log, and works within a second once the service runs. It takes the place of links that
/// were not used. The session that it begins is the only thing it gives: make a token in it, or a rule for people who sign in elsewhere.
#[derive(Debug, clap::Args)]
pub struct Link {
    /// Configuration file of the service, to find the folder of its log.
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The name that stands on everything they do; `once-` and an id where absent.
    #[arg(long)]
    name: Option<String>,
    /// What they are here for; admin unless said otherwise, several times for several.
    #[arg(long = "role", value_name = "ROLE", value_parser = role)]
    roles: Vec<Role>,
    /// Tenant at which that holds; all of them where absent.
    #[arg(long)]
    tenant: Option<String>,
    /// Minutes that the link waits for being used.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    minutes: u32,
    /// Address of the service that the link begins with; the configured one where absent.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Link {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = config::load(self.config.as_deref())?;
        let folder = &config.service.data_folder;
        ensure!(
            folder.is_dir(),
            "`{}` is no folder: name the service's configuration with --config, or run this where the service runs",
            folder.display()
        );
        let roles = if self.roles.is_empty() { [Role::Admin].into() } else { self.roles.into_iter().collect() };
        let reach = self.tenant.map_or(Reach::AllTenants, Reach::Tenant);
        let invitation =
            Invitation { name: self.name, grant: Grant { roles, reach }, lasts_ms: i64::from(self.minutes) * 60_000 };
        let secret =
            invitation.leave(folder).with_context(|| format!("nothing can be written into `{}`", folder.display()))?;
        let public_url = Some(config.http.access.public_url).filter(|url| !url.is_empty());
        let base = self.url.or(public_url).unwrap_or_else(|| format!("http://{}", config.server.listen));
        println!("{}", invite::address(&base, &secret));
        eprintln!("works once, within {} minutes", self.minutes);
        Ok(ExitCode::SUCCESS)
    }
}
