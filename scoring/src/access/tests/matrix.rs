//! The matrix against what decides: every route × everybody.

use crate::access::matrix::{Asker, Expected, markdown, matrix, roles_markdown};
use crate::access::testing::{House, SECOND, created, grant, issued};
use crate::access::token::TokenKind;
use crate::access::*;
use std::sync::Mutex;

/// What somebody sends to a route that takes that, and the tenant they ask for.
fn asks(house: &mut House, asker: Asker, requirement: Requirement) -> (Option<u64>, Option<&'static str>) {
    let number = house.events.len() as u64;
    let every = |at| grant(&Role::ALL, at);
    let (change, tenant) = match asker {
        Asker::NoToken => return (None, None),
        Asker::Expired => (created(number, "x", every("all"), None, Some(SECOND)), None),
        Asker::WrongScope => {
            let others: Vec<Permission> =
                Permission::ALL.into_iter().filter(|one| requirement != Requirement::May(*one)).collect();
            (created(number, "x", every("all"), Some(&others), None), None)
        }
        Asker::Role(role) => (created(number, "x", grant(&[role], "all"), None, None), Some("shop")),
        Asker::OwnTenant => (created(number, "x", every("bank"), None, None), Some("bank")),
        Asker::OtherTenant => (created(number, "x", every("bank"), None, None), Some("shop")),
    };
    house.happens(0, "all", change).unwrap();
    (Some(number), tenant)
}

#[test]
fn what_is_decided_is_what_is_documented() {
    let settings = AccessSettings::default();
    let sessions = Mutex::new(Sessions::new(SessionBounds::from(&settings), [0; 32]));
    for row in matrix() {
        let mut house = House::default();
        let path = row.path.replace(['{', '}', '*'], "");
        let requirement = requirement_of(row.method, &path).expect("it has a row");
        for (asker, expected) in Asker::ALL.into_iter().zip(row.expected) {
            let (number, tenant) = asks(&mut house, asker, requirement);
            let header = number.map(|number| format!("Bearer {}", issued(TokenKind::Api, number).text.reveal()));
            let presented = header.as_deref().map_or(Presented::Nothing, |header| Presented::Header(Some(header)));
            let gate = Gate { state: &house.state, settings: &settings, sessions: &sessions };
            let status = match requirement {
                Requirement::Open => 200,
                _ => gate
                    .authenticate(&presented, 2 * SECOND)
                    .and_then(|caller| authorise(&caller, requirement, tenant, "default"))
                    .map_or_else(|denied| denied.status(), |_| 200),
            };
            assert!(expected.fits(status), "{} {} {}: {status}", row.method, row.path, asker.name());
        }
    }
}

#[test]
fn the_table_reads() {
    let table = markdown();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2 + ROUTES.len());
    assert!(lines.iter().all(|line| line.matches('|').count() == 4 + Asker::ALL.len()), "{table}");
    assert_eq!(
        lines[2],
        "| POST | `/v1/transactions:score` | score-payments | 401 | 401 | 403 | pass | 403 | 403 | 403 | 403 | 403 | pass | 403 |"
    );
    assert!(roles_markdown().contains("| manage-access | a tenant |  |  |  |  | yes |  |"));
    assert!(Expected::Passes.fits(404) && !Expected::Passes.fits(403));
}
