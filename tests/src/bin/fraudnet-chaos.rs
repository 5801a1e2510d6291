//! `fraudnet-chaos`: breaks a cluster in every way there is and says what came of it (`make chaos`), or shows one (`make demo-cluster`).

use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand};
use fraudnet_tests::chaos::{Ending, Fault, Options, Screen, Stage, play, show};
use fraudnet_tests::cluster::{Parts, cluster_parts};
use fraudnet_tests::verifier::{Judgement, Row, table};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What a shell reports of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Breaks a cluster of real parts in every way there is, and judges what came of it.
///
/// Needs Java, Kafka's jars and redis-server (`make setup`) and `fraudnet` beside this program. Everything runs on loopback ports in a
/// folder under target and is gone afterwards.
#[derive(Debug, Parser)]
#[command(name = "fraudnet-chaos", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Run),
    Demo(Demo),
}

/// Plays every fault, or those named, and prints the verifier's table. Exits with 1 where anything was lost, decided twice, answered
/// differently, dropped without a dead letter, seen too early, or not proved.
#[derive(Debug, clap::Args)]
struct Run {
    /// Seed of every choice; each fault's own follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these faults: by name, or by its first words (`redis`, `at`).
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Payments sent for each fault.
    #[arg(long)]
    payments: Option<usize>,
    /// How often replicas are killed, or a third one comes and goes; other parts are taken away a third as often.
    #[arg(long)]
    kills: Option<usize>,
    /// Events a second.
    #[arg(long)]
    rate: Option<f64>,
    /// Longer runs: 3,000 payments for each fault, outages of 30 s, and at last 100,000 payments with 20 kills.
    #[arg(long)]
    long: bool,
    /// Names every fault and what it does.
    #[arg(long)]
    list: bool,
}

/// Shows a cluster at work: two replicas, payments over both paths, one replica killed on the way, the verifier's table.
///
/// Takes about a minute. Exits with 0 only if nothing was lost and nothing was decided twice.
#[derive(Debug, clap::Args)]
struct Demo {
    /// Seed of the simulated payments.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// End after the table instead of leaving everything up.
    #[arg(long, env = "DEMO_EXIT", value_parser = FalseyValueParser::new())]
    exit: bool,
}

