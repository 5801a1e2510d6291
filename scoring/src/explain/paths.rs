//! Ways from the paying account to entities whose payments were reported, over the links that the verdict saw.
//!
//! For every such entity the shortest way is taken; of equally short ones the one over the nodes that come first in the sample, where the
//! payment's own entities stand. Entities of a kind behind the same last step are one piece of evidence: three accounts on one device.
//!
//! Ranked by weight. What counts of an entity is its reported payments times their share of all its payments: three of four on a device
//! say more than thirty of ten thousand at a merchant. Every step further takes it down to a third, as there are three times as many
//! entities a hop further out ([`HOP_BUDGET`](fraudnet_graph::HOP_BUDGET)); and a step over what many payments go over, a large merchant, joins
//! little: it counts one over the logarithm of those payments.

use super::scene::Scene;
use fraudnet_graph::{Kind, Link};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

/// What a further step divides by.
const PER_STEP: f64 = 3.0;

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidencePath {
    /// Nodes from the centre to the last step before the ends; empty where the end is the centre itself.
    pub over: Vec<usize>,
    /// Entities of one kind with reported payments, at least one, in the order of the sample.
    pub ends: Vec<usize>,
    /// Payments reported of them.
    pub reported: u64,
    /// What it weighs.
    pub weight: f64,
}

/// Every piece of evidence, the weightiest and nearest first.
pub fn evidence_paths(scene: &Scene<'_>) -> Vec<EvidencePath> {
    let ways = Ways::of(scene);
    let mut gathered: BTreeMap<(usize, Option<usize>, Kind), Vec<usize>> = BTreeMap::new();
    for (node, _) in scene.reports.iter().enumerate().filter(|(_, reports)| reports.reported > 0) {
        let Some(step) = ways.steps.get(node).copied().flatten() else { continue };
        // What the payment touches itself is told one by one.
        let alone = (step.hops < 2).then_some(node);
        gathered.entry((step.from, alone, scene.subgraph.nodes[node].kind)).or_default().push(node);
    }
    let mut paths: Vec<EvidencePath> = gathered.into_values().map(|ends| path(scene, &ways, ends)).collect();
    paths.sort_by(rank);
    paths
}

/// The nodes on the shortest way from the centre to a node, both included; empty where there is no way.
pub fn way_to(scene: &Scene<'_>, node: usize) -> Vec<usize> {
    Ways::of(scene).to(node)
}

/// The link between two nodes, as either row has it.
pub fn link_between<'a>(scene: &Scene<'a>, a: usize, b: usize) -> Option<&'a Link> {
    let joins = |&(from, link): &(usize, &Link)| {
        let to = usize::from(link.node);
        (from, to) == (a, b) || (from, to) == (b, a)
    };
    scene.links().find(joins).map(|(_, link)| link)
}

fn path(scene: &Scene<'_>, ways: &Ways, ends: Vec<usize>) -> EvidencePath {
    let mut over = ends.first().map(|&end| ways.to(end)).unwrap_or_default();
    over.pop();
    let reports = || ends.iter().map(|&end| scene.reports[end]);
    let weight: f64 = reports()
        .map(|reports| {
            let share = (f64::from(reports.reported) / f64::from(reports.payments.max(1))).min(1.0);
            f64::from(reports.reported) * share
        })
        .sum();
    let reported = reports().map(|reports| u64::from(reports.reported)).sum();
    let passed = over.iter().skip(1).map(|&node| PER_STEP * (2.0 + f64::from(scene.reports[node].payments)).log2());
    EvidencePath { reported, weight: weight / passed.product::<f64>(), over, ends }
}

fn rank(a: &EvidencePath, b: &EvidencePath) -> Ordering {
    let near = a.over.len().cmp(&b.over.len());
    b.weight.total_cmp(&a.weight).then(near).then_with(|| a.ends.cmp(&b.ends))
}

/// The shortest way to every node.
struct Ways {
    steps: Vec<Option<WayStep>>,
}

/// How a node is reached.
#[derive(Clone, Copy)]
struct WayStep {
    from: usize,
    hops: usize,
}

