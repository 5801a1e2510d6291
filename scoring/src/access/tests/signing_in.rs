//! From a request's headers to who sends it, with sessions.

use crate::access::testing::{House, created, grant, issued};
use crate::access::token::TokenKind;
use crate::access::*;
use std::sync::Mutex;

fn sessions() -> Mutex<Sessions> {
    Mutex::new(Sessions::new(SessionBounds::from(&AccessSettings::default()), [7; 32]))
}

#[test]
fn what_a_request_presents() {
    let cookies = Cookies { is_secure: false };
    let of = |authorization: &[Option<&'static str>], cookie: &[&'static str]| {
        Presented::of(authorization, cookie.iter().copied(), cookies)
    };
    assert_eq!(of(&[], &[]), Presented::Nothing);
    assert_eq!(of(&[], &["fraudnet=abc"]), Presented::Cookie("abc"));
    assert_eq!(of(&[Some("Bearer x")], &["fraudnet=abc"]), Presented::Header(Some("Bearer x")), "a token counts first");
    assert_eq!(of(&[Some("Bearer x"), Some("Bearer y")], &["fraudnet=abc"]), Presented::Header(None));
    assert_eq!(of(&[None], &[]), Presented::Header(None));
    assert!(!format!("{:?}", of(&[Some("Bearer hush")], &[])).contains("hush"));
}

#[test]
fn only_who_says_nothing_is_anonymous() {
    let (house, sessions) = (House::default(), sessions());
    let lenient = AccessSettings { anonymous: vec![Role::Scorer], ..AccessSettings::default() };
    let gate = Gate { state: &house.state, settings: &lenient, sessions: &sessions };
    let caller = gate.authenticate(&Presented::Nothing, 0).unwrap();
    assert_eq!((caller.name.as_str(), caller.rate_key().as_str()), ("anonymous", "anonymous"));
    let unknown = format!("Bearer {}", issued(TokenKind::Api, 1).text.reveal());
    let mistyped = format!("{}x", unknown);
    for (presented, expected) in [
        (Presented::Header(None), Denied::NotAToken),
        (Presented::Header(Some("")), Denied::NotAToken),
        (Presented::Header(Some("Basic YTpi")), Denied::NotAToken),
        (Presented::Header(Some("Bearer hunter2")), Denied::NotAToken),
        (Presented::Header(Some(&mistyped)), Denied::Mistyped),
        (Presented::Header(Some(&unknown)), Denied::Unknown),
        (Presented::Cookie("abc"), Denied::SessionEnded),
    ] {
        assert_eq!(gate.authenticate(&presented, 0), Err(expected));
    }
    let strict = AccessSettings::default();
    let gate = Gate { settings: &strict, ..gate };
    assert_eq!(gate.authenticate(&Presented::Nothing, 0), Err(Denied::NoCredential));
}

#[test]
fn revoking_a_token_ends_its_sessions() {
    let (mut house, sessions, settings) = (House::default(), sessions(), AccessSettings::default());
    house.happens(0, "all", created(1, "ann", grant(&[Role::Analyst], "bank"), None, None)).unwrap();
    let token_id = issued(TokenKind::Api, 1).id;
    let credential = Credential::Token(token_id.clone());
    let opened = sessions.lock().unwrap().open(&[1; 32], credential.clone(), None, 0).unwrap();
    let presented = Presented::Cookie(opened.cookie.reveal());
    let gate = Gate { state: &house.state, settings: &settings, sessions: &sessions };
    let caller = gate.authenticate(&presented, 1).unwrap();
    assert_eq!((caller.name.as_str(), &caller.via), ("ann", &Via::Session(credential)));
    assert_eq!(caller.rate_key(), format!("token:{token_id}"), "counted with the token itself");

    house.happens(2, "all", AccessChange::TokenRevoked { token_id }).unwrap();
    let gate = Gate { state: &house.state, settings: &settings, sessions: &sessions };
    assert_eq!(gate.authenticate(&presented, 3), Err(Denied::SessionEnded));
    assert!(sessions.lock().unwrap().is_empty());
}

#[test]
fn taking_a_rule_away_ends_what_it_gave() {
    let (mut house, sessions, settings) = (House::default(), sessions(), AccessSettings::default());
    let issuer = "https://login.example".to_owned();
    let identity = Identity {
        issuer: issuer.clone(),
        subject: "248289761001".to_owned(),
        email: Some("ann@bank.example".to_owned()),
        groups: vec!["fraud".to_owned()],
    };
    let credential = Credential::Person(Box::new(identity));
    assert_eq!(house.state.session_caller(&credential, 0), Err(Denied::NoRole));
    let rule = AccessChange::RuleAdded {
        rule_id: "r1".to_owned(),
        issuer,
        who: Who::Group("fraud".to_owned()),
        grant: grant(&[Role::Analyst, Role::Lead], "bank"),
    };
    house.happens(0, "all", rule).unwrap();
    let opened = sessions.lock().unwrap().open(&[1; 32], credential, None, 0).unwrap();
    let presented = Presented::Cookie(opened.cookie.reveal());
    let caller =
        Gate { state: &house.state, settings: &settings, sessions: &sessions }.authenticate(&presented, 1).unwrap();
    assert_eq!((caller.name.as_str(), caller.is_lead()), ("ann@bank.example", true));
    house.happens(2, "all", AccessChange::RuleRemoved { rule_id: "r1".to_owned() }).unwrap();
    let gate = Gate { state: &house.state, settings: &settings, sessions: &sessions };
    assert_eq!(gate.authenticate(&presented, 3), Err(Denied::SessionEnded));
}
