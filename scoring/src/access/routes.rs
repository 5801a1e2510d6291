//! Every route and what it takes to use it. A request that no row is for is refused: a new route without a row is unusable, not open.

use super::permission::Permission;

/// What it takes to use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing. A credential that comes along is not looked at.
    Open,
    /// To be somebody, whoever.
    SignedIn,
    /// A permission.
    May(Permission),
}

use Permission as P;
use Requirement::{May, Open, SignedIn};

/// Every route: method, path as documented, and what it takes.
pub const ROUTES: &[(&str, &str, Requirement)] = &[
    ("post", "/v1/transactions:score", May(P::ScorePayments)),
    ("get", "/v1/verdicts/{transaction_id}", May(P::ReadVerdicts)),
    ("get", "/v1/verdicts/{transaction_id}/subgraph", May(P::ReadEvidence)),
    ("get", "/v1/verdicts/{transaction_id}/explanation", May(P::ReadEvidence)),
    ("post", "/v1/labels", May(P::TellLabels)),
    ("get", "/v1/entities/{kind}/{id}/subgraph", May(P::ReadEvidence)),
    ("get", "/v1/entities/{kind}/{id}/payments", May(P::ReadEvidence)),
    ("get", "/v1/rings", May(P::ReadEvidence)),
    ("get", "/v1/rings/{ring_id}", May(P::ReadEvidence)),
    ("get", "/v1/reviews", May(P::ReadCases)),
    ("get", "/v1/reviews/settings", May(P::ReadCases)),
    ("get", "/v1/reviews/{case_id}", May(P::ReadCases)),
    ("post", "/v1/reviews:next", May(P::WorkCases)),
    ("post", "/v1/reviews:bulk", May(P::WorkCases)),
    ("post", "/v1/reviews:bulk-preview", May(P::WorkCases)),
    // Whether somebody acts as a lead is a matter of the case: the fold of the cases refuses what needs one.
    ("post", "/v1/reviews/{case_id}:{step}", May(P::WorkCases)),
    ("get", "/v1/changes", May(P::ReadControl)),
    ("get", "/v1/drift", May(P::ReadControl)),
    ("get", "/v1/experiments", May(P::ReadControl)),
    ("post", "/v1/experiments", May(P::ChangeModels)),
    ("get", "/v1/experiments/{name}", May(P::ReadControl)),
    ("post", "/v1/experiments/{name}:{step}", May(P::ChangeModels)),
    ("get", "/v1/models", May(P::ReadControl)),
    ("post", "/v1/models:rollback", May(P::ChangeModels)),
    ("get", "/v1/models/{name}/{version}", May(P::ReadControl)),
    // Loads the model and runs its golden vectors: no small thing to ask for.
    ("post", "/v1/models/{name}/{version}:verify", May(P::ChangeModels)),
    ("post", "/v1/models/{name}/{version}:publish", May(P::ChangeModels)),
    ("put", "/v1/models/aliases/{alias}", May(P::ChangeModels)),
    ("get", "/v1/policies", May(P::ReadControl)),
    ("post", "/v1/policies", May(P::ChangePolicies)),
    ("get", "/v1/policies/active", May(P::ReadControl)),
    ("put", "/v1/policies/active", May(P::ChangePolicies)),
    ("get", "/v1/policies/{version}", May(P::ReadControl)),
    ("post", "/v1/policies:dry-run", May(P::TryPolicies)),
    ("get", "/v1/policies:dry-run", May(P::ReadControl)),
    ("delete", "/v1/policies:dry-run", May(P::TryPolicies)),
    ("get", "/v1/lists", May(P::ReadLists)),
    ("get", "/v1/lists/{list}/{kind}/{id}", May(P::ReadLists)),
    ("put", "/v1/lists/{list}/{kind}/{id}", May(P::ChangeLists)),
    ("delete", "/v1/lists/{list}/{kind}/{id}", May(P::ChangeLists)),
    ("get", "/v1/training/stream", May(P::ReadTraining)),
    ("get", "/v1/audit/head", May(P::ReadAudit)),
    ("get", "/v1/audit/key", May(P::ReadAudit)),
    ("get", "/v1/audit/proof", May(P::ReadAudit)),
    ("get", "/v1/audit/proof/{transaction_id}", May(P::ReadAudit)),
    ("get", "/v1/audit/consistency", May(P::ReadAudit)),
    ("get", "/v1/access/tokens", May(P::ReadAccess)),
    ("post", "/v1/access/tokens", May(P::ManageAccess)),
    ("delete", "/v1/access/tokens/{token_id}", May(P::ManageAccess)),
    ("get", "/v1/access/people", May(P::ReadAccess)),
    ("post", "/v1/access/people", May(P::ManageAccess)),
    ("delete", "/v1/access/people/{rule_id}", May(P::ManageAccess)),
    ("get", "/v1/privacy", May(P::ReadPrivacy)),
    ("post", "/v1/privacy/erasures", May(P::ErasePeople)),
    ("post", "/v1/privacy/reveal", May(P::RevealPeople)),
    ("get", "/v1/session", SignedIn),
    ("post", "/v1/session", Open),
    // Signing out works with a session that ended already.
    ("delete", "/v1/session", Open),
    ("get", "/v1/session/oidc", Open),
    ("get", "/v1/session/oidc/callback", Open),
    ("get", "/livez", Open),
    ("get", "/readyz", Open),
    ("get", "/metrics", May(P::ReadMetrics)),
    ("get", "/openapi.json", Open),
    ("get", "/", Open),
    ("get", "/console", Open),
    ("get", "/console/", Open),
    ("get", "/console/{*file}", Open),
];

