//! One fault from an empty cluster to the verifier's row.

use super::fault::Fault;
use super::inject::Scene;
use super::stage::{Stage, Troupe, blocking, name_of};
use super::traffic::{Plan, Progress, send};
use super::world::World;
use crate::Numbers;
use crate::verifier::{Committed, Input, Journal, Row, judge};
use fraudnet_scoring::clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// How long the cluster may take to come to rest after the last event.
const REST: Duration = Duration::from_secs(120);

/// Size of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of every choice.
    pub seed: u64,
    /// Payments sent.
    pub payments: usize,
    /// How often a replica is killed, a broker stopped, a cable cut.
    pub times: usize,
    /// How long what is taken away stays away.
    pub outage: Duration,
    /// Events a second.
    pub rate: f64,
}

/// Plays one fault; the row, and what was done in words.
///
/// # Panics
/// Where a part of the cluster does not come up or does not come back.
pub async fn play(stage: &mut Stage, fault: Fault, options: &Options) -> (Row, Vec<String>) {
    let mut numbers = Numbers::new(options.seed);
    let mut world = World::simulate(numbers.bits(), options.payments);
    if fault == Fault::Disorder {
        world.disorder(&mut numbers, 50);
    }
    let unsynced = fault == Fault::Unsynced;
    let change = |settings: crate::Settings| settings.set("log.lose_unsynced_writes", unsynced);
    // A name of its own for every run, since topics stay.
    let name = format!("{}-{}", fault.name(), options.seed);
    let mut troupe = Troupe::start(stage, &name, 2, change).await;
    if let Fault::FailPoint(point) = fault {
        arm(&mut troupe, point, &mut numbers).await;
    }

    let (progress, over) = (Arc::new(Progress::default()), Arc::new(AtomicBool::new(false)));
    let plan = Plan {
        seed: numbers.bits(),
        rate: options.rate,
        callers: 24,
        http_percent: 50,
        both_percent: 5,
        poison_every: if fault == Fault::Poison { 10 } else { 0 },
        brokers: stage.kafka.bootstrap(),
        prefix: troupe.site.topics.full(""),
    };
    let events = world.events.len();
    let sent = send(Arc::new(world), plan, Arc::clone(&troupe.targets), Arc::clone(&progress));
    let clients = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            let record = sent.await;
            over.store(true, Ordering::Relaxed);
            record
        }
    });
    let mut scene = Scene {
        stage,
        troupe: &mut troupe,
        numbers,
        progress: Arc::clone(&progress),
        over,
        events,
        times: options.times,
        outage: options.outage,
        notes: Vec::new(),
    };
    scene.inject(fault).await;
    let mut notes = scene.notes;
    let record = clients.await.expect("clients do not panic");
    if !record.unanswered.is_empty() {
        notes.push(format!("{} requests were never answered", record.unanswered.len()));
    }

    let committed = rest(&troupe).await;
    troupe.stop().await;
    let limits = limits(&troupe);
    let journals = journals(&troupe, &mut notes);
    let judgement = blocking(|| judge(&committed, &record, &journals, limits));
    (Row { fault: fault.name(), seed: options.seed, judgement }, notes)
}

/// Starts every replica again so that it dies the n-th time it passes the point, n being of the order of what it passes in a run.
async fn arm(troupe: &mut Troupe, point: &str, numbers: &mut Numbers) {
    for number in 0..troupe.replicas.len() {
        troupe.kill(number);
        // Transactions and syncs are as few as the load is heavy: a batch takes whatever waits.
        let count = match point {
            "during_snapshot" => 1,
            "before_commit" | "after_commit" | "before_journal_sync" => 1 + numbers.below(4),
            _ => 5 + numbers.below(40),
        };
        let at = format!("{point}:{count}");
        troupe.replicas[number].respawn(&[("FRAUDNET_FAIL_AT", &at)]).await;
        troupe.targets.set(number, Some(troupe.replicas[number].address));
    }
}

/// Reads the topics until everything that came in has come out, or nothing more can be hoped for.
pub(super) async fn rest(troupe: &Troupe) -> Committed {
    let mut committed = Committed::default();
    let until = clock::monotonic() + REST;
    loop {
        blocking(|| committed.read_on(&troupe.site.topics));
        let input = Input::read(&committed);
        let out =
            committed.verdicts.len() >= input.payments.len() && committed.dead_letters.len() >= input.invalid.len();
        if out || clock::monotonic() >= until {
            // A second verdict, if anybody is about to commit one, deserves a moment to be seen.
            sleep(Duration::from_millis(500)).await;
            blocking(|| committed.read_on(&troupe.site.topics));
            return committed;
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// The bounds of the graph that the replicas run with.
///
/// # Panics
/// Where the configuration cannot be read that a replica has read.
pub(super) fn limits(troupe: &Troupe) -> fraudnet_graph::Limits {
    let config = troupe.replicas[0].folder().join("config.toml");
    let config = fraudnet_scoring::config::load(Some(&config)).expect("a replica runs with this configuration");
    config.service.limits
}

/// Every journal that replicas of this run have left.
pub(super) fn journals(troupe: &Troupe, notes: &mut Vec<String>) -> Vec<Journal> {
    let mut journals = Vec::new();
    for number in 0.. {
        let folder = troupe.site.replica_folder(&name_of(number)).join("data");
        if !folder.is_dir() {
            break;
        }
        match Journal::read(&folder) {
            Ok(journal) => journals.push(journal),
            Err(reason) => notes.push(format!("the journal of {} cannot be read: {reason}", name_of(number))),
        }
    }
    journals
}
