//! The service as its callers see it: waiting times beyond the disk's, what it sustains, and the peer under the same load.
//!
//! The service's log lies on the repository's disk; the time that disk needs to sync is measured before and after, in the same folder.

use crate::disk::sync_times;
use crate::figures::{Figures, Target};
use crate::load::{Load, Report};
use crate::places::Scratch;
use crate::process::{log_folder, start_service};
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
/// Callers of the closed loop, for the service as for its peer.
const CALLERS: usize = 32;
/// Part of the closed loop's rate that is tried first, and the next each time that it does not hold.
const STEP: f64 = 0.95;
const STEPS: i32 = 8;
/// A backlog: more payments unanswered at the end than come in within this time, or one in a hundred waiting longer.
const BACKLOG: Duration = Duration::from_millis(100);

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
    let seconds = |long: u64| Duration::from_secs(if small { long.div_ceil(4) } else { long });
    let scratch = Scratch::new("http")?;
    let requests = Arc::new(Requests::new(events));
    let service = start_service(scratch.path(), model)?;
    let load = Load::new(service.address, &requests)?;
    load.closed(CALLERS, seconds(6)).all_answered().context("while warming up")?;

    calm(&load, &log_folder(scratch.path()), seconds(20), figures)?;
    let most = load.closed(CALLERS, seconds(10));
    most.all_answered().context("in the closed loop")?;
    sustained(&load, &most, seconds(10), figures);
    service.stop();

    // Right after the service's own closed loop, under the very same load.
    let peer = match peer::start(model, tensors, scratch.path()) {
        Ok(peer) => peer,
        Err(error) => {
            figures.missing(
                GROUP,
                "times FastAPI + onnxruntime",
                format!("SKIPPED, the peer cannot be had: {error:#}"),
            );
            return Ok(());
        }
    };
    let load = Load::new(peer.address, &requests)?;
    load.closed(CALLERS, seconds(3)).all_answered().context("while warming up the peer")?;
    let calm = load.open(CALM, seconds(10));
    let busy = load.closed(CALLERS, seconds(10));
    busy.all_answered().context("in the peer's closed loop")?;
    let note = format!(
        "{CALLERS} callers: service {:.0}/s with graph, log and sync; peer {:.0}/s on prepared tensors",
        most.rate(),
        busy.rate()
    );
    figures.aim(GROUP, "times FastAPI + onnxruntime", most.rate() / busy.rate(), "×", Target::AtLeast(3.0), note);
    let note = format!(
        "p99 {:.2} ms, {} of {} answered",
        calm.milliseconds(0.99),
        calm.answered,
        (CALM * seconds(10).as_secs_f64()) as u64
    );
    figures.tell(GROUP, "peer at 200/s, p50", calm.milliseconds(0.5), "ms", note);
    peer.stop();
    Ok(())
}

/// Waiting times at a rate that leaves the service idle most of the time.
fn calm(load: &Load, folder: &Path, duration: Duration, figures: &mut Figures) -> anyhow::Result<()> {
    let sync = |folder| sync_times(folder, 400, Duration::from_millis(5));
    let before = sync(folder)?;
    let report = load.open(CALM, duration);
    report.all_answered().context("at 200/s")?;
    let after = sync(folder)?;
    let sync = |share| mean(&before, &after, share) / 1e3;
    for (name, share, target) in [("p50", 0.5, 2.0), ("p99", 0.99, 10.0)] {
        let (whole, disk) = (report.milliseconds(share), sync(share));
        let note = format!("{whole:.2} ms in all, the disk's own sync {disk:.2} ms");
        figures.aim(
            GROUP,
            &format!("at 200/s, {name} beyond the disk's sync"),
            whole - disk,
            "ms",
            Target::AtMost(target),
            note,
        );
    }
    let note = format!("{} of {} verdicts from the network", report.by_network, report.answered);
    figures.tell(GROUP, "at 200/s, p99.9 in all", report.milliseconds(0.999), "ms", note);
    Ok(())
}

/// The mean of both looks at the disk, microseconds.
fn mean(before: &Quantiles, after: &Quantiles, share: f64) -> f64 {
    (before.microseconds(share) + after.microseconds(share)) / 2.0
}

/// The highest rate that holds for that long without a backlog, and who answered at it.
fn sustained(load: &Load, most: &Report, duration: Duration, figures: &mut Figures) {
    let tried = (1..=STEPS).map(|step| {
        let rate = most.rate() * STEP.powi(step);
        (rate, load.open(rate, duration))
    });
    let mut last = None;
    for (rate, report) in tried {
        let bound = BACKLOG.as_secs_f64();
        let holds = report.all_answered().is_ok()
            && report.waiting as f64 <= rate * bound
            && report.milliseconds(0.99) <= bound * 1e3;
        last = Some((holds, report));
        if holds {
            break;
        }
    }
    let (holds, report) = last.expect("at least one rate is tried");
    let beside = format!(
        "p50 {:.1}, p99 {:.1} ms at that rate; closed loop of {CALLERS} callers {:.0}/s",
        report.milliseconds(0.5),
        report.milliseconds(0.99),
        most.rate()
    );
    if holds {
        figures.aim(GROUP, "sustained without a backlog", report.rate(), "/s", Target::AtLeast(1_200.0), beside);
    } else {
        figures.missing(
            GROUP,
            "sustained without a backlog",
            format!("no rate held down to {:.0}/s; {beside}", report.rate()),
        );
    }
    figures.aim(
        GROUP,
        "verdicts from the network at that rate",
        report.network_percent(),
        "%",
        Target::AtLeast(99.0),
        format!("{} verdicts", report.answered),
    );
}
