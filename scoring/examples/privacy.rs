//! What a vault costs: `cargo run --release -p fraudnet-scoring --example privacy -- [people] [folder]`, a million and a folder for
//! temporary files unless said otherwise.
#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "it prints what it measures")]

use fraudnet_scoring::privacy::{Identifier, MAX_NAMED, PersonKind, Pseudonym, Vault, VaultSettings, World, rotate};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TODAY: u32 = 20_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let people: usize = arguments.next().map_or(1_000_000, |people| people.parse().expect("how many people"));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let is_loading = folder.join("master").exists();
    let folder = if is_loading { folder } else { folder.join(format!("fraudnet-vault-{}", std::process::id())) };
    let settings = VaultSettings {
        folder: folder.join("vault"),
        master_key: folder.join("master"),
        expected: None,
        max_people: 100_000_000,
    };
    if is_loading {
        return load(&settings);
    }
    let vault = Vault::open(&settings, World::system()).expect("a vault");

    println!("new people, one a call:");
    for callers in [1, 32, 256] {
        let each = 3_000 / callers.min(32);
        let waits = at_once(callers, |caller| {
            let named = |number| {
                let id = format!("new-{callers}-{caller}-{number}");
                let begun = Instant::now();
                vault.pseudonyms(&[account(&id)], TODAY).expect("a pseudonym");
                begun.elapsed()
            };
            (0..each).map(named).collect()
        });
        println!("  {callers:>3} callers: {:>8.0}/s, {}", waits.rate, waits.spread());
    }

    let begun = Instant::now();
    let mut number = 0;
    while number < people {
        let ids: Vec<String> =
            (number..people.min(number + MAX_NAMED)).map(|number| format!("acct-{number}")).collect();
        let identifiers: Vec<_> = ids.iter().map(|id| account(id)).collect();
        vault.pseudonyms(&identifiers, TODAY).expect("pseudonyms");
        number += MAX_NAMED;
    }
    let took = begun.elapsed();
    println!("new people, {MAX_NAMED} a call, 1 caller: {:.0}/s", people as f64 / took.as_secs_f64());
    drop(vault);

    // In a process of its own, whose memory holds nothing else.
    let program = std::env::current_exe().expect("this program");
    let status = std::process::Command::new(program).arg("0").arg(&folder).status().expect("this program runs");
    assert!(status.success());
    let vault = Vault::open(&settings, World::system()).expect("the vault");
    let count = vault.people();

    println!("known people (4 identifiers a call):");
    for callers in [1, 2] {
        let waits = at_once(callers, |caller| {
            let ids: Vec<String> =
                (0..4_000).map(|step| format!("acct-{}", (step * 7_919 + caller * 104_729) % people)).collect();
            let calls: Vec<Vec<Identifier<'_>>> =
                ids.chunks(4).map(|ids| ids.iter().map(|id| account(id)).collect()).collect();
            let mut waits = Vec::with_capacity(200_000);
            for _ in 0..200 {
                for call in &calls {
                    let begun = Instant::now();
                    black_box(vault.known(call).expect("known"));
                    waits.push(begun.elapsed());
                }
            }
            waits
        });
        println!("  {callers:>3} callers: {:>8.0} identifiers/s, {} a call", waits.rate * 4.0, waits.spread());
    }
    let named: Vec<Pseudonym> =
        (0..1_000).filter_map(|number| vault.lookup(&account(&format!("acct-{}", number * 97 % people)))).collect();
    let waits = at_once(1, |_| {
        let told = |pseudonym| {
            let begun = Instant::now();
            black_box(vault.reveal("bank", pseudonym).expect("the file").is_some());
            begun.elapsed()
        };
        named.iter().map(told).collect()
    });
    println!("reveal: {}", waits.spread());

    let begun = Instant::now();
    assert!(vault.erase(&[account("acct-1")]).expect("erased")[0].is_some());
    println!("erase 1 of {count}: {:.2?}", begun.elapsed());
    let is_over = AtomicBool::new(false);
    let waits = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(vault.erase(&[account("acct-0")]).expect("erased")[0].is_some());
            is_over.store(true, Ordering::SeqCst);
        });
        at_once(1, |_| {
            let mut waits = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let id = format!("meanwhile-{}", waits.len());
                let begun = Instant::now();
                vault.pseudonyms(&[account(&id)], TODAY).expect("a pseudonym");
                waits.push(begun.elapsed());
            }
            waits
        })
    });
    println!(
        "new people meanwhile: {:.0}/s, {}, most {:.2?}",
        waits.rate,
        waits.spread(),
        waits.sorted[waits.sorted.len() - 1]
    );
    let ids: Vec<String> = (2..10_002.min(people)).map(|number| format!("acct-{number}")).collect();
    let identifiers: Vec<_> = ids.iter().map(|id| account(id)).collect();
    let begun = Instant::now();
    assert!(vault.erase(&identifiers).expect("erased").iter().all(Option::is_some));
    println!("erase {} together: {:.2?}", ids.len(), begun.elapsed());
    drop(vault);
    let begun = Instant::now();
    let sealed = rotate(&settings, World::system()).expect("another key");
    println!("another master key for {sealed}: {:.2?}", begun.elapsed());
    std::fs::remove_dir_all(&folder).expect("its own folder");
}

fn load(settings: &VaultSettings) {
    let before = resident_bytes();
    let begun = Instant::now();
    let vault = Vault::open(settings, World::system()).expect("the vault");
    let (took, after, count) = (begun.elapsed(), resident_bytes(), vault.people());
    let bytes = std::fs::metadata(settings.folder.join("vault")).expect("the file").len();
    println!(
        "load of {count}: {took:.2?}, {:.0} bytes of memory and {:.0} of the file each",
        after.saturating_sub(before) as f64 / count as f64,
        bytes as f64 / count as f64
    );
}

fn account(id: &str) -> Identifier<'_> {
    Identifier { tenant: "bank", kind: PersonKind::Account, id }
}

/// How long calls took.
struct Waits {
    sorted: Vec<Duration>,
    /// Calls a second.
    rate: f64,
}

impl Waits {
    fn spread(&self) -> String {
        let at = |share: f64| self.sorted[((self.sorted.len() - 1) as f64 * share) as usize];
        format!("p50 {:.2?}, p99 {:.2?}", at(0.5), at(0.99))
    }
}

fn at_once(callers: usize, call: impl Fn(usize) -> Vec<Duration> + Sync) -> Waits {
    let begun = Instant::now();
    let mut sorted: Vec<Duration> = std::thread::scope(|scope| {
        let call = &call;
        let callers: Vec<_> = (0..callers).map(|caller| scope.spawn(move || call(caller))).collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect()
    });
    let elapsed = begun.elapsed();
    sorted.sort_unstable();
    let rate = sorted.len() as f64 / elapsed.as_secs_f64();
    Waits { sorted, rate }
}

/// Memory of this process, as the system counts it.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}
