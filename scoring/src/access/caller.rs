//! Whoever asks, and whether they may.

use super::denied::Denied;
use super::event::Reach;
use super::permission::{Permission, Permissions};
use super::role::Role;
use super::routes::Requirement;
use crate::wire::bounds;
use std::collections::BTreeSet;

/// Whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name that stands on everything they do.
    pub name: String,
    /// Where their roles hold.
    pub reach: Reach,
    /// Their roles.
    pub roles: BTreeSet<Role>,
    /// What they may do here: what the roles give, less what a token's scopes leave out.
    pub permissions: Permissions,
    /// How they said who they are.
    pub via: Via,
}

/// How somebody said who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Not at all.
    Anonymous,
    /// With a token in the request.
    Token(String),
    /// With a session that was begun so.
    Session(Credential),
}

/// What a session was begun with. Roles are not kept with it: what it gives is looked up each time, so that what is taken is gone at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A token, by its id.
    Token(String),
    /// A one-time link, by its id.
    Link(String),
    /// A provider's word.
    Person(Box<Identity>),
}

/// Who somebody is, by the word of a provider that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// What it calls them for ever.
    pub subject: String,
    /// Their address in lower case, if the provider has verified it.
    pub email: Option<String>,
    /// Groups they are in.
    pub groups: Vec<String>,
}

impl Identity {
    /// The name that stands on what they do: their verified address, else what the provider calls them.
    pub fn name(&self) -> String {
        self.email.clone().unwrap_or_else(|| format!("oidc-{}", self.subject))
    }
}

impl Credential {
    /// Whose sessions are counted together.
    pub fn holder(&self) -> String {
        match self {
            Credential::Token(id) => format!("token:{id}"),
            Credential::Link(id) => format!("link:{id}"),
            Credential::Person(identity) => format!("person:{}:{}", identity.issuer, identity.subject),
        }
    }
}

impl Caller {
    /// Whoever said nothing. They are nobody at all where no role is given to such.
    pub(super) fn anonymous(roles: &[Role]) -> Result<Caller, Denied> {
        if roles.is_empty() {
            return Err(Denied::NoCredential);
        }
        let roles: BTreeSet<Role> = roles.iter().copied().collect();
        let permissions = Role::permissions_of(&roles);
        Ok(Caller { name: "anonymous".to_owned(), reach: Reach::AllTenants, roles, permissions, via: Via::Anonymous })
    }

    /// Whether they may do that.
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// Whether they act on cases as a lead.
    pub const fn is_lead(&self) -> bool {
        self.may(Permission::LeadCases)
    }

    /// By which their requests are counted: a token by itself, wherever it is used.
    pub fn rate_key(&self) -> String {
        match &self.via {
            Via::Anonymous => "anonymous".to_owned(),
            Via::Token(id) => format!("token:{id}"),
            Via::Session(credential) => credential.holder(),
        }
    }
}

/// Whether they may use a route that takes so much, and for which tenant: `asked` in a header or query, else the one they are bound to,
/// else `default_tenant`. That is the tenant to answer for, and the only one.
///
/// # Errors
/// Why not. Whether there is such a tenant at all makes no difference.
pub fn authorise(
    caller: &Caller,
    requirement: Requirement,
    asked: Option<&str>,
    default_tenant: &str,
) -> Result<String, Denied> {
    let Requirement::May(permission) = requirement else {
        let own = match &caller.reach {
            Reach::Tenant(own) => own,
            Reach::AllTenants => default_tenant,
        };
        return Ok(own.to_owned());
    };
    if !caller.may(permission) {
        let by_role = Role::permissions_of(&caller.roles).contains(permission);
        return Err(if by_role { Denied::OutOfScope(permission) } else { Denied::NeedsRole(permission) });
    }
    match &caller.reach {
        Reach::AllTenants => {
            let tenant = asked.unwrap_or(default_tenant);
            bounds::tenant(tenant).map_err(|_| Denied::BadTenant)?;
            Ok(tenant.to_owned())
        }
        Reach::Tenant(_) if permission.is_service_wide() => Err(Denied::ServiceWide),
        Reach::Tenant(own) if asked.is_none_or(|asked| asked == own) => Ok(own.clone()),
        Reach::Tenant(_) => Err(Denied::OtherTenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, reach: Reach) -> Caller {
        let roles = BTreeSet::from([role]);
        let permissions = Role::permissions_of(&roles);
        Caller { name: "ann".into(), reach, roles, permissions, via: Via::Token("t".into()) }
    }

    #[test]
    fn the_tenant_to_answer_for() {
        let bank = || Reach::Tenant("bank".to_owned());
        let read = Requirement::May(Permission::ReadCases);
        let analyst = caller(Role::Analyst, bank());
        for (asked, expected) in [
            (None, Ok("bank".to_owned())),
            (Some("bank"), Ok("bank".to_owned())),
            (Some("shop"), Err(Denied::OtherTenant)),
            (Some("no such"), Err(Denied::OtherTenant)),
            (Some("BANK"), Err(Denied::OtherTenant)),
        ] {
            assert_eq!(authorise(&analyst, read, asked, "default"), expected, "{asked:?}");
        }
        let all = caller(Role::Analyst, Reach::AllTenants);
        assert_eq!(authorise(&all, read, None, "default").unwrap(), "default");
        assert_eq!(authorise(&all, read, Some("shop"), "default").unwrap(), "shop");
        assert_eq!(authorise(&all, read, Some("a b"), "default"), Err(Denied::BadTenant));
        let control = Requirement::May(Permission::ReadControl);
        assert_eq!(authorise(&analyst, control, None, "default"), Err(Denied::ServiceWide));
        assert_eq!(authorise(&analyst, Requirement::SignedIn, Some("shop"), "default").unwrap(), "bank");
    }

    #[test]
    fn a_scope_and_a_role_are_refused_differently() {
        let manage = Requirement::May(Permission::ManageAccess);
        let mut admin = caller(Role::Admin, Reach::AllTenants);
        admin.permissions = Permissions::of(&[Permission::ReadMetrics]);
        assert_eq!(authorise(&admin, manage, None, "d"), Err(Denied::OutOfScope(Permission::ManageAccess)));
        let analyst = caller(Role::Analyst, Reach::AllTenants);
        assert_eq!(authorise(&analyst, manage, None, "d"), Err(Denied::NeedsRole(Permission::ManageAccess)));
        assert_eq!(Caller::anonymous(&[]), Err(Denied::NoCredential));
        assert!(Caller::anonymous(&[Role::Scorer]).unwrap().may(Permission::ScorePayments));
    }
}
