//! People leave: the file is copied without them, a piece at a time, and the copy takes its place.
//!
//! The file goes on growing meanwhile; the copy is whole once it has caught up.

use super::error::{At, OpenError};
use super::file::{Anew, Finished, Frames, VaultFile, each_record};
use super::header::Header;
use super::keys::Index;
use super::known::Known;
use super::pseudonym::Pseudonym;
use super::world::World;
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::FileExt;

/// Bytes that are copied before somebody else has their turn: about a millisecond.
const PIECE_BYTES: u64 = 512 * 1024;
/// Bytes after which the copy is synced, so that the last sync is as short as the others.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;

/// A copy that is being made.
pub(super) struct Erasure {
    frames: Frames,
    anew: Anew,
    unsynced: u64,
    erased: Erased,
}

/// What comes of it.
pub(super) struct Erased {
    /// Who left.
    pub(super) indexes: HashSet<Index>,
    /// Where everybody else stands in the copy.
    pub(super) places: HashMap<Pseudonym, u64>,
    /// What they left in the old file.
    pub(super) left: Left,
}

/// Places and lengths of records.
#[derive(Default)]
pub(super) struct Left(Vec<(u64, usize)>);

impl Left {
    /// Puts zeros over the records in the old file, which has no name any more: as far as the disk overwrites, nothing of them is left in
    /// its free blocks. Whether that works changes nothing of what can be found under any name.
    pub(super) fn overwrite(&self, old: &VaultFile, world: &mut World) {
        for (place, bytes) in &self.0 {
            let _ = old.file.write_all_at(&vec![0; *bytes], *place);
        }
        let _ = world.sync(&old.file);
    }
}

impl Erasure {
    /// Begins a copy of the file without those; so many people are in it.
    pub(super) fn begin(
        file: &VaultFile,
        leaving: HashSet<Index>,
        people: usize,
        world: &mut World,
    ) -> Result<Erasure, OpenError> {
        let file_id = world.random().map_err(|source| OpenError::System { what: "randomness", source })?;
        let anew = Anew::begin(&file.path, Header { file_id, ..file.header.clone() })?;
        let erased = Erased { indexes: leaving, places: HashMap::with_capacity(people), left: Left::default() };
        Ok(Erasure { frames: file.frames(), anew, unsynced: 0, erased })
    }

    /// Copies a piece. Whether the copy has caught up with the file.
    pub(super) fn step(&mut self, file: &VaultFile, known: &Known, world: &mut World) -> Result<bool, OpenError> {
        let begun = self.frames.at();
        while self.frames.at() < file.end() && self.frames.at() - begun < PIECE_BYTES {
            let at = self.frames.at();
            let Some((place, body)) = self.frames.next(file.end()).at("read the vault", &file.path)? else {
                return Err(file.damaged(at, "a frame is not what was written"));
            };
            let (anew, erased) = (&mut self.anew, &mut self.erased);
            let mut failure = None;
            let copied = each_record(body, place, |record, place| {
                if erased.indexes.contains(&record.index) {
                    erased.left.0.push((place, record.bytes.len()));
                    return Ok(());
                }
                let pseudonym = known.get(&record.index).ok_or("it holds somebody who was not read from it")?;
                match anew.push(record.bytes) {
                    Ok(place) => drop(erased.places.insert(pseudonym, place)),
                    // Told below instead of this one.
                    Err(error) => failure = Some(error),
                }
                if failure.is_none() { Ok(()) } else { Err("it could not be copied") }
            });
            copied.map_err(|(at, what)| failure.take().unwrap_or_else(|| file.damaged(at, what)))?;
        }
        self.unsynced += self.frames.at() - begun;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.anew.sync(world)?;
        }
        Ok(self.frames.at() == file.end())
    }

    /// The whole copy, on the disk, and what comes of it.
    pub(super) fn finish(self, world: &mut World) -> Result<(Finished, Erased), OpenError> {
        Ok((self.anew.finish(world)?, self.erased))
    }
}
