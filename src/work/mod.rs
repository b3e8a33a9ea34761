//! What does the asking: requests to sources, and the evidence of their answers.

pub mod evidence;
pub mod fetch;
pub mod tls;
