//! Clients: callers over HTTP who ask until they are answered, and a producer on the stream. Both write down what they sent and heard.
//!
//! Events are handed out in order at a steady rate to either path, so that order is kept but for what is under way at once. A caller whose
//! replica is gone, full or too late asks another one: the id makes that safe.

use super::poison::{KINDS, conflict, poison};
use super::world::{World, id_of, key_of};
use crate::Numbers;
use crate::verifier::Record;
use fraudnet_graph::{Body, Event};
use fraudnet_scoring::client::FraudnetClient;
use fraudnet_scoring::clock;
use fraudnet_scoring::wire::{LabelRequest, ScoreRequest, encode_event};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// How long a caller tells the service that it waits.
const DEADLINE: Duration = Duration::from_secs(4);
/// How long it waits before it takes a replica for dead.
const DEAD_AFTER: Duration = Duration::from_secs(6);
/// How long one caller in eight waits, so that somebody hears what a replica says that was frozen for half a minute.
const STUBBORN: Duration = Duration::from_secs(60);
/// Time between tries.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// How long a client asks on before it gives up, which the record then says.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often held back clients look whether they may go on.
const HELD_BACK: Duration = Duration::from_millis(5);
/// Requests that may wait for a caller. While nobody decides every caller waits, and the stream is to go on.
const QUEUE: usize = 4_096;
/// Messages on the stream that may wait for their acknowledgement.
const UNDER_WAY: usize = 256;

/// How events are sent.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seed of every choice.
    pub seed: u64,
    /// Events a second.
    pub rate: f64,
    /// Callers over HTTP at once.
    pub callers: usize,
    /// Of a hundred events, how many go over HTTP.
    pub http_percent: usize,
    /// Of a hundred payments, how many go over both paths.
    pub both_percent: usize,
    /// Send poison of some kind after so many events; never where 0.
    pub poison_every: usize,
    /// Address of the broker.
    pub brokers: String,
    /// Prefix of its topics.
    pub prefix: String,
}

/// Replicas that callers know of. One that is down is taken out, as a load balancer would.
#[derive(Debug, Default)]
pub struct Targets(Mutex<Vec<Option<FraudnetClient>>>);

impl Targets {
    /// Puts the replica of that number at an address, or takes it out.
    pub fn set(&self, number: usize, address: Option<SocketAddr>) {
        let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if targets.len() <= number {
            targets.resize(number + 1, None);
        }
        targets[number] = address.map(FraudnetClient::new);
    }

    /// One of those that are up, the choice being the caller's number.
    fn pick(&self, choice: usize) -> Option<FraudnetClient> {
        let targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let up: Vec<&FraudnetClient> = targets.iter().flatten().collect();
        (!up.is_empty()).then(|| up[choice % up.len()].clone())
    }
}

/// How far the clients are.
#[derive(Debug)]
pub struct Progress {
    /// Events answered, acknowledged or given up.
    pub done: AtomicUsize,
    /// Events that may be sent: whoever breaks things holds the rest back, so that every fault falls into the traffic.
    pub ceiling: AtomicUsize,
    /// Payments answered over HTTP.
    pub answered: AtomicUsize,
    /// Messages acknowledged on the stream.
    pub delivered: AtomicUsize,
    /// Tries that failed and were tried again.
    pub retried: AtomicUsize,
}

impl Default for Progress {
    fn default() -> Progress {
        let [done, answered, delivered, retried] = std::array::from_fn(|_| AtomicUsize::new(0));
        Progress { done, ceiling: AtomicUsize::new(usize::MAX), answered, delivered, retried }
    }
}