impl Ways {
    fn of(scene: &Scene<'_>) -> Ways {
        let mut neighbours = vec![Vec::new(); scene.subgraph.nodes.len()];
        for (from, link) in scene.links() {
            let to = usize::from(link.node);
            neighbours[from].push(to);
            neighbours[to].push(from);
        }
        neighbours.iter_mut().for_each(|nodes| nodes.sort_unstable());
        let mut steps: Vec<Option<WayStep>> = vec![None; neighbours.len()];
        let mut ahead = VecDeque::new();
        if let Some(centre) = steps.first_mut() {
            *centre = Some(WayStep { from: 0, hops: 0 });
            ahead.push_back((0, 0));
        }
        while let Some((from, hops)) = ahead.pop_front() {
            for &to in &neighbours[from] {
                if steps[to].is_none() {
                    steps[to] = Some(WayStep { from, hops: hops + 1 });
                    ahead.push_back((to, hops + 1));
                }
            }
        }
        Ways { steps }
    }

    fn to(&self, node: usize) -> Vec<usize> {
        let mut way = Vec::new();
        let mut at = node;
        while let Some(step) = self.steps.get(at).copied().flatten() {
            way.push(at);
            if step.hops == 0 {
                way.reverse();
                return way;
            }
            at = step.from;
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::testing::Drawing;
    use proptest::prelude::*;

    fn told(drawing: &str) -> Vec<String> {
        let drawing = Drawing::new(drawing);
        let (subgraph, names, reports) = drawing.parts();
        let scene = Scene::new(&subgraph, &names, &reports, 0).unwrap();
        let name = |nodes: &[usize]| nodes.iter().map(|&node| names[node].as_str()).collect::<Vec<_>>().join(" ");
        evidence_paths(&scene)
            .iter()
            .map(|path| format!("{} > {} ({})", name(&path.over), name(&path.ends), path.reported))
            .collect()
    }

    #[test]
    fn what_shares_a_step_is_told_together() {
        assert_eq!(
            told(
                "account a1 > device d1; device d1 > account a2 2/4; device d1 > account a3 1/1; device d1 > account a4;
                 account a1 > merchant m1 30/10000; device d1 > ip i1 1/1; account a1 > merchant m2 1/2"
            ),
            ["a1 d1 > a2 a3 (3)", "a1 > m2 (1)", "a1 d1 > i1 (1)", "a1 > m1 (30)"]
        );
    }

    #[test]
    fn the_nearest_comes_first_where_as_much_is_reported() {
        assert_eq!(
            told(
                "account a1 > device d1 1/1; account a1 > ip i1; ip i1 > account a2 1/1; account a2 > merchant m1 1/1"
            ),
            ["a1 > d1 (1)", "a1 i1 > a2 (1)", "a1 i1 a2 > m1 (1)"]
        );
    }

    #[test]
    fn the_account_itself_is_evidence_too() {
        assert_eq!(told("account a1 2/4 > device d1"), [" > a1 (2)"]);
    }

    #[test]
    fn of_two_ways_the_shorter_is_taken_and_then_the_earlier() {
        assert_eq!(
            told(
                "account a1 > device d1; account a1 > ip i1; device d1 > ip i1; ip i1 > account a2 1/1; device d1 > account a2"
            ),
            ["a1 d1 > a2 (1)"]
        );
    }

    #[test]
    fn what_nothing_leads_to_is_no_evidence() {
        let drawing = Drawing::new("account a1 > device d1; account a8 1/1 > device d9 1/1");
        let (subgraph, names, reports) = drawing.parts();
        let scene = Scene::new(&subgraph, &names, &reports, 0).unwrap();
        assert_eq!(evidence_paths(&scene), []);
        assert_eq!((way_to(&scene, 1), way_to(&scene, 3), way_to(&scene, 99)), (vec![0, 1], vec![], vec![]));
    }

    proptest! {
        #[test]
        fn every_reported_entity_within_reach_is_told_once(links in proptest::collection::vec((0_u8..9, 0_u8..9), 1..20), reported in 0_u32..512) {
            let drawing = Drawing::of_links(&links, reported);
            let (subgraph, names, reports) = drawing.parts();
            let scene = Scene::new(&subgraph, &names, &reports, 0).unwrap();
            let paths = evidence_paths(&scene);
            let mut ends: Vec<usize> = paths.iter().flat_map(|path| path.ends.clone()).collect();
            ends.sort_unstable();
            let within_reach = |node: &usize| reports[*node].reported > 0 && !way_to(&scene, *node).is_empty();
            prop_assert_eq!(ends, (0..names.len()).filter(within_reach).collect::<Vec<_>>());
            for path in &paths {
                for pair in path.over.windows(2) {
                    prop_assert!(link_between(&scene, pair[0], pair[1]).is_some());
                }
                for &end in &path.ends {
                    prop_assert!(path.over.last().is_none_or(|&last| link_between(&scene, last, end).is_some()));
                }
            }
            prop_assert_eq!(evidence_paths(&scene), paths);
        }
    }
}
