//! The commands besides `serve`.

use fraudnet_tests::{Folder, PATIENCE, program, repository, run};
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use tokio::process::Command;
use tokio::time::timeout;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_names_every_command() {
    let help = run(&["--help"]).await;
    assert!(help.status.success());
    for command in ["serve", "demo", "simulate", "replay", "config"] {
        assert!(out(&help).contains(command), "{}", out(&help));
        let help = run(&[command, "--help"]).await;
        assert!(help.status.success() && out(&help).contains("Usage: fraudnet "), "{command}: {}", out(&help));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulated_history_follows_from_its_seed() {
    let folder = Folder::new("simulate");
    let mut histories = Vec::new();
    for (name, seed) in [("one", "7"), ("same", "7"), ("other", "8")] {
        let path = folder.join(name);
        let options =
            ["--seed", seed, "--days", "10", "--accounts", "1000", "--payments-per-day", "1000", "--format", "json"];
        let output = run(&[&["simulate", "--out", path.to_str().unwrap()], &options[..]].concat()).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let history = std::fs::read_to_string(&path).unwrap();
        assert_eq!(report["events"], history.lines().count());
        assert!(report["frauds"].as_u64() > Some(0) && report["payments"].as_u64() > Some(8_000), "{report}");
        histories.push(history);
    }
    assert!(histories[0] == histories[1], "the same seed gives the same bytes");
    assert!(histories[0] != histories[2], "another seed gives others");
    for line in histories[0].lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let event = fraudnet_scoring::wire::decode_event(line["event"].to_string().as_bytes()).unwrap();
        // What is known to the simulator alone stands beside the event, never in it.
        assert!(!line["event"].to_string().contains("typology"), "{line}");
        assert_eq!(matches!(event.body, fraudnet_graph::Body::Payment(_)), !line["oracle"].is_null(), "{line}");
    }
}

/// As in `fraudnet config | head -n 1`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_has_heard_enough_ends_a_command_without_a_word() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::from(program());
    let config = command.arg("config").stdout(writer).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let output = timeout(PATIENCE, config.wait_with_output()).await.expect("it ends").unwrap();
    assert_eq!((output.status.signal(), String::from_utf8_lossy(&output.stderr)), (Some(libc::SIGPIPE), "".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_configuration_is_what_holds_without_one() {
    let printed = run(&["config"]).await;
    assert!(printed.status.success());
    let example = repository().join("deploy/config.example.toml");
    let defaults: toml::Table = toml::from_str(&out(&printed)).unwrap();
    assert_eq!(defaults, toml::from_str(&std::fs::read_to_string(&example).unwrap()).unwrap());
    let example = example.to_str().unwrap().to_owned();
    assert!(run(&["config", "check", &example]).await.status.success());
    assert_eq!(out(&run(&["config", "--config", &example]).await), out(&printed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_end_with_a_sentence_and_another_code_than_0() {
    let folder = Folder::new("mistakes");
    let bad = folder.join("bad.toml");
    std::fs::write(&bad, "[server]\nport = 80\n").unwrap();
    let (bad, nowhere) = (bad.to_str().unwrap(), folder.join("nowhere"));
    let nowhere = nowhere.to_str().unwrap();
    for (arguments, expected) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["serve", "--port", "80"], "unexpected argument"),
        (&["config", "check", bad], "unknown key `server.port`"),
        (&["config", "check", nowhere], "cannot be read"),
        (&["replay", nowhere], "there is no such file"),
        (&["simulate"], "give --out FILE"),
        (&["simulate", "--out", "/no/such/folder/file"], "cannot write to"),
        (&["simulate", "--check", "--fraud-share", "7"], "fraud"),
    ] {
        let output = run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
