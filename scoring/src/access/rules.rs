//! Rules for people who sign in with a provider: who gets which roles.

use super::caller::Identity;
use super::denied::Denied;
use super::event::{Grant, Reach, Who};
use super::refusal::Refusal;
use super::role::Role;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Most rules.
pub const MAX_RULES: usize = 5_000;

/// A rule, with who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Rule {
    /// Its id.
    pub rule_id: String,
    /// The provider.
    pub issuer: String,
    /// Whom it is for.
    pub who: Who,
    /// What they get.
    #[serde(flatten)]
    pub grant: Grant,
    /// When it was made, UTC milliseconds since the epoch.
    pub created_at_ms: i64,
    /// By whom.
    pub created_by: String,
}

/// All rules, and where to find each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    by_id: BTreeMap<String, Rule>,
    /// Ids, by provider and people.
    by_who: BTreeMap<(String, Who), String>,
}

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) -> Result<(), Refusal> {
        let key = (rule.issuer.clone(), rule.who.clone());
        if self.by_id.contains_key(&rule.rule_id) {
            return Err(Refusal::RuleIdTaken);
        }
        if let Some(rule_id) = self.by_who.get(&key) {
            return Err(Refusal::RuleExists { rule_id: rule_id.clone() });
        }
        if self.by_id.len() >= MAX_RULES {
            return Err(Refusal::TooManyRules { most: MAX_RULES });
        }
        self.by_who.insert(key, rule.rule_id.clone());
        self.by_id.insert(rule.rule_id.clone(), rule);
        Ok(())
    }

    pub(super) fn remove(&mut self, rule_id: &str) -> Result<(), Refusal> {
        let rule = self.by_id.remove(rule_id).ok_or(Refusal::NoSuchRule)?;
        self.by_who.remove(&(rule.issuer, rule.who));
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_id.values()
    }

    /// What somebody gets. A rule for the one person counts before those of their groups; of several groups all roles count, as long as they
    /// are for the same tenant.
    pub(super) fn grant(&self, identity: &Identity) -> Result<Grant, Denied> {
        let rule = |who: Who| {
            let rule_id = self.by_who.get(&(identity.issuer.clone(), who))?;
            self.by_id.get(rule_id).map(|rule| &rule.grant)
        };
        let email = || rule(Who::Email(identity.email.clone()?));
        if let Some(own) = rule(Who::Subject(identity.subject.clone())).or_else(email) {
            return Ok(own.clone());
        }
        let mut joined: Option<Grant> = None;
        for grant in identity.groups.iter().filter_map(|group| rule(Who::Group(group.clone()))) {
            let so_far = joined.get_or_insert_with(|| Grant { roles: BTreeSet::new(), reach: grant.reach.clone() });
            if so_far.reach != grant.reach {
                return Err(Denied::SeveralTenants);
            }
            so_far.roles.extend(grant.roles.iter().copied());
        }
        joined.ok_or(Denied::NoRole)
    }

    /// Whether anybody becomes an admin of everything by one.
    pub(super) fn make_an_admin(&self) -> bool {
        let makes = |rule: &Rule| rule.grant.reach == Reach::AllTenants && rule.grant.roles.contains(&Role::Admin);
        self.by_id.values().any(makes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(rule_id: &str, who: Who, roles: &[Role], tenant: &str) -> Rule {
        let grant = Grant { roles: roles.iter().copied().collect(), reach: Reach::Tenant(tenant.to_owned()) };
        let (issuer, created_by) = ("https://login.example".to_owned(), "root".to_owned());
        Rule { rule_id: rule_id.to_owned(), issuer, who, grant, created_at_ms: 0, created_by }
    }

    fn identity(subject: &str, email: Option<&str>, groups: &[&str]) -> Identity {
        Identity {
            issuer: "https://login.example".to_owned(),
            subject: subject.to_owned(),
            email: email.map(str::to_owned),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    #[test]
    fn the_most_particular_rule_counts() {
        let mut rules = Rules::default();
        for one in [
            rule("1", Who::Group("fraud".into()), &[Role::Analyst], "bank"),
            rule("2", Who::Group("leads".into()), &[Role::Lead], "bank"),
            rule("3", Who::Group("shop".into()), &[Role::Analyst], "shop"),
            rule("4", Who::Email("ann@bank".into()), &[Role::Auditor], "bank"),
            rule("5", Who::Subject("s-1".into()), &[Role::Admin], "shop"),
        ] {
            rules.add(one).unwrap();
        }
        let cases: [(Identity, Result<&[Role], Denied>); 7] = [
            (identity("x", None, &["fraud"]), Ok(&[Role::Analyst])),
            (identity("x", None, &["leads", "other", "fraud"]), Ok(&[Role::Analyst, Role::Lead])),
            (identity("x", None, &["fraud", "shop"]), Err(Denied::SeveralTenants)),
            (identity("x", Some("ann@bank"), &["fraud", "shop"]), Ok(&[Role::Auditor])),
            (identity("s-1", Some("ann@bank"), &[]), Ok(&[Role::Admin])),
            (identity("x", Some("bob@bank"), &["none"]), Err(Denied::NoRole)),
            (Identity { issuer: "https://other.example".into(), ..identity("s-1", None, &[]) }, Err(Denied::NoRole)),
        ];
        for (who, expected) in cases {
            let roles = rules.grant(&who).map(|grant| grant.roles.into_iter().collect::<Vec<_>>());
            assert_eq!(roles.as_deref(), expected.as_ref().map(|roles| *roles), "{who:?}");
        }
        assert!(!rules.make_an_admin(), "an admin of one tenant is none of the service");
    }

    #[test]
    fn people_have_one_rule() {
        let mut rules = Rules::default();
        let who = || Who::Group("fraud".into());
        rules.add(rule("1", who(), &[Role::Analyst], "bank")).unwrap();
        assert_eq!(rules.add(rule("1", Who::Group("x".into()), &[], "bank")), Err(Refusal::RuleIdTaken));
        assert_eq!(rules.add(rule("2", who(), &[], "bank")), Err(Refusal::RuleExists { rule_id: "1".into() }));
        assert_eq!(rules.remove("1"), Ok(()));
        assert_eq!(rules.remove("1"), Err(Refusal::NoSuchRule));
        assert_eq!(rules, Rules::default());
    }
}
