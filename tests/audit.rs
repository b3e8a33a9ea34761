//! The auditor's work over a log that a node wrote: verify, replay, export, import, proofs, the independent program, and
//! the golden history. Each kind of damage is shown to be found where it is.

#![allow(clippy::indexing_slicing, reason = "a test that reads what is not there is to fail")]

/// The one of the program, so that figures are its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "audit/damage.rs"]
mod damage;
#[path = "audit/ends.rs"]
mod ends;
#[path = "support/facts.rs"]
mod facts;
#[path = "audit/figures.rs"]
mod figures;
#[path = "audit/golden.rs"]
mod golden;
#[path = "audit/history.rs"]
mod history;
#[path = "audit/latest.rs"]
mod latest;
#[path = "audit/parts.rs"]
mod parts;
#[path = "audit/python.rs"]
mod python;
#[path = "audit/replayed.rs"]
mod replayed;
mod support;
#[path = "audit/views.rs"]
mod views;
#[path = "audit/whole.rs"]
mod whole;
