//! What is done to a cluster.

/// A fault, or a kind of trouble that comes with the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Replicas are killed at random moments, one or both at once, and started again.
    Kill,
    /// The same, and whatever a replica never synced is lost.
    Unsynced,
    /// Both replicas die the n-th time they pass a point.
    FailPoint(&'static str),
    /// The broker is stopped in good order and started again.
    BrokerStop,
    /// The broker is killed and started again.
    BrokerKill,
    /// Redis is stopped and started again.
    RedisStop,
    /// Redis hangs.
    RedisHang,
    /// Redis loses everything.
    RedisFlush,
    /// One replica's connections to broker and Redis break, and new ones are refused.
    NetworkCut,
    /// One replica's connections to broker and Redis pass nothing.
    NetworkHang,
    /// One replica cannot write to its disk.
    DiskFull,
    /// The replica that decides is frozen for longer than its session lasts, and thawed.
    Frozen,
    /// A third replica joins and leaves.
    Rebalance,
    /// Every kind of message that no service may take, and 2 MB ones, among the good ones.
    Poison,
    /// Events out of order and twice.
    Disorder,
}

/// Points at which a replica can be made to die.
const FAIL_POINTS: [&str; 7] = [
    "after_produce",
    "after_merge",
    "before_commit",
    "after_commit",
    "after_reply",
    "during_snapshot",
    "before_journal_sync",
];

impl Fault {
    /// Every fault.
    pub fn all() -> Vec<Fault> {
        let mut all = vec![Fault::Kill, Fault::Unsynced];
        all.extend(FAIL_POINTS.map(Fault::FailPoint));
        all.extend([
            Fault::BrokerStop,
            Fault::BrokerKill,
            Fault::RedisStop,
            Fault::RedisHang,
            Fault::RedisFlush,
            Fault::NetworkCut,
            Fault::NetworkHang,
            Fault::DiskFull,
            Fault::Frozen,
            Fault::Rebalance,
            Fault::Poison,
            Fault::Disorder,
        ]);
        all
    }

    /// Its name, as `--only` takes it and tables show it.
    pub fn name(self) -> String {
        let name = match self {
            Fault::Kill => "kill",
            Fault::Unsynced => "unsynced",
            Fault::FailPoint(point) => return format!("at-{}", point.replace('_', "-")),
            Fault::BrokerStop => "broker-stop",
            Fault::BrokerKill => "broker-kill",
            Fault::RedisStop => "redis-stop",
            Fault::RedisHang => "redis-hang",
            Fault::RedisFlush => "redis-flush",
            Fault::NetworkCut => "network-cut",
            Fault::NetworkHang => "network-hang",
            Fault::DiskFull => "disk-full",
            Fault::Frozen => "frozen",
            Fault::Rebalance => "rebalance",
            Fault::Poison => "poison",
            Fault::Disorder => "disorder",
        };
        name.to_owned()
    }

    /// What is done, in words.
    pub fn about(self) -> &'static str {
        match self {
            Fault::Kill => "kill -9 of one replica or both, at random moments",
            Fault::Unsynced => "kill -9, and every write that was never synced is lost",
            Fault::FailPoint(_) => "each replica dies the n-th time it passes this point",
            Fault::BrokerStop => "the broker is stopped and started again",
            Fault::BrokerKill => "the broker is killed and started again",
            Fault::RedisStop => "Redis is stopped and started again",
            Fault::RedisHang => "Redis takes connections and answers nothing",
            Fault::RedisFlush => "Redis forgets everything",
            Fault::NetworkCut => "one replica's connections break, and none can be made",
            Fault::NetworkHang => "one replica's connections pass nothing",
            Fault::DiskFull => "one replica cannot write to its disk",
            Fault::Frozen => "the replica that decides stands still, then goes on",
            Fault::Rebalance => "a third replica joins and leaves under load",
            Fault::Poison => "every kind of bad message, among them 2 MB ones",
            Fault::Disorder => "events out of order, one in ten twice",
        }
    }
}
