//! The vault's file: reading it, appending to it, writing it anew.
//!
//! ```text
//! file = header │ frame of records │ frame of records │ … │ empty frame, where it was closed in order
//! ```
//!
//! A crash can leave a last frame that is not whole. Nobody was told anything that depends on it, so it is cut off. Whatever else is not as
//! written is refused: leaving a record out would make a stranger of somebody who is not one. Where a vault was closed in order, its last
//! frame holds nobody, so that no damage to a closed file passes for a crash.
//!
//! Written anew, under another name until it is whole: when it is made, when people are erased, when the master key changes.

use super::error::{At, OpenError};
use super::frame;
use super::header::{HEADER_BYTES, Header};
use super::key_file::{beside, create, sync_folder_of};
use super::keys::ID_BYTES;
use super::record::{MAX_RECORD_BYTES, Record};
use super::world::World;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of records that are put into a frame when the file is written anew, and at which a batch of new people is full.
pub(super) const FULL_BODY_BYTES: usize = 256 * 1024;
const READ_BUFFER_BYTES: usize = 1024 * 1024;

/// An open vault's file.
pub(super) struct VaultFile {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) header: Header,
    end: u64,
}

impl VaultFile {
    /// Opens it and reads its header; [`VaultFile::records`] and [`VaultFile::cut_tail`] come next.
    pub(super) fn open(path: &Path) -> Result<VaultFile, OpenError> {
        let file = OpenOptions::new().read(true).write(true).open(path).at("open the vault", path)?;
        let header = Header::read(&file, path)?;
        Ok(VaultFile { path: path.to_path_buf(), file: Arc::new(file), header, end: HEADER_BYTES as u64 })
    }

    /// Gives every record and its place to `each`, in the order they were written, and finds the end. `each` says what is wrong with one.
    /// The answer is the number of bytes behind the end that a crash left there.
    pub(super) fn records(
        &mut self,
        mut each: impl FnMut(Record<'_>, u64) -> Result<(), &'static str>,
    ) -> Result<u64, OpenError> {
        let length = self.file.metadata().at("read the vault", &self.path)?.len();
        let mut frames = self.frames();
        loop {
            let frame = frames.next(length).at("read the vault", &self.path)?;
            let Some((place, body)) = frame else { break };
            each_record(body, place, &mut each).map_err(|(at, what)| self.damaged(at, what))?;
        }
        let end = frames.at();
        if end < length {
            self.check_torn(end, length)?;
        }
        self.end = end;
        Ok(length - end)
    }

    /// Its frames from the first on.
    pub(super) fn frames(&self) -> Frames {
        let at = HEADER_BYTES as u64;
        Frames { file: Arc::clone(&self.file), file_id: self.header.file_id, buffer: Vec::new(), begins: at, at }
    }

    /// Where the next frame goes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn damaged(&self, at: u64, what: &'static str) -> OpenError {
        OpenError::Damaged { path: self.path.clone(), at, what }
    }

    /// Whether what follows `at` can be what a crash leaves: part of one frame, and nothing whole behind it.
    fn check_torn(&self, at: u64, length: u64) -> Result<(), OpenError> {
        let damaged = |what| self.damaged(at, what);
        if length - at > (frame::HEAD_BYTES + frame::MAX_BODY_BYTES) as u64 {
            return Err(damaged("a frame is not what was written, and more follows than a crash leaves"));
        }
        let mut tail = vec![0; (length - at) as usize];
        self.file.read_exact_at(&mut tail, at).at("read the vault", &self.path)?;
        if frame::any_after_first(&self.header.file_id, at, &tail) {
            return Err(damaged("a frame is not what was written, and whole ones follow it"));
        }
        Ok(())
    }

    /// Cuts off what a crash left behind the end.
    pub(super) fn cut_tail(&mut self, world: &mut World) -> Result<(), OpenError> {
        self.file.set_len(self.end).and_then(|()| world.sync(&self.file)).at("cut the torn end off", &self.path)
    }

    /// Appends a frame and has it on the disk; the answer is the place of its first record. After an error nothing may be appended any
    /// more: what is on the disk then is unknown.
    pub(super) fn append(&mut self, body: &[u8], world: &mut World) -> io::Result<u64> {
        let frame = frame::write(&self.header.file_id, self.end, body);
        self.file.write_all_at(&frame, self.end)?;
        world.sync(&self.file)?;
        let place = self.end + frame::HEAD_BYTES as u64;
        self.end += frame.len() as u64;
        Ok(place)
    }
}

/// Gives the records of a frame's body, which begins at `place`; the error is where something is wrong, and what.
pub(super) fn each_record(
    mut body: &[u8],
    mut place: u64,
    mut each: impl FnMut(Record<'_>, u64) -> Result<(), &'static str>,
) -> Result<(), (u64, &'static str)> {
    while !body.is_empty() {
        let (record, rest) = Record::first(body).ok_or((place, "a record ends beyond its frame"))?;
        each(record, place).map_err(|what| (place, what))?;
        place += record.bytes.len() as u64;
        body = rest;
    }
    Ok(())
}

/// Reads the record at that place into `buffer`.
pub(super) fn record_at<'a>(file: &File, place: u64, buffer: &'a mut Vec<u8>) -> io::Result<Record<'a>> {
    buffer.clear();
    read_more(file, place, MAX_RECORD_BYTES, buffer)?;
    let first = Record::first(buffer).map(|(record, _)| record);
    first.ok_or_else(|| io::Error::other("a record of the vault is not what was written"))
}

