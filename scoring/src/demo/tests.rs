//! The demo's parts on a small world, without a service.

use super::report::Quality;
use super::ring::Ring;
use super::tally::{Answered, Tally, percentile};
use super::world::{LivePayment, Step, World};
use super::*;
use crate::simulate::{Oracle, SimulationConfig, Typology, simulate};
use crate::verdict::{AsOf, Decision, StageTimes, SubgraphSize, Tier, Verdict};
use crate::wire::{InputRules, read_score_request};
use hyper::body::Bytes;
use std::time::Duration;

fn config() -> SimulationConfig {
    SimulationConfig {
        days: 6,
        accounts: 400,
        payments_per_day: 400,
        fraud_share: 0.02,
        ..SimulationConfig::demo(9, 1_767_225_600_000)
    }
}

fn verdict(decision: Decision) -> Verdict {
    Verdict {
        decision_id: "dec_1".into(),
        transaction_id: "t".into(),
        decision,
        fraud_probability: 0.5,
        risk_score: 50,
        reason_codes: vec!["NETWORK_SCORE".into()],
        reasons: Vec::new(),
        tier: Tier::Hybrid,
        tier_cause: None,
        model: "m".into(),
        model_version: "1".into(),
        policy_version: "p".into(),
        as_of: AsOf { position: 0, time: String::new(), cut: None },
        subgraph_digest: String::new(),
        subgraph: SubgraphSize { hops: [1, 2, 3, 4], truncated: 0 },
        experiments: Vec::new(),
        score_decision: None,
        control_group: None,
        stage_us: StageTimes::default(),
    }
}

fn answered(decision: Decision) -> Answered {
    Answered {
        verdict: verdict(decision),
        body: Bytes::from_static(b"{}"),
        latency: Duration::from_millis(2),
        durable_ms: Some(1.0),
    }
}

#[test]
fn the_past_ends_where_the_stream_begins_and_no_event_is_lost() {
    let events: Vec<_> = simulate(&config()).collect();
    let payments = events.iter().filter(|event| event.oracle.is_some()).count();
    let world = World::split(events.clone(), 700).unwrap();
    assert_eq!(world.payments.len(), 700);
    assert_eq!(world.past.len() + world.steps.len(), events.len());
    let past = world.past.iter().filter(|event| matches!(event.body, fraudnet_graph::Body::Payment(_))).count();
    assert_eq!(past + 700, payments);
    assert!(matches!(world.steps[0], Step::Payment(0)));
    let mut before = 0;
    for step in &world.steps {
        match step {
            Step::Payment(number) => {
                assert_eq!(*number, before);
                before += 1;
            }
            Step::Label { after, .. } => assert_eq!(*after, before),
        }
    }
    assert!(world.frauds() > 0);
    assert!(World::split(simulate(&config()).collect(), payments).is_err());
    // What is sent is what the service takes.
    let rules = InputRules { max_event_age_ms: i64::MAX / 2, card_number_check: true, card_number_exempt: Vec::new() };
    for payment in &world.payments {
        let body = serde_json::to_vec(&payment.request).unwrap();
        read_score_request(&body, 1_800_000_000_000, &rules).unwrap();
    }
}

fn live(account: &str, device: &str, typology: Option<Typology>) -> LivePayment {
    let events: Vec<_> = simulate(&config()).take(1).collect();
    let fraudnet_graph::Body::Payment(payment) = &events[0].event.body else {
        panic!("a history begins with a payment")
    };
    let mut request = crate::wire::ScoreRequest::new(payment, None);
    request.account = account.into();
    request.device = Some(device.into());
    request.ip = Some(format!("10.0.0.{}", account.len()));
    LivePayment { request, oracle: Oracle { fraud: typology.is_some(), typology } }
}

#[test]
fn a_ring_is_what_hangs_together_and_is_shown_in_order() {
    let farm = Some(Typology::DeviceFarm);
    let payments = vec![
        live("a", "one", farm),
        live("bbbb", "two", farm),
        live("zz", "one", None),
        live("ccc", "one", farm),
        live("lonely-account", "three", farm),
        live("bbbb", "one", farm),
        live("takeover-", "one", Some(Typology::AccountTakeover)),
    ];
    let ring = Arc::new(Ring::find(&payments).unwrap());
    assert_eq!(ring.members, [0, 1, 3, 5], "payment 1 joins through the account that later uses the shared device");
    assert!(ring.introduction().contains("4 payments of 3 accounts over 2 devices"), "{}", ring.introduction());
    assert!(Ring::find(&payments[..2]).is_none());

    let tally = Tally::new(payments.len(), Some(Arc::clone(&ring)));
    assert!(tally.payment(1, &payments[1], Ok(answered(Decision::Review))).is_empty(), "the first is not answered yet");
    assert!(tally.payment(2, &payments[2], Ok(answered(Decision::Approve))).is_empty());
    let lines = tally.payment(0, &payments[0], Ok(answered(Decision::Challenge)));
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("challenge") && lines[0].contains("1+2+3+4") && lines[1].contains("review"), "{lines:?}");
    tally.payment(3, &payments[3], Err("refused".into()));
    assert!(
        tally.payment(5, &payments[5], Ok(answered(Decision::Decline))).is_empty(),
        "payment 3 never got an answer"
    );
    let figures = tally.figures(clock::monotonic());
    assert!(figures.contains("approve 1 challenge 1 review 1 decline 1  caught 2 of 3 frauds"), "{figures}");
    assert_eq!((tally.answered(), tally.lock().failures.len()), (5, 1));
    assert!(
        tally.replied(0, &Bytes::from_static(b"{}"))
            && !tally.replied(0, &Bytes::new())
            && !tally.replied(3, &Bytes::new())
    );
}

#[test]
fn shares_and_percentiles() {
    let quality = Quality::new(8, 6, 12, 1_000);
    assert_eq!((quality.precision, quality.recall, quality.rate), (0.75, 0.5, 0.008));
    assert!((quality.f1 - 0.6).abs() < 1e-12);
    assert_eq!(Quality::new(0, 0, 0, 0), Quality::default());
    let mut values: Vec<f32> = (1..=100).rev().map(|value| value as f32).collect();
    assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&mut values, share)), [50.0, 99.0, 100.0]);
    assert_eq!(percentile(&mut [], 0.5), 0.0);
}

#[test]
fn the_curl_it_prints_is_the_readmes() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    assert!(readme.contains(table::CURL_BODY), "the README's curl and the demo's differ");
}
