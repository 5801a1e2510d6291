//! LightGBM's C API, as far as fitting trees needs it: the one file with unsafe code.
//!
//! Handles are owned: a [`Dataset`] or [`Booster`] frees its own when dropped, a booster before the datasets it reads.
//! Every call's status is checked. Cost: a dataset holds one byte a value (its bin); the caller's rows are copied into
//! bins and not kept.

use super::library;
use super::table::Table;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

type Handle = *mut c_void;

/// `C_API_DTYPE_FLOAT32` of LightGBM's `c_api.h`.
const FLOAT32: c_int = 0;
/// `C_API_DTYPE_FLOAT64`.
const FLOAT64: c_int = 1;
/// `C_API_FEATURE_IMPORTANCE_GAIN`; the saved text ends with importances of this kind, which are not read.
const IMPORTANCE_GAIN: c_int = 1;

/// Kept for the life of the process: OpenMP's threads do not survive their library being unloaded.
static LIBRARY: Mutex<Option<&'static Library>> = Mutex::new(None);

type LastError = unsafe extern "C" fn() -> *const c_char;
type Free = unsafe extern "C" fn(Handle) -> c_int;
type DatasetCreate =
    unsafe extern "C" fn(*const c_void, c_int, i32, i32, c_int, *const c_char, Handle, *mut Handle) -> c_int;
type DatasetSetField = unsafe extern "C" fn(Handle, *const c_char, *const c_void, c_int, c_int) -> c_int;
type BoosterCreate = unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int;
type BoosterAddValid = unsafe extern "C" fn(Handle, Handle) -> c_int;
type BoosterUpdate = unsafe extern "C" fn(Handle, *mut c_int) -> c_int;
type BoosterGetPredict = unsafe extern "C" fn(Handle, c_int, *mut i64, *mut f64) -> c_int;
type BoosterSave = unsafe extern "C" fn(Handle, c_int, c_int, c_int, i64, *mut i64, *mut c_char) -> c_int;

/// The functions used, resolved once.
struct Library {
    last_error: LastError,
    dataset_create: DatasetCreate,
    dataset_set_field: DatasetSetField,
    dataset_free: Free,
    booster_create: BoosterCreate,
    booster_add_valid: BoosterAddValid,
    booster_update: BoosterUpdate,
    booster_get_predict: BoosterGetPredict,
    booster_save: BoosterSave,
    booster_free: Free,
    /// Owns the code the pointers above lead to.
    _code: libloading::Library,
}

/// The library, loaded on the first call.
fn library() -> Result<&'static Library> {
    let mut loaded = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = *loaded {
        return Ok(library);
    }
    let path = library::locate()?;
    let library: &'static Library = Box::leak(Box::new(Library::load(&path)?));
    tracing::info!(library = %path.display(), "lightgbm loaded");
    *loaded = Some(library);
    Ok(library)
}

impl Library {
    fn load(path: &Path) -> Result<Library> {
        let unusable = || {
            format!(
                "`{}` cannot be used as LightGBM {} (which needs libgomp); run `make setup`",
                path.display(),
                library::LIGHTGBM_VERSION
            )
        };
        // SAFETY: loading runs the library's initialisers; LightGBM's and OpenMP's set up their own state only.
        let code = unsafe { libloading::Library::new(path) }.with_context(unusable)?;
        // SAFETY: every type above is the declaration of that name in LightGBM 4's `c_api.h`, and the pointers stay
        // valid as long as `code`, which lives beside them and is never unloaded.
        unsafe {
            Ok(Library {
                last_error: *code.get::<LastError>(b"LGBM_GetLastError").with_context(unusable)?,
                dataset_create: *code.get::<DatasetCreate>(b"LGBM_DatasetCreateFromMat").with_context(unusable)?,
                dataset_set_field: *code.get::<DatasetSetField>(b"LGBM_DatasetSetField").with_context(unusable)?,
                dataset_free: *code.get::<Free>(b"LGBM_DatasetFree").with_context(unusable)?,
                booster_create: *code.get::<BoosterCreate>(b"LGBM_BoosterCreate").with_context(unusable)?,
                booster_add_valid: *code.get::<BoosterAddValid>(b"LGBM_BoosterAddValidData").with_context(unusable)?,
                booster_update: *code.get::<BoosterUpdate>(b"LGBM_BoosterUpdateOneIter").with_context(unusable)?,
                booster_get_predict: *code
                    .get::<BoosterGetPredict>(b"LGBM_BoosterGetPredict")
                    .with_context(unusable)?,
                booster_save: *code.get::<BoosterSave>(b"LGBM_BoosterSaveModelToString").with_context(unusable)?,
                booster_free: *code.get::<Free>(b"LGBM_BoosterFree").with_context(unusable)?,
                _code: code,
            })
        }
    }

