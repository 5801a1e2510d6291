//! The service in this process: the embedded default, on a folder that goes with the demo.

use super::screen::Screen;
use super::{Client, DemoOptions};
use crate::access::{Grant, Reach, Role};
use crate::clock;
use crate::config::{self, LogFormat, TelemetryConfig};
use crate::http;
use crate::invite::{self, Invitation};
use crate::service::Service;
use crate::telemetry::{self, Telemetry};
use anyhow::{Context, anyhow, bail};
use fraudnet_models::artifact::MANIFEST_FILE;
use fraudnet_models::resolve_version;
use std::cmp::Ordering;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Where the released models lie in a checkout.
const FAMILY: &str = "models/hybrid";
/// How long the console's link waits for being used, milliseconds.
const LINK_MS: i64 = 86_400_000;
const READY_POLL: Duration = Duration::from_millis(5);
const DRAIN_TIME: Duration = Duration::from_secs(6);
const HANG_UP_TIME: Duration = Duration::from_secs(2);

/// The running service and all it holds.
pub(super) struct House {
    pub(super) service: Service,
    pub(super) client: Client,
    server: JoinHandle<std::io::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
    upkeep: JoinHandle<()>,
    telemetry: Option<Telemetry>,
    // Last: the file in it is let go of before.
    _folder: DataFolder,
}

impl House {
    /// Starts the service and waits until it takes traffic.
    pub(super) async fn open(options: &DemoOptions, screen: &Screen) -> anyhow::Result<House> {
        screen.step(1, format_args!("start the service with its embedded log and the released model"), "1 s");
        let begun = clock::monotonic();
        let folder = DataFolder::make()?;
        let mut raw = config::read(None)?;
        // Before it is checked: snapshots lie beside the log.
        raw.log.folder = folder.0.to_string_lossy().into_owned();
        // Whoever sits at this machine may look around; who wants a name of their own has the link.
        raw.access.anonymous = vec![Role::Scorer, Role::Lead, Role::DataScientist, Role::Auditor];
        raw.reviews.reference_currency = "EUR".to_owned();
        raw.access.score_per_second = 0;
        raw.access.read_per_second = 0;
        let mut config = raw.check()?;
        config.service.model_folder = find_model(options.model.as_deref())?;
        // Lines of a log would tear the demo's own lines apart.
        let quiet = TelemetryConfig { log_filter: "error".to_owned(), log_format: LogFormat::Auto, ..config.telemetry };
        let telemetry = telemetry::start(&quiet)?;
        let model = config.service.model_folder.clone();
        let listener = bind(config.server.listen, screen).await?;
        let address = listener.local_addr().context("the address in use cannot be read")?;
        let service = Service::start(config.service)?;
        while !service.readiness().ready {
            let readiness = service.readiness();
            if readiness.state.starts_with("failed") {
                bail!("the service did not start: {}", readiness.state);
            }
            tokio::time::sleep(READY_POLL).await;
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let routes =
            http::router(service.clone(), config.http, Some(telemetry.metrics())).map_err(anyhow::Error::msg)?;
        let server = tokio::spawn(http::serve(listener, routes, async {
            // Dropped or sent: either way it is time to stop.
            let _ = stopped.await;
        }));
        let upkeep = tokio::spawn(Telemetry::upkeep(telemetry.metrics()));
        screen.done(format_args!(
            "ready on http://{address} after {} ms; model {}, data in {} until the demo ends",
            clock::monotonic().saturating_duration_since(begun).as_millis(),
            shown(&model),
            folder.0.display()
        ));
        let client = Client::new(address);
        Ok(House { service, client, server, stop: Some(stop), upkeep, telemetry: Some(telemetry), _folder: folder })
    }

    /// Where somebody gets into the console, once, with a name of their own.
    pub(super) async fn console(&self) -> anyhow::Result<String> {
        let roles = [Role::Lead, Role::DataScientist, Role::Admin, Role::Auditor].into();
        let grant = Grant { roles, reach: Reach::AllTenants };
        let invitation = Invitation { name: Some("demo".to_owned()), grant, lasts_ms: LINK_MS };
        let secret = invitation.submit(self.service.control()).await?;
        Ok(invite::address(self.client.base(), &secret))
    }

    /// Waits until the server ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match (&mut self.server).await {
            Ok(Ok(())) => anyhow!("the HTTP server ended"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the listener failed"),
            Err(error) => anyhow::Error::new(error).context("the HTTP server ended"),
        }
    }

