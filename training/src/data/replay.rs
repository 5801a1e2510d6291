//! One pass of a history through `State::observe`, the path the service takes.

use super::source::Source;
use crate::progress::Progress;
use anyhow::Result;
use fraudnet_features::{State, Tensor};
use fraudnet_graph::{Applied, Body, Event, Limits, Payment};
use fraudnet_scoring::history::Truth;

/// Graph bounds of every replay: those of the released service, wide enough that a history of a few months evicts
/// nothing by cap.
pub const LIMITS: Limits =
    Limits { max_entities: 2_000_000, max_edges: 8_000_000, max_transactions: 4_000_000, max_age_s: 180 * 86_400 };

/// A payment as it was scored: what was known at its cut.
pub struct Seen<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its payment.
    pub payment: &'a Payment,
    /// Truth, where the history tells it.
    pub truth: Option<Truth>,
    /// The tensor; the visitor may take it (leaving another behind), it is overwritten next time.
    pub tensor: &'a mut Tensor,
}

/// Applies every event in order and shows each payment that is `wanted`, observed before it is applied. Payments not
/// wanted are applied without sampling, which changes nothing of what later payments see. Ends before the first event
/// accepted at `until_ms` (UTC milliseconds) or later.
///
/// # Errors
/// What reading the history or `visit` gives.
pub fn replay(
    source: &Source,
    until_ms: i64,
    progress: &mut Progress,
    mut wanted: impl FnMut(&Event, &Payment) -> bool,
    mut visit: impl FnMut(Seen<'_>) -> Result<()>,
) -> Result<State> {
    let mut state = State::new(LIMITS);
    let mut tensor = Tensor::default();
    for (position, event) in source.events()?.enumerate() {
        let event = event?;
        if event.event.ingested_at_ms >= until_ms {
            break;
        }
        match &event.event.body {
            Body::Payment(payment) if wanted(&event.event, payment) => {
                let observed = state.observe(position as u64, &event.event, &mut tensor);
                if matches!(observed.applied, Applied::Payment { .. }) {
                    visit(Seen { event: &event.event, payment, truth: event.truth, tensor: &mut tensor })?;
                }
            }
            _ => {
                state.apply(position as u64, &event.event);
            }
        }
        progress.advance(position as u64 + 1);
    }
    Ok(state)
}
