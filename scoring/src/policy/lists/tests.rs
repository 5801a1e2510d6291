use super::*;

fn meta(at_ms: i64) -> Meta {
    Meta { position: at_ms as u64, at_ms, actor: "anna".to_owned() }
}

fn put(list: ListName, entity: ListedKind, id: &str, expires_at_ms: Option<i64>) -> ListChange {
    let (tenant, reason) = ("t".to_owned(), format!("because of {id}"));
    ListChange::Put { list, entity, id: id.to_owned(), tenant, reason, expires_at_ms }
}

fn removed(list: ListName, entity: ListedKind, id: &str) -> ListChange {
    ListChange::Removed { list, entity, id: id.to_owned(), tenant: "t".to_owned() }
}

#[test]
fn entries_are_put_replaced_found_until_they_expire_and_taken_off() {
    let mut lists = ListsState::default();
    lists.apply(&meta(1), &put(ListName::Block, ListedKind::Device, "d", Some(100))).unwrap();
    lists.apply(&meta(2), &put(ListName::Allow, ListedKind::Device, "d", None)).unwrap();
    assert_eq!(lists.len(), 2);
    let at = |lists: &ListsState, at_ms| lists.on("t", ListedKind::Device, "d", at_ms).map(|entry| entry.is_some());
    assert_eq!(at(&lists, 99), [true, true, false]);
    assert_eq!(at(&lists, 100), [true, false, false], "judged by the payment's time");
    assert_eq!(lists.on("u", ListedKind::Device, "d", 1), [None; 3], "tenants share nothing");
    assert_eq!(lists.on("t", ListedKind::Account, "d", 1), [None; 3]);

    let before = lists.clone();
    lists.apply(&meta(3), &put(ListName::Block, ListedKind::Device, "d", None)).unwrap();
    assert_eq!((lists.len(), at(&lists, 100)), (2, [true, true, false]), "the entry is replaced");
    assert_eq!(at(&before, 100), [true, false, false], "a copy stays as it was");
    lists.apply(&meta(4), &removed(ListName::Block, ListedKind::Device, "d")).unwrap();
    let refusal = lists.apply(&meta(5), &removed(ListName::Block, ListedKind::Device, "d")).unwrap_err();
    assert!(refusal.contains("not on the block list"), "{refusal}");
    lists.apply(&meta(6), &removed(ListName::Allow, ListedKind::Device, "d")).unwrap();
    assert!(lists.is_empty() && lists.shards.iter().all(|shard| shard.is_empty()));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut lists = ListsState::default();
    let with = |id: &str, reason: &str, expires_at_ms| ListChange::Put {
        list: ListName::Watch,
        entity: ListedKind::Ip,
        id: id.to_owned(),
        tenant: "t".to_owned(),
        reason: reason.to_owned(),
        expires_at_ms,
    };
    for (change, expected) in [
        (with("", "r", None), "1 to 128 bytes"),
        (with("i", " ", None), "the reason"),
        (with("i", "two\nlines", None), "one line"),
        (with("i", "r", Some(10)), "before it began"),
    ] {
        let refusal = lists.apply(&meta(10), &change).unwrap_err();
        assert!(refusal.contains(expected), "{refusal}");
        assert!(lists.is_empty());
    }
}

#[test]
fn a_tenants_entries_come_in_order_page_by_page() {
    let mut lists = ListsState::default();
    for number in (0..500).rev() {
        lists.apply(&meta(1), &put(ListName::Block, ListedKind::Account, &format!("a-{number:03}"), None)).unwrap();
    }
    lists.apply(&meta(1), &put(ListName::Watch, ListedKind::Account, "a-007", None)).unwrap();
    lists.apply(&meta(1), &put(ListName::Allow, ListedKind::Merchant, "shop", None)).unwrap();
    let other = ListChange::Put {
        list: ListName::Block,
        entity: ListedKind::Account,
        id: "a-000".to_owned(),
        tenant: "tt".to_owned(),
        reason: "another bank".to_owned(),
        expires_at_ms: None,
    };
    lists.apply(&meta(1), &other).unwrap();
    let all: Vec<(&str, &str)> = lists.of_tenant("t", None).map(|listed| (listed.id, listed.list)).collect();
    assert_eq!(all.len(), 502);
    assert_eq!(all[7..9], [("a-007", "block"), ("a-007", "watch")]);
    assert_eq!(all[501], ("shop", "allow"));
    let mut paged = Vec::new();
    let mut after: Option<(ListedKind, String)> = None;
    loop {
        let from = after.as_ref().map(|(kind, id)| (*kind, id.as_str()));
        let page: Vec<Listed> = lists.of_tenant("t", from).take(100).collect();
        let Some(last) = page.last() else { break };
        paged.extend(page.iter().map(|listed| (listed.id, listed.list)));
        after = Some((ListedKind::from_name(last.entity).unwrap(), last.id.to_owned()));
    }
    // A page that ends between two entries of one entity goes on with the next entity.
    assert!(paged.len() >= 501 && paged.iter().all(|entry| all.contains(entry)));
    let json = serde_json::to_value(&lists).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 503);
    assert_eq!(
        (&json[0]["tenant"], &json[0]["id"], &json[502]["tenant"]),
        (&"t".into(), &"a-000".into(), &"tt".into())
    );
}

#[test]
fn expired_entries_make_room() {
    let mut lists = ListsState::default();
    for number in 0..300 {
        let expires = (number % 3 == 0).then_some(50);
        lists.apply(&meta(1), &put(ListName::Block, ListedKind::Device, &format!("d-{number}"), expires)).unwrap();
    }
    lists.forget_expired(49);
    assert_eq!(lists.len(), 300);
    lists.forget_expired(50);
    assert_eq!((lists.len(), lists.of_tenant("t", None).count()), (200, 200));
}