    /// Turns a status other than zero into the library's own words.
    fn check(&self, status: c_int, doing: &str) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: LGBM_GetLastError returns this thread's message, ended by a zero byte and valid until the thread's
        // next failing call; it is copied before that.
        let reason = unsafe { CStr::from_ptr((self.last_error)()) }.to_string_lossy().into_owned();
        bail!("LightGBM could not {doing}: {}", reason.trim());
    }
}

/// Rows in bins, with their labels and weights.
pub(super) struct Dataset {
    handle: Handle,
    library: &'static Library,
    rows: usize,
}

impl Dataset {
    /// Bins the rows of a checked table; with a `reference`, into that dataset's bins.
    pub fn new(table: &Table, parameters: &str, reference: Option<&Dataset>) -> Result<Dataset> {
        let library = library()?;
        let parameters = CString::new(parameters).context("parameters of LightGBM hold a zero byte")?;
        let (rows, columns) = (table.rows(), table.columns);
        ensure!(Some(table.values.len()) == rows.checked_mul(columns), "a table must hold rows times columns values");
        let labels: Vec<f32> = table.positive.iter().map(|&positive| f32::from(u8::from(positive))).collect();
        let mut handle = std::ptr::null_mut();
        // SAFETY: `values` holds rows × columns f32, row-major (ensured above), and is only read during the call;
        // `parameters` ends with a zero byte; the reference is null or a live dataset; `handle` is written on success.
        let status = unsafe {
            (library.dataset_create)(
                table.values.as_ptr().cast(),
                FLOAT32,
                i32::try_from(rows).context("too many rows for LightGBM")?,
                i32::try_from(columns).context("too many columns for LightGBM")?,
                1,
                parameters.as_ptr(),
                reference.map_or(std::ptr::null_mut(), |dataset| dataset.handle),
                &mut handle,
            )
        };
        library.check(status, "read the rows")?;
        let mut dataset = Dataset { handle, library, rows };
        dataset.set(c"label", &labels)?;
        dataset.set(c"weight", table.weights)?;
        Ok(dataset)
    }

    /// Lets fitting begin from a logit of each row instead of from nothing.
    pub fn begin_from(&mut self, logits: &[f64]) -> Result<()> {
        ensure!(logits.len() == self.rows, "{} logits for {} rows", logits.len(), self.rows);
        let length = c_int::try_from(logits.len()).context("too many rows for LightGBM")?;
        let field = c"init_score";
        // SAFETY: the handle is live, the name ends with a zero byte, and `logits` holds `length` f64, which are copied.
        let status = unsafe {
            (self.library.dataset_set_field)(self.handle, field.as_ptr(), logits.as_ptr().cast(), length, FLOAT64)
        };
        self.library.check(status, "take a logit to begin from for each row")
    }

    fn set(&mut self, field: &CStr, values: &[f32]) -> Result<()> {
        let length = c_int::try_from(values.len()).context("too many rows for LightGBM")?;
        // SAFETY: the handle is live, the name ends with a zero byte, and `values` holds `length` f32, which are copied.
        let status = unsafe {
            (self.library.dataset_set_field)(self.handle, field.as_ptr(), values.as_ptr().cast(), length, FLOAT32)
        };
        self.library.check(status, "take a label or weight for each row")
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the handle came from DatasetCreate and is freed once; a booster that reads it is dropped earlier.
        unsafe { (self.library.dataset_free)(self.handle) };
    }
}

/// Trees being fitted.
pub(super) struct Booster {
    handle: Handle,
    library: &'static Library,
    // The booster's own handle is freed in `drop`, before these fields: it reads them to the end.
    _fit: Dataset,
    stop: Option<Dataset>,
}

