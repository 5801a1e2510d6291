//! `fraudnet-train fit` and `fraudnet-train released`: arguments as typed, and what is printed.

use super::{FitRequest, fit};
use crate::command::{CommonArguments, Format, HistoryArguments, OutputArguments, print, print_json};
use crate::contender::Contender;
use crate::data::examples::Shares;
use crate::data::split::SplitSettings;
use crate::network::TrainConfig;
use crate::points::PointGoals;
use crate::released;
use crate::tables::tables;
use crate::trees::TreeConfig;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};

/// What `fit` takes.
#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    #[command(flatten)]
    history: HistoryArguments,
    /// Folder of the new artifact, FAMILY/VERSION at its end, e.g. models/hybrid/mine; the family (trees-v1, trees-v2 or
    /// hybrid) says which of the fitted models is published.
    #[arg(long, value_name = "FOLDER", required_unless_present = "all_families")]
    out: Option<PathBuf>,
    /// Publish all three families into this folder instead, each as FAMILY/VERSION.
    #[arg(long, value_name = "FOLDER", conflicts_with = "out", requires = "version")]
    all_families: Option<PathBuf>,
    /// Version of the artifacts of --all-families.
    #[arg(long, value_name = "VERSION", requires = "all_families")]
    version: Option<String>,
    /// Replace an artifact whose folder is there already.
    #[arg(long)]
    replace: bool,
    /// Version the new one succeeds.
    #[arg(long, value_name = "VERSION")]
    parent: Option<String>,
    /// Decides samples, first weights and order; the same seed and histories give the same models, bit for bit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Most passes of the network over the examples; it stops earlier when the early-stop window says so.
    #[arg(long, default_value_t = released::EPOCHS)]
    epochs: usize,
    /// Peak learning rate of the network.
    #[arg(long, default_value_t = TrainConfig::default().learning_rate)]
    learning_rate: f32,
    /// Most boosting rounds of the trees; they stop earlier when the early-stop window says so.
    #[arg(long, default_value_t = TreeConfig::default().rounds)]
    rounds: usize,
    /// Share (0–1] of payments not known to be fraud that become examples. Each takes 10–20 kB of memory.
    #[arg(long, default_value_t = released::SHARES.negative)]
    negative_share: f64,
    /// Share (0–1] of such payments whose payment row trees learn from. Each takes 2–3 kB of memory.
    #[arg(long, default_value_t = released::SHARES.tabular)]
    row_share: f64,
    /// Share (0–1] of such payments of the early-stop window. Each takes 10–20 kB of memory.
    #[arg(long, default_value_t = released::SHARES.stop)]
    stop_share: f64,
    /// Share of such test payments in the sample for ablations and fp16 parity.
    #[arg(long, default_value_t = released::ABLATION_SHARE)]
    ablation_share: f64,
    /// Days before the cut that are left out because their labels are not in yet; lower it for short histories.
    #[arg(long, default_value_t = SplitSettings::default().maturity_days)]
    maturity_days: f64,
    /// Share of the history at which the model could have been trained; the rest is the test.
    #[arg(long, default_value_t = SplitSettings::default().cut)]
    cut: f64,
    #[command(flatten)]
    common: CommonArguments,
}

/// What `released` takes.
#[derive(Debug, Args)]
pub(crate) struct ReleasedArguments {
    /// Folder of all models; each is written to FAMILY/VERSION in it, over what is there, and named its family's champion.
    #[arg(long, default_value = "models", value_name = "FOLDER")]
    models: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
}

/// Fits on the histories named and publishes.
pub(crate) fn fit_command(arguments: FitArguments) -> Result<()> {
    let (models, families, version) = match (&arguments.out, &arguments.all_families, &arguments.version) {
        (Some(out), ..) => family_and_version(out)?,
        (None, Some(models), Some(version)) => (models.clone(), Contender::FAMILIES.to_vec(), version.clone()),
        _ => bail!("name the folder of the new artifact (--out), or --all-families with --version"),
    };
    let common = &arguments.common;
    let parents = arguments.parent.iter().flat_map(|parent| families.iter().map(|&family| (family, parent.clone())));
    let request = FitRequest {
        sources: arguments.history.sources(),
        parents: parents.collect(),
        models,
        families,
        version,
        replace: arguments.replace,
        seed: arguments.seed,
        split: SplitSettings { maturity_days: arguments.maturity_days, cut: arguments.cut, ..SplitSettings::default() },
        shares: Shares { negative: arguments.negative_share, tabular: arguments.row_share, stop: arguments.stop_share },
        ablation_share: arguments.ablation_share,
        train: TrainConfig {
            epochs: arguments.epochs,
            learning_rate: arguments.learning_rate,
            threads: common.threads,
            ..TrainConfig::default()
        },
        trees: TreeConfig { rounds: arguments.rounds, ..TreeConfig::default() },
        goals: PointGoals::default(),
        runtime: common.output.runtime(),
        threads: common.threads,
        replicates: common.replicates,
        told: common.output.told(),
    };
    fit_and_print(&request, common.output.format)
}

/// Reproduces the released models and makes each the champion of its family.
pub(crate) fn released_command(arguments: &ReleasedArguments) -> Result<()> {
    let request = FitRequest {
        told: arguments.output.told(),
        ..released::request(&arguments.models, arguments.output.runtime())
    };
    fit_and_print(&request, arguments.output.format)?;
    for family in &request.families {
        fraudnet_models::name_champion(&request.models.join(family.name()), &request.version)?;
    }
    Ok(())
}

/// The folder of all models, the family and the version that a folder ending in `<family>/<version>` means.
fn family_and_version(out: &Path) -> Result<(PathBuf, Vec<Contender>, String)> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let family = out.parent().and_then(name).and_then(|family| Contender::parse(&family));
    match (family.filter(|family| Contender::FAMILIES.contains(family)), name(out)) {
        (Some(family), Some(version)) => {
            let models = out.parent().and_then(Path::parent).context("a folder with a family has a parent")?;
            Ok((models.to_path_buf(), vec![family], version))
        }
        _ => bail!(
            "--out {} must end in FAMILY/VERSION, the family one of trees-v1, trees-v2 and hybrid, e.g. models/hybrid/mine",
            out.display()
        ),
    }
}

fn fit_and_print(request: &FitRequest, format: Format) -> Result<()> {
    let (artifacts, report) = fit(request)?;
    if format == Format::Json {
        return print_json(&report);
    }
    let names: Vec<&str> = request.families.iter().map(|family| family.name()).collect();
    print(&format!("# {} {}\n\n{}", names.join(", "), request.version, tables(&report)));
    for (family, artifact) in request.families.iter().zip(&artifacts) {
        let files = &artifact.manifest.files;
        print(&format!(
            "\nwritten and verified: {} ({} files, {} kB); its model card is README.md there",
            request.out(*family).display(),
            files.len() + 1,
            files.values().map(|file| file.bytes).sum::<u64>() >> 10
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_parts_name_family_and_version() {
        let (models, families, version) = family_and_version(Path::new("models/trees-v2/mine")).unwrap();
        assert_eq!((models, families, version.as_str()), (PathBuf::from("models"), vec![Contender::TreesV2], "mine"));
        assert_eq!(family_and_version(Path::new("hybrid/1")).unwrap().0, PathBuf::from(""));
        for wrong in ["mine", "models/network/1", "models/other/1", "/"] {
            let error = family_and_version(Path::new(wrong)).unwrap_err().to_string();
            assert!(error.contains("FAMILY/VERSION"), "{error}");
        }
    }
}
