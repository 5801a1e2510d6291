//! Rings: accounts that shared devices, addresses and receivers tie together, where something is wrong with those.
//!
//! In reading order: `settings`, `tie` (when a shared entity ties accounts together: the rule, its bounds, where it comes from), `input`
//! (what the fold is fed), `state` (the fold: [`Rings`]), `settle` (which ties hang together, anew around what changed), `identity` (which
//! of them is the ring of before); then what people ask: `report` (ranked list, one ring, the rings of an account), `figures` (a ring in
//! numbers, expected loss), `drawing` (a ring as a petgraph value); what it keeps: `window` (the payments that count), `nodes`, `links`,
//! `cases`, over `slab` (rows with reused numbers).
//!
//! ```text
//! payment ─► window (30 days, at most so many) ─► links: account ── device │ address │ receiver
//! label, verdict ─► what is wrong with a payment ──┘        │ who shares it, who of them is at risk over it
//!                                                           ▼
//!                                 ties ─► those that one payment used hang together ─► ring: three accounts or more
//! ```
//!
//! **Which algorithm.** Only entities that pass the rule of `tie` join accounts, a few hundred of hundreds of thousands, so what hangs
//! together is small. Each event changes at most a few links; where one starts or stops to join, the rings that it touches are walked
//! anew, and only those. Union-find was rejected: it cannot forget, and links leave with age. Finding all components again every few
//! seconds was rejected too: a ring's id would then depend on when that was. Here equal events give equal rings, ids included, and a
//! question is answered as of the last event. (A test finds all rings from scratch with petgraph after every event: they are the same.)
//!
//! **Ids.** A ring is named after its oldest account, on what that was, and the log position at which it came up. One that grows, shrinks
//! or moves on keeps its id while most of its links (accounts on what ties them) stay. Two that become one: the id of the one that brings
//! more of them stays, the other ends. One that falls apart: its id stays with the part that holds most of it, the others get new ones.
//! One that ends and comes back while what tied it is still in the window has its old id.
//!
//! An account may be in two rings: a stolen card that was sold twice joins neither to the other.
//!
//! **Tenants** share nothing: an entity belongs to its tenant, and a payment links entities of its own tenant alone.
//!
//! Cost, simulated, measured by hand: 2–3 µs an event at 50,000 entities, 7 µs at 330,000, about what the graph takes; once in a while
//! 60 ms where a table grows. 230 bytes a payment in the window with its share of entities and links. A ranked list takes 1 ms, with a
//! thousand frauds a week 20 ms. Not on the engine's thread.
//!
//! It never knows HTTP, the log, models, the clock. That payments come once and which labels stand is for the graph to say ([`Applied`]).
//!
//! [`Applied`]: fraudnet_graph::Applied

mod cases;
mod drawing;
mod figures;
mod identity;
mod input;
mod links;
mod nodes;
mod report;
mod settings;
mod settle;
mod slab;
mod state;
mod tie;
mod window;

pub use cases::OpenCase;
pub use drawing::{MAX_DRAWN, RingGraph, RingLink, RingNode};
pub use input::{RingPayment, RingVerdict};
pub use report::{GROWTH_DAYS, GrowthDay, MAX_LISTED, MAX_MEMBERS, Ring, RingMember, RingSummary};
pub use settings::RingSettings;
pub use state::{RingStats, Rings};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
