//! Asking the provider: what it says about itself, its keys, the exchange of a code.

use crate::access::oidc::{
    Expected, IdTokenFault, Keys, MAX_DOCUMENT_BYTES, Provider, SignInKey, TokenRequest, discovery_url, verify,
};
use crate::access::{Identity, OidcSettings, Secret};
use crate::clock;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the provider may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what it says about itself counts.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);
/// Keys that are not known are asked for at most so often.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// A provider as it was last heard.
#[derive(Debug)]
pub(in super::super) struct Known {
    pub(super) provider: Provider,
    keys: Keys,
    at: Instant,
}

/// Speaks to the provider.
pub(in super::super) struct OidcClient {
    pub(super) key: SignInKey,
    pub(super) client_secret: Option<Secret>,
    settings: OidcSettings,
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    known: Mutex<Option<Arc<Known>>>,
}

impl OidcClient {
    /// For the provider that is configured; nothing is asked yet. `random` comes from the system's generator.
    ///
    /// # Errors
    /// Where our secret cannot be read, or no certificates are trusted.
    pub(in super::super) fn new(settings: &OidcSettings, random: [u8; 32]) -> Result<OidcClient, String> {
        let client_secret = match settings.client_secret_file.as_str() {
            "" => None,
            file => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("oidc.client_secret_file `{file}` cannot be read: {error}"))?;
                Some(Secret::new(text.trim()))
            }
        };
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| {
                format!("oidc.issuer is set, but no certificates are trusted here (install ca-certificates): {error}")
            })?
            // Plain HTTP is refused by the settings but on this machine.
            .https_or_http()
            .enable_http1()
            .build();
        Ok(OidcClient {
            key: SignInKey::new(random),
            client_secret,
            settings: settings.clone(),
            pool: Client::builder(TokioExecutor::new()).build(connector),
            known: Mutex::default(),
        })
    }

    /// The provider, as it was last heard or is asked now.
    pub(super) async fn provider(&self) -> Result<Arc<Known>, String> {
        match self.last_known() {
            Some(known) if known.at.elapsed() < KNOWN_FOR => Ok(known),
            _ => self.ask().await,
        }
    }

    /// Who an ID token is for. Providers change their keys: one that is not known yet is asked for once.
    pub(super) async fn verify(
        &self,
        known: Arc<Known>,
        id_token: &Secret,
        expected: &Expected<'_>,
    ) -> Result<Identity, String> {
        match verify(id_token, &known.keys, expected, clock::now_ms()) {
            Err(IdTokenFault::UnknownKey) if known.at.elapsed() >= ASK_AGAIN => {
                let known = self.ask().await?;
                verify(id_token, &known.keys, expected, clock::now_ms()).map_err(|fault| fault.to_string())
            }
            verified => verified.map_err(|fault| fault.to_string()),
        }
    }

    /// Exchanges a code; the answer's body.
    pub(super) async fn exchange(&self, asked: &TokenRequest) -> Result<Vec<u8>, String> {
        let mut request = Request::post(&asked.url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        if let Some(authorization) = &asked.authorization {
            request = request.header(header::AUTHORIZATION, authorization.reveal());
        }
        // A refusal has a body, too, which says why.
        self.send(request, asked.body.reveal().to_owned().into()).await.map(|(_, body)| body)
    }

    fn last_known(&self) -> Option<Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self) -> Result<Arc<Known>, String> {
        let provider = Provider::read(&self.get(&discovery_url(&self.settings.issuer)).await?, &self.settings)?;
        let keys = Keys::read(&self.get(&provider.jwks_uri).await?)?;
        let known = Arc::new(Known { provider, keys, at: clock::monotonic() });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let request = Request::get(url).header(header::ACCEPT, "application/json");
        match self.send(request, Bytes::new()).await? {
            (200, body) => Ok(body),
            (status, _) => Err(format!("{url} answers {status}")),
        }
    }

    async fn send(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<(u16, Vec<u8>), String> {
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let url = request.uri().to_string();
        let asked = async {
            let response =
                self.pool.request(request).await.map_err(|error| format!("{url} cannot be reached: {error:?}"))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_DOCUMENT_BYTES).collect().await;
            let body = body.map_err(|error| format!("the answer of {url} cannot be read: {error}"))?;
            Ok((status, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| format!("{url} does not answer in time"))?
    }
}
