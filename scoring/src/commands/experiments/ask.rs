//! From arguments to an experiment.

use super::To;
use anyhow::{Context, bail};
use fraudnet_models::{ModelRef, OperatingPoints};
use fraudnet_scoring::experiments::{Advance, ArmSpec, DecisionSpec, Enough, ExperimentSpec, Metric, MustBe, Then};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub enum Create {
    /// A model, policy or thresholds that score beside the verdicts, heeded by nobody.
    Shadow {
        #[command(flatten)]
        one: One,
    },
    /// A growing share of the accounts gets it.
    Canary {
        #[command(flatten)]
        one: One,
        /// Shares in per cent, one a stage, e.g. 1,5,25.
        #[arg(long, value_delimiter = ',', default_value = "5", value_name = "PERCENT,…")]
        percent: Vec<f64>,
    },
    /// Ever more tenants get it.
    Waves {
        #[command(flatten)]
        one: One,
        /// Tenants of a wave, separated by commas; once for each wave. A wave holds those before it.
        #[arg(long = "wave", required = true, value_name = "TENANT,…")]
        waves: Vec<String>,
    },
    /// Several arms at once divide a share of the accounts; the rest is the control.
    Ab {
        /// Its name.
        name: String,
        /// An arm: its name, then what it changes, e.g. "strict points=0.2,0.4,0.8" or "new model=hybrid/2.0.0 weight=2"; once for each.
        #[arg(long = "arm", required = true, value_name = "ARM")]
        arms: Vec<String>,
        /// Share of the accounts that the arms divide, per cent.
        #[arg(long, default_value_t = 50.0)]
        percent: f64,
        #[command(flatten)]
        common: Common,
    },
    /// Shadow, then a growing share of the accounts, then champion.
    Rollout {
        #[command(flatten)]
        one: One,
        /// Payments that the shadow scores before anybody is exposed.
        #[arg(long, default_value_t = 1000, value_name = "N")]
        shadow_payments: u64,
        /// Shares in per cent, one a stage.
        #[arg(long, value_delimiter = ',', default_value = "5,25", value_name = "PERCENT,…")]
        percent: Vec<f64>,
    },
    /// Anything, from a file as POST /v1/experiments takes it; --print of the others shows its form.
    File {
        /// JSON.
        file: PathBuf,
        #[command(flatten)]
        asked: Asked,
        #[command(flatten)]
        to: To,
    },
}

