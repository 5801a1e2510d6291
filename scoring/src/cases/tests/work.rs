//! Working on cases: who holds which, and who sees what.

use crate::cases::testing::{Story, case_id, payment, person, settings};
use crate::cases::*;

#[test]
fn a_review_opens_or_joins_and_after_closing_a_new_case_opens() {
    let mut story = Story::told(
        "0  fraudnet review acc-1 a 10000 0.5  => ok
         5  fraudnet review acc-1 b 20000 0.25 => ok
         6  fraudnet review acc-2 c 10000 0.5  => ok
         7  fraudnet review acc-1 b 20000 0.25 => known
         9  ann take a    => ok
         10 ann fraud a   => ok +a +b
         11 fraudnet review acc-1 b 20000 0.25 => known
         12 fraudnet review acc-1 d 10000 0.5  => ok",
    );
    let closed = story.case("a");
    assert_eq!((closed.payment_count, closed.amount_hundredths, closed.expected_loss_hundredths), (2, 30_000, 10_000));
    assert_eq!((closed.version, closed.status(10_000)), (4, Status::Closed));
    assert_eq!(story.cases.open_case_of("bank", "acc-1").unwrap().case_id, case_id("d"));
    assert_eq!(story.cases.case_of("bank", "b").unwrap().case_id, case_id("a"));
    // Another tenant's account of that name is another account.
    story.tenant = "shop".to_owned();
    story.goes_on("13 fraudnet review acc-1 a 10000 0.5 => ok");
    assert_eq!(story.cases.figures("bank", 13_000).pending, 2);
    assert_eq!(story.cases.figures("shop", 13_000).pending, 1);
}

#[test]
fn one_person_holds_a_case_until_the_lease_ends() {
    let story = Story::told(
        "0   fraudnet review acc a 10000 0.5 => ok
         1   ann take a      => ok
         2   bob take a@1    => stale
         3   bob take a      => held
         4   bob fraud a     => held
         5   bob snooze a 50 => held
         6   bob assign a bob  => held
         7   bob note a I know him => ok
         8   bob release a   => held
         50  ann take a      => ok
         109 bob take a      => held
         110 bob take a      => ok
         111 ann release a   => held
         112 bob release a   => ok
         113 bob release a   => not_held
         114 ann good a      => ok -a
         115 ann take a      => closed",
    );
    let told: Vec<u64> = story.case("a").history.iter().map(|step| step.version).collect();
    assert_eq!((told, story.case("a").history_forgotten), (vec![3, 4, 5, 6, 7], 2));
}

#[test]
fn a_lead_takes_a_case_away_and_escalated_ones_are_theirs() {
    let story = Story::told(
        "0  fraudnet review acc a 10000 0.5 => ok
         1  ann take a               => ok
         2  lead-1 assign a bob      => ok
         3  ann fraud a              => assigned
         4  bob escalate a looks like a ring => ok
         5  bob escalate a again     => escalated
         6  bob fraud a              => needs_lead
         7  ann take a               => needs_lead
         8  ann next                 => nothing_to_take
         9  lead-1 next              => a
         10 lead-2 release a         => ok
         11 lead-1 fraud a           => ok +a",
    );
    assert!(story.case("a").standing.decision.as_ref().unwrap().as_lead);
}

#[test]
fn a_tenant_sees_and_changes_nothing_of_another() {
    let mut story = Story::told(
        "0 fraudnet review acc a 10000 0.5 => ok
         1 ann fraud a => ok +a
         2 fraudnet review acc b 10000 0.5 => ok",
    );
    story.tenant = "shop".to_owned();
    story.goes_on(
        "3 eve take b@1   => no_such_case
         4 eve undo a@2   => no_such_case
         5 eve next       => nothing_to_take
         6 eve bulk note a,b hm => no_such_case no_such_case",
    );
    let all = CaseFilter::default();
    assert!(story.cases.get("shop", &case_id("a")).is_none() && story.cases.case_of("shop", "a").is_none());
    assert!(story.cases.list("shop", 9_000, &all, None, 10).cases.is_empty());
    assert!(story.cases.next("shop", person("eve"), 9_000, &all).is_none());
    assert_eq!(story.cases.figures("shop", 9_000), CaseFigures::default());
    assert_eq!(story.cases.tenants().collect::<Vec<_>>(), ["bank"], "asking leaves nothing behind");
}

#[test]
fn a_stale_action_hears_how_the_case_stands() {
    let mut story = Story::told(
        "0 fraudnet review acc a 10000 0.5 => ok
         1 ann note a first => ok",
    );
    let target = CaseTarget { case_id: case_id("a"), version: 1 };
    let refused = story.happens(2_000, "bob", CaseChange::Acted { target, action: CaseAction::Take }).unwrap_err();
    assert_eq!(refused.to_string(), "the case changed since: it has version 2 now; look at it and act on that");
    let Refusal::Stale { newer } = refused else { panic!("{refused:?}") };
    assert_eq!(newer.notes[0].text, "first");
}

#[test]
fn script_is_text() {
    let script = "<script>alert(1)</script>";
    let mut story = Story::new(settings());
    story.happens(0, "fraudnet", CaseChange::Review { payment: payment(script, "<b>", 1, 0.5) }).unwrap();
    let target = CaseTarget { case_id: case_id("<b>"), version: 1 };
    let action = CaseAction::Note { text: script.to_owned() };
    story.happens(1, "ann", CaseChange::Acted { target, action }).unwrap();
    let json = serde_json::to_string(story.case("<b>")).unwrap();
    let read: Case = serde_json::from_str(&json).unwrap();
    assert_eq!((read.account.as_str(), read.notes[0].text.as_str()), (script, script));
    assert_eq!(read, *story.case("<b>"));
    let found = CaseFilter { text: Some("<b>".to_owned()), ..CaseFilter::default() };
    assert_eq!(story.cases.list("bank", 2, &found, None, 10).cases.len(), 1);
}
