//! Deciding, agreeing, taking back, and the labels that come of it.

use crate::cases::testing::{Story, case_id};
use crate::cases::*;

#[test]
fn four_eyes_above_the_amount() {
    Story::told(
        "0  fraudnet review acc a 100000 0.5 => ok
         1  ann good a                => ok -a
         20 fraudnet review acc b 100001 0.5 => ok
         21 ann good b                => ok
         22 ann approve b             => same_person
         23 ann take b                => same_person
         24 ann next awaiting_approval => nothing_to_take
         25 ann fraud b               => awaiting_approval
         26 bob next                  => nothing_to_take
         27 bob reject b look at the device => ok
         28 bob approve b             => not_awaiting_approval
         29 bob fraud b               => ok
         30 ann next awaiting_approval => b
         31 ann approve b             => ok +b",
    );
}

#[test]
fn a_payment_that_joins_sets_an_unapproved_decision_aside_and_wakes_the_case() {
    let story = Story::told(
        "0  fraudnet review acc a 200000 0.5 => ok
         1  ann good a        => ok
         2  fraudnet review acc b 100 0.5 => ok
         3  bob approve a     => not_awaiting_approval
         4  ann undo a        => nothing_to_undo
         5  bob snooze a 900  => ok
         6  ann next          => nothing_to_take
         7  fraudnet review acc c 100 0.5 => ok
         8  ann next          => a",
    );
    assert_eq!(story.case("a").payment_count, 3);
}

#[test]
fn an_escalated_case_has_a_lead_among_its_two_pairs_of_eyes() {
    Story::told(
        "0 fraudnet review acc a 200000 0.5 => ok
         1 ann fraud a            => ok
         2 bob escalate a unsure  => ok
         3 bob approve a          => needs_lead
         4 lead-1 approve a       => ok +a
         5 fraudnet review acc b 200000 0.5 => ok
         6 ann escalate b unsure  => ok
         7 lead-1 fraud b         => ok
         8 ann approve b          => ok +b",
    );
}

#[test]
fn undo_takes_back_ones_own_last_action_within_ten_seconds() {
    let story = Story::told(
        "0  fraudnet review acc a 10000 0.5 => ok
         1  ann undo a       => nothing_to_undo
         2  ann take a       => ok
         3  ann fraud a      => ok +a
         4  bob undo a       => not_yours
         5  bob note a hm    => ok
         13 ann undo a       => ok ?+a
         14 ann undo a       => nothing_to_undo
         15 ann good a       => ok -a
         25.001 ann undo a   => too_late
         26 ann reopen a he called again => ok
         27 ann undo a       => nothing_to_undo
         28 ann fraud a      => ok +a
         29 ann undo a       => ok -a
         30 ann unclear a    => ok ?-a
         31 ann undo a       => ok -a
         32 ann snooze a 90  => ok
         33 ann undo a       => ok
         34 ann assign a bob => ok
         35 ann undo a       => ok
         36 ann assign a bob => ok
         37 bob take a       => ok
         38 ann undo a       => nothing_to_undo",
    );
    assert_eq!(story.case("a").notes.len(), 1, "what was written stays");
    assert_eq!(story.case("a").holder(40_000), Some("bob"));
}

#[test]
fn undone_the_holder_holds_it_again_and_an_approval_is_undone_by_who_agreed() {
    let story = Story::told(
        "0  fraudnet review acc a 200000 0.5 => ok
         1  ann take a    => ok
         2  ann fraud a   => ok
         3  ann undo a    => ok
         4  bob take a    => held
         5  ann fraud a   => ok
         6  bob approve a => ok +a
         7  ann undo a    => not_yours
         8  bob undo a    => ok ?+a
         9  ann approve a => same_person
         10 bob approve a => ok +a",
    );
    assert_eq!(story.case("a").standing.decision.as_ref().unwrap().approved_by.as_deref(), Some("bob"));
}

#[test]
fn what_is_opened_again_while_another_case_is_open_goes_into_that() {
    let mut story = Story::told(
        "0  fraudnet review acc a 10000 0.5 => ok
         1  ann escalate a a ring?   => ok
         2  lead-1 good a            => ok -a
         3  fraudnet review acc b 10000 0.5 => ok
         4  lead-1 undo a            => ok ?-a
         5  ann fraud b@1            => stale
         6  ann fraud b              => needs_lead
         7  lead-1 reopen a to see   => merged
         8  lead-1 fraud b           => ok +a +b",
    );
    let (merged, into) = (story.case("a"), story.case("b"));
    assert_eq!(merged.merged_into.as_deref(), Some("case_b"));
    assert_eq!((merged.payment_count, merged.amount_hundredths, merged.payments.len()), (0, 0, 0));
    assert_eq!((into.payment_count, into.amount_hundredths, into.expected_loss_hundredths), (2, 20_000, 10_000));
    assert_eq!((into.since_ms, into.due_at_ms), (0, 3_600_000), "it is due when the older one was");
    story.goes_on("9 fraudnet review acc a 10000 0.5 => known");
}

#[test]
fn labels_of_what_was_taken_back() {
    let mut story = Story::told("0 fraudnet review acc a 10000 0.5 => ok");
    let mut says = |second: i64, action: CaseAction| {
        let target = CaseTarget { case_id: case_id("a"), version: story.case("a").version };
        let effects = story.happens(second * 1000, "ann", CaseChange::Acted { target, action }).unwrap();
        assert_eq!(effects.labels.len(), 1);
        let effect = &effects.labels[0];
        assert_eq!((effect.tenant.as_str(), effect.known_at_ms), ("bank", second * 1000));
        effect.label().map(|label| (label.transaction_id, label.fraud, label.source))
    };
    let decide = |outcome| CaseAction::Decide { outcome, reason: "called".to_owned(), note: None };
    let label = |fraud| Some(("a".to_owned(), fraud, fraudnet_graph::LabelSource::Analyst));
    assert_eq!(says(1, decide(Outcome::ConfirmedFraud)), label(true));
    assert_eq!(says(2, CaseAction::Undo), label(false), "counts in the graph go back");
    assert_eq!(says(3, decide(Outcome::FalsePositive)), label(false));
    assert_eq!(says(4, CaseAction::Undo), None, "the opposite would be a false report");
}
