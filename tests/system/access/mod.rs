//! Who may ask what, over HTTP: every route for every kind of caller, the first admin, tokens and sessions, signing in with a provider.

mod matrix;
mod provider;
mod refusals;
mod sessions;

use fraudnet_tests::{Folder, Settings};

/// A service that lets nobody in without asking.
fn closed(folder: &Folder) -> Settings {
    Settings::new(folder).set("access.anonymous", "[]")
}
