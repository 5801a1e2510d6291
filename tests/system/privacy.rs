//! People under pseudonyms, as a bank and its data protection officer meet them: nobody stands anywhere in clear, and who is erased is a
//! stranger from then on, while every proof goes on holding.

use fraudnet_scoring::clock;
use fraudnet_tests::{Admin, Client, Folder, PATIENCE, Reply, Server, Settings, payment, run, serve_fails, with};
use hyper::Method;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const ANNA: &str = "clear-anna-81";
const BERT: &str = "clear-bert-82";
const CARL: &str = "clear-carl-83";
const THIEF: &str = "clear-thief-84";
const PHONE: &str = "clear-phone-17";
const OTHER_PHONE: &str = "clear-phone-18";
const ADDRESS: &str = "198.51.100.177";
const IDENTIFIERS: [&str; 7] = [ANNA, BERT, CARL, THIEF, PHONE, OTHER_PHONE, ADDRESS];

fn settings(folder: &Folder) -> Settings {
    Settings::new(folder)
        .set("privacy.pseudonyms", true)
        .text("privacy.folder", &folder.join("vault").to_string_lossy())
        .text("privacy.master_key", &folder.join("master-key").to_string_lossy())
        .set("audit.head_seconds", 1)
}

fn paid(id: &str, account: &str, device: &str) -> Value {
    with(with(with(payment(id), "account", account), "device", device), "ip", ADDRESS)
}

/// Everything that the service answered, to be searched.
#[derive(Default)]
struct Heard(Vec<u8>);

impl Heard {
    fn hear(&mut self, reply: Reply) -> Reply {
        self.0.extend_from_slice(&reply.body);
        self.0.extend(format!("{:?}", reply.headers).into_bytes());
        reply
    }
}

fn assert_nobody(what: &str, bytes: &[u8]) {
    for id in IDENTIFIERS {
        let found = bytes.windows(id.len()).position(|window| window == id.as_bytes());
        let around = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())]));
        assert!(found.is_none(), "{id} is in {what}: …{}…", around.unwrap_or_default());
    }
}

/// Every byte of every file in a folder and the folders in it.
fn search(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files += search(&entry.path());
        } else {
            assert_nobody(&entry.path().to_string_lossy(), &fs::read(entry.path()).unwrap());
            files += 1;
        }
    }
    files
}

async fn payments(client: &Client, kind: &str, id: &str) -> Vec<Value> {
    let reply = client.get(&format!("/v1/entities/{kind}/{id}/payments")).await.json_of(200);
    reply["payments"].as_array().unwrap().clone()
}

