//! All versions of all models as they lie in one folder: the registry.
//!
//! ```text
//! <root>/hybrid/champion         2026.11.22-2: what a service scores with that was told nothing else
//!               2026.11.22-2/    a version, see `artifact`
//!        trees-v2/…
//! ```
//!
//! A version never changes once it is there. Publishing copies it whole, checks the copy and only then gives it its name, so that a
//! reader beside it sees all of a version or nothing. Which version serves is no matter of this folder but of the service's control
//! events; `champion` is only where a service without any begins.

use crate::artifact::{Artifact, ArtifactError, GoldenReport, MANIFEST_FILE, read_file, signer_of};
use crate::model_ref::is_plain;
use crate::publish::{Staging, beside, io_error, write_synced};
use crate::signature::{ManifestSignature, SIGNATURE_FILE, SecretKey, Signer, Trust};
use crate::{Manifest, ModelRef, ModelSession, RuntimeConfig, champion};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of model versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    root: PathBuf,
    elsewhere: BTreeMap<ModelRef, PathBuf>,
}

/// A version as a listing shows it: what its manifest says, unproven.
#[derive(Debug)]
pub struct Listed {
    /// The version.
    pub model: ModelRef,
    /// Its manifest, or why it cannot be read.
    pub manifest: Result<Box<Manifest>, ArtifactError>,
    /// Name of the key that it claims to be signed with.
    pub signed_by: Option<String>,
    /// Whether its family's `champion` file names it.
    pub champion: bool,
}

/// A version that was proven whole.
#[derive(Debug)]
pub struct Verified {
    /// The version.
    pub model: ModelRef,
    /// The artifact, ready to be opened.
    pub artifact: Artifact,
    /// Who signed it with a trusted key.
    pub author: Option<String>,
    /// Who signed it, trusted or not.
    pub signer: Signer,
    /// How close it came to its golden vectors, where it was run.
    pub golden: Option<GoldenReport>,
}

impl Registry {
    /// The registry in that folder.
    ///
    /// # Errors
    /// [`ArtifactError::NoRegistry`].
    pub fn open(root: &Path) -> Result<Registry, ArtifactError> {
        if !root.is_dir() {
            return Err(ArtifactError::NoRegistry(root.display().to_string()));
        }
        Ok(Registry { root: root.to_path_buf(), elsewhere: BTreeMap::new() })
    }

    /// The same registry with one more version, which lies in a folder outside of it: that which the configuration names.
    #[must_use]
    pub fn with(mut self, model: ModelRef, folder: &Path) -> Registry {
        if folder != self.inside(&model) {
            self.elsewhere.insert(model, folder.to_path_buf());
        }
        self
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a version lies, or would lie.
    pub fn folder(&self, model: &ModelRef) -> PathBuf {
        self.elsewhere.get(model).cloned().unwrap_or_else(|| self.inside(model))
    }

    /// Where a version of the registry's own lies.
    fn inside(&self, model: &ModelRef) -> PathBuf {
        self.root.join(&model.name).join(&model.version)
    }

    /// Whether the version is there at all.
    pub fn holds(&self, model: &ModelRef) -> bool {
        self.folder(model).join(MANIFEST_FILE).is_file()
    }

    /// Every version, by name, then version. Families that may not be read and folders without a manifest are passed over.
    ///
    /// # Errors
    /// Where the registry's folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ArtifactError> {
        let mut models: Vec<ModelRef> = self.elsewhere.keys().cloned().collect();
        for family in names(&self.root).map_err(|source| io_error(&self.root, source))? {
            let versions = names(&self.root.join(&family)).unwrap_or_default();
            let models_of = versions.into_iter().map(|version| ModelRef { name: family.clone(), version });
            models.extend(models_of.filter(|model| self.inside(model).join(MANIFEST_FILE).is_file()));
        }
        models.sort();
        models.dedup();
        let champions: BTreeMap<String, ModelRef> = models
            .iter()
            .map(|model| model.name.clone())
            .filter_map(|family| Some((family.clone(), self.champion_of(&family)?)))
            .collect();
        Ok(models.into_iter().map(|model| self.listed(model, &champions)).collect())
    }

    /// A version as [`Registry::list`] shows it; none where it is not there.
    pub fn read(&self, model: &ModelRef) -> Option<Listed> {
        let champion = self.champion_of(&model.name).map(|champion| (model.name.clone(), champion));
        self.holds(model).then(|| self.listed(model.clone(), &champion.into_iter().collect()))
    }

    fn listed(&self, model: ModelRef, champions: &BTreeMap<String, ModelRef>) -> Listed {
        let folder = self.folder(&model);
        let manifest =
            read_file(&folder, MANIFEST_FILE).and_then(|bytes| Manifest::parse(&bytes)).and_then(|manifest| {
                match ModelRef::from(&manifest) {
                    found if found == model => Ok(Box::new(manifest)),
                    found => Err(ArtifactError::Misplaced { expected: model.clone(), found }),
                }
            });
        let signed_by = read_file(&folder, SIGNATURE_FILE).ok().and_then(|bytes| ManifestSignature::parse(&bytes).ok());
        Listed {
            manifest,
            signed_by: signed_by.map(|signature| signature.key),
            champion: champions.get(&model.name) == Some(&model),
            model,
        }
    }

    /// The version that a family's `champion` file names, where it names one that is there.
    pub fn champion_of(&self, family: &str) -> Option<ModelRef> {
        if !is_plain(family) {
            return None;
        }
        let folder = champion::resolve_version(&self.root.join(family)).ok()?;
        let model = ModelRef::new(family, folder.file_name()?.to_str()?).ok()?;
        self.holds(&model).then_some(model)
    }

