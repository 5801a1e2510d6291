//! `fraudnet-train publish`: arguments as typed, and what is printed.

use super::judged::JudgeSettings;
use super::page;
use super::publish::{ForeignFigures, PublishRequest, publish};
use super::scored::Form;
use crate::command::{Format, OutputArguments, print, print_json};
use crate::points::PointGoals;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use fraudnet_features::FeatureSet;
use fraudnet_models::{ModelRef, RowsOutput, SecretKey};
use serde::Serialize;
use std::path::PathBuf;

/// What `publish` takes.
#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// The model, an ONNX file that follows one of the signatures in models/README.md.
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// What it reads: a row of feature set v1 or v2, or the whole neighbourhood.
    #[arg(long, value_enum)]
    features: Reads,
    /// What it gives; a network always gives a logit.
    #[arg(long, value_enum, default_value_t = Gives::Logit)]
    output: Gives,
    /// Examples as `fraudnet-train export` writes them; the model must have been fitted on the earlier ones only.
    #[arg(long, value_name = "FILE")]
    examples: PathBuf,
    /// Share of the examples, the latest, that it was not fitted on: half of them calibrate it, half of them test it.
    #[arg(long, default_value_t = 0.4, value_name = "SHARE")]
    judge_share: f64,
    /// Days after which a payment without a label counts as legitimate; the younger ones are left out.
    #[arg(long, default_value_t = 30.0, value_name = "DAYS")]
    maturity_days: f64,
    /// Name of the model family, e.g. mymodel.
    #[arg(long)]
    name: String,
    /// Version.
    #[arg(long)]
    version: String,
    /// Model whose velocity rules stand behind it.
    #[arg(long, default_value = "models/hybrid", value_name = "FOLDER")]
    rules_from: PathBuf,
    /// Folder of all models; it is written to NAME/VERSION in it.
    #[arg(long, default_value = "models", value_name = "FOLDER")]
    registry: PathBuf,
    /// Secret key to sign it with, as `fraudnet models keygen` writes one.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    common: OutputArguments,
}

/// What a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reads {
    /// 121 columns: the payment, velocity, history.
    V1,
    /// 227 columns: all of a payment row.
    V2,
    /// The five inputs of a network.
    Network,
}

/// What a model gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Gives {
    /// A raw logit.
    Logit,
    /// A probability of fraud.
    Probability,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Published<'a> {
    model: String,
    folder: String,
    author: Option<&'a str>,
    figures: &'a ForeignFigures,
}

/// Publishes a foreign model.
pub(crate) fn publish_command(arguments: &PublishArguments) -> Result<()> {
    let rows = |features| {
        let output = match arguments.output {
            Gives::Logit => RowsOutput::Logit,
            Gives::Probability => RowsOutput::Probability,
        };
        Form::Rows { features, output }
    };
    let form = match (arguments.features, arguments.output) {
        (Reads::V1, _) => rows(FeatureSet::V1),
        (Reads::V2, _) => rows(FeatureSet::V2),
        (Reads::Network, Gives::Logit) => Form::Network,
        (Reads::Network, Gives::Probability) => {
            bail!("a network gives a logit; leave --output out, or publish a model of rows")
        }
    };
    let request = PublishRequest {
        onnx: arguments.onnx.clone(),
        form,
        examples: arguments.examples.clone(),
        judge: JudgeSettings {
            share: arguments.judge_share,
            maturity_days: arguments.maturity_days,
            neighbourhood: form == Form::Network,
        },
        goals: PointGoals::default(),
        model: ModelRef::new(arguments.name.as_str(), arguments.version.as_str())?,
        rules_from: arguments.rules_from.clone(),
        registry: arguments.registry.clone(),
        key: arguments.key.as_deref().map(SecretKey::read).transpose()?,
        runtime: arguments.common.runtime(),
    };
    let (verified, figures) = publish(&request)?;
    let folder = request.registry.join(&request.model.name).join(&request.model.version);
    let author = request.key.as_ref().map(SecretKey::name);
    if arguments.common.format == Format::Json {
        return print_json(&Published {
            model: verified.model.to_string(),
            folder: folder.display().to_string(),
            author,
            figures: &figures,
        });
    }
    print(&format!("# {}\n\n{}", verified.model, page::table(&figures)));
    let signed = author.map_or("not signed".to_owned(), |author| format!("signed by {author}"));
    print(&format!("written and verified: {} ({signed}); its model card is README.md there", folder.display()));
    Ok(())
}
