//! A service that is killed in the middle of a change of what scores ends up where one that was not killed does.

use fraudnet_tests::{Folder, Server, Settings};
use hyper::Method;
use serde_json::{Value, json};

/// Where it dies, and whether the change was durable by then.
const POINTS: [(&str, bool); 3] =
    [("before_control:1", false), ("after_control_durable:1", true), ("after_control_applied:1", true)];

fn changes() -> [(&'static str, &'static str, Value); 3] {
    [
        ("PUT", "/v1/lists/block/device/stolen-phone", json!({"reason": "taken in a burglary"})),
        (
            "POST",
            "/v1/experiments",
            json!({
                "name": "stricter",
                "arms": [{"name": "strict", "operating_points": {"challenge": 0.01, "review": 0.02, "decline": 0.5}}],
                "stages": [{"exposure": {"kind": "percent", "percent": 50.0}}],
            }),
        ),
        ("PUT", "/v1/models/aliases/champion", json!({"model": "trees-v2/2026.11.22-2", "reason": "a test"})),
    ]
}

/// What stands, as far as it can be seen from outside.
async fn standing(server: &Server) -> [Value; 3] {
    let listed = server.client.get("/v1/lists").await.json_of(200);
    let experiments = server.client.get("/v1/experiments").await.json_of(200);
    let models = server.client.get("/v1/models").await.json_of(200);
    // Times and positions differ from run to run.
    let names: Vec<Value> = experiments["experiments"]
        .as_array()
        .expect("a list of experiments")
        .iter()
        .map(|experiment| json!([experiment["name"], experiment["status"], experiment["stage"]]))
        .collect();
    let blocked: Vec<Value> = listed["entries"]
        .as_array()
        .expect("a list of entries")
        .iter()
        .map(|entry| json!([entry["list"], entry["kind"], entry["id"]]))
        .collect();
    let aliases: Vec<Value> = models["aliases"]
        .as_array()
        .expect("a list of aliases")
        .iter()
        .map(|alias| json!([alias["alias"], alias["model"], alias["actor"]]))
        .collect();
    [json!(blocked), json!(names), json!(aliases)]
}

async fn change(server: &Server, (method, path, body): &(&str, &str, Value)) -> Result<u16, String> {
    let method = method.parse::<Method>().expect("a method");
    let headers = [("content-type", "application/json"), ("X-Actor", "tester")];
    server.client.send(method, path, &headers, body.to_string()).await.map(|reply| {
        assert!(reply.status < 300 || reply.status == 409, "{path}: {}", reply.text());
        reply.status
    })
}

#[tokio::test]
async fn killed_at_any_step_of_a_change_the_end_is_the_same() {
    let folder = Folder::new("control-undisturbed");
    let settings = Settings::new(&folder).text("model.folder", "models/hybrid");
    let server = Server::start(&folder, &settings).await;
    for asked in &changes() {
        assert_eq!(change(&server, asked).await.map(|status| status < 300), Ok(true));
    }
    let expected = standing(&server).await;
    server.stop().await;

    for (point, durable) in POINTS {
        let folder = Folder::new("control-killed");
        let settings = Settings::new(&folder).text("model.folder", "models/hybrid");
        for asked in &changes() {
            let server = Server::start_with(&folder, &settings, &[("FRAUDNET_FAIL_AT", point)]).await;
            assert!(change(&server, asked).await.is_err(), "{point}: it did not die");
            server.ended().await;
            // Whoever asked heard nothing and asks again: done now, or told that it is done already.
            let server = Server::start(&folder, &settings).await;
            let status = change(&server, asked).await.expect("this one is not killed");
            if !durable {
                assert!(status < 300, "{point}: {} was not made before", asked.1);
            }
            server.kill().await;
        }
        let server = Server::start(&folder, &settings).await;
        assert_eq!(standing(&server).await, expected, "{point}");
        server.stop().await;
    }
}
