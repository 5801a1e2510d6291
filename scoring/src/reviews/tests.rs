use super::testing::payment;
use super::*;
use crate::cases::{CaseAction, CaseFilter, CaseTarget, Outcome, Status};
use crate::log::{LogConfig, TransactionKey};
use crate::service::Durability;
use crate::testing::Folder;
use crate::verdict::Decision;
use crate::verdict::tests::verdict;
use fraudnet_graph::{Body, Event};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A log with a reviews thread; `told` is what it puts into the log as labels, refused while `deaf`.
struct Desk {
    reviews: Reviews,
    log: EventLog,
    told: Arc<Mutex<Vec<Event>>>,
    deaf: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Desk {
    fn open(folder: &Path) -> Desk {
        let config = LogConfig {
            folder: folder.to_owned(),
            durability: Durability::Os,
            queue: 256,
            lose_unsynced_writes: false,
        };
        let (log, writer) = EventLog::open(&config).unwrap();
        let reviews = Reviews::open(log.clone(), None).unwrap();
        let (told, deaf, ending) =
            (Arc::<Mutex<Vec<Event>>>::default(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (telling, hearing, end) = (Arc::clone(&told), Arc::clone(&deaf), Arc::clone(&ending));
        let links = Links {
            settings: CaseSettings { undo_seconds: 60, ..CaseSettings::default() },
            acts: Box::new(|| true),
            tell: Box::new(move |labels| {
                if hearing.load(Ordering::Relaxed) {
                    return Err("nobody listens".to_owned());
                }
                telling.lock().unwrap().extend_from_slice(labels);
                Ok(())
            }),
            degrade: Box::new(|reason| assert_eq!(reason, None)),
            ending: Box::new(move || end.load(Ordering::Relaxed)),
            runtime: Some(tokio::runtime::Handle::current()),
        };
        let keeping = spawn(&reviews, links).unwrap();
        Desk { reviews, log, told, deaf, ending, threads: vec![keeping, writer] }
    }

    /// Logs a payment and its verdict of `review`, and waits for the case.
    async fn review(&self, id: &str) -> Arc<Case> {
        let (event, key) = (payment(id), TransactionKey::new("bank", id));
        let position = self.log.append_payment(&key, [0; 32], b"{}", |_| true).unwrap();
        let mut made = verdict(Decision::Review);
        made.transaction_id = id.to_owned();
        let case = encode(&opened(&event, &made, clock::now_ms()).unwrap());
        let (sender, durable) = oneshot::channel();
        let done = Box::new(move |outcome: Result<(), Arc<str>>| drop(sender.send(outcome)));
        self.log.append_verdict(&key, [0; 32], position, b"{}", Some(&case), done).unwrap();
        durable.await.unwrap().unwrap();
        self.until("a case", |cases| cases.case_of("bank", id).cloned()).await
    }

    async fn until<T>(&self, what: &str, found: impl Fn(&Cases) -> Option<T>) -> T {
        let until = clock::monotonic() + PATIENCE;
        loop {
            if let Some(found) = self.reviews.look(&found) {
                return found;
            }
            assert!(clock::monotonic() < until, "{what} never came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn act(&self, actor: &str, case: &Case, action: CaseAction) -> Result<Arc<Case>, ReviewError> {
        let target = CaseTarget { case_id: case.case_id.clone(), version: case.version };
        let by = By { tenant: "bank", actor, is_lead: false };
        let change = CaseChange::Acted { target, action };
        let done = self.reviews.submit(by, change, clock::monotonic() + PATIENCE).await?;
        Ok(Arc::clone(&done.changed[0]))
    }

    /// What was told of payments so far, once it is so much.
    async fn told(&self, count: usize) -> Vec<(String, bool)> {
        self.until("a label", |_| (self.told.lock().unwrap().len() >= count).then_some(())).await;
        let told = self.told.lock().unwrap();
        let label = |event: &Event| match &event.body {
            Body::Label(label) => (label.transaction_id.clone(), label.fraud),
            _ => panic!("only labels are told"),
        };
        told.iter().map(label).collect()
    }

    fn close(mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let writer = self.threads.pop();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        self.log.close();
        writer.into_iter().for_each(|writer| writer.join().unwrap());
        self.log.release_file();
    }
}

fn decide(outcome: Outcome) -> CaseAction {
    CaseAction::Decide { outcome, reason: "called the customer".to_owned(), note: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_a_label_and_a_second_one_on_the_same_version_hears_how_the_case_stands() {
    let folder = Folder::new("reviews");
    let desk = Desk::open(&folder.0);
    let case = desk.review("t-1").await;
    assert_eq!((case.account.as_str(), case.status(clock::now_ms())), ("alice", Status::Pending));
    let closed = desk.act("ann", &case, decide(Outcome::ConfirmedFraud)).await.unwrap();
    assert!(closed.is_closed());
    assert_eq!(desk.told(1).await, [("t-1".to_owned(), true)]);
    let late = desk.act("bob", &case, decide(Outcome::FalsePositive)).await.unwrap_err();
    let ReviewError::Refused(Refusal::Stale { newer }) = late else { panic!("{late}") };
    assert_eq!(newer, closed);
    // Taken back within seconds: what was reported is corrected.
    let open = desk.act("ann", &closed, CaseAction::Undo).await.unwrap();
    assert!(!open.is_closed());
    assert_eq!(desk.told(2).await[1], ("t-1".to_owned(), false));
    assert_eq!(desk.reviews.settings().undo_seconds, 60, "what is configured holds");
    desk.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_gives_the_same_cases_and_tells_what_was_not_told() {
    let folder = Folder::new("reviews");
    let desk = Desk::open(&folder.0);
    let case = desk.review("t-1").await;
    let (first, _) = (desk.act("ann", &case, decide(Outcome::ConfirmedFraud)).await.unwrap(), desk.told(1).await);
    // The next payment of the account opens a case of its own, since the first one is closed.
    let other = desk.review("t-2").await;
    desk.deaf.store(true, Ordering::Relaxed);
    let second = desk.act("bob", &other, decide(Outcome::FalsePositive)).await.unwrap();
    let before = desk.reviews.look(Cases::clone);
    assert_eq!(desk.told.lock().unwrap().len(), 1);
    desk.close();

    let desk = Desk::open(&folder.0);
    assert_eq!(desk.reviews.look(Cases::clone), before);
    assert_eq!(desk.reviews.look(|cases| cases.get("bank", &first.case_id).cloned()), Some(first));
    assert_eq!(desk.told(1).await, [("t-2".to_owned(), false)], "told again is only what nobody knows to be told");
    assert_eq!(desk.told.lock().unwrap()[0].actor, "bob");
    assert!(second.is_closed());
    desk.until("the mark", |_| desk.reviews.read().untold.is_empty().then_some(())).await;
    desk.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_ask_at_once_get_fifty_cases() {
    let folder = Folder::new("reviews");
    let desk = Desk::open(&folder.0);
    for number in 0..40 {
        let id = format!("t-{number}");
        let mut event = payment(&id);
        if let Body::Payment(payment) = &mut event.body {
            payment.account = format!("account-{number}");
        }
        let mut made = verdict(Decision::Review);
        made.transaction_id = id.clone();
        let case = encode(&opened(&event, &made, clock::now_ms()).unwrap());
        let key = TransactionKey::new("bank", &id);
        let position = desk.log.append_payment(&key, [0; 32], b"{}", |_| true).unwrap();
        desk.log
            .append_verdict(&key, [0; 32], position, b"{}", Some(&case), Box::new(|durable| durable.unwrap()))
            .unwrap();
    }
    desk.until("forty cases", |cases| cases.case_of("bank", "t-39").map(drop)).await;
    let asking = (0..50).map(|number| {
        let reviews = desk.reviews.clone();
        tokio::spawn(async move {
            let by = By { tenant: "bank", actor: &format!("person-{number}"), is_lead: false };
            let change = CaseChange::TakeNext { filter: CaseFilter::default() };
            reviews.submit(by, change, clock::monotonic() + PATIENCE).await
        })
    });
    let (mut held, mut empty) = (std::collections::BTreeSet::new(), 0);
    for asked in asking.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            Ok(done) => assert!(held.insert(done.changed[0].case_id.clone()), "a case was handed out twice"),
            Err(ReviewError::Refused(Refusal::NothingToTake)) => empty += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((held.len(), empty), (40, 10));
    desk.close();
}