/// The pseudonym that the newest payment of an account has.
async fn pseudonym(client: &Client, account: &str) -> String {
    let known = async {
        loop {
            if let Some(payment) = payments(client, "account", account).await.first() {
                return payment["account"].as_str().unwrap().to_owned();
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, known).await.expect("the follower sees the payment")
}

async fn reveal(client: &Client, pseudonym: &str) -> Reply {
    client.post("/v1/privacy/reveal", &[], &json!({ "pseudonym": pseudonym, "reason": "a test" })).await
}

/// A client that may erase.
async fn officer(server: &Server, folder: &Folder) -> (Client, String) {
    let token = Admin::enter(server, folder).await.token("officer", &["admin"]).await;
    (server.client.with_token(&token), token)
}

fn whom(kind: &str, ids: &[&str]) -> Value {
    let people: Vec<Value> = ids.iter().map(|id| json!({ "kind": kind, "id": id })).collect();
    json!({ "people": people, "reason": "request 7" })
}

/// What a command printed, and whether it succeeded.
async fn command(arguments: &[&str]) -> (bool, String) {
    let output = run(arguments).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_stands_anywhere_in_clear_and_the_graph_works() {
    let folder = Folder::new("privacy-clear");
    let settings = settings(&folder);
    let server = Server::start(&folder, &settings).await;
    let (client, mut heard) = (&server.client, Heard::default());
    let first = with(paid("tx-1", ANNA, PHONE), "counterparty_account", BERT);
    let scored = heard.hear(client.score(&first).await);
    let verdict = scored.json_of(200);
    let again = heard.hear(client.score(&first).await);
    assert_eq!((again.status, &again.body), (200, &scored.body), "byte for byte");
    assert_eq!(again.header("idempotent-replayed"), "true");
    heard.hear(client.score(&with(first.clone(), "amount_minor", 7)).await).problem(422);

    // Another account over the same phone sees the first one, as it would in clear.
    let second = heard.hear(client.score(&paid("tx-2", CARL, PHONE)).await).json_of(200);
    assert!(second["subgraph"]["hops"][2].as_u64() > Some(0), "{second}");
    assert_ne!(verdict["subgraph_digest"], second["subgraph_digest"]);
    let anna = pseudonym(client, ANNA).await;
    assert!(anna.starts_with("p_") && anna.len() == 28, "{anna}");
    for id in [PHONE, &pseudonym_of_phone(client).await] {
        let graph = heard.hear(client.get(&format!("/v1/entities/device/{id}/subgraph")).await).json_of(200);
        let nodes: Vec<&str> =
            graph["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
        assert!(nodes.contains(&anna.as_str()) && nodes.contains(&"shop"), "{nodes:?}");
    }
    heard.hear(client.get("/v1/entities/device/never-seen/subgraph").await).problem(404);
    assert_eq!(payments(client, "account", "never-seen").await, Vec::<Value>::new());
    // The receiving side is the same account as a paying one would be.
    heard.hear(client.score(&paid("tx-3", BERT, OTHER_PHONE)).await).json_of(200);
    assert_eq!(payments(client, "account", &pseudonym(client, BERT).await).await.len(), 2);

    // Blocked before their first payment, by what the bank calls them.
    let reason = json!({ "reason": "a test" });
    let path = format!("/v1/lists/block/account/{THIEF}");
    heard.hear(client.put(&path, &[], &reason).await).json_of(200);
    let declined = heard.hear(client.score(&paid("tx-4", THIEF, OTHER_PHONE)).await).json_of(200);
    assert_eq!(declined["decision"], "decline", "{declined}");
    let shown = heard.hear(client.get(&path).await).json_of(200);
    assert_eq!(shown["id"], pseudonym(client, THIEF).await);
    heard.hear(client.get("/v1/lists/block/account/never-seen").await).problem(404);
    heard.hear(client.send(Method::DELETE, "/v1/lists/block/account/never-seen", &[], "").await.unwrap()).problem(409);
    heard.hear(client.put(&format!("/v1/lists/watch/account/{CARL}"), &[], &reason).await).json_of(200);
    heard.hear(client.score(&paid("tx-5", CARL, PHONE)).await).json_of(200);
    let cases = async {
        loop {
            let found = client.get(&format!("/v1/reviews?text={CARL}")).await.json_of(200);
            if found["cases"].as_array().is_some_and(|cases| cases.len() == 1) {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let cases = timeout(PATIENCE, cases).await.expect("an account in clear finds its case");
    assert_eq!(cases["cases"][0]["account"], pseudonym(client, CARL).await);
    heard.hear(client.get("/v1/reviews").await);
    let path = format!("/v1/lists/block/account/{THIEF}");
    heard.hear(client.send(Method::DELETE, &path, &[], "").await.unwrap()).json_of(200);

    // What is no identifier of anybody is refused and written nowhere.
    let as_pseudonym = heard.hear(client.score(&with(paid("tx-6", ANNA, PHONE), "device", anna.as_str())).await);
    assert_eq!(as_pseudonym.problem(422)["errors"][0]["field"], "device");
    let rule = |when: &str| {
        let rule = json!({ "id": "r", "code": "R", "text": "a rule", "when": when, "then": "review" });
        json!({ "version": "v1", "rules": [rule] })
    };
    let refused = heard.hear(client.post("/v1/policies", &[], &rule("ip.startsWith('10.')")).await).problem(422);
    assert!(refused["errors"][0]["reason"].as_str().unwrap().contains("put the identifier on a list"), "{refused}");
    heard.hear(client.post("/v1/policies", &[], &rule("account == counterparty")).await).json_of(200);

    for path in [
        "/v1/verdicts/tx-1",
        "/v1/verdicts/tx-5/explanation",
        "/v1/verdicts/tx-5/subgraph",
        "/v1/changes",
        "/v1/lists",
        "/v1/rings",
        "/v1/privacy",
        "/v1/training/stream",
        "/readyz",
        "/metrics",
    ] {
        heard.hear(client.get(path).await);
    }
    assert!(heard.0.len() > 10_000);
    assert_nobody("the answers", &heard.0);
    // A restart knows everybody again.
    let logged = server.stop().await;
    assert_nobody("the log lines", logged.as_bytes());
    assert!(search(&folder.join("data")) >= 2, "the log and its audit tree");
    assert!(search(&folder.join("vault")) >= 1);
    assert_eq!(fs::metadata(folder.join("master-key")).unwrap().permissions().mode() & 0o777, 0o600);
    let server = Server::start(&folder, &settings).await;
    assert_eq!(server.client.score(&first).await.body, scored.body);
    assert_eq!(pseudonym(&server.client, ANNA).await, anna);
    assert_nobody("the log lines", server.stop().await.as_bytes());
}

async fn pseudonym_of_phone(client: &Client) -> String {
    payments(client, "account", ANNA).await[0]["device"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_is_a_stranger_and_every_proof_holds() {
    let folder = Folder::new("privacy-erase");
    let settings = settings(&folder);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let (officer, token) = officer(&server, &folder).await;
    for number in 0..5 {
        client.verdict(&paid(&format!("anna-{number}"), ANNA, PHONE)).await;
    }
    client.verdict(&paid("bert-0", BERT, OTHER_PHONE)).await;
    let (anna, bert) = (pseudonym(client, ANNA).await, pseudonym(client, BERT).await);
    let url = format!("http://{}", server.address);
    let proof = async {
        loop {
            let (good, printed) = command(&["audit", "proof", "anna-0", "--url", &url]).await;
            if good {
                return printed;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    let proof = timeout(PATIENCE, proof).await.expect("a head comes every second");

    // Told of, on record.
    let told = reveal(client, &anna).await;
    assert_eq!(told.header("cache-control"), "no-store");
    let told = told.json_of(200);
    assert_eq!((&told["kind"], &told["id"]), (&"account".into(), &ANNA.into()));
    let other = [("content-type", "application/json"), ("x-tenant", "other")];
    let body = json!({ "pseudonym": anna, "reason": "a test" }).to_string();
    client.send(Method::POST, "/v1/privacy/reveal", &other, body).await.unwrap().problem(404);
    client.post("/v1/privacy/reveal", &[], &json!({ "pseudonym": ANNA, "reason": "a test" })).await.problem(422);
    client.post("/v1/privacy/reveal", &[], &json!({ "pseudonym": anna, "reason": " " })).await.problem(422);

    // Who may not, may not; who is listed is not erased by mistake.
    let erasures = "/v1/privacy/erasures";
    client.post(erasures, &[], &whom("account", &[ANNA])).await.problem(403);
    client.put(&format!("/v1/lists/block/account/{BERT}"), &[], &json!({ "reason": "a test" })).await.json_of(200);
    let refused = officer.post(erasures, &[], &whom("account", &[ANNA, BERT])).await.problem(409);
    assert_eq!(refused["code"], "listed", "{refused}");
    officer.post(erasures, &[], &whom("account", &["never-seen"])).await.problem(404);
    officer.post(erasures, &[], &whom("merchant", &["shop"])).await.problem(422);
    assert_eq!(client.get("/v1/privacy").await.json_of(200)["erasures"], json!([]));

    // By the command, as the officer does it.
    let token_file = folder.join("token");
    fs::write(&token_file, &token).unwrap();
    fs::set_permissions(&token_file, fs::Permissions::from_mode(0o600)).unwrap();
    let remote = ["--url", &url, "--token-file", token_file.to_str().unwrap()];
    let erase =
        ["privacy", "erase", "--account", ANNA, "--device", PHONE, "--device", "never-seen", "--reason", "request 7"];
    let (good, said) = command(&[&erase[..], &remote].concat()).await;
    assert!(
        good && said.contains("erased 2 identifiers") && said.contains("not known here: device never-seen"),
        "{said}"
    );
    let problem = reveal(client, &anna).await.problem(410);
    assert_eq!(problem["code"], "erased");
    assert_eq!(payments(client, "account", ANNA).await, Vec::<Value>::new(), "nobody is called so");
    assert_eq!(payments(client, "account", &anna).await.len(), 5, "what the stranger did stays");
    officer.post(erasures, &[], &whom("account", &[ANNA])).await.problem(404);
    officer.post(erasures, &[], &whom("account", &[&anna])).await.problem(404);

    // Sent again they are not put back; paying anew they are a stranger.
    let repeated = client.score(&paid("anna-0", ANNA, PHONE)).await.problem(422);
    assert_eq!(repeated["type"], "urn:fraudnet:problem:conflicting-body");
    assert_eq!(payments(client, "account", ANNA).await, Vec::<Value>::new());
    client.stored("anna-0").await.json_of(200);
    client.verdict(&paid("anna-new", ANNA, PHONE)).await;
    let stranger = pseudonym(client, ANNA).await;
    assert_ne!(stranger, anna);
    assert_eq!(payments(client, "account", ANNA).await.len(), 1);
    assert_eq!(reveal(client, &stranger).await.json_of(200)["id"], ANNA);
    let status = client.get("/v1/privacy").await.json_of(200);
    assert_eq!(
        (&status["erasures"][0]["identifiers"], &status["erasures"][0]["actor"]),
        (&2.into(), &"officer".into())
    );
    assert!(status["erasures"][0]["done_at"].is_string() && status["revealed"] == 2, "{status}");
    let (good, said) = command(&[&["privacy", "status"], &remote[..]].concat()).await;
    assert!(good && said.contains("request 7 (ordered by officer"), "{said}");
    // Meant, who is listed goes too.
    let meant = with(whom("account", &[BERT]), "even_if_listed", true);
    assert_eq!(officer.post(erasures, &[], &meant).await.json_of(200)["erased"], 1);
    reveal(client, &bert).await.problem(410);

    let logged = server.stop().await;
    assert_nobody("the log lines", logged.as_bytes());
    search(&folder.join("data"));
    let (data, keys, file) = (folder.join("data"), folder.join("data/audit"), folder.join("proof.json"));
    fs::write(&file, &proof).unwrap();
    let (good, said) = command(&["audit", "verify", data.to_str().unwrap()]).await;
    assert!(good && said.contains("are what was signed"), "{said}");
    let (good, said) = command(&["audit", "check", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()]).await;
    assert!(good && said.contains(&anna), "a proof from before the erasure: {said}");

    // Another master key, and everybody is who they were.
    let before = fs::read(folder.join("master-key")).unwrap();
    let config = settings.write(folder.path());
    let (good, said) = command(&["privacy", "rotate", "--config", config.to_str().unwrap()]).await;
    assert!(good && said.contains("another master key seals"), "{said}");
    assert_ne!(fs::read(folder.join("master-key")).unwrap(), before);
    let server = Server::start(&folder, &settings).await;
    assert_eq!(reveal(&server.client, &stranger).await.json_of(200)["id"], ANNA);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_was_ordered_is_carried_out_whatever_happens() {
    let folder = Folder::new("privacy-killed");
    let settings = settings(&folder);
    let mut erased = Vec::new();
    // Killed between the order and the vault, and between the vault and the log's word that it is done.
    for (point, account) in [("erasure_ordered:1", ANNA), ("erasure_dropped:1", BERT)] {
        let server = Server::start_with(&folder, &settings, &[("FRAUDNET_FAIL_AT", point)]).await;
        let (officer, _) = officer(&server, &folder).await;
        server.client.verdict(&paid(&format!("{account}-tx").replace("clear-", ""), account, PHONE)).await;
        erased.push(pseudonym(&server.client, account).await);
        assert_eq!(reveal(&server.client, &erased[erased.len() - 1]).await.status, 200);
        let headers = [("content-type", "application/json")];
        let body = whom("account", &[account]).to_string();
        let died = officer.send(Method::POST, "/v1/privacy/erasures", &headers, body).await;
        assert!(died.is_err(), "{point}: it did not die");
        server.ended().await;
        let server = Server::start(&folder, &settings).await;
        reveal(&server.client, &erased[erased.len() - 1]).await.problem(410);
        let status = server.client.get("/v1/privacy").await.json_of(200);
        let orders = status["erasures"].as_array().unwrap();
        assert!(orders.len() == erased.len() && orders.iter().all(|order| order["done_at"].is_string()), "{status}");
        server.kill().await;
    }

    // Somebody puts an older vault back.
    let vault = folder.join("vault/vault");
    let server = Server::start(&folder, &settings).await;
    server.client.verdict(&paid("carl-tx", CARL, OTHER_PHONE)).await;
    let carl = pseudonym(&server.client, CARL).await;
    let older = fs::read(&vault).unwrap();
    let (officer, _) = officer(&server, &folder).await;
    officer.post("/v1/privacy/erasures", &[], &whom("account", &[CARL])).await.json_of(200);
    server.stop().await;
    fs::write(&vault, older).unwrap();
    let server = Server::start(&folder, &settings).await;
    reveal(&server.client, &carl).await.problem(410);
    assert_eq!(payments(&server.client, "account", CARL).await, Vec::<Value>::new());
    let logged = server.stop().await;
    assert!(logged.contains("an older vault that was put back"), "{logged}");
    assert_nobody("the log lines", logged.as_bytes());
    search(&folder.join("data"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_would_break_the_promise_is_refused() {
    let folder = Folder::new("privacy-refused");
    let settings = settings(&folder);
    let refused = async |settings: &Settings, told: &str| {
        let said = serve_fails(&folder, settings).await;
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("fraudnet: ") && last.contains(told), "{told:?} is missing in {said}");
        assert!(!said.contains("panicked"), "{said}");
    };
    let cluster = settings.clone().text("log.transport", "kafka").text("redis.url", "redis://127.0.0.1:1");
    refused(&cluster, "in a cluster the topics hold identifiers").await;
    refused(&settings.clone().text("privacy.master_key", ""), "privacy.master_key must name a file").await;
    assert!(!folder.join("data").exists(), "nothing was touched");

    let server = Server::start(&folder, &settings).await;
    server.client.verdict(&paid("tx-1", ANNA, PHONE)).await;
    server.stop().await;
    refused(&settings.clone().set("privacy.pseudonyms", false), "holds pseudonyms: set privacy.pseudonyms = true")
        .await;
    let key = folder.join("master-key");
    let right = fs::read(&key).unwrap();
    fs::write(&key, "00".repeat(32)).unwrap();
    refused(&settings, "is not the key of the vault").await;
    fs::remove_file(&key).unwrap();
    refused(&settings, "is missing; put it back").await;
    assert!(!key.exists(), "none is made");
    fs::write(&key, &right).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&settings, "chmod 600").await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(folder.join("vault"), folder.join("elsewhere")).unwrap();
    refused(&settings, "put it back from a backup").await;
    fs::remove_dir_all(folder.join("vault")).unwrap();
    fs::rename(folder.join("elsewhere"), folder.join("vault")).unwrap();
    let server = Server::start(&folder, &settings).await;
    assert_eq!(reveal(&server.client, &pseudonym(&server.client, ANNA).await).await.json_of(200)["id"], ANNA);
    server.stop().await;

    // What is in the log in clear stays there.
    let folder = Folder::new("privacy-late");
    let off = Settings::new(&folder);
    let server = Server::start(&folder, &off).await;
    let path = format!("/v1/lists/block/account/{THIEF}");
    server.client.put(&path, &[], &json!({ "reason": "a test" })).await.json_of(200);
    assert_eq!(server.client.get("/v1/privacy").await.json_of(200)["pseudonyms"], false);
    let problem = reveal(&server.client, "p_aaaaaaaaaaaaaaaaaaaaaaaaaa").await.problem(409);
    assert_eq!(problem["code"], "pseudonyms_off");
    server.stop().await;
    let on = self::settings(&folder);
    let said = serve_fails(&folder, &on).await;
    assert!(said.contains("holds payments, lists or policies from before") && !folder.join("vault").exists(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_named_as_it_is_loaded() {
    let folder = Folder::new("privacy-history");
    let settings = settings(&folder);
    let (config, history) = (settings.write(folder.path()), folder.join("history.jsonl"));
    let (config, history) = (config.to_str().unwrap(), history.to_str().unwrap());
    let start = fraudnet_scoring::wire::format_timestamp(clock::now_ms() - 6 * 86_400_000);
    let world = ["--start", &start, "--days", "4", "--accounts", "200", "--payments-per-day", "200"];
    let (good, said) = command(&[&["simulate", "--out", history, "--seed", "3"], &world[..]].concat()).await;
    assert!(good, "{said}");
    let lines = fs::read_to_string(history).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bodies: Vec<&Value> = events
        .iter()
        .map(|line| &line["event"])
        .filter(|event| event["type"] == "payment")
        .map(|event| &event["body"])
        .collect();
    for _ in 0..2 {
        let (good, said) = command(&["replay", "--config", config, "--history", history]).await;
        assert!(good, "{said}");
    }
    let server = Server::start(&folder, &settings).await;
    let account = bodies[bodies.len() - 1]["account"].as_str().unwrap();
    let shown = server.client.get(&format!("/v1/entities/account/{account}/subgraph")).await.json_of(200);
    assert!(shown["nodes"][0]["id"].as_str().unwrap().starts_with("p_"), "{shown}");
    let repeated = bodies.iter().find(|body| body["merchant"].is_string()).unwrap();
    assert_eq!(server.client.score(repeated).await.problem(409)["type"], "urn:fraudnet:problem:known-from-history");
    server.stop().await;
    for entry in fs::read_dir(folder.join("data")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            for id in ["account", "device", "ip"].iter().filter_map(|field| repeated[*field].as_str()).chain([account])
            {
                assert!(
                    !bytes.windows(id.len()).any(|window| window == id.as_bytes()),
                    "{id} is in {:?}",
                    entry.path()
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_vault_takes_nobody_new_and_serves_whom_it_knows() {
    let folder = Folder::new("privacy-full");
    // An account, its phone and its address.
    let server = Server::start(&folder, &settings(&folder).set("privacy.max_people", 3)).await;
    server.client.verdict(&paid("tx-1", ANNA, PHONE)).await;
    let refused = server.client.score(&paid("tx-2", BERT, PHONE)).await;
    assert_eq!(refused.problem(503)["type"], "urn:fraudnet:problem:overloaded");
    assert_eq!(refused.header("retry-after"), "60");
    server.client.verdict(&paid("tx-3", ANNA, PHONE)).await;
    server.client.stored("tx-2").await.problem(404);
    assert_eq!(server.client.get("/v1/privacy").await.json_of(200)["people"], 3);
    assert_nobody("the log lines", server.stop().await.as_bytes());
}
