//! What a cluster is made of, and what happens where a part is missing.

use crate::folder::repository;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where the parts are.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The Java program.
    pub java: PathBuf,
    /// The folder of Kafka's jars.
    pub kafka: PathBuf,
    /// The Redis server.
    pub redis: PathBuf,
}

/// The parts of a cluster. `None` where one is missing, which is said on standard error: the caller then skips its test.
///
/// `FRAUDNET_KAFKA` names another folder of jars than `.deps/kafka`.
///
/// # Panics
/// With what is missing, where the environment holds `CI` or `FRAUDNET_REQUIRE_CLUSTER`: there a skipped test would be a lie.
pub fn cluster_parts() -> Option<&'static Parts> {
    static PARTS: OnceLock<Result<Parts, String>> = OnceLock::new();
    match PARTS.get_or_init(find) {
        Ok(parts) => Some(parts),
        Err(missing) => {
            let required = ["CI", "FRAUDNET_REQUIRE_CLUSTER"].into_iter().find(|name| std::env::var_os(name).is_some());
            if let Some(required) = required {
                panic!("{required} is set, but {missing}; run `make setup`");
            }
            let test = std::thread::current().name().unwrap_or("a test of the cluster").to_owned();
            // Not `eprintln!`: what a passing test prints that way is never shown. Where standard error is closed nobody can be told.
            // One write, so that tests that run side by side do not mix their words.
            let line = format!("SKIPPED: {test}: {missing}; run `make setup` to have it run\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            None
        }
    }
}

fn find() -> Result<Parts, String> {
    let kafka = std::env::var_os("FRAUDNET_KAFKA").map_or_else(|| repository().join(".deps/kafka"), PathBuf::from);
    let jars = std::fs::read_dir(&kafka).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.file_name()));
    if !jars.into_iter().any(|name| name.to_string_lossy().starts_with("kafka_2.13-")) {
        return Err(format!("Kafka's jars are not in {}", kafka.display()));
    }
    let program = |name: &str| program(name).ok_or_else(|| format!("`{name}` is not installed"));
    Ok(Parts { java: program("java")?, kafka, redis: program("redis-server")? })
}

/// The first program of that name in `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| Path::is_file(path))
}
