//! A payment has one verdict, whichever way it comes and however often.

use super::{decided_once, envelope, event, key, pair, subject};
use fraudnet_scoring::clock::now_ms;
use fraudnet_scoring::wire::{format_timestamp, parse_timestamp};
use fraudnet_tests::cluster::Site;
use fraudnet_tests::{label, payment, with};
use serde_json::json;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SCORE: &str = "/v1/transactions:score";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_and_stream_lead_to_the_same_topics() {
    let Some(site) = Site::shared("paths").await else { return };
    let start = |name| site.start_with(name, |settings| settings.set("training.example_share", 1.0));
    let (a, b) = tokio::join!(start("a"), start("b"));
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let reply = a.client.post(SCORE, &[("traceparent", &parent)], &payment("asked")).await;
    let asked = reply.json_of(200);
    let streamed = payment("streamed");
    let producer = site.topics.producer();
    let offset = producer.send("transactions", &key(&streamed), event(&streamed), &[("traceparent", &parent)]).await;

    // The verdicts, as any client reads them.
    let verdicts = decided_once(&site, &["asked", "streamed"].map(str::to_owned).into()).await;
    assert_eq!(verdicts["asked"], reply.body, "the reply is what stands in the topic");
    for replica in [&a, &b] {
        for (id, bytes) in &verdicts {
            replica.reaches("every verdict", async || replica.client.stored(id).await.status == 200).await;
            assert_eq!(replica.client.stored(id).await.body, bytes);
        }
    }
    let transactions = site.topics.messages("transactions").await;
    assert_eq!(transactions.iter().map(|message| message.offset).collect::<Vec<_>>(), [0, offset]);
    assert_eq!(transactions[0].key_text(), "default/account-asked");
    assert_eq!(transactions[0].header("ce_type"), "fraudnet.payment");
    assert_eq!(transactions[0].header("fraudnet-body-hash").len(), 64);
    assert_eq!(transactions[0].json()["body"]["transaction_id"], "asked");
    let told = site.topics.messages("verdicts").await;
    for (number, message) in told.iter().enumerate() {
        let (id, body) = (subject(message), message.json());
        assert_eq!(message.key_text(), format!("default/{id}"));
        for (name, value) in [
            ("ce_specversion", "1.0"),
            ("ce_type", "fraudnet.verdict"),
            ("ce_tenant", "default"),
            ("content-type", "application/json"),
            ("fraudnet-transaction-offset", &number.to_string()),
        ] {
            assert_eq!(message.header(name), value, "{name} of the verdict on {id}");
        }
        assert!(!message.header("ce_id").is_empty() && !message.header("ce_source").is_empty());
        assert!(parse_timestamp(message.header("ce_time")).is_some_and(|at| (at - now_ms()).abs() < 600_000));
        let trace = message.header("traceparent");
        assert!(trace.starts_with(&format!("00-{TRACE}-")), "the verdict on {id} belongs to trace {trace}");
        assert_eq!(body["as_of"]["cut"]["transactions"], number, "{body}");
        assert_eq!(body["as_of"]["cut"]["labels"], 0, "{body}");
    }
    // With a share of 1 every payment makes an example.
    let examples = site.topics.messages("training-examples").await;
    assert_eq!(examples.iter().map(subject).collect::<Vec<_>>(), ["asked", "streamed"]);
    assert_eq!(examples[0].key_text(), "default/asked");
    let example = fraudnet_scoring::example::decode(&examples[0].payload).unwrap();
    assert_eq!(example.head.transaction_id, "asked");
    assert_eq!(asked["subgraph_digest"], example.head.subgraph_digest);

    // Labels over both paths; a later verdict was made after both.
    b.client.label(&label("asked", true)).await;
    let other = envelope("label", &label("streamed", false)).to_string();
    producer.send("labels", "default/streamed", other, &[]).await;
    let labels = site.topics.messages("labels").await;
    assert_eq!(
        labels.iter().map(|message| message.key_text()).collect::<Vec<_>>(),
        ["default/asked", "default/streamed"]
    );
    assert_eq!(labels[0].header("ce_type"), "fraudnet.label");
    a.reaches("all labels", async || a.metric("fraudnet_kafka_position{topic=\"labels\"}").await == Some(2.0)).await;
    let later = a.client.verdict(&payment("later")).await;
    assert_eq!(later["as_of"]["cut"]["labels"], 2, "{later}");
    // An outcome needs no verdict, and is passed by the group's offsets like everything else.
    let outcome = envelope("outcome", &serde_json::json!({ "transaction_id": "asked", "status": "authorised" }));
    let last = producer.send("transactions", "default/account-asked", outcome.to_string(), &[]).await;
    a.reaches("all offsets committed", async || site.topics.group_offsets(&site.group) == [Some(last + 1), Some(2)])
        .await;
    assert_eq!(site.topics.messages("dead-letters").await, []);
    tokio::join!(a.stop(), b.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_payment_again_has_the_same_verdict() {
    let Some(site) = Site::shared("again").await else { return };
    let [owner, standby] = pair(&site).await;
    let producer = site.topics.producer();
    let timed = |id: &str| with(payment(id), "occurred_at", format_timestamp(now_ms() - 60_000));
    // First over HTTP, with and without a time, then on the stream and over HTTP everywhere.
    let first = timed("first");
    let untimed = payment("untimed");
    let replies = [(&first, standby.client.score(&first).await), (&untimed, standby.client.score(&untimed).await)];
    for (body, reply) in &replies {
        let verdict = reply.json_of(200);
        assert_eq!(reply.header("idempotent-replayed"), "");
        let mut same = (*body).clone();
        if same.get("occurred_at").is_none() {
            // A stream cannot leave the time out.
            same = with(same, "occurred_at", verdict["as_of"]["time"].clone());
        }
        producer.send("transactions", &key(&same), event(&same), &[]).await;
        for replica in [&owner, &standby] {
            let again = replica.client.score(body).await;
            assert_eq!((again.status, &again.body), (200, &reply.body));
            assert_eq!(again.header("idempotent-replayed"), "true");
        }
    }
    // First on the stream, twice, then over HTTP.
    let streamed = timed("streamed");
    for _ in 0..2 {
        producer.send("transactions", &key(&streamed), event(&streamed), &[]).await;
    }
    let verdicts = site.topics.until("verdicts", 3).await;
    for replica in [&owner, &standby] {
        let reply = replica.client.score(&streamed).await;
        assert_eq!((reply.status, reply.body.as_ref()), (200, &verdicts[2].payload[..]), "{}", reply.text());
    }
    // Another body under a used id: refused here, a dead letter there.
    for (body, replica) in [(&first, &owner), (&streamed, &standby)] {
        let other = with(body.clone(), "amount_minor", 1);
        assert_eq!(replica.client.score(&other).await.problem(422)["type"], "urn:fraudnet:problem:conflicting-body");
        let offset = producer.send("transactions", &key(&other), event(&other), &[("mine", "kept")]).await;
        let letters = site.topics.until("dead-letters", 1).await;
        let letter = letters.last().unwrap();
        if body == &first {
            assert_eq!(letter.payload, event_of(&site, offset).await);
            assert_eq!(letter.header("fraudnet-reason"), "conflicting_body");
            assert_eq!(letter.header("fraudnet-origin-offset"), offset.to_string());
            assert_eq!(letter.header("mine"), "kept");
        }
    }
    assert_eq!(site.topics.until("dead-letters", 2).await.len(), 2);

    // Everybody at once, everywhere, with two bodies: one of them wins.
    let race = timed("race");
    let mut callers = JoinSet::new();
    for number in 0..16 {
        let client = if number % 2 == 0 { owner.client.clone() } else { standby.client.clone() };
        let body = with(race.clone(), "amount_minor", 100 + number / 8);
        callers.spawn(async move { client.score(&body).await });
    }
    let replies = callers.join_all().await;
    let won: BTreeSet<_> = replies.iter().filter(|reply| reply.status == 200).map(|reply| reply.body.clone()).collect();
    assert_eq!(won.len(), 1, "one verdict for all who are answered");
    // Who asked the same as the winner beside one who did not may have been refused in its stead; nobody was told another verdict.
    assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| reply.problem(422)["status"] == 422));
    for replica in [&owner, &standby] {
        let mut again = Vec::new();
        for amount in [100, 101] {
            let reply = replica.client.score(&with(race.clone(), "amount_minor", amount)).await;
            again.push((reply.status, reply.status != 200 || won.contains(&reply.body)));
        }
        again.sort();
        assert_eq!(again, [(200, true), (422, true)], "the winner is the same for ever");
    }
    let ids = ["first", "untimed", "streamed", "race"].map(str::to_owned).into();
    let verdicts = decided_once(&site, &ids).await;
    assert_eq!(verdicts["race"], won.first().unwrap().as_ref());
    tokio::join!(owner.stop(), standby.stop());
}

