//! Round trips bit for bit, damage of every kind, and how small examples are on the simulated stream.

use super::*;
use crate::simulate::{SimulationConfig, simulate};
use crate::verdict::{Cut, Tier};
use fraudnet_features::{EDGE_WIDTH, NODE_WIDTH, State};
use fraudnet_graph::{Body, Limits, MAX_LINKS};
use half::f16;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bits, since a NaN equals nothing.
fn bits(tensor: &Tensor) -> (Vec<u16>, Vec<u16>, Vec<u32>) {
    let halves = |values: &[f16]| values.iter().map(|value| value.to_bits()).collect();
    (halves(&tensor.nodes), halves(&tensor.edges), tensor.payment.iter().map(|value| value.to_bits()).collect())
}

/// Any shape the sampler may give, with any bits in it: few different ones, as in life, or all different.
fn tensors() -> impl Strategy<Value = Tensor> {
    let counts = (0..=10_u16, 0..=30_u16, 0..=87_u16, any::<bool>());
    let palette = vec(any::<u16>(), 1..40);
    let any_bits = (palette, vec(any::<Index>(), 64), any::<bool>(), any::<u64>());
    (counts, vec(0..=MAX_LINKS as u16, 41), vec(any::<Index>(), 410), any_bits).prop_map(
        move |((one, two, three, empty), links, points, (palette, picks, wild, seed))| {
            let hop_counts = if empty { [0; 4] } else { [1, one, two, three] };
            let nodes: usize = hop_counts.iter().map(|&count| usize::from(count)).sum();
            let rows: usize = hop_counts[..3].iter().map(|&count| usize::from(count)).sum();
            let mut end = 0;
            let row_ends: Vec<u16> = links[..rows]
                .iter()
                .map(|&links| {
                    end += links;
                    end
                })
                .collect();
            // A multiplicative generator is wild enough here.
            let mut state = seed | 1;
            let mut next = |at: usize| {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                if wild { (state >> 48) as u16 } else { *picks[(at + (state >> 62) as usize) % 64].get(&palette) }
            };
            let mut halves = |count: usize| -> Vec<f16> { (0..count).map(|at| f16::from_bits(next(at))).collect() };
            let node_rows = halves(nodes * NODE_WIDTH);
            let edges = halves(usize::from(end) * EDGE_WIDTH);
            let payment = (0..schema::payment_features().len())
                .map(|at| f32::from_bits(u32::from(next(at)) << 16 | u32::from(if wild { next(at) } else { 0 })))
                .collect();
            Tensor {
                hop_counts,
                nodes: node_rows,
                row_ends,
                neighbours: points[..usize::from(end)].iter().map(|point| point.index(nodes.max(1)) as u8).collect(),
                edges,
                payment,
            }
        },
    )
}

