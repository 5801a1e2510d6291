//! One line about the machine, so that a table of figures can be read later.

use std::fs::read_to_string;

/// Cores, processor, load, huge pages.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| line.trim_start_matches(['\t', ' ', ':']));
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    let pages = read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let pages = pages.split(['[', ']']).nth(1).unwrap_or("unknown");
    format!("{cores} cores, {model}, {}; load {load} at the start, huge pages: {pages}", std::env::consts::ARCH)
}
