//! What is asked of a running service.
#![expect(clippy::disallowed_macros, reason = "output of a command")]

use super::super::OutputFormat;
use super::super::remote::Remote;
use super::ChangeArgs;
use super::registry::{good, print_json, print_model, print_table};
use anyhow::Context;
use fraudnet_models::ModelRef;
use fraudnet_scoring::control::models::Alias;
use fraudnet_scoring::http::{AliasReply, AliasTold, ModelReply, ModelsReply, VerifiedReply};
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) fn list(remote: &Remote, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let reply = remote.get("/v1/models")?;
    if format == OutputFormat::Json {
        print_json(&reply)?;
        return Ok(ExitCode::SUCCESS);
    }
    let ModelsReply { serving, aliases, previous_champion, models, refusals } = read(reply)?;
    println!("{:<12}{serving}", "serving");
    for AliasTold { alias, model, configured, since, actor, reason } in &aliases {
        let model = model.as_ref().map_or("-".to_owned(), ToString::to_string);
        let why = match (since, actor, reason) {
            (Some(since), Some(actor), Some(reason)) => format!("since {since} by {actor}: {reason}"),
            _ if *configured && model != "-" => "as configured".to_owned(),
            _ => String::new(),
        };
        println!("{}", format!("{:<12}{model}  {why}", alias.name()).trim_end());
    }
    println!("{:<12}{}\n", "previous", previous_champion.as_deref().unwrap_or("-"));
    print_table(&models);
    for refusal in refusals.iter().rev().take(5) {
        println!("{:<12}{}: {}", "refused", refusal.model, refusal.reason);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(remote: &Remote, model: &ModelRef, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let reply: ModelReply = read(remote.get(&format!("/v1/models/{model}"))?)?;
    print_model(&reply, format)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn verify(remote: &Remote, model: Option<&ModelRef>, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let models = match model {
        Some(model) => vec![model.clone()],
        None => {
            let reply: ModelsReply = read(remote.get("/v1/models")?)?;
            reply.models.into_iter().map(|told| told.model).collect()
        }
    };
    let (mut bad, mut proofs) = (0, Vec::new());
    for model in models {
        let told = match remote.change(Method::POST, &format!("/v1/models/{model}:verify"), None) {
            Ok(reply) => {
                let reply: VerifiedReply = read(reply)?;
                if format == OutputFormat::Text {
                    println!("{}", good(&model, reply.author.as_deref(), &reply.golden));
                }
                json!({ "model": model, "ok": true, "author": reply.author, "golden": reply.golden })
            }
            Err(error) => {
                bad += 1;
                if format == OutputFormat::Text {
                    println!("bad   {model}\n      {error:#}");
                }
                json!({ "model": model, "ok": false, "error": format!("{error:#}") })
            }
        };
        proofs.push(told);
    }
    match format {
        OutputFormat::Json => print_json(&json!({ "good": proofs.len() - bad, "bad": bad, "models": proofs }))?,
        OutputFormat::Text => println!("{} of {} good", proofs.len() - bad, proofs.len()),
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what was published; where a service is named, it proves the version too and leaves an event.
pub(super) fn announce(remote: &Remote, published: &VerifiedReply, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let mut reply = published.clone();
    if remote.is_given() {
        let told = remote
            .change(Method::POST, &format!("/v1/models/{}:publish", published.model), None)
            .with_context(|| format!("{} lies in the registry, but the service refused it", published.model))?;
        reply = read(told)?;
    }
    match format {
        OutputFormat::Json => print_json(&reply)?,
        OutputFormat::Text => {
            println!("{}", good(&reply.model, reply.author.as_deref(), &reply.golden));
            match reply.position {
                Some(position) => {
                    println!("published; the service knows it (log position {position}); nothing else serves yet")
                }
                None => {
                    println!("published; nothing else serves yet: fraudnet models promote {} --reason …", reply.model)
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn set(change: &ChangeArgs, alias: Alias, model: Option<ModelRef>) -> anyhow::Result<ExitCode> {
    let body = json!({ "model": model, "reason": change.reason });
    let reply = change.remote.change(Method::PUT, &format!("/v1/models/aliases/{alias}"), Some(&body))?;
    told(reply, change.format)
}

pub(super) fn rollback(change: &ChangeArgs) -> anyhow::Result<ExitCode> {
    let body = json!({ "reason": change.reason });
    told(change.remote.change(Method::POST, "/v1/models:rollback", Some(&body))?, change.format)
}

fn told(reply: Value, format: OutputFormat) -> anyhow::Result<ExitCode> {
    if format == OutputFormat::Json {
        print_json(&reply)?;
        return Ok(ExitCode::SUCCESS);
    }
    let AliasReply { alias, model, previous, serving, position, .. } = read(reply)?;
    let name = |model: &Option<ModelRef>| match model {
        Some(model) => model.to_string(),
        None if alias == Alias::Challenger => "none".to_owned(),
        None => "as configured".to_owned(),
    };
    println!("{alias}  {}  (before: {})", name(&model), name(&previous));
    println!("serving now  {serving}  (log position {position})");
    Ok(ExitCode::SUCCESS)
}

fn read<T: DeserializeOwned>(reply: Value) -> anyhow::Result<T> {
    serde_json::from_value(reply)
        .context("the service answered in a form this version does not know; use its own commands")
}
