//! A short run of chaos, judged by the verifier. `make chaos` plays every fault there is, and longer.

use fraudnet_tests::chaos::{Fault, Options, Stage, play};
use fraudnet_tests::cluster::cluster_parts;
use std::time::Duration;

/// Seeds are fixed: a run that fails is repeated by `fraudnet-chaos run --only <fault> --seed <seed>`.
const RUNS: [(Fault, u64, usize); 3] =
    [(Fault::Kill, 11, 500), (Fault::FailPoint("after_commit"), 12, 300), (Fault::Poison, 13, 300)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_decided_twice_whatever_is_broken() {
    let Some(parts) = cluster_parts() else { return };
    let mut stage = tokio::task::block_in_place(|| Stage::set(parts, "chaos"));
    for (fault, seed, payments) in RUNS {
        let options = Options { seed, payments, times: 2, outage: Duration::from_secs(2), rate: 90.0 };
        let (row, notes) = play(&mut stage, fault, &options).await;
        let judgement = row.judgement;
        assert!(judgement.passes(), "{}, seed {seed}: {judgement:#?}\n{notes:#?}", fault.name());
        assert_eq!((judgement.accepted, judgement.decided), (payments as u64, payments as u64), "{}", fault.name());
        assert!(judgement.replies > 0 && judgement.labels > 0, "{judgement:#?}");
        assert_eq!(fault == Fault::Poison, judgement.invalid > 0, "{judgement:#?}");
    }
}
