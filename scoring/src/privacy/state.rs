//! The fold of what happened to pseudonyms.
//!
//! It keeps everybody who was ever ordered to be erased, 16 bytes each: an old vault that is put back holds them again, and only the log
//! knows better.

use super::event::PrivacyChange;
use super::header::VaultId;
use super::pseudonym::Pseudonym;
use super::vault::MAX_ERASED;
use crate::control::Meta;
use crate::wire::bounds;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most characters of a reason.
pub const MAX_REASON_CHARS: usize = 300;

/// An order to erase people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureOrder {
    /// Id of the order.
    pub erasure_id: String,
    /// Whose customers.
    pub tenant: String,
    /// Whom.
    pub pseudonyms: Vec<Pseudonym>,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub actor: String,
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Log position of the order.
    pub position: u64,
    /// When it was carried out; none where the next start has to.
    pub done_at_ms: Option<i64>,
}

/// What happened to pseudonyms so far. Equal events in equal order give an equal state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivacyState {
    vault_id: Option<VaultId>,
    /// In the order of the log.
    orders: Vec<Arc<ErasureOrder>>,
    by_id: BTreeMap<String, usize>,
    /// By tenant, how often somebody was told who a pseudonym is.
    revealed: BTreeMap<String, u64>,
}

impl PrivacyState {
    /// Applies what happened.
    ///
    /// # Errors
    /// Why it has no effect; nothing was changed then.
    pub fn apply(&mut self, meta: &Meta, change: &PrivacyChange) -> Result<(), String> {
        if self.vault_id.is_none() && !matches!(change, PrivacyChange::Began { .. }) {
            return Err("this log holds no pseudonyms".to_owned());
        }
        match change {
            PrivacyChange::Began { vault_id } => {
                if self.vault_id.is_some() {
                    return Err("this log holds pseudonyms already".to_owned());
                }
                self.vault_id = Some(*vault_id);
            }
            PrivacyChange::ErasureOrdered { erasure_id, tenant, pseudonyms, reason } => {
                bounds::identifier(erasure_id).map_err(|fault| format!("the id of the erasure {fault}"))?;
                bounds::tenant(tenant).map_err(|fault| format!("the tenant {fault}"))?;
                is_reason(reason)?;
                if pseudonyms.is_empty() || pseudonyms.len() > MAX_ERASED {
                    return Err(format!("an erasure is of 1 to {MAX_ERASED} identifiers"));
                }
                if self.by_id.contains_key(erasure_id) {
                    return Err("an erasure of this id was ordered before".to_owned());
                }
                self.by_id.insert(erasure_id.clone(), self.orders.len());
                self.orders.push(Arc::new(ErasureOrder {
                    erasure_id: erasure_id.clone(),
                    tenant: tenant.clone(),
                    pseudonyms: pseudonyms.clone(),
                    reason: reason.clone(),
                    actor: meta.actor.clone(),
                    at_ms: meta.at_ms,
                    position: meta.position,
                    done_at_ms: None,
                }));
            }
            PrivacyChange::Erased { erasure_id } => {
                let order = self.by_id.get(erasure_id).ok_or("no erasure of this id was ordered")?;
                let order = &mut self.orders[*order];
                if order.done_at_ms.is_some() {
                    return Err("this erasure was carried out before".to_owned());
                }
                Arc::make_mut(order).done_at_ms = Some(meta.at_ms);
            }
            PrivacyChange::Revealed { tenant, reason, .. } => {
                bounds::tenant(tenant).map_err(|fault| format!("the tenant {fault}"))?;
                is_reason(reason)?;
                *self.revealed.entry(tenant.clone()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The vault of this log; none where it holds identifiers in clear.
    pub fn vault_id(&self) -> Option<VaultId> {
        self.vault_id
    }

    /// Every order, in the order of the log.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = &Arc<ErasureOrder>> {
        self.orders.iter()
    }

    /// Whether that one of this tenant was to be erased.
    pub fn was_ordered(&self, tenant: &str, pseudonym: &Pseudonym) -> bool {
        self.orders.iter().any(|order| order.tenant == tenant && order.pseudonyms.contains(pseudonym))
    }

    /// How often somebody was told who a pseudonym of this tenant is.
    pub fn revealed(&self, tenant: &str) -> u64 {
        self.revealed.get(tenant).copied().unwrap_or_default()
    }
}

/// Whether this can stand as a reason.
///
/// # Errors
/// What is allowed.
pub fn is_reason(text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.chars().count() > MAX_REASON_CHARS || text.chars().any(char::is_control) {
        return Err(format!("the reason must be one line of 1 to {MAX_REASON_CHARS} characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonym(first: u8) -> Pseudonym {
        Pseudonym::of_bytes([first; 16])
    }

    fn meta(position: u64) -> Meta {
        Meta { position, at_ms: position as i64 * 10, actor: "ann".to_owned() }
    }

    fn ordered(id: &str, tenant: &str, whom: &[u8]) -> PrivacyChange {
        PrivacyChange::ErasureOrdered {
            erasure_id: id.to_owned(),
            tenant: tenant.to_owned(),
            pseudonyms: whom.iter().copied().map(pseudonym).collect(),
            reason: "request 7".to_owned(),
        }
    }

    fn erased(id: &str) -> PrivacyChange {
        PrivacyChange::Erased { erasure_id: id.to_owned() }
    }

    #[test]
    fn an_order_stands_until_it_is_carried_out_and_its_people_stay_known() {
        let mut state = PrivacyState::default();
        assert!(state.apply(&meta(0), &ordered("e1", "bank", &[1])).unwrap_err().contains("no pseudonyms"));
        let began = PrivacyChange::Began { vault_id: VaultId([7; 16]) };
        state.apply(&meta(1), &began).unwrap();
        assert!(state.apply(&meta(2), &began).is_err(), "once");
        state.apply(&meta(3), &ordered("e1", "bank", &[1, 2])).unwrap();
        let before = state.clone();
        for (change, told) in [
            (ordered("e1", "bank", &[3]), "before"),
            (ordered("e2", "bank", &[]), "1 to 65536"),
            (ordered("e2", "a b", &[3]), "tenant"),
            (erased("e2"), "no erasure"),
            (
                PrivacyChange::Revealed { tenant: "bank".into(), pseudonym: pseudonym(1), reason: "a\nb".into() },
                "one line",
            ),
        ] {
            let reason = state.apply(&meta(4), &change).unwrap_err();
            assert!(reason.contains(told), "{reason}");
        }
        assert_eq!(state, before, "what is refused changes nothing");
        assert!(state.orders().all(|order| order.done_at_ms.is_none()));
        state.apply(&meta(5), &erased("e1")).unwrap();
        assert!(state.apply(&meta(6), &erased("e1")).is_err(), "once");
        let order = state.orders().next().unwrap();
        assert_eq!((order.at_ms, order.done_at_ms, order.actor.as_str()), (30, Some(50), "ann"));
        assert!(state.was_ordered("bank", &pseudonym(2)) && !state.was_ordered("shop", &pseudonym(2)));
        assert!(!state.was_ordered("bank", &pseudonym(3)) && state.vault_id() == Some(VaultId([7; 16])));
        assert!(before.orders().all(|order| order.done_at_ms.is_none()), "copies of the state are their own");
    }

    #[test]
    fn who_was_told_is_counted_by_tenant() {
        let mut state = PrivacyState::default();
        state.apply(&meta(1), &PrivacyChange::Began { vault_id: VaultId([7; 16]) }).unwrap();
        let revealed = PrivacyChange::Revealed {
            tenant: "bank".to_owned(),
            pseudonym: pseudonym(1),
            reason: "call them".to_owned(),
        };
        state.apply(&meta(2), &revealed).unwrap();
        assert_eq!((state.revealed("bank"), state.revealed("shop")), (1, 0));
    }

    #[test]
    fn an_event_reads_as_it_is_written() {
        let json = concat!(
            r#"{"change":"erasure_ordered","erasure_id":"e1","tenant":"bank","#,
            r#""pseudonyms":["p_aaaaaaaaaaaaaaaaaaaaaaaaaa"],"reason":"request 7"}"#
        );
        assert_eq!(serde_json::to_string(&ordered("e1", "bank", &[0])).unwrap(), json);
        assert_eq!(serde_json::from_str::<PrivacyChange>(json).unwrap(), ordered("e1", "bank", &[0]));
    }
}
