//! Whole-system tests, one binary. Each starts the real service in a folder of its own and speaks HTTP to it; `fuzz` alone speaks to the
//! routes within the process, because a hundred thousand requests over sockets would take minutes.

mod bad_input;
mod chaos;
mod cli;
mod cluster;
mod deadline;
mod durability;
mod evidence;
mod fuzz;
mod history;
mod house;
mod journal;
mod overload;
mod scoring;
mod starting;
mod telemetry;
mod trees;
mod verifier;
