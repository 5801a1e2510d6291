//! The running service as the trainer asks it: what serves, and that a challenger is there.

use super::config::{RolloutConfig, RolloutPlan};
use super::step::Plan;
use anyhow::{Context, Result, bail};
use fraudnet_models::{ModelRef, Registry, SecretKey};
use fraudnet_scoring::client::{self, ClientError, FraudnetClient, Method, Reply, Sender};
use serde_json::{Value, json};
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::Arc;

/// Whoever knows the champion and is told of a challenger.
pub trait Audience {
    /// What serves now; none where nobody can say.
    ///
    /// # Errors
    /// Whoever should know does not answer.
    fn champion(&mut self) -> Result<Option<ModelRef>>;

    /// Tells of a version that passed the gate. Telling twice is telling once.
    ///
    /// # Errors
    /// Whoever should hear does not, or refuses.
    fn challenge(&mut self, plan: &Plan, reason: &str) -> Result<(), Refusal>;
}

/// Why nobody took note of a challenger.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody answers; ask again.
    #[error("{0}")]
    Away(String),
    /// It will not be taken.
    #[error("{0}")]
    Refused(String),
}

/// Nobody is told: the registry's own champion counts.
pub struct Nobody(pub Registry);

impl Audience for Nobody {
    fn champion(&mut self) -> Result<Option<ModelRef>> {
        Ok(self.0.champion_of("hybrid"))
    }

    fn challenge(&mut self, _: &Plan, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Asks a service and waits for its answers.
#[derive(Clone)]
pub struct ServiceClient {
    client: FraudnetClient,
    sender: Sender,
    runtime: Arc<tokio::runtime::Runtime>,
}

impl ServiceClient {
    /// A client of the service at `url`, e.g. `http://127.0.0.1:8080`; changes are asked for as `actor`, signed where there is a key. Who asks
    /// is said with the token in that file, else with the one in the environment, else not at all.
    ///
    /// # Errors
    /// Where the URL names no address, or the file cannot be read.
    pub fn new(url: &str, actor: &str, key: Option<SecretKey>, token_file: Option<&Path>) -> Result<ServiceClient> {
        let wrong = || format!("url `{url}`: give the address of a service, such as http://127.0.0.1:8080");
        let authority = url.strip_prefix("http://").with_context(wrong)?.trim_end_matches('/');
        let address = authority.to_socket_addrs().with_context(wrong)?.next().with_context(wrong)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("tokio could not start")?;
        let token = client::token(token_file).map_err(anyhow::Error::msg)?;
        let actor = key.as_ref().map_or(actor, SecretKey::name).to_owned();
        Ok(ServiceClient {
            client: FraudnetClient::new(address).with_token(token.as_ref()),
            sender: Sender { actor, key },
            runtime: Arc::new(runtime),
        })
    }

    /// GET of a path.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.runtime.block_on(self.client.get(path))
    }

    /// A change that is asked for.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn change(&self, method: Method, path: &str, body: &Value) -> Result<Reply, ClientError> {
        self.runtime.block_on(self.client.change(method, path, body.to_string().into(), &self.sender))
    }
}

/// A service that is told, and the experiment that is created for each challenger.
pub struct Service {
    client: ServiceClient,
    rollout: RolloutConfig,
}

impl Service {
    /// Tells the service behind `client`.
    pub fn new(client: ServiceClient, rollout: RolloutConfig) -> Service {
        Service { client, rollout }
    }

    fn models(&self) -> Result<Value> {
        let reply = self.client.get("/v1/models")?;
        if reply.status != 200 {
            bail!("the service does not tell its models: {}", reply.detail());
        }
        Ok(reply.json()?)
    }

    fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Reply, Refusal> {
        let reply = self.client.change(method, path, body).map_err(|error| Refusal::Away(error.to_string()))?;
        match reply.status {
            429 | 500..=599 => Err(Refusal::Away(reply.detail())),
            _ => Ok(reply),
        }
    }
}

impl Audience for Service {
    fn champion(&mut self) -> Result<Option<ModelRef>> {
        let models = self.models()?;
        alias(&models, "champion")
            .map(|model| model.parse().with_context(|| format!("the service's champion `{model}`")))
            .transpose()
    }

