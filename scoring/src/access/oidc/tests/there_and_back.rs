//! Signing in as it should go, and a browser that comes back with something else.

use super::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

const PUBLIC_URL: &str = "https://fraud.bank.example";

fn key() -> SignInKey {
    SignInKey::new([5; 32])
}

fn begin(return_to: &str) -> (Begun, HashMap<String, String>) {
    let begun = key().begin(&provider(), &settings(), PUBLIC_URL, &[6; 32], return_to, START_MS).unwrap();
    let url = url::Url::parse(&begun.redirect_url).unwrap();
    let query = url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    (begun, query)
}

fn back(cookie: Option<&str>, query: &str, later_ms: i64) -> Result<Returned, SignInFault> {
    key().returned(ISSUER, cookie, query, START_MS + later_ms)
}

#[test]
fn there_and_back() {
    let (begun, asked) = begin("/console/#/case/7");
    assert!(begun.redirect_url.starts_with("https://login.example/authorize?tenant=7&response_type=code&"));
    for (key, value) in [
        ("client_id", CLIENT),
        ("redirect_uri", "https://fraud.bank.example/v1/session/oidc/callback"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked[key], value);
    }
    let query = format!("code=abc%2F1&state={}&iss=https%3A%2F%2Flogin.example&session_state=x", asked["state"]);
    let returned = back(Some(begun.cookie.reveal()), &query, 60_000).unwrap();
    assert_eq!((returned.return_to.as_str(), returned.started_at_ms), ("/console/#/case/7", START_MS));
    assert!(returned.code.is("abc/1") && returned.nonce.is(&asked["nonce"]));
    assert_eq!(BASE64URL_NOPAD.encode(&Sha256::digest(returned.verifier.reveal())), asked["code_challenge"]);
    assert!((43..=128).contains(&returned.verifier.reveal().len()));
    assert!(
        !begun.redirect_url.contains(returned.verifier.reveal()) && !begun.cookie.reveal().contains(&asked["state"])
    );
    assert!(!format!("{begun:?}{returned:?}").contains(begun.cookie.reveal()));

    let plain = token_request(&provider(), &settings(), None, PUBLIC_URL, &returned);
    assert_eq!((plain.url.as_str(), plain.authorization.is_none()), ("https://login.example/token", true));
    let body = plain.body.reveal();
    assert!(body.starts_with("grant_type=authorization_code&code=abc%2F1&redirect_uri=https%3A%2F%2Ffraud"), "{body}");
    assert!(body.contains("&code_verifier=") && body.ends_with("&client_id=fraudnet-console"), "{body}");

    let secret = Secret::new("a:b c");
    let basic = token_request(&provider(), &settings(), Some(&secret), PUBLIC_URL, &returned);
    let header = format!("Basic {}", BASE64.encode(b"fraudnet-console:a%3Ab+c"));
    assert!(basic.authorization.unwrap().is(&header) && !basic.body.reveal().contains("client_secret"));
    let in_body = Provider { takes_secret_in_body: true, ..provider() };
    let post = token_request(&in_body, &settings(), Some(&secret), PUBLIC_URL, &returned);
    assert!(post.authorization.is_none() && post.body.reveal().ends_with("&client_secret=a%3Ab+c"));
}

