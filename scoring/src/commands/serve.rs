//! `fraudnet serve`: config → telemetry → service → HTTP, until a signal → drain.

use anyhow::Context;
use fraudnet_scoring::access::AccessSettings;
use fraudnet_scoring::config::{self, Config};
use fraudnet_scoring::invite::{self, Invitation};
use fraudnet_scoring::service::Service;
use fraudnet_scoring::signals::Signals;
use fraudnet_scoring::telemetry::{self, Telemetry};
use fraudnet_scoring::{clock, http};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How often it is looked whether the service is ready.
const READY_POLL: Duration = Duration::from_millis(50);
/// How long payments that were begun may take to finish after a signal.
const DRAIN_TIME: Duration = Duration::from_secs(6);
/// How long connections may take to end after that. Both, and a second for spans to leave, stay within 10 seconds.
const HANG_UP_TIME: Duration = Duration::from_secs(2);

/// Runs the scoring service until SIGTERM or SIGINT.
///
/// Then it refuses new payments (503), finishes those begun, and exits with 0 within 10 seconds. Logs go to standard error.
/// Without --config the defaults hold (see deploy/config.example.toml); FRAUDNET_SECTION__KEY sets single keys.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Configuration file (TOML).
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the address in use to this file once it is bound (for port 0), e.g. `127.0.0.1:40001`.
    #[arg(long, value_name = "FILE")]
    addr_file: Option<PathBuf>,
}

impl Serve {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = config::load(self.config.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("tokio could not start its threads")?;
        let result = runtime.block_on(serve(config, self.addr_file.as_deref()));
        // A connection that hangs must not keep the process.
        runtime.shutdown_timeout(Duration::from_millis(200));
        result.map(|()| ExitCode::SUCCESS)
    }
}

async fn serve(config: Config, addr_file: Option<&Path>) -> anyhow::Result<()> {
    let started = clock::monotonic();
    let telemetry = telemetry::start(&config.telemetry)?;
    let mut signals = Signals::listen()?;
    // Bound before the model is loaded: a port in use should fail in a millisecond, and /livez answers during replay.
    let listener = bind(config.server.listen).await?;
    let log_folder = config.service.data_folder.clone();
    let service = Service::start(config.service)?;
    let address = listener.local_addr().context("the address in use cannot be read")?;
    if let Some(file) = addr_file {
        write_address(file, address)?;
    }
    let upkeep = tokio::spawn(Telemetry::upkeep(telemetry.metrics()));
    let wishes = tokio::spawn(invite::fulfil(service.control().clone(), log_folder));
    let access = config.http.access.clone();
    let first = tokio::spawn(invite_the_first(service.clone(), access, address));
    let routes = http::router(service.clone(), config.http, Some(telemetry.metrics())).map_err(anyhow::Error::msg)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = tokio::spawn(http::serve(listener, routes, async {
        // Dropped or sent: either way it is time to stop.
        let _ = stopped.await;
    }));
    tracing::info!(%address, startup_ms = started.elapsed().as_millis() as u64, "listening");

    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "draining: no new payments, those begun are finished");
            None
        }
        ended = &mut server => Some(ended),
    };
    // While it drains the rim still answers: begun payments with verdicts, new ones with 503.
    let drained = service.drain(DRAIN_TIME).await;
    let _ = stop.send(());
    if ended.is_none() && tokio::time::timeout(HANG_UP_TIME, &mut server).await.is_err() {
        tracing::warn!("some connections were still open and are cut");
        server.abort();
    }
    upkeep.abort();
    wishes.abort();
    first.abort();
    tracing::info!(clean = drained.is_ok(), "stopped");
    telemetry.shutdown().await;
    match ended {
        Some(Ok(result)) => result.context("the listener failed")?,
        Some(Err(error)) => return Err(error).context("the HTTP server ended"),
        None => {}
    }
    drained
}

/// Where nobody can give access yet and nobody has any without asking, whoever reads this program's output can.
#[expect(clippy::disallowed_macros, reason = "output of a command")]
async fn invite_the_first(service: Service, access: AccessSettings, address: SocketAddr) {
    while !service.readiness().ready {
        tokio::time::sleep(READY_POLL).await;
    }
    let control = service.control();
    if !access.anonymous.is_empty() || control.state().access.has_admin(clock::now_ms()) {
        return;
    }
    match Invitation::first(access.link_ms()).submit(control).await {
        Ok(secret) => {
            let base =
                if access.public_url.is_empty() { format!("http://{address}") } else { access.public_url.clone() };
            println!(
                "Nobody has access yet. This link works once, within {} minutes, and lets in who gives access to others:\n{}",
                access.link_minutes,
                invite::address(&base, &secret)
            );
        }
        Err(error) => tracing::error!(%error, "the first one-time link could not be made; run `fraudnet access link`"),
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another with server.listen or FRAUDNET_SERVER__LISTEN (port 0 takes a free one)"))
}

/// Written whole or not at all: others wait for this file and read it at once.
fn write_address(file: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    std::fs::write(&unfinished, address.to_string())
        .and_then(|()| std::fs::rename(&unfinished, file))
        .with_context(|| format!("cannot write the address to `{}`", file.display()))
}
