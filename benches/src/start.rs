//! From nothing to ready: the service with an empty log.

use crate::Quantiles;
use crate::figures::{Figures, Target};
use crate::places::Scratch;
use crate::process::start_service;
use std::path::Path;

const GROUP: &str = "start";
const STARTS: usize = 5;

/// Measures.
///
/// # Errors
/// The service does not start.
pub fn measure(model: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let mut times = Quantiles::default();
    for _ in 0..STARTS {
        let scratch = Scratch::new("start")?;
        let service = start_service(scratch.path(), model)?;
        times.record(service.start_time);
        service.stop();
    }
    let seconds = |share| times.microseconds(share) / 1e6;
    let note = format!("median of {STARTS}, slowest {:.2} s; model loaded, checked and warmed up", seconds(1.0));
    figures.aim(GROUP, "start to ready, empty log", seconds(0.5), "s", Target::AtMost(1.0), note);
    Ok(())
}
