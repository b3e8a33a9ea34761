//! Risk: rules in CEL over facts, recomputed only where a change can touch them, each point with its facts.
//!
//! Promises: the state depends on the facts, the rules and `as_of` alone, not on the order in which facts came and
//! went; the score is a true lower bound, because points are never negative; a source that failed or is missing never
//! ends in the lowest level. How a rule is written is told in `docs/risk.md`.
//!
//! Deliberately absent: words for people (`explain`), the sealing of persons (the caller lends opened facts), the clock
//! (`as_of` is an input, kept in the state).

mod analysis;
mod assess;
mod compile;
mod evaluate;
mod filter;
mod functions;
mod locate;
mod missing;
mod patterns;
mod value;

pub use assess::{Coverage, SourceCoverage};
pub use compile::{RiskProblem, Rules, compile};
pub use evaluate::{Evaluation, FactInput, Gone};
pub use filter::FactFilter;
pub use locate::line_of;

/// The rules that are used where no `risk.toml` is given.
pub const DEFAULT_RISK_TOML: &str = include_str!("../../sources/default/risk.toml");

/// The level in the place of the lowest one while something is not known. No rule file may name a level so.
pub const INCOMPLETE: &str = "incomplete";

#[cfg(test)]
mod tests;
