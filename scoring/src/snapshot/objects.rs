//! Snapshots in an object store: `file://` always, `s3://` in builds with the feature `s3`. Large files go up in pieces and appear when
//! the last is there.
//!
//! The stores are asynchronous and this crate's callers are plain threads, so each request runs on a small runtime of the store's own,
//! from a thread that waits for it: whoever calls may itself be inside another runtime.

use arrow::buffer::Buffer;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::runtime::Runtime;
use url::Url;

/// Bytes of a piece on its way up; S3 wants 5 MiB at least.
const PIECE: usize = 16 << 20;

#[derive(Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    place: Arc<str>,
    runtime: Arc<OwnRuntime>,
}

impl Objects {
    pub fn new(url: &Url) -> io::Result<Objects> {
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match url.to_file_path() {
            // Without a sync a published file could be empty after a power cut.
            Ok(folder) if url.scheme() == "file" => (
                Arc::new(LocalFileSystem::new().with_fsync(true)),
                Path::from_absolute_path(folder).map_err(io::Error::other)?,
            ),
            // Credentials, region and endpoint come from AWS_* in the environment.
            _ => {
                let (store, prefix) = object_store::parse_url_opts(url, std::env::vars()).map_err(io::Error::other)?;
                (Arc::from(store), prefix)
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("snapshot-store")
            .enable_all()
            .build()?;
        Ok(Objects { store, prefix, place: url.as_str().into(), runtime: Arc::new(OwnRuntime(Some(runtime))) })
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// Puts an object there and deletes it again.
    pub fn try_writing(&self) -> io::Result<()> {
        let trial = self.path(&format!("trial-{}", std::process::id()));
        self.wait(async {
            self.store.put(&trial, object_store::PutPayload::from_static(b"fraudnet")).await?;
            self.store.delete(&trial).await
        })
    }

    pub fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let listed = self.wait(self.store.list_with_delimiter(Some(&self.prefix)))?;
        Ok(listed
            .objects
            .into_iter()
            .filter_map(|object| Some((object.location.filename()?.to_owned(), object.size)))
            .collect())
    }

    pub fn open(&self, file: &str) -> io::Result<Object> {
        let path = self.path(file);
        let bytes = self.wait(self.store.head(&path))?.size;
        Ok(Object { objects: self.clone(), path, bytes })
    }

    pub fn create(&self, file: &str) -> io::Result<ObjectOutput> {
        let path = self.path(file);
        let upload = self.wait(self.store.put_multipart(&path))?;
        Ok(ObjectOutput { objects: self.clone(), upload: Some(upload), piece: Vec::new() })
    }

    pub fn remove(&self, file: &str) -> io::Result<()> {
        let path = self.path(file);
        self.wait(self.store.delete(&path))
    }

    fn path(&self, file: &str) -> Path {
        self.prefix.clone().join(file)
    }

    fn wait<T: Send>(&self, future: impl Future<Output = object_store::Result<T>> + Send) -> io::Result<T> {
        let runtime = self.runtime.0.as_ref().expect("the runtime ends with the last store");
        let answered = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join());
        answered.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(|error| match error {
            object_store::Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
            error => io::Error::other(error),
        })
    }
}

/// A runtime that may be dropped anywhere, also inside another one.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

pub(super) struct Object {
    objects: Objects,
    path: Path,
    bytes: u64,
}

impl Object {
    pub fn len(&self) -> u64 {
        self.bytes
    }

    pub fn read(&self, offset: u64, bytes: u64) -> io::Result<Buffer> {
        let read = self.objects.wait(self.objects.store.get_range(&self.path, offset..offset + bytes))?;
        if read.len() as u64 != bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the object became shorter while it was read"));
        }
        Ok(Buffer::from(read))
    }
}

pub(super) struct ObjectOutput {
    objects: Objects,
    /// None once published.
    upload: Option<Box<dyn MultipartUpload>>,
    piece: Vec<u8>,
}

impl ObjectOutput {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.send()?;
        }
        Ok(taken)
    }

    fn send(&mut self) -> io::Result<()> {
        let upload = self.upload.as_mut().expect("writing ends with publishing");
        let piece = std::mem::take(&mut self.piece);
        self.objects.wait(upload.put_part(piece.into()))
    }

    pub fn publish(mut self) -> io::Result<()> {
        if !self.piece.is_empty() {
            self.send()?;
        }
        let upload = self.upload.as_mut().expect("an object is published once");
        self.objects.wait(upload.complete())?;
        self.upload = None;
        Ok(())
    }
}

impl Drop for ObjectOutput {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = self.objects.wait(upload.abort())
        {
            tracing::warn!(place = self.objects.place(), %error, "pieces of a snapshot that failed could not be removed; a rule of the store should do so after a day");
        }
    }
}
