//! A registry looked after by commands alone.

use super::{Shelf, done, fails, models};
use fraudnet_models::artifact::TREES_FILE;
use fraudnet_tests::Folder;
use serde_json::{Value, json};
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_is_looked_after_without_a_service() {
    let folder = Folder::new("registry");
    let shelf = Shelf::new(&folder);
    let root = shelf.root.to_str().unwrap();
    let listed = done(&["list", "--registry", root]).await;
    for expected in ["foreign/1  custom", "main/1     trees_v2", "(champion file)", "0.500"] {
        assert!(listed.contains(expected), "{expected}: {listed}");
    }
    let told = done(&["verify", "--registry", root]).await;
    assert!(told.contains("good  main/3  not signed  1 golden vectors") && told.contains("4 of 4 good"), "{told}");
    let key = folder.join("carol");
    let told = done(&["keygen", "--out", key.to_str().unwrap()]).await;
    assert!(told.contains("signer  carol"), "{told}");
    assert!(fails(&["keygen", "--out", key.to_str().unwrap()]).await.contains("a key is never written over"));
    done(&["sign", "main/2", "--key", key.to_str().unwrap(), "--registry", root]).await;
    let told = fails(&["sign", "main/7", "--key", key.to_str().unwrap(), "--registry", root]).await;
    assert!(told.contains("there is no main/7"), "{told}");
    let place = ["--registry", root, "--trusted-keys", folder.path().to_str().unwrap(), "--format", "json"];
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let shown = json(done(&[&["show", "main/2"], &place[..]].concat()).await);
    assert_eq!((&shown["author"], &shown["manifest"]["version"]), (&json!("carol"), &json!("2")), "{shown}");
    assert!(done(&["show", "main/2", "--registry", root]).await.contains("carol, who is not trusted here"));

    let file = shelf.folder("main/3").join(TREES_FILE);
    fs::write(&file, b"nothing").unwrap();
    let output = models(&[&["verify"], &place[..]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let told = json(String::from_utf8(output.stdout).unwrap());
    assert_eq!((&told["good"], &told["bad"]), (&json!(3), &json!(1)), "{told}");
    let bad = told["models"].as_array().unwrap().iter().find(|proof| proof["ok"] == false).unwrap();
    assert!(bad["error"].as_str().unwrap().contains("`trees.onnx` has 7 bytes"), "{bad}");
    assert!(done(&["list", "--registry", root]).await.contains("bad: `trees.onnx` has 7 bytes"));
    assert!(fails(&["list", "--registry", "/nowhere"]).await.contains("is no folder of models"));
}
