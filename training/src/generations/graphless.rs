//! What is left of a payment without its graph, for the control run: no neighbour, and the columns that tell of the
//! neighbourhood or of reports on the payment's other entities at their defaults. Velocity and habits of its entities stay:
//! they need no graph.

use crate::ablate::Cut;
use crate::data::examples::Examples;
use crate::network::Example;
use fraudnet_features::Tensor;
use fraudnet_features::schema::{Group, payment_features};

/// The payment without its graph.
pub fn without_graph(tensor: &Tensor) -> Tensor {
    // A payment row alone has no nodes to cut.
    let mut alone = if tensor.nodes.is_empty() { tensor.clone() } else { Cut::AllEdges.apply(tensor) };
    for (value, feature) in alone.payment.iter_mut().zip(payment_features()) {
        let of_others = feature.group == Group::Reports && feature.entity != "account";
        if feature.group == Group::Graph || of_others {
            *value = feature.default;
        }
    }
    alone
}

/// All examples without their graph.
pub(super) fn examples(examples: &Examples) -> Examples {
    let strip = |examples: &[Example]| {
        examples.iter().map(|example| Example { tensor: without_graph(&example.tensor), ..*example }).collect()
    };
    Examples {
        fit: strip(&examples.fit),
        fit_origins: examples.fit_origins.clone(),
        rows: strip(&examples.rows),
        row_origins: examples.row_origins.clone(),
        stop: strip(&examples.stop),
        stop_origins: examples.stop_origins.clone(),
        fit_payments: examples.fit_payments,
        stop_payments: examples.stop_payments,
        ..Examples::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fraudnet_features::schema::payment_feature_index;

    #[test]
    fn reports_of_others_and_the_graph_are_gone_and_the_rest_stays() {
        let tensor = Tensor { payment: vec![7.0; payment_features().len()], ..Tensor::default() };
        let alone = without_graph(&tensor);
        let value = |name: &str| alone.payment[payment_feature_index(name).unwrap()];
        assert_eq!([value("device_reported_7d"), value("merchant_reported_30d")], [0.0, 0.0]);
        assert_eq!([value("account_reported_30d"), value("amount"), value("device_accounts_30d")], [7.0, 7.0, 7.0]);
        for (value, feature) in alone.payment.iter().zip(payment_features()) {
            assert!(feature.group != Group::Graph || *value == feature.default, "{}", feature.name);
        }
        assert_eq!(without_graph(&alone), alone);
    }
}
