//! The explanation of one payment: what is asked of the model, in which order, and what comes of it.
//!
//! Cost for 128 nodes on one thread of a busy machine (the released hybrid against 14 ordinary payments, measured by hand): 5.5 ms p50, 8 to
//! 12 ms p99, and 7 to 11 and 18 to 28 ms where others take both processors. Of it the body on the payment, groups and trees 0.7 ms; the
//! body on ten variants 3 ms; the head on some 3,000 mixtures 1.7 ms. What no time is left for is named.
//!
//! Walks are as few as they can be, one order both ways for each ordinary payment: against 24 orders the largest twelve contributions are off
//! by 3 % on average, none by more than 0.08 log-odds.

use super::attribution::{Attribution, EntityShare, Evidence, LeftOut, Most, NodeAttention, Without, largest};
use super::budget::Budget;
use super::explainer::{ExplainError, Explainer, Scored};
use super::features::Shares;
use super::halves::Hidden;
use super::mask::{forget_entity, forget_group, row, without_node};
use super::party::{Party, own_node};
use super::permutation::{Mixtures, Walked, no_shares};
use super::tree_shap::tree_shares;
use crate::{RuntimeError, Scorer, check_tensor};
use fraudnet_features::Tensor;
use fraudnet_features::schema::{Group, payment_features};
use std::time::Duration;

/// Share of the time left that taking entities away may use.
const ENTITIES_SHARE: f64 = 0.4;

/// What was found by leaving things out.
#[derive(Default)]
struct Occlusion {
    /// What the model loses of its logit where it does not see an entity's node, by node.
    lost: Vec<(usize, f64)>,
    without: Vec<Without>,
    left_out: Vec<LeftOut>,
}

impl Explainer {
    /// Why a payment has its probability.
    ///
    /// # Errors
    /// An inconsistent tensor, or a failed run.
    pub fn explain(&mut self, tensor: &Tensor, most: Most, budget: &Budget<'_>) -> Result<Attribution, ExplainError> {
        check_tensor(tensor)?;
        let started = (budget.spent)();
        let hidden = self.hidden(&[tensor])?.pop();
        let scored = self.score(&[(tensor, hidden.as_ref())])?.pop().unwrap_or_default();
        let once = (budget.spent)().saturating_sub(started);
        let usual = 2 * self.quickest.map_or(once, |quickest| quickest.min(once));
        self.quickest = Some(usual / 2);
        let attention = attention(tensor, hidden.as_ref());
        let mut occlusion = self.leave_out(tensor, hidden.as_ref(), &scored, &attention, usual, budget)?;
        let shares = self.shares(tensor, hidden.as_ref(), &scored, budget, &mut occlusion.left_out)?;

        let base_logit = self.background.iter().map(|reference| f64::from(reference.scored.logit)).sum::<f64>()
            / self.background.len().max(1) as f64;
        // The row of every set is the payment's columns, some of them, or they and more.
        let mut values = tensor.payment.clone();
        values.extend_from_slice(scored.row.get(values.len()..).unwrap_or_default());
        let mut features = shares.in_words(&values, tensor.node_count());
        let unlisted = largest(&mut features, most.features, |feature| feature.contribution);
        let unlisted: f64 = unlisted.iter().map(|feature| f64::from(feature.contribution)).sum();
        let untold = f64::from(scored.logit) - base_logit - shares.sum();
        let mut entities = entities(tensor, &shares, &occlusion.lost);
        largest(&mut entities, most.entities, |entity| entity.contribution);
        largest(&mut occlusion.without, most.without, |without| without.logit - scored.logit);
        Ok(Attribution {
            logit: scored.logit,
            probability: self.calibration.probability(scored.logit),
            base_logit: base_logit as f32,
            base_probability: self.calibration.probability(base_logit as f32),
            features,
            unlisted: (unlisted + untold) as f32,
            entities,
            without: occlusion.without,
            attention,
            left_out: occlusion.left_out,
        })
    }

