//! Stories, and what holds whatever happens.

mod bounds;
mod evidence;
mod found;
mod lasting;
mod properties;
