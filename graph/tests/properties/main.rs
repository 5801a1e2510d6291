//! Properties of the graph as a whole, on random streams.

mod reference;
mod snapshot;
mod stream;

use fraudnet_graph::{Applied, Body, Event, Graph, Kind, Label, LabelSource, Limits, Subgraph};
use proptest::prelude::*;
use reference::{Reference, Sample};
use stream::{ROOMY, Step, TINY, at, event, events, payment, step, steps};

/// Folds a log; returns the sample before each payment, and the state.
fn fold(limits: Limits, log: &[Event]) -> (Vec<Option<Subgraph>>, Graph) {
    let mut graph = Graph::new(limits);
    let samples = log.iter().enumerate().map(|(position, event)| {
        let sample = matches!(event.body, Body::Payment(_)).then(|| {
            let mut sample = Subgraph::default();
            graph.sample(event, &mut sample);
            sample
        });
        graph.apply(position as u64, event);
        sample
    });
    (samples.collect(), graph)
}

fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![Just(ROOMY), Just(TINY)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_event_after_the_cut_changes_a_sample(
        limits in limits(), before in steps(0..80), after in steps(1..20), change in step(), place in any::<prop::sample::Index>(), kind in 0..3,
    ) {
        let cut = before.len();
        let log = [before, after].concat();
        let mut changed = log.clone();
        let place = cut + place.index(log.len() - cut);
        match kind {
            0 => drop(changed.remove(place)),
            1 => changed.insert(place, change),
            _ => changed[place] = change,
        }
        let (samples, _) = fold(limits, &events(&log));
        let (again, _) = fold(limits, &events(&changed));
        prop_assert_eq!(&samples[..cut], &again[..cut]);
        // The payment at the cut itself is sampled from what came before it, whatever follows.
        if place > cut {
            prop_assert_eq!(&samples[cut], &again[cut]);
        }
    }

    #[test]
    fn equal_logs_give_equal_states_and_digests(limits in limits(), log in steps(1..120), extra in step()) {
        let log = events(&log);
        let ((samples, graph), (again, other)) = (fold(limits, &log), fold(limits, &log));
        prop_assert_eq!(graph.state_hash(), other.state_hash());
        let digests = |samples: &[Option<Subgraph>]| -> Vec<_> { samples.iter().flatten().map(Subgraph::digest).collect() };
        prop_assert_eq!(digests(&samples), digests(&again));
        let mut other = other;
        let applied = other.apply(log.len() as u64, &event(log.len(), &extra));
        if matches!(applied, Applied::Payment { .. }) {
            prop_assert_ne!(graph.state_hash(), other.state_hash());
        }
        if applied == Applied::Duplicate {
            prop_assert_eq!(graph.state_hash(), other.state_hash());
        }
    }

    #[test]
    fn the_sampler_agrees_with_the_plain_one(log in steps(1..100)) {
        let (mut graph, mut plain, mut sample) = (Graph::new(ROOMY), Reference::default(), Subgraph::default());
        for (position, event) in events(&log).iter().enumerate() {
            if matches!(event.body, Body::Payment(_)) {
                graph.sample(event, &mut sample);
                prop_assert_eq!(Sample::of(&sample), plain.sample(event), "at {}", position);
            }
            graph.apply(position as u64, event);
            plain.apply(position, event);
        }
    }

    #[test]
    fn nothing_dangles_whatever_leaves(
        log in steps(1..150), max_entities in 0u32..14, max_edges in 0u32..20, max_transactions in 0u32..20, max_age_s in 0u32..600,
    ) {
        let limits = Limits { max_entities, max_edges, max_transactions, max_age_s };
        let mut graph = Graph::new(limits);
        for (position, event) in events(&log).iter().enumerate() {
            let applied = graph.apply(position as u64, event);
            if let Err(wrong) = graph.check_invariants() {
                prop_assert!(false, "{} after {:?}", wrong, event);
            }
            if let (Applied::Payment { parties, now_s }, Body::Payment(payment)) = (applied, &event.body) {
                prop_assert_eq!(parties, graph.parties(&event.tenant, payment));
                let account = parties.account.unwrap();
                prop_assert_eq!(graph.identifier(account.number), payment.account.as_str());
                prop_assert_eq!((graph.entity(account.number).last_s, graph.now_s()), (now_s, now_s));
                prop_assert!(graph.knows_transaction(&event.tenant, &payment.transaction_id));
            }
        }
        let stats = graph.stats();
        prop_assert!(stats.entities <= max_entities.max(8) && stats.edges <= max_edges.max(8));
    }

    #[test]
    fn a_corrected_label_takes_its_counts_back(limits in limits(), log in steps(1..100), place in any::<prop::sample::Index>()) {
        // One payment is reported and later cleared by equal sources; elsewhere, it is never labelled. Outcomes stand in for the labels,
        // so that positions are equal, and the labels are late, so that they do not move the clock.
        let told = |fraud| Step::Tell { tenant: 0, id: 200, fraud, source: LabelSource::Analyst, late_s: -100_000 };
        let silent = Step::End { tenant: 0, id: 200, late_s: -100_000 };
        let pay = Step::Pay { tenant: 0, id: 200, account: 1, device: Some(1), ip: Some(1), merchant: Some(1), to: Some(2), late_s: 0 };
        let (first, rest) = log.split_at(place.index(log.len()));
        let (middle, last) = rest.split_at(rest.len() / 2);
        let build = |report: &Step, clear: &Step| {
            let (pay, report, clear) = (vec![pay.clone()], vec![report.clone()], vec![clear.clone()]);
            [first, &pay, &report, middle, &clear, last].concat()
        };
        let (labelled, one) = fold(limits, &events(&build(&told(true), &told(false))));
        let cleared = first.len() + 2 + middle.len();
        let (_, at_the_clearing) = fold(limits, &events(&build(&told(true), &silent)[..cleared]));
        if !at_the_clearing.knows_transaction("tenant0", "t200") {
            // A label for a payment that was forgotten meanwhile changes nothing, so the report stands.
            let (ignored, standing) = fold(limits, &events(&build(&told(true), &silent)));
            prop_assert_eq!(labelled, ignored);
            prop_assert_eq!(one.state_hash(), standing.state_hash());
            return Ok(());
        }
        let (never, other) = fold(limits, &events(&build(&silent, &silent)));
        prop_assert_eq!(&labelled[cleared..], &never[cleared..]);
        for n in 0..12 {
            let name = format!("account{n}");
            let facts = |graph: &Graph| graph.find("tenant0", Kind::Account, &name).map(|found| graph.entity(found.number));
            prop_assert_eq!(facts(&one), facts(&other));
        }
    }
}

