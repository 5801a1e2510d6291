//! The load generator: payments sent by a schedule that is fixed beforehand, or by callers that wait for each answer.
//!
//! Free of coordinated omission: in the open loop a payment's time runs from the moment at which it was *due*, whether or not the ones before
//! it were answered and whether or not a thread was free to send it; so a stall of the service is counted by everybody who would have come
//! meanwhile. A thread of its own keeps the schedule (the runtime's timer is only good to a millisecond); connections are opened as needed.
//!
//! Cost: about 40 µs of a core a payment, on the machine that it loads; so what it measures is a lower bound.

use crate::simulated::Requests;
use anyhow::{Context, ensure};
use fraudnet_scoring::clock::monotonic;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// How long is waited for the answers that are missing when a schedule has ended.
const PATIENCE: Duration = Duration::from_secs(30);
/// Times above a minute count as a minute.
const LONGEST_US: u64 = 60_000_000;

/// What callers saw.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of every payment sent; one that got no verdict counts as the longest time there is.
    times: Histogram<u64>,
    /// Payments answered with a verdict.
    pub answered: u64,
    /// Of these, verdicts that came from the network.
    pub by_network: u64,
    /// Other answers, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Payments that got no answer.
    pub unanswered: u64,
    /// Payments that had no answer yet when the schedule ended; 0 in the closed loop.
    pub waiting: usize,
    /// From the first payment to the last answer.
    pub seconds: f64,
}

impl Default for Report {
    fn default() -> Self {
        let times = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are valid");
        Report { times, answered: 0, by_network: 0, refused: BTreeMap::new(), unanswered: 0, waiting: 0, seconds: 0.0 }
    }
}

impl Report {
    /// The time within which that share (0–1) of the payments got a verdict, milliseconds.
    pub fn milliseconds(&self, share: f64) -> f64 {
        self.times.value_at_quantile(share) as f64 / 1e3
    }

    /// Verdicts a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds.max(1e-9)
    }

    /// Share of verdicts that came from the network, percent.
    pub fn network_percent(&self) -> f64 {
        100.0 * self.by_network as f64 / self.answered.max(1) as f64
    }

    /// Payments that were told to come again: the service was full (503) or the verdict not durable in time (504).
    pub fn put_off(&self) -> u64 {
        [503, 504].iter().filter_map(|status| self.refused.get(status)).sum()
    }

    /// Whether every payment got a verdict.
    pub fn all_decided(&self) -> bool {
        self.refused.is_empty() && self.unanswered == 0 && self.answered > 0
    }

    /// Fails where payments got neither a verdict nor the advice to come again, or none got a verdict.
    ///
    /// # Errors
    /// With what was answered instead.
    pub fn check(&self) -> anyhow::Result<()> {
        let sound = self.unanswered == 0 && self.answered > 0 && self.refused.values().sum::<u64>() == self.put_off();
        ensure!(
            sound,
            "of the payments sent {} got a verdict, {} no answer, and others a status (status: count) {:?}",
            self.answered,
            self.unanswered,
            self.refused
        );
        Ok(())
    }

    /// Adds what callers saw at another time.
    pub fn add(&mut self, other: &Report) {
        self.times.add(&other.times).expect("all reports have the same bounds");
        self.answered += other.answered;
        self.by_network += other.by_network;
        for (status, count) in &other.refused {
            *self.refused.entry(*status).or_default() += count;
        }
        self.unanswered += other.unanswered;
        self.waiting += other.waiting;
        self.seconds += other.seconds;
    }

    fn record(&mut self, time: Duration, answer: Result<(u16, Bytes), String>) {
        let mut time_us = LONGEST_US;
        match answer {
            Ok((200, body)) => {
                self.answered += 1;
                self.by_network += u64::from(body.windows(BY_NETWORK.len()).any(|part| part == BY_NETWORK));
                time_us = (time.as_micros() as u64).max(1);
            }
            Ok((status, _)) => *self.refused.entry(status).or_default() += 1,
            Err(_) => self.unanswered += 1,
        }
        self.times.saturating_record(time_us);
    }
}

const BY_NETWORK: &[u8] = br#""tier":"hybrid""#;

/// A source of load on one address.
pub struct Load {
    runtime: Runtime,
    shared: Arc<Shared>,
}

struct Shared {
    address: SocketAddr,
    host: String,
    requests: Arc<Requests>,
    idle: Mutex<Vec<Connection>>,
    report: Mutex<Report>,
    waiting: AtomicUsize,
}

