//! Whole-system tests, one binary. Each starts the real service in a folder of its own and speaks HTTP to it; `fuzz` alone speaks to the
//! routes within the process, because a hundred thousand requests over sockets would take minutes.

mod access;
mod audit;
mod bad_input;
mod chaos;
mod cli;
mod cluster;
mod console;
mod deadline;
mod drift;
mod durability;
mod evidence;
mod experiments;
mod explanations;
mod fuzz;
mod history;
mod house;
mod journal;
mod killed_control;
mod ladder;
mod models;
mod online_trainer;
mod overload;
mod policies;
mod privacy;
mod python_models;
mod reviews;
mod rings;
mod scoring;
mod starting;
mod telemetry;
mod trees;
mod verifier;
