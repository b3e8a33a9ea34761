//! Policy: everything configured that a decision may depend on. It is adopted into the log as one document.

pub mod duration;
pub mod spec;

pub use duration::DurationMs;
pub use spec::*;
