//! Files as text, and what is said about them.

use super::*;
use crate::access::Role;

/// The file is per test, since tests run side by side.
fn read_text(name: &str, text: &str) -> Result<RawConfig, ConfigError> {
    let path = std::env::temp_dir().join(format!("fraudnet-config-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let read = read_with(Some(&path), Env::prefixed("FRAUDNET_TEST_NOTHING_"));
    std::fs::remove_file(&path).unwrap();
    read
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config.example.toml")
}

#[test]
fn the_defaults_pass() {
    let config = RawConfig::default().check().unwrap();
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.http.default_deadline.as_millis(), 100);
    assert_eq!(config.service.runtime.max_batch, config.service.max_batch);
    assert_eq!(config.telemetry.otlp_endpoint, None);
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let read = read_with(Some(&example()), Env::prefixed("FRAUDNET_TEST_NOTHING_")).unwrap();
    assert_eq!(read, RawConfig::default());
    let shown: toml::Table = std::fs::read_to_string(example()).unwrap().parse().unwrap();
    let all = toml::Table::try_from(RawConfig::default()).unwrap();
    for (section, keys) in &all {
        for key in keys.as_table().unwrap().keys() {
            assert!(
                shown.get(section).is_some_and(|keys| keys.get(key).is_some()),
                "{section}.{key} is missing in the example"
            );
        }
    }
}

#[test]
fn the_cluster_file_is_the_defaults_with_kafka_switched_on() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config.cluster.toml");
    let read = read_with(Some(&file), Env::prefixed("FRAUDNET_TEST_NOTHING_")).unwrap();
    let mut expected = RawConfig::default();
    expected.log.transport = "kafka".into();
    expected.redis.url = "redis://127.0.0.1:6379".into();
    assert_eq!(read, expected);
    assert!(read.check().unwrap().service.cluster.is_some());
    let shown: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
    let all = toml::Table::try_from(RawConfig::default()).unwrap();
    for section in ["kafka", "redis", "snapshot"] {
        for key in all[section].as_table().unwrap().keys() {
            assert!(shown[section].get(key).is_some(), "{section}.{key} is missing in the cluster's file");
        }
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (name, text, expected) in [
        ("a", "[server]\nlisen = \"x\"\n", "unknown key `server.lisen` in `"),
        ("b", "[sever]\nlisten = \"x\"\n", "unknown key `sever` in `"),
        ("c", "listen = 5\n", "unknown key `listen` in `"),
        ("d", "[graph]\nmax_edges = \"many\"\n", "`graph.max_edges` in `"),
        ("e", "[log]\ndurability = \"maybe\"\n", "must be one of fsync, os"),
        ("f", "[log\n", "is not TOML"),
        ("g", "[inference]\nworkers = -1\n", "`inference.workers` in `"),
    ] {
        let error = read_text(name, text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(error.contains(&format!("-{name}.toml")), "the file is named: {error}");
        assert!(!error.contains('\n') || name == "f", "{error}");
    }
    let missing = read_with(Some(Path::new("no/such/file.toml")), Env::prefixed("FRAUDNET_TEST_NOTHING_")).unwrap_err();
    assert!(missing.to_string().contains("`no/such/file.toml` cannot be read"), "{missing}");
}

#[test]
fn every_value_out_of_bounds_is_named() {
    let text = r#"
        [server]
        listen = "localhost"
        default_tenant = "a b"
        [log]
        folder = ""
        queue = 0
        [engine]
        queue = 0
        [inference]
        providers = ["gpu", "cpu", "cpu"]
        workers = 0
        queue = 0
        max_batch = 1000
        batch_wait_us = 2000000
        [model]
        folder = ""
        [graph]
        max_entities = 0
        max_edges = 0
        max_transactions = 0
        max_age_days = 0
        [deadline]
        default_ms = 0
        commit_reserve_ms = 70000
        [input]
        max_event_age_days = 0
        card_number_exempt = ["transaction_id"]
        [telemetry]
        otlp_endpoint = "collector:4317"
        log_format = "xml"
        log_filter = "info,=="
    "#;
    let Err(ConfigError::Invalid(faults)) = read_text("bounds", text).unwrap().check() else { panic!("accepted") };
    let mut keys: Vec<&str> = faults.iter().map(|fault| fault.key).collect();
    keys.dedup();
    assert_eq!(
        keys,
        [
            "server.listen",
            "server.default_tenant",
            "input.card_number_exempt",
            "input.max_event_age_days",
            "deadline.default_ms",
            "inference.max_batch",
            "deadline.commit_reserve_ms",
            "log.folder",
            "log.queue",
            "engine.queue",
            "inference.queue",
            "inference.workers",
            "inference.batch_wait_us",
            "graph.max_entities",
            "graph.max_edges",
            "graph.max_transactions",
            "graph.max_age_days",
            "model.folder",
            "inference.providers",
            "telemetry.otlp_endpoint",
            "telemetry.log_filter",
            "telemetry.log_format",
        ]
    );
}

#[test]
fn other_machines_are_let_in_only_on_purpose() {
    let with = |listen: &str, proxies: &[&str], anonymous: &[Role]| {
        let mut config = RawConfig::default();
        config.server.listen = listen.into();
        config.access.trusted_proxies = proxies.iter().map(|proxy| (*proxy).to_owned()).collect();
        config.access.anonymous = anonymous.to_vec();
        config.check()
    };
    assert!(with("127.0.0.1:0", &[], &[Role::Scorer]).is_ok() && with("[::1]:80", &[], &[]).is_ok());
    let error = with("127.0.0.1:0", &["127.0.0.1"], &[Role::Scorer]).unwrap_err().to_string();
    assert!(error.contains("access.anonymous must be empty"), "a proxy on this machine serves others: {error}");
    for open in ["0.0.0.0:8080", "[::]:8080", "192.168.0.5:80"] {
        let error = with(open, &[], &[]).unwrap_err().to_string();
        assert!(error.contains("server.listen") && error.contains("access.trusted_proxies"), "{error}");
        let behind = ["10.0.0.0/8"];
        assert!(!with(open, &behind, &[]).unwrap().http.is_loopback);
        let error = with(open, &behind, &[Role::Scorer]).unwrap_err().to_string();
        assert!(error.contains("access.anonymous must be empty"), "{error}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let set = |name: &str, value: &str| {
        // SAFETY: Rust's readers of the environment take the lock this takes, and no C code of these tests reads it.
        unsafe { std::env::set_var(format!("FRAUDNET_TESTENV_{name}"), value) };
    };
    set("SERVER__LISTEN", "127.0.0.1:2");
    set("INFERENCE__PROVIDERS", "[cpu]");
    set("ONNXRUNTIME", "/somewhere/lib.so");
    let path = std::env::temp_dir().join(format!("fraudnet-config-{}-environment.toml", std::process::id()));
    std::fs::write(&path, "[server]\nlisten = \"127.0.0.1:1\"\n[deadline]\ndefault_ms = 7\n").unwrap();
    let read = read_with(Some(&path), Env::prefixed("FRAUDNET_TESTENV_")).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((read.server.listen.as_str(), read.deadline.default_ms), ("127.0.0.1:2", 7));
    assert_eq!(read.inference.providers, ["cpu"]);
    set("SERVER__LISTN", "x");
    let error = read_with(None, Env::prefixed("FRAUDNET_TESTENV_")).unwrap_err().to_string();
    assert!(error.contains("unknown key `server.listn` in the environment"), "{error}");
}