    /// Takes away each entity one step away, and each group of columns: one run of the body and one of the head for all of them.
    fn leave_out(
        &mut self,
        tensor: &Tensor,
        hidden: Option<&Hidden>,
        scored: &Scored,
        attention: &[NodeAttention],
        usual: Duration,
        budget: &Budget<'_>,
    ) -> Result<Occlusion, ExplainError> {
        let mut occlusion = Occlusion::default();
        let mut nodes = self.candidates(tensor, attention);
        let fits = if self.halves.is_some() { budget.fits(usual, ENTITIES_SHARE) } else { nodes.len() };
        let left_out = nodes.split_off(fits.min(nodes.len()));
        occlusion.left_out.extend(left_out.into_iter().map(|node| LeftOut::Entity { node }));

        let masked: Vec<Tensor> = nodes.iter().map(|&node| without_node(tensor, node)).collect();
        let masked_hidden = self.hidden(&masked.iter().collect::<Vec<_>>())?;
        let forgotten: Vec<Tensor> = nodes
            .iter()
            .zip(&masked)
            .map(|(&node, masked)| {
                let mut forgotten = masked.clone();
                forget_entity(&mut forgotten.payment, tensor, node);
                forgotten
            })
            .collect();
        let groups: Vec<(Group, Tensor)> = self
            .groups()
            .into_iter()
            .map(|group| {
                let mut without = tensor.clone();
                forget_group(&mut without.payment, group);
                (group, without)
            })
            .collect();

        // First the neighbourhood without each node, then what else is known of the entity left out as well, then the groups.
        let unseen = masked.iter().enumerate().map(|(at, masked)| (masked, masked_hidden.get(at)));
        let unknown = forgotten.iter().enumerate().map(|(at, forgotten)| (forgotten, masked_hidden.get(at)));
        let fewer = groups.iter().map(|(_, without)| (without, hidden));
        let variants: Vec<(&Tensor, Option<&Hidden>)> = unseen.chain(unknown).chain(fewer).collect();
        let logits: Vec<f32> = self.score(&variants)?.into_iter().map(|scored| scored.logit).collect();
        let (unseen, rest) = logits.split_at(nodes.len());
        let lost = |logit: &f32| f64::from(scored.logit) - f64::from(*logit);
        occlusion.lost = nodes.iter().copied().zip(unseen.iter().map(lost)).collect();
        let evidence = nodes.iter().map(|&node| Evidence::Entity { node });
        let evidence = evidence.chain(groups.iter().map(|(group, _)| Evidence::Group(*group)));
        occlusion.without = evidence
            .zip(rest)
            .map(|(evidence, &logit)| Without { evidence, logit, probability: self.calibration.probability(logit) })
            .collect();
        Ok(occlusion)
    }

    /// Entities to be taken away, the most telling first: those the network attends to; without a network, the payment's own.
    fn candidates(&self, tensor: &Tensor, attention: &[NodeAttention]) -> Vec<usize> {
        let near = 1..1 + usize::from(tensor.hop_counts[1]);
        if self.halves.is_none() {
            let own = Party::ALL[1..].iter().filter_map(|&party| own_node(tensor, party));
            return own.filter(|node| near.contains(node)).collect();
        }
        let weight = |node: &usize| {
            attention.iter().filter(|attention| attention.node == *node).map(|attention| attention.weight).sum::<f32>()
        };
        let mut nodes: Vec<usize> = near.collect();
        nodes.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        nodes
    }

    /// Groups of payment columns that the model reads.
    fn groups(&self) -> Vec<Group> {
        let width = match (&self.halves, &self.trees, &self.rows) {
            (None, Some((set, _)), _) => set.width(),
            (None, None, Some(rows)) => rows.feature_set().width(),
            _ => payment_features().len(),
        };
        let mut groups: Vec<Group> = payment_features().iter().take(width).map(|feature| feature.group).collect();
        groups.dedup();
        groups
    }

    /// What each column adds, exactly for trees, by walks for everything else.
    fn shares(
        &mut self,
        tensor: &Tensor,
        hidden: Option<&Hidden>,
        scored: &Scored,
        budget: &Budget<'_>,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Shares, ExplainError> {
        let width = payment_features().len().max(scored.row.len());
        let mut shares = Shares { columns: vec![0.0; width], neighbourhood: None };
        let (of_network, of_rows) = weights(self.scorer);
        if let Some((_, ensemble)) = &self.trees {
            let background: Vec<&[f32]> = self.background.iter().map(|reference| &reference.scored.row[..]).collect();
            let exact = tree_shares(ensemble, &scored.row, &background);
            add(&mut shares.columns, &exact.columns, of_rows);
        }
        // A blend may weigh its network 0, which then only embeds.
        if self.halves.is_some() && of_network > 0.0 {
            let walked = self.walk_network(tensor, hidden, scored.network, budget, left_out)?;
            let (columns, neighbourhood) = walked.split_at(payment_features().len());
            add(&mut shares.columns, columns, of_network);
            shares.neighbourhood = neighbourhood.first().map(|share| share * of_network);
        }
        if self.rows.is_some() {
            let walked = self.walk_rows(scored, budget, left_out)?;
            let (columns, _) = walked.split_at(scored.row.len());
            add(&mut shares.columns, columns, of_rows);
        }
        Ok(shares)
    }

