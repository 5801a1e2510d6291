//! What names, ids and grants may be.

use super::event::{Grant, Reach, Who};
use super::permission::{Permission, Permissions};
use super::role::Role;
use crate::wire::bounds;
use std::collections::BTreeSet;

/// Most characters of a holder's name.
pub const MAX_NAME_CHARS: usize = 64;
/// Names that the service acts under itself.
const RESERVED: [&str; 2] = ["fraudnet", "anonymous"];
/// What names begin with that it gives to people itself.
const RESERVED_BEGINNINGS: [&str; 2] = ["once-", "oidc-"];

/// Names stand beside decisions for ever: plain ASCII, so that no two that look alike are different people.
pub(super) fn name(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    if text.is_empty() || text.len() > MAX_NAME_CHARS || !text.chars().all(allowed) {
        return Err(format!("the name must be 1 to {MAX_NAME_CHARS} letters, digits, or any of . _ - + @"));
    }
    if RESERVED.contains(&text) || RESERVED_BEGINNINGS.iter().any(|begin| text.starts_with(begin)) {
        return Err("the name is one that the service uses itself; choose another".to_owned());
    }
    Ok(())
}

pub(super) fn id(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 32 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("the id must be 1 to 32 letters or digits".to_owned());
    }
    Ok(())
}

pub(super) fn grant(grant: &Grant) -> Result<(), String> {
    if grant.roles.is_empty() {
        return Err("name at least one role".to_owned());
    }
    match &grant.reach {
        Reach::AllTenants => Ok(()),
        Reach::Tenant(tenant) => bounds::tenant(tenant).map_err(|reason| format!("the tenant {reason}")),
    }
}

/// A scope takes away; one that takes nothing the roles give would be a misunderstanding.
pub(super) fn scopes(scopes: Option<&BTreeSet<Permission>>, roles: &BTreeSet<Role>) -> Result<(), String> {
    let Some(scopes) = scopes else { return Ok(()) };
    if scopes.is_empty() {
        return Err("name at least one scope, or none at all for everything the roles may do".to_owned());
    }
    let granted = Role::permissions_of(roles);
    let missing = scopes.iter().find(|scope| !granted.covers(Permissions::of(&[**scope])));
    missing.map_or(Ok(()), |scope| {
        Err(format!(
            "none of the roles may {}, so it cannot be a scope; add the role {}",
            scope.name(),
            Role::that_may(*scope)
        ))
    })
}

pub(super) fn issuer(text: &str) -> Result<(), String> {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    if text.len() > 512 || !is_address || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the issuer must be the provider's address, such as https://login.example.com".to_owned());
    }
    Ok(())
}

pub(super) fn who(who: &Who) -> Result<(), String> {
    match who {
        Who::Subject(subject) => bounds::identifier(subject).map_err(|reason| format!("the subject {reason}")),
        Who::Group(group) => bounds::identifier(group).map_err(|reason| format!("the group {reason}")),
        Who::Email(text) => email(text),
    }
}

/// An address in lower case, which is a name too.
pub(super) fn email(text: &str) -> Result<(), String> {
    name(text)?;
    let is_address =
        text.split_once('@').is_some_and(|(at, host)| !at.is_empty() && !host.is_empty() && !host.contains('@'));
    if !is_address || text.contains(|c: char| c.is_ascii_uppercase()) {
        return Err("the email must be an address in lower case, such as ann@bank.example".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["ann", "ann.b+x@bank.example", "shop_gateway-2", &"x".repeat(64)] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in ["", " ann", "a b", "änn", "a\n", "fraudnet", "anonymous", "once-1", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        for good in ["ann@bank.example", "a@b"] {
            assert_eq!(who(&Who::Email(good.into())), Ok(()), "{good}");
        }
        for bad in ["ann", "@bank", "ann@", "a@b@c", "Ann@bank.example", "a b@c"] {
            assert!(who(&Who::Email(bad.into())).is_err(), "{bad}");
        }
        assert!(who(&Who::Group(String::new())).is_err() && who(&Who::Subject("x".repeat(129))).is_err());
        assert!(id("0a9").is_ok() && id("").is_err() && id("a_b").is_err() && id(&"a".repeat(33)).is_err());
        assert!(
            issuer("https://a.example/x").is_ok() && issuer("a.example").is_err() && issuer("https://a\n").is_err()
        );
    }

    #[test]
    fn scopes_take_away() {
        let scorer = BTreeSet::from([Role::Scorer]);
        let set = |permissions: &[Permission]| permissions.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(scopes(None, &scorer), Ok(()));
        assert_eq!(scopes(Some(&set(&[Permission::ScorePayments])), &scorer), Ok(()));
        assert!(scopes(Some(&set(&[])), &scorer).is_err());
        assert_eq!(
            scopes(Some(&set(&[Permission::ReadMetrics])), &scorer).unwrap_err(),
            "none of the roles may read-metrics, so it cannot be a scope; add the role data-scientist, admin or auditor"
        );
    }
}
