//! The vault as a whole.

mod concurrent;
mod crashes;
mod damage;
mod erasure;
mod model;
mod refusals;
mod rotation;