    fn walk_network(
        &mut self,
        tensor: &Tensor,
        hidden: Option<&Hidden>,
        logit: f32,
        budget: &Budget<'_>,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Vec<f64>, RuntimeError> {
        let Explainer { halves: Some(halves), background, .. } = self else {
            return Ok(no_shares(tensor.payment.len()));
        };
        let mut shares = no_shares(tensor.payment.len());
        let done = in_time(background.len(), budget, |at| {
            let other = &background[at];
            let walked = Walked {
                row: &tensor.payment,
                logit,
                other: &other.payment,
                other_logit: other.scored.network,
                neighbourhood: true,
            };
            walked.walk(at as u64, &mut shares, |Mixtures { rows, at_home }| {
                let homes = at_home.iter().filter_map(|&home| if home { hidden } else { other.hidden.as_ref() });
                Ok(halves.head(rows, &homes.collect::<Vec<_>>())?.logits)
            })
        })?;
        Ok(mean(shares, done, background.len(), left_out))
    }

    fn walk_rows(
        &mut self,
        scored: &Scored,
        budget: &Budget<'_>,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Vec<f64>, RuntimeError> {
        let Explainer { rows: Some(rows), background, .. } = self else { return Ok(no_shares(scored.row.len())) };
        let mut shares = no_shares(scored.row.len());
        let done = in_time(background.len(), budget, |at| {
            let other = &background[at].scored;
            let walked = Walked {
                row: &scored.row,
                logit: scored.rows,
                other: &other.row,
                other_logit: other.rows,
                neighbourhood: false,
            };
            walked.walk(at as u64, &mut shares, |mixtures| rows.run(&mixtures.rows))
        })?;
        Ok(mean(shares, done, background.len(), left_out))
    }
}

/// Does one step after the other while the next one is likely to end in time; how many were done.
fn in_time<E>(steps: usize, budget: &Budget<'_>, mut step: impl FnMut(usize) -> Result<(), E>) -> Result<usize, E> {
    let mut longest = Duration::ZERO;
    for at in 0..steps {
        let left = budget.left();
        if left.is_zero() || left < longest {
            return Ok(at);
        }
        step(at)?;
        longest = longest.max(left.saturating_sub(budget.left()));
    }
    Ok(steps)
}

fn mean(mut shares: Vec<f64>, done: usize, of: usize, left_out: &mut Vec<LeftOut>) -> Vec<f64> {
    if done < of {
        left_out.push(LeftOut::Background { done, of });
    }
    shares.iter_mut().for_each(|share| *share /= done.max(1) as f64);
    shares
}

fn add(columns: &mut [f64], shares: &[f64], weight: f64) {
    columns.iter_mut().zip(shares).for_each(|(column, share)| *column += weight * share);
}

/// What one unit of the network's logit and of the trees' adds to the whole.
fn weights(scorer: Scorer) -> (f64, f64) {
    (f64::from(scorer.combine(1.0, 0.0)), f64::from(scorer.combine(0.0, 1.0)))
}

fn attention(tensor: &Tensor, hidden: Option<&Hidden>) -> Vec<NodeAttention> {
    let Some(hidden) = hidden else { return Vec::new() };
    let links = row(tensor, 0).zip(&hidden.attention);
    links.map(|(link, &weight)| NodeAttention { node: usize::from(tensor.neighbours[link]), weight }).collect()
}

/// What each entity adds: the columns that speak of it, and what is lost where its node is not seen.
fn entities(tensor: &Tensor, shares: &Shares, lost: &[(usize, f64)]) -> Vec<EntityShare> {
    let mut entities: Vec<(usize, Option<Party>, f64)> = Party::ALL
        .iter()
        .filter_map(|&party| Some((own_node(tensor, party)?, Some(party), shares.of_party(party))))
        .collect();
    for &(node, lost) in lost {
        match entities.iter_mut().find(|entity| entity.0 == node) {
            Some(entity) => entity.2 += lost,
            None => entities.push((node, None, lost)),
        }
    }
    entities.sort_by_key(|entity| entity.0);
    entities
        .into_iter()
        .filter(|entity| entity.2 != 0.0)
        .map(|(node, party, share)| EntityShare { node, party, contribution: share as f32 })
        .collect()
}
