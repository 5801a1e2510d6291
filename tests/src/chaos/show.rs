//! The demo of a cluster: Kafka, Redis and two replicas; payments over HTTP and the stream; the replica that decides is killed half way.

use super::play::{journals, limits, rest};
use super::screen::{Screen, grouped};
use super::stage::{Stage, Troupe, blocking, name_of};
use super::traffic::{Plan, Progress, send};
use super::world::World;
use crate::cluster::{Parts, Topics};
use crate::verifier::{Record, Row, judge, table};
use fraudnet_scoring::clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Payments sent.
const PAYMENTS: usize = 6_000;
/// Events a second.
const RATE: f64 = 220.0;
/// Share of the events after which a replica is killed.
const KILL_AT: f64 = 0.35;
/// How often topics are looked at while payments run.
const LOOK: Duration = Duration::from_millis(200);
/// What the curl line sends.
const CURL_BODY: &str = r#"{"transaction_id":"order-1001","account":"alice","merchant":"bookshop","amount_minor":2599,"currency":"EUR","channel":"ecommerce"}"#;

/// How the demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing lost, nothing decided twice.
    Complete,
    /// The verifier found something.
    Incomplete,
    /// A signal ended it before.
    Interrupted,
}

/// Shows it. With `stay` everything is left up until Ctrl-C. Nothing of it is left when this returns.
///
/// # Panics
/// Where a part of the cluster does not come up.
pub async fn show(parts: &Parts, seed: u64, stay: bool, screen: &Arc<Screen>) -> Ending {
    tokio::select! {
        ending = run(parts, seed, stay, screen) => ending,
        _ = tokio::signal::ctrl_c() => Ending::Interrupted,
    }
}

async fn run(parts: &Parts, seed: u64, stay: bool, screen: &Arc<Screen>) -> Ending {
    screen.say(format_args!(
        "fraudnet demo-cluster: Kafka, Redis and two replicas; {} payments, half over HTTP and half over Kafka; the replica that decides is killed on the way",
        grouped(PAYMENTS as u64)
    ));
    screen.say("\n 1/4  start Apache Kafka (KRaft, one node), Redis and two replicas  (about 8 s)");
    let begun = clock::monotonic();
    let stage = blocking(|| Stage::set(parts, "demo-cluster"));
    let mut troupe = Troupe::start(&stage, "fraudnet", 2, |settings| settings).await;
    let owner = owner(&troupe).await;
    tell_where(screen, &stage, &troupe, owner);
    screen.say(format_args!("      up after {:.1} s", since(begun)));

    let world = blocking(|| World::simulate(seed, PAYMENTS));
    let events = world.events.len();
    screen.say(format_args!(
        "\n 2/4  send {} payments and {} labels at {RATE:.0}/s over both paths  (about {:.0} s)",
        grouped(world.payments as u64),
        grouped((events - world.payments) as u64),
        events as f64 / RATE
    ));
    let record = stream(&stage, &mut troupe, world, seed, owner, screen).await;

    screen.say(
        "\n 3/4  wait until nothing is under way, stop the replicas, read every topic and both journals  (about 3 s)",
    );
    let committed = rest(&troupe).await;
    troupe.stop().await;
    let mut notes = Vec::new();
    let (limits, journals) = (limits(&troupe), journals(&troupe, &mut notes));
    screen.say("\n 4/4  verify  (about 2 s)");
    let judgement = blocking(|| judge(&committed, &record, &journals, limits));
    let passed = judgement.passes();
    let row = Row { fault: "kill -9 of the owner".to_owned(), seed, judgement };
    screen.say(format_args!("\n{}", table(std::slice::from_ref(&row))));
    let judgement = &row.judgement;
    screen.say(format_args!(
        "replies heard over HTTP {}, each the committed verdict byte for byte; cases opened {}; labels {}; repeats of a payment {}; tensors compared {}",
        grouped(judgement.replies),
        grouped(judgement.reviews),
        grouped(judgement.labels),
        grouped(judgement.repeats),
        grouped(judgement.tensors)
    ));
    for line in judgement.findings.iter().chain(&notes) {
        screen.say(format_args!("  {line}"));
    }
    screen.say(if passed {
        "\nnothing lost, nothing decided twice"
    } else {
        "\nTHE VERIFIER FOUND SOMETHING: see above"
    });
    if stay {
        for number in 0..troupe.replicas.len() {
            troupe.restart(number).await;
        }
        screen.say("\nboth replicas are up again; Ctrl-C ends all of it");
        std::future::pending::<()>().await;
    }
    if passed { Ending::Complete } else { Ending::Incomplete }
}

fn tell_where(screen: &Screen, stage: &Stage, troupe: &Troupe, owner: usize) {
    screen.say(format_args!("      Kafka       {}   topics {}*", stage.kafka.bootstrap(), troupe.site.topics.full("")));
    screen.say(format_args!("      Redis       {}", stage.redis.url()));
    for (number, replica) in troupe.replicas.iter().enumerate() {
        let role = if number == owner { "decides" } else { "standby" };
        screen.say(format_args!("      replica {}   http://{}   {role}", name_of(number), replica.address));
    }
    let verdicts = troupe.site.topics.full("verdicts");
    screen.say(format_args!(
        "\n      curl -s http://{}/v1/transactions:score -H 'content-type: application/json' -d '{CURL_BODY}'",
        troupe.replicas[1 - owner.min(1)].address
    ));
    screen.say(format_args!(
        "      kcat -b {} -t {verdicts} -C -o -1 -c 1 -q -X isolation.level=read_committed\n",
        stage.kafka.bootstrap()
    ));
}

