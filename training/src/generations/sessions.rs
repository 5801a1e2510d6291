//! Every contender as it will be served: networks and trees through ONNX Runtime from their exported bytes, rules and
//! logistic regression in plain Rust.
//!
//! Cost: 0.3–0.6 ms a payment and thread for the network, which runs once whatever reads it, and some 50 µs for trees.
//! Which payments share a micro-batch depends on neither the number of threads nor their speed, so the numbers do not either.

use super::Generations;
use super::graphless::without_graph;
use crate::backtest::results::Latency;
use crate::contender::Contender;
use crate::export::onnx_bytes;
use crate::logistic::Logistic;
use crate::score::MICRO_BATCH;
use anyhow::{Result, ensure};
use fraudnet_features::{FeatureSet, Tensor};
use fraudnet_models::{NetworkOutput, NetworkSession, Precision, ResolvedRules, RuntimeConfig, Scorer, TreeSession};
use fraudnet_scoring::clock;

/// All contenders, ready to score; as many sessions of each as threads.
pub struct GenerationSessions {
    rules: ResolvedRules,
    logistic: Logistic,
    scorer: Scorer,
    lanes: Vec<Lane>,
    without_graph: bool,
}

/// The sessions of one thread.
struct Lane {
    trees_v1: TreeSession,
    trees_v2: TreeSession,
    network: NetworkSession,
    /// The hybrid's own network, where it is another.
    hybrid_network: Option<NetworkSession>,
    /// The hybrid's own trees, where they are not those of v2.
    hybrid_trees: Option<TreeSession>,
    rows: Vec<f32>,
}

impl GenerationSessions {
    /// Exports every model and opens `threads` sessions of each.
    ///
    /// # Errors
    /// No threads, no runtime, or a file it refuses.
    pub fn new(generations: &Generations, runtime: &RuntimeConfig, threads: usize) -> Result<GenerationSessions> {
        GenerationSessions::with_precision(generations, runtime, threads, Precision::Single)
    }

    /// The same with networks of this precision; to compare the two.
    ///
    /// # Errors
    /// As [`GenerationSessions::new`].
    pub fn with_precision(
        generations: &Generations,
        runtime: &RuntimeConfig,
        threads: usize,
        precision: Precision,
    ) -> Result<GenerationSessions> {
        ensure!(threads > 0, "scoring needs at least one thread");
        let files = Files::export(generations, precision);
        Ok(GenerationSessions {
            rules: generations.rules.resolve()?,
            logistic: generations.logistic.clone(),
            scorer: generations.hybrid.scorer,
            lanes: (0..threads).map(|_| files.lane(precision, runtime)).collect::<Result<Vec<Lane>>>()?,
            without_graph: generations.without_graph,
        })
    }

    /// Raw logits, by [`Contender::index`], in the order of the payments.
    ///
    /// # Errors
    /// What the runtime says, e.g. a logit that is not finite.
    pub fn logits(&mut self, tensors: &[&Tensor]) -> Result<Vec<[f32; Contender::COUNT]>> {
        let alone: Vec<Tensor> =
            if self.without_graph { tensors.iter().map(|tensor| without_graph(tensor)).collect() } else { Vec::new() };
        let cut: Vec<&Tensor> = alone.iter().collect();
        let tensors = if self.without_graph { &cut[..] } else { tensors };
        let (rules, logistic, scorer) = (&self.rules, &self.logistic, self.scorer);
        in_lanes(&mut self.lanes, tensors, |lane, batch| lane.logits(rules, logistic, scorer, batch))
    }

    /// Time to score one payment from its tensor, batch 1, microseconds: assembling the row or padding, and the run.
    ///
    /// # Errors
    /// No payments, or what the runtime says.
    pub fn latency(&mut self, tensors: &[&Tensor]) -> Result<[Latency; Contender::COUNT]> {
        ensure!(!tensors.is_empty(), "a latency needs payments to measure it on");
        let (rules, logistic, scorer) = (&self.rules, &self.logistic, self.scorer);
        let lane = &mut self.lanes[0];
        let mut latencies = [Latency { mean: 0.0, p99: 0.0 }; Contender::COUNT];
        for contender in Contender::ALL {
            // The first runs fill caches, which a service has long done.
            let warm_up = tensors.len().min(16);
            let mut times: Vec<f64> = Vec::with_capacity(tensors.len());
            for (number, tensor) in tensors[..warm_up].iter().chain(tensors).enumerate() {
                let start = clock::monotonic();
                let logit = match contender {
                    Contender::Rules => rules.evaluate(&tensor.payment).logit,
                    Contender::Logistic => logistic.logit(&tensor.payment),
                    Contender::TreesV1 => lane.trees(FeatureSet::V1, &[tensor], &[])?[0],
                    Contender::TreesV2 => lane.trees(FeatureSet::V2, &[tensor], &[])?[0],
                    Contender::Network => lane.network.run(&[tensor])?[0].logit,
                    Contender::Hybrid => lane.hybrid(scorer, &[tensor], None, None)?[0],
                };
                let took = clock::monotonic() - start;
                ensure!(logit.is_finite(), "{} gives a logit that is not a finite number", contender.name());
                if number >= warm_up {
                    times.push(1e6 * took.as_secs_f64());
                }
            }
            times.sort_by(f64::total_cmp);
            latencies[contender.index()] = Latency {
                mean: times.iter().sum::<f64>() / times.len() as f64,
                p99: times[(times.len() * 99 / 100).min(times.len() - 1)],
            };
        }
        Ok(latencies)
    }
}