impl Booster {
    /// Starts without a tree. `stop` must have been binned with `fit` as its reference.
    pub fn new(parameters: &str, fit: Dataset, stop: Option<Dataset>) -> Result<Booster> {
        let library = fit.library;
        let parameters = CString::new(parameters).context("parameters of LightGBM hold a zero byte")?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: `fit` is live and outlives the booster, `parameters` ends with a zero byte, `handle` is written on
        // success.
        let status = unsafe { (library.booster_create)(fit.handle, parameters.as_ptr(), &mut handle) };
        library.check(status, "start fitting")?;
        let booster = Booster { handle, library, _fit: fit, stop };
        if let Some(stop) = &booster.stop {
            // SAFETY: both handles are live and the dataset outlives the booster.
            let status = unsafe { (library.booster_add_valid)(booster.handle, stop.handle) };
            library.check(status, "take the stop rows")?;
        }
        Ok(booster)
    }

    /// Adds a tree; `false` where no further split was found, and none was added.
    pub fn update(&mut self) -> Result<bool> {
        let mut finished = 0;
        // SAFETY: the handle is live and `finished` is written.
        let status = unsafe { (self.library.booster_update)(self.handle, &mut finished) };
        self.library.check(status, "fit a tree")?;
        Ok(finished == 0)
    }

    /// Probabilities of the stop rows by the trees so far, kept up to date tree by tree by LightGBM itself.
    pub fn stop_probabilities(&self) -> Result<Vec<f64>> {
        let rows = self.stop.as_ref().map_or(0, |stop| stop.rows);
        ensure!(rows > 0, "there are no stop rows to score");
        let (mut probabilities, mut length) = (vec![0.0; rows], 0i64);
        // SAFETY: dataset 1 is the stop set added in `new`; it has `rows` rows and one class, so at most `rows` f64 are
        // written.
        let status =
            unsafe { (self.library.booster_get_predict)(self.handle, 1, &mut length, probabilities.as_mut_ptr()) };
        self.library.check(status, "score the stop rows")?;
        ensure!(length == rows as i64, "LightGBM scored {length} of {rows} stop rows");
        Ok(probabilities)
    }

    /// The first `rounds` trees in LightGBM's text form; it takes none for all.
    pub fn text(&self, rounds: NonZeroUsize) -> Result<String> {
        let rounds = c_int::try_from(rounds.get()).context("too many rounds for LightGBM")?;
        let mut buffer = vec![0u8; 1 << 20];
        loop {
            let (room, mut needed) = (buffer.len() as i64, 0i64);
            // SAFETY: the handle is live; at most `room` bytes are written to the buffer, which has them.
            let status = unsafe {
                let out = buffer.as_mut_ptr().cast();
                (self.library.booster_save)(self.handle, 0, rounds, IMPORTANCE_GAIN, room, &mut needed, out)
            };
            self.library.check(status, "save the trees")?;
            let length = usize::try_from(needed).context("LightGBM saved trees of no length")?;
            if length <= buffer.len() {
                buffer.truncate(length.saturating_sub(1)); // without the zero byte at the end
                return String::from_utf8(buffer).context("LightGBM saved trees that are not text");
            }
            buffer = vec![0u8; length];
        }
    }

    /// LightGBM's own raw scores of rows, which the converted trees are held to.
    #[cfg(test)]
    pub fn raw_scores(&self, values: &[f32], columns: usize, rounds: usize) -> Vec<f64> {
        type Predict = unsafe extern "C" fn(
            Handle,
            *const c_void,
            c_int,
            i32,
            i32,
            c_int,
            c_int,
            c_int,
            c_int,
            *const c_char,
            *mut i64,
            *mut f64,
        ) -> c_int;
        const RAW_SCORE: c_int = 1;
        let rows = values.len() / columns;
        let (mut scores, mut length) = (vec![0.0; rows], 0i64);
        // SAFETY: the type is the declaration in `c_api.h`; `values` holds rows × columns f32, row-major; one score a
        // row is written.
        let status = unsafe {
            let predict = self.library._code.get::<Predict>(b"LGBM_BoosterPredictForMat").unwrap();
            let (data, settings) = (values.as_ptr().cast(), c"num_threads=1 verbosity=-1".as_ptr());
            let (height, width, trees) = (rows as i32, columns as i32, rounds as c_int);
            let out = scores.as_mut_ptr();
            predict(self.handle, data, FLOAT32, height, width, 1, RAW_SCORE, 0, trees, settings, &mut length, out)
        };
        self.library.check(status, "predict").unwrap();
        assert_eq!(length, rows as i64);
        scores
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle came from BoosterCreate and is freed once, before the datasets it reads.
        unsafe { (self.library.booster_free)(self.handle) };
    }
}
