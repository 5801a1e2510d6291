//! The verifier: what went in, what came out, and whether anything was lost, decided twice, answered differently, or seen too early.
//!
//! Map, in reading order:
//! - [`Committed`] (`committed`): the topics as a `read_committed` reader gets them;
//! - [`Record`] (`record`): what clients sent and heard, as they wrote it down themselves;
//! - [`Input`] (`input`): the topics of events read once more: which payment counts, which message is nothing the service may take;
//! - [`Journal`] (`journal`): the order in which a replica says that it merged the topics;
//! - `outcome` (one verdict each, and the one that was answered), `letters` (one dead letter each), `proof` (no verdict saw past its cut);
//! - [`judge`] (here): all of it in one [`Judgement`]; [`table`] (`judgement`): what is printed.
//!
//! **What is proved.** Every count but the last follows from the committed topics and the clients' record alone. That no verdict saw past its
//! cut is proved in three steps: a replica's journal is a legal merge of the two topics (each in the order of its offsets, nothing left
//! out, nothing added); the cut that a verdict names is its payment's place in the journal it names; and folding that journal anew, by the
//! function that serves, gives at that place the very digest the verdict carries, and the very tensor its training example carries. A
//! verdict whose journal is not at hand is counted as unproved, not as proved.
//!
//! Cost: about 60 µs a verdict (one more fold with sampling), everything in memory: some 5 KB a payment.
//!
//! Never knows: how the service works inside, who sent what when, processes.

mod committed;
mod input;
mod journal;
mod judgement;
mod letters;
mod outcome;
mod proof;
mod record;

pub use committed::Committed;
pub use input::{Input, Origin, Reason};
pub use journal::{Journal, Step};
pub use judgement::{Judgement, Row, table};
pub use record::Record;

use fraudnet_graph::Limits;

/// Judges a run that has come to rest: every topic is read to its end, and no client waits any more.
pub fn judge(committed: &Committed, record: &Record, journals: &[Journal], limits: Limits) -> Judgement {
    let input = Input::read(committed);
    let mut judgement = Judgement::default();
    let verdicts = outcome::check(committed, record, &input, &mut judgement);
    letters::check(committed, &input, &mut judgement);
    proof::check(committed, &input, &verdicts, journals, limits, &mut judgement);
    judgement
}
