//! Who may use which route, all of it: for the documentation, and for tests that ask the service itself.
//!
//! It is worked out of the two tables alone ([`ROLES`](super::ROLES) and [`ROUTES`]), not by what decides at run time; a test holds both
//! against each other.

use super::permission::Permission;
use super::role::Role;
use super::routes::{ROUTES, Requirement};
use std::fmt::Write;

/// Somebody who asks, as a column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Without a credential, where anonymous callers have no role.
    NoToken,
    /// With a token of every role that has expired.
    Expired,
    /// With a token of every role whose scopes are all but the one that the route takes.
    WrongScope,
    /// With a token of that role for all tenants.
    Role(Role),
    /// With a token of every role for one tenant, asking for that one.
    OwnTenant,
    /// With the same token, asking for another tenant.
    OtherTenant,
}

/// What the answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever the route answers.
    Passes,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
}

/// A row: a route, and what each asker is to hear, in the order of [`Asker::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Method, lower case.
    pub method: &'static str,
    /// Path, as documented.
    pub path: &'static str,
    /// What it takes.
    pub requirement: Requirement,
    /// What each hears.
    pub expected: [Expected; Asker::ALL.len()],
}

impl Asker {
    /// The columns.
    pub const ALL: [Asker; 11] = [
        Asker::NoToken,
        Asker::Expired,
        Asker::WrongScope,
        Asker::Role(Role::Scorer),
        Asker::Role(Role::Analyst),
        Asker::Role(Role::Lead),
        Asker::Role(Role::DataScientist),
        Asker::Role(Role::Admin),
        Asker::Role(Role::Auditor),
        Asker::OwnTenant,
        Asker::OtherTenant,
    ];

    /// Head of the column.
    pub const fn name(self) -> &'static str {
        match self {
            Asker::NoToken => "no token",
            Asker::Expired => "expired",
            Asker::WrongScope => "wrong scope",
            Asker::Role(role) => role.name(),
            Asker::OwnTenant => "own tenant",
            Asker::OtherTenant => "other tenant",
        }
    }
}

impl Expected {
    /// As the table shows it: a status, or `pass`.
    pub const fn text(self) -> &'static str {
        match self {
            Expected::Passes => "pass",
            Expected::Unauthenticated => "401",
            Expected::Forbidden => "403",
        }
    }

    /// Whether an answer of that status is as expected. Routes answer 401 and 403 for nothing else, given a fresh service without trusted
    /// keys.
    pub const fn fits(self, status: u16) -> bool {
        match self {
            Expected::Passes => status != 401 && status != 403,
            Expected::Unauthenticated => status == 401,
            Expected::Forbidden => status == 403,
        }
    }
}

/// The whole matrix, in the order of [`ROUTES`].
pub fn matrix() -> Vec<Row> {
    let row = |(method, path, requirement): &(&'static str, &'static str, Requirement)| Row {
        method,
        path,
        requirement: *requirement,
        expected: Asker::ALL.map(|asker| expected(asker, *requirement)),
    };
    ROUTES.iter().map(row).collect()
}

fn expected(asker: Asker, requirement: Requirement) -> Expected {
    match (requirement, asker) {
        (Requirement::Open, _) => Expected::Passes,
        (_, Asker::NoToken | Asker::Expired) => Expected::Unauthenticated,
        (Requirement::SignedIn, _) => Expected::Passes,
        (Requirement::May(_), Asker::WrongScope | Asker::OtherTenant) => Expected::Forbidden,
        (Requirement::May(permission), Asker::Role(role)) => passes(role.permissions().contains(permission)),
        (Requirement::May(permission), Asker::OwnTenant) => passes(!permission.is_service_wide()),
    }
}

const fn passes(may: bool) -> Expected {
    if may { Expected::Passes } else { Expected::Forbidden }
}

/// The matrix as a Markdown table. `pass` is whatever the route answers.
pub fn markdown() -> String {
    let mut table = String::from("| method | path | takes |");
    for asker in Asker::ALL {
        let _ = write!(table, " {} |", asker.name());
    }
    table.push_str("\n|---|---|---|");
    table.push_str(&"---|".repeat(Asker::ALL.len()));
    for row in matrix() {
        let takes = match row.requirement {
            Requirement::Open => "nothing",
            Requirement::SignedIn => "to be signed in",
            Requirement::May(permission) => permission.name(),
        };
        let _ = write!(table, "\n| {} | `{}` | {takes} |", row.method.to_uppercase(), row.path);
        for expected in row.expected {
            let _ = write!(table, " {} |", expected.text());
        }
    }
    table.push('\n');
    table
}

/// Roles and permissions as a Markdown table.
pub fn roles_markdown() -> String {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let mut table = format!("| permission | about |{}|\n|---|---|{}", wrap(&names), "---|".repeat(names.len()));
    for permission in Permission::ALL {
        let about = if permission.is_service_wide() { "the service" } else { "a tenant" };
        let marks = Role::ALL.map(|role| if role.permissions().contains(permission) { "yes" } else { "" });
        let _ = write!(table, "\n| {} | {about} |{}|", permission.name(), wrap(&marks));
    }
    table.push('\n');
    table
}

fn wrap(cells: &[&str]) -> String {
    cells.iter().map(|cell| format!(" {cell} ")).collect::<Vec<_>>().join("|")
}
