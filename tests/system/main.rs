//! Whole-system tests, one binary.

mod house;