prop_compose! {
    fn heads()(
        (tenant, transaction_id, account) in ("[a-z]{1,12}", "\\PC{1,40}", of("[a-z☃]{1,32}")),
        (model, model_version) in ("[a-z]{0,9}", "[0-9.-]{0,12}"),
        (occurred_at_ms, position) in (any::<i64>(), any::<u64>()),
        cut in of(("[0-9a-f]{16}", any::<i64>(), any::<i64>())),
        (decision, tier) in (
            select(&[Decision::Approve, Decision::Challenge, Decision::Review, Decision::Decline][..]), select(&Tier::ALL[..])
        ),
        (fraud_probability, inclusion_probability) in (0.0..=1.0_f32, 0.001..=1.0_f32),
        logit in of(-30.0..30.0_f32),
        (control_group, propensity) in (any::<bool>(), 0.001..=1.0_f32),
        subgraph_digest in "[0-9a-f]{32}",
    ) -> ExampleHead {
        ExampleHead {
            tenant, transaction_id, account, occurred_at_ms, position,
            cut: cut.map(|(journal, transactions, labels)| Cut { journal, transactions, labels }),
            decision, fraud_probability, logit, model, model_version, tier, inclusion_probability, control_group,
            propensity, subgraph_digest,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_bit_comes_back(head in heads(), tensor in tensors()) {
        let bytes = encode(&head, &tensor);
        let read = decode(&bytes).unwrap();
        prop_assert_eq!(&read.head, &head);
        prop_assert_eq!(read.tensor.hop_counts, tensor.hop_counts);
        prop_assert_eq!(&read.tensor.row_ends, &tensor.row_ends);
        prop_assert_eq!(&read.tensor.neighbours, &tensor.neighbours);
        prop_assert_eq!(bits(&read.tensor), bits(&tensor));
        prop_assert_eq!(encode(&head, &tensor), bytes);
    }

    #[test]
    fn damage_is_always_found(head in heads(), tensor in tensors(), flips in vec((any::<Index>(), 0..8_u32), 1..4), cut in any::<Index>()) {
        let bytes = encode(&head, &tensor);
        let mut damaged = bytes.clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            damaged[at] ^= 1 << bit;
        }
        prop_assert!(damaged == bytes || decode(&damaged).is_err());
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    /// As a foreign writer may make them: the checksum holds, and what stands before it is anything.
    #[test]
    fn nonsense_with_a_good_checksum_ends(head in heads(), noise in vec(any::<u8>(), 0..3_000), at in any::<Index>(), byte in any::<u8>()) {
        let mut bytes = encode(&head, &Tensor { payment: vec![0.0; schema::payment_features().len()], ..Tensor::default() });
        let head_end = PREFIX + usize::from(u16::from_le_bytes([bytes[6], bytes[7]]));
        bytes.truncate(head_end);
        bytes.extend(noise);
        let sum = checksum(&bytes);
        if let Ok(read) = decode(&[&bytes[..], &sum].concat()) {
            prop_assert_eq!(read.tensor.nodes.len() / NODE_WIDTH, read.tensor.node_count());
            prop_assert!(read.tensor.neighbours.iter().all(|&node| usize::from(node) < read.tensor.node_count()));
        }
        let at = 4 + at.index(bytes.len() - 4);
        bytes[at] = byte;
        let sum = checksum(&bytes);
        let _ = decode(&[&bytes[..], &sum].concat());
    }

    #[test]
    fn bytes_of_any_kind_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
        prop_assert!(decode(&[&MAGIC[..], &bytes].concat()).is_err());
    }
}

/// Tensors of every `step`-th payment of a simulated stream.
fn stream(days: u32, payments_per_day: u32, step: u64) -> Vec<Tensor> {
    let config =
        SimulationConfig { days, payments_per_day, accounts: 1_000, ..SimulationConfig::demo(7, 1_700_000_000_000) };
    let mut state = State::new(Limits {
        max_entities: 100_000,
        max_edges: 400_000,
        max_transactions: 100_000,
        max_age_s: 90 * 86_400,
    });
    let (mut tensor, mut payments, mut kept) = (Tensor::default(), 0, Vec::new());
    for (position, simulated) in (0..).zip(simulate(&config)) {
        state.observe(position, &simulated.event, &mut tensor);
        if matches!(simulated.event.body, Body::Payment(_)) {
            payments += 1;
            if payments % step == 0 {
                kept.push(tensor.clone());
            }
        }
    }
    kept
}

fn head() -> ExampleHead {
    ExampleHead {
        tenant: "default".into(),
        transaction_id: "tx_0123456789abcdef".into(),
        account: Some("acc_0123456789".into()),
        occurred_at_ms: 1_700_000_000_000,
        position: 123_456,
        cut: Some(Cut { journal: "0707070707070707".into(), transactions: 99_999, labels: 421 }),
        decision: Decision::Review,
        fraud_probability: 0.731,
        logit: Some(1.25),
        model: "hybrid".into(),
        model_version: "2026.11.22-2".into(),
        tier: Tier::Hybrid,
        inclusion_probability: 1.0,
        control_group: false,
        propensity: 1.0,
        subgraph_digest: "26b47f2c3935fb40c882caffc0946b52".into(),
    }
}

#[test]
fn examples_of_the_simulated_stream_are_small_and_exact() {
    let tensors = stream(20, 1_000, 100);
    assert!(tensors.len() > 150);
    let (mut raw, mut told) = (0, 0);
    for tensor in &tensors {
        let bytes = encode(&head(), tensor);
        raw += tensor.bytes();
        told += bytes.len();
        assert_eq!(bits(&decode(&bytes).unwrap().tensor), bits(tensor));
    }
    let (raw, told) = (raw / tensors.len(), told / tensors.len());
    assert!(raw > 15_000, "the stream's tensors are of {raw} bytes: too small to say anything");
    assert!(told <= 8_000, "an example takes {told} bytes on average, raw {raw}");
}

#[test]
fn who_is_kept_is_drawn_by_id_and_share() {
    for decision in [Decision::Challenge, Decision::Review, Decision::Decline] {
        assert_eq!(keep("bank", "t-1", decision, 0.0), Some(1.0));
    }
    let drawn =
        |share| (0..20_000).filter(|at| keep("bank", &format!("t-{at}"), Decision::Approve, share).is_some()).count();
    assert_eq!((drawn(0.0), drawn(1.0)), (0, 20_000));
    // Five standard deviations of a binomial draw around 1,000.
    assert!((846..=1_154).contains(&drawn(0.05)), "{}", drawn(0.05));
    let kept = |tenant: &str| -> Vec<bool> {
        (0..200).map(|at| keep(tenant, &format!("t-{at}"), Decision::Approve, 0.5).is_some()).collect()
    };
    assert_eq!(kept("bank"), kept("bank"));
    assert_ne!(kept("bank"), kept("other"));
    assert_eq!((0..99).find_map(|at| keep("b", &at.to_string(), Decision::Approve, 0.25)), Some(0.25));
}

#[test]
fn what_is_not_ours_is_named() {
    let bytes = encode(&head(), &stream(1, 100, 50)[0]);
    assert_eq!(decode(b""), Err(ExampleError::Foreign));
    assert_eq!(decode(b"{\"transaction_id\":\"t\"}"), Err(ExampleError::Foreign));
    assert_eq!(decode(b"FNEX"), Err(ExampleError::Damaged));
    let resealed = |at: usize, byte: u8| {
        let mut changed = bytes[..bytes.len() - CHECKSUM].to_vec();
        changed[at] = byte;
        let sum = checksum(&changed);
        decode(&[&changed[..], &sum].concat())
    };
    assert_eq!(resealed(4, 3), Err(ExampleError::OtherVersion { found: 3 }));
    assert_eq!(resealed(5, 16), Err(ExampleError::Malformed { part: "a flag" }));
    assert_eq!(resealed(7, 255), Err(ExampleError::Malformed { part: "the head's length" }));
    // The schema stands in front of the texts: 8 + 8 + 16 + 2 + 16 bytes into the head.
    let schema_at = PREFIX + 50;
    assert_eq!(bytes[schema_at..schema_at + 8], schema_prefix());
    assert!(matches!(resealed(schema_at, !bytes[schema_at]), Err(ExampleError::OtherSchema { .. })));
    assert_eq!(hex(&schema_prefix()), schema::fingerprint()[..16]);
}