#[test]
fn labels_count_once_and_the_stronger_source_stands() {
    let mut graph = Graph::new(ROOMY);
    let pay = at(0, 0, "t", Body::Payment(payment("p", 1, Some(1), None, None, None, 1234)));
    let Applied::Payment { parties, now_s } = graph.apply(0, &pay) else { panic!("a new payment") };
    assert_eq!(graph.apply(1, &pay), Applied::Duplicate);
    let (account, device) = (parties.account.unwrap().number, parties.device.unwrap().number);
    let label = |place: usize, fraud, source| {
        at(place, 0, "t", Body::Label(Label { transaction_id: "p".into(), fraud, source }))
    };
    // Place, verdict, source; expected delta, time the report counts from, and reports that count.
    let cases = [
        (10, true, LabelSource::Analyst, Some((1, 100)), 1),
        (20, true, LabelSource::Analyst, Some((0, 100)), 1),
        (30, false, LabelSource::CustomerReport, None, 1),
        (40, true, LabelSource::Chargeback, Some((0, 100)), 1),
        (50, false, LabelSource::Analyst, None, 1),
        (60, false, LabelSource::Chargeback, Some((-1, 100)), 0),
        (70, true, LabelSource::Chargeback, Some((1, 700)), 1),
    ];
    for (place, fraud, source, expected, reported) in cases {
        let applied = graph.apply(place as u64, &label(place, fraud, source));
        let seen = match applied {
            Applied::Label { delta, reported_at_s, amount, .. } => {
                assert_eq!(amount, 1234);
                Some((delta, reported_at_s - now_s))
            }
            _ => None,
        };
        assert_eq!(seen, expected, "label at {place}");
        let counts = (
            graph.entity(account).reported,
            graph.entity(device).reported,
            graph.edge(device, account).unwrap().reported,
        );
        assert_eq!(counts, (reported, reported, reported), "label at {place}");
    }
    let unknown =
        at(80, 0, "t", Body::Label(Label { transaction_id: "q".into(), fraud: true, source: LabelSource::Analyst }));
    assert_eq!((graph.apply(80, &unknown), graph.now_s() - now_s), (Applied::Ignored, 800));
}

#[test]
fn time_is_bounded_and_never_goes_back() {
    let mut graph = Graph::new(ROOMY);
    let pay = |id: &str, occurred_at_ms, ingested_at_ms| {
        let event = at(0, 0, "t", Body::Payment(payment(id, 1, None, None, None, None, 1)));
        Event { occurred_at_ms, ingested_at_ms, ..event }
    };
    // When it occurred and was ingested, in ms; the clock after it, in s.
    let cases = [
        (-5_000, 0, 0),
        (i64::MIN, i64::MIN, 0),
        (10_999, 11_000, 10),
        (9_999_999, 20_000, 320),
        (50_000, 50_000, 320),
        (i64::MAX, i64::MAX, u32::MAX),
        (0, 0, u32::MAX),
    ];
    for (place, (occurred, ingested, clock)) in cases.into_iter().enumerate() {
        let applied = graph.apply(place as u64, &pay(&format!("p{place}"), occurred, ingested));
        assert!(matches!(applied, Applied::Payment { now_s, .. } if now_s == clock), "{applied:?} at {place}");
    }
    graph.check_invariants().unwrap();
}

