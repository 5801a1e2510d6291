//! Tokens, links and rules, one event after the other.

use crate::access::testing::{House, SECOND, created, grant, issued, reach};
use crate::access::token::{TokenKind, read};
use crate::access::*;
use crate::control::Meta;
use std::collections::BTreeSet;

#[test]
fn a_token_holds_until_it_expires_or_is_revoked() {
    let mut house = House::default();
    let scorer = || grant(&[Role::Scorer], "shop");
    house.happens(0, "all", created(1, "gateway", scorer(), None, Some(10 * SECOND))).unwrap();
    let caller = house.caller(1, 9 * SECOND).unwrap();
    assert_eq!((caller.name.as_str(), &caller.reach), ("gateway", &reach("shop")));
    assert!(caller.may(Permission::ScorePayments) && !caller.may(Permission::ReadCases));
    assert_eq!(house.caller(1, 10 * SECOND), Err(Denied::Expired));
    assert_eq!(house.caller(2, 0), Err(Denied::Unknown));

    let token_id = issued(TokenKind::Api, 1).id;
    let revoke = || AccessChange::TokenRevoked { token_id: token_id.clone() };
    assert_eq!(house.happens(SECOND, "bank", revoke()), Err(Refusal::NoSuchToken), "another tenant's is not there");
    house.happens(SECOND, "shop", revoke()).unwrap();
    assert_eq!(house.happens(SECOND, "shop", revoke()), Err(Refusal::AlreadyRevoked), "the first one wins");
    assert_eq!(house.caller(1, SECOND), Err(Denied::Revoked));
    let told = serde_json::to_string(house.state.token(&token_id, &reach("shop")).unwrap()).unwrap();
    assert!(told.contains(r#""revoked_by":"root""#) && !told.contains("digest"), "{told}");
    assert_eq!(house.state.tokens(&reach("bank")).count(), 0);
    assert_eq!(house.happens(SECOND, "all", created(1, "x", scorer(), None, None)), Err(Refusal::TokenExists));
}

#[test]
fn the_id_of_one_token_with_the_secret_of_another_is_nobodys() {
    let mut house = House::default();
    house.happens(0, "all", created(1, "a", grant(&[Role::Scorer], "all"), None, Some(SECOND))).unwrap();
    let mut forged = [0; 10];
    forged[..8].copy_from_slice(&1_u64.to_le_bytes());
    let forged = token::issue(TokenKind::Api, &forged, &[7; 32]);
    let sent = read(TokenKind::Api, forged.text.reveal()).unwrap();
    assert_eq!(sent.id, issued(TokenKind::Api, 1).id);
    assert_eq!(house.state.token_caller(&sent, 0), Err(Denied::Unknown));
    assert_eq!(house.state.token_caller(&sent, SECOND), Err(Denied::Unknown), "not even that it expired");
}

#[test]
fn nobody_gives_what_is_not_theirs_to_give() {
    let mut house = House::default();
    let analyst = || grant(&[Role::Analyst], "shop");
    let invalid = |result: Result<(), Refusal>| matches!(result, Err(Refusal::Invalid(_)));
    for beyond in [grant(&[Role::Analyst], "bank"), grant(&[Role::Analyst], "all")] {
        assert_eq!(house.happens(0, "shop", created(1, "ann", beyond, None, None)), Err(Refusal::BeyondReach));
    }
    assert!(invalid(house.happens(0, "all", created(1, "fraudnet", analyst(), None, None))));
    assert!(invalid(house.happens(0, "all", created(1, "ann", grant(&[], "shop"), None, None))));
    assert!(invalid(house.happens(0, "all", created(1, "ann", grant(&[Role::Lead], "a b"), None, None))));
    assert!(invalid(house.happens(5, "all", created(1, "ann", analyst(), None, Some(5)))));
    assert!(invalid(house.happens(0, "all", created(1, "ann", analyst(), Some(&[Permission::ManageAccess]), None))));
    let rule = AccessChange::RuleAdded {
        rule_id: "r1".to_owned(),
        issuer: "https://login.example".to_owned(),
        who: Who::Group("fraud".to_owned()),
        grant: analyst(),
    };
    assert_eq!(house.happens(0, "shop", rule.clone()), Err(Refusal::NeedsAllTenants));
    house.happens(0, "all", rule).unwrap();
    house.happens(0, "shop", created(1, "ann", analyst(), Some(&[Permission::ReadCases]), None)).unwrap();
    assert_eq!(house.caller(1, 0).unwrap().permissions, Permissions::of(&[Permission::ReadCases]));
    assert!(!house.state.has_admin(0), "an analyst is no admin");
}

#[test]
fn an_admin_is_whoever_can_give_access_to_everything() {
    let mut house = House::default();
    let admin = |at| grant(&[Role::Admin], at);
    house.happens(0, "all", created(1, "a", admin("shop"), None, None)).unwrap();
    house.happens(0, "all", created(2, "b", admin("all"), Some(&[Permission::ReadMetrics]), None)).unwrap();
    assert!(!house.state.has_admin(0));
    house.happens(0, "all", created(3, "c", admin("all"), None, Some(SECOND))).unwrap();
    assert!(house.state.has_admin(0) && !house.state.has_admin(SECOND));
    let who = Who::Email("ann@bank.example".to_owned());
    let issuer = "https://login.example".to_owned();
    house.happens(0, "all", AccessChange::RuleAdded { rule_id: "r".into(), issuer, who, grant: admin("all") }).unwrap();
    assert!(house.state.has_admin(SECOND));
    house.happens(0, "all", AccessChange::RuleRemoved { rule_id: "r".into() }).unwrap();
    assert!(!house.state.has_admin(SECOND));
}

#[test]
fn tokens_have_a_bound_a_tenant_and_those_that_ended_make_room() {
    let mut house = House::default();
    let scorer = |at: &str| grant(&[Role::Scorer], at);
    let most = tokens::MAX_TOKENS_A_TENANT as u64;
    for number in 0..most {
        let expires = (number == 0).then_some(SECOND);
        apply(&mut house, number, created(number, "gateway", scorer("shop"), None, expires)).unwrap();
    }
    let more = || created(most, "gateway", scorer("shop"), None, None);
    assert_eq!(house.happens(0, "all", more()), Err(Refusal::TooManyTokens { most: most as usize }));
    house.happens(0, "all", created(most + 1, "gateway", scorer("bank"), None, None)).unwrap();
    house.happens(SECOND, "all", more()).unwrap();
}

#[test]
fn those_that_ended_are_forgotten_in_the_end_and_hold_no_more_for_that() {
    let mut house = House::default();
    let most = tokens::MAX_ENDED_TOKENS as u64;
    for number in 0..=most {
        let scorer = grant(&[Role::Scorer], "shop");
        apply(&mut house, 2 * number, created(number, "gateway", scorer, None, None)).unwrap();
        let token_id = issued(TokenKind::Api, number).id;
        apply(&mut house, 2 * number + 1, AccessChange::TokenRevoked { token_id }).unwrap();
    }
    assert_eq!(house.state.tokens(&Reach::AllTenants).count(), tokens::MAX_ENDED_TOKENS);
    assert_eq!((house.caller(0, 0), house.caller(1, 0)), (Err(Denied::Unknown), Err(Denied::Revoked)));
}

/// A change by somebody who manages all access; without the copies that [`House::happens`] compares.
fn apply(house: &mut House, position: u64, change: AccessChange) -> Result<(), Refusal> {
    let meta = Meta { position, at_ms: 0, actor: "root".into() };
    house.state.apply(&meta, &AccessEvent { within: Reach::AllTenants, change })
}

#[test]
fn a_link_is_used_once() {
    let mut house = House::default();
    let link = |number, expires_at_ms| {
        let issued = issued(TokenKind::Link, number);
        AccessChange::LinkIssued {
            link_id: issued.id,
            name: None,
            grant: Grant { roles: BTreeSet::from([Role::Admin]), reach: Reach::AllTenants },
            digest: issued.digest,
            expires_at_ms,
        }
    };
    let sent = |number| read(TokenKind::Link, issued(TokenKind::Link, number).text.reveal()).unwrap();
    let used = |number| AccessChange::LinkUsed { link_id: issued(TokenKind::Link, number).id };
    assert!(house.happens(0, "all", link(1, 0)).is_err() && house.happens(0, "all", link(1, i64::MAX)).is_err());
    assert_eq!(house.happens(0, "shop", link(1, SECOND)), Err(Refusal::NeedsAllTenants));
    house.happens(0, "all", link(1, SECOND)).unwrap();
    assert!(house.state.usable_link(&sent(1), SECOND - 1).is_ok());
    assert_eq!(house.state.usable_link(&sent(1), SECOND).unwrap_err(), Denied::LinkSpent);
    let mut id = [0; 10];
    id[..8].copy_from_slice(&1_u64.to_le_bytes());
    let forged = token::issue(TokenKind::Link, &id, &[7; 32]);
    assert_eq!(forged.id, issued(TokenKind::Link, 1).id);
    let forged = read(TokenKind::Link, forged.text.reveal()).unwrap();
    assert_eq!(house.state.usable_link(&forged, 0).unwrap_err(), Denied::LinkSpent);
    let credential = |number| Credential::Link(issued(TokenKind::Link, number).id);
    assert_eq!(house.state.session_caller(&credential(1), 0), Err(Denied::SessionEnded), "it must be used first");

    house.happens(0, "all", link(2, SECOND)).unwrap();
    assert_eq!(house.happens(1, "all", used(1)), Err(Refusal::LinkSpent), "a new one takes the place of the old");
    house.happens(1, "all", used(2)).unwrap();
    assert_eq!(house.happens(1, "all", used(2)), Err(Refusal::LinkSpent), "the first one wins");
    assert_eq!(house.state.usable_link(&sent(2), 1).unwrap_err(), Denied::LinkSpent);
    house.happens(2, "all", link(3, SECOND)).unwrap();
    let caller = house.state.session_caller(&credential(2), 2).unwrap();
    assert!(caller.may(Permission::ManageAccess) && caller.name.starts_with("once-"), "its session goes on");
    assert_eq!(house.happens(2 * SECOND, "all", used(3)), Err(Refusal::LinkSpent));
    // A token's id and secret are no link's.
    let token = issued(TokenKind::Api, 3);
    assert!(read(TokenKind::Link, &token.text.reveal().replacen("fn_", "fnonce_", 1)).is_err());
}
