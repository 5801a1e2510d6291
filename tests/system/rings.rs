//! Rings as an investigator meets them: accounts on one phone, found as soon as enough of them are reported, with their open cases.

use fraudnet_tests::{Client, Folder, PATIENCE, Server, Settings, label, payment, with};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn paid(id: &str, account: &str, device: &str) -> Value {
    with(with(payment(id), "account", account), "device", device)
}

async fn rings(client: &Client) -> Vec<Value> {
    let listed = client.get("/v1/rings").await.json_of(200);
    listed["rings"].as_array().expect("a list of rings").clone()
}

fn ids(ring: &Value, kind: &str) -> Vec<String> {
    let members = ring["members"].as_array().expect("a list of members");
    let mut ids: Vec<String> = members
        .iter()
        .filter(|member| member["kind"] == kind)
        .map(|member| member["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_on_a_reported_phone_are_a_ring_with_its_open_cases() {
    let folder = Folder::new("rings");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    for number in 0..4 {
        client.verdict(&paid(&format!("gang-{number}"), &format!("gang-{number}"), "the-phone")).await;
    }
    client.verdict(&paid("honest", "honest", "own-phone")).await;
    assert_eq!(rings(client).await, [] as [Value; 0], "a shared phone alone is no ring");
    for number in 0..3 {
        client.label(&label(&format!("gang-{number}"), true)).await;
    }
    let found = rings(client).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["accounts"], &found[0]["devices"], &found[0]["reported"]), (&4.into(), &1.into(), &3.into()));
    let path = format!("/v1/rings/{}", found[0]["ring_id"].as_str().unwrap());
    let ring = client.get(&path).await.json_of(200);
    assert_eq!(ids(&ring, "account"), ["gang-0", "gang-1", "gang-2", "gang-3"]);
    assert_eq!(ids(&ring, "device"), ["the-phone"]);
    assert_eq!(ring["growth"].as_array().unwrap().iter().map(|day| day["accounts"].as_u64().unwrap()).sum::<u64>(), 4);
    let (nodes, links) = (ring["nodes"].as_array().unwrap(), ring["links"].as_array().unwrap());
    assert!(
        links
            .iter()
            .all(|link| [&link["from"], &link["to"]].iter().all(|end| end.as_u64().unwrap() < nodes.len() as u64))
    );

    // A member with a held payment has an open case, which the ring shows.
    let listed = json!({ "reason": "a test" });
    client.put("/v1/lists/watch/account/gang-3", &[("x-actor", "anna")], &listed).await.json_of(200);
    assert_eq!(client.verdict(&paid("held", "gang-3", "the-phone")).await["decision"], "review");
    let shown = async {
        loop {
            let ring = client.get(&path).await.json_of(200);
            if ring["open_cases"] == 1 {
                return ring;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let ring = timeout(PATIENCE, shown).await.expect("the case is shown with the ring");
    let member = ring["members"].as_array().unwrap().iter().find(|member| member["id"] == "gang-3").unwrap();
    let case =
        client.get(&format!("/v1/reviews/{}", member["open_case"]["case_id"].as_str().unwrap())).await.json_of(200);
    assert_eq!((&case["account"], &case["version"]), (&"gang-3".into(), &member["open_case"]["version"]));

    // Nobody else's, and the same after a restart.
    let other = client.send(hyper::Method::GET, "/v1/rings", &[("x-tenant", "other")], String::new()).await.unwrap();
    assert_eq!(other.json_of(200)["rings"], json!([]));
    client.get("/v1/rings/nobody").await.problem(404);
    client.get("/v1/rings?limit=0").await.problem(400);
    server.stop().await;
    let server = Server::start(&folder, &settings).await;
    let again = server.client.get(&path).await.json_of(200);
    assert_eq!((&again["members"], &again["payments"]), (&ring["members"], &ring["payments"]));
    server.stop().await;
}