/// One arm, and all that every kind has.
#[derive(Debug, clap::Args)]
pub struct One {
    /// Its name.
    name: String,
    /// Name of the arm.
    #[arg(long, default_value = "new", value_name = "NAME")]
    arm_name: String,
    /// Model version that scores.
    #[arg(long, value_name = "NAME/VERSION")]
    model: Option<ModelRef>,
    /// Version of the policy that rules.
    #[arg(long, value_name = "VERSION")]
    policy: Option<String>,
    /// Thresholds: challenge, review, decline.
    #[arg(long, value_name = "C,R,D")]
    points: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub struct Common {
    /// What it is for.
    #[arg(long, default_value = "")]
    description: String,
    /// A stage ends by itself after so many payments of its arms. Without any --after-… somebody must advance.
    #[arg(long, value_name = "N")]
    after_payments: Option<u64>,
    /// And after so many hours.
    #[arg(long, value_name = "HOURS")]
    after_hours: Option<f64>,
    /// And after so many mature frauds.
    #[arg(long, value_name = "N")]
    after_frauds: Option<u64>,
    /// What the arms must be compared by after the last stage.
    #[arg(long, value_parser = metric, value_name = "recall|precision|money_saved|alert_rate")]
    decide_by: Option<Metric>,
    /// It must be better than the control; without this: not worse.
    #[arg(long)]
    better: bool,
    /// By how much it may be worse, or must be better.
    #[arg(long, default_value_t = 0.0)]
    margin: f64,
    /// Make it champion after the last stage.
    #[arg(long)]
    promote: bool,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    to: To,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// Print the experiment as JSON instead of creating it.
    #[arg(long)]
    pub print: bool,
}

impl Create {
    /// The experiment, and whom to ask for it.
    pub fn spec(self) -> anyhow::Result<(ExperimentSpec, Asked, To)> {
        match self {
            Create::Shadow { one } => {
                let (name, arm, common) = one.parts()?;
                let spec = ExperimentSpec::shadow(&name, arm, common.advance());
                common.finish(spec)
            }
            Create::Canary { one, percent } => {
                let (name, arm, common) = one.parts()?;
                let spec = ExperimentSpec::canary(&name, arm, &percent, &common.advance());
                common.finish(spec)
            }
            Create::Waves { one, waves } => {
                let (name, arm, common) = one.parts()?;
                let waves: Vec<Vec<String>> =
                    waves.iter().map(|wave| wave.split(',').map(|tenant| tenant.trim().to_owned()).collect()).collect();
                let spec = ExperimentSpec::waves(&name, arm, &waves, &common.advance());
                common.finish(spec)
            }
            Create::Ab { name, arms, percent, common } => {
                let arms = arms.iter().map(|text| arm(text)).collect::<anyhow::Result<_>>()?;
                let spec = ExperimentSpec::ab(&name, arms, percent, common.advance());
                common.finish(spec)
            }
            Create::Rollout { one, shadow_payments, percent } => {
                let (name, arm, common) = one.parts()?;
                let Advance::After(each) = common.advance() else {
                    bail!("a rollout advances by itself: say after how much, e.g. --after-payments 5000");
                };
                let shadow = Enough { payments: shadow_payments, ..Enough::default() };
                let spec = ExperimentSpec::rollout(&name, arm, shadow, &percent, each);
                common.finish(spec)
            }
            Create::File { file, asked, to } => {
                let place = || format!("{}", file.display());
                let text = std::fs::read_to_string(&file).with_context(place)?;
                Ok((serde_json::from_str(&text).with_context(place)?, asked, to))
            }
        }
    }
}

impl One {
    fn parts(self) -> anyhow::Result<(String, ArmSpec, Common)> {
        let One { name, arm_name, model, policy, points, common } = self;
        if model.is_none() && policy.is_none() && points.is_none() {
            bail!("say what is tried: --model, --policy or --points");
        }
        let operating_points = points.as_deref().map(operating_points).transpose().context("--points")?;
        Ok((name, ArmSpec { name: arm_name, weight: 1.0, model, policy, operating_points }, common))
    }
}

impl Common {
    fn advance(&self) -> Advance {
        let Common { after_payments, after_hours, after_frauds, .. } = self;
        if after_payments.is_none() && after_hours.is_none() && after_frauds.is_none() {
            return Advance::Manual;
        }
        Advance::After(Enough {
            payments: after_payments.unwrap_or(0),
            hours: after_hours.unwrap_or(0.0),
            matured_frauds: after_frauds.unwrap_or(0),
        })
    }

    fn finish(self, spec: ExperimentSpec) -> anyhow::Result<(ExperimentSpec, Asked, To)> {
        let decision = self.decide_by.map(|metric| DecisionSpec {
            metric,
            must_be: if self.better { MustBe::Better } else { MustBe::NotWorse },
            margin: self.margin,
            alpha: 0.05,
            give_up_after: None,
        });
        let then = if self.promote { Then::Promote } else { spec.then };
        Ok((ExperimentSpec { description: self.description, decision, then, ..spec }, self.asked, self.to))
    }
}

/// `new model=hybrid/2.0.0 policy=strict points=0.2,0.4,0.8 weight=2`
fn arm(text: &str) -> anyhow::Result<ArmSpec> {
    let mut words = text.split_whitespace();
    let name = words.next().with_context(|| format!("--arm \"{text}\": begin with its name"))?;
    let mut arm = ArmSpec { name: name.to_owned(), weight: 1.0, model: None, policy: None, operating_points: None };
    for word in words {
        let place = || format!("--arm \"{text}\": {word}");
        match word.split_once('=') {
            Some(("model", model)) => arm.model = Some(model.parse().with_context(place)?),
            Some(("policy", policy)) => arm.policy = Some(policy.to_owned()),
            Some(("points", points)) => arm.operating_points = Some(operating_points(points).with_context(place)?),
            Some(("weight", weight)) => arm.weight = weight.parse().with_context(place)?,
            _ => bail!("{}: write model=, policy=, points= or weight=", place()),
        }
    }
    Ok(arm)
}

fn operating_points(text: &str) -> anyhow::Result<OperatingPoints> {
    let numbers: Vec<f32> =
        text.split(',').map(|number| number.trim().parse()).collect::<Result<_, _>>().context("write three numbers")?;
    let [challenge, review, decline] = numbers[..] else {
        bail!("write three numbers: challenge,review,decline");
    };
    Ok(OperatingPoints { challenge, review, decline })
}

fn metric(text: &str) -> Result<Metric, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "write recall, precision, money_saved or alert_rate".to_owned())
}
