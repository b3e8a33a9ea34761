//! What does the asking: workers, requests to sources, and the evidence of their answers.

mod attempt;
pub mod connectors;
pub mod evidence;
pub mod fetch;
mod held;
pub mod page;
pub mod pool;
pub mod remote;
mod tell;
pub mod tls;
