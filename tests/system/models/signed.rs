//! Signatures and four eyes: each refusal with its sentence, and what serves stays.

use super::{SET, Shelf, assert_serves, constant, done, fails, set, version};
use fraudnet_models::artifact::{MANIFEST_FILE, TREES_FILE};
use fraudnet_models::{ManifestSignature, SIGNATURE_FILE, Scorer, SecretKey, name_champion, registry};
use fraudnet_tests::{Folder, Server, serve_fails};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Keys in a folder of the test: alice's and bob's are trusted, mallory's is not.
fn keys(folder: &Folder) -> [SecretKey; 3] {
    let (secret, trusted) = (folder.join("secret"), folder.join("trusted"));
    fs::create_dir_all(&secret).unwrap();
    fs::create_dir_all(&trusted).unwrap();
    ["alice", "bob", "mallory"].map(|name| {
        let key = SecretKey::generate(name).unwrap();
        let public = key.write(&secret.join(name)).unwrap();
        if name != "mallory" {
            fs::rename(public, trusted.join(format!("{name}.pub"))).unwrap();
        }
        key
    })
}

/// A version signed by `key` whose manifest says something else than it should, as no builder would write it.
fn spoil_manifest(folder: &Path, key: &SecretKey, change: impl FnOnce(&mut Value)) {
    let path = folder.join(MANIFEST_FILE);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
    fs::write(folder.join(SIGNATURE_FILE), ManifestSignature::of(&bytes, key).to_bytes()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_signed_whole_and_wanted_by_two_people_serves() {
    let folder = Folder::new("signed-models");
    let shelf = Shelf::new(&folder);
    let [alice, bob, mallory] = keys(&folder);
    let trees = Scorer::Trees { features: SET };
    for (name, logit) in [("tampered", 1.0), ("schema", 2.0), ("golden", 3.0), ("stranger", 4.0), ("forged", 5.0)] {
        shelf.put(version("bad", name, trees, logit));
    }
    registry::sign(&shelf.folder("main/1"), &bob).unwrap();
    registry::sign(&shelf.folder("main/2"), &alice).unwrap();
    // main/3 stays unsigned.
    registry::sign(&shelf.folder("bad/tampered"), &alice).unwrap();
    let file = shelf.folder("bad/tampered").join(TREES_FILE);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    spoil_manifest(&shelf.folder("bad/schema"), &alice, |manifest| manifest["feature_fingerprint"] = "0123".into());
    let other = version("bad", "golden", trees, 9.0);
    fs::remove_dir_all(shelf.folder("bad/golden")).unwrap();
    shelf.put(other.file(TREES_FILE, constant(3.0).to_onnx("bad")).signed_by(&alice));
    registry::sign(&shelf.folder("bad/stranger"), &mallory).unwrap();
    let manifest = fs::read(shelf.folder("bad/forged").join(MANIFEST_FILE)).unwrap();
    let forged = ManifestSignature { key: "alice".to_owned(), ..ManifestSignature::of(&manifest, &mallory) };
    fs::write(shelf.folder("bad/forged").join(SIGNATURE_FILE), forged.to_bytes()).unwrap();

    let settings = shelf
        .settings(&folder)
        .text("control.trusted_keys", &folder.join("trusted").to_string_lossy())
        .set("control.require_signature", true)
        .set("control.four_eyes", true);
    let server = Server::start(&folder, &settings).await;
    let client = &server.client;
    let url = format!("http://{}", server.address);
    let (alice_key, bob_key) = (folder.join("secret/alice"), folder.join("secret/bob"));
    let (alice_key, bob_key) = (alice_key.to_str().unwrap(), bob_key.to_str().unwrap());
    let promote = |model: &'static str, key: &str| {
        let arguments: Vec<String> =
            ["promote", model, "--reason", "a test", "--url", &url, "--key", key].map(str::to_owned).into();
        arguments
    };
    for (model, expected) in [
        ("main/3", "main/3 cannot be champion: the model is not signed and only signed ones are taken here"),
        ("bad/stranger", "signed by `mallory`, which is not among the trusted keys (alice, bob)"),
        ("bad/forged", "the signature of `alice` does not hold for `manifest.json`"),
        ("bad/tampered", "`trees.onnx` has sha256"),
        ("bad/schema", "the model reads feature schema 0123, this build computes"),
        ("bad/golden", "golden vector 0: logit is 3, expected 9"),
        ("bad/gone", "there is no bad/gone in the registry"),
    ] {
        let arguments = promote(model, bob_key);
        let told = fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(told.contains(expected), "{model}: expected `{expected}` in `{told}`");
        assert_serves(client, model, "main/1", -1.0).await;
    }
    // Four eyes: whoever signed it cannot also have it serve.
    let arguments = promote("main/2", alice_key);
    let told = fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(told.contains("main/2 was signed by alice, and its author cannot also make it champion"), "{told}");
    assert_serves(client, "own promotion", "main/1", -1.0).await;
    // A request that nobody signed, and one signed by somebody who is not trusted.
    let body = json!({ "model": "main/2", "reason": "please" });
    let problem = set(client, "champion", &body).await.problem(403);
    assert!(problem["detail"].as_str().unwrap().contains("changes must be signed here"), "{problem}");
    let mallory_key = folder.join("secret/mallory");
    let arguments = promote("main/2", mallory_key.to_str().unwrap());
    let told = fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(told.contains("`mallory` is not among the trusted keys (alice, bob)"), "{told}");
    // The author may propose; another one decides.
    let told = done(&["challenge", "main/2", "--reason", "mine", "--url", &url, "--key", alice_key]).await;
    assert!(told.contains("challenger  main/2"), "{told}");
    let arguments = promote("main/2", bob_key);
    done(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_serves(client, "approved", "main/2", -2.0).await;

    let listed = client.get("/v1/models").await.json_of(200);
    let refused: Vec<&str> =
        listed["refusals"].as_array().unwrap().iter().map(|refusal| refusal["model"].as_str().unwrap()).collect();
    for model in ["main/3", "bad/stranger", "bad/forged", "bad/tampered", "bad/schema", "bad/golden"] {
        assert!(refused.contains(&model), "{model} is missing in {refused:?}");
    }
    let second = listed["models"].as_array().unwrap().iter().find(|told| told["model"] == "main/2").unwrap();
    assert_eq!((&second["author"], &second["verified"]), (&json!("alice"), &json!(true)), "{second}");

    // Published by command: signed on the way in, known to the service, nothing else serves.
    let made = folder.join("made");
    version("main", "4", trees, -4.0).write(&made).unwrap();
    let root = shelf.root.to_str().unwrap();
    let trusted = folder.join("trusted");
    let place = ["--registry", root, "--trusted-keys", trusted.to_str().unwrap(), "--require-signature"];
    let publish = [&["publish", made.to_str().unwrap()], &place[..]].concat();
    let told = fails(&publish).await;
    assert!(told.contains("was not published: the model is not signed"), "{told}");
    assert!(!shelf.folder("main/4").exists());
    let told = done(&[&publish[..], &["--url", &url, "--key", alice_key]].concat()).await;
    assert!(told.contains("good  main/4  signed by alice") && told.contains("the service knows it"), "{told}");
    assert_serves(client, "published", "main/2", -2.0).await;
    let told = fails(&[&publish[..], &["--key", alice_key]].concat()).await;
    assert!(told.contains("published versions never change"), "{told}");
    server.stop().await;

    // A service is not started on what it would not promote.
    name_champion(&shelf.root.join("main"), "3").unwrap();
    let told = serve_fails(&Folder::new("unsigned-start"), &settings).await;
    assert!(told.contains("the model is not signed"), "{told}");
}
