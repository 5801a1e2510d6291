//! Stories: what people do with cases, and what comes of it; and what holds whatever they do.

mod bounds;
mod decisions;
mod holders;
mod properties;
mod queue;
mod work;
