//! One fit of the network on a pool of examples, and what an exported network says of payments.

use super::GenerationSettings;
use super::pool::Pool;
use super::sessions::in_lanes;
use crate::export::onnx_bytes;
use crate::metrics::weighted_average_precision;
use crate::network::{self, TrainConfig, TrainedNetwork, Weights};
use crate::progress::Progress;
use anyhow::Result;
use fraudnet_features::Tensor;
use fraudnet_models::{NetworkOutput, NetworkSession, Precision};

/// When a fit of the network ends.
#[derive(Clone, Copy)]
pub(super) enum End<'a, 'b> {
    /// Where these examples say.
    Watching(&'b Pool<'a>),
    /// After the epoch that an earlier fit found.
    After(usize),
}

/// Fits the network. Of the negatives only a share may be there; frauds are weighed up by the negatives' mean weight and the
/// logit is moved back by its logarithm, so that the steps are those of a plain fit on the examples while the logit speaks
/// at true prevalence.
pub(super) fn fit(
    name: &str,
    pool: &Pool<'_>,
    end: End<'_, '_>,
    settings: &GenerationSettings,
) -> Result<TrainedNetwork> {
    let examples = pool.examples();
    let negatives = || pool.whole.iter().filter(|member| !member.is_fraud());
    let weight: f64 = negatives().map(|member| f64::from(member.example.weight)).sum();
    let mean_weight = (weight / negatives().count().max(1) as f64) as f32;
    let (stop, stop_after) = match end {
        End::Watching(stop) => (stop.examples(), None),
        End::After(epoch) => (Vec::new(), Some(epoch)),
    };
    let config = TrainConfig {
        seed: settings.seed,
        threads: settings.threads,
        positive_weight: settings.train.positive_weight * mean_weight,
        stop_after,
        ..settings.train.clone()
    };
    let epochs = stop_after.unwrap_or(config.epochs);
    let total = (epochs * examples.len()) as u64;
    let mut progress = Progress::start(settings.told, &format!("fitting {name}"), "examples", Some(total));
    let mut before = 0;
    let watching = !stop.is_empty();
    let trained = network::train(&config, &examples, &stop, weighted_average_precision, &mut |told| match told {
        network::Progress::Step { done, .. } => progress.advance((before + done) as u64),
        network::Progress::Epoch(epoch) => {
            before += epoch.examples;
            let judged = match (watching, epoch.best) {
                (false, _) => String::new(),
                (true, best) => format!(
                    ", early-stop average precision {:.4}{}",
                    epoch.validation_average_precision,
                    if best { " (best so far)" } else { "" }
                ),
            };
            progress.note(&format!("epoch {}: loss {:.4}{judged}", epoch.epoch, epoch.loss));
        }
    })?;
    progress.finish();
    Ok(trained)
}

/// The second fit of a network, for the epochs the first one found; what was measured on the way stays the first one's.
pub(super) fn fit_again(
    name: &str,
    pool: &Pool<'_>,
    first: &TrainedNetwork,
    settings: &GenerationSettings,
) -> Result<TrainedNetwork> {
    let again = fit(name, pool, End::After(first.best_epoch), settings)?;
    Ok(TrainedNetwork { weights: again.weights, ..first.clone() })
}

/// What the exported network says of these payments, in order.
pub(super) fn outputs(
    weights: &Weights,
    tensors: &[&Tensor],
    settings: &GenerationSettings,
) -> Result<Vec<NetworkOutput>> {
    let file = onnx_bytes(weights, Precision::Single);
    let mut sessions = (0..settings.threads.max(1))
        .map(|_| Ok(NetworkSession::from_bytes(&file, Precision::Single, &settings.runtime)?))
        .collect::<Result<Vec<NetworkSession>>>()?;
    in_lanes(&mut sessions, tensors, |session, batch| Ok(session.run(batch)?))
}
