//! Requests as they come, through every check.

use crate::access::testing::{House, SECOND, created, grant, issued};
use crate::access::token::TokenKind;
use crate::access::*;
use std::sync::Mutex;

/// A service on loopback, with its people.
struct Service {
    house: House,
    settings: AccessSettings,
    sessions: Mutex<Sessions>,
    limiter: Mutex<Limiter>,
    proxies: Vec<ipnet::IpNet>,
}

impl Service {
    fn new(settings: AccessSettings) -> Service {
        assert_eq!(settings.faults(), vec![]);
        let mut house = House::default();
        house.happens(0, "all", created(1, "ann", grant(&[Role::Lead], "bank"), None, None)).unwrap();
        house.happens(0, "all", created(2, "root", grant(&[Role::Admin], "all"), None, None)).unwrap();
        Service {
            house,
            sessions: Mutex::new(Sessions::new(SessionBounds::from(&settings), [7; 32])),
            limiter: Mutex::new(Limiter::new(settings.rates(), settings.counted_callers)),
            proxies: settings.trusted_networks(),
            settings,
        }
    }

    fn admit(&self, asked: &Asked<'_>, now_ms: i64) -> Result<Admitted, TurnedAway> {
        let gate = Gate { state: &self.house.state, settings: &self.settings, sessions: &self.sessions };
        let door = Door {
            gate,
            limiter: &self.limiter,
            trusted_proxies: &self.proxies,
            is_loopback: self.proxies.is_empty(),
            default_tenant: "default",
        };
        door.admit(asked, now_ms)
    }

    fn status(&self, asked: &Asked<'_>) -> u16 {
        match self.admit(asked, 0) {
            Ok(_) => 200,
            Err(TurnedAway::NoRoute) => 404,
            Err(TurnedAway::Denied(denied)) => denied.status(),
            Err(TurnedAway::Throttled(_)) => 429,
        }
    }
}

fn asked<'a>(method: &'a str, path: &'a str) -> Asked<'a> {
    Asked {
        method,
        path,
        peer: [127, 0, 0, 1].into(),
        authorization: &[],
        cookies: &[],
        csrf: None,
        origin: None,
        fetch_site: None,
        host: Some("127.0.0.1:8080"),
        tenants: &[],
        forwarded_for: &[],
        forwarded_proto: &[],
    }
}

fn bearer(number: u64) -> String {
    format!("Bearer {}", issued(TokenKind::Api, number).text.reveal())
}