    /// Finishes what was begun, ends all threads, and removes the data.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        let drained = self.service.drain(DRAIN_TIME).await;
        drop(self.stop.take());
        if !self.server.is_finished() && tokio::time::timeout(HANG_UP_TIME, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.upkeep.abort();
        if let Some(telemetry) = self.telemetry.take() {
            telemetry.shutdown().await;
        }
        drained
    }
}

/// The address that is configured, or any free port of it where another process has that one.
async fn bind(wanted: SocketAddr, screen: &Screen) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let free = SocketAddr::new(wanted.ip(), 0);
            let listener =
                TcpListener::bind(free).await.with_context(|| format!("no port of {} is free", wanted.ip()))?;
            let port = listener.local_addr().context("the address in use cannot be read")?.port();
            screen.say(format_args!("      port {} is busy, so the service takes {port}", wanted.port()));
            Ok(listener)
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {wanted}")),
    }
}

/// A folder for the log that goes when this goes.
struct DataFolder(PathBuf);

impl DataFolder {
    fn make() -> anyhow::Result<DataFolder> {
        let parent = std::env::temp_dir();
        for number in 0..1000 {
            let path = parent.join(format!("fraudnet-demo-{}-{number}", std::process::id()));
            // Only one that nobody had: it will be removed with all that is in it.
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(DataFolder(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("cannot make the folder {}", path.display())),
            }
        }
        bail!("cannot make a folder in {}: every name is taken", parent.display())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The version folder asked for, or that of the released model in the checkout around the current folder or this program.
fn find_model(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = asked {
        return version_in(folder)
            .with_context(|| format!("{} holds no model: give the folder of a version", folder.display()));
    }
    let program = std::env::current_exe().ok();
    let starts = std::env::current_dir().ok().into_iter().chain(program);
    let families: Vec<PathBuf> =
        starts.flat_map(|start| start.ancestors().map(|folder| folder.join(FAMILY)).collect::<Vec<_>>()).collect();
    families.iter().find_map(|family| version_in(family)).with_context(|| {
        format!("there is no model in {FAMILY}: run the demo inside the repository, name a model with --model, or make one with `make model`")
    })
}

/// The version meant by a folder: itself, its champion, or its newest version.
fn version_in(folder: &Path) -> Option<PathBuf> {
    if let Ok(version) = resolve_version(folder)
        && version.join(MANIFEST_FILE).is_file()
    {
        return Some(version);
    }
    let entries = std::fs::read_dir(folder).ok()?;
    let versions =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join(MANIFEST_FILE).is_file());
    versions.max_by(|left, right| by_version(&name(left), &name(right)))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Numbers as numbers: `2026.9.1` comes before `2026.11.22`, `-2` before `-10`.
fn by_version(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(Option<u64>, String)> {
        let split = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        split.map(|part| (part.parse().ok(), part.to_owned())).collect()
    };
    parts(left).cmp(&parts(right))
}

/// The last two parts of a model's folder: name and version.
fn shown(model: &Path) -> String {
    let family = model.parent().map(name).unwrap_or_default();
    format!("{family} {}", name(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_found_unless_a_champion_is_named() {
        let folder = DataFolder::make().unwrap();
        let family = &folder.0;
        assert_eq!(version_in(family), None);
        for version in ["2026.9.30-1", "2026.11.22-2", "2026.11.22-10"] {
            std::fs::create_dir(family.join(version)).unwrap();
            std::fs::write(family.join(version).join(MANIFEST_FILE), "{}").unwrap();
        }
        std::fs::create_dir(family.join("2027.1.1-1")).unwrap();
        assert_eq!(version_in(family), Some(family.join("2026.11.22-10")), "a folder without a manifest is no version");
        fraudnet_models::name_champion(family, "2026.9.30-1").unwrap();
        assert_eq!(version_in(family), Some(family.join("2026.9.30-1")));
        let version = family.join("2026.11.22-2");
        assert_eq!(find_model(Some(&version)).unwrap(), version);
        assert!(find_model(Some(&family.join("2027.1.1-1"))).unwrap_err().to_string().contains("holds no model"));
    }

    #[test]
    fn a_data_folder_is_its_own_and_goes() {
        let (one, two) = (DataFolder::make().unwrap(), DataFolder::make().unwrap());
        assert_ne!(one.0, two.0);
        let path = one.0.clone();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(one);
        assert!(!path.exists() && two.0.exists());
    }

    #[tokio::test]
    async fn a_busy_port_is_replaced() {
        let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wanted = busy.local_addr().unwrap();
        let other = bind(wanted, &Screen::new(true)).await.unwrap().local_addr().unwrap();
        assert_eq!(other.ip(), wanted.ip());
        assert_ne!(other.port(), wanted.port());
    }
}
