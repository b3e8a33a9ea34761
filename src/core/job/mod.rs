//! Decisions of `job/<id>` streams.

mod answer;
mod assess;
mod create;
mod discover;
mod recheck;
mod seal;
mod settle;
pub mod status;
mod withdraw;

pub use answer::{NARROWED, need_failed, observed};
pub use assess::{Opened, RiskMemo};
pub use create::create;
pub(super) use discover::facts_under;
pub use recheck::{ask_again, ask_ahead, may_ask, recheck, recheck_by_itself};
pub use seal::{Roots, roots, seal};
