//! The service and the trainer as an operator runs them: processes of their own, beside this one.

use super::world::{GOALS, World};
use anyhow::{Context, Result, bail, ensure};
use fraudnet_scoring::client::{FraudnetClient, Sender};
use fraudnet_scoring::config;
use fraudnet_scoring::service::load_history;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long the service may take to get ready.
const READY_TIME: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// How long one run of the trainer may take.
const TRAINER_TIME: Duration = Duration::from_secs(600);

/// The running service and what it stands on.
pub(super) struct House {
    pub(super) folder: PathBuf,
    pub(super) client: FraudnetClient,
    pub(super) operator: Sender,
    service: Child,
    onnxruntime: Option<PathBuf>,
}

impl House {
    /// Loads the past and starts the service on it; `folder` holds the models already.
    pub(super) async fn open(folder: &Path, world: &mut World) -> Result<House> {
        let program = beside("fraudnet")?;
        let config_file = folder.join("service.toml");
        std::fs::write(&config_file, service_config(folder)).context("writing the service's configuration")?;
        let loaded = config::load(Some(&config_file))?;
        let past = std::mem::take(&mut world.past);
        tokio::task::spawn_blocking(move || load_history(&loaded.service, past, |_| {}))
            .await
            .context("loading the past")??;
        let address_file = folder.join("address");
        let service = Command::new(program)
            .args(["serve", "--config"])
            .arg(&config_file)
            .arg("--addr-file")
            .arg(&address_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("service.log"))?)
            .kill_on_drop(true)
            .spawn()
            .context("the service could not be started")?;
        let onnxruntime = fraudnet_models::locate_library(Path::new("")).ok();
        let operator = Sender { actor: "operator".to_owned(), key: None };
        let nowhere = FraudnetClient::new(([127, 0, 0, 1], 0).into());
        let mut house = House { folder: folder.to_path_buf(), client: nowhere, operator, service, onnxruntime };
        tokio::time::timeout(READY_TIME, house.ready(&address_file)).await.with_context(|| {
            format!("the service does not get ready; see {}", folder.join("service.log").display())
        })??;
        Ok(house)
    }

    async fn ready(&mut self, address_file: &Path) -> Result<()> {
        loop {
            if let Some(status) = self.service.try_wait()? {
                bail!("the service ended with {status}; see {}", self.folder.join("service.log").display());
            }
            if let Ok(address) = std::fs::read_to_string(address_file) {
                self.client = FraudnetClient::new(address.parse().context("the service's address")?);
                if self.client.get("/readyz").await.is_ok_and(|reply| reply.status == 200) {
                    return Ok(());
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Lets the trainer work off what there is.
    pub(super) async fn train(&self) -> Result<()> {
        let file = self.folder.join("trainer.toml");
        if !file.exists() {
            std::fs::write(&file, self.trainer_config()).context("writing the trainer's configuration")?;
        }
        let log = File::options().create(true).append(true).open(self.folder.join("trainer.log"))?;
        let mut command = Command::new(beside("fraudnet-train")?);
        command.args(["online", "--once", "--quiet", "--config"]).arg(&file);
        if let Some(library) = &self.onnxruntime {
            command.env(fraudnet_models::LIBRARY_VARIABLE, library);
        }
        let running = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true).status();
        let status = tokio::time::timeout(TRAINER_TIME, running).await.context("the trainer takes too long")??;
        ensure!(status.success(), "the trainer ended with {status}; see {}", self.folder.join("trainer.log").display());
        Ok(())
    }

    fn trainer_config(&self) -> String {
        format!(
            r#"registry = "{models}"
state = "{state}"
url = "{url}"
threads = 2
[labels]
maturity_days = 2.0
[parts]
window_days = 20.0
least_frauds = 20
[fine_tune]
after = 1000
after_alarm = 25
[retrain]
at = "off"
[goals]
decline_precision = {decline}
review_rate = {review}
challenge_rate = {challenge}
[rollout]
plan = "canary"
shadow_payments = 600
canary_percents = [30.0]
canary_payments = 400
promote = true
"#,
            models = self.folder.join("models").display(),
            state = self.folder.join("trainer").display(),
            url = self.client.base(),
            decline = GOALS.decline_precision,
            review = GOALS.review_rate,
            challenge = GOALS.challenge_rate,
        )
    }
}

/// Settings of the service: everything that was scored becomes an example, and drift is looked for on windows that suit 2,500 payments a day.
fn service_config(folder: &Path) -> String {
    format!(
        r#"[server]
listen = "127.0.0.1:0"
[log]
folder = "{data}"
durability = "os"
[model]
folder = "{models}/hybrid"
[inference]
providers = ["cpu"]
[deadline]
default_ms = 5000
[training]
example_share = 1.0
[drift]
maturity_hours = 48
[experiments]
maturity_hours = 48.0
[access]
anonymous = ["scorer", "lead", "data-scientist", "auditor"]
score_per_second = 0
read_per_second = 0
[telemetry]
log_format = "pretty"
"#,
        data = folder.join("data").display(),
        models = folder.join("models").display(),
    )
}

/// A program that lies beside this one.
fn beside(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program has no path")?.with_file_name(name);
    ensure!(program.is_file(), "{} is missing: run `make demo-learning`, which builds it", program.display());
    Ok(program)
}
