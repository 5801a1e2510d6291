//! Why somebody may not.

use super::permission::Permission;
use super::role::Role;

/// Why somebody may not. A message says what to do, never repeats a secret, and says the same of another tenant's things as of what is
/// not there: nobody has looked yet whether it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody said who they are.
    #[error(
        "say who you are: send `Authorization: Bearer fn_…` with a token that an admin gave you, or sign in at /console/"
    )]
    NoCredential,
    /// The header is no bearer token.
    #[error("the Authorization header must hold one token as it was issued: `Authorization: Bearer fn_…`")]
    NotAToken,
    /// A slip of the hand.
    #[error("the token is mistyped: a character is missing or wrong; copy it again as it was issued")]
    Mistyped,
    /// Well-formed, but nobody knows it.
    #[error("this token is not known here; check that it is this service's, or ask an admin for one")]
    Unknown,
    /// It was taken back.
    #[error("this token was revoked; ask an admin for a new one")]
    Revoked,
    /// It was for a time.
    #[error("this token has expired; ask an admin for a new one")]
    Expired,
    /// A one-time link that works no more.
    #[error(
        "the link was used, replaced, or has expired; make a new one with `fraudnet access link` on the service's machine"
    )]
    LinkSpent,
    /// Too long idle, too old, signed out, or its token was revoked.
    #[error("your session has ended; sign in again")]
    SessionEnded,
    /// Signed in elsewhere, but without a role here.
    #[error("you have no role here; ask an admin to add a rule for you")]
    NoRole,
    /// Rules for several tenants fit.
    #[error("rules of several tenants fit you; ask an admin for one rule with your own address")]
    SeveralTenants,
    /// A change that a session's page did not send.
    #[error("this change lacks the session's X-CSRF-Token; load the page again and repeat it")]
    NoCsrfToken,
    /// A change that another site's page sent, or nobody knows whose.
    #[error(
        "a session's changes are taken from this service's own pages alone; use the console, or a token instead of the cookie"
    )]
    CrossSite,
    /// A name that this service is not called by: another site may have pointed its own name here.
    #[error("this service is not called by the name in the Host header; use 127.0.0.1, or set access.public_url")]
    ForeignHost,
    /// Credentials would cross the network in the clear.
    #[error("connect through the proxy that speaks TLS: what is sent here directly can be read on its way")]
    NotThroughProxy,
    /// No role may.
    #[error("this needs the permission {}; ask an admin for the role {}", .0.name(), Role::that_may(*.0))]
    NeedsRole(Permission),
    /// A role may, but the token is for less.
    #[error("this needs the permission {}, which this token's scopes leave out; ask an admin for a token with it", .0.name())]
    OutOfScope(Permission),
    /// Bound to another tenant.
    #[error("your access is bound to one tenant; leave out the tenant or name that one")]
    OtherTenant,
    /// Bound to one tenant, but this is every tenant's.
    #[error("this is about all tenants and your access is bound to one; ask an admin for access to all tenants")]
    ServiceWide,
    /// The tenant's name cannot be.
    #[error("the tenant must be 1 to 64 letters, digits, dots, dashes or underscores")]
    BadTenant,
    /// No session can be begun.
    #[error("{most} people are signed in, which is the most there may be; try again later, or raise access.sessions")]
    TooManySessions {
        /// How many that is.
        most: usize,
    },
}

impl Denied {
    /// Status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Denied::NoCredential
            | Denied::NotAToken
            | Denied::Mistyped
            | Denied::Unknown
            | Denied::Revoked
            | Denied::Expired
            | Denied::LinkSpent
            | Denied::SessionEnded => 401,
            Denied::NoRole
            | Denied::SeveralTenants
            | Denied::NoCsrfToken
            | Denied::CrossSite
            | Denied::ForeignHost
            | Denied::NotThroughProxy
            | Denied::NeedsRole(_)
            | Denied::OutOfScope(_)
            | Denied::OtherTenant
            | Denied::ServiceWide => 403,
            Denied::BadTenant => 400,
            Denied::TooManySessions { .. } => 503,
        }
    }

    /// Stable name, for replies and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Denied::NoCredential => "no_credential",
            Denied::NotAToken => "not_a_token",
            Denied::Mistyped => "mistyped_token",
            Denied::Unknown => "unknown_token",
            Denied::Revoked => "revoked",
            Denied::Expired => "expired",
            Denied::LinkSpent => "link_spent",
            Denied::SessionEnded => "session_ended",
            Denied::NoRole => "no_role",
            Denied::SeveralTenants => "several_tenants",
            Denied::NoCsrfToken => "no_csrf_token",
            Denied::CrossSite => "cross_site",
            Denied::ForeignHost => "foreign_host",
            Denied::NotThroughProxy => "not_through_proxy",
            Denied::NeedsRole(_) => "needs_role",
            Denied::OutOfScope(_) => "out_of_scope",
            Denied::OtherTenant => "other_tenant",
            Denied::ServiceWide => "service_wide",
            Denied::BadTenant => "bad_tenant",
            Denied::TooManySessions { .. } => "too_many_sessions",
        }
    }

    /// Value of the `WWW-Authenticate` header (RFC 6750) where the answer has one.
    pub fn www_authenticate(&self) -> Option<String> {
        let error = match self {
            // Who said nothing is told the scheme and no error.
            Denied::NoCredential => return Some("Bearer realm=\"fraudnet\"".to_owned()),
            Denied::NeedsRole(needed) | Denied::OutOfScope(needed) => {
                return Some(format!(
                    "Bearer realm=\"fraudnet\", error=\"insufficient_scope\", scope=\"{}\"",
                    needed.name()
                ));
            }
            denied if denied.status() == 401 => "invalid_token",
            _ => return None,
        };
        Some(format!("Bearer realm=\"fraudnet\", error=\"{error}\", error_description=\"{}\"", self.code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_401_says_how_and_headers_are_plain() {
        for denied in [
            Denied::NoCredential,
            Denied::Mistyped,
            Denied::SessionEnded,
            Denied::NeedsRole(Permission::ReadCases),
            Denied::OutOfScope(Permission::ReadMetrics),
            Denied::OtherTenant,
            Denied::TooManySessions { most: 3 },
        ] {
            let header = denied.www_authenticate();
            assert!(denied.status() != 401 || header.is_some(), "{denied:?}");
            assert!(
                header.is_none_or(|text| text.starts_with("Bearer ") && text.bytes().all(|b| (32..127).contains(&b)))
            );
        }
        assert_eq!(
            Denied::NeedsRole(Permission::ReadAccess).to_string(),
            "this needs the permission read-access; ask an admin for the role admin or auditor"
        );
        assert_eq!(Denied::NoCredential.www_authenticate().unwrap(), "Bearer realm=\"fraudnet\"");
    }
}