fn main() -> ExitCode {
    // Children inherit it: what a full disk would do to a write, a limit on the size of files then does, too, instead of killing them.
    // SAFETY: sets one signal to be ignored, before any thread is started.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let cli = Cli::parse();
    let screen = Arc::new(Screen::default());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("tokio can start its threads");
    let code = match cli.command {
        Command::Run(run) if run.list => {
            for fault in Fault::all() {
                screen.say(format_args!("{:<24} {}", fault.name(), fault.about()));
            }
            ExitCode::SUCCESS
        }
        command => match cluster_parts() {
            Some(parts) => match command {
                Command::Run(run) => runtime.block_on(run.play(parts, &screen)),
                Command::Demo(demo) => runtime.block_on(demo.show(parts, &screen)),
            },
            None => ExitCode::FAILURE,
        },
    };
    // A connection that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

impl Demo {
    async fn show(self, parts: &Parts, screen: &Arc<Screen>) -> ExitCode {
        match show(parts, self.seed, !self.exit, screen).await {
            Ending::Complete => ExitCode::SUCCESS,
            Ending::Incomplete => ExitCode::FAILURE,
            Ending::Interrupted => ExitCode::from(INTERRUPTED),
        }
    }
}

impl Run {
    async fn play(self, parts: &Parts, screen: &Screen) -> ExitCode {
        let named = |word: &String, name: &str| {
            name.strip_prefix(word.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let wanted = |fault: &Fault| self.only.is_empty() || self.only.iter().any(|word| named(word, &fault.name()));
        let faults: Vec<Fault> = Fault::all().into_iter().filter(wanted).collect();
        if faults.is_empty() {
            screen.say("fraudnet-chaos: no fault has such a name; --list names them");
            return ExitCode::from(2);
        }
        let mut runs: Vec<(Fault, Options)> = Vec::new();
        for (number, &fault) in faults.iter().enumerate() {
            runs.push((fault, self.options(fault, self.seed + number as u64)));
        }
        if self.long && wanted(&Fault::Kill) {
            let headline =
                Options { payments: 100_000, times: 20, rate: 400.0, ..self.options(Fault::Kill, self.seed + 1_000) };
            runs.push((Fault::Kill, headline));
        }
        let mut stage = tokio::task::block_in_place(|| Stage::set(parts, "chaos"));
        let mut rows = Vec::new();
        for (number, (fault, options)) in runs.iter().enumerate() {
            screen.say(format_args!(
                "{:>2}/{}  {}: {}; {} payments, seed {}",
                number + 1,
                runs.len(),
                fault.name(),
                fault.about(),
                options.payments,
                options.seed
            ));
            let played = AssertUnwindSafe(play(&mut stage, *fault, options));
            let (row, notes) = match caught(played).await {
                Ok(played) => played,
                Err(reason) => {
                    // What a broken run left behind must not break the next.
                    stage = tokio::task::block_in_place(|| Stage::set(parts, "chaos"));
                    let judgement = Judgement { lost: 1, findings: vec![reason], ..Judgement::default() };
                    (Row { fault: fault.name(), seed: options.seed, judgement }, Vec::new())
                }
            };
            for note in notes.iter().chain(&row.judgement.findings) {
                screen.say(format_args!("       {note}"));
            }
            let Judgement { accepted, decided, longest_gap_s, .. } = row.judgement;
            let judged = if row.judgement.passes() { "ok" } else { "FAILED" };
            screen.say(format_args!("       in {accepted}, out {decided}, longest gap {longest_gap_s:.1} s: {judged}"));
            rows.push(row);
        }
        screen.say(format_args!("\n{}", table(&rows)));
        let failed = rows.iter().filter(|row| !row.judgement.passes()).count();
        if failed == 0 {
            screen.say("nothing lost, nothing decided twice, no two answers that differ, nothing seen too early");
            return ExitCode::SUCCESS;
        }
        screen.say(format_args!("{failed} of {} runs FAILED; repeat one with --seed N --only NAME", rows.len()));
        ExitCode::FAILURE
    }

    fn options(&self, fault: Fault, seed: u64) -> Options {
        let payments = self.payments.unwrap_or(if self.long { 3_000 } else { 1_200 });
        let kills = self.kills.unwrap_or(if self.long { 6 } else { 3 });
        let times =
            if matches!(fault, Fault::Kill | Fault::Unsynced | Fault::Rebalance) { kills } else { kills.div_ceil(3) };
        let outage = match fault {
            // A broker that restarts takes some seconds by itself, and a Redis that is gone says so at once.
            Fault::BrokerStop | Fault::BrokerKill => 1,
            Fault::RedisStop | Fault::RedisHang | Fault::DiskFull => 4,
            Fault::Frozen | Fault::NetworkCut | Fault::NetworkHang if self.long => 30,
            _ => 10,
        };
        // Faster where the run is to be over soon anyway; slow enough that an outage falls into it.
        let rate = self.rate.unwrap_or(100.0);
        Options { seed, payments, times, outage: Duration::from_secs(outage), rate }
    }
}

/// Waits for a run; what it panicked with, where it did.
async fn caught<T>(run: AssertUnwindSafe<impl Future<Output = T>>) -> Result<T, String> {
    let mut run = std::pin::pin!(run.0);
    std::future::poll_fn(move |context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)));
        match polled {
            Ok(std::task::Poll::Ready(value)) => std::task::Poll::Ready(Ok(value)),
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                std::task::Poll::Ready(Err(text.unwrap_or_else(|| "the run broke off".to_owned())))
            }
        }
    })
    .await
}
