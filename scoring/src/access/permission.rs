//! What may be done, in as few kinds as people are told apart by.

use super::limiter::Class;
use serde::{Deserialize, Serialize};

/// Something that may be done. Named for what is done, not for the route that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Have payments scored.
    ScorePayments,
    /// Tell what payments turned out to be.
    TellLabels,
    /// Read verdicts by transaction id.
    ReadVerdicts,
    /// Read what a verdict rests on: subgraphs, explanations, an entity's payments, rings.
    ReadEvidence,
    /// Read cases.
    ReadCases,
    /// Work on cases.
    WorkCases,
    /// Work on them as a lead: decide what was escalated, take somebody else's.
    LeadCases,
    /// Read a tenant's lists.
    ReadLists,
    /// Change a tenant's lists.
    ChangeLists,
    /// Read what scores and how it fares: models, experiments, policies, drift, every change.
    ReadControl,
    /// Try a policy on past payments.
    TryPolicies,
    /// Publish and activate policies.
    ChangePolicies,
    /// Change which models score, and experiments.
    ChangeModels,
    /// Read the training stream.
    ReadTraining,
    /// Read audit proofs.
    ReadAudit,
    /// Read who has access; never a secret.
    ReadAccess,
    /// Give and take access.
    ManageAccess,
    /// Read how pseudonyms stand: what was erased, how often people were told of; nobody's identifier.
    ReadPrivacy,
    /// Be told who a pseudonym is.
    RevealPeople,
    /// Erase people.
    ErasePeople,
    /// Read metrics.
    ReadMetrics,
}

impl Permission {
    /// All of them, in the order of their numbers.
    pub const ALL: [Permission; 21] = [
        Permission::ScorePayments,
        Permission::TellLabels,
        Permission::ReadVerdicts,
        Permission::ReadEvidence,
        Permission::ReadCases,
        Permission::WorkCases,
        Permission::LeadCases,
        Permission::ReadLists,
        Permission::ChangeLists,
        Permission::ReadControl,
        Permission::TryPolicies,
        Permission::ChangePolicies,
        Permission::ChangeModels,
        Permission::ReadTraining,
        Permission::ReadAudit,
        Permission::ReadAccess,
        Permission::ManageAccess,
        Permission::ReadPrivacy,
        Permission::RevealPeople,
        Permission::ErasePeople,
        Permission::ReadMetrics,
    ];

    /// As events, settings and messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Permission::ScorePayments => "score-payments",
            Permission::TellLabels => "tell-labels",
            Permission::ReadVerdicts => "read-verdicts",
            Permission::ReadEvidence => "read-evidence",
            Permission::ReadCases => "read-cases",
            Permission::WorkCases => "work-cases",
            Permission::LeadCases => "lead-cases",
            Permission::ReadLists => "read-lists",
            Permission::ChangeLists => "change-lists",
            Permission::ReadControl => "read-control",
            Permission::TryPolicies => "try-policies",
            Permission::ChangePolicies => "change-policies",
            Permission::ChangeModels => "change-models",
            Permission::ReadTraining => "read-training",
            Permission::ReadAudit => "read-audit",
            Permission::ReadAccess => "read-access",
            Permission::ManageAccess => "manage-access",
            Permission::ReadPrivacy => "read-privacy",
            Permission::RevealPeople => "reveal-people",
            Permission::ErasePeople => "erase-people",
            Permission::ReadMetrics => "read-metrics",
        }
    }

    /// Whether it is about the whole service: what it shows or changes is every tenant's, so whoever is bound to one tenant may not.
    pub const fn is_service_wide(self) -> bool {
        match self {
            Permission::ReadControl
            | Permission::TryPolicies
            | Permission::ChangePolicies
            | Permission::ChangeModels
            | Permission::ReadTraining
            | Permission::ReadMetrics => true,
            Permission::ScorePayments
            | Permission::TellLabels
            | Permission::ReadVerdicts
            | Permission::ReadEvidence
            | Permission::ReadCases
            | Permission::WorkCases
            | Permission::LeadCases
            | Permission::ReadLists
            | Permission::ChangeLists
            // A proof is given for entries of the tenant that is asked for; heads and consistency are hashes alone.
            | Permission::ReadAudit
            | Permission::ReadAccess
            | Permission::ManageAccess
            // The vault's size alone is every tenant's, and told to those who see all.
            | Permission::ReadPrivacy
            | Permission::RevealPeople
            | Permission::ErasePeople => false,
        }
    }

    /// Which rate limit it falls under.
    pub const fn class(self) -> Class {
        match self {
            Permission::ScorePayments | Permission::TellLabels => Class::Score,
            Permission::WorkCases
            | Permission::LeadCases
            | Permission::ChangeLists
            | Permission::TryPolicies
            | Permission::ChangePolicies
            | Permission::ChangeModels
            | Permission::ManageAccess
            | Permission::RevealPeople
            | Permission::ErasePeople => Class::Change,
            Permission::ReadVerdicts
            | Permission::ReadEvidence
            | Permission::ReadCases
            | Permission::ReadLists
            | Permission::ReadControl
            | Permission::ReadTraining
            | Permission::ReadAudit
            | Permission::ReadAccess
            | Permission::ReadPrivacy
            | Permission::ReadMetrics => Class::Read,
        }
    }
}

/// A set of permissions: one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// None.
    pub const NONE: Permissions = Permissions(0);

    /// Exactly these.
    pub const fn of(permissions: &[Permission]) -> Permissions {
        let (mut bits, mut index) = (0, 0);
        while index < permissions.len() {
            bits |= 1 << permissions[index] as u32;
            index += 1;
        }
        Permissions(bits)
    }

    /// Whether that one is among them.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u32 != 0
    }

    /// Whether all of those are among them.
    pub const fn covers(self, others: Permissions) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those of either.
    #[must_use]
    pub const fn or(self, others: Permissions) -> Permissions {
        Permissions(self.0 | others.0)
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, others: Permissions) -> Permissions {
        Permissions(self.0 & others.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }
}

impl<'a> FromIterator<&'a Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = &'a Permission>>(permissions: I) -> Permissions {
        permissions.into_iter().fold(Permissions::NONE, |all, one| all.or(Permissions::of(&[*one])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire_and_sets_hold_each_by_itself() {
        for (index, permission) in Permission::ALL.into_iter().enumerate() {
            assert_eq!(permission as usize, index, "ALL is in the order of the numbers");
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.name());
            let one = Permissions::of(&[permission]);
            assert_eq!(one.iter().collect::<Vec<_>>(), [permission]);
            assert!(Permissions::of(&Permission::ALL).covers(one) && !Permissions::NONE.contains(permission));
        }
        let set: Permissions = [Permission::ReadCases, Permission::ReadAudit].iter().collect();
        assert_eq!(set.and(Permissions::of(&[Permission::ReadAudit])), Permissions::of(&[Permission::ReadAudit]));
        assert!(Permissions::default().is_empty() && !set.is_empty());
    }
}
