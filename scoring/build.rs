//! Refuses to build without the console's pages, which are embedded in the library.

use std::path::Path;

#[expect(clippy::disallowed_macros, reason = "what a build script says, it prints")]
fn main() {
    // New pages, new library. A folder that is missing counts as changed.
    println!("cargo::rerun-if-changed=console/dist");
    if !Path::new("console/dist/index.html.gz").is_file() {
        println!("cargo::error=the console's pages are not built: run `make setup`, which writes scoring/console/dist");
    }
}
