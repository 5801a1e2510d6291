//! Many cases at once, bounds, settings, and the form of events.

use crate::cases::testing::{Story, case_id, settings};
use crate::cases::*;

#[test]
fn bulk_does_what_its_preview_says() {
    let mut story = Story::told(
        "0 fraudnet review acc-1 a 10000 0.5  => ok
         0 fraudnet review acc-2 b 200000 0.5 => ok
         0 fraudnet review acc-3 c 10000 0.5  => ok
         0 fraudnet review acc-4 d 10000 0.5  => ok
         1 bob take c => ok",
    );
    let targets = ["a", "b", "c", "d", "x"].map(|id| CaseTarget { case_id: case_id(id), version: 1 }).to_vec();
    let action = CaseAction::Decide { outcome: Outcome::ConfirmedFraud, reason: "one ring".to_owned(), note: None };
    let event = CaseEvent {
        event_id: String::new(),
        at_ms: 2_000,
        tenant: "bank".to_owned(),
        actor: "ann".to_owned(),
        is_lead: false,
        change: CaseChange::Bulk { targets, action },
    };
    let preview = story.cases.preview(&event).unwrap();
    assert_eq!((preview.accepted, preview.labels, preview.awaiting_approval), (3, 2, 1));
    assert_eq!(preview.refused.into_iter().collect::<Vec<_>>(), [("no_such_case", 1), ("stale", 1)]);
    story.goes_on(
        "2 ann bulk fraud a,b,c@1,d,x => ok ok stale ok no_such_case +a +d
         3 ann bulk undo a,b,d        => ok ok ok ?+a ?+d
         4 ann bulk fraud a,a         => invalid
         5 ann bulk note a,b,c,d,e,f  => invalid",
    );
    assert!(story.cases.preview(&CaseEvent { tenant: "shop".to_owned(), ..event }).unwrap().accepted == 0);
}

#[test]
fn every_bound_has_an_answer() {
    let mut story = Story::told(
        "0 fraudnet review acc-1 a 100 0.5 => ok
         1 fraudnet review acc-1 b 300 0.5 => ok
         2 fraudnet review acc-1 c 200 0.5 => ok
         3 fraudnet review acc-1 d 400 0.5 => ok
         4 ann note a one   => ok
         5 ann note a two   => ok
         6 ann note a three => ok
         7 ann note a four  => too_many_notes
         8 ann snooze a 8   => invalid
         9 ann snooze a 99999999 => invalid
         9 ann escalate a   => invalid
         9 ann note a       => invalid
         9 fraudnet review acc-9 z 100 1.5 => invalid
         9 fraudnet review acc-9 z 99999999999999999 0.5 => invalid",
    );
    let case = story.case("a");
    let listed: Vec<&str> = case.payments.iter().map(|payment| payment.transaction_id.as_str()).collect();
    assert_eq!(listed, ["b", "c", "d"], "the one with the least expected loss is left out");
    assert_eq!((case.payment_count, case.unlisted_payments(), case.amount_hundredths), (4, 1, 1_000));
    assert_eq!((case.history.len(), case.history_forgotten), (5, 2));
    for number in 2..=6 {
        story.goes_on(&format!("10 fraudnet review acc-{number} a{number} 100 0.5 => ok"));
    }
    story.goes_on(
        "11 fraudnet review acc-7 a7 100 0.5 => full
         12 fraudnet review acc-6 b6 100 0.5 => ok
         13 ann fraud a  => ok +b +c +d
         14 ann fraud a2 => ok +a2
         15 ann fraud a3 => ok +a3
         16 ann fraud a4 => ok +a4
         17 ann fraud a5 => ok +a5",
    );
    assert!(story.cases.get("bank", &case_id("a")).is_none(), "the one that was closed first is forgotten");
    assert_eq!(story.cases.figures("bank", 17_000).closed, 4);
}

#[test]
fn other_settings_hold_from_their_event_on() {
    let mut story = Story::told("0 fraudnet review acc a 10000 0.5 => ok");
    let stricter = CaseSettings { four_eyes_above_hundredths: Some(0), undo_seconds: 0, ..settings() };
    story.happens(1_000, "fraudnet", CaseChange::Configured { settings: stricter }).unwrap();
    story.goes_on(
        "2 ann fraud a     => ok
         2.001 ann undo a  => too_late
         3 bob approve a   => ok +a",
    );
    let odd = CaseSettings { lease_minutes: 0, ..settings() };
    let refused = story.happens(4_000, "fraudnet", CaseChange::Configured { settings: odd }).unwrap_err();
    assert_eq!(refused.to_string(), "lease_minutes is 0, but must be from 1 to 1440");
}

#[test]
fn an_event_reads_as_it_is_written() {
    let event = CaseEvent {
        event_id: "e-1".to_owned(),
        at_ms: 7,
        tenant: "bank".to_owned(),
        actor: "ann".to_owned(),
        is_lead: true,
        change: CaseChange::Acted {
            target: CaseTarget { case_id: "case_1".to_owned(), version: 3 },
            action: CaseAction::Decide {
                outcome: Outcome::FalsePositive,
                reason: "called the customer".to_owned(),
                note: None,
            },
        },
    };
    let json = concat!(
        r#"{"event_id":"e-1","at_ms":7,"tenant":"bank","actor":"ann","is_lead":true,"change":{"kind":"acted","case_id":"case_1","#,
        r#""version":3,"action":{"kind":"decide","outcome":"false_positive","reason":"called the customer"}}}"#
    );
    assert_eq!(serde_json::to_string(&event).unwrap(), json);
    assert_eq!(serde_json::from_str::<CaseEvent>(json).unwrap(), event);
}
