//! An open vault: whose pseudonym is what, and whose is whose.

use super::error::{OpenError, VaultError};
use super::file::record_at;
use super::header::VaultId;
use super::identifier::{Identifier, Revealed};
use super::keys::Keyring;
use super::open::{Held, Opened, VaultSettings, find, hold, load};
use super::pseudonym::Pseudonym;
use super::world::World;
use super::writer::{Command, Done, EraseRequest, Shared, Whom, Writer};
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};

/// Most identifiers one call may name.
pub const MAX_NAMED: usize = 256;
/// Most people one call may erase.
pub const MAX_ERASED: usize = 65_536;
/// Calls for new people that may wait for the disk.
const QUEUE: usize = 1_024;

/// A vault that this process alone has open. When it is dropped, what was asked for is finished and the file closed.
pub struct Vault {
    shared: Arc<Shared>,
    queue: Sender<Command>,
    writer: Option<JoinHandle<()>>,
    opened: Opened,
    _held: Held,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Vault({}, {} people)", self.opened.vault_id, self.people())
    }
}

impl Vault {
    /// Opens the vault, or makes one with its key where there is none and the settings expect none. Reads everybody: some 3 s a million.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub fn open(settings: &VaultSettings, mut world: World) -> Result<Vault, OpenError> {
        let held = hold(&settings.folder)?;
        let (mut file, master, is_new) = find(settings, &mut world)?;
        let keyring = Keyring::new(&master, file.header.vault_id);
        let (known, places, cut_bytes) = load(&mut file, &keyring, &mut world)?;
        let vault_id = VaultId(file.header.vault_id);
        let opened = Opened { vault_id, is_new, people: known.len(), cut_bytes };
        let shared = Arc::new(Shared { keyring, known, places: RwLock::new(places), stopped: OnceLock::new() });
        let (queue, receiver) = bounded(QUEUE);
        let writer = Writer {
            shared: Arc::clone(&shared),
            file,
            world,
            queue: receiver,
            max_people: settings.max_people,
            erasing: None,
            later: VecDeque::new(),
        };
        let writer = Builder::new().name("vault".to_owned()).spawn(move || writer.run());
        let writer = writer.map_err(|source| OpenError::System { what: "thread", source })?;
        Ok(Vault { shared, queue, writer: Some(writer), opened, _held: held })
    }

    /// What was found when it was opened.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Identifiers in it.
    pub fn people(&self) -> usize {
        self.shared.known.len()
    }

    /// Why it takes no change any more, if so; for the service's health.
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.shared.stopped.get().cloned()
    }

    /// The pseudonyms of these, in their order, if all of them have one: from memory, below a microsecond each.
    ///
    /// # Errors
    /// Where an identifier cannot be one, or there are too many.
    pub fn known(&self, identifiers: &[Identifier<'_>]) -> Result<Option<Vec<Pseudonym>>, VaultError> {
        if identifiers.len() > MAX_NAMED {
            return Err(VaultError::TooMany { most: MAX_NAMED });
        }
        identifiers.iter().try_for_each(Identifier::check)?;
        let of = |one: &Identifier<'_>| self.shared.known.get(&self.shared.keyring.index(one));
        Ok(identifiers.iter().map(of).collect())
    }

    /// The pseudonyms of these, in their order. Whoever has none gets one, and it is on the disk before it is given: that blocks for a
    /// write to the disk. `day` is today, days since 1970-01-01.
    ///
    /// # Errors
    /// See [`VaultError`]. Nothing may be logged of the identifiers then, in clear least of all.
    pub fn pseudonyms(&self, identifiers: &[Identifier<'_>], day: u32) -> Result<Vec<Pseudonym>, VaultError> {
        let (sender, receiver) = bounded(1);
        self.pseudonyms_then(identifiers, day, move |named| drop(sender.send(named)));
        receiver.recv().unwrap_or_else(|_| Err(self.ended()))
    }

    /// The same without blocking: `done` is told, at once where all are known, else from the vault's thread, which waits for it.
    pub fn pseudonyms_then(
        &self,
        identifiers: &[Identifier<'_>],
        day: u32,
        done: impl FnOnce(Result<Vec<Pseudonym>, VaultError>) + Send + 'static,
    ) {
        match self.known(identifiers) {
            Ok(Some(pseudonyms)) => return done(Ok(pseudonyms)),
            Ok(None) => {}
            Err(error) => return done(Err(error)),
        }
        let identifiers = identifiers.iter().map(Identifier::owned).collect();
        let command = Command::Name { identifiers, day, done: Box::new(done) };
        let (command, error) = match self.queue.try_send(command) {
            Ok(()) => return,
            Err(TrySendError::Full(command)) => (command, VaultError::Busy),
            Err(TrySendError::Disconnected(command)) => (command, self.ended()),
        };
        if let Command::Name { done, .. } = command {
            done(Err(error));
        }
    }

    /// The pseudonym of somebody who has one; never makes one. For reads.
    pub fn lookup(&self, identifier: &Identifier<'_>) -> Option<Pseudonym> {
        identifier.check().ok()?;
        self.shared.known.get(&self.shared.keyring.index(identifier))
    }

    /// The pseudonym that a read speaks of: the id itself where it is one already, of somebody known or not, else [`Vault::lookup`].
    pub fn resolve(&self, identifier: &Identifier<'_>) -> Option<Pseudonym> {
        Pseudonym::parse(identifier.id).or_else(|| self.lookup(identifier))
    }

    /// Whose pseudonym that is; none where it is nobody's, or not this tenant's. For people who may know, one at a time and on record.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn reveal(&self, tenant: &str, pseudonym: &Pseudonym) -> Result<Option<Revealed>, VaultError> {
        let not_read = |reason: &dyn fmt::Display| VaultError::Unreadable(reason.to_string().into());
        let places = self.shared.places.read().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = places.of.get(pseudonym) else { return Ok(None) };
        let mut buffer = Vec::new();
        let record = record_at(&places.file, *place, &mut buffer).map_err(|error| not_read(&error))?;
        let person = record.person(&self.shared.keyring);
        let person = person.filter(|person| person.own_key.pseudonym(&person.identifier.borrow()) == *pseudonym);
        let person = person.ok_or_else(|| not_read(&"a record is not what was written"))?;
        Ok(Some(person.revealed()).filter(|revealed| revealed.identifier().tenant == tenant))
    }

    /// Erases people: drops their keys, in memory and on the disk, before it answers. The answers, in their order, are the pseudonyms
    /// that were cut loose; none for whom the vault does not know (any more). The whole file is copied, however many they are: give
    /// them together. Blocks, some 2 s a million people in it; new people need not wait for it.
    ///
    /// # Errors
    /// Where there are too many, or the disk fails. After [`VaultError::NotChanged`] nobody was erased; after [`VaultError::Stopped`]
    /// only a new start tells.
    pub fn erase(&self, identifiers: &[Identifier<'_>]) -> Result<Vec<Option<Pseudonym>>, VaultError> {
        let index = |identifier| Whom::Index(self.shared.keyring.index(identifier));
        self.erase_all(identifiers.iter().map(index).collect())
    }

    /// The same by pseudonym, of whichever tenant: for what the log says was to be erased.
    ///
    /// # Errors
    /// As [`Vault::erase`].
    pub fn erase_pseudonyms(&self, pseudonyms: &[Pseudonym]) -> Result<Vec<Option<Pseudonym>>, VaultError> {
        self.erase_all(pseudonyms.iter().copied().map(Whom::Pseudonym).collect())
    }

    fn erase_all(&self, whom: Vec<Whom>) -> Result<Vec<Option<Pseudonym>>, VaultError> {
        if whom.len() > MAX_ERASED {
            return Err(VaultError::TooMany { most: MAX_ERASED });
        }
        let (sender, receiver) = bounded(1);
        let done: Done<_> = Box::new(move |erased| drop(sender.send(erased)));
        self.queue.send(Command::Erase(EraseRequest { whom, done })).map_err(|_| self.ended())?;
        receiver.recv().unwrap_or_else(|_| Err(self.ended()))
    }

    fn ended(&self) -> VaultError {
        VaultError::Stopped(self.stopped().unwrap_or_else(|| "its thread ended".into()))
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        // An error means that the thread has ended.
        let _ = self.queue.send(Command::Stop);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
