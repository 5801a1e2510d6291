//! What a vault needs of the world besides files: randomness, and bytes that are on the disk. Tests give it others.

use ring::rand::{SecureRandom, SystemRandom};
use std::fs::File;
use std::io;

/// Fills with bytes that nobody can guess.
type Random = Box<dyn FnMut(&mut [u8]) -> io::Result<()> + Send>;
/// Returns once all that was written to the file is on the disk.
type Sync = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

/// Randomness and durability.
pub struct World {
    random: Random,
    sync: Sync,
}

impl World {
    /// The system's generator, and its `fsync`.
    pub fn system() -> World {
        let generator = SystemRandom::new();
        let random = move |bytes: &mut [u8]| {
            generator.fill(bytes).map_err(|_| io::Error::other("the system's random number generator failed"))
        };
        World::new(random, File::sync_data)
    }

    /// Others than the system's. Random bytes must come from a generator fit for keys: whoever can guess them can tell who is who.
    pub fn new(
        random: impl FnMut(&mut [u8]) -> io::Result<()> + Send + 'static,
        sync: impl FnMut(&File) -> io::Result<()> + Send + 'static,
    ) -> World {
        World { random: Box::new(random), sync: Box::new(sync) }
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        (self.random)(bytes)
    }

    pub(super) fn random<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn sync(&mut self, file: &File) -> io::Result<()> {
        (self.sync)(file)
    }
}
