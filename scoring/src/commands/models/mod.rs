//! `fraudnet models`: versions in a registry's folder, who signed them, and which of them a running service serves.
//!
//! In reading order: the arguments below, `registry` (what is done to a folder, no service needed), `serving` (what is asked of a running
//! service).

mod registry;
mod serving;

use super::OutputFormat;
use super::remote::Remote;
use fraudnet_models::ModelRef;
use fraudnet_scoring::control::models::Alias;
use std::path::PathBuf;
use std::process::ExitCode;

/// Lists, proves, signs, publishes and promotes model versions.
///
/// A version is a folder NAME/VERSION in the registry (by default ./models). keygen, sign, publish, list, show and verify work on that
/// folder and need no service. promote, challenge and rollback ask a running one, which proves the version again, swaps without losing a
/// payment, and keeps what it serves where anything is wrong. With --url, list, show and verify ask the service as well.
#[derive(Debug, clap::Args)]
pub struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists versions: tier, author, roles, headline figures.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows one version; with --format json its whole manifest.
    Show {
        /// NAME/VERSION, as `list` shows it.
        model: ModelRef,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Proves versions whole: every hash, schema, operators, signature, golden vectors through ONNX Runtime. Exits with 1 where any is bad.
    Verify {
        /// NAME/VERSION; all where absent.
        model: Option<ModelRef>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Makes a key pair: FILE is secret, FILE.pub goes into the folder of trusted keys.
    Keygen {
        /// Where to write; the file's name is the signer's name.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: OutputFormat,
    },
    /// Signs a version in the registry, or in any folder, once it is proven whole: who signs is its author.
    Sign {
        /// NAME/VERSION, or the folder of a version.
        model: String,
        /// Secret key, as keygen makes it.
        #[arg(long, env = "FRAUDNET_KEY", value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Copies a version into the registry: proven whole, signed where a key is given, and there all at once or not at all.
    ///
    /// With --url the service is asked to prove it as well and to leave an event that says so. Publishing changes nothing that serves.
    Publish {
        /// Folder of the version.
        #[arg(value_name = "FOLDER")]
        from: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
    },
    /// Has a running service serve a version: as champion, or as a rung below it.
    Promote {
        /// NAME/VERSION; `configured` for what the configuration names.
        model: String,
        /// The role: champion, trees_v2 or trees_v1.
        #[arg(long = "as", value_name = "ROLE", default_value = "champion")]
        alias: Alias,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Names the version that is meant to replace the champion. It serves nothing yet.
    Challenge {
        /// NAME/VERSION; `none` to have no challenger.
        model: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Has a running service serve the champion before this one.
    Rollback {
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// Where versions lie, and whose signatures count.
#[derive(Debug, clap::Args)]
struct Place {
    /// Configuration file (TOML), for model.registry, control.trusted_keys, control.require_signature and the section inference.
    #[arg(long, env = "FRAUDNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of all versions instead of the configured one.
    #[arg(long, value_name = "FOLDER")]
    registry: Option<PathBuf>,
    /// Folder of the trusted public keys instead of the configured one.
    #[arg(long, value_name = "FOLDER")]
    trusted_keys: Option<PathBuf>,
    /// Refuse what none of them signed, whatever the configuration says.
    #[arg(long)]
    require_signature: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

/// What every change needs.
#[derive(Debug, clap::Args)]
struct ChangeArgs {
    /// Why; it stays with the change.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl Models {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List { place, remote } if remote.is_given() => serving::list(&remote, place.format),
            Action::List { place, .. } => registry::list(&place),
            Action::Show { model, place, remote } if remote.is_given() => serving::show(&remote, &model, place.format),
            Action::Show { model, place, .. } => registry::show(&place, &model),
            Action::Verify { model, place, remote } if remote.is_given() => {
                serving::verify(&remote, model.as_ref(), place.format)
            }
            Action::Verify { model, place, .. } => registry::verify(&place, model.as_ref()),
            Action::Keygen { out, format } => registry::keygen(&out, format),
            Action::Sign { model, key, place } => registry::sign(&place, &model, &key),
            Action::Publish { from, place, remote } => {
                let published = registry::publish(&place, &from, remote.key()?.as_ref())?;
                serving::announce(&remote, &published, place.format)
            }
            Action::Promote { model, alias, change } => serving::set(&change, alias, named(&model, "configured")?),
            Action::Challenge { model, change } => serving::set(&change, Alias::Challenger, named(&model, "none")?),
            Action::Rollback { change } => serving::rollback(&change),
        }
    }
}

/// The version of that name; none where it is the word for none.
fn named(model: &str, none: &str) -> anyhow::Result<Option<ModelRef>> {
    if model == none { Ok(None) } else { Ok(Some(model.parse()?)) }
}
