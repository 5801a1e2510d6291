//! The demo: the whole service at work on a simulated world, over its public API, in half a minute.
//!
//! In reading order: this page (the steps) → `house` (the service in this process, and leaving nothing behind) → `world` (what is
//! simulated, and where the past ends) → `stream` (payments and labels over HTTP at a steady rate) → `ring` (one ring, as it is
//! caught) → `tally` (live figures) → `report` (the figures at the end) → `table` (printing them) → `screen` (lines and progress).
//!
//! Verdicts are read from replies; the oracle of the simulator only judges them. It knows nothing the API does not tell.

mod house;
mod report;
mod ring;
mod screen;
mod stream;
mod table;
mod tally;
mod world;

use crate::client::FraudnetClient as Client;
use crate::clock;
use crate::signals::Signals;
use anyhow::Context;
use house::House;
use report::DemoReport;
use ring::Ring;
use screen::Screen;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tally::Tally;
use world::World;

/// What the demo shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoOptions {
    /// Model folder, a family's or a version's; where absent, the released model is looked for.
    pub model: Option<PathBuf>,
    /// Seed of the simulated world.
    pub seed: u64,
    /// Days simulated in all.
    pub days: u32,
    /// Honest accounts.
    pub accounts: u32,
    /// Payments an average day.
    pub payments_per_day: u32,
    /// Payments streamed; what was before them is loaded as history.
    pub payments: usize,
    /// Payments a second.
    pub rate: f64,
    /// Requests under way at most.
    pub connections: usize,
    /// Leave the service up until a signal.
    pub stay: bool,
    /// Print the report as JSON, and everything else to standard error.
    pub json: bool,
}

/// How the demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every payment got exactly one verdict.
    Complete,
    /// Some did not.
    Incomplete,
    /// A signal ended it before.
    Interrupted,
}

/// Runs the demo. Nothing of it is left when this returns.
///
/// # Errors
/// Where the service cannot be started, or breaks.
pub fn run(options: DemoOptions) -> anyhow::Result<Ending> {
    let begun = clock::monotonic();
    let screen = Arc::new(Screen::new(options.json));
    screen.say(format_args!(
        "fraudnet demo: a live graph of accounts, devices, IPs and merchants; {} payments over HTTP; fraud rings among them",
        screen::grouped(options.payments as u64)
    ));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("tokio could not start its threads")?;
    let ended = runtime.block_on(demo(options, screen, begun));
    // A connection that hangs must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    ended
}

async fn demo(options: DemoOptions, screen: Arc<Screen>, begun: Instant) -> anyhow::Result<Ending> {
    let mut signals = Signals::listen()?;
    let mut house = tokio::select! {
        house = House::open(&options, &screen) => house?,
        _ = signals.next() => return Ok(Ending::Interrupted),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let shown = tokio::select! {
        shown = show(&options, &house, &screen, &stop, begun) => shown.map(Some),
        _ = signals.next() => Ok(None),
    };
    stop.store(true, Ordering::Relaxed);
    screen.end_progress();
    let ending = match shown {
        Ok(Some(ending)) if options.stay => {
            screen.say(table::farewell(house.client.base(), &house.console().await?));
            tokio::select! {
                _ = signals.next() => Ok(ending),
                failed = house.ended() => Err(failed),
            }
        }
        Ok(Some(ending)) => Ok(ending),
        Ok(None) => Ok(Ending::Interrupted),
        Err(error) => Err(error),
    };
    if let Err(error) = house.close().await
        && ending.is_ok()
    {
        return Err(error);
    }
    ending
}

async fn show(
    options: &DemoOptions,
    house: &House,
    screen: &Arc<Screen>,
    stop: &Arc<AtomicBool>,
    begun: Instant,
) -> anyhow::Result<Ending> {
    let days = options.days;
    screen.step(
        2,
        format_args!("simulate {days} days of {} accounts", screen::grouped(options.accounts.into())),
        "2 s",
    );
    let mut world = blocking({
        let (options, screen, stop) = (options.clone(), Arc::clone(screen), Arc::clone(stop));
        move || World::simulate(&options, &screen, &stop)
    })
    .await??;
    let (past, frauds) = (world.past.len(), world.frauds());
    screen.done(format_args!(
        "{} events of the past; {} payments to come, {frauds} of them fraud ({:.2} %)",
        screen::grouped(past as u64),
        screen::grouped(world.payments.len() as u64),
        100.0 * frauds as f64 / world.payments.len().max(1) as f64,
    ));

    screen.step(3, format_args!("load the past: {} events into log and graph", screen::grouped(past as u64)), "2 s");
    let history = blocking({
        let (service, screen, stop) = (house.service.clone(), Arc::clone(screen), Arc::clone(stop));
        let events = std::mem::take(&mut world.past);
        move || {
            screen.progress(events.len(), "loading");
            let events = events.into_iter().take_while(|_| !stop.load(Ordering::Relaxed));
            service.backfill(events, |durable| screen.advance(durable as usize, String::new))
        }
    })
    .await??;
    screen.done(format_args!("{} events/s, durable and applied", screen::grouped(history.events_per_second() as u64)));

    let expected_s = world.payments.len() as f64 / options.rate;
    let what = format_args!(
        "stream {} payments at {}/s over {} connections, labels as they become known",
        screen::grouped(world.payments.len() as u64),
        options.rate,
        options.connections
    );
    screen.step(4, what, &format!("{expected_s:.0} s"));
    let world = Arc::new(world);
    let ring = Ring::find(&world.payments).map(Arc::new);
    if let Some(ring) = &ring {
        screen.say(ring.introduction());
    }
    let tally = Arc::new(Tally::new(world.payments.len(), ring.clone()));
    let took = stream::stream(&house.client, options, &world, &tally, screen).await;
    screen.end_progress();
    screen.done(format_args!("{:.1} s", took.as_secs_f64()));
    if let Some(ring) = &ring {
        screen.say(ring.drawing(&house.client, &tally).await);
    }

    screen.step(5, format_args!("ask for every verdict by id, and compare it with the reply"), "2 s");
    let stored = stream::check(&house.client, options, &world, &tally, screen).await;
    screen.end_progress();
    screen.done(format_args!(
        "{} of {} as replied",
        screen::grouped(stored as u64),
        screen::grouped(world.payments.len() as u64)
    ));

    let report = DemoReport::new(options, house.client.base(), history, &world, &tally, stored, took, begun);
    if options.json {
        screen.result(&serde_json::to_string_pretty(&report)?);
    } else {
        screen.result(&table::text(&report));
    }
    Ok(if report.complete { Ending::Complete } else { Ending::Incomplete })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a step of the demo broke off")
}

#[cfg(test)]
mod tests;
