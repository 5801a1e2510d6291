//! Over real samples: what is read off a tensor and a subgraph is what the graph knew at the cut.

use super::{Scene, evidence_paths, identifiers, path_text, reports};
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body, Channel, Event, Label, LabelSource, Limits, Payment, UNSEEN};
use proptest::prelude::*;

const LIMITS: Limits =
    Limits { max_entities: 1_000, max_edges: 4_000, max_transactions: 1_000, max_age_s: 90 * 86_400 };
const START_MS: i64 = 1_767_571_200_000;

fn event(at: usize, body: Body) -> Event {
    let at_ms = START_MS + at as i64 * 3_600_000;
    Event {
        event_id: format!("e{at}"),
        tenant: "default".to_owned(),
        schema_version: 1,
        occurred_at_ms: at_ms,
        ingested_at_ms: at_ms,
        source: "test".to_owned(),
        actor: String::new(),
        body,
    }
}

fn payment(at: usize, [account, device, ip, merchant, counterparty]: [u8; 5]) -> Payment {
    let some = |kind: &str, number: u8| (number > 0).then(|| format!("{kind}{number}"));
    Payment {
        transaction_id: format!("t{at}"),
        account: format!("a{account}"),
        device: some("d", device),
        ip: some("i", ip),
        merchant: some("m", merchant),
        counterparty: some("a", counterparty),
        amount_minor: 1_000,
        currency: *b"EUR",
        channel: Channel::Ecommerce,
        merchant_category: None,
        account_country: None,
        ip_country: None,
        merchant_country: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn names_and_reports_are_those_of_the_cut(payments in proptest::collection::vec((proptest::array::uniform5(0_u8..6), any::<bool>()), 1..60)) {
        let mut state = State::new(LIMITS);
        let mut tensor = Tensor::default();
        for (at, (parties, fraud)) in payments.into_iter().enumerate() {
            let payment = payment(at, parties);
            let event = event(2 * at, Body::Payment(payment.clone()));
            // What the graph knows before: asked of every entity afterwards named, since observing applies as well.
            let before: Vec<_> = (0..state.graph().entity_numbers()).map(|entity| state.graph().entity(entity)).collect();
            let observed = state.observe(2 * at as u64, &event, &mut tensor);
            let is_payment = matches!(observed.applied, Applied::Payment { .. });
            prop_assert!(is_payment);
            let subgraph = state.subgraph().clone();
            let names = identifiers(&subgraph, &payment, |entity| state.graph().identifier(entity).to_owned());
            let found = reports(&tensor);
            let scene = Scene::new(&subgraph, &names, &found, event.occurred_at_ms).unwrap();
            for (node, (sampled, told)) in subgraph.nodes.iter().zip(&found).enumerate() {
                let known = if sampled.entity == UNSEEN { None } else { before.get(sampled.entity as usize) };
                let expected = known.map_or((0, 0), |facts| (facts.payments, facts.reported));
                prop_assert_eq!((told.payments, told.reported), expected);
                prop_assert!(!names[node].is_empty(), "every node has a name");
            }
            for path in evidence_paths(&scene) {
                let text = path_text(&scene, &path);
                prop_assert!(text.starts_with(&format!("account {}", payment.account)), "{}", text);
                prop_assert!(text.ends_with("reported") || text.ends_with("with reported fraud"), "{}", text);
            }
            if fraud {
                let label = Label { transaction_id: payment.transaction_id, fraud: true, source: LabelSource::Chargeback };
                state.apply(2 * at as u64 + 1, &self::event(2 * at + 1, Body::Label(label)));
            }
        }
    }
}
