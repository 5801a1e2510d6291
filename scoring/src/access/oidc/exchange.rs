//! The code for an ID token.

use super::MAX_DOCUMENT_BYTES;
use super::provider::Provider;
use super::sign_in::{Returned, redirect_uri};
use crate::access::secret::Secret;
use crate::access::settings::OidcSettings;
use data_encoding::BASE64;
use serde::Deserialize;
use url::form_urlencoded::{Serializer, byte_serialize};

/// A request that the caller posts, as `application/x-www-form-urlencoded`. Its answer is for [`id_token_of`].
#[derive(Debug)]
pub struct TokenRequest {
    /// Where to.
    pub url: String,
    /// Value of its `Authorization` header, where it has one.
    pub authorization: Option<Secret>,
    /// Its body.
    pub body: Secret,
}

/// The request that exchanges the code of somebody who came back.
pub fn token_request(
    provider: &Provider,
    settings: &OidcSettings,
    client_secret: Option<&Secret>,
    public_url: &str,
    returned: &Returned,
) -> TokenRequest {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", returned.code.reveal())
        .append_pair("redirect_uri", &redirect_uri(public_url))
        .append_pair("code_verifier", returned.verifier.reveal());
    let mut authorization = None;
    match client_secret {
        Some(secret) if !provider.takes_secret_in_body => {
            // Both are form-encoded before they are joined: RFC 6749, 2.3.1.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let joined = Secret::new(format!("{}:{}", encoded(&settings.client_id), encoded(secret.reveal())));
            authorization = Some(Secret::new(format!("Basic {}", BASE64.encode(joined.reveal().as_bytes()))));
        }
        Some(secret) => {
            form.append_pair("client_id", &settings.client_id).append_pair("client_secret", secret.reveal());
        }
        None => {
            form.append_pair("client_id", &settings.client_id);
        }
    }
    TokenRequest { url: provider.token_endpoint.clone(), authorization, body: Secret::new(form.finish()) }
}

/// The ID token in the answer to a [`TokenRequest`].
///
/// # Errors
/// Where it holds none; for the operator, without what came in.
pub fn id_token_of(body: &[u8]) -> Result<Secret, String> {
    #[derive(Deserialize)]
    struct Reply {
        id_token: Option<String>,
        error: Option<String>,
    }
    if body.len() > MAX_DOCUMENT_BYTES {
        return Err(format!("the provider's answer is larger than {MAX_DOCUMENT_BYTES} bytes"));
    }
    // Its own words might repeat a token.
    let reply: Reply = serde_json::from_slice(body).map_err(|_| "the provider's answer cannot be read".to_owned())?;
    match (reply.id_token, reply.error.as_deref()) {
        (Some(id_token), None) => Ok(Secret::new(id_token)),
        (_, Some("invalid_client")) => {
            Err("the provider does not take our secret; check oidc.client_id and oidc.client_secret_file".to_owned())
        }
        (_, Some(_)) => Err("the provider does not take the code; sign in again".to_owned()),
        (None, None) => Err("the provider's answer has no id_token; is \"openid\" in oidc.scopes?".to_owned()),
    }
}
