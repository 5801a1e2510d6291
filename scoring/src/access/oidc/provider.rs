//! What a provider says about itself.

use super::MAX_DOCUMENT_BYTES;
use crate::access::settings::{OidcSettings, is_https_or_loopback};
use serde::Deserialize;

/// A provider, as its discovery document describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name for itself.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where a code is exchanged.
    pub token_endpoint: String,
    /// Where its public keys are. Fetch them again when one is not among those known, once a minute at most.
    pub jwks_uri: String,
    /// Whether our secret goes into the body, since it takes it nowhere else.
    pub takes_secret_in_body: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Where a provider's discovery document lies.
pub fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Provider {
    /// Reads the discovery document of the provider that is configured.
    ///
    /// # Errors
    /// Where it is another's, or cannot do what is needed; for the operator.
    pub fn read(json: &[u8], settings: &OidcSettings) -> Result<Provider, String> {
        if json.len() > MAX_DOCUMENT_BYTES {
            return Err(format!("the discovery document is larger than {MAX_DOCUMENT_BYTES} bytes"));
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|error| format!("the discovery document cannot be read: {error}"))?;
        if document.issuer != settings.issuer {
            return Err("the discovery document names another issuer; write oidc.issuer exactly as it does".to_owned());
        }
        for endpoint in [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri] {
            if !is_https_or_loopback(endpoint) {
                return Err("the discovery document names an endpoint without https://".to_owned());
            }
        }
        // What is not said is as the standards have it: codes are always supported, basic is how secrets go.
        let lacks = |listed: &Option<Vec<String>>, needed: &str| {
            listed.as_ref().is_some_and(|listed| !listed.iter().any(|one| one == needed))
        };
        if lacks(&document.response_types_supported, "code") {
            return Err("the provider does not support the authorisation-code flow".to_owned());
        }
        if lacks(&document.code_challenge_methods_supported, "S256") {
            return Err("the provider does not support PKCE with S256".to_owned());
        }
        let methods = &document.token_endpoint_auth_methods_supported;
        let takes_secret_in_body = lacks(methods, "client_secret_basic") && !lacks(methods, "client_secret_post");
        Ok(Provider {
            issuer: document.issuer,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            jwks_uri: document.jwks_uri,
            takes_secret_in_body,
        })
    }
}
