//! What does the asking: workers, requests to sources, and the evidence of their answers.

mod attempt;
pub mod evidence;
pub mod fetch;
mod held;
pub mod page;
pub mod pool;
mod tell;
pub mod tls;