/// Sends the world; what the clients wrote down.
///
/// # Panics
/// Where a producer cannot be made.
pub async fn send(world: Arc<World>, plan: Plan, targets: Arc<Targets>, progress: Arc<Progress>) -> Record {
    let mut numbers = Numbers::new(plan.seed ^ 0x7261_6666_6963);
    let clients = Arc::new(Clients {
        producer: producer(&plan.brokers),
        prefix: plan.prefix.clone(),
        targets,
        progress,
        record: Mutex::default(),
    });
    let (asks, asked) = mpsc::channel::<(Event, u64)>(QUEUE);
    let asked = Arc::new(tokio::sync::Mutex::new(asked));
    let mut callers = JoinSet::new();
    for _ in 0..plan.callers {
        let (clients, asked) = (Arc::clone(&clients), Arc::clone(&asked));
        callers.spawn(async move {
            loop {
                let next = asked.lock().await.recv().await;
                let Some((event, seed)) = next else { return };
                clients.ask(&event, seed).await;
                clients.progress.done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let room = Arc::new(Semaphore::new(UNDER_WAY));
    let mut deliveries = JoinSet::new();
    let mut begun = clock::monotonic();
    let mut kind = 0;
    for (number, event) in world.events.iter().enumerate() {
        while number >= clients.progress.ceiling.load(Ordering::Relaxed) {
            tokio::time::sleep(HELD_BACK).await;
            begun += HELD_BACK;
        }
        let due = begun + Duration::from_secs_f64(number as f64 / plan.rate);
        if due > clock::monotonic() {
            tokio::time::sleep_until(due.into()).await;
        }
        let payment = matches!(event.body, Body::Payment(_));
        let http = numbers.below(100) < plan.http_percent && !matches!(event.body, Body::Outcome(_));
        let both = payment && numbers.below(100) < plan.both_percent;
        let mut messages = Vec::new();
        if !http || both {
            messages.push(("transactions", encode_event(event)));
            if !payment && !matches!(event.body, Body::Outcome(_)) {
                messages[0].0 = "labels";
            }
        }
        if payment && plan.poison_every > 0 && number % plan.poison_every == 0 {
            messages.push(poison(kind, event, &mut numbers));
            kind = (kind + 1) % KINDS;
            // In front of it stands the payment itself only where that went over the stream: else it would be the one that counts.
            if messages.len() == 2 {
                messages.push(conflict(event));
            }
        }
        if !messages.is_empty() {
            let permit = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            let (clients, key) = (Arc::clone(&clients), key_of(event));
            deliveries.spawn(async move {
                // One after the other: the conflict must stand behind what it contradicts.
                for (topic, value) in messages {
                    clients.deliver(topic, &key, value).await;
                }
                if !http {
                    clients.progress.done.fetch_add(1, Ordering::Relaxed);
                }
                drop(permit);
            });
        }
        // A receiver is there as long as `asked` is.
        if http && asks.send((event.clone(), numbers.bits())).await.is_err() {
            break;
        }
        while deliveries.try_join_next().is_some() {}
    }
    drop(asks);
    while deliveries.join_next().await.is_some() {}
    while callers.join_next().await.is_some() {}
    std::mem::take(&mut *clients.record())
}

/// A producer such as anybody would use: idempotent, acknowledged by all.
fn producer(brokers: &str) -> FutureProducer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("message.max.bytes", "5000000")
        .set("message.timeout.ms", "15000")
        .set("reconnect.backoff.max.ms", "500")
        .create()
        .expect("a producer's settings are in order")
}

struct Clients {
    producer: FutureProducer,
    prefix: String,
    targets: Arc<Targets>,
    progress: Arc<Progress>,
    record: Mutex<Record>,
}

impl Clients {
    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Produces until it is acknowledged. A try whose outcome is unknown may have arrived: then it arrives twice.
    async fn deliver(&self, topic: &'static str, key: &str, value: Vec<u8>) {
        let name = format!("{}{topic}", self.prefix);
        let until = clock::monotonic() + PATIENCE;
        while clock::monotonic() < until {
            let message = FutureRecord::to(&name).key(key).payload(&value);
            match self.producer.send(message, Duration::from_secs(15)).await {
                Ok(delivery) => {
                    self.record().deliver(topic, delivery.offset, &value);
                    self.progress.delivered.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(_) => {
                    self.progress.retried.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(RETRY_WAIT).await;
                }
            }
        }
        self.record().unanswered.push(key.to_owned());
    }

    /// Asks until there is an answer, and sometimes once more of another replica.
    async fn ask(&self, event: &Event, seed: u64) {
        let mut numbers = Numbers::new(seed);
        match &event.body {
            Body::Payment(payment) => {
                let request = ScoreRequest::new(payment, Some(event.occurred_at_ms));
                let id = id_of(event).expect("it is a payment");
                if !self.ask_until(&id, numbers.below(64), &Ask::Score(&request)).await {
                    return;
                }
                self.progress.answered.fetch_add(1, Ordering::Relaxed);
                match numbers.below(20) {
                    0 => drop(self.ask_until(&id, numbers.below(64), &Ask::Score(&request)).await),
                    1 => drop(self.ask_until(&id, numbers.below(64), &Ask::Stored(&payment.transaction_id)).await),
                    _ => {}
                }
            }
            Body::Label(label) => {
                let request = LabelRequest::new(label, Some(event.occurred_at_ms));
                let id = format!("{}/{}", event.tenant, label.transaction_id);
                if self.ask_until(&id, numbers.below(64), &Ask::Label(&request)).await {
                    self.record().labels.push((event.tenant.clone(), request));
                }
            }
            Body::Outcome(_) => unreachable!("outcomes go over the stream"),
        }
    }

    async fn ask_until(&self, id: &str, mut choice: usize, ask: &Ask<'_>) -> bool {
        let until = clock::monotonic() + PATIENCE;
        while clock::monotonic() < until {
            if let Some(client) = self.targets.pick(choice) {
                let asked = async {
                    match ask {
                        Ask::Score(request) => client.score(request, Some(DEADLINE)).await,
                        Ask::Label(request) => client.label(request, Some(DEADLINE)).await,
                        Ask::Stored(transaction_id) => client.verdict(transaction_id).await,
                    }
                };
                let wait = if choice.is_multiple_of(8) { STUBBORN } else { DEAD_AFTER };
                let answer = tokio::time::timeout(wait, asked).await;
                match answer {
                    Ok(Ok(reply)) if reply.status == 200 => {
                        if !matches!(ask, Ask::Label(_)) {
                            self.record().reply(id.to_owned(), reply.body);
                        }
                        return true;
                    }
                    // Full, too late, starting, not read back yet: worth another try. So is a connection that broke.
                    Ok(Ok(reply)) if [503, 504].contains(&reply.status) => {}
                    Ok(Ok(reply)) if reply.status == 404 && matches!(ask, Ask::Stored(_)) => {}
                    Ok(Ok(reply)) => {
                        self.record().refused.push((id.to_owned(), reply.detail()));
                        return false;
                    }
                    Ok(Err(_)) | Err(_) => {}
                }
            }
            self.progress.retried.fetch_add(1, Ordering::Relaxed);
            choice += 1;
            tokio::time::sleep(RETRY_WAIT).await;
        }
        self.record().unanswered.push(id.to_owned());
        false
    }
}

enum Ask<'a> {
    Score(&'a ScoreRequest),
    Label(&'a LabelRequest),
    Stored(&'a str),
}