fn denied(result: Result<Admitted, TurnedAway>) -> Denied {
    match result {
        Err(TurnedAway::Denied(denied)) => denied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_and_its_tenant() {
    let service = Service::new(AccessSettings::default());
    let (ann, root) = (bearer(1), bearer(2));
    let (ann, root) = ([Some(ann.as_str())], [Some(root.as_str())]);
    let review = asked("GET", "/v1/reviews");
    let admitted = service.admit(&Asked { authorization: &ann, ..review }, 0).unwrap();
    let (caller, tenant) = admitted.caller.unwrap();
    assert_eq!((caller.name.as_str(), tenant.as_str()), ("ann", "bank"));
    for (tenants, expected) in [
        (&["bank"] as &[_], 200),
        (&["shop"], 403),
        (&["bank", "shop"], 403),
        (&["shop", "bank"], 403),
        (&["bank", "bank"], 200),
    ] {
        assert_eq!(service.status(&Asked { authorization: &ann, tenants, ..review }), expected, "{tenants:?}");
    }
    let listed =
        Asked { authorization: &root, tenants: &["shop", "bank"], ..asked("PUT", "/v1/lists/block/device/d1") };
    assert_eq!(service.admit(&listed, 0).unwrap().caller.unwrap().1, "shop", "the query's counts");
    assert_eq!(service.status(&review), 401);
    assert_eq!(service.status(&asked("GET", "/livez")), 200);
    assert_eq!(service.status(&Asked { authorization: &[Some("nonsense")], ..asked("GET", "/livez") }), 200);
    assert_eq!(service.status(&Asked { authorization: &root, ..asked("GET", "/v1/nothing") }), 404);
    assert_eq!(service.status(&Asked { authorization: &root, ..asked("POST", "/v1/models/a/b:burn") }), 404);
}

#[test]
fn a_session_changes_things_from_its_own_page_alone() {
    let service = Service::new(AccessSettings::default());
    let credential = Credential::Token(issued(TokenKind::Api, 1).id);
    let opened = service.sessions.lock().unwrap().open(&[1; 32], credential, None, 0).unwrap();
    let cookie = format!("fraudnet={}", opened.cookie.reveal());
    let cookies = [cookie.as_str()];
    let csrf = Some(opened.csrf.reveal());
    let origin = Some("http://127.0.0.1:8080");
    let take = Asked { cookies: &cookies, ..asked("POST", "/v1/reviews:next") };
    let cases = [
        (Asked { csrf, origin, fetch_site: Some("same-origin"), ..take }, None),
        (Asked { csrf, origin, ..take }, None),
        (Asked { origin, ..take }, Some(Denied::NoCsrfToken)),
        (Asked { csrf: Some("x"), origin, ..take }, Some(Denied::NoCsrfToken)),
        (Asked { csrf, ..take }, Some(Denied::CrossSite)),
        (Asked { csrf, origin: Some("http://evil.example"), ..take }, Some(Denied::CrossSite)),
        (Asked { csrf, origin, fetch_site: Some("cross-site"), ..take }, Some(Denied::CrossSite)),
        (Asked { method: "GET", path: "/v1/reviews", ..take }, None),
        (Asked { method: "GET", path: "/v1/reviews", host: Some("evil.example"), ..take }, Some(Denied::ForeignHost)),
        (Asked { cookies: &["fraudnet=x"], csrf, origin, ..take }, Some(Denied::SessionEnded)),
    ];
    for (request, expected) in cases {
        let told = service.admit(&request, 1);
        match expected {
            None => assert!(told.is_ok(), "{told:?}"),
            Some(expected) => assert_eq!(denied(told), expected),
        }
    }
    // A token beside it needs none of that: no other site's page has it.
    let bearer = bearer(1);
    assert!(service.admit(&Asked { authorization: &[Some(&bearer)], ..take }, 1).is_ok());
    // Signing in from elsewhere would sign somebody in as another.
    let sign_in = asked("POST", "/v1/session");
    assert_eq!(service.status(&sign_in), 200);
    assert_eq!(service.status(&Asked { origin, ..sign_in }), 200);
    assert_eq!(service.status(&Asked { origin: Some("http://evil.example"), ..sign_in }), 403);
    assert_eq!(service.status(&Asked { host: Some("evil.example"), ..sign_in }), 403);
    // Nor does another site's page use what is given to anybody on this machine.
    let open = Service::new(AccessSettings { anonymous: vec![Role::Scorer], ..AccessSettings::default() });
    let score = asked("POST", "/v1/transactions:score");
    assert_eq!(open.status(&score), 200);
    assert_eq!(open.status(&Asked { origin, ..score }), 200);
    assert_eq!(open.status(&Asked { origin: Some("http://evil.example"), ..score }), 403);
    assert_eq!(open.status(&Asked { fetch_site: Some("cross-site"), ..score }), 403);
}

#[test]
fn behind_a_proxy() {
    let service = Service::new(AccessSettings {
        trusted_proxies: vec!["10.0.0.0/8".to_owned()],
        public_url: "https://fraud.bank.example".to_owned(),
        ..AccessSettings::default()
    });
    let bearer = bearer(1);
    let authorization = [Some(bearer.as_str())];
    let request = Asked {
        authorization: &authorization,
        peer: [10, 0, 0, 7].into(),
        host: Some("fraud.bank.example"),
        forwarded_for: &["6.6.6.6, 203.0.113.5"],
        forwarded_proto: &["https"],
        ..asked("GET", "/v1/reviews")
    };
    let admitted = service.admit(&request, 0).unwrap();
    assert_eq!(admitted.client, Client { address: [203, 0, 113, 5].into(), is_https: true });
    assert!(admitted.cookies.is_secure);
    let past = Asked { peer: [203, 0, 113, 5].into(), ..request };
    assert_eq!(denied(service.admit(&past, 0)), Denied::NotThroughProxy);
    assert_eq!(service.status(&Asked { path: "/readyz", ..past }), 200, "a probe comes past the proxy");
    assert_eq!(service.status(&Asked { path: "/v1/session", method: "POST", ..past }), 403, "a token in the clear");
}

#[test]
fn limits_by_token_and_by_address() {
    let service = Service::new(AccessSettings {
        read_per_second: 1,
        read_burst: 2,
        sign_in_burst: 3,
        anonymous: vec![Role::Scorer],
        ..AccessSettings::default()
    });
    let throttled = |result: Result<Admitted, TurnedAway>| matches!(result, Err(TurnedAway::Throttled(_)));
    let (ann, root, unknown) = (bearer(1), bearer(2), bearer(3));
    let (ann, root, unknown) = ([Some(ann.as_str())], [Some(root.as_str())], [Some(unknown.as_str())]);
    let read = asked("GET", "/v1/reviews");
    let reads = |authorization, now_ms| service.admit(&Asked { authorization, ..read }, now_ms);
    assert!(reads(&ann, 0).is_ok() && reads(&ann, 0).is_ok() && throttled(reads(&ann, 0)));
    assert!(reads(&root, 0).is_ok(), "another token is not held up");
    assert!(service.admit(&Asked { authorization: &ann, ..asked("POST", "/v1/reviews:next") }, 0).is_ok());
    assert!(reads(&ann, SECOND).is_ok());
    for _ in 0..3 {
        assert_eq!(denied(reads(&unknown, 0)), Denied::Unknown);
    }
    assert!(throttled(reads(&unknown, 0)), "who tries out credentials waits");
    assert!(throttled(service.admit(&asked("POST", "/v1/session"), 0)));
    assert!(!throttled(service.admit(&Asked { peer: [127, 0, 0, 2].into(), authorization: &unknown, ..read }, 0)));
    let verdict = asked("GET", "/v1/verdicts/tx");
    assert!(service.admit(&verdict, 0).is_ok(), "anonymous callers are counted by address");
    let elsewhere = Asked { peer: [0x2001, 0xdb8, 0, 1, 0, 0, 0, 1].into(), ..verdict };
    assert_eq!(
        denied(service.admit(&elsewhere, 0)),
        Denied::NotThroughProxy,
        "nobody comes from elsewhere to a service on loopback"
    );
}
