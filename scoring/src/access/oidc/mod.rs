//! Signing in with an OpenID Connect provider: the authorisation-code flow with PKCE, state and nonce.
//!
//! In reading order: `provider` (what its discovery document says), `sign_in` (there and back), `exchange` (the code for an ID token), `keys`
//! (the provider's public keys), `id_token` (who it is).
//!
//! ```text
//! GET /v1/session/oidc ─► begin ─► cookie, 303 to the provider ─► … ─► GET /v1/session/oidc/callback
//!     returned(cookie, query) ─► token_request ─► [the caller posts it] ─► id_token_of(reply) ─► verify(keys) ─► Identity
//! ```
//!
//! Nothing is kept between there and back: state, nonce and proof key follow from the browser's cookie and a key of ours, so nobody can fill
//! a table by beginning to sign in. Fetching is the caller's.

mod exchange;
mod id_token;
mod keys;
mod provider;
mod sign_in;

pub use exchange::{TokenRequest, id_token_of, token_request};
pub use id_token::{Expected, IdTokenFault, verify};
pub use keys::Keys;
pub use provider::{Provider, discovery_url};
pub use sign_in::{Begun, Returned, SIGN_IN_MS, SignInFault, SignInKey};

/// Largest document taken from a provider.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests;
