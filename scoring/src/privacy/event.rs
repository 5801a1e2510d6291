//! What happens to people's pseudonyms, as the log carries it: no identifier among it.

use super::header::VaultId;
use super::pseudonym::Pseudonym;
use serde::{Deserialize, Serialize};

/// Something that happened to pseudonyms. Who did it and when stands in the control event around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PrivacyChange {
    /// The log holds pseudonyms from here on, and held no payment before.
    Began {
        /// The vault that ties them to people.
        #[schema(value_type = String)]
        vault_id: VaultId,
    },
    /// People are to be erased. They are, whatever happens: before an answer is given, or at the next start.
    ErasureOrdered {
        /// Id of the order.
        erasure_id: String,
        /// Whose customers.
        tenant: String,
        /// Whom.
        #[schema(value_type = Vec<String>)]
        pseudonyms: Vec<Pseudonym>,
        /// Why.
        reason: String,
    },
    /// They were: nobody can tell any more whose those pseudonyms were.
    Erased {
        /// Id of the order.
        erasure_id: String,
    },
    /// Somebody was told who a pseudonym is. It is written before they are.
    Revealed {
        /// Whose customer.
        tenant: String,
        /// Of whom.
        #[schema(value_type = String)]
        pseudonym: Pseudonym,
        /// Why.
        reason: String,
    },
}
