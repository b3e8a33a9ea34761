//! What does the asking: workers, requests to sources, and the evidence of their answers.

mod attempt;
pub mod evidence;
pub mod fetch;
pub mod pool;
pub mod tls;