#[test]
fn a_browser_comes_back_with_something_else() {
    let (begun, asked) = begin("/console/");
    let state = &asked["state"];
    let cookie = Some(begun.cookie.reveal());
    let query = format!("code=abc&state={state}");
    let other = key().begin(&provider(), &settings(), PUBLIC_URL, &[7; 32], "/console/", START_MS).unwrap();
    let moved = begun.cookie.reveal().replace(&START_MS.to_string(), &(START_MS + 1_000_000).to_string());
    for (cookie, query, later_ms, expected) in [
        (None, query.as_str(), 0, SignInFault::NotBegunHere),
        (Some(other.cookie.reveal()), &query, 0, SignInFault::NotBegunHere),
        (Some(moved.as_str()), &query, 1_000_000, SignInFault::NotBegunHere),
        (Some(""), &query, 0, SignInFault::NotBegunHere),
        (cookie, "code=abc", 0, SignInFault::NotBegunHere),
        (cookie, "code=abc&state=", 0, SignInFault::NotBegunHere),
        (cookie, &query, SIGN_IN_MS, SignInFault::TooSlow),
        (cookie, &query, -1, SignInFault::TooSlow),
        (cookie, &format!("state={state}"), 0, SignInFault::Malformed),
        (cookie, &format!("{query}&code=def"), 0, SignInFault::Malformed),
        (cookie, &format!("{query}&iss=https://evil.example"), 0, SignInFault::OtherProvider),
        (
            cookie,
            &format!("error=access_denied&state={state}"),
            0,
            SignInFault::Refused { code: "access_denied".into() },
        ),
        (
            cookie,
            &format!("error=%3Cscript%3E&state={state}"),
            0,
            SignInFault::Refused { code: "for another reason".into() },
        ),
    ] {
        assert_eq!(back(cookie, query, later_ms).unwrap_err(), expected, "{query} {later_ms}");
    }
    let restarted = SignInKey::new([8; 32]).returned(ISSUER, cookie, &query, START_MS);
    assert_eq!(restarted.unwrap_err(), SignInFault::NotBegunHere);
}

#[test]
fn nobody_is_led_elsewhere() {
    for (asked, led) in [
        ("/console/#/rings/1?x=y", "/console/#/rings/1?x=y"),
        ("", "/console/"),
        ("https://evil.example/console/", "/console/"),
        ("//evil.example/console/", "/console/"),
        ("/console", "/console/"),
        ("/console/\\evil", "/console/"),
        ("/console/\r\nSet-Cookie: a=b", "/console/"),
        (&format!("/console/{}", "x".repeat(2_000)), "/console/"),
    ] {
        let (begun, sent) = begin(asked);
        let query = format!("code=abc&state={}", sent["state"]);
        assert_eq!(back(Some(begun.cookie.reveal()), &query, 1).unwrap().return_to, led, "{asked}");
    }
}

#[test]
fn a_code_for_an_id_token() {
    assert!(id_token_of(br#"{"access_token":"a","token_type":"Bearer","id_token":"x.y.z"}"#).unwrap().is("x.y.z"));
    for (body, hint) in [
        (r#"{"error":"invalid_client"}"#, "oidc.client_secret_file"),
        (r#"{"error":"invalid_grant","error_description":"hush"}"#, "sign in again"),
        (r#"{"access_token":"hush"}"#, "openid"),
        ("<html>hush", "cannot be read"),
    ] {
        let told = id_token_of(body.as_bytes()).unwrap_err();
        assert!(told.contains(hint) && !told.contains("hush"), "{told}");
    }
}

#[test]
fn discovery() {
    assert_eq!(discovery_url("https://a.example/x/"), "https://a.example/x/.well-known/openid-configuration");
    assert!(!provider().takes_secret_in_body);
    let read = |key: &str, value: Value| {
        let mut document = document();
        document[key] = value;
        Provider::read(document.to_string().as_bytes(), &settings())
    };
    assert!(read("token_endpoint_auth_methods_supported", json!(["client_secret_post"])).unwrap().takes_secret_in_body);
    for (key, value, hint) in [
        ("issuer", json!("https://login.example/"), "oidc.issuer"),
        ("token_endpoint", json!("http://login.example/token"), "https://"),
        ("code_challenge_methods_supported", json!(["plain"]), "S256"),
        ("response_types_supported", json!(["id_token"]), "code flow"),
        ("jwks_uri", json!(null), "cannot be read"),
    ] {
        assert!(read(key, value).unwrap_err().contains(hint), "{key}");
    }
}