async fn event_of(site: &Site, offset: i64) -> Vec<u8> {
    let messages = site.topics.messages("transactions").await;
    messages.into_iter().find(|message| message.offset == offset).expect("it was acknowledged").payload
}

/// A ring on one device that is reported again and again comes close to the line between held and refused; sooner or later one is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_held_for_review_opens_one_case() {
    let Some(site) = Site::shared("reviews").await else { return };
    let replica = site.start("a").await;
    let mut ids = BTreeSet::new();
    let mut held = None;
    for number in 0..200 {
        let id = format!("ring-{number}");
        let body = with(with(payment(&id), "device", "shared"), "ip", "shared");
        let verdict = replica.client.verdict(&with(body, "amount_minor", 300 + number * 997 % 20_000)).await;
        ids.insert(id.clone());
        if verdict["decision"] == "review" {
            held = Some(verdict);
            break;
        }
        if number % 3 == 0 {
            replica.client.label(&label(&id, true)).await;
        }
    }
    let verdict = held.expect("one of 200 is held");
    decided_once(&site, &ids).await;
    let reviews = site.topics.until("reviews", 1).await;
    let (review, id) = (reviews[0].json(), verdict["transaction_id"].as_str().unwrap());
    assert_eq!((subject(&reviews[0]).as_str(), reviews[0].key_text()), (id, format!("default/{id}")));
    assert_eq!(reviews[0].header("ce_type"), "fraudnet.review");
    let told = &review["change"]["payment"];
    assert_eq!((&told["decision_id"], &review["tenant"]), (&verdict["decision_id"], &"default".into()));

    // What somebody decides goes the same way, so every replica has it in the same order; the label goes to the labels.
    let path = format!("/v1/reviews/{}", told["case_id"].as_str().unwrap());
    replica.reaches("the case", async || replica.client.get(&path).await.status == 200).await;
    let case = replica.client.get(&path).await.json_of(200);
    let body = json!({ "version": case["version"], "outcome": "confirmed_fraud", "reason": "a ring" });
    let labels = site.topics.messages("labels").await.len();
    let closed = replica.client.post(&format!("{path}:decide"), &[("x-actor", "ann")], &body).await.json_of(200);
    assert_eq!(closed["status"], "closed");
    let labelled = site.topics.until("labels", labels + 1).await;
    let last = labelled.last().unwrap();
    assert_eq!((subject(last).as_str(), &last.json()["actor"]), (id, &"ann".into()));
    let acted = site.topics.until("reviews", 3).await;
    assert_eq!(
        acted.iter().map(|message| message.header("ce_type")).collect::<Vec<_>>(),
        ["fraudnet.review", "fraudnet.case", "fraudnet.case"]
    );
    // Another replica has the same case, though it took no part.
    let other = site.start("b").await;
    assert_eq!(other.client.get(&path).await.json_of(200)["version"], closed["version"]);
    other.stop().await;
    replica.stop().await;
}