/// Appends up to so many bytes from that place on, fewer where the file ends.
fn read_more(file: &File, mut at: u64, most: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut filled = buffer.len();
    buffer.resize(filled + most, 0);
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at) {
            Ok(0) => break,
            Ok(bytes) => (filled, at) = (filled + bytes, at + bytes as u64),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(())
}

/// Reads frame by frame.
pub(super) struct Frames {
    file: Arc<File>,
    file_id: [u8; ID_BYTES],
    /// Bytes of the file from `begins` on.
    buffer: Vec<u8>,
    begins: u64,
    at: u64,
}

impl Frames {
    /// Where the next frame begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The body of the next frame before `end`, and its place; none where there is none or it is not what was written.
    pub(super) fn next(&mut self, end: u64) -> io::Result<Option<(u64, &[u8])>> {
        if !self.hold(frame::HEAD_BYTES, end)? {
            return Ok(None);
        }
        let Some(body_bytes) = frame::body_bytes(self.rest()) else { return Ok(None) };
        if !self.hold(frame::HEAD_BYTES + body_bytes, end)?
            || frame::body(&self.file_id, self.at, self.rest()).is_none()
        {
            return Ok(None);
        }
        let place = self.at + frame::HEAD_BYTES as u64;
        self.at = place + body_bytes as u64;
        let begin = (place - self.begins) as usize;
        Ok(Some((place, &self.buffer[begin..begin + body_bytes])))
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[(self.at - self.begins) as usize..]
    }

    /// Whether the buffer holds so many bytes from here on, reading them if need be.
    fn hold(&mut self, bytes: usize, end: u64) -> io::Result<bool> {
        if self.rest().len() < bytes && end - self.at >= bytes as u64 {
            self.buffer.drain(..(self.at - self.begins) as usize);
            self.begins = self.at;
            let from = self.at + self.buffer.len() as u64;
            let most = READ_BUFFER_BYTES.max(bytes) - self.buffer.len();
            read_more(&self.file, from, most.min((end - from) as usize), &mut self.buffer)?;
        }
        Ok(self.rest().len() >= bytes)
    }
}

/// A vault's file that is being written anew.
pub(super) struct Anew {
    path: PathBuf,
    new: PathBuf,
    file: File,
    header: Header,
    end: u64,
    body: Vec<u8>,
}

impl Anew {
    /// Begins the file that is to stand at `path`.
    pub(super) fn begin(path: &Path, header: Header) -> Result<Anew, OpenError> {
        let new = unfinished(path);
        let file = create(&new).at("make", &new)?;
        file.write_all_at(&header.bytes(), 0).at("write", &new)?;
        let body = Vec::with_capacity(FULL_BODY_BYTES + MAX_RECORD_BYTES);
        Ok(Anew { path: path.to_path_buf(), new, file, header, end: HEADER_BYTES as u64, body })
    }

    /// Appends a record; the answer is its place.
    pub(super) fn push(&mut self, record: &[u8]) -> Result<u64, OpenError> {
        let place = self.end + (frame::HEAD_BYTES + self.body.len()) as u64;
        self.body.extend_from_slice(record);
        if self.body.len() >= FULL_BODY_BYTES {
            self.frame()?;
        }
        Ok(place)
    }

    /// Has what is written so far on the disk, so that the end need not wait for all of it.
    pub(super) fn sync(&self, world: &mut World) -> Result<(), OpenError> {
        world.sync(&self.file).at("sync", &self.new)
    }

    fn frame(&mut self) -> Result<(), OpenError> {
        let frame = frame::write(&self.header.file_id, self.end, &self.body);
        self.file.write_all_at(&frame, self.end).at("write", &self.new)?;
        self.end += frame.len() as u64;
        self.body.clear();
        Ok(())
    }

    /// Has all of it on the disk, closed in order, still under its other name.
    pub(super) fn finish(mut self, world: &mut World) -> Result<Finished, OpenError> {
        if !self.body.is_empty() {
            self.frame()?;
        }
        // The empty one that says that this is all.
        self.frame()?;
        world.sync(&self.file).at("sync", &self.new)?;
        let Anew { path, new, file, header, end, .. } = self;
        Ok(Finished { new, file: VaultFile { path, file: Arc::new(file), header, end } })
    }
}

/// A whole file that has not got its name yet.
pub(super) struct Finished {
    new: PathBuf,
    file: VaultFile,
}

impl Finished {
    /// Gives it its name, on the disk. After an error either file may be the one that is found at the next start.
    pub(super) fn publish(self) -> Result<VaultFile, OpenError> {
        fs::rename(&self.new, &self.file.path).at("name the vault", &self.file.path)?;
        sync_folder_of(&self.file.path)?;
        Ok(self.file)
    }
}

/// Where a vault is written anew.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    beside(path, ".new")
}