    /// Reads a version whole, with its signature, and checks everything that can be checked without running it.
    ///
    /// # Errors
    /// [`ArtifactError::Unknown`], [`ArtifactError::Misplaced`], and as [`Artifact::load_trusted`].
    pub fn verify(&self, model: &ModelRef, trust: &Trust) -> Result<Verified, ArtifactError> {
        if !self.holds(model) {
            return Err(ArtifactError::Unknown { model: model.clone(), registry: self.root.display().to_string() });
        }
        let verified = verify(&self.folder(model), trust)?;
        if verified.model != *model {
            return Err(ArtifactError::Misplaced { expected: model.clone(), found: verified.model });
        }
        Ok(verified)
    }

    /// As [`Registry::verify`]; then runs its golden vectors.
    ///
    /// # Errors
    /// As [`Registry::verify`] and [`Artifact::verify_golden`].
    pub fn verify_run(
        &self,
        model: &ModelRef,
        trust: &Trust,
        runtime: &RuntimeConfig,
    ) -> Result<Verified, ArtifactError> {
        run(self.verify(model, trust)?, runtime)
    }

    /// Copies the version in the folder `from` into the registry, signed by `key` where one is given, else with the signature that it has.
    ///
    /// The copy is proven whole, trusted and true to its golden vectors before it gets its name; of a refused one nothing stays.
    ///
    /// # Errors
    /// [`ArtifactError::Exists`] where that version is there already, and as [`Registry::verify_run`].
    pub fn publish(
        &self,
        from: &Path,
        trust: &Trust,
        key: Option<&SecretKey>,
        runtime: &RuntimeConfig,
    ) -> Result<Verified, ArtifactError> {
        let manifest = read_file(from, MANIFEST_FILE)?;
        let parsed = Manifest::parse(&manifest)?;
        parsed.check()?;
        let target = self.inside(&ModelRef::from(&parsed));
        if target.exists() {
            return Err(ArtifactError::Exists(target.display().to_string()));
        }
        let signature = match key {
            Some(key) => Some(ManifestSignature::of(&manifest, key).to_bytes()),
            None if from.join(SIGNATURE_FILE).exists() => Some(read_file(from, SIGNATURE_FILE)?),
            None => None,
        };
        let staged = beside(&target, "partial");
        let staging = Staging::begin(&staged);
        let copied = self
            .stage(from, &parsed, &manifest, signature.as_deref(), &staged)
            .and_then(|()| verify(&staged, trust))
            .and_then(|verified| run(verified, runtime))
            .and_then(|verified| {
                fs::rename(&staged, &target)
                    .and_then(|()| sync_folder(target.parent().unwrap_or(&self.root)))
                    .map_err(|source| io_error(&target, source))?;
                Ok(verified)
            });
        if copied.is_err() {
            staging.discard();
        }
        copied
    }

    fn stage(
        &self,
        from: &Path,
        parsed: &Manifest,
        manifest: &[u8],
        signature: Option<&[u8]>,
        staged: &Path,
    ) -> Result<(), ArtifactError> {
        // What the source holds beside its files is refused, not left behind silently.
        Artifact::load_files(from, manifest)?;
        if staged.exists() {
            fs::remove_dir_all(staged).map_err(|source| io_error(staged, source))?;
        }
        fs::create_dir_all(staged).map_err(|source| io_error(staged, source))?;
        for name in parsed.files.keys() {
            write_synced(&staged.join(name), &read_file(from, name)?)?;
        }
        write_synced(&staged.join(MANIFEST_FILE), manifest)?;
        signature.map_or(Ok(()), |signature| write_synced(&staged.join(SIGNATURE_FILE), signature))
    }
}

/// Signs the version in a folder, in place of whoever signed it before, once it is proven whole; gives back which version it is.
///
/// # Errors
/// As [`Artifact::load`], but for the signature that is there.
pub fn sign(folder: &Path, key: &SecretKey) -> Result<ModelRef, ArtifactError> {
    let manifest = read_file(folder, MANIFEST_FILE)?;
    // Nobody should vouch for what does not load.
    let model = ModelRef::from(&Artifact::load_files(folder, &manifest)?.manifest);
    let staged = folder.join(format!(".{SIGNATURE_FILE}.partial-{}", std::process::id()));
    let path = folder.join(SIGNATURE_FILE);
    write_synced(&staged, &ManifestSignature::of(&manifest, key).to_bytes())?;
    fs::rename(&staged, &path).and_then(|()| sync_folder(folder)).map_err(|source| io_error(&path, source))?;
    Ok(model)
}

fn verify(folder: &Path, trust: &Trust) -> Result<Verified, ArtifactError> {
    let (artifact, author) = Artifact::load_trusted(folder, trust)?;
    Ok(Verified {
        model: ModelRef::from(&artifact.manifest),
        signer: signer_of(folder, trust)?,
        artifact,
        author,
        golden: None,
    })
}

fn run(verified: Verified, runtime: &RuntimeConfig) -> Result<Verified, ArtifactError> {
    let mut session = ModelSession::new(&verified.artifact, runtime)?;
    let golden = verified.artifact.verify_golden(&mut session)?;
    Ok(Verified { golden: Some(golden), ..verified })
}

/// Plain names in a folder, in order.
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().filter(|name| is_plain(name)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Makes a rename in that folder survive a power cut.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
