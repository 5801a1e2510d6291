//! How faults are done to a cluster while clients are at work.

use super::fault::Fault;
use super::stage::{Stage, Troupe, blocking, name_of};
use super::traffic::Progress;
use crate::Numbers;
use crate::cluster::Replica;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Bytes a file may have on a disk that is full: what is written lies behind them.
const FULL: libc::rlim_t = 4_096;

/// A run as faults see it.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) troupe: &'a mut Troupe,
    pub(super) numbers: Numbers,
    pub(super) progress: Arc<Progress>,
    /// Whether the clients have ended.
    pub(super) over: Arc<AtomicBool>,
    /// Events that clients send.
    pub(super) events: usize,
    /// How often to kill, stop, cut.
    pub(super) times: usize,
    /// How long what is taken away stays away.
    pub(super) outage: Duration,
    /// What was done, for the line under the table.
    pub(super) notes: Vec<String>,
}

impl Scene<'_> {
    /// Does it, and leaves everything running.
    ///
    /// # Panics
    /// Where a part does not come back.
    pub(super) async fn inject(&mut self, fault: Fault) {
        match fault {
            Fault::Kill | Fault::Unsynced => self.kills().await,
            Fault::FailPoint(point) => self.fail_point(point).await,
            Fault::Frozen => self.freeze().await,
            Fault::Rebalance => self.rebalance().await,
            Fault::DiskFull => self.disk_full().await,
            // They come with the input.
            Fault::Poison | Fault::Disorder => {}
            _ => self.outages(fault).await,
        }
        self.progress.ceiling.store(usize::MAX, Ordering::Relaxed);
    }

    /// Waits until clients have done that share of their work, or all of it. Until the next call they do no more than up to `until`.
    async fn reach(&self, share: f64, until: f64) {
        let [wanted, ceiling] = [share, until].map(|share| (share * self.events as f64) as usize);
        self.progress.ceiling.store(ceiling, Ordering::Relaxed);
        while self.progress.done.load(Ordering::Relaxed) < wanted && !self.over.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A random moment of the next millisecond up to `most`.
    async fn moment(&mut self, most_ms: usize) {
        sleep(Duration::from_millis(self.numbers.below(most_ms.max(1)) as u64)).await;
    }

    async fn kills(&mut self) {
        for time in 0..self.times {
            let share = |time: f64| time / (self.times as f64 + 0.5);
            self.reach(share(time as f64 + 0.5), share(time as f64 + 1.5)).await;
            self.moment(300).await;
            // Both at once one time in five: then nobody has the tensors, and the journals must.
            let both = self.numbers.below(5) == 0;
            let first = self.numbers.below(self.troupe.replicas.len());
            let killed: Vec<usize> =
                (0..self.troupe.replicas.len()).filter(|&number| both || number == first).collect();
            let owner = self.troupe.owner().await;
            for &number in &killed {
                self.troupe.kill(number);
            }
            let names: Vec<String> = killed
                .iter()
                .map(|&number| format!("{}{}", name_of(number), if owner == Some(number) { "*" } else { "" }))
                .collect();
            self.notes.push(names.join("+"));
            self.moment(1_500).await;
            for number in killed {
                self.troupe.restart(number).await;
            }
        }
        self.notes.insert(0, "killed (* decided at that time):".to_owned());
    }

    /// Arms every replica; one that dies is started again unarmed.
    async fn fail_point(&mut self, point: &'static str) {
        let mut deaths = 0;
        let mut armed = vec![true; self.troupe.replicas.len()];
        while !self.over.load(Ordering::Relaxed) {
            for (number, armed) in armed.iter_mut().enumerate() {
                if *armed && self.troupe.replicas[number].has_ended() {
                    self.troupe.targets.set(number, None);
                    *armed = false;
                    deaths += 1;
                    self.moment(1_000).await;
                    self.troupe.restart(number).await;
                }
            }
            sleep(Duration::from_millis(10)).await;
        }
        for (number, armed) in armed.into_iter().enumerate() {
            // One that dies just now would not be there to be stopped in good order.
            if armed {
                self.troupe.kill(number);
                self.troupe.restart(number).await;
            }
        }
        assert!(deaths > 0, "no replica ever passed the point {point} often enough");
        self.notes.push(format!("{deaths} replicas died there"));
    }

    async fn freeze(&mut self) {
        self.reach(0.25, 1.0).await;
        let owner = self.troupe.owner().await.unwrap_or(0);
        self.troupe.replicas[owner].freeze();
        sleep(self.outage).await;
        let heir = self.troupe.owner().await;
        self.troupe.replicas[owner].thaw();
        let taken =
            heir.map_or_else(|| "nobody had taken over".to_owned(), |heir| format!("{} had taken over", name_of(heir)));
        self.notes.push(format!("{} stood still for {:?}; {taken}", name_of(owner), self.outage));
    }

    async fn rebalance(&mut self) {
        for time in 0..self.times {
            let share = |time: f64| time / self.times as f64;
            self.reach(share(time as f64 + 0.3), share(time as f64 + 1.0)).await;
            let number = self.troupe.replicas.len();
            let settings = self.troupe.settings(number);
            let third = Replica::start(&self.troupe.site.replica_folder(&name_of(number)), &settings).await;
            self.troupe.targets.set(number, Some(third.address));
            self.moment(2_000).await;
            let owned = third.owns().await;
            self.troupe.targets.set(number, None);
            // In good order one time, as a crash the next.
            if time % 2 == 0 {
                drop(third.stop().await)
            } else {
                third.kill9()
            }
            self.notes.push(format!("c came and {}", if owned { "left while it decided" } else { "left" }));
        }
    }

    /// A limit on the size of files instead of a full file system: it needs no mount and no privilege, hits one process alone, and writes
    /// fail where they would on a full disk (with EFBIG, since `main` has SIGXFSZ ignored).
    async fn disk_full(&mut self) {
        self.reach(0.3, 1.0).await;
        let owner = self.troupe.owner().await.unwrap_or(0);
        limit_file_size(&self.troupe.replicas[owner], FULL);
        self.notes.push(format!("{} could not write for {:?}", name_of(owner), self.outage));
        sleep(self.outage).await;
        // Room again, and whoever gave up is started again, as a supervisor would.
        limit_file_size(&self.troupe.replicas[owner], libc::RLIM_INFINITY);
        sleep(Duration::from_millis(500)).await;
        let replica = &self.troupe.replicas[owner];
        if replica.has_ended() || !replica.is_ready().await {
            self.notes.push("it was started again".to_owned());
            self.troupe.kill(owner);
            self.troupe.restart(owner).await;
        }
    }

    /// Restarts the other replicas in good order until the one behind the cables decides: cutting off a standby proves less. The broker gives
    /// the partition to whom it likes, so that a few tries are all there are.
    async fn hand_over(&mut self) {
        let cut = self.troupe.replicas.len() - 1;
        for _ in 0..5 {
            match self.troupe.owner().await {
                Some(owner) if owner == cut => return,
                Some(owner) => {
                    self.troupe.targets.set(owner, None);
                    self.troupe.replicas[owner].stop().await;
                    self.troupe.restart(owner).await;
                    sleep(Duration::from_millis(500)).await;
                }
                None => sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Something is taken away for a while and given back.
    async fn outages(&mut self, fault: Fault) {
        for time in 0..self.times {
            if matches!(fault, Fault::NetworkCut | Fault::NetworkHang) {
                self.hand_over().await;
            }
            let share = |time: f64| time / self.times as f64;
            self.reach(share(time as f64 + 0.3), share(time as f64 + 1.0)).await;
            let outage = self.outage + Duration::from_millis(self.numbers.below(500) as u64);
            let cut = self.troupe.replicas.len() - 1;
            if matches!(fault, Fault::NetworkCut | Fault::NetworkHang) {
                let owned = self.troupe.owner().await == Some(cut);
                let what = if owned { "which decided" } else { "a standby" };
                self.notes.push(format!("{}, {what}, was cut off for {outage:?}", name_of(cut)));
            }
            match fault {
                Fault::BrokerStop => blocking(|| self.stage.kafka.stop()),
                Fault::BrokerKill => blocking(|| self.stage.kafka.kill9()),
                Fault::RedisStop => blocking(|| self.stage.redis.stop()),
                Fault::RedisHang => self.stage.redis.freeze(),
                Fault::RedisFlush => blocking(|| self.stage.redis.flush()),
                Fault::NetworkCut => {
                    self.stage.kafka_cable.cut();
                    self.stage.redis_cable.cut();
                }
                Fault::NetworkHang => {
                    self.stage.kafka_cable.hang();
                    self.stage.redis_cable.hang();
                }
                _ => unreachable!("other faults are no outages"),
            }
            if fault == Fault::RedisFlush {
                continue;
            }
            sleep(outage).await;
            match fault {
                Fault::BrokerStop | Fault::BrokerKill => blocking(|| self.stage.kafka.start_again()),
                Fault::RedisStop => blocking(|| self.stage.redis.start_again()),
                Fault::RedisHang => self.stage.redis.thaw(),
                _ => {
                    self.stage.kafka_cable.heal();
                    self.stage.redis_cable.heal();
                }
            }
            // Time to come back before it happens again.
            self.moment(2_000).await;
        }
    }
}

/// Sets how large files may be that the replica writes to.
fn limit_file_size(replica: &Replica, bytes: libc::rlim_t) {
    // The hard limit stays, so that room can be made again without privilege.
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a system call that reads one structure that lives over it; the process is our child and not yet waited for.
    let set = unsafe {
        libc::prlimit(replica.id() as libc::pid_t, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut())
    };
    assert_eq!(set, 0, "the limit was not set: {}", std::io::Error::last_os_error());
}
