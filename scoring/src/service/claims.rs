//! Claims: the payments being decided right now, by transaction id. Whoever comes second waits for the same verdict.
//!
//! A claim is let go of only after its verdict is durable and so can be found in the log's transactions table; a request
//! therefore finds an id here, or there, or it is new.

use super::ServiceError;
use crate::log::TransactionKey;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How a claim ended.
pub(crate) type Ending = Result<Made, ServiceError>;

/// A durable verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its JSON.
    pub(crate) body: Arc<[u8]>,
    /// Time it waited to become durable.
    pub(crate) durable_wait: Duration,
    /// Whether it was there before the request that claimed.
    pub(crate) earlier: bool,
}

/// Where the end of a claim is told.
pub(crate) type Waiter = watch::Receiver<Option<Ending>>;

/// What a request finds.
pub(crate) enum Claimed {
    /// The id is this request's to decide.
    Won(Waiter),
    /// Another request with the same body decides it.
    Held(Waiter),
    /// Another request with another body decides it.
    Conflict,
}

#[derive(Default)]
pub(crate) struct Claims {
    open: Mutex<HashMap<TransactionKey, Claim>>,
}

struct Claim {
    body_hash: [u8; 32],
    ending: watch::Sender<Option<Ending>>,
}

impl Claims {
    pub(crate) fn claim(&self, key: &TransactionKey, body_hash: [u8; 32]) -> Claimed {
        match self.lock().entry(key.clone()) {
            Entry::Occupied(claim) if claim.get().body_hash == body_hash => {
                Claimed::Held(claim.get().ending.subscribe())
            }
            Entry::Occupied(_) => Claimed::Conflict,
            Entry::Vacant(place) => {
                let (ending, waiter) = watch::channel(None);
                place.insert(Claim { body_hash, ending });
                Claimed::Won(waiter)
            }
        }
    }

    /// Ends a claim and tells everyone who waits for it.
    pub(crate) fn end(&self, key: &TransactionKey, ending: Ending) {
        let claim = self.lock().remove(key);
        if let Some(claim) = claim {
            claim.ending.send_replace(Some(ending));
        }
    }

    /// Ends a claim whose body is not the one the id was first used with.
    pub(crate) fn contradict(&self, key: &TransactionKey, first: [u8; 32]) {
        let mut open = self.lock();
        if open.get(key).is_none_or(|claim| claim.body_hash == first) {
            return;
        }
        let claim = open.remove(key);
        drop(open);
        if let Some(claim) = claim {
            claim.ending.send_replace(Some(Err(ServiceError::ConflictingBody)));
        }
    }

    /// Whether the id is being decided.
    pub(crate) fn holds(&self, key: &TransactionKey) -> bool {
        self.lock().contains_key(key)
    }

    /// How many are being decided.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TransactionKey, Claim>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_concurrent_requests_wins_and_the_others_hear_the_same() {
        let claims = Arc::new(Claims::default());
        let key = TransactionKey::new("t", "1");
        let barrier = std::sync::Barrier::new(8);
        let found: Vec<Claimed> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        claims.claim(&key, [1; 32])
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(found.iter().filter(|found| matches!(found, Claimed::Won(_))).count(), 1);
        assert!(matches!(claims.claim(&key, [2; 32]), Claimed::Conflict));
        let made = Made { body: b"verdict".as_slice().into(), durable_wait: Duration::ZERO, earlier: false };
        claims.end(&key, Ok(made.clone()));
        for found in found {
            let (Claimed::Won(waiter) | Claimed::Held(waiter)) = found else { panic!("a conflict") };
            assert_eq!(*waiter.borrow(), Some(Ok(made.clone())));
        }
        assert_eq!(claims.count(), 0);
        assert!(
            matches!(claims.claim(&key, [2; 32]), Claimed::Won(_)),
            "after the end the log decides whether the id is known"
        );
    }
}
