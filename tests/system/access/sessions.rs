//! The first admin, tokens that end, and sessions.

use super::closed;
use fraudnet_scoring::access::Secret;
use fraudnet_tests::{Admin, Folder, Server, run};
use hyper::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_lets_the_first_admin_in_once() {
    let folder = Folder::new("access-first");
    let settings = closed(&folder);
    let server = Server::start(&folder, &settings).await;
    let printed = server.printed_line("/console/#/login?once=").await;
    assert!(printed.starts_with(&format!("http://{}/console/#/login?once=fnonce_", server.address)), "{printed}");
    let secret = Secret::new(printed.rsplit_once("once=").unwrap().1.trim());
    let admin = Admin::enter_by(server.address, &secret).await;
    let again = server.client.post("/v1/session", &[], &json!({ "once": secret.reveal() })).await.problem(401);
    assert_eq!(again["code"], "link_spent");
    admin.token("root", &["admin"]).await;
    server.stop().await;

    // Somebody can give access now: no second link. Sessions end with the service; tokens and their revocation do not.
    let server = Server::start(&folder, &settings).await;
    assert_eq!(admin.again(&server).send(Method::GET, "/v1/session", &json!({})).await.status, 401);
    let config = folder.join("config.toml");
    let made = run(&["access", "link", "--config", config.to_str().unwrap(), "--name", "ops"]).await;
    let link = String::from_utf8(made.stdout).unwrap();
    let admin = Admin::enter_by(server.address, &Secret::new(link.rsplit_once("once=").unwrap().1.trim())).await;
    let told: Value = admin.send(Method::GET, "/v1/session", &json!({})).await.json_of(200);
    assert_eq!((&told["name"], &told["roles"]), (&"ops".into(), &json!(["admin"])));
    assert!(!server.printed().contains("once="), "{}", server.printed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_holds_no_more_nor_what_was_begun_with_it() {
    let folder = Folder::new("access-revoked");
    let server = Server::start(&folder, &closed(&folder)).await;
    let admin = Admin::enter(&server, &folder).await;
    let made = admin.make(&json!({ "name": "ann", "roles": ["analyst"], "tenant": "default" })).await;
    let (token, token_id) = (made["token"].as_str().unwrap(), made["token_id"].as_str().unwrap());
    let begun = server.client.post("/v1/session", &[], &json!({ "token": token })).await;
    assert!(
        begun.header("set-cookie").contains("; Path=/; HttpOnly; SameSite=Strict"),
        "{}",
        begun.header("set-cookie")
    );
    let session = begun.json_of(200);
    assert_eq!(
        (&session["name"], &session["tenant"], &session["one_tenant"]),
        (&"ann".into(), &"default".into(), &true.into())
    );
    let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
    let ask = async |path: &str| server.client.send(Method::GET, path, &[("cookie", &cookie)], "").await.unwrap();
    assert_eq!(ask("/v1/reviews").await.status, 200);
    assert_eq!(ask("/v1/changes").await.problem(403)["code"], "service_wide");

    let listed = admin.send(Method::GET, "/v1/access/tokens", &json!({})).await;
    assert!(listed.text().contains(token_id) && !listed.text().contains(token) && !listed.text().contains("digest"));
    let path = format!("/v1/access/tokens/{token_id}");
    assert_eq!(admin.send(Method::DELETE, &path, &json!({})).await.status, 204);
    assert_eq!(admin.send(Method::DELETE, &path, &json!({})).await.problem(409)["status"], 409);
    assert_eq!(ask("/v1/reviews").await.problem(401)["code"], "session_ended");
    let refused = server.client.with_token(token).get("/v1/reviews").await.problem(401);
    assert_eq!(refused["code"], "revoked");

    // An admin of one tenant gives nothing elsewhere.
    let local = admin.make(&json!({ "name": "local", "roles": ["admin"], "tenant": "bank" })).await;
    let local = server.client.with_token(local["token"].as_str().unwrap());
    let elsewhere = json!({ "name": "eve", "roles": ["lead"], "all_tenants": true });
    let refused = local.post("/v1/access/tokens", &[], &elsewhere).await.problem(409);
    assert!(refused["detail"].as_str().unwrap().contains("you manage one tenant's access"), "{refused}");
    let told = local.get("/v1/access/tokens").await.json_of(200);
    assert_eq!(told["tokens"].as_array().unwrap().len(), 1, "it sees its own alone: {told}");
    for bad in [json!({ "name": "x", "roles": ["scorer"] }), json!({ "name": "x", "roles": ["king"], "tenant": "a" })] {
        local.post("/v1/access/tokens", &[], &bad).await.problem(400);
    }
    server.stop().await;

    // The log remembers.
    let server = Server::start(&folder, &closed(&folder)).await;
    let refused = server.client.with_token(token).get("/v1/reviews").await.problem(401);
    assert_eq!(refused["code"], "revoked");
    server.stop().await;
}
