//! What holds whatever happens, in whatever order.

use crate::access::testing::{House, SECOND, created, grant, issued};
use crate::access::token::TokenKind;
use crate::access::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const TENANTS: [&str; 3] = ["bank", "shop", "all"];

/// A few numbers from which follows what happens.
#[derive(Debug, Clone)]
struct Draw {
    later_ms: i64,
    what: u8,
    number: u64,
    tenant: usize,
    within: usize,
    role: usize,
    lasts_ms: Option<i64>,
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let lasts_ms = prop::option::weighted(0.4, -SECOND..20 * SECOND);
    let draw = (-200..2 * SECOND, 0..10_u8, 0..12_u64, 0..3_usize, 0..6_usize, 0..6_usize, lasts_ms);
    let draw = draw.prop_map(|(later_ms, what, number, tenant, within, role, lasts_ms)| Draw {
        later_ms,
        what,
        number,
        tenant,
        within,
        role,
        lasts_ms,
    });
    prop::collection::vec(draw, 1..80)
}

fn change(draw: &Draw, at_ms: i64) -> AccessChange {
    let grant = grant(&[Role::ALL[draw.role]], TENANTS[draw.tenant]);
    let link = || issued(TokenKind::Link, draw.number);
    match draw.what {
        0..=3 => created(draw.number, "holder", grant, None, draw.lasts_ms.map(|lasts_ms| at_ms + lasts_ms)),
        4..=5 => AccessChange::TokenRevoked { token_id: issued(TokenKind::Api, draw.number).id },
        6 => {
            let (link_id, digest) = (link().id, link().digest);
            AccessChange::LinkIssued {
                link_id,
                name: None,
                grant,
                digest,
                expires_at_ms: at_ms + draw.lasts_ms.unwrap_or(SECOND),
            }
        }
        7 => AccessChange::LinkUsed { link_id: link().id },
        8 => AccessChange::RuleAdded {
            rule_id: format!("r{}", draw.number),
            issuer: "https://login.example".to_owned(),
            who: Who::Group(format!("group-{}", draw.number % 4)),
            grant,
        },
        _ => AccessChange::RuleRemoved { rule_id: format!("r{}", draw.number) },
    }
}

/// Every secret that was ever issued here; none may show.
fn secrets() -> Vec<String> {
    let of = |kind, number| {
        let text = issued(kind, number).text.reveal().to_owned();
        let (_, secret) = text.rsplit_once('_').unwrap();
        secret.to_owned()
    };
    (0..12).flat_map(|number| [of(TokenKind::Api, number), of(TokenKind::Link, number)]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(draws in draws()) {
        let mut house = House::default();
        let mut now_ms = 0;
        let (mut granted, mut revoked) = (HashMap::new(), HashSet::new());
        let (mut used, mut shown) = (HashSet::new(), String::new());
        for draw in &draws {
            now_ms += draw.later_ms;
            let within = TENANTS[draw.within.min(2)];
            let change = change(draw, now_ms);
            let result = house.happens(now_ms, within, change.clone());
            match (&change, &result) {
                (AccessChange::TokenCreated { grant, .. }, Ok(())) => {
                    prop_assert!(within == "all" || grant.reach == Reach::Tenant(within.to_owned()));
                    prop_assert!(granted.insert(draw.number, grant.clone()).is_none(), "an id is given once");
                }
                (AccessChange::TokenRevoked { .. }, Ok(())) => prop_assert!(revoked.insert(draw.number)),
                (AccessChange::LinkUsed { link_id }, Ok(())) => prop_assert!(used.insert(link_id.clone()), "a link is used once"),
                (_, Err(refusal)) => shown.push_str(&format!("{refusal} {refusal:?}")),
                _ => {}
            }
            for number in 0..12 {
                let caller = house.caller(number, now_ms);
                match &caller {
                    Ok(caller) => {
                        prop_assert!(!revoked.contains(&number), "revoked is refused from then on");
                        prop_assert_eq!(&caller.reach, &granted[&number].reach);
                        prop_assert_eq!(&caller.roles, &granted[&number].roles);
                        for permission in Permission::ALL {
                            for asked in ["bank", "shop"] {
                                let told = authorise(caller, Requirement::May(permission), Some(asked), "default");
                                let own = caller.reach == Reach::AllTenants || caller.reach == Reach::Tenant(asked.to_owned());
                                prop_assert!(told.is_err() || own, "nobody of one tenant gets another");
                                if let Ok(tenant) = told {
                                    prop_assert_eq!(tenant, asked, "who is let in for one tenant is answered for that one");
                                }
                            }
                        }
                    }
                    Err(denied) => shown.push_str(&format!("{denied} {denied:?} {:?}", denied.www_authenticate())),
                }
                let credential = Credential::Token(issued(TokenKind::Api, number).id);
                let in_session = house.state.session_caller(&credential, now_ms);
                prop_assert_eq!(in_session.is_ok(), caller.is_ok(), "a session holds as long as its token");
            }
        }

        // The same events, as they are written, come to the same.
        let mut again = AccessState::default();
        for (meta, event) in &house.events {
            let json = serde_json::to_string(event).unwrap();
            let _ = again.apply(meta, &serde_json::from_str(&json).unwrap());
            shown.push_str(&json);
        }
        prop_assert_eq!(&again, &house.state);

        // No secret is in the log, the state, a refusal, or what is told of tokens.
        shown.push_str(&format!("{:?} {:?}", house.state, house.events));
        for token in house.state.tokens(&Reach::AllTenants) {
            shown.push_str(&serde_json::to_string(token).unwrap());
        }
        for secret in secrets() {
            prop_assert!(!shown.contains(&secret[..16]), "a secret shows");
        }
    }
}
