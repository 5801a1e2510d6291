//! Access: who asks, what they may, and whose data they see.
//!
//! In reading order: `role` and `permission` (the one table of who may what), `routes` (what each route takes) and [`matrix`] (both, written
//! out), `event` (what happens to access), `tokens`, `rules` and `state` (the fold: [`AccessState`]), `refusal` (why an event has no effect),
//! [`token`] and `secret` (texts and digests), `caller` (who asks, and whether they may), `session`, `cookie` and `origin` (people at the
//! console), `gate` (from headers to a caller), `limiter`, `network`, and `admit`: every check on a request, in order. [`oidc`] is signing in
//! with a provider, `denied` every refusal, `settings` the sections `[access]` and `[oidc]`.
//!
//! ```text
//! request ─► row of ROUTES ─► where from ─► token | session | anonymous ─► CSRF ─► role, scope, tenant ─► rate ─► handler
//!              none: 404        403             401                        403          403               429
//! ```
//!
//! Who has access is a fold of events in the order of the log, the same on every replica. Tokens and links are in it as digests; sessions and
//! rates are not in it: they are each replica's own and are lost when it ends.
//!
//! Whatever has no row, no role or no right tenant is refused. The tenant to answer for comes out of the checks and from nowhere else: a
//! handler that reads the header itself would answer for one that was not checked.
//!
//! Cost: a request with a token is one hash, two look-ups and a walk over the routes, some µs.
//!
//! It knows no clock, no randomness, no HTTP library and no network: times, random bytes, header values and a provider's documents come in
//! as values. Random bytes must come from the system's generator; the ids of `crate::ids` are no secrets.

mod admit;
mod caller;
mod cookie;
mod denied;
mod event;
mod gate;
mod limiter;
pub mod matrix;
mod names;
mod network;
pub mod oidc;
mod origin;
mod permission;
mod refusal;
mod role;
mod routes;
mod rules;
mod secret;
mod session;
mod settings;
mod state;
pub mod token;
mod tokens;

pub use admit::{Admitted, Asked, Door, TurnedAway};
pub use caller::{Caller, Credential, Identity, Via, authorise};
pub use cookie::{CookieUse, Cookies};
pub use denied::Denied;
pub use event::{AccessChange, AccessEvent, Grant, Reach, Who};
pub use gate::{Gate, Presented};
pub use limiter::{Class, Limiter, Rate, Rates, Throttled};
pub use names::MAX_NAME_CHARS;
pub use network::{Client, check_bind, check_peer, client, is_loopback, networks};
pub use origin::{check_host, check_origin, is_change, own_origin};
pub use permission::{Permission, Permissions};
pub use refusal::Refusal;
pub use role::{ROLES, Role};
pub use routes::{ROUTES, Requirement, methods_of, requirement_of, steps_of};
pub use rules::{MAX_RULES, Rule};
pub use secret::{Digest, SECRET_BYTES, Secret};
pub use session::{Opened, SessionBounds, Sessions};
pub use settings::{AccessSettings, OidcSettings};
pub use state::AccessState;
pub use tokens::{Link, MAX_ENDED_TOKENS, MAX_TOKENS, MAX_TOKENS_A_TENANT, Token};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