impl Load {
    /// Load on that address, of these payments.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(address: SocketAddr, requests: &Arc<Requests>) -> anyhow::Result<Load> {
        // One thread: the other cores are the service's.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("the load generator cannot start its thread")?;
        let shared = Arc::new(Shared {
            address,
            host: address.to_string(),
            requests: Arc::clone(requests),
            idle: Mutex::default(),
            report: Mutex::new(Report::default()),
            waiting: AtomicUsize::new(0),
        });
        Ok(Load { runtime, shared })
    }

    /// Sends so many payments a second for that long, each at its time.
    pub fn open(&self, per_second: f64, duration: Duration) -> Report {
        let count = (per_second * duration.as_secs_f64()) as u32;
        let started = monotonic();
        for number in 0..count {
            let due = started + due(number, per_second);
            std::thread::sleep(due.saturating_duration_since(monotonic()));
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            let shared = Arc::clone(&self.shared);
            self.runtime.spawn(async move {
                shared.score(due).await;
                shared.waiting.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        let ended = monotonic();
        while self.shared.waiting.load(Ordering::Relaxed) > 0 && ended.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_micros(200));
        }
        let mut report = self.take_report(started);
        report.waiting = waiting;
        report.unanswered += self.shared.waiting.load(Ordering::Relaxed) as u64;
        report
    }

    /// Lets so many callers send one payment after the other for that long. It tells how much the service can do, not how long callers wait.
    pub fn closed(&self, callers: usize, duration: Duration) -> Report {
        let started = monotonic();
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..callers {
                let shared = Arc::clone(&self.shared);
                tasks.spawn(async move {
                    while started.elapsed() < duration {
                        shared.score(monotonic()).await;
                    }
                });
            }
            tasks.join_all().await;
        });
        self.take_report(started)
    }

    fn take_report(&self, started: Instant) -> Report {
        let mut report = std::mem::take(&mut *lock(&self.shared.report));
        report.seconds = started.elapsed().as_secs_f64();
        report
    }
}

/// When a payment is due, from the start: fixed by its number alone.
fn due(number: u32, per_second: f64) -> Duration {
    Duration::from_secs_f64(f64::from(number) / per_second)
}

impl Shared {
    async fn score(&self, due: Instant) {
        let body = self.requests.next();
        let idle = lock(&self.idle).pop();
        let answer = match idle {
            Some(connection) => self.ask(connection, body).await,
            None => match connect(self.address).await {
                Ok(connection) => self.ask(connection, body).await,
                Err(error) => Err(error),
            },
        };
        let time = due.elapsed();
        lock(&self.report).record(time, answer);
    }

    /// Sends a body; the connection is kept where it lasts.
    async fn ask(&self, mut connection: Connection, body: String) -> Result<(u16, Bytes), String> {
        let said = |error: hyper::Error| error.to_string();
        let request = Request::post("/v1/transactions:score")
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("path and headers are ones that HTTP allows");
        connection.ready().await.map_err(said)?;
        let answer = connection.send_request(request).await.map_err(said)?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(said)?.to_bytes();
        lock(&self.idle).push(connection);
        Ok((status, body))
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn connect(address: SocketAddr) -> Result<Connection, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (connection, traffic) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(traffic);
    Ok(connection)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Whoever panicked while holding it left counts that are still counts.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const STALL: Duration = Duration::from_millis(400);

    /// Answers everybody at once, but only after a stall from the first connection on.
    async fn stalling_service(listener: TcpListener) {
        let mut opened = None;
        while let Ok((mut stream, _)) = listener.accept().await {
            let answers_from = *opened.get_or_insert_with(|| monotonic() + STALL);
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 << 10];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep_until(answers_from.into()).await;
                    let body = r#"{"tier":"hybrid"}"#;
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    }

    #[test]
    fn a_stall_is_counted_by_everybody_who_came_meanwhile() {
        let service = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = service.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        service.spawn(stalling_service(listener));
        let load = Load::new(address, &Arc::new(Requests::new(&simulated::events(true)))).unwrap();
        let report = load.open(100.0, Duration::from_millis(800));
        report.check().unwrap();
        assert!(report.all_decided());
        assert_eq!((report.answered, report.by_network), (80, 80));
        // 40 of 80 came during the stall, evenly spread over it: a quarter of all waited for half of it or longer, however slow the machine.
        assert!(report.milliseconds(0.75) >= STALL.as_millis() as f64 * 0.45, "{} ms", report.milliseconds(0.75));
    }

    #[test]
    fn the_schedule_depends_on_nothing_but_the_number() {
        assert_eq!(
            [0, 1, 200].map(|number| due(number, 200.0)),
            [Duration::ZERO, Duration::from_millis(5), Duration::from_secs(1)]
        );
    }

    #[test]
    fn callers_that_find_nobody_say_so() {
        let load = Load::new(SocketAddr::from(([127, 0, 0, 1], 9)), &Arc::new(Requests::new(&simulated::events(true))))
            .unwrap();
        let report = load.open(100.0, Duration::from_millis(50));
        assert_eq!((report.answered, report.unanswered), (0, 5));
        assert!(report.check().is_err());
    }
}
