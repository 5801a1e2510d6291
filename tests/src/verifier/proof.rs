//! No verdict saw past its cut: every journal is a legal merge of the topics, and folding it anew gives what the verdicts carry.

use super::committed::Committed;
use super::input::Input;
use super::journal::Journal;
use super::judgement::Judgement;
use super::outcome::{Verdict, by_key};
use crate::cluster::Message;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Body, Limits};
use std::collections::HashMap;

/// Folds every journal and compares.
pub(super) fn check(
    committed: &Committed,
    input: &Input,
    verdicts: &HashMap<String, Verdict>,
    journals: &[Journal],
    limits: Limits,
    judgement: &mut Judgement,
) {
    let examples = by_key(&committed.examples);
    let mut proved = 0;
    for journal in journals {
        let mut own: HashMap<&str, &Verdict> = HashMap::new();
        for (id, verdict) in verdicts.iter().filter(|(_, verdict)| verdict.as_of.cut.journal == journal.identity) {
            own.insert(id, verdict);
        }
        proved += own.len() as u64;
        Fold { input, limits, examples: &examples, own, journal }.run(judgement);
    }
    judgement.unproved = verdicts.len() as u64 - proved;
    if judgement.unproved > 0 {
        let unproved = judgement.unproved;
        judgement.find(|| format!("the journals of {unproved} verdicts are not at hand"));
    }
}

struct Fold<'a> {
    input: &'a Input,
    limits: Limits,
    examples: &'a HashMap<String, Vec<&'a Message>>,
    /// Verdicts that name this journal.
    own: HashMap<&'a str, &'a Verdict>,
    journal: &'a Journal,
}

impl Fold<'_> {
    fn run(mut self, judgement: &mut Judgement) {
        let journal = &self.journal.identity;
        let mut state = State::new(self.limits);
        let mut tensor = Tensor::default();
        let (mut payments, mut labels, mut outcomes) = (0, 0, 0);
        for step in &self.journal.steps {
            let event = &step.event;
            let payment = match &event.body {
                Body::Payment(payment) => payment,
                Body::Label(_) | Body::Outcome(_) => {
                    let (topic, count) = match &event.body {
                        Body::Label(_) => (&self.input.labels, &mut labels),
                        _ => (&self.input.outcomes, &mut outcomes),
                    };
                    if topic.get(*count).is_none_or(|(_, told)| told != event) {
                        self.blame(judgement, || {
                            format!("journal {journal}, position {}: not the next event of its topic", step.position)
                        });
                        return;
                    }
                    *count += 1;
                    state.apply(step.position, event);
                    continue;
                }
            };
            let id = format!("{}/{}", event.tenant, payment.transaction_id);
            // The next payment that counts, as it stands in the topic.
            let first =
                self.input.order.get(payments).filter(|next| **next == id).map(|next| &self.input.payments[next]);
            let Some(first) = first.filter(|first| first.event == *event) else {
                self.blame(judgement, || {
                    format!("journal {journal}, position {}: {id} is not the next payment", step.position)
                });
                return;
            };
            payments += 1;
            let Some(verdict) = self.own.remove(id.as_str()) else {
                state.apply(step.position, event);
                continue;
            };
            let observed = state.observe(step.position, event, &mut tensor);
            let digest: String = observed.subgraph_digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let cut = &verdict.as_of.cut;
            // Labels before the cut were applied, and no others: their count says so, since they were applied in order.
            let known = self.input.labels.partition_point(|(offset, _)| *offset < cut.labels);
            let place = step.cut.is_some_and(|own| (own.transactions, own.labels) == (cut.transactions, cut.labels));
            let fault = if (cut.transactions, verdict.as_of.position) != (first.offset, step.position) {
                Some(format!("names a place other than its payment's ({} at {})", step.position, first.offset))
            } else if known != labels || !place {
                Some(format!("says that {known} labels were known, and {labels} were"))
            } else if digest != verdict.subgraph_digest {
                Some(format!("carries the digest {}, and its cut gives {digest}", verdict.subgraph_digest))
            } else {
                self.compare_tensor(&id, &tensor, judgement)
            };
            if let Some(fault) = fault {
                judgement.future_seen += 1;
                judgement
                    .find(|| format!("the verdict on {id} {fault} (journal {journal}, position {})", step.position));
            }
        }
        if !self.own.is_empty() {
            let id = self.own.keys().min().copied().unwrap_or_default();
            self.blame(judgement, || format!("journal {journal} does not hold {id}, which was decided by it"));
        }
    }

    /// An order that is none proves nothing of what is left.
    fn blame(&self, judgement: &mut Judgement, finding: impl FnOnce() -> String) {
        judgement.future_seen += self.own.len().max(1) as u64;
        judgement.find(finding);
    }

    /// The tensor of the payment's training example, where there is one, is the one that the fold gives, bit for bit.
    fn compare_tensor(&self, id: &str, tensor: &Tensor, judgement: &mut Judgement) -> Option<String> {
        let message = self.examples.get(id)?.first()?;
        match fraudnet_scoring::example::decode(&message.payload) {
            Err(error) => Some(format!("left a training example that cannot be read: {error}")),
            Ok(example) if same_bits(&example.tensor, tensor) => {
                judgement.tensors += 1;
                None
            }
            Ok(_) => Some("left a training example with another tensor than its cut gives".to_owned()),
        }
    }
}

/// Equal bit for bit: a value that is no number is equal to itself, and zero is not equal to minus zero.
fn same_bits(one: &Tensor, other: &Tensor) -> bool {
    let halves = |tensor: &Tensor| -> Vec<u16> {
        tensor.nodes.iter().chain(&tensor.edges).map(|value| value.to_bits()).collect()
    };
    let payment = |tensor: &Tensor| -> Vec<u32> { tensor.payment.iter().map(|value| value.to_bits()).collect() };
    (one.hop_counts, &one.row_ends, &one.neighbours) == (other.hop_counts, &other.row_ends, &other.neighbours)
        && (one.nodes.len(), halves(one)) == (other.nodes.len(), halves(other))
        && payment(one) == payment(other)
}