#[test]
fn a_reused_number_has_another_generation() {
    let mut graph = Graph::new(TINY);
    let pay = |place: usize| {
        at(place, 0, "t", Body::Payment(payment(&format!("p{place}"), place as u32, None, None, Some(0), None, 1)))
    };
    graph.apply(0, &pay(0));
    let first = graph.find("t", Kind::Account, "account0").unwrap();
    let mut reused = None;
    for place in 1..40 {
        let Applied::Payment { parties, .. } = graph.apply(place as u64, &pay(place)) else { panic!("a new payment") };
        reused = reused.or(parties.account.filter(|account| account.number == first.number));
    }
    assert_eq!(reused.unwrap().generation, first.generation + 1);
    assert_eq!(graph.find("t", Kind::Account, "account0"), None);
    let mut sample = Subgraph::default();
    graph.sample_around(first, &mut sample);
    assert!(sample.nodes.is_empty() && sample.links.is_empty() && sample.hop_counts == [0; 4]);
    graph.sample_around(graph.find("t", Kind::Account, "account39").unwrap(), &mut sample);
    assert_eq!((sample.hop_counts[0], sample.hop_counts[1], sample.nodes[0].own), (1, 1, false));
    assert!(graph.stats().entities_evicted[0] + graph.stats().entities_evicted[1] > 20);
}

#[test]
fn the_third_hop_is_reached_where_there_is_one() {
    // Ordinary life with hubs: most accounts keep to their own device and IP, some share, merchants are popular.
    let (mut graph, mut plain, mut sample) = (Graph::new(ROOMY), Reference::default(), Subgraph::default());
    let mut state = 1u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut has_hop, mut reached, mut has_16, mut reached_16) = (0, 0, 0, 0);
    for place in 0..700 {
        let account = draw(150);
        let device = if draw(10) < 8 { account } else { draw(150) };
        let ip = if draw(10) < 7 { account / 2 } else { draw(100) };
        let merchant = draw(40).min(draw(40));
        let body = payment(
            &format!("p{place}"),
            account as u32,
            Some(device as u8),
            Some(ip as u8),
            Some(merchant as u8),
            None,
            100,
        );
        let event = at(place, 0, "t", Body::Payment(body));
        if place % 5 == 0 {
            let there = plain.third_hop(&event);
            graph.sample(&event, &mut sample);
            let found = sample.hop_counts[3];
            has_hop += usize::from(there > 0);
            reached += usize::from(there > 0 && found > 0);
            has_16 += usize::from(there >= 16);
            reached_16 += usize::from(there >= 16 && found >= 16);
        }
        graph.apply(place as u64, &event);
        plain.apply(place, &event);
    }
    assert!(has_16 > 50, "the stream is too small to tell: {has_16} samples with a large third hop");
    assert!(reached * 100 >= has_hop * 95, "{reached} of {has_hop} third hops reached");
    assert!(reached_16 * 100 >= has_16 * 95, "{reached_16} of {has_16} third hops of 16 or more reached with 16");
}

#[test]
fn a_view_joins_each_pair_once_and_exports_any_name() {
    let mut graph = Graph::new(ROOMY);
    let mut pay = payment("p0", 1, Some(1), Some(1), None, None, 100);
    pay.device = Some("a \"quoted\" \\ <device> & \u{1} more".into());
    graph.apply(0, &at(0, 0, "t", Body::Payment(pay.clone())));
    pay.transaction_id = "p1".into();
    pay.merchant = Some("never seen".into());
    let mut sample = Subgraph::default();
    graph.sample(&at(1, 0, "t", Body::Payment(pay)), &mut sample);
    let view = graph.view(&sample);
    assert_eq!((view.node_count(), view.edge_count()), (4, 4));
    let dot = fraudnet_graph::to_dot(&view);
    assert!(dot.contains(r#"label="device a \"quoted\" \\ <device> & � more""#), "{dot}");
    assert!(dot.contains("merchant (new)") && dot.contains("n0 -- n1"), "{dot}");
    let xml = fraudnet_graph::to_graphml(&view);
    assert!(
        xml.contains("a &quot;quoted&quot; \\ &lt;device&gt; &amp; � more") && xml.ends_with("</graphml>\n"),
        "{xml}"
    );
    assert_eq!((xml.matches("<node ").count(), xml.matches("<edge ").count()), (4, 4));
}
