//! What is refused, and in which words.

use super::closed;
use fraudnet_tests::{Admin, Folder, Server, payment};
use hyper::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_why_and_what_to_do() {
    let folder = Folder::new("access-refusals");
    let settings = closed(&folder).set("access.score_per_second", 1).set("access.score_burst", 3);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let admin = Admin::enter(&server, &folder).await;
    let score = "/v1/transactions:score";

    // Nobody, then somebody who is not known: each hears what to do, and never what they sent.
    let nobody = client.score(&payment("one")).await;
    let problem = nobody.problem(401);
    assert_eq!((&problem["code"], &problem["oidc"]), (&"no_credential".into(), &false.into()));
    assert_eq!(nobody.header("www-authenticate"), "Bearer realm=\"fraudnet\"");
    assert!(problem["detail"].as_str().unwrap().contains("Authorization: Bearer fn_"), "{problem}");
    let gateway = admin.make(&json!({ "name": "gateway", "roles": ["scorer"], "tenant": "bank" })).await;
    let text = gateway["token"].as_str().unwrap();
    let mistyped = format!("{}x", &text[..text.len() - 1]);
    for (token, code) in [(mistyped.as_str(), "mistyped_token"), ("fn_", "mistyped_token"), ("secret", "not_a_token")] {
        let reply = client.with_token(token).score(&payment("one")).await;
        let problem = reply.problem(401);
        assert_eq!((&problem["code"], reply.text().contains(&mistyped)), (&code.into(), false), "{problem}");
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
    }

    // A token does what its role does, at its tenant, under its name, and at its rate.
    let gateway_client = client.with_token(text);
    let verdict = gateway_client.verdict(&payment("one")).await;
    let other = gateway_client.post(score, &[("x-tenant", "shop")], &payment("two")).await;
    assert_eq!(other.problem(403)["code"], "other_tenant");
    let query = gateway_client.get("/v1/verdicts/one?tenant=shop").await.problem(403);
    assert_eq!(query["code"], "other_tenant", "a tenant in the query is looked at, too");
    assert_eq!(gateway_client.stored("one").await.json_of(200)["decision_id"], verdict["decision_id"]);
    let cases = gateway_client.get("/v1/reviews").await;
    assert_eq!(cases.problem(403)["code"], "needs_role");
    assert!(cases.header("www-authenticate").contains("insufficient_scope"));
    assert!(cases.problem(403)["detail"].as_str().unwrap().contains("analyst, lead, admin or auditor"));
    let named = gateway_client.post("/v1/labels", &[("x-actor", "somebody")], &json!({})).await;
    assert_eq!(named.status, 422, "a label has no actor");
    let mut throttled = None;
    for number in 0..5 {
        let reply = gateway_client.score(&payment(&format!("more-{number}"))).await;
        if reply.status != 200 {
            throttled = Some(reply);
            break;
        }
    }
    let throttled = throttled.expect("more than three at once");
    assert_eq!(throttled.problem(429)["code"], "throttled");
    assert!(throttled.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(gateway_client.stored("one").await.status, 200, "reading is counted apart");

    // Pages elsewhere: another name for this machine, another site's change in a session.
    let read = client.with_token(&admin.token("reader", &["auditor"]).await);
    let evil = read.send(Method::GET, "/v1/reviews", &[("host", "evil.example")], "").await.unwrap();
    assert_eq!(evil.problem(403)["code"], "foreign_host");
    let list = "/v1/access/tokens";
    for (headers, code) in [
        ([("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")], "cross_site"),
        ([("origin", &*format!("http://{}", server.address)), ("x-csrf-token", "guessed")], "no_csrf_token"),
    ] {
        let reply = admin.send_as_page(Method::POST, list, &headers, &json!({})).await;
        assert_eq!(reply.problem(403)["code"], code);
    }

    // In somebody else's name.
    let lead = client.with_token(&admin.token("lena", &["lead"]).await);
    let entry = json!({ "reason": "seen in a raid" });
    let forged = lead.put("/v1/lists/block/device/d1", &[("x-actor", "ann")], &entry).await;
    assert_eq!(forged.problem(403)["code"], "other_actor");
    lead.put("/v1/lists/block/device/d1", &[], &entry).await.json_of(200);
    let changes = read.get("/v1/changes").await.json_of(200);
    let newest = changes["changes"].as_array().unwrap().last().unwrap();
    assert_eq!((&newest["actor"], &newest["change"]["kind"]), (&"lena".into(), &"list".into()));
    let log = server.stop().await;
    assert!(!log.contains(text), "no token is in a log line");
}
