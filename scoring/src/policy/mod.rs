//! Policy: what a tier said of a payment → what to do, and why.
//!
//! In reading order:
//! - what belongs to a model: [`core`] (operating points, the model's own rules, the reasons given);
//! - what an operator decides on top: [`document`] (a policy as written: rules as data) → `facts` (what expressions can ask) →
//!   `expression` (CEL, read and looked over; `sample`, `near` help it) → [`compile`] → [`evaluate`] (score → rules and lists →
//!   overrides → control group), with [`lists`] and [`control_group`];
//! - which policy holds: [`state`], a fold of control events;
//! - what a policy would have done: [`dry_run`].
//!
//! Never knows: how a score came about, HTTP. Only [`dry_run`] knows the log.

pub mod compile;
pub mod control_group;
pub mod core;
pub mod document;
pub mod dry_run;
pub mod evaluate;
mod expression;
mod facts;
pub mod lists;
mod near;
mod sample;
pub mod state;

pub use self::compile::CompiledPolicy;
pub use self::core::{MAX_REASONS, Outcome, Policy, PolicyError, Ruling};
pub use self::document::{ControlGroupSettings, DocumentError, NO_POLICY, PolicyDocument, PolicyRule};
pub use self::evaluate::{CONTROL_GROUP, LIST_ALLOWED, LIST_BLOCKED, LIST_WATCHED, PolicyInput, PolicyOutcome};
pub use self::facts::{VARIABLES, Variable};
pub use self::lists::{ListChange, ListEntry, ListName, Listed, ListedKind, ListsState};
pub use self::state::{Activation, PoliciesState, PolicyChange, PublishedPolicy};

use self::evaluate::RESERVED_CODES;