/// What a request takes, by its method and the path as it came, without the query; none where no row is for it. Of several the one with
/// the fewest placeholders counts.
pub fn requirement_of(method: &str, path: &str) -> Option<Requirement> {
    // Whoever may get a thing may ask for its head.
    let method = if method.eq_ignore_ascii_case("head") { "get" } else { method };
    let fitting = ROUTES.iter().filter(|(of, template, _)| of.eq_ignore_ascii_case(method) && fits(template, path));
    fitting.min_by_key(|(_, template, _)| template.matches('{').count()).map(|(_, _, requirement)| *requirement)
}

/// The methods that a path takes, upper case, for an `Allow` header; none where there is no such path.
pub fn methods_of(path: &str) -> Vec<String> {
    let mut methods: Vec<String> =
        ROUTES.iter().filter(|row| fits(row.1, path)).map(|row| row.0.to_ascii_uppercase()).collect();
    methods.sort();
    methods.dedup();
    methods
}

/// The steps that can be taken with what is at that path, as documented: `/v1/experiments/{name}:{step}`.
pub fn steps_of(path: &str) -> Vec<&'static str> {
    let begins = |template: &&'static str| {
        template.rsplit_once("}:").is_some_and(|(thing, _)| fits(&format!("{thing}}}"), path))
    };
    ROUTES.iter().map(|row| row.1).filter(begins).collect()
}

/// Whether a path is of that form: `{name}` stands for one segment, `{name}:step` for one that ends so, `{*name}` for all that follows.
fn fits(template: &str, path: &str) -> bool {
    let (mut forms, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (forms.next(), segments.next()) {
            (None, None) => return true,
            (Some(form), Some(segment)) if form.starts_with("{*") => return !segment.is_empty(),
            (Some(form), Some(segment)) if segment_fits(form, segment) => {}
            _ => return false,
        }
    }
}

fn segment_fits(form: &str, segment: &str) -> bool {
    if !form.starts_with('{') {
        return form == segment;
    }
    let Some((_, step)) = form.split_once("}:") else { return !segment.is_empty() };
    // As the handlers take it apart: identifiers may hold colons themselves, behind the last one stands the step. A step that is encoded is
    // none that anybody would write.
    let segment = segment.replace("%3A", ":").replace("%3a", ":");
    segment.rsplit_once(':').is_some_and(|(id, told)| {
        !id.is_empty() && !told.is_empty() && !told.contains('%') && (step.starts_with('{') || step == told)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_is_found_by_a_path_of_its_form() {
        let mut seen = HashSet::new();
        for (method, template, requirement) in ROUTES {
            assert!(seen.insert((method, template)), "{method} {template} has one row");
            assert_eq!(
                requirement_of(method, &template.replace(['{', '}', '*'], "")),
                Some(*requirement),
                "{template}"
            );
        }
    }

    #[test]
    fn paths() {
        for (method, path, expected) in [
            ("GET", "/v1/reviews/settings", Some(May(P::ReadCases))),
            ("HEAD", "/v1/verdicts/tx%2F1", Some(May(P::ReadVerdicts))),
            ("POST", "/v1/reviews/case:7:approve", Some(May(P::WorkCases))),
            ("POST", "/v1/models/hybrid/1:verify", Some(May(P::ChangeModels))),
            ("GET", "/console/assets/index.js", Some(Open)),
            ("POST", "/v1/models/hybrid/1:burn", None),
            ("POST", "/v1/models/hybrid/1%3averify", Some(May(P::ChangeModels))),
            ("POST", "/v1/models/hybrid/1:verify%3Apublish", Some(May(P::ChangeModels))),
            ("POST", "/v1/models/hybrid/1:verify%253Apublish", None),
            ("POST", "/v1/models/hybrid/1:%76erify", None),
            ("POST", "/v1/models:rollback%3Ax", None),
            ("POST", "/v1/reviews/case", None),
            ("POST", "/v1/reviews/:take", None),
            ("DELETE", "/v1/verdicts/tx", None),
            ("OPTIONS", "/v1/labels", None),
            ("GET", "/v1/verdicts/", None),
            ("GET", "/v1/verdicts/tx/", None),
            ("GET", "//v1/verdicts/tx", None),
            ("GET", "/v1/secret", None),
            ("GET", "", None),
        ] {
            assert_eq!(requirement_of(method, path), expected, "{method} {path}");
        }
        assert_eq!(methods_of("/v1/policies:dry-run"), ["DELETE", "GET", "POST"]);
        assert!(methods_of("/v1/secret").is_empty());
        assert_eq!(steps_of("/v1/experiments/trial"), ["/v1/experiments/{name}:{step}"]);
        assert_eq!(steps_of("/v1/models/hybrid/1:burn").len(), 2);
        assert!(steps_of("/v1/labels").is_empty());
    }

    #[test]
    fn what_is_open_is_open_on_purpose() {
        let open: Vec<_> =
            ROUTES.iter().filter(|row| row.2 == Open).map(|(method, path, _)| (*method, *path)).collect();
        let meant = [
            ("post", "/v1/session"),
            ("delete", "/v1/session"),
            ("get", "/v1/session/oidc"),
            ("get", "/v1/session/oidc/callback"),
            ("get", "/livez"),
            ("get", "/readyz"),
            ("get", "/openapi.json"),
            ("get", "/"),
            ("get", "/console"),
            ("get", "/console/"),
            ("get", "/console/{*file}"),
        ];
        assert_eq!(open, meant);
    }
}
