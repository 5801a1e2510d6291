//! What is said at the start where Redis cannot be used.

use super::server::RedisServer;
use super::{config, runtime};
use crate::shared::{SharedConfig, SharedError, SharedStore};
use std::net::TcpListener;

fn refused(config: &SharedConfig) -> SharedError {
    let runtime = runtime();
    SharedStore::connect(config, runtime.handle()).err().expect("it must not connect")
}

#[test]
fn an_address_nobody_answers_at() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(&config(&format!("redis://someone:secret@127.0.0.1:{port}")));
    assert!(matches!(error, SharedError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("redis.url: no answer from Redis at 127.0.0.1:{port}: ")), "{text}");
    assert!(!text.contains("secret"));

    // Takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = refused(&config(&format!("redis://{}", silent.local_addr().unwrap())));
    assert!(error.to_string().contains("no answer within 1000 ms"), "{error}");
}

#[test]
fn urls_and_prefixes_that_are_none() {
    for url in ["", "127.0.0.1:6379", "http://secret@127.0.0.1", "rediss://:secret@127.0.0.1", "redis://:secret@"] {
        let error = config(url).check().expect_err(url);
        assert!(matches!(error, SharedError::Url { .. }), "{url}: {error}");
        assert!(error.to_string().starts_with("redis.url: ") && !error.to_string().contains("secret"), "{error}");
    }
    let braces = SharedConfig { key_prefix: "a{b}".to_owned(), ..config("redis://127.0.0.1") };
    assert!(matches!(braces.check(), Err(SharedError::Prefix { .. })));
    assert!(config("redis://user:secret@127.0.0.1:6379/3").check().is_ok());
    assert!(!format!("{:?}", config("redis://user:secret@127.0.0.1:6379")).contains("secret"));
}

#[test]
fn a_wrong_password_and_a_missing_one() {
    let Some(server) = RedisServer::start(&["--requirepass", "right"]) else { return };
    let with_wrong = server.url().replace("redis://", "redis://:secret@");
    for url in [server.url(), with_wrong] {
        let error = refused(&config(&url));
        assert!(matches!(error, SharedError::Credentials { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("redis.url: ") && !text.contains("secret"), "{text}");
        assert!(text.contains("WRONGPASS") || text.contains("NOAUTH"), "what Redis said: {text}");
    }
    let runtime = runtime();
    let with_right = server.url().replace("redis://", "redis://:right@");
    assert!(SharedStore::connect(&config(&with_right), runtime.handle()).is_ok());
}

#[test]
fn a_user_who_may_not_do_what_is_needed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let as_user = server.url().replace("redis://", "redis://scorer:secret@");
    let cases: [(&[&str], &str); 4] = [
        (&["+ping", "+get", "~fraudnet:*"], "SET fraudnet:tx:"),
        (&["+ping", "+get", "+set", "~other:*"], "SET fraudnet:tx:"),
        (&["+ping", "+get", "+set", "~fraudnet:tx:*"], "SET fraudnet:verdict:"),
        (&["+ping", "+set", "~fraudnet:*"], "GET fraudnet:tx:"),
    ];
    for (rules, command) in cases {
        server.command(&[&["ACL", "SETUSER", "scorer", "reset", "on", ">secret"], rules].concat());
        let text = refused(&config(&as_user)).to_string();
        assert!(text.contains(&format!("does not allow {command}")), "{text}");
        assert!(
            text.starts_with("redis.url: ") && text.contains("ACL SETUSER scorer") && !text.contains("secret"),
            "{text}"
        );
    }
    // What the message advises is enough.
    server.command(&["ACL", "SETUSER", "scorer", "reset", "on", ">secret", "+ping", "+get", "+set", "~fraudnet:*"]);
    let runtime = runtime();
    let store = SharedStore::connect(&config(&as_user), runtime.handle()).unwrap();
    assert_eq!(runtime.block_on(store.claim("bank", "1", [1; 32])), Ok(crate::shared::Claim::Won));
}

#[test]
fn a_redis_that_takes_no_writes() {
    let Some(server) = RedisServer::start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]) else { return };
    let error = refused(&config(&server.url()));
    assert!(matches!(error, SharedError::Unusable { .. }) && error.to_string().contains("OOM"), "{error}");
}