/// Waits for the replica that decides.
async fn owner(troupe: &Troupe) -> usize {
    loop {
        if let Some(owner) = troupe.owner().await {
            return owner;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends the world, kills the owner on the way, starts it again after the other one has taken over.
async fn stream(
    stage: &Stage,
    troupe: &mut Troupe,
    world: World,
    seed: u64,
    owner: usize,
    screen: &Arc<Screen>,
) -> Record {
    let events = world.events.len();
    let progress = Arc::new(Progress::default());
    let plan = Plan {
        seed,
        rate: RATE,
        callers: 32,
        http_percent: 50,
        both_percent: 5,
        poison_every: 0,
        brokers: stage.kafka.bootstrap(),
        prefix: troupe.site.topics.full(""),
    };
    let (world, targets) = (Arc::new(world), Arc::clone(&troupe.targets));
    let clients = tokio::spawn(send(world, plan, targets, Arc::clone(&progress)));
    let watch = Arc::new(Watch::default());
    let watcher = std::thread::spawn({
        let (watch, topics) = (Arc::clone(&watch), troupe.site.topics.clone());
        move || watch.run(&topics)
    });

    let mut killed: Option<Instant> = None;
    let mut taken_over = false;
    while !clients.is_finished() {
        sleep(Duration::from_millis(20)).await;
        let done = progress.done.load(Ordering::Relaxed);
        let decided = watch.verdicts.load(Ordering::Relaxed);
        screen.live(|| figures(&progress, events, decided, killed.is_some() && !taken_over));
        match killed {
            None if done as f64 >= KILL_AT * events as f64 => {
                troupe.kill(owner);
                // Whatever it committed before it died is its own; the first verdict after that is the heir's.
                watch.mark();
                killed = Some(clock::monotonic());
                screen.say(format_args!(
                    "      kill -9 of replica {}, which decided; its session with the broker lasts 6 s",
                    name_of(owner)
                ));
            }
            Some(at) if !taken_over && watch.heir_decides() => {
                taken_over = true;
                screen.say(format_args!(
                    "      replica {} decides: its first verdict is committed {:.1} s after the kill",
                    name_of(1 - owner),
                    since(at)
                ));
                let again = clock::monotonic();
                troupe.restart(owner).await;
                screen.say(format_args!(
                    "      replica {} is back and has caught up after {:.1} s",
                    name_of(owner),
                    since(again)
                ));
            }
            _ => {}
        }
    }
    watch.stop.store(true, Ordering::Relaxed);
    watcher.join().expect("the watcher does not panic");
    if killed.is_some() && !taken_over {
        troupe.restart(owner).await;
    }
    let record = clients.await.expect("clients do not panic");
    screen.say(format_args!("      {}", figures(&progress, events, watch.verdicts.load(Ordering::Relaxed), false)));
    record
}

fn figures(progress: &Progress, events: usize, decided: u64, nobody: bool) -> String {
    let count = |count: usize| grouped(count as u64);
    format!(
        "sent {} of {}   answered over HTTP {}   acknowledged by Kafka {}   verdicts committed {}{}",
        count(progress.done.load(Ordering::Relaxed)),
        count(events),
        count(progress.answered.load(Ordering::Relaxed)),
        count(progress.delivered.load(Ordering::Relaxed)),
        grouped(decided),
        if nobody { "   (nobody decides)" } else { "" }
    )
}

fn since(begun: Instant) -> f64 {
    clock::monotonic().saturating_duration_since(begun).as_secs_f64()
}

/// Counts committed verdicts while they come.
#[derive(Debug, Default)]
struct Watch {
    verdicts: AtomicU64,
    /// Verdicts when the owner was killed, plus one; 0 before.
    marked: AtomicU64,
    stop: AtomicBool,
    marking: AtomicBool,
}

impl Watch {
    fn run(&self, topics: &Topics) {
        let mut next = 0;
        while !self.stop.load(Ordering::Relaxed) {
            // Asked for before the read, so that what the read finds is still the dead owner's.
            let marking = self.marking.swap(false, Ordering::Relaxed);
            let messages = topics.read_from("verdicts", next);
            if let Some(last) = messages.last() {
                next = last.offset + 1;
            }
            let verdicts = self.verdicts.fetch_add(messages.len() as u64, Ordering::Relaxed) + messages.len() as u64;
            if marking {
                self.marked.store(verdicts + 1, Ordering::Relaxed);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn mark(&self) {
        self.marking.store(true, Ordering::Relaxed);
    }

    fn heir_decides(&self) -> bool {
        let marked = self.marked.load(Ordering::Relaxed);
        marked > 0 && self.verdicts.load(Ordering::Relaxed) >= marked
    }
}
