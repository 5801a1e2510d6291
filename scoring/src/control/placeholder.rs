//! Folds that are about to move to their owners' modules.
#![allow(missing_docs)]
use super::Meta;
use serde::{Deserialize, Serialize};
macro_rules! part {
    ($change:ident, $state:ident) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(tag = "change", rename_all = "snake_case")]
        pub enum $change {
            Noted { note: String },
        }
        #[derive(Debug, Clone, Default, Serialize)]
        pub struct $state {
            pub notes: Vec<String>,
        }
        impl $state {
            pub fn apply(&mut self, _: &Meta, change: &$change) -> Result<(), String> {
                let $change::Noted { note } = change;
                self.notes.push(note.clone());
                Ok(())
            }
        }
    };
}
part!(DriftChange, DriftState);
