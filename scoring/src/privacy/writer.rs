//! The thread that alone changes the vault: new people, many in one write to the disk, and people who leave.
//!
//! Somebody new is told to nobody before their record is on the disk. Else a crash would leave the log with a pseudonym whose key is lost,
//! and the person with another one.
//!
//! Cost: one sync of the disk for all callers that wait, however many. Erasing copies the file, a second or two for a million people; new
//! people come between two pieces of the copy.

use super::erasure::Erasure;
use super::error::VaultError;
use super::file::{FULL_BODY_BYTES, VaultFile, record_at};
use super::identifier::OwnedIdentifier;
use super::keys::{Index, Keyring};
use super::known::{Known, Places};
use super::pseudonym::Pseudonym;
use super::record::Person;
use super::world::World;
use crossbeam_channel::{Receiver, TryRecvError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What readers and the writer share.
pub(super) struct Shared {
    pub(super) keyring: Keyring,
    pub(super) known: Known,
    pub(super) places: RwLock<Places>,
    /// Why nothing is written any more.
    pub(super) stopped: OnceLock<Arc<str>>,
}

/// Told once the answer is on the disk.
pub(super) type Done<T> = Box<dyn FnOnce(Result<T, VaultError>) + Send>;

/// Somebody to erase.
pub(super) enum Whom {
    Index(Index),
    Pseudonym(Pseudonym),
}

/// Whom to erase, and who is told.
pub(super) struct EraseRequest {
    pub(super) whom: Vec<Whom>,
    pub(super) done: Done<Vec<Option<Pseudonym>>>,
}

/// What the writer is asked for.
pub(super) enum Command {
    /// The pseudonyms of these, with new ones for whom has none.
    Name { identifiers: Vec<OwnedIdentifier>, day: u32, done: Done<Vec<Pseudonym>> },
    /// These leave; the answers are the pseudonyms of those who were there.
    Erase(EraseRequest),
    /// Closes the file.
    Stop,
}

/// The thread's own.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) file: VaultFile,
    pub(super) world: World,
    pub(super) queue: Receiver<Command>,
    pub(super) max_people: usize,
    /// The erasure that is under way.
    pub(super) erasing: Option<UnderWay>,
    /// Those that wait for it to end. Each has a caller that blocks, which bounds them.
    pub(super) later: VecDeque<EraseRequest>,
}

/// An erasure, its answer, and who waits for it.
pub(super) struct UnderWay {
    erasure: Erasure,
    pseudonyms: Vec<Option<Pseudonym>>,
    done: Done<Vec<Option<Pseudonym>>>,
}

/// New people who go to the disk together, and who waits for them.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    /// Pseudonym and place in the body.
    fresh: HashMap<Index, (Pseudonym, usize)>,
    waiting: Vec<(Vec<Pseudonym>, Done<Vec<Pseudonym>>)>,
}

impl Writer {
    /// Runs until it is told to stop or nobody is left who could ask.
    pub(super) fn run(mut self) {
        loop {
            // While people are erased, new ones come between two pieces of the copy.
            let next = match &self.erasing {
                Some(_) => self.queue.try_recv(),
                None => self.queue.recv().map_err(|_| TryRecvError::Disconnected),
            };
            let is_last = match next {
                Ok(first) => self.serve(first),
                Err(TryRecvError::Empty) => false,
                Err(TryRecvError::Disconnected) => true,
            };
            if is_last {
                return self.close();
            }
            self.erase_on();
            // One that concerns nobody is over at once, and nothing else would wake us for the next.
            while self.erasing.is_none()
                && let Some(request) = self.later.pop_front()
            {
                self.begin(request);
            }
        }
    }

