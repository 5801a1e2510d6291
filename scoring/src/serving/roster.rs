//! The roster: every model that may answer a payment now, and by what is ruled, as one snapshot that is swapped whole.
//!
//! Cost: a route is five counted references where no experiment runs, else what [`Assigner::assign`] says.

use super::loaded::LoadedModel;
use super::route::Route;
use super::shadow::Shadow;
use crate::experiments::{Assigner, Assignment, EXCLUDED};
use crate::policy::{CompiledPolicy, ListsState};
use crate::verdict::{ArmTold, Tier};
use fraudnet_graph::{Body, Event};
use fraudnet_models::ModelRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Models below a first one, best first.
pub type Rungs = Arc<[Arc<LoadedModel>]>;
/// The rungs of a ladder: `trees_v2`, `trees_v1`; none where there is no such model.
pub(super) type Ladder = [Option<Arc<LoadedModel>>; 2];

/// What serves.
pub struct Roster {
    /// The model of every payment that no experiment says otherwise of.
    pub champion: Arc<LoadedModel>,
    /// The rungs below it: `trees_v2`, `trees_v1`; none where there is no such model.
    pub ladder: [Option<Arc<LoadedModel>>; 2],
    /// The operator's policy.
    pub policy: Arc<CompiledPolicy>,
    /// The operator's lists.
    pub lists: Arc<ListsState>,
    below_champion: Rungs,
    tried: Tried,
}

/// What experiments try.
#[derive(Default)]
pub(super) struct Tried {
    pub(super) assigner: Assigner,
    /// Models of arms, each with the rungs below it; one that could not be loaded is not among them.
    pub(super) models: BTreeMap<ModelRef, (Arc<LoadedModel>, Rungs)>,
    /// Policies of arms by version; one that cannot be read is not among them.
    pub(super) policies: BTreeMap<String, Arc<CompiledPolicy>>,
}

impl Roster {
    pub(super) fn new(
        champion: Arc<LoadedModel>,
        ladder: Ladder,
        policy: Arc<CompiledPolicy>,
        lists: Arc<ListsState>,
        tried: Tried,
    ) -> Roster {
        let below_champion = below(&champion, &ladder);
        Roster { champion, ladder, policy, lists, below_champion, tried }
    }

    /// By what a payment is decided.
    pub fn route(&self, event: &Event) -> Route {
        let mut route = Route {
            model: Arc::clone(&self.champion),
            rungs: Arc::clone(&self.below_champion),
            policy: Arc::clone(&self.policy),
            lists: Arc::clone(&self.lists),
            points: None,
            arms: Vec::new(),
            shadows: Vec::new(),
        };
        if let (false, Body::Payment(payment)) = (self.tried.assigner.is_empty(), &event.body) {
            for assignment in self.tried.assigner.assign(&event.tenant, &payment.account) {
                self.follow(assignment, &mut route);
            }
        }
        route
    }

    /// Has a route follow what an experiment says.
    fn follow(&self, assignment: Assignment, route: &mut Route) {
        let Assignment { experiment, arm, shadow, model, policy, operating_points } = assignment;
        let known = model.as_ref().map(|model| self.tried.models.get(model));
        let own = policy.as_ref().map(|policy| self.tried.policies.get(policy));
        if matches!(known, Some(None)) || matches!(own, Some(None)) {
            // Its model or policy is not to be had here: decided as without the experiment, and told so.
            if !shadow {
                route.arms.push(ArmTold { experiment, arm: EXCLUDED.to_owned() });
            }
            return;
        }
        let (known, own) = (known.flatten(), own.flatten());
        if shadow {
            route.shadows.push(Shadow {
                experiment,
                arm,
                model: known.map(|(model, _)| Arc::clone(model)),
                policy: Arc::clone(own.unwrap_or(&self.policy)),
                points: operating_points,
            });
            return;
        }
        if let Some((model, rungs)) = known {
            (route.model, route.rungs) = (Arc::clone(model), Arc::clone(rungs));
        }
        if let Some(policy) = own {
            route.policy = Arc::clone(policy);
        }
        route.points = operating_points.or(route.points);
        route.arms.push(ArmTold { experiment, arm });
    }

