//! One-time links: how the first person comes in, and everybody after whom nobody else can let in.
//!
//! Whoever may write into the folder of the log has the service in their hands anyway; so `fraudnet access link` leaves a wish there, and the
//! running service takes it within a second. The wish holds the digest of the link's secret, never the secret.

use crate::access::token::{self, Issued, TokenKind};
use crate::access::{AccessChange, AccessEvent, Grant, Reach, Role, Secret};
use crate::clock;
use crate::control::{Change, Control, ControlError};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is looked for a wish.
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "access-link.json";
/// Name under which the service acts itself.
const ACTOR: &str = "fraudnet";

/// A link to be made: who comes in by it, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The name that stands on everything they do; one of its own where absent.
    pub name: Option<String>,
    /// What they get.
    pub grant: Grant,
    /// How long the link waits for being used, milliseconds.
    pub lasts_ms: i64,
}

impl Invitation {
    /// For the first admin.
    pub fn first(lasts_ms: i64) -> Invitation {
        Invitation { name: None, grant: Grant { roles: [Role::Admin].into(), reach: Reach::AllTenants }, lasts_ms }
    }

    /// The change that makes it, and the link's secret, which is for whoever is to come in alone.
    fn issue(self) -> (AccessChange, Secret) {
        let random = SystemRandom::new();
        let (mut id, mut secret) = ([0; token::ID_BYTES], [0; 32]);
        for bytes in [&mut id[..], &mut secret[..]] {
            random.fill(bytes).expect("the system has a generator of random bytes");
        }
        let Issued { id, text, digest } = token::issue(TokenKind::Link, &id, &secret);
        let Invitation { name, grant, lasts_ms } = self;
        let expires_at_ms = clock::now_ms().saturating_add(lasts_ms);
        (AccessChange::LinkIssued { link_id: id, name, grant, digest, expires_at_ms }, text)
    }

    /// Makes the link in a running service.
    ///
    /// # Errors
    /// Where the change is refused or cannot be made durable.
    pub async fn submit(self, control: &Control) -> Result<Secret, ControlError> {
        let (change, secret) = self.issue();
        submit(control, change).await?;
        Ok(secret)
    }

    /// Leaves the wish for it in the folder of a service's log.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub fn leave(self, folder: &Path) -> std::io::Result<Secret> {
        let (change, secret) = self.issue();
        let json = serde_json::to_vec(&change).expect("plain data with text keys always has a JSON form");
        let unfinished = folder.join(format!("{FILE}.new"));
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&unfinished, folder.join(FILE))?;
        Ok(secret)
    }
}

/// Where a browser uses a link of that secret; `base` is the service's address.
pub fn address(base: &str, secret: &Secret) -> String {
    format!("{}/console/#/login?once={}", base.trim_end_matches('/'), secret.reveal())
}

/// Fulfils wishes for links until it is dropped.
pub async fn fulfil(control: Control, folder: PathBuf) {
    let file = folder.join(FILE);
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(json) = fs::read(&file) else { continue };
        // Before it is fulfilled: a wish that cannot be is not tried for ever.
        if let Err(error) = fs::remove_file(&file) {
            tracing::error!(%error, "a wish for a one-time link cannot be removed and is not fulfilled");
            return;
        }
        let Ok(change @ AccessChange::LinkIssued { .. }) = serde_json::from_slice(&json) else {
            tracing::warn!(
                "a wish for a one-time link cannot be read; make it with `fraudnet access link` of this version"
            );
            continue;
        };
        if let Err(error) = submit(&control, change).await {
            tracing::warn!(%error, "a one-time link could not be made");
        }
    }
}

async fn submit(control: &Control, change: AccessChange) -> Result<(), ControlError> {
    let event = AccessEvent { within: Reach::AllTenants, change };
    control.submit(ACTOR, Change::Access(event), clock::monotonic() + PATIENCE).await.map(|_| ())
}
