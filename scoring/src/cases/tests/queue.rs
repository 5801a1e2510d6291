//! The order of the queue, and looking cases up.

use crate::cases::testing::{Story, case_id, payment};
use crate::cases::*;

#[test]
fn a_turn_comes_the_sooner_the_more_is_at_stake() {
    let minute_ms = 60_000;
    for (loss, after_ms) in
        [(0, 240 * minute_ms), (50_000, 120 * minute_ms), (500_000, 1_309_090), (5_000_000, 142_574), (1 << 53, 0)]
    {
        let mut story = Story::new(CaseSettings::default());
        let told = payment("acc", "a", loss, 1.0);
        story.happens(7, "fraudnet", CaseChange::Review { payment: told }).unwrap();
        let case = story.case("a");
        assert_eq!((case.rank_ms, case.due_at_ms), (7 + after_ms, 7 + 240 * minute_ms), "{loss}");
    }
}

#[test]
fn the_queue_goes_by_expected_loss_and_age() {
    let mut story = Story::told(
        "0    fraudnet review acc-1 small 1000 0.5    => ok
         600  fraudnet review acc-2 large 100000 0.9  => ok
         900  fraudnet review acc-3 medium 20000 0.5  => ok
         3500 fraudnet review acc-4 late 9000000 0.9  => ok",
    );
    // The late one is worth far more, but when it came the small one's turn had come: what waits is not passed for ever.
    let page = |story: &Story, filter: &CaseFilter, limit| {
        let page = story.cases.list("bank", 3_600_000, filter, None, limit);
        let ids = page.cases.iter().map(|case| case.case_id.trim_start_matches("case_").to_owned());
        (ids.collect::<Vec<_>>(), page.next)
    };
    let all = CaseFilter::default();
    assert_eq!(page(&story, &all, 9), (["large", "medium", "small", "late"].map(str::to_owned).to_vec(), None));
    let (first, next) = page(&story, &all, 3);
    let rest = story.cases.list("bank", 3_600_000, &all, next.as_ref(), 3);
    assert_eq!((first.len(), rest.cases.len(), rest.next), (3, 1, None));
    assert_eq!(rest.cases[0].case_id, case_id("late"));

    let only = |filter: CaseFilter| page(&story, &filter, 9).0;
    assert_eq!(only(CaseFilter { overdue: Some(true), ..all.clone() }), ["small"]);
    assert_eq!(only(CaseFilter { min_loss_hundredths: Some(50_000), ..all.clone() }), ["large", "late"]);
    assert_eq!(only(CaseFilter { text: Some("acc-3".to_owned()), ..all.clone() }), ["medium"]);
    assert_eq!(only(CaseFilter { text: Some("edi".to_owned()), ..all.clone() }), ["medium"]);
    let figures = story.cases.figures("bank", 3_600_000);
    assert_eq!((figures.pending, figures.overdue, figures.oldest_ms), (4, 1, 3_600_000));

    story.goes_on(
        "3600 ann assign small ann  => ok
         3601 ann next   => large
         3602 bob next   => medium
         3603 cid next   => late
         3604 dan next   => nothing_to_take
         3605 ann next   => small
         3660.999 dan next => nothing_to_take
         3661 dan next   => large
         3661 cid snooze late 3700 => ok
         3700 ann next   => medium
         3701 bob next   => late",
    );
    story.goes_on("3702 ann fraud medium => ok +medium\n3703 ann fraud small => ok +small");
    let only = |filter: CaseFilter| page(&story, &filter, 9).0;
    assert_eq!(only(CaseFilter { status: Some(Status::Closed), ..all.clone() }), ["small", "medium"]);
    assert_eq!(only(CaseFilter { holder: Some("bob".to_owned()), ..all.clone() }), ["late"]);
    assert_eq!(only(CaseFilter { assignee: Some(String::new()), ..all }), ["large", "late"]);
}
