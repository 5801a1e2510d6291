//! Noise: whatever comes in, nothing breaks, and it is nobody's.

use crate::access::oidc::{Keys, SignInKey};
use crate::access::testing::House;
use crate::access::token::{TokenKind, read};
use crate::access::*;
use proptest::prelude::*;
use std::collections::HashMap;

proptest! {
    #[test]
    fn noise_is_nobody(text in "\\PC{0,120}", tail in "[0-9a-v_]{60,80}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let house = House::default();
        for text in [text.clone(), format!("fn_{tail}"), format!("fnonce_{tail}"), format!("fn_{text}")] {
            for kind in [TokenKind::Api, TokenKind::Link] {
                if let Ok(sent) = read(kind, &text) {
                    prop_assert!(house.state.token_caller(&sent, 0).is_err());
                }
            }
            let cookies = Cookies { is_secure: true };
            let _ = (cookies.find(CookieUse::Session, [text.as_str()]), requirement_of("GET", &text), methods_of(&text));
            prop_assert!(own_origin("", true, Some(&text)).is_none_or(|origin| origin.starts_with("https://")));
            let _ = (check_host("", Some(&text)), networks(std::slice::from_ref(&text)));
            let told = client([10, 0, 0, 1].into(), &[&text], &[&text], &networks(&["10.0.0.0/8".to_owned()]).unwrap());
            prop_assert!(told.address == std::net::IpAddr::from([10, 0, 0, 1]) || text.contains(['.', ':']), "it comes from somewhere that was named");
            let key = SignInKey::new([1; 32]);
            let query = format!("code=a&state={text}");
            prop_assert!(key.returned("https://login.example", Some(&text), &query, 0).is_err());
        }
        prop_assert!(Keys::read(&bytes).is_err());
    }

    #[test]
    fn sessions_are_what_a_list_of_them_says(steps in prop::collection::vec((0..6_u8, 0..8_u8, 0..3_u8, 0..40_i64), 1..120)) {
        const MINUTE: i64 = 60_000;
        let bounds = SessionBounds { idle_ms: 30 * MINUTE, lifetime_ms: 100 * MINUTE, most: 5, most_a_holder: 3 };
        let mut sessions = Sessions::new(bounds, [0; 32]);
        let credential = |holder: u8| Credential::Token(holder.to_string());
        // Of each session that was begun: whose, when, and when it was last used. Ended ones stay, as ended.
        let mut known: HashMap<String, (u8, i64, i64, bool)> = HashMap::new();
        let (mut now_ms, mut number) = (0, 0_u8);
        for (what, which, holder, minutes) in steps {
            now_ms += minutes * MINUTE;
            let mut cookies: Vec<String> = known.keys().cloned().collect();
            cookies.sort();
            let cookie = cookies.get(usize::from(which) % cookies.len().max(1)).cloned().unwrap_or_default();
            match what {
                0..=1 => {
                    number += 1;
                    if let Ok(opened) = sessions.open(&[number; 32], credential(holder), None, now_ms) {
                        known.insert(opened.cookie.reveal().to_owned(), (holder, now_ms, now_ms, false));
                    }
                }
                2 => {
                    sessions.end(&cookie);
                    known.entry(cookie).and_modify(|session| session.3 = true);
                }
                3 => {
                    sessions.end_of(&credential(holder));
                    known.values_mut().filter(|session| session.0 == holder).for_each(|session| session.3 = true);
                }
                _ => {
                    let found = sessions.find(&cookie, now_ms);
                    let Some(session) = known.get_mut(&cookie) else { continue };
                    let lasts = now_ms - session.2 < bounds.idle_ms && now_ms - session.1 < bounds.lifetime_ms;
                    match found {
                        Ok(of) => {
                            prop_assert!(!session.3 && lasts, "what ended is not found again");
                            prop_assert_eq!(of, credential(session.0));
                            session.2 = now_ms;
                        }
                        // It may also have made room for another of the same holder's.
                        Err(_) => session.3 = true,
                    }
                }
            }
            prop_assert!(sessions.len() <= bounds.most);
        }
    }
}