    /// The policy of that version, where an experiment tries it.
    pub(super) fn policy_of(&self, version: &str) -> Option<&Arc<CompiledPolicy>> {
        self.tried.policies.get(version)
    }

    /// Every model in it, with its role.
    pub fn models(&self) -> impl Iterator<Item = (&'static str, &Arc<LoadedModel>)> {
        let [trees_v2, trees_v1] = &self.ladder;
        let rungs = [("trees_v2", trees_v2), ("trees_v1", trees_v1)].into_iter();
        std::iter::once(("champion", &self.champion))
            .chain(rungs.filter_map(|(role, model)| Some((role, model.as_ref()?))))
            .chain(self.tried.models.values().map(|(model, _)| ("experiment", model)))
    }
}

/// The rungs below a model: those of a lower place than its own tier, itself not among them.
pub(super) fn below(model: &LoadedModel, ladder: &Ladder) -> Rungs {
    let place = match model.tier {
        Tier::TreesV1 => 2,
        Tier::TreesV2 => 1,
        Tier::Hybrid | Tier::Custom | Tier::Rules | Tier::Default => 0,
    };
    let lower = ladder.iter().skip(place).flatten();
    lower.filter(|rung| rung.model != model.model).map(Arc::clone).collect()
}

#[cfg(test)]
mod tests {
    use super::super::loaded::fake;
    use super::*;
    use crate::control::Meta;
    use crate::experiments::{ExperimentChange, ExperimentsState};
    use fraudnet_features::FeatureSet;
    use fraudnet_graph::{Channel, Payment, SCHEMA_VERSION};
    use fraudnet_models::Scorer;
    use serde_json::json;

    fn model(name: &str) -> Arc<LoadedModel> {
        fake::model(name, |tensors| Ok(vec![0.0; tensors.len()]))
    }

    fn trees(name: &str, features: FeatureSet) -> Arc<LoadedModel> {
        fake::model_of(name, Scorer::Trees { features }, |tensors| Ok(vec![0.0; tensors.len()]))
    }

    fn names(rungs: &Rungs) -> Vec<&str> {
        rungs.iter().map(|rung| &rung.model.name[..]).collect()
    }

    fn payment(account: &str) -> Event {
        Event {
            event_id: "e".to_owned(),
            tenant: "t".to_owned(),
            schema_version: SCHEMA_VERSION,
            occurred_at_ms: 0,
            ingested_at_ms: 0,
            source: "test".to_owned(),
            actor: String::new(),
            body: Body::Payment(Payment {
                transaction_id: "1".to_owned(),
                account: account.to_owned(),
                device: None,
                ip: None,
                merchant: None,
                counterparty: None,
                amount_minor: 1,
                currency: *b"EUR",
                channel: Channel::Ecommerce,
                merchant_category: None,
                account_country: None,
                ip_country: None,
                merchant_country: None,
            }),
        }
    }

    /// A roster in which these experiments run; `b` is the one model besides the champion that could be loaded.
    fn roster(experiments: &[serde_json::Value]) -> Roster {
        let mut state = ExperimentsState::default();
        for (position, spec) in (1..).zip(experiments) {
            let meta = Meta { position, at_ms: 0, actor: "anna".to_owned() };
            let spec = serde_json::from_value(spec.clone()).unwrap();
            state.apply(&meta, &ExperimentChange::Created { spec }).unwrap();
        }
        let ladder = [Some(trees("trees-v2", FeatureSet::V2)), Some(trees("trees-v1", FeatureSet::V1))];
        let tried = model("b");
        let rungs = below(&tried, &ladder);
        let models = BTreeMap::from([(tried.model.clone(), (tried, rungs))]);
        let tried = Tried { assigner: Assigner::new(&state), models, policies: BTreeMap::new() };
        Roster::new(model("a"), ladder, Arc::new(CompiledPolicy::none()), Arc::default(), tried)
    }

    fn experiment(name: &str, model: &str, exposure: serde_json::Value) -> serde_json::Value {
        json!({ "name": name, "arms": [{ "name": "new", "model": model }], "stages": [{ "exposure": exposure }] })
    }

