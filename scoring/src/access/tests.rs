//! What happens to access and who gets in; and what holds whatever happens.

mod admission;
mod fold;
mod matrix;
mod noise;
mod properties;
mod signing_in;
mod tidy;
