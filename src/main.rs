//! Mirano.
fn main() {}
