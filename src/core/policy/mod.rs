//! Policy: everything configured that a decision may depend on. It is adopted into the log as one document.

mod answer;
pub mod digest;
pub mod duration;
pub mod spec;
pub mod template;
pub mod validate;

pub use answer::*;
pub use duration::DurationMs;
pub use spec::*;
