//! What is done to a registry's folder; no service is asked.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::super::OutputFormat;
use super::Place;
use anyhow::{Context, bail};
use fraudnet_models::artifact::MANIFEST_FILE;
use fraudnet_models::{ModelRef, Registry, RuntimeConfig, SecretKey, Trust, Verified, registry};
use fraudnet_scoring::config;
use fraudnet_scoring::http::{GoldenTold, ModelReply, ModelTold, VerifiedReply};
use fraudnet_scoring::verdict::Tier;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// An opened place.
pub(super) struct Opened {
    registry: Registry,
    trust: Trust,
    runtime: RuntimeConfig,
}

impl Place {
    fn open(&self) -> anyhow::Result<Opened> {
        let service = config::load(self.config.as_deref())?.service;
        let root = match &self.registry {
            Some(root) => root.clone(),
            None => service.model_registry.clone().unwrap_or_else(|| beside(&service.model_folder)),
        };
        let required = self.require_signature || service.control.require_signature;
        let keys = self.trusted_keys.as_ref().or(service.control.trusted_keys.as_ref());
        let trust = match keys {
            Some(folder) => Trust::read(folder, required)?,
            None if required => {
                bail!("--require-signature needs --trusted-keys, the folder of the keys that are trusted")
            }
            None => Trust::none(),
        };
        Ok(Opened { registry: Registry::open(&root)?, trust, runtime: service.runtime })
    }
}

/// The registry of a model's folder, which is a family of versions or one of them.
fn beside(folder: &Path) -> PathBuf {
    let levels = if folder.join(MANIFEST_FILE).exists() { 2 } else { 1 };
    match folder.ancestors().nth(levels) {
        Some(root) if !root.as_os_str().is_empty() => root.to_path_buf(),
        _ => folder.join(if levels == 2 { "../.." } else { ".." }),
    }
}

