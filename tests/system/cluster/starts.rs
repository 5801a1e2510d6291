//! Starts that are refused, each with a sentence that names the setting; and the same said by `fraudnet topics check`.

use fraudnet_tests::cluster::{SASL_PASSWORD, SASL_USER, Site, free_port, shared};
use fraudnet_tests::{Folder, Settings, serve_fails};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use std::process::Output;

/// A start must fail, and its last line must hold all of this.
async fn refused(settings: &Settings, expected: &[&str]) {
    let folder = Folder::new("cluster-refused");
    let said = serve_fails(&folder, settings).await;
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("fraudnet: "), "the last line is the reason: {said}");
    for text in expected {
        assert!(last.contains(text), "{text:?} is missing in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_are_not_as_they_must_be_are_named() {
    let Some(shared) = shared() else { return };
    let site = Site::without_topics("starts", &shared.kafka.bootstrap(), &shared.redis.url());
    let (transactions, labels) = (site.topics.full("transactions"), site.topics.full("labels"));
    refused(&site.settings("a"), &[&transactions, "fraudnet topics create"]).await;
    let checked = site.command(&["topics", "check"]).await;
    assert_eq!(checked.status.code(), Some(1), "{}", said(&checked));
    assert!(said(&checked).contains(&transactions), "{}", said(&checked));

    let made = [NewTopic::new(&transactions, 3, TopicReplication::Fixed(1))];
    site.topics.admin().create_topics(&made, &AdminOptions::new()).await.unwrap();
    // The other topics come to be; that one is not touched.
    let created = site.command(&["topics", "create"]).await;
    assert!(said(&created).contains(&labels), "{}", said(&created));
    refused(&site.settings("a"), &[&transactions, "3 partitions"]).await;
    let checked = site.command(&["topics", "check", "--format", "json"]).await;
    assert_eq!(checked.status.code(), Some(1));
    serde_json::from_slice::<serde_json::Value>(&checked.stdout).expect("JSON was asked for");
    assert!(said(&checked).contains("3 partitions"), "{}", said(&checked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_cannot_be_used_is_told() {
    let Some(shared) = shared() else { return };
    let site = Site::at("credentials", &shared.kafka.bootstrap(), &shared.redis.url()).await;
    let nobody = format!("127.0.0.1:{}", free_port());
    refused(&site.settings("a").text("kafka.brokers", &nobody), &["kafka.brokers", &nobody]).await;

    let sasl = |password: &str| {
        site.settings("a")
            .text("kafka.brokers", &shared.kafka.sasl_bootstrap())
            .text("kafka.security_protocol", "sasl_plaintext")
            .text("kafka.sasl_mechanism", "PLAIN")
            .text("kafka.username", SASL_USER)
            .text("kafka.password", password)
    };
    refused(&sasl("wrong-word"), &["kafka.username"]).await;
    // With the right one, all of it works.
    let replica = fraudnet_tests::cluster::Replica::start(&site.replica_folder("a"), &sasl(SASL_PASSWORD)).await;
    replica.client.verdict(&fraudnet_tests::payment("one")).await;
    replica.stop().await;
    // Wrong settings are found before anything is tried.
    refused(&site.settings("a").text("log.transport", "pigeon"), &["log.transport"]).await;
    refused(&site.settings("a").text("kafka.security_protocol", "none"), &["kafka.security_protocol"]).await;
    refused(&site.settings("a").text("redis.url", ""), &["redis.url"]).await;
    refused(&site.settings("a").set("kafka.session_timeout_ms", 10), &["kafka.session_timeout_ms"]).await;
}
