//! Review cases: payments that a person must judge, by account, and what people did with them.
//!
//! In reading order: `event` (what happens to cases), `settings`, `case` (what a case is), `act` (what a person may do with one), `intake`
//! (a payment comes, two cases become one), `queue` (whose turn it is), `tenant` (the cases of one tenant and their indexes), `state` (the
//! fold: [`Cases`]), `list` (looking cases up), `effects` and `refusal` (what comes of an event).
//!
//! ```text
//! verdict `review` ─► opens or joins ─► pending ◄──► investigating (held by one person, while the lease lasts)
//!                                          │
//!                                       decided ──► closed ─► labels          undone within seconds: back to where it was
//!                                          │          ▲
//!                          above an amount └► awaiting approval ─► rejected: pending again
//! ```
//!
//! Everything is a fold of events in the order of the log: no clock, no randomness, nothing read from outside. Whether an action counts is
//! decided by the fold alone, so that of two people who act at once one wins, the same one on every replica. Settings are an event too:
//! replicas that are configured differently, or a later change, would otherwise tell the same log differently.
//!
//! A tenant's cases are found through that tenant alone; there is no look-up across tenants.
//!
//! What a decision says becomes a label at once, while it can still be undone. Undoing takes the label back as far as labels can be taken
//! back: [`Says::Withdrawn`] tells how far that is.
//!
//! Cost: an action copies one case (some µs, at most 100 payments) and moves it in a few ordered sets; the next case of the queue is a
//! look at four of them. A case takes some 2 KB, one with a hundred payments and a full history some 80 KB.
//!
//! It never knows HTTP, the log, the graph, or who is who: the caller says who acts and whether as a lead.

mod act;
mod case;
mod effects;
mod event;
mod intake;
mod list;
mod queue;
mod refusal;
mod settings;
mod state;
mod tenant;
mod text;

pub use case::{Case, CaseDecision, CasePayment, Deed, Lease, Note, Stage, Standing, Status, Step, Undo};
pub use effects::{BulkResult, Effects, LabelEffect, Preview, Says};
pub use event::{CaseAction, CaseChange, CaseEvent, CaseTarget, Outcome, ReviewedPayment};
pub use list::{CaseFigures, CaseFilter, Cursor, Page};
pub use queue::Person;
pub use refusal::Refusal;
pub use settings::{CaseBounds, CaseSettings};
pub use state::Cases;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
