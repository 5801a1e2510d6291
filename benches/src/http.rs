//! The service as its callers see it: waiting times beyond the disk's, what it sustains, and the peer under the same load.
//!
//! The log lies on the repository's disk. What that disk needs for a sync is measured in the same folder, in turns with the load, and the
//! peer takes turns with the service: a machine that slows down slows both.

use crate::disk::Disk;
use crate::figures::{Figures, Target, grouped};
use crate::load::{Load, Report};
use crate::places::Scratch;
use crate::process::{Process, log_folder, start_service};
use crate::simulated::Requests;
use crate::{Quantiles, peer};
use anyhow::Context;
use fraudnet_features::Tensor;
use fraudnet_graph::Event;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const GROUP: &str = "http";
/// Payments a second at which waiting times are told.
const CALM: f64 = 200.0;
/// Turns that load and disk, and service and peer, take.
const TURNS: u32 = 5;
/// Callers of the closed loop, for the service as for its peer.
const CALLERS: usize = 64;
/// What is to be sustained, payments a second.
const AIM: f64 = 1_200.0;
/// Rates that are tried, from the closed loop's downward: each this part of the one before, with the aim itself among them.
const STEP: f64 = 0.9;
/// How many rates below the aim are tried.
const BELOW_AIM: u32 = 3;
/// A backlog: more payments unanswered at the end than come in within this time, or one in a hundred waiting longer.
const BACKLOG: Duration = Duration::from_millis(100);
/// Part of the verdicts that must come from the network where a rate is to count as sustained, percent.
const BY_NETWORK: f64 = 99.0;

/// Measures.
///
/// # Errors
/// The service does not start or refuses payments. A peer that cannot be had is told in the table instead.
pub fn measure(
    model: &Path,
    events: &[Event],
    tensors: &[Tensor],
    small: bool,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let seconds = |long: u32| Duration::from_secs(long.into()) / if small { 4 } else { 1 };
    let scratch = Scratch::new("http")?;
    let requests = Arc::new(Requests::new(events));
    let service = start_service(scratch.path(), model)?;
    let load = Load::new(service.address, &requests)?;
    load.closed(CALLERS, seconds(6)).check().context("while warming up")?;
    calm(&load, &log_folder(scratch.path()), seconds(4), figures)?;
    sustained(&load, seconds(8), figures)?;
    match peer::start(model, tensors, scratch.path()) {
        Ok(peer) => {
            beside_peer(&load, &peer, &requests, seconds(4), figures)?;
            peer.stop();
        }
        Err(error) => {
            let why = format!("SKIPPED, the peer cannot be had: {error:#}");
            figures.missing(GROUP, "times FastAPI + onnxruntime", why);
        }
    }
    service.stop();
    Ok(())
}

/// Waiting times at a rate that leaves the service idle most of the time.
fn calm(load: &Load, folder: &Path, turn: Duration, figures: &mut Figures) -> anyhow::Result<()> {
    let (mut report, mut syncs, mut disk) = (Report::default(), Quantiles::default(), Disk::new(folder)?);
    for _ in 0..TURNS {
        disk.sync(150, Duration::from_millis(5), &mut syncs)?;
        report.add(&load.open(CALM, turn));
    }
    report.check().context("at 200/s")?;
    for (name, share, target) in [("p50", 0.5, 2.0), ("p99", 0.99, 10.0)] {
        let (whole, sync) = (report.milliseconds(share), syncs.microseconds(share) / 1e3);
        let note = format!("{whole:.2} ms in all, the disk's own sync of 4 KiB {sync:.2} ms");
        let name = format!("at 200/s, {name} beyond the disk's sync");
        figures.aim(GROUP, &name, whole - sync, "ms", Target::AtMost(target), note);
    }
    let note = format!(
        "{} verdicts, {} of them from the network; {} payments put off",
        grouped(report.answered as f64),
        grouped(report.by_network as f64),
        report.put_off()
    );
    figures.tell(GROUP, "at 200/s, p99.9 in all", report.milliseconds(0.999), "ms", note);
    Ok(())
}

/// Service and peer under the same closed loop, in turns; the one that has no turn is idle.
fn beside_peer(
    load: &Load,
    peer: &Process,
    requests: &Arc<Requests>,
    turn: Duration,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let peer_load = Load::new(peer.address, requests)?;
    peer_load.closed(CALLERS, turn).check().context("while warming up the peer")?;
    let (mut ours, mut theirs) = (Report::default(), Report::default());
    for _ in 0..TURNS {
        ours.add(&load.closed(CALLERS, turn));
        theirs.add(&peer_load.closed(CALLERS, turn));
    }
    ours.check().context("in the closed loop")?;
    theirs.check().context("in the peer's closed loop")?;
    let note = format!(
        "{CALLERS} callers: service {}/s with graph, log and sync ({:.1} % by the network), peer {}/s on prepared tensors",
        grouped(ours.rate()),
        ours.network_percent(),
        grouped(theirs.rate())
    );
    figures.aim(GROUP, "times FastAPI + onnxruntime", ours.rate() / theirs.rate(), "×", Target::AtLeast(3.0), note);
    let calm = peer_load.open(CALM, 2 * turn);
    let note = format!("p99 {:.2} ms, {} answered; nothing is made durable", calm.milliseconds(0.99), calm.answered);
    figures.tell(GROUP, "peer at 200/s, p50 in all", calm.milliseconds(0.5), "ms", note);
    Ok(())
}

/// The highest rate that holds for that long without a backlog, and who answered at it.
fn sustained(load: &Load, duration: Duration, figures: &mut Figures) -> anyhow::Result<()> {
    let most = load.closed(CALLERS, duration);
    most.check().context("in the closed loop")?;
    let (mut rate, mut below) = (most.rate() * STEP, 0);
    let (holds, report) = loop {
        let report = load.open(rate, duration);
        let bound = BACKLOG.as_secs_f64();
        let holds = report.all_decided()
            && report.waiting as f64 <= rate * bound
            && report.milliseconds(0.99) <= bound * 1e3
            && report.network_percent() >= BY_NETWORK;
        if holds || below == BELOW_AIM {
            break (holds, report);
        }
        below += u32::from(rate <= AIM);
        rate = if rate > AIM { (rate * STEP).max(AIM) } else { rate * STEP };
    };
    let beside = format!(
        "p50 {:.1}, p99 {:.1} ms at that rate; closed loop of {CALLERS} callers {}/s ({:.1} % by the network)",
        report.milliseconds(0.5),
        report.milliseconds(0.99),
        grouped(most.rate()),
        most.network_percent()
    );
    let network = format!("of {} verdicts", grouped(report.answered as f64));
    if holds {
        figures.aim(GROUP, "sustained without a backlog", report.rate(), "/s", Target::AtLeast(AIM), beside);
    } else {
        let why = format!("no rate held down to {}/s; {beside}", grouped(rate));
        figures.missing(GROUP, "sustained without a backlog", why);
    }
    let name = "from the network at that rate";
    figures.aim(GROUP, name, report.network_percent(), "%", Target::AtLeast(BY_NETWORK), network);
    Ok(())
}