    /// Serves a command with those that wait behind it, for one write. Whether it was told to stop.
    fn serve(&mut self, first: Command) -> bool {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Name { identifiers, day, done } => self.name(&mut batch, identifiers, day, done),
                Command::Erase(request) => self.later.push_back(request),
                Command::Stop => {
                    self.commit(batch);
                    return true;
                }
            }
            if batch.body.len() < FULL_BODY_BYTES {
                next = self.queue.try_recv().ok();
            }
        }
        self.commit(batch);
        false
    }

    fn name(&mut self, batch: &mut Batch, identifiers: Vec<OwnedIdentifier>, day: u32, done: Done<Vec<Pseudonym>>) {
        let mut pseudonyms = Vec::with_capacity(identifiers.len());
        for identifier in identifiers {
            let index = self.shared.keyring.index(&identifier.borrow());
            let known = self.shared.known.get(&index).or_else(|| batch.fresh.get(&index).map(|fresh| fresh.0));
            match known.map_or_else(|| self.add(batch, index, identifier, day), Ok) {
                Ok(pseudonym) => pseudonyms.push(pseudonym),
                // Those before it in the call stay: they are people like any other, of whom nobody speaks yet.
                Err(error) => return done(Err(error)),
            }
        }
        batch.waiting.push((pseudonyms, done));
    }

    fn add(
        &mut self,
        batch: &mut Batch,
        index: Index,
        identifier: OwnedIdentifier,
        day: u32,
    ) -> Result<Pseudonym, VaultError> {
        if let Some(reason) = self.shared.stopped.get() {
            return Err(VaultError::Stopped(Arc::clone(reason)));
        }
        if self.shared.known.len() + batch.fresh.len() >= self.max_people {
            return Err(VaultError::Full { most: self.max_people });
        }
        let not_changed = |error: io::Error| VaultError::NotChanged(error.to_string().into());
        let person = Person::new(identifier, day, &mut self.world).map_err(not_changed)?;
        let place = batch.body.len();
        person.write(&self.shared.keyring, &mut self.world, &mut batch.body).map_err(not_changed)?;
        let pseudonym = person.own_key.pseudonym(&person.identifier.borrow());
        batch.fresh.insert(index, (pseudonym, place));
        Ok(pseudonym)
    }

    /// Has a batch on the disk, then in memory, then tells whoever waits.
    fn commit(&mut self, batch: Batch) {
        let Batch { body, fresh, waiting } = batch;
        let failure = if body.is_empty() { None } else { self.append(&body, fresh).err() };
        for (pseudonyms, done) in waiting {
            done(match &failure {
                None => Ok(pseudonyms),
                Some(reason) => Err(VaultError::Stopped(Arc::clone(reason))),
            });
        }
    }

    fn append(&mut self, body: &[u8], fresh: HashMap<Index, (Pseudonym, usize)>) -> Result<(), Arc<str>> {
        let first = self.file.append(body, &mut self.world).map_err(|error| self.stop(&error.to_string()))?;
        {
            let mut places = self.shared.places.write().unwrap_or_else(PoisonError::into_inner);
            places.of.extend(fresh.values().map(|(pseudonym, place)| (*pseudonym, first + *place as u64)));
        }
        for (index, (pseudonym, _)) in fresh {
            self.shared.known.insert(index, pseudonym);
        }
        Ok(())
    }

    /// From here on nothing is written: what is on the disk is unknown until it is read again.
    fn stop(&self, reason: &str) -> Arc<str> {
        Arc::clone(self.shared.stopped.get_or_init(|| reason.into()))
    }

    /// Takes up an erasure; one at a time.
    fn begin(&mut self, EraseRequest { whom, done }: EraseRequest) {
        let not_changed = |error: &dyn std::fmt::Display| VaultError::NotChanged(error.to_string().into());
        if let Some(reason) = self.shared.stopped.get() {
            return done(Err(VaultError::Stopped(Arc::clone(reason))));
        }
        let found: Vec<Option<Index>> = match whom.iter().map(|whom| self.find(whom)).collect::<io::Result<_>>() {
            Ok(found) => found,
            Err(error) => return done(Err(not_changed(&error))),
        };
        let pseudonyms = found.iter().map(|index| self.shared.known.get(index.as_ref()?)).collect();
        let leaving: HashSet<Index> = found.into_iter().flatten().collect();
        if leaving.is_empty() {
            return done(Ok(pseudonyms));
        }
        match Erasure::begin(&self.file, leaving, self.shared.known.len(), &mut self.world) {
            Ok(erasure) => self.erasing = Some(UnderWay { erasure, pseudonyms, done }),
            Err(error) => done(Err(not_changed(&error))),
        }
    }

    /// Copies a little more of the file; ends the erasure where that was all of it.
    fn erase_on(&mut self) {
        let Some(UnderWay { mut erasure, pseudonyms, done }) = self.erasing.take() else { return };
        if let Some(reason) = self.shared.stopped.get() {
            return done(Err(VaultError::Stopped(Arc::clone(reason))));
        }
        match erasure.step(&self.file, &self.shared.known, &mut self.world) {
            Ok(false) => self.erasing = Some(UnderWay { erasure, pseudonyms, done }),
            Ok(true) => done(self.end(erasure).map(|()| pseudonyms)),
            Err(error) => done(Err(VaultError::NotChanged(error.to_string().into()))),
        }
    }

    /// The copy takes the file's place, and those who are not in it are forgotten.
    fn end(&mut self, erasure: Erasure) -> Result<(), VaultError> {
        let (finished, erased) =
            erasure.finish(&mut self.world).map_err(|error| VaultError::NotChanged(error.to_string().into()))?;
        let file = finished.publish().map_err(|error| VaultError::Stopped(self.stop(&error.to_string())))?;
        for index in &erased.indexes {
            self.shared.known.remove(index);
        }
        let places = Places { file: Arc::clone(&file.file), of: erased.places };
        *self.shared.places.write().unwrap_or_else(PoisonError::into_inner) = places;
        let old = std::mem::replace(&mut self.file, file);
        erased.left.overwrite(&old, &mut self.world);
        Ok(())
    }

    fn find(&self, whom: &Whom) -> io::Result<Option<Index>> {
        match whom {
            Whom::Index(index) => Ok(self.shared.known.get(index).map(|_| *index)),
            Whom::Pseudonym(pseudonym) => {
                let places = self.shared.places.read().unwrap_or_else(PoisonError::into_inner);
                let Some(place) = places.of.get(pseudonym) else { return Ok(None) };
                Ok(Some(record_at(&places.file, *place, &mut Vec::new())?.index))
            }
        }
    }

    /// Marks the file as closed in order. Whoever was not erased by now is told so.
    fn close(mut self) {
        let broken_off = || Err(VaultError::NotChanged("the service stops".into()));
        if let Some(under_way) = self.erasing.take() {
            (under_way.done)(broken_off());
        }
        self.later.drain(..).for_each(|request| (request.done)(broken_off()));
        if self.shared.stopped.get().is_none()
            && let Err(error) = self.file.append(&[], &mut self.world)
        {
            self.stop(&error.to_string());
        }
    }
}
