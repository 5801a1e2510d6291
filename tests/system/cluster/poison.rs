//! What cannot be taken goes to the dead letters with where it came from and why; nothing good is lost.

use super::{decided_once, envelope, event, key};
use fraudnet_tests::cluster::Site;
use fraudnet_tests::{label, payment, with};
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_poison_message_is_put_aside_and_nothing_else() {
    let Some(site) = Site::shared("poison").await else { return };
    let replica = site.start("a").await;
    let producer = site.topics.producer();
    let of = |kind: &str, id: &str| envelope(kind, &payment(id));
    let newer = with(of("payment", "newer"), "schema_version", 9_999);
    let poison: [(&str, Vec<u8>, &str); 13] = [
        ("transactions", b"this is not JSON".to_vec(), "malformed"),
        ("transactions", Vec::new(), "malformed"),
        ("transactions", b"\xff\xfe\x00".to_vec(), "malformed"),
        ("transactions", b"{}".to_vec(), "malformed"),
        ("transactions", with(of("payment", "field"), "colour", "red").to_string().into(), "malformed"),
        ("transactions", event(&with(payment("currency"), "currency", "euro")), "malformed"),
        ("transactions", event(&payment(&"long".repeat(200))), "malformed"),
        ("transactions", of("gossip", "gossip").to_string().into(), "malformed"),
        ("transactions", newer.to_string().into(), "unsupported_version"),
        ("transactions", envelope("label", &label("good-0", true)).to_string().into(), "wrong_type"),
        ("labels", of("payment", "misplaced").to_string().into(), "wrong_type"),
        ("labels", b"[1, 2".to_vec(), "malformed"),
        ("transactions", vec![b'x'; 2_000_000], "too_large"),
    ];
    let (mut ids, mut sent) = (BTreeSet::new(), BTreeMap::new());
    for (number, (topic, payload, reason)) in poison.iter().enumerate() {
        let good = payment(&format!("good-{number}"));
        producer.send("transactions", &key(&good), event(&good), &[]).await;
        ids.insert(format!("good-{number}"));
        let key = format!("poison-{number}");
        let offset = producer.send(topic, &key, payload, &[("mine", "kept"), ("ce_type", "theirs")]).await;
        sent.insert((site.topics.full(topic), offset.to_string()), (key, payload, *reason));
    }
    decided_once(&site, &ids).await;
    let letters = site.topics.until("dead-letters", poison.len()).await;
    assert_eq!(letters.len(), poison.len());
    for letter in &letters {
        let header = |name| letter.header(name).to_owned();
        let origin = (header("fraudnet-origin-topic"), header("fraudnet-origin-offset"));
        let (key, payload, reason) = sent.remove(&origin).unwrap_or_else(|| panic!("{origin:?} twice, or not sent"));
        assert_eq!((letter.key_text(), &letter.payload), (key, payload), "as it came");
        assert_eq!(header("fraudnet-reason"), reason, "{}", header("fraudnet-reason-text"));
        assert!(!header("fraudnet-reason-text").is_empty());
        assert_eq!((header("fraudnet-origin-partition"), header("mine")), ("0".to_owned(), "kept".to_owned()));
        assert_eq!(header("ce_type"), "fraudnet.dead-letter");
    }
    for (reason, count) in [("malformed", 9.0), ("wrong_type", 2.0), ("too_large", 1.0), ("unsupported_version", 1.0)] {
        let metric = format!("fraudnet_dead_letters_total{{reason=\"{reason}\"}}");
        assert_eq!(replica.metric(&metric).await, Some(count), "{metric}");
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_can_be_sent_again() {
    let Some(site) = Site::shared("redrive").await else { return };
    let replica = site.start("a").await;
    let producer = site.topics.producer();
    // A payment that was sent to the wrong topic stays wrong. One that was refused for its body is right once its id is another's.
    let (first, other) = (payment("one"), with(payment("one"), "amount_minor", 77));
    for body in [&first, &other] {
        producer.send("transactions", &key(body), event(body), &[("mine", "kept")]).await;
    }
    producer.send("labels", "misplaced", event(&payment("misplaced")), &[]).await;
    let letters = site.topics.until("dead-letters", 2).await;

    let listed = site.command(&["dead-letters", "list", "--reason", "conflicting_body"]).await;
    let (table, errors) = (String::from_utf8_lossy(&listed.stdout), String::from_utf8_lossy(&listed.stderr));
    assert!(listed.status.success(), "{errors}");
    assert!(table.contains("conflicting_body") && !table.contains("wrong_type"), "{table}");
    assert!(table.contains(&site.topics.full("transactions")), "{table}");

    let before = site.topics.messages("transactions").await.len();
    let dry = site.command(&["dead-letters", "redrive", "--all", "--dry-run"]).await;
    assert!(dry.status.success(), "{}", String::from_utf8_lossy(&dry.stderr));
    assert_eq!(site.topics.messages("transactions").await.len(), before, "a dry run sends nothing");
    let redriven = site.command(&["dead-letters", "redrive", "--reason", "conflicting_body"]).await;
    assert!(redriven.status.success(), "{}", String::from_utf8_lossy(&redriven.stderr));
    let again = site.topics.until("transactions", before + 1).await;
    let sent = again.last().unwrap();
    let letter = letters.iter().find(|letter| letter.header("fraudnet-reason") == "conflicting_body").unwrap();
    assert_eq!((&sent.payload, sent.key_text(), sent.header("mine")), (&letter.payload, letter.key_text(), "kept"));
    assert_eq!(again.len(), before + 1, "only what was asked for");
    // It is as wrong as it was, and comes back.
    assert_eq!(site.topics.until("dead-letters", 3).await.len(), 3);
    decided_once(&site, &["one".to_owned()].into()).await;
    assert_eq!(replica.metric("fraudnet_duplicate_verdicts_total").await.unwrap_or_default(), 0.0);
    replica.stop().await;
}