/// The exported bytes of a set of generations.
struct Files {
    trees_v1: Vec<u8>,
    trees_v2: Vec<u8>,
    network: Vec<u8>,
    hybrid_network: Option<Vec<u8>>,
    hybrid_trees: Option<(Vec<u8>, FeatureSet)>,
}

impl Files {
    fn export(generations: &Generations, precision: Precision) -> Files {
        let hybrid = &generations.hybrid;
        let own_network = hybrid.network.weights != generations.network.weights;
        let own_trees = hybrid.scorer.trees().zip(hybrid.trees.as_ref()).filter(|(set, _)| *set != FeatureSet::V2);
        Files {
            trees_v1: generations.trees_v1.ensemble.to_onnx("trees-v1"),
            trees_v2: generations.trees_v2.ensemble.to_onnx("trees-v2"),
            network: onnx_bytes(&generations.network.weights, precision),
            hybrid_network: own_network.then(|| onnx_bytes(&hybrid.network.weights, precision)),
            hybrid_trees: own_trees.map(|(set, trees)| (trees.ensemble.to_onnx("hybrid"), set)),
        }
    }

    fn lane(&self, precision: Precision, runtime: &RuntimeConfig) -> Result<Lane> {
        let network = |file: &[u8]| NetworkSession::from_bytes(file, precision, runtime);
        Ok(Lane {
            trees_v1: TreeSession::from_bytes(&self.trees_v1, FeatureSet::V1, runtime)?,
            trees_v2: TreeSession::from_bytes(&self.trees_v2, FeatureSet::V2, runtime)?,
            network: network(&self.network)?,
            hybrid_network: self.hybrid_network.as_deref().map(network).transpose()?,
            hybrid_trees: match &self.hybrid_trees {
                Some((file, set)) => Some(TreeSession::from_bytes(file, *set, runtime)?),
                None => None,
            },
            rows: Vec::new(),
        })
    }
}

impl Lane {
    fn logits(
        &mut self,
        rules: &ResolvedRules,
        logistic: &Logistic,
        scorer: Scorer,
        tensors: &[&Tensor],
    ) -> Result<Vec<[f32; Contender::COUNT]>> {
        let trees_v1 = self.trees(FeatureSet::V1, tensors, &[])?;
        let trees_v2 = self.trees(FeatureSet::V2, tensors, &[])?;
        let network = self.network.run(tensors)?;
        let hybrid = self.hybrid(scorer, tensors, Some(&network), Some(&trees_v2))?;
        let rows = tensors.iter().enumerate().map(|(row, tensor)| {
            // In the order of `Contender::ALL`.
            [
                rules.evaluate(&tensor.payment).logit,
                logistic.logit(&tensor.payment),
                trees_v1[row],
                trees_v2[row],
                network[row].logit,
                hybrid[row],
            ]
        });
        Ok(rows.collect())
    }

    /// The trees that read a set: v1 and v2 are the generations', v3 is the hybrid's.
    fn trees(&mut self, set: FeatureSet, tensors: &[&Tensor], network: &[NetworkOutput]) -> Result<Vec<f32>> {
        self.rows.clear();
        for (row, tensor) in tensors.iter().enumerate() {
            let embedding = network.get(row).map_or(&[][..], |output| &output.embedding);
            set.append(tensor, embedding, &mut self.rows);
        }
        let session = match set {
            FeatureSet::V1 => &mut self.trees_v1,
            FeatureSet::V2 => &mut self.trees_v2,
            FeatureSet::V3 => self.hybrid_trees.as_mut().expect("only a hybrid with trees of its own reads v3"),
        };
        Ok(session.run(&self.rows)?)
    }

    /// The hybrid; what is known already of the network and of the trees on v2 is not computed again.
    fn hybrid(
        &mut self,
        scorer: Scorer,
        tensors: &[&Tensor],
        network: Option<&[NetworkOutput]>,
        trees_v2: Option<&[f32]>,
    ) -> Result<Vec<f32>> {
        let own = match (&mut self.hybrid_network, network) {
            (Some(session), _) => Some(session.run(tensors)?),
            (None, Some(_)) => None,
            (None, None) => Some(self.network.run(tensors)?),
        };
        let network = own.as_deref().or(network).expect("one of the two is there");
        let trees = match (scorer.trees(), trees_v2) {
            (None, _) => vec![0.0; tensors.len()],
            (Some(FeatureSet::V2), Some(known)) => known.to_vec(),
            (Some(set), _) => self.trees(set, tensors, network)?,
        };
        Ok(network.iter().zip(trees).map(|(network, trees)| scorer.combine(network.logit, trees)).collect())
    }
}

/// Runs payments in micro-batches, divided evenly among the lanes; results in the order of the payments.
pub(crate) fn in_lanes<L: Send, R: Send>(
    lanes: &mut [L],
    tensors: &[&Tensor],
    work: impl Fn(&mut L, &[&Tensor]) -> Result<Vec<R>> + Sync,
) -> Result<Vec<R>> {
    let batches: Vec<&[&Tensor]> = tensors.chunks(MICRO_BATCH).collect();
    let each = batches.len().div_ceil(lanes.len()).max(1);
    let work = &work;
    let parts: Vec<Result<Vec<R>>> = std::thread::scope(|scope| {
        let running: Vec<_> = lanes
            .iter_mut()
            .zip(batches.chunks(each))
            .map(|(lane, part)| {
                scope.spawn(move || {
                    let mut results = Vec::new();
                    for batch in part {
                        results.extend(work(lane, batch)?);
                    }
                    Ok(results)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("a session reports errors, it does not panic")).collect()
    });
    let mut results = Vec::with_capacity(tensors.len());
    for part in parts {
        results.extend(part?);
    }
    Ok(results)
}
