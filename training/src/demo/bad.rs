//! A bad model: the champion's own files, but a calibration that takes nearly everybody for a thief. Its golden vectors hold, so it passes
//! every check at the door; only what it does to customers gives it away.

use anyhow::{Context, Result};
use fraudnet_models::artifact::MANIFEST_FILE;
use fraudnet_models::{ArtifactBuilder, Manifest, ModelRef};
use std::path::Path;

/// Log-odds that it adds to every payment.
const ALARMISM: f32 = 12.0;

/// Publishes it beside the version it is made of.
pub(super) fn publish(registry: &Path, champion: &ModelRef) -> Result<ModelRef> {
    let folder = registry.join(&champion.name).join(&champion.version);
    let bytes = std::fs::read(folder.join(MANIFEST_FILE)).with_context(|| format!("reading {}", folder.display()))?;
    let mut manifest = Manifest::parse(&bytes)?;
    let files: Vec<String> = manifest.files.keys().cloned().collect();
    manifest.parent_version = Some(champion.version.clone());
    manifest.version = format!("{}-hasty", champion.version);
    for knot in &mut manifest.settings.calibration.knots {
        knot.1 += ALARMISM;
    }
    let model = ModelRef { name: champion.name.clone(), version: manifest.version.clone() };
    let mut builder = ArtifactBuilder::new(manifest);
    for file in files {
        let bytes = std::fs::read(folder.join(&file)).with_context(|| format!("reading {file} of {champion}"))?;
        builder = builder.file(file, bytes);
    }
    builder.write(&registry.join(&model.name).join(&model.version))?;
    Ok(model)
}