pub(super) fn list(place: &Place) -> anyhow::Result<ExitCode> {
    let Opened { registry, trust, .. } = place.open()?;
    let listed = registry.list()?;
    let models: Vec<ModelTold> = listed.into_iter().map(|listed| ModelTold::of(&registry, &trust, listed)).collect();
    match place.format {
        OutputFormat::Json => print_json(&serde_json::json!({ "registry": registry.root(), "models": models }))?,
        OutputFormat::Text => {
            println!("registry  {}", registry.root().display());
            print_table(&models);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a version.
pub(super) fn print_table(models: &[ModelTold]) {
    if models.is_empty() {
        println!("no version yet: `fraudnet models publish FOLDER` copies one here, `make model` trains the first");
        return;
    }
    let wide = models.iter().map(|told| told.model.to_string().len()).max().unwrap_or(0).max(5);
    println!("{:<wide$}  {:<8}  {:<10}  {:>9}  {:>7}  roles", "model", "tier", "author", "avg prec", "auc");
    for told in models {
        let figure = |name: &str| told.metrics.get(name).map_or("-".to_owned(), |figure| format!("{figure:.3}"));
        let author = told.author.clone().unwrap_or_else(|| match &told.signed_by {
            Some(key) => format!("({key}?)"),
            None => "-".to_owned(),
        });
        let mut roles: Vec<&str> = told.aliases.iter().map(|alias| alias.name()).collect();
        if told.champion_file && roles.is_empty() {
            roles.push("(champion file)");
        }
        let line = format!(
            "{:<wide$}  {:<8}  {author:<10}  {:>9}  {:>7}  {}",
            told.model.to_string(),
            told.tier.map_or("-", Tier::name),
            figure("average_precision"),
            figure("roc_auc"),
            roles.join(", ")
        );
        println!("{}", line.trim_end());
        if let Some(problem) = &told.problem {
            println!("  bad: {problem}");
        }
    }
}

pub(super) fn show(place: &Place, model: &ModelRef) -> anyhow::Result<ExitCode> {
    let Opened { registry, trust, .. } = place.open()?;
    let listed = registry.read(model).with_context(|| unknown(model, &registry))?;
    let manifest = listed.manifest.as_ref().ok().map(serde_json::to_value).transpose()?;
    print_model(&ModelReply { told: ModelTold::of(&registry, &trust, listed), manifest }, place.format)?;
    Ok(ExitCode::SUCCESS)
}

/// What is worth a person's eyes of a version.
pub(super) fn print_model(reply: &ModelReply, format: OutputFormat) -> anyhow::Result<()> {
    if format == OutputFormat::Json {
        return print_json(reply);
    }
    let ModelReply { told, manifest } = reply;
    println!("model          {}", told.model);
    println!("tier           {}", told.tier.map_or("-", Tier::name));
    if let Some(parent) = &told.parent_version {
        println!("trained from   {parent}");
    }
    println!("verified       {}", told.problem.as_deref().unwrap_or("yes"));
    match (&told.author, &told.signed_by) {
        (Some(author), _) => println!("signed by      {author}"),
        (None, Some(key)) => println!("signed by      {key}, who is not trusted here"),
        (None, None) => println!("signed by      nobody"),
    }
    if !told.aliases.is_empty() {
        println!("serves as      {}", told.aliases.iter().map(|alias| alias.name()).collect::<Vec<_>>().join(", "));
    }
    if let Some(manifest) = manifest {
        println!("scorer         {}", manifest["scorer"]);
        let points = &manifest["settings"]["operating_points"];
        println!(
            "decides        challenge from {}, review from {}, decline from {}",
            points["challenge"], points["review"], points["decline"]
        );
        println!("features       {}", manifest["feature_fingerprint"].as_str().unwrap_or("-"));
        for (name, file) in manifest["files"].as_object().into_iter().flatten() {
            println!("  {:<16}{:>9} bytes", name, file["bytes"]);
        }
    }
    for (name, figure) in &told.metrics {
        println!("  {:<26}{figure:.4}", name.replace('_', " "));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Proof {
    model: ModelRef,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    golden: Option<GoldenTold>,
}

pub(super) fn verify(place: &Place, model: Option<&ModelRef>) -> anyhow::Result<ExitCode> {
    let Opened { registry, trust, runtime } = place.open()?;
    let models: Vec<ModelRef> = match model {
        Some(model) => vec![model.clone()],
        None => registry.list()?.into_iter().map(|listed| listed.model).collect(),
    };
    let proofs: Vec<Proof> = models
        .into_iter()
        .map(|model| match registry.verify_run(&model, &trust, &runtime) {
            Ok(verified) => {
                let golden = golden(&verified);
                Proof { model, ok: true, error: None, author: verified.author, golden: Some(golden) }
            }
            Err(error) => Proof { model, ok: false, error: Some(error.to_string()), author: None, golden: None },
        })
        .collect();
    let bad = proofs.iter().filter(|proof| !proof.ok).count();
    match place.format {
        OutputFormat::Json => {
            print_json(&serde_json::json!({ "good": proofs.len() - bad, "bad": bad, "models": proofs }))?;
        }
        OutputFormat::Text => {
            for Proof { model, error, author, golden, .. } in &proofs {
                match (error, golden) {
                    (None, Some(golden)) => println!("{}", good(model, author.as_deref(), golden)),
                    (error, _) => println!("bad   {model}\n      {}", error.as_deref().unwrap_or_default()),
                }
            }
            println!("{} of {} good", proofs.len() - bad, proofs.len());
        }
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The line of a version that was proven.
pub(super) fn good(model: &ModelRef, author: Option<&str>, golden: &GoldenTold) -> String {
    format!(
        "good  {model}  {}  {} golden vectors, logits within {:.1e}",
        author.map_or_else(|| "not signed".to_owned(), |author| format!("signed by {author}")),
        golden.vectors,
        golden.logit_difference
    )
}

fn golden(verified: &Verified) -> GoldenTold {
    let golden = verified.golden.unwrap_or_default();
    GoldenTold {
        vectors: golden.vectors,
        logit_difference: golden.logit_difference,
        probability_difference: golden.probability_difference,
    }
}

pub(super) fn keygen(out: &Path, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let key = SecretKey::generate(&name)?;
    let public = key.write(out)?;
    match format {
        OutputFormat::Json => print_json(
            &serde_json::json!({ "signer": key.name(), "secret": out, "public": public, "public_key": key.public() }),
        )?,
        OutputFormat::Text => {
            println!("signer  {}", key.name());
            println!("secret  {}  (keep it; only you can read it)", out.display());
            println!("public  {}  (goes into the folder control.trusted_keys)", public.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sign(place: &Place, model: &str, key: &Path) -> anyhow::Result<ExitCode> {
    let key = SecretKey::read(key)?;
    let folder = match (PathBuf::from(model), model.parse::<ModelRef>()) {
        (folder, _) if folder.join(MANIFEST_FILE).is_file() => folder,
        (_, Ok(model)) => {
            let Opened { registry, .. } = place.open()?;
            if !registry.holds(&model) {
                bail!("{}", unknown(&model, &registry));
            }
            registry.folder(&model)
        }
        (_, Err(error)) => bail!("{error}; or give the folder of a version, which holds manifest.json"),
    };
    let model = registry::sign(&folder, &key)?;
    match place.format {
        OutputFormat::Json => print_json(&serde_json::json!({ "model": model, "author": key.name() }))?,
        OutputFormat::Text => println!("signed  {model}  by {}", key.name()),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn publish(place: &Place, from: &Path, key: Option<&SecretKey>) -> anyhow::Result<VerifiedReply> {
    let Opened { registry, trust, runtime } = place.open()?;
    let verified = registry
        .publish(from, &trust, key, &runtime)
        .with_context(|| format!("{} was not published", from.display()))?;
    let author = verified.author.clone().or_else(|| key.map(|key| key.name().to_owned()));
    Ok(VerifiedReply {
        golden: golden(&verified),
        model: verified.model,
        tier: Tier::of(verified.artifact.manifest.scorer),
        author,
        position: None,
    })
}

fn unknown(model: &ModelRef, registry: &Registry) -> String {
    format!("there is no {model} in {}; fraudnet models list shows what there is", registry.root().display())
}

/// One JSON object.
pub(super) fn print_json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
