//! Another master key, while no process has the vault open.
//!
//! Every copy of the vault's file from before is of no use to anybody from then on, whoever is still in it: their records open with a key
//! that is gone. So this ends the erasure of everybody who was erased since those copies were made. Pseudonyms stay what they are.
//!
//! Cost: about 3 µs a person.

use super::error::OpenError;
use super::file::Anew;
use super::header::Header;
use super::key_file;
use super::keys::Keyring;
use super::open::{VaultSettings, find, hold};
use super::world::World;

/// Gives the vault a new master key and seals everybody with it; the answer is how many that are. A crash leaves either key with its vault.
///
/// # Errors
/// Where the vault is open or cannot be opened, or the disk or the randomness fails; then the old key holds on.
pub fn rotate(settings: &VaultSettings, mut world: World) -> Result<usize, OpenError> {
    let _held = hold(&settings.folder)?;
    let (mut file, old_key, _) = find(settings, &mut world)?;
    let random = |source| OpenError::System { what: "randomness", source };
    let vault_id = file.header.vault_id;
    let old = Keyring::new(&old_key, vault_id);
    let key = key_file::make(&key_file::next(&settings.master_key), &mut world)?;
    let new = Keyring::new(&key, vault_id);
    let mut anew = Anew::begin(&file.path, Header::of(vault_id, world.random().map_err(random)?, &key))?;
    let (mut people, mut bytes, mut failure) = (0, Vec::new(), None);
    file.records(|record, _| {
        let person = record.person(&old).ok_or("a record was changed since it was written")?;
        bytes.clear();
        let pushed = person.write(&new, &mut world, &mut bytes).map_err(random).and_then(|()| anew.push(&bytes));
        people += 1;
        // The error of the disk is told below instead of this one.
        pushed.map(|_| ()).map_err(|error| {
            failure = Some(error);
            "it could not be written anew"
        })
    })
    .map_err(|error| failure.take().unwrap_or(error))?;
    anew.finish(&mut world)?.publish()?;
    key_file::replace(&settings.master_key)?;
    Ok(people)
}
