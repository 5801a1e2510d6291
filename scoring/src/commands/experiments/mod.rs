//! `fraudnet experiments`: creating, watching and steering them, through a running service.
//!
//! In reading order: the arguments below, `ask` (from arguments to an experiment), `table` (figures for eyes).
#![expect(clippy::disallowed_macros, reason = "output of a command")]

mod ask;
mod table;

use super::OutputFormat;
use super::remote::Remote;
use anyhow::Context;
use ask::Create;
use fraudnet_scoring::client::segment;
use fraudnet_scoring::experiments::report::ExperimentView;
use fraudnet_scoring::http::{ExperimentReply, ExperimentsReply, StepReply};
use hyper::Method;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

/// Tries models, policies and thresholds on a part of the payments, compares them with what serves, and rolls back what goes wrong.
///
/// `create shadow` lets a model score beside the verdicts; `create canary` gives it a growing share of the accounts; `create waves` ever
/// more named tenants; `create ab` divides accounts among several arms; `create rollout` is shadow, then canary, then champion. Who is in
/// which arm follows from the name of the experiment and the account, so it never changes. Guard rails (latency, alerts, errors, area
/// under the curve) roll back by themselves. `watch` shows live figures with intervals that hold however often they are looked at.
#[derive(Debug, clap::Args)]
pub struct Experiments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Begins an experiment.
    #[command(subcommand)]
    Create(Box<Create>),
    /// Lists experiments, oldest first.
    List {
        #[command(flatten)]
        to: To,
    },
    /// Shows how one stands: arms, comparisons, guard rails, what was done to it.
    Show {
        /// Its name.
        name: String,
        #[command(flatten)]
        to: To,
    },
    /// The same, again and again until it ends or Ctrl-C.
    Watch {
        /// Its name.
        name: String,
        /// Once only.
        #[arg(long)]
        once: bool,
        /// Seconds between two looks.
        #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
        every: f64,
        #[command(flatten)]
        to: To,
    },
    /// Begins the next stage; in the last one it goes on to what --then promised.
    Advance {
        /// Its name.
        name: String,
        #[command(flatten)]
        to: To,
    },
    /// Keeps it in its stage; whoever is exposed stays so.
    Hold {
        #[command(flatten)]
        step: Step,
    },
    /// Lets one that was held go on.
    Resume {
        /// Its name.
        name: String,
        #[command(flatten)]
        to: To,
    },
    /// Ends it: everybody is served as if it had never been. Its figures stay.
    Stop {
        #[command(flatten)]
        step: Step,
        /// What was learnt.
        #[arg(long, default_value = "")]
        outcome: String,
    },
    /// Ends it because it went wrong.
    Rollback {
        #[command(flatten)]
        step: Step,
    },
}

#[derive(Debug, clap::Args)]
struct Step {
    /// Its name.
    name: String,
    /// Why; it stays with the experiment.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    to: To,
}

#[derive(Debug, clap::Args)]
struct To {
    #[command(flatten)]
    remote: Remote,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl Experiments {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create(create) => {
                let (spec, asked, to) = create.spec()?;
                if asked.print {
                    println!("{}", serde_json::to_string_pretty(&spec)?);
                    return Ok(ExitCode::SUCCESS);
                }
                let body = serde_json::to_value(&spec)?;
                to.told(&to.remote.change(Method::POST, "/v1/experiments", Some(&body))?)?;
            }
            Action::List { to } => {
                let answer = to.remote.get("/v1/experiments")?;
                match to.format {
                    OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
                    OutputFormat::Text => {
                        let ExperimentsReply { experiments } = read(answer)?;
                        print!("{}", table::list(&experiments));
                    }
                }
            }
            Action::Show { name, to } => show(&name, &to).map(drop)?,
            Action::Watch { name, once: true, to, .. } => show(&name, &to).map(drop)?,
            Action::Watch { name, every, to, .. } => watch(&name, every, &to)?,
            Action::Advance { name, to } => to.step(&name, "advance", None)?,
            Action::Hold { step } => step.make("hold", "")?,
            Action::Resume { name, to } => to.step(&name, "resume", None)?,
            Action::Stop { step, outcome } => step.make("stop", &outcome)?,
            Action::Rollback { step } => step.make("rollback", "")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Step {
    fn make(self, step: &str, outcome: &str) -> anyhow::Result<()> {
        self.to.step(&self.name, step, Some(&json!({"reason": self.reason, "outcome": outcome})))
    }
}

impl To {
    fn step(&self, name: &str, step: &str, body: Option<&Value>) -> anyhow::Result<()> {
        self.told(&self.remote.change(Method::POST, &format!("/v1/experiments/{}:{step}", segment(name)), body)?)
    }

    fn told(&self, answer: &Value) -> anyhow::Result<()> {
        match self.format {
            OutputFormat::Json => println!("{}", serde_json::to_string_pretty(answer)?),
            OutputFormat::Text => {
                let StepReply { experiment, position, .. } = read(answer.clone())?;
                println!("{}", table::standing(&experiment));
                if let Some(step) = experiment.history.last() {
                    println!("{} (log position {position})", step.what);
                }
            }
        }
        Ok(())
    }
}

fn show(name: &str, to: &To) -> anyhow::Result<ExperimentView> {
    let answer = to.remote.get(&format!("/v1/experiments/{}", segment(name)))?;
    let reply: ExperimentReply = read(answer.clone())?;
    match to.format {
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&answer)?),
        OutputFormat::Text => print!("{}", table::whole(&reply)),
    }
    Ok(reply.experiment)
}

fn watch(name: &str, every: f64, to: &To) -> anyhow::Result<()> {
    let every = Duration::try_from_secs_f64(every.clamp(0.1, 3600.0)).context("--every: give a number of seconds")?;
    let clears = to.format == OutputFormat::Text && std::io::stdout().is_terminal();
    loop {
        if clears {
            // The cursor home, and everything below it gone.
            print!("\x1b[H\x1b[2J");
        }
        let experiment = show(name, to)?;
        if !experiment.status.is_active() {
            return Ok(());
        }
        std::thread::sleep(every);
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> anyhow::Result<T> {
    serde_json::from_value(answer).context("the service answers in another form: use the command of its own version")
}