    fn challenge(&mut self, plan: &Plan, reason: &str) -> Result<(), Refusal> {
        // Told before, and then the process died: the service may have made it champion meanwhile.
        let version = plan.version.to_string();
        let known = self.models().is_ok_and(|models| {
            ["challenger", "champion"].iter().any(|name| alias(&models, name) == Some(version.as_str()))
        });
        if !known {
            let change = json!({ "model": plan.version, "reason": reason });
            let reply = self.ask(Method::PUT, "/v1/models/aliases/challenger", &change)?;
            if reply.status >= 300 {
                return Err(Refusal::Refused(format!("{version} as challenger: {}", reply.detail())));
            }
        }
        let Some(spec) = rollout(&self.rollout, plan, reason) else { return Ok(()) };
        let name = spec["name"].as_str().unwrap_or_default().to_owned();
        if self.client.get(&format!("/v1/experiments/{name}")).is_ok_and(|reply| reply.status == 200) {
            return Ok(());
        }
        let reply = self.ask(Method::POST, "/v1/experiments", &spec)?;
        match reply.status {
            200..=299 => Ok(()),
            _ => Err(Refusal::Refused(format!("the experiment {name}: {}", reply.detail()))),
        }
    }
}

/// The model of an alias, wherever the listing tells it.
fn alias<'a>(models: &'a Value, alias: &str) -> Option<&'a str> {
    if let Some(model) = models["aliases"][alias].as_str() {
        return Some(model);
    }
    models["models"].as_array()?.iter().find_map(|model| {
        let named = model["aliases"].as_array()?.iter().any(|name| name == alias);
        named.then(|| model["model"].as_str()).flatten()
    })
}

/// The experiment of a challenger, as the API takes it; its name follows from the version, so that it is created once.
pub fn rollout(config: &RolloutConfig, plan: &Plan, reason: &str) -> Option<Value> {
    let enough = |payments: u64| json!({ "after": { "payments": payments } });
    let shadow = |advance: Value| json!({ "exposure": { "kind": "shadow" }, "advance": advance });
    let stages: Vec<Value> = match config.plan {
        RolloutPlan::None => return None,
        RolloutPlan::Shadow => vec![shadow("manual".into())],
        RolloutPlan::Canary => {
            let canary = config.canary_percents.iter().map(|percent| {
                json!({ "exposure": { "kind": "percent", "percent": percent }, "advance": enough(config.canary_payments) })
            });
            std::iter::once(shadow(enough(config.shadow_payments))).chain(canary).collect()
        }
    };
    let promote = config.promote && config.plan == RolloutPlan::Canary;
    let name: String = plan.version.to_string().to_lowercase().replace('/', "-");
    let description: String =
        format!("{} of the online trainer: {reason}", plan.kind.name()).chars().take(400).collect();
    Some(json!({
        "name": format!("rollout-{name}").chars().take(64).collect::<String>(),
        "description": description,
        "arms": [{ "name": "challenger", "model": plan.version }],
        "stages": stages,
        "then": if promote { "promote" } else { "hold" },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::step::Kind;

    fn plan() -> Plan {
        Plan {
            kind: Kind::FineTune,
            reason: "50 new frauds".to_owned(),
            champion: "hybrid/1".parse().unwrap(),
            version: "hybrid/2026.11.22-ft3".parse().unwrap(),
            seed: 1,
            frauds: 50,
        }
    }

    #[test]
    fn a_rollout_goes_from_shadow_to_canary() {
        let config = RolloutConfig { plan: RolloutPlan::Canary, promote: true, ..RolloutConfig::default() };
        let spec = rollout(&config, &plan(), "why").unwrap();
        let stages = spec["stages"].as_array().unwrap();
        assert_eq!(
            (&spec["name"], stages.len(), &spec["then"]),
            (&"rollout-hybrid-2026.11.22-ft3".into(), 3, &"promote".into())
        );
        assert_eq!(stages[0]["exposure"]["kind"], "shadow");
        assert_eq!(stages[2]["exposure"]["percent"], 25.0);
        assert_eq!(spec["arms"][0]["model"], "hybrid/2026.11.22-ft3");
        let shadow = rollout(&RolloutConfig::default(), &plan(), "why").unwrap();
        assert_eq!((shadow["stages"].as_array().unwrap().len(), &shadow["then"]), (1, &"hold".into()));
        let none = RolloutConfig { plan: RolloutPlan::None, ..RolloutConfig::default() };
        assert!(rollout(&none, &plan(), "why").is_none());
    }

    #[test]
    fn the_champion_is_found_in_a_listing() {
        let by_alias = json!({ "aliases": { "champion": "hybrid/1" }, "models": [] });
        let by_model = json!({ "models": [{ "model": "hybrid/2", "aliases": [] }, { "model": "hybrid/1", "aliases": ["champion"] }] });
        assert_eq!(alias(&by_alias, "champion"), Some("hybrid/1"));
        assert_eq!(alias(&by_model, "champion"), Some("hybrid/1"));
        assert_eq!(alias(&by_model, "challenger"), None);
    }

    #[test]
    fn a_url_that_names_no_service_says_so() {
        let wrong = ServiceClient::new("service", "trainer", None, None).err().unwrap().to_string();
        assert!(wrong.contains("http://127.0.0.1:8080"), "{wrong}");
    }
}
