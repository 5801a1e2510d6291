//! What commands share that ask a running service: where it is, who asks, and how its refusals are told.

use anyhow::{Context, bail};
use fraudnet_models::SecretKey;
use fraudnet_scoring::client::{self, FraudnetClient, Sender};
use hyper::Method;
use serde_json::Value;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Where a service listens that was told nothing else.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// A running service, and who asks it.
#[derive(Debug, Clone, clap::Args)]
pub struct Remote {
    /// Where the service is; http://127.0.0.1:8080 unless said otherwise.
    #[arg(long, env = "FRAUDNET_URL", value_name = "URL")]
    url: Option<String>,
    /// Who asks; the service writes it down. With --key the key's name, with a token the token's.
    #[arg(long, env = "FRAUDNET_ACTOR", value_name = "NAME")]
    actor: Option<String>,
    /// File with the token that says who asks; FRAUDNET_TOKEN may hold the token itself.
    #[arg(long, env = "FRAUDNET_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Secret key that signs the request, as `fraudnet models keygen` makes it; needed where the service trusts keys only.
    #[arg(long, env = "FRAUDNET_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Remote {
    /// Asks for something.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.run(async |client, _| client.get(path).await.map_err(Into::into))
    }

    /// Asks for a change; `body` is sent as JSON where there is one.
    pub fn change(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let bytes = body.map(ToString::to_string).unwrap_or_default();
        self.run(async |client, sender| client.change(method, path, bytes.into(), &sender).await.map_err(Into::into))
    }

    fn run(
        &self,
        ask: impl AsyncFnOnce(FraudnetClient, Sender) -> anyhow::Result<fraudnet_scoring::client::Reply>,
    ) -> anyhow::Result<Value> {
        let token = client::token(self.token_file.as_deref()).map_err(anyhow::Error::msg)?;
        let client = FraudnetClient::new(self.address()?).with_token(token.as_ref());
        let sender = self.sender()?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("tokio could not start")?;
        let reply = runtime.block_on(ask(client, sender))?;
        if reply.status >= 300 {
            bail!("{}", reply.detail());
        }
        if reply.body.is_empty() { Ok(Value::Null) } else { Ok(reply.json()?) }
    }

    fn sender(&self) -> anyhow::Result<Sender> {
        let key = self.key()?;
        let named = key.as_ref().map(|key| key.name().to_owned());
        if let (Some(named), Some(actor)) = (&named, &self.actor)
            && named != actor
        {
            bail!("--actor {actor}: the key belongs to {named}; leave --actor out or give the key of {actor}");
        }
        let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
        let actor = named.or_else(|| self.actor.clone()).or_else(user).unwrap_or_else(|| "anonymous".to_owned());
        Ok(Sender { actor, key })
    }

    /// Whether a service was named; commands that also work on files alone ask it only then.
    pub fn is_given(&self) -> bool {
        self.url.is_some()
    }

    /// The key that signs.
    pub fn key(&self) -> anyhow::Result<Option<SecretKey>> {
        Ok(self.key.as_deref().map(SecretKey::read).transpose()?)
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        let url = self.url.as_deref().unwrap_or(DEFAULT_URL);
        let wrong = || format!("--url {url}: give the address of a service, such as {DEFAULT_URL}");
        let authority = url.strip_prefix("http://").with_context(wrong)?.trim_end_matches('/');
        authority.to_socket_addrs().with_context(wrong)?.next().with_context(wrong)
    }
}
