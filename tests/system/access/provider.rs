//! Signing in with a provider: one of our own on this machine, which signs with Ed25519.

use super::closed;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use data_encoding::BASE64URL_NOPAD;
use fraudnet_tests::{Admin, Client, Folder, Server};
use hyper::Method;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

struct Provider {
    issuer: String,
    key: Ed25519KeyPair,
    /// What the next ID token says, and the body that it was asked with.
    claims: Mutex<Value>,
    asked: Mutex<String>,
}

type Shared = State<Arc<Provider>>;

async fn discovery(State(provider): Shared) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    Json(json!({
        "issuer": provider.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "code_challenge_methods_supported": ["S256"],
    }))
}

async fn keys(State(provider): Shared) -> Json<Value> {
    let x = BASE64URL_NOPAD.encode(provider.key.public_key().as_ref());
    Json(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "alg": "EdDSA", "x": x }] }))
}

async fn token(State(provider): Shared, body: String) -> Json<Value> {
    *provider.asked.lock().unwrap() = body;
    let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let claims = provider.claims.lock().unwrap().clone();
    let signed = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": "k1" })), part(&claims));
    let signature = BASE64URL_NOPAD.encode(provider.key.sign(signed.as_bytes()).as_ref());
    Json(json!({ "id_token": format!("{signed}.{signature}"), "token_type": "Bearer" }))
}

impl Provider {
    async fn start() -> Arc<Provider> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let provider = Arc::new(Provider { issuer, key, claims: Mutex::default(), asked: Mutex::default() });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    /// Somebody sets out and comes back as the person whom `subject` names; the last answer.
    async fn sign_in(&self, client: &Client, subject: &str) -> fraudnet_tests::Reply {
        let path = "/v1/session/oidc?return=%2Fconsole%2F%23%2Fqueue";
        let begun = client.get(path).await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let to = url::Url::parse(begun.header("location")).unwrap();
        let query = |name: &str| to.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let now_s = fraudnet_scoring::clock::now_ms() / 1_000;
        *self.claims.lock().unwrap() = json!({
            "iss": self.issuer, "sub": subject, "aud": "console", "nonce": query("nonce"), "iat": now_s, "exp": now_s + 300,
            "email": format!("{subject}@bank.example"), "email_verified": true, "groups": ["fraud-desk"],
        });
        let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
        let back = format!("/v1/session/oidc/callback?code=abc&state={}", query("state"));
        client.send(Method::GET, &back, &[("cookie", &cookie)], "").await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_with_a_provider() {
    let folder = Folder::new("access-provider");
    let provider = Provider::start().await;
    // Its own address is part of what the provider knows.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = closed(&folder)
        .text("server.listen", &free.to_string())
        .text("access.public_url", &format!("http://{free}"))
        .text("oidc.issuer", &provider.issuer)
        .text("oidc.client_id", "console");
    let server = Server::start(&folder, &settings).await;
    let nobody = server.client.get("/v1/session").await.problem(401);
    assert_eq!(nobody["oidc"], true, "the console offers it");

    // Known to the provider, without a role here.
    let refused = provider.sign_in(&server.client, "ann").await;
    assert_eq!(refused.problem(403)["code"], "no_role");
    assert!(provider.asked.lock().unwrap().contains("code_verifier="), "the code's proof key");

    let admin = Admin::enter(&server, &folder).await;
    let rule = json!({ "who": { "group": "fraud-desk" }, "roles": ["analyst"], "tenant": "default" });
    let rule_id = admin.send(Method::POST, "/v1/access/people", &rule).await.json_of(201)["rule_id"].clone();
    let signed_in = provider.sign_in(&server.client, "ann").await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, "/console/#/queue"), "{}", signed_in.text());
    let cookies: Vec<&str> =
        signed_in.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("fraudnet=")).expect("the session's cookie");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("fraudnet-signin=;")), "{cookies:?}");
    let cookie = session.split(';').next().unwrap().to_owned();
    let ask = async || server.client.send(Method::GET, "/v1/session", &[("cookie", &cookie)], "").await.unwrap();
    let told = ask().await.json_of(200);
    assert_eq!((&told["name"], &told["roles"]), (&"ann@bank.example".into(), &json!(["analyst"])));

    // Roles that are taken are gone at once. A browser that began nothing is nobody.
    let path = format!("/v1/access/people/{}", rule_id.as_str().unwrap());
    assert_eq!(admin.send(Method::DELETE, &path, &json!({})).await.status, 204);
    assert_eq!(ask().await.problem(401)["code"], "session_ended");
    let forged = server.client.get("/v1/session/oidc/callback?code=abc&state=xyz").await.problem(401);
    assert!(forged["detail"].as_str().unwrap().contains("was not begun here"), "{forged}");
    let address: SocketAddr = free;
    assert_eq!(server.address, address);
    server.stop().await;
}