    #[test]
    fn the_rungs_below_a_model_are_those_of_a_lower_tier() {
        let [v2, v1] = [trees("trees-v2", FeatureSet::V2), trees("trees-v1", FeatureSet::V1)];
        let ladder = [Some(Arc::clone(&v2)), Some(Arc::clone(&v1))];
        assert_eq!(names(&below(&model("a"), &ladder)), ["trees-v2", "trees-v1"]);
        assert_eq!(names(&below(&v2, &ladder)), ["trees-v1"]);
        assert!(below(&v1, &ladder).is_empty());
        assert_eq!(names(&below(&model("a"), &[None, Some(v1)])), ["trees-v1"]);
    }

    #[test]
    fn a_route_follows_the_arm_and_names_it() {
        let everybody = || json!({ "kind": "tenants", "tenants": ["t"] });
        let route = roster(&[]).route(&payment("anna"));
        assert_eq!((&route.model.model.name[..], route.arms.len(), names(&route.rungs).len()), ("a", 0, 2));

        let route = roster(&[experiment("one", "b/1", everybody())]).route(&payment("anna"));
        let told = |experiment: &str, arm: &str| ArmTold { experiment: experiment.to_owned(), arm: arm.to_owned() };
        assert_eq!((&route.model.model.name[..], &route.arms[..]), ("b", &[told("one", "new")][..]));
        assert!(route.shadows.is_empty() && names(&route.rungs) == ["trees-v2", "trees-v1"]);

        // A model that is not there: decided as without the experiment, and not counted for its arm.
        let route = roster(&[experiment("one", "c/1", everybody())]).route(&payment("anna"));
        assert_eq!((&route.model.model.name[..], &route.arms[..]), ("a", &[told("one", EXCLUDED)][..]));

        let shadow = json!({ "kind": "shadow" });
        let route = roster(&[experiment("one", "b/1", shadow)]).route(&payment("anna"));
        assert_eq!((&route.model.model.name[..], route.arms.len()), ("a", 0));
        let shadow = &route.shadows[0];
        assert_eq!((&shadow.experiment[..], &shadow.arm[..]), ("one", "new"));
        assert_eq!(shadow.model.as_ref().unwrap().model.name, "b");
    }

    #[test]
    fn other_thresholds_are_for_the_model_they_were_set_for() {
        use crate::serving::Answer;
        use crate::verdict::{Decision, TierCause};
        let lowered = json!({
            "name": "strict",
            "arms": [{ "name": "strict", "operating_points": { "challenge": 0.01, "review": 0.02, "decline": 0.03 } }],
            "stages": [{ "exposure": { "kind": "tenants", "tenants": ["t"] } }],
        });
        let roster = roster(&[lowered]);
        let (route, event) = (roster.route(&payment("anna")), payment("anna"));
        let features = vec![0.0; fraudnet_features::schema::payment_features().len()];
        let answer = |by: &Arc<LoadedModel>, cause| Answer::Model {
            by: Arc::clone(by),
            logit: -2.0,
            waited: Default::default(),
            ran: Default::default(),
            cause,
        };
        let own = route.rule(&answer(&route.model, None), &event, &features);
        assert_eq!((own.decision, own.tier), (Decision::Decline, Tier::Hybrid), "0.12 is above 0.03");
        assert_ne!(own.policy_version, route.model.policy.version(), "a verdict tells that it was ruled otherwise");
        let below = route.rule(&answer(&route.rungs[0], Some(TierCause::Deadline)), &event, &features);
        assert_eq!((below.decision, below.tier), (Decision::Approve, Tier::TreesV2));
        assert_eq!(below.policy_version, route.rungs[0].policy.version());
        let rules = route.rule(&Answer::Rules { cause: TierCause::Deadline }, &event, &features);
        assert_eq!((rules.decision, rules.tier), (Decision::Approve, Tier::Rules));
        let unseen = route.rule_unseen(Decision::Review, &event);
        assert_eq!((unseen.decision, unseen.tier, unseen.risk_score), (Decision::Review, Tier::Default, 0));
    }
}
