//! From rows and receipts to what people and programs read: the job, its facts, and sentences about them.
//!
//! Everything is computed when read, from rows, the time and the policy; nothing here is stored, and nothing here
//! knows HTTP. Page, API and assistant speak from the same values, so they can't disagree.

mod asked;
mod blocked;
mod fact;
mod given_up;
mod grounds;
mod job;
pub mod model;
mod review;
mod risk;
mod row;
mod sentences;
mod tasks;
pub mod time;
mod unchecked;
mod why;

pub use asked::{Asked, asked_about, next_asked};
pub use blocked::coarse;
pub use fact::{FactView, fact_in, facts_of_receipt, json_value, volatile_of};
pub use job::{Shown, job, sealed, snapshot as snapshot_ref, status_word, summary};
pub use review::{Claim, Review, review};
pub use risk::score_is_word;
pub use row::{level_word, outcome_word};
pub use sentences::{explain, receipt_view};
pub use tasks::{TaskView, task, tasks_of};
pub use unchecked::not_checked;

pub use crate::words;

use crate::core::policy::Policy;
use crate::core::vault::Vault;
use mirano_replay::history::Moment;
use mirano_replay::store::Read;
use mirano_schemas::Timestamp;

/// What a view is computed from besides its own row.
pub struct Context<'a> {
    /// The rows.
    pub rows: &'a dyn Read,
    /// The policy in force.
    pub policy: &'a Policy,
    /// How many partitions the log has.
    pub partitions: u32,
    /// Keys of persons: what is of level person is opened for the job's own tenant.
    pub vault: &'a dyn Vault,
    /// The time of the read.
    pub now: Timestamp,
    /// The language of sentences.
    pub lang: words::Lang,
    /// What the log took later is not known yet; none: all of it is.
    pub as_of: Option<Moment>,
}
