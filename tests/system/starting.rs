//! Starts that are refused, each with a sentence that says what to do.

use fraudnet_tests::{Folder, Server, Settings, payment, serve_fails};
use std::fs;

/// A start must fail, and say so on one line that holds all of this.
async fn refused(folder: &Folder, settings: &Settings, expected: &[&str]) {
    let said = serve_fails(folder, settings).await;
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("fraudnet: "), "the last line is the reason: {said}");
    for text in expected {
        assert!(last.contains(text), "{text:?} is missing in {last}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_at_fault_is_named() {
    let folder = Folder::new("config");
    let settings = || Settings::new(&folder);
    refused(&folder, &settings().text("log.fodler", "data"), &["unknown key `log.fodler`", "config.toml", "folder"])
        .await;
    refused(&folder, &settings().text("looging.level", "info"), &["unknown key `looging`"]).await;
    refused(&folder, &settings().text("engine.queue", "many"), &["`engine.queue`", "must be"]).await;
    refused(
        &folder,
        &settings().set("engine.queue", 0).set("deadline.default_ms", 0),
        &["engine.queue is 0", "deadline.default_ms is 0"],
    )
    .await;
    refused(&folder, &settings().text("server.listen", "0.0.0.0:0"), &["server.listen", "access.trusted_proxies"])
        .await;
    assert!(!folder.join("data").exists(), "nothing was touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_at_fault_is_refused() {
    let folder = Folder::new("model");
    let model = folder.copy_model();
    let settings = Settings::new(&folder).text("model.folder", &model.to_string_lossy());
    let network = model.join("model.onnx");
    let whole = fs::read(&network).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&network, &damaged).unwrap();
    refused(&folder, &settings, &["the model in", "`model.onnx` has sha256", "copy the model again"]).await;
    fs::write(&network, &whole[..middle]).unwrap();
    refused(&folder, &settings, &["`model.onnx` has", "the manifest says"]).await;
    fs::remove_file(&network).unwrap();
    refused(&folder, &settings, &["no file `model.onnx`"]).await;
    fs::write(&network, &whole).unwrap();

    fs::write(model.join("extra.bin"), b"weights from elsewhere").unwrap();
    refused(&folder, &settings, &["`extra.bin`", "does not list it"]).await;
    fs::remove_file(model.join("extra.bin")).unwrap();

    let manifest = fs::read_to_string(model.join("manifest.json")).unwrap();
    let fingerprint = fraudnet_features::schema::fingerprint();
    assert!(manifest.contains(fingerprint));
    let other = manifest.replace(fingerprint, &fingerprint.chars().rev().collect::<String>());
    fs::write(model.join("manifest.json"), other).unwrap();
    refused(&folder, &settings, &["feature schema", fingerprint, "retrain"]).await;
    fs::write(model.join("manifest.json"), manifest.replacen("{", "{\"surprise\": 1,", 1)).unwrap();
    refused(&folder, &settings, &["`manifest.json` cannot be read"]).await;

    fs::write(model.join("manifest.json"), manifest).unwrap();
    Server::start(&folder, &settings).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gpu_that_is_required_and_missing_is_told() {
    let folder = Folder::new("gpu");
    let settings = Settings::new(&folder).set("inference.require_gpu", true);
    refused(&folder, &settings, &["require_gpu is set but no gpu provider can be used", "require_gpu = false"]).await;
    // Preferred but not required, it is passed over with a log line.
    let settings = Settings::new(&folder).set("inference.providers", r#"["cuda", "cpu"]"#);
    let server = Server::start(&folder, &settings).await;
    server.client.verdict(&payment("one")).await;
    let logged = server.stop().await;
    assert_eq!(logged.lines().filter(|line| line.to_lowercase().contains("cuda")).count(), 1, "{logged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_log_has_one_service() {
    let folder = Folder::new("one-log");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    let verdict = server.client.score(&payment("one")).await;
    refused(&folder, &settings, &["log.redb is in use by another process"]).await;
    assert_eq!(server.client.stored("one").await.body, verdict.body, "the first one goes on");
    // A port in use.
    let taken = Settings::new(&folder).text("server.listen", &server.address.to_string());
    refused(&folder, &taken, &["cannot listen on", "server.listen"]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_is_told_and_left_alone() {
    let folder = Folder::new("damaged-log");
    let settings = Settings::new(&folder);
    let server = Server::start(&folder, &settings).await;
    for number in 0..50 {
        server.client.verdict(&payment(&number.to_string())).await;
    }
    server.stop().await;
    let file = folder.join("data").join("log.redb");
    let whole = fs::read(&file).unwrap();
    // Wherever a payment's text stands, another letter.
    let mut damaged = whole.clone();
    let text = b"account-25\",";
    for at in 0..damaged.len() - text.len() {
        if &damaged[at..at + text.len()] == text {
            damaged[at] = b'X';
        }
    }
    assert_ne!(damaged, whole);
    fs::write(&file, &damaged).unwrap();
    refused(&folder, &settings, &["log.redb is damaged", "restore the data folder from a copy"]).await;
    fs::write(&file, b"this is no log").unwrap();
    refused(&folder, &settings, &["log.redb is damaged"]).await;
    fs::write(&file, &whole).unwrap();
    let server = Server::start(&folder, &settings).await;
    assert_eq!(server.client.stored("25").await.status, 200);
    server.stop().await;
}
