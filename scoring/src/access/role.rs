//! Roles, and what each may do: the one table.

use super::permission::{Permission, Permissions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What somebody is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A payment flow: has payments scored, asks for verdicts again, tells chargebacks.
    Scorer,
    /// Works on cases.
    Analyst,
    /// An analyst who may more: escalated cases, lists, policies, who a pseudonym is.
    Lead,
    /// Trains and tries models. The trainer has this role too.
    DataScientist,
    /// Gives access and runs the service. Does not decide cases: whoever hands out roles is not judge too.
    Admin,
    /// Reads everything, changes nothing.
    Auditor,
}

use Permission as P;

/// Every role and what it may do.
pub const ROLES: &[(Role, &[Permission])] = &[
    (Role::Scorer, &[P::ScorePayments, P::TellLabels, P::ReadVerdicts]),
    (
        Role::Analyst,
        &[
            P::ReadVerdicts,
            P::ReadEvidence,
            P::ReadCases,
            P::WorkCases,
            P::ReadLists,
            P::ReadControl,
            P::TryPolicies,
            P::ReadAudit,
        ],
    ),
    (
        Role::Lead,
        &[
            P::ReadVerdicts,
            P::ReadEvidence,
            P::ReadCases,
            P::WorkCases,
            P::LeadCases,
            P::ReadLists,
            P::ChangeLists,
            P::ReadControl,
            P::TryPolicies,
            P::ChangePolicies,
            P::ReadAudit,
            P::RevealPeople,
        ],
    ),
    (
        Role::DataScientist,
        &[
            P::ReadVerdicts,
            P::ReadEvidence,
            P::ReadLists,
            P::ReadControl,
            P::TryPolicies,
            P::ChangeModels,
            P::ReadTraining,
            P::ReadAudit,
            P::ReadMetrics,
        ],
    ),
    (
        Role::Admin,
        &[
            P::ReadVerdicts,
            P::ReadEvidence,
            P::ReadCases,
            P::ReadLists,
            P::ChangeLists,
            P::ReadControl,
            P::TryPolicies,
            P::ChangePolicies,
            P::ChangeModels,
            P::ReadTraining,
            P::ReadAudit,
            P::ReadAccess,
            P::ManageAccess,
            P::ReadPrivacy,
            P::ErasePeople,
            P::ReadMetrics,
        ],
    ),
    (
        Role::Auditor,
        &[
            P::ReadVerdicts,
            P::ReadEvidence,
            P::ReadCases,
            P::ReadLists,
            P::ReadControl,
            P::ReadTraining,
            P::ReadAudit,
            P::ReadAccess,
            P::ReadPrivacy,
            P::ReadMetrics,
        ],
    ),
];

impl Role {
    /// All of them.
    pub const ALL: [Role; 6] =
        [Role::Scorer, Role::Analyst, Role::Lead, Role::DataScientist, Role::Admin, Role::Auditor];

    /// As events, settings and messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Scorer => "scorer",
            Role::Analyst => "analyst",
            Role::Lead => "lead",
            Role::DataScientist => "data-scientist",
            Role::Admin => "admin",
            Role::Auditor => "auditor",
        }
    }

    /// What it may do.
    pub const fn permissions(self) -> Permissions {
        Permissions::of(ROLES[self as usize].1)
    }

    /// What all of these together may do.
    pub fn permissions_of(roles: &BTreeSet<Role>) -> Permissions {
        roles.iter().fold(Permissions::NONE, |all, role| all.or(role.permissions()))
    }

    /// The roles that may do that, for messages: `analyst, lead or auditor`.
    pub fn that_may(permission: Permission) -> String {
        let able = |role: &&Role| role.permissions().contains(permission);
        let names: Vec<&str> = Role::ALL.iter().filter(able).map(|role| role.name()).collect();
        match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => "none".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_role_once_in_order() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!((role as usize, ROLES[index].0), (index, role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
        assert_eq!(ROLES.len(), Role::ALL.len());
    }

    #[test]
    fn what_the_roles_are_meant_to_be() {
        let permissions = Role::permissions;
        assert!(permissions(Role::Lead).covers(permissions(Role::Analyst)), "a lead is an analyst who may more");
        let reads = |permission: &Permission| permission.name().starts_with("read-");
        let all_reads: Permissions = Permission::ALL.iter().filter(|permission| reads(permission)).collect();
        assert_eq!(permissions(Role::Auditor), all_reads, "an auditor reads everything and changes nothing");
        for decides in [P::ScorePayments, P::TellLabels, P::WorkCases, P::LeadCases] {
            assert!(!permissions(Role::Admin).contains(decides), "who gives access does not decide: {decides:?}");
        }
        for permission in Permission::ALL {
            assert!(
                Role::ALL.iter().any(|role| permissions(*role).contains(permission)),
                "{permission:?} is somebody's"
            );
        }
        assert_eq!(Role::that_may(P::ManageAccess), "admin");
        assert_eq!(Role::that_may(P::ReadCases), "analyst, lead, admin or auditor");
    }
}
