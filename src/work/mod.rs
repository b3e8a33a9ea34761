//! What does the asking: workers, requests to sources, and the evidence of their answers.

mod attempt;
pub mod connectors;
pub mod evidence;
pub mod fetch;
pub mod forecasts;
mod held;
pub mod objects;
pub mod page;
pub mod pool;
pub mod remote;
pub mod removed;
pub mod session;
mod tell;
pub mod tls;
pub mod tokens;
mod validators;
